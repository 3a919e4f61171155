//! What stands beside rows: carried into another format where it has a place there, and named where it has none.

use modality_gap_shards::{Buffer, Dtype, Fault, Format, OutputSpec, ShardRef, left_behind, memory_arrow};

use crate::common::{assert_rows, expected, fixture, probe, write};

/// Rows of `beside/table.*` without the second.
fn rows() -> Vec<f64> {
    let mut rows = expected(6, 4);
    rows.drain(4..8);
    rows
}

fn without_the_second(like: ShardRef, path: std::path::PathBuf, format: Format) -> OutputSpec {
    OutputSpec {
        path,
        format,
        dtype: Dtype::F32,
        dim: 4,
        rows: like.rows - 1,
        like: Some(like),
        dropped: vec![1],
    }
}

/// The right bytes were loaded by Python's pickle and compared with what pyarrow reads of the table: make_beside.py.
#[test]
fn a_pickle_takes_the_columns_of_a_table_along() {
    let folder = tempfile::tempdir().unwrap();
    let right = std::fs::read(fixture("beside/table.pkl")).unwrap();
    for ending in ["parquet", "arrow"] {
        let like = probe(&format!("beside/table.{ending}"), None).unwrap();
        assert_eq!(
            left_behind(&like, Format::Pickle).unwrap(),
            ["when", "price", "pairs"]
        );
        let path = folder.path().join(format!("{ending}.pkl"));
        write(
            &without_the_second(like, path.clone(), Format::Pickle),
            &rows(),
            2,
        )
        .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), right, "{ending}");
    }
}

#[test]
fn what_a_format_has_no_place_for_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let left = |name: &str, selector: Option<&str>, format| {
        left_behind(&probe(name, selector).unwrap(), format).unwrap()
    };
    let columns = [
        "id", "caption", "kind", "big", "score", "good", "raw", "tags", "box", "when", "price", "pairs",
    ];
    for format in [Format::Npy, Format::Npz, Format::Safetensors] {
        assert_eq!(left("beside/table.parquet", None, format), columns, "{format:?}");
        assert_eq!(left("f32.pkl", None, format), ["id", "caption"], "{format:?}");
    }
    for format in [Format::Parquet, Format::Arrow] {
        assert!(left("beside/table.parquet", None, format).is_empty());
        assert!(left("beside/table.arrow", None, format).is_empty());
        assert_eq!(left("f32.pkl", None, format), ["id", "caption"]);
    }
    assert!(left("f32.pkl", None, Format::Pickle).is_empty());
    for format in Format::ALL {
        assert!(left("f32.npy", None, format).is_empty());
        let others = left("several.safetensors", Some("a"), format);
        assert_eq!(others, ["b", "bias"], "{format:?}");
        assert_eq!(left("stored.npz", Some("text_emb"), format), ["ids", "image_emb"]);
    }
    // a table of rows only loses nothing, and its records have their numbers as ids
    assert!(left("beside/plain.parquet", None, Format::Pickle).is_empty());
    let like = probe("beside/plain.arrow", None).unwrap();
    let path = folder.path().join("plain.pkl");
    write(
        &without_the_second(like, path.clone(), Format::Pickle),
        &rows(),
        2,
    )
    .unwrap();
    assert_eq!(
        left_behind(&ShardRef::probe(&path, None).unwrap(), Format::Npy).unwrap(),
        ["id"]
    );
    let bytes = std::fs::read(fixture("beside/table.arrow")).unwrap();
    assert_eq!(memory_arrow(bytes, None).unwrap().beside(), columns);
}

#[test]
fn of_two_columns_of_one_name_none_is_chosen() {
    use modality_gap_shards::{IdColumn, Ids};
    for ending in ["parquet", "arrow"] {
        for selector in [None, Some("a")] {
            let error = probe(&format!("beside/twice.{ending}"), selector).unwrap_err();
            assert_eq!(error.code(), "BAD_SELECTOR", "{error}");
        }
        let column = IdColumn {
            name: None,
            usual: &["id"],
            captions: false,
        };
        let error = Ids::open(&fixture(&format!("beside/twice.{ending}")), &column)
            .err()
            .unwrap();
        assert!(error.to_string().contains("2 columns of the name id"), "{error}");
    }
}

/// What pickle keeps once is an array as often as it was put in; lists and records in its place are reported, not misread.
#[test]
fn values_that_records_share_are_read_or_told() {
    let row = expected(1, 4);
    let all: Vec<f64> = row.iter().copied().cycle().take(24).collect();
    assert_rows(
        probe("beside/shared-array.pkl", None)
            .unwrap()
            .open()
            .unwrap()
            .as_ref(),
        &all,
    );
    assert_rows(
        probe("beside/shared-tuples.pkl", None)
            .unwrap()
            .open()
            .unwrap()
            .as_ref(),
        &expected(6, 4),
    );
    for name in ["list", "record"] {
        let shard = probe(&format!("beside/shared-{name}.pkl"), None).unwrap();
        assert_eq!((shard.rows, shard.dim), (6, 4), "{name}");
        let mut buf = Buffer::new();
        shard.open().unwrap().read(0, 6, &mut buf).unwrap();
        let reported: Vec<_> = (1..6).map(|row| (row, Fault::Shared)).collect();
        assert_eq!(buf.faults(), reported, "{name}");
    }
    assert!(Fault::Shared.to_string().contains("save copies"));
    let like = probe("beside/shared-beside.pkl", None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let spec = without_the_second(like, folder.path().join("o.pkl"), Format::Pickle);
    let error = write(&spec, &rows(), 2).unwrap_err();
    assert_eq!(error.code(), "UNSUPPORTED");
    assert!(error.to_string().contains("save copies"), "{error}");
}
