//! Rows in text and in the files of benchmarks, as other libraries write them, equal NumPy's bit for bit.

use std::io::Write as _;

use modality_gap_shards::{
    Access, Buffer, Dtype, Fault, Format, OutputSpec, Role, ShardError, ShardRef, create, left_behind,
    resolve,
};

use crate::common::{self, assert_rows, fixture, names, probe, read, refused, spec, write};

/// The rows of a fixture that NumPy has written.
fn numpy(name: &str) -> Vec<f64> {
    let found = probe(&format!("text/{name}"), None).unwrap();
    read(found.open().unwrap().as_ref(), 0, found.rows as usize).unwrap()
}

#[test]
fn text_of_other_libraries_is_read_as_numpy_reads_it() {
    let files = [
        ("polars.ndjson", "expected.npy", Format::Jsonl),
        ("datasets.jsonl", "expected-datasets.npy", Format::Jsonl),
        ("datasets.jsonl.gz", "expected-datasets.npy", Format::Jsonl),
        ("lines.jsonl.zst", "expected-datasets.npy", Format::Jsonl),
        ("arrays.jsonl", "expected.npy", Format::Jsonl),
        ("openai-batch.jsonl", "expected.npy", Format::Jsonl),
        ("rows.json", "expected.npy", Format::Json),
        ("records.json", "expected-records.npy", Format::Json),
        ("openai.json", "expected.npy", Format::Json),
        ("openai-base64.json", "expected.npy", Format::Json),
        ("cohere.json", "expected.npy", Format::Json),
        ("ollama.json", "expected.npy", Format::Json),
        ("savetxt.csv", "expected.npy", Format::Csv),
        ("savetxt.tsv", "expected.npy", Format::Csv),
        ("pandas.csv", "expected.npy", Format::Csv),
        ("columns.csv", "expected.npy", Format::Csv),
        ("columns.csv.gz", "expected.npy", Format::Csv),
        ("lists.csv", "expected.npy", Format::Csv),
        ("polars.csv", "expected.npy", Format::Csv),
        ("excel.csv", "expected.npy", Format::Csv),
        ("rows.fvecs", "expected.npy", Format::Fvecs),
        ("rows.fbin", "expected.npy", Format::Fvecs),
        ("rows.bvecs", "expected-bytes.npy", Format::Fvecs),
        ("rows.u8bin", "expected-bytes.npy", Format::Fvecs),
        ("rows.i8bin", "expected-signed.npy", Format::Fvecs),
    ];
    for (name, wanted, format) in files {
        let found = probe(&format!("text/{name}"), None).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (found.format, found.rows, found.dim, found.dtype),
            (format, 130, 4, Dtype::F32),
            "{name}"
        );
        let shard = found.open().unwrap();
        assert_rows(shard.as_ref(), &numpy(wanted));
        let packed = [".gz", ".zst"].iter().any(|ending| name.ends_with(ending));
        assert_eq!(shard.access() == Access::Sequential, packed, "{name}");
    }
}

