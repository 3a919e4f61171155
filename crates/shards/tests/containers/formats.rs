//! The table of formats in the documentation, against the formats there are and what their files do.

use modality_gap_shards::{Access, Format, ShardRef};

use crate::common::probe;

const DOCS: &str = include_str!("../../../../docs/formats.md");

/// The cells of the table's rows, in order.
fn table() -> Vec<Vec<&'static str>> {
    // the other table has places
    let rows = DOCS
        .lines()
        .filter(|line| line.starts_with("| `") && !line.contains("://"));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

#[test]
fn the_table_has_every_format_with_its_endings() {
    let names: Vec<String> = table().iter().map(|row| row[0].replace('`', "")).collect();
    assert_eq!(names, Format::ALL.map(Format::name));
    for (row, format) in table().into_iter().zip(Format::ALL) {
        let endings: Vec<&str> = row[1]
            .split(", packed ")
            .next()
            .unwrap()
            .split(", ")
            .map(|ending| ending.trim_matches('`').trim_start_matches('.'))
            .collect();
        assert_eq!(endings, format.extensions(), "{format:?}");
        assert_eq!(
            row[1].contains("packed"),
            matches!(format, Format::Jsonl | Format::Json | Format::Csv)
        );
        assert_eq!(row[2] != "no", format.is_written(), "{format:?}");
    }
}

#[test]
fn files_are_accessed_as_the_table_says() {
    let files: [(Format, &str, Option<&str>, &str); 13] = [
        (Format::Npy, "f32.npy", None, ""),
        (Format::Npz, "stored.npz", Some("image_emb"), "deflated.npz"),
        (Format::Parquet, "", None, "zstd.parquet"),
        (Format::Arrow, "fixed-f32.arrow", None, "zstd.arrows"),
        (Format::Safetensors, "f32.safetensors", None, ""),
        (Format::Pickle, "protocol4.pkl", None, "protocol2.pkl"),
        (Format::Jsonl, "text/polars.ndjson", None, "text/lines.jsonl.zst"),
        (Format::Fvecs, "text/rows.fvecs", None, ""),
        (Format::Json, "text/rows.json", None, ""),
        (Format::Csv, "text/columns.csv", None, "text/columns.csv.gz"),
        (Format::Torch, "torch/list.pt", None, ""),
        (Format::Tar, "torch/rows.tar", None, ""),
        (Format::Raw, "torch/rows.bin", Some("5:f32"), ""),
    ];
    for (row, (format, random, selector, ordered)) in table().into_iter().zip(files) {
        assert_eq!(row[3].starts_with("random"), !random.is_empty(), "{format:?}");
        assert!(ordered.is_empty() || row[3].contains("in order"), "{format:?}");
        for (name, selector, access) in [
            (random, selector, Access::Random),
            (ordered, None, Access::Sequential),
        ] {
            if !name.is_empty() {
                let found = probe(name, selector).unwrap();
                assert_eq!(found.format, format, "{name}");
                assert_eq!(found.open().unwrap().access(), access, "{name}");
            }
        }
    }
}

/// 35,615 in its first bytes is what gzip files begin with.
#[test]
fn a_number_of_rows_or_columns_is_no_magic_number() {
    const NUMBER: usize = 0x8b1f;
    let folder = tempfile::tempdir().unwrap();
    let first = (NUMBER as u32).to_le_bytes();
    let one = 1_u32.to_le_bytes();
    for (name, bytes, rows, dim) in [
        (
            "a.fbin",
            [&first[..], &one, &vec![0; 4 * NUMBER]].concat(),
            NUMBER,
            1,
        ),
        (
            "a.u8bin",
            [&first[..], &one, &vec![0; NUMBER]].concat(),
            NUMBER,
            1,
        ),
        (
            "a.i8bin",
            [&first[..], &one, &vec![0; NUMBER]].concat(),
            NUMBER,
            1,
        ),
        ("a.fvecs", [&first[..], &vec![0; 4 * NUMBER]].concat(), 1, NUMBER),
        ("a.bvecs", [&first[..], &vec![0; NUMBER]].concat(), 1, NUMBER),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let found = ShardRef::probe(&path, None).unwrap();
        assert_eq!(
            (found.format, found.rows, found.dim),
            (Format::Fvecs, rows as u64, dim),
            "{name}"
        );
    }
}