#[test]
fn keys_and_columns_are_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let rows = |path: &std::path::Path, selector: Option<&str>| {
        let found = ShardRef::probe(path, selector)?;
        read(found.open()?.as_ref(), 0, found.rows as usize)
    };
    let two = file(
        "two.jsonl",
        "{\"image_vector\": [1, 2], \"text.v\": [3, 4], \"m\": {\"v\": [5]}}\n",
    );
    assert_eq!(rows(&two, Some("text.v")).unwrap(), [3.0, 4.0]);
    assert_eq!(rows(&two, Some("m.v")).unwrap(), [5.0]);
    assert_eq!(rows(&two, None).unwrap_err().code(), "BAD_SELECTOR");
    assert_eq!(rows(&two, Some("x")).unwrap_err().code(), "BAD_SELECTOR");
    let by_role = resolve(&[two.display().to_string()], Role::Image).unwrap();
    assert_eq!(by_role.shards[0].selector.as_deref(), Some("image_vector"));
    let shaped = file("shaped.json", "{\"shape\": [2, 2], \"data\": [[1, 2], [3, 4]]}");
    assert_eq!(rows(&shaped, None).unwrap_err().code(), "BAD_SELECTOR");
    assert_eq!(rows(&shaped, Some("data")).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(rows(&shaped, Some("shape")).unwrap(), [2.0, 2.0]);
    let document = file("a.json", "{\"a\": [{\"e\": [1, 2]}], \"b\": [{\"e\": [3, 4]}]}");
    assert_eq!(rows(&document, Some("b.e")).unwrap(), [3.0, 4.0]);
    assert_eq!(rows(&document, None).unwrap_err().code(), "BAD_SELECTOR");
    let list = file("list.json", "[{\"embedding\": [1, 2], \"other\": [3, 4]}]");
    assert_eq!(rows(&list, Some("other")).unwrap(), [3.0, 4.0]);
    assert_eq!(rows(&list, None).unwrap(), [1.0, 2.0]);
    let marked = file("marked.json", "\u{feff}[[1, 2],\r\n [3, 4]]\r\n");
    assert_eq!(rows(&marked, None).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    let one = file("one.jsonl", "{\"embedding\": [1,\n 2]}");
    assert_eq!(rows(&one, None).unwrap(), [1.0, 2.0]);
    assert_eq!(
        ShardRef::probe(file("none.jsonl", "\n \n"), None).unwrap().rows,
        0
    );
}

#[test]
fn bad_rows_of_text_are_named() {
    let found = probe("text/bad.jsonl", None).unwrap();
    assert_eq!((found.rows, found.dim), (8, 4));
    let mut buffer = Buffer::new();
    found.open().unwrap().read(0, 8, &mut buffer).unwrap();
    assert_eq!(
        buffer.faults(),
        [
            (1, Fault::Null),
            (
                2,
                Fault::Width {
                    found: 3,
                    expected: 4
                }
            ),
            (3, Fault::Missing),
            (4, Fault::NullComponent { column: 1 }),
            (6, Fault::NoNumbers),
        ]
    );
    let values = read(found.open().unwrap().as_ref(), 0, 8).unwrap();
    // a word that JSON has not is a number beyond all
    assert!(values[20..24].iter().any(|value| !value.is_finite()));
    assert!(values[28..].iter().all(|value| value.is_finite()));
}

#[test]
fn text_that_is_broken_or_ends_early_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = ShardRef::probe(&path, None).and_then(|found| {
            let shard = found.open()?;
            shard.read(0, shard.rows() as usize, &mut Buffer::new())
        });
        let error = error.expect_err(name);
        format!("{} {:?} {error}", error.code(), error.row())
    };
    let cases: [(&str, &[u8], &str); 12] = [
        (
            "cut.jsonl",
            b"{\"e\": [1, 2]}\n{\"e\": [1, ",
            "BAD_FORMAT Some(1)",
        ),
        ("cut.json", b"[[1, 2], [3, 4]", "array is not closed"),
        ("cut-document.json", b"{\"data\": [[1, 2], [3, 4]]", "truncated"),
        ("comma.json", b"[[1, 2], ]", "element of its array is empty"),
        ("behind.json", b"[[1, 2]] ]", "BAD_ROW"),
        ("words.json", b"[\"a\", \"b\"]", "BAD_ROW Some(0)"),
        ("text.json", b"hello", "not a JSON array or object"),
        ("utf16.jsonl", b"\xff\xfe{\0}\0", "UTF-16"),
        (
            "cut.jsonl.gz",
            &std::fs::read(fixture("text/datasets.jsonl.gz")).unwrap()[..2000],
            "BAD_FORMAT",
        ),
        (
            "cut.jsonl.zst",
            &std::fs::read(fixture("text/lines.jsonl.zst")).unwrap()[..2000],
            "BAD_FORMAT",
        ),
        (
            "cut.fvecs",
            &std::fs::read(fixture("text/rows.fvecs")).unwrap()[..2001],
            "truncated or of another kind",
        ),
        (
            "coco.json",
            b"{\"info\": {}, \"images\": [], \"annotations\": []}",
            "COCO",
        ),
    ];
    for (name, bytes, wanted) in cases {
        let found = error(name, bytes);
        assert!(found.contains(wanted), "{name}: {found}");
    }
    assert!(
        refused("text/openai-disordered.json", None)
            .to_string()
            .contains("sort the records by index")
    );
    let mut widths = std::fs::read(fixture("text/rows.fvecs")).unwrap();
    widths[20] = 3;
    assert!(error("widths.fvecs", &widths).contains("row 1 says that it has 3 columns"));
}

#[test]
fn a_record_longer_than_any_row_is_refused_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.jsonl");
    std::fs::write(&path, [&b"[1]\n["[..], &vec![b' '; 80 << 20]].concat()).unwrap();
    let error = ShardRef::probe(&path, None).unwrap_err();
    assert!(error.to_string().contains("a record of more than"), "{error}");
}

#[test]
fn packed_text_that_grows_without_end_is_refused_and_what_packs_well_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let lines = b"[1]\n".repeat(1 << 18);
    let packed = |name: &str, times: usize| {
        let path = folder.path().join(name);
        let file = std::fs::File::create(&path).unwrap();
        let mut file = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        (0..times).for_each(|_| file.write_all(&lines).unwrap());
        file.finish().unwrap();
        path
    };
    let bomb = packed("bomb.jsonl.gz", 192);
    let error = ShardRef::probe(&bomb, None).unwrap_err().to_string();
    assert!(
        error.contains("more than 200 times its size; unpack it first"),
        "{error}"
    );
    let well = packed("well.jsonl.gz", 8);
    assert!(std::fs::metadata(&well).unwrap().len() * 200 + (1 << 20) < 8 << 20);
    assert_eq!(ShardRef::probe(&well, None).unwrap().rows, 8 << 18);
}

#[test]
fn lines_keep_what_stands_beside_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let like = probe("text/records.json", None).unwrap();
    let rows = vec![0.5; 129 * 2];
    let spec = OutputSpec {
        like: Some(like.clone()),
        dropped: vec![1],
        ..spec(folder.path().join("out.jsonl"), Format::Jsonl, Dtype::F16, 2, 129)
    };
    write(&spec, &rows, 50).unwrap();
    let text = std::fs::read_to_string(&spec.path).unwrap();
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let source: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&like.path).unwrap()).unwrap();
    assert_eq!(records.len(), 129);
    for (record, before) in records
        .iter()
        .zip(source.iter().enumerate().filter(|(i, _)| *i != 1))
    {
        assert_eq!(record["id"], before.1["id"]);
        assert_eq!(record["caption"], before.1["caption"]);
        assert_eq!(record["embedding"], serde_json::json!([0.5, 0.5]));
    }
    assert!(left_behind(&like, Format::Jsonl).unwrap().is_empty());
    assert_eq!(left_behind(&like, Format::Npy).unwrap(), ["caption", "id"]);
    assert_eq!(
        left_behind(&probe("text/columns.csv", None).unwrap(), Format::Jsonl).unwrap(),
        ["id", "caption"]
    );
}

fn ids(path: &std::path::Path, name: Option<&str>) -> Result<Vec<String>, ShardError> {
    common::ids(path, name, &["image_id", "id"])
}

#[test]
fn ids_stand_beside_the_rows_of_text() {
    let named: Vec<String> = (0..130).map(|i| format!("r{i}")).collect();
    for name in [
        "polars.ndjson",
        "datasets.jsonl.gz",
        "lines.jsonl.zst",
        "records.json",
    ] {
        assert_eq!(
            ids(&fixture(&format!("text/{name}")), None).unwrap(),
            named,
            "{name}"
        );
    }
    let counted: Vec<String> = (0..130).map(|i| i.to_string()).collect();
    for name in ["columns.csv", "columns.csv.gz"] {
        assert_eq!(
            ids(&fixture(&format!("text/{name}")), None).unwrap(),
            counted,
            "{name}"
        );
    }
    assert_eq!(ids(&fixture("text/openai.json"), Some("index")).unwrap(), counted);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ids.jsonl");
    std::fs::write(
        &path,
        "{\"id\": 12345678901234567890123}\n{\"id\": \"\u{e9}\\u00e9\"}\n{\"id\": 7.0}\n",
    )
    .unwrap();
    assert_eq!(
        ids(&path, None).unwrap(),
        ["12345678901234567890123", "\u{e9}\u{e9}", "7"]
    );
    for (text, wanted) in [
        (
            "{\"id\": 1}\n{\"id\": null}",
            "id of row 1 is neither text nor whole number",
        ),
        ("{\"id\": 1}\n{}", "id of row 1 is missing"),
        ("{\"id\": 1e300}\n{\"id\": 1}", "stands for several whole numbers"),
        ("[1, 2]\n[3, 4]", "not a JSON object"),
        ("{\"x\": 1}\n{\"x\": 2}", "none of image_id, id is among x"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = ids(&path, None).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn formats_that_are_only_read_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [
        ("a.csv", Format::Csv),
        ("a.json", Format::Json),
        ("a.jsonl.gz", Format::Jsonl),
        ("a.bvecs", Format::Fvecs),
    ] {
        let spec = spec(folder.path().join(name), format, Dtype::F32, 4, 1);
        assert_eq!(create(&spec).err().unwrap().code(), "UNSUPPORTED", "{name}");
    }
    let spec = spec(folder.path().join("a.fvecs"), Format::Fvecs, Dtype::F16, 4, 1);
    assert!(
        create(&spec)
            .err()
            .unwrap()
            .to_string()
            .contains("fvecs hold f32")
    );
    assert!(names(folder.path()).is_empty());
}

#[test]
fn text_of_a_folder_counts_where_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| std::fs::copy(fixture(from), folder.path().join(to)).unwrap();
    copy("text/datasets.jsonl", "part-0.jsonl");
    copy("text/datasets.jsonl.gz", "part-1.jsonl.gz");
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    let path = [folder.path().display().to_string()];
    assert_eq!(resolve(&path, Role::Other).unwrap().rows, 260);
    copy("text/expected.npy", "rows.npy");
    let found = resolve(&path, Role::Other).unwrap();
    assert_eq!((found.rows, found.shards[0].format), (130, Format::Npy));
}
