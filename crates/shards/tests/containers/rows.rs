//! Rows that cannot be given, shards without rows, arrays of three dimensions, ids, and folders that list their files.

use std::path::Path;

use modality_gap_shards::{Buffer, Dtype, Fault, Format, Role, ShardError, ShardRef, resolve};

use crate::common::{self, assert_rows, expected, fixture, holds, probe, refused, spec, values};

const SHORT: Fault = Fault::Width {
    found: 3,
    expected: 4,
};
const LONG: Fault = Fault::Width {
    found: 5,
    expected: 4,
};
const EMPTY: Fault = Fault::Width {
    found: 0,
    expected: 4,
};
const HOLE: Fault = Fault::NullComponent { column: 1 };

/// Every row must be as `wanted` says, in whatever pieces it is read; a good one is i + j / 8.
fn assert_faults(name: &str, wanted: &[Option<Fault>]) {
    let found = probe(&format!("rows/{name}"), None).unwrap();
    assert_eq!((found.rows as usize, found.dim), (wanted.len(), 4), "{name}");
    let shard = found.open().unwrap();
    let mut buf = Buffer::new();
    for step in [wanted.len(), 1, 2, 3] {
        for first in (0..wanted.len()).step_by(step).chain((0..wanted.len()).rev()) {
            let count = step.min(wanted.len() - first);
            shard.read(first as u64, count, &mut buf).unwrap();
            let rows = values(buf.rows(shard.dtype()));
            for (i, row) in rows.chunks_exact(4).enumerate() {
                let at = buf
                    .faults()
                    .iter()
                    .find(|fault| fault.0 == i)
                    .map(|fault| fault.1);
                assert_eq!(at, wanted[first + i], "{name}: row {}", first + i);
                if at.is_none() {
                    let good: Vec<f64> = (0..4).map(|j| (first + i) as f64 + f64::from(j) / 8.0).collect();
                    assert_eq!(row, good, "{name}: row {}", first + i);
                } else {
                    assert!(row.iter().all(|v| v.is_nan()), "{name}: {row:?}");
                }
            }
        }
    }
}

#[test]
fn bad_rows_of_tables_are_told_and_the_others_are_still_there() {
    let lists = [
        Some(Fault::Null),
        Some(EMPTY),
        Some(SHORT),
        Some(LONG),
        Some(HOLE),
        None,
        None,
        None,
    ];
    let fixed = [Some(Fault::Null), None, Some(HOLE), None];
    for ending in [".parquet", "-uncompressed.arrow", "-lz4.arrow", "-zstd.arrow"] {
        assert_faults(&format!("bad-list{ending}"), &lists);
        assert_faults(&format!("bad-large{ending}"), &lists);
        assert_faults(&format!("bad-fixed{ending}"), &fixed);
    }
}

#[test]
fn bad_records_of_pickles_are_told_and_the_others_are_still_there() {
    let wanted = [
        Some(Fault::Null),
        Some(SHORT),
        Some(Fault::OtherType),
        Some(Fault::Objects),
        Some(HOLE),
        Some(Fault::Missing),
        Some(Fault::NoRecord),
        Some(Fault::NoNumbers),
    ];
    for protocol in [2, 5] {
        let name = format!("rows/bad-{protocol}.pkl");
        let found = probe(&name, None).unwrap();
        assert_eq!((found.rows, found.dim, found.dtype), (10, 4, Dtype::F32));
        let shard = found.open().unwrap();
        let mut buf = Buffer::new();
        shard.read(0, 10, &mut buf).unwrap();
        let faults: Vec<_> = (0..8).zip(wanted.map(Option::unwrap)).collect();
        assert_eq!(buf.faults(), faults);
        // the records 6 and 7 stand behind two that were put in; the last is of shape (1, 4)
        let rows = values(buf.rows(Dtype::F32));
        assert_eq!(rows[32..], [6.0, 6.125, 6.25, 6.375, 7.0, 7.125, 7.25, 7.375]);
    }
}

/// Protocol 2 writes the bytes of an empty array as a call of `bytes`.
#[test]
fn an_empty_row_of_a_pickle_is_a_bad_row() {
    for protocol in [2, 5] {
        assert_faults(&format!("empty-row-{protocol}.pkl"), &[None, Some(EMPTY), None]);
    }
}

#[test]
fn a_file_without_a_good_row_is_told_as_one_alone_and_counted_among_others() {
    let alone = |name: &str| resolve(&[path(name)], Role::Other).unwrap_err();
    for name in [
        "bad-all.parquet",
        "bad-all-lz4.arrow",
        "bad-all-uncompressed.arrow",
    ] {
        let error = alone(name);
        assert_eq!((error.code(), error.row()), ("BAD_ROW", Some(0)), "{error}");
        let both = resolve(&[path(name), path("bad-list.parquet")], Role::Other).unwrap();
        assert_eq!((both.rows, both.dim), (11, 4));
        let shard = both.shards[0].open().unwrap();
        let mut buf = Buffer::new();
        shard.read(0, 3, &mut buf).unwrap();
        assert_eq!(buf.faults(), [(0, Fault::Null), (1, Fault::Null), (2, EMPTY)]);
    }
}

#[test]
fn a_shard_without_rows_changes_nothing_in_any_format() {
    for name in [
        "empty-list.parquet",
        "empty-null.parquet",
        "empty-list.arrow",
        "empty-null.arrow",
        "empty.arrows",
        "empty-flat.npy",
        "empty-other.npy",
        "empty.npz",
        "empty.safetensors",
        "empty.pkl",
    ] {
        let error = resolve(&[path(name)], Role::Other).unwrap_err();
        assert_eq!(error.code(), "EMPTY", "{name}: {error}");
        for full in ["f16.npy", "list-f32.parquet", "f64.pkl"] {
            let full = fixture(full).to_str().unwrap().to_owned();
            let alone = resolve(std::slice::from_ref(&full), Role::Other).unwrap();
            for paths in [[path(name), full.clone()], [full.clone(), path(name)]] {
                let source = resolve(&paths, Role::Other).unwrap();
                assert_eq!(
                    (source.rows, source.dim, source.dtype),
                    (10, 4, alone.dtype),
                    "{name}"
                );
                let none = source.shards.iter().find(|shard| shard.rows == 0).unwrap();
                assert_eq!((none.dim, Some(none.dtype)), (4, alone.dtype), "{name}");
                none.open().unwrap().read(0, 0, &mut Buffer::new()).unwrap();
                rewritten(none);
            }
        }
    }
}

/// An output without rows is made of a shard without rows, in every format.
fn rewritten(none: &ShardRef) {
    let folder = tempfile::tempdir().unwrap();
    for format in Format::written() {
        let to = folder.path().join(format!("out.{}", format.extensions()[0]));
        let dtype = if holds(format, none.dtype) {
            none.dtype
        } else {
            Dtype::F32
        };
        let mut spec = spec(to.clone(), format, dtype, none.dim, 0);
        spec.like = Some(none.clone());
        modality_gap_shards::create(&spec).unwrap().finish(false).unwrap();
        assert_eq!(ShardRef::probe(&to, None).unwrap().rows, 0);
    }
}

#[test]
fn the_footer_of_an_arrow_file_says_where_its_batches_are() {
    let found = probe("rows/js.arrow", None).unwrap();
    assert_eq!((found.rows, found.dim), (2, 4));
    assert_rows(
        found.open().unwrap().as_ref(),
        &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    );
    for name in ["polars.arrow", "polars.parquet"] {
        assert_rows(
            probe(&format!("rows/{name}"), None)
                .unwrap()
                .open()
                .unwrap()
                .as_ref(),
            &expected(5, 4),
        );
    }
}

#[test]
fn a_dimension_of_one_is_none_and_token_states_are_told() {
    for name in [
        "middle.npy",
        "middle-fortran.npy",
        "leading.npy",
        "middle.npz",
        "middle.safetensors",
    ] {
        let found = probe(&format!("rows/{name}"), None).unwrap();
        assert_rows(found.open().unwrap().as_ref(), &expected(12, 4));
    }
    let second = probe("rows/middle.npy", Some("1")).unwrap();
    assert_eq!(second.rows, 1);
    for name in ["tokens.npy", "tokens.safetensors"] {
        let error = refused(&format!("rows/{name}"), None).to_string();
        assert!(
            error.contains("token states") && error.contains("pool"),
            "{error}"
        );
    }
    // Arrow's tensors are flat lists by their storage, and say their shape beside it
    for ending in ["parquet", "arrow"] {
        for selector in [None, Some("embedding")] {
            let error = refused(&format!("rows/tensors.{ending}"), selector).to_string();
            assert!(
                error.contains("tensors of shape [2, 4]") && error.contains("pool"),
                "{error}"
            );
        }
        let flat = probe(&format!("rows/tensors-flat.{ending}"), None).unwrap();
        assert_eq!((flat.rows, flat.dim), (12, 4));
    }
}

#[test]
fn bytes_behind_an_array_are_told() {
    let error = refused("rows/several.npy", None);
    assert_eq!(error.code(), "BAD_FORMAT");
    assert!(
        error
            .to_string()
            .contains("more bytes behind its array of 5 rows"),
        "{error}"
    );
}

#[test]
fn bfloat16_of_numpy_is_read() {
    let found = probe("bf16.npy", None).unwrap();
    assert_eq!(found.dtype, Dtype::Bf16);
    assert_rows(found.open().unwrap().as_ref(), &expected(10, 4));
}

#[test]
fn columns_that_hold_no_rows_are_named_with_their_types() {
    let error = refused("rows/no-floats.parquet", None);
    assert_eq!(error.code(), "UNSUPPORTED");
    for part in ["tokens", "pool", "quantised", "Int8", "packed", "frombuffer"] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[test]
fn scalars_of_numpy_are_values_like_others() {
    for protocol in [2, 5] {
        let name = format!("rows/scalars-{protocol}.pkl");
        let found = probe(&name, None).unwrap();
        assert_eq!((found.rows, found.dtype), (8, Dtype::F64));
        assert_rows(found.open().unwrap().as_ref(), &expected(8, 4));
        let wanted = [
            "-7",
            "18446744073709551615",
            "é",
            "9007199254740993",
            "1180591620717411303424",
            "x",
            "3",
            "-1",
        ];
        assert_eq!(ids(&fixture(&name), None).unwrap(), wanted);
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.pkl");
        let mut spec = spec(copy.clone(), Format::Pickle, Dtype::F32, 4, 8);
        spec.like = Some(found);
        crate::common::write(&spec, &expected(8, 4), 3).unwrap();
        assert_eq!(ids(&copy, None).unwrap(), wanted);
    }
}

#[test]
fn ids_are_read_exactly_from_every_codec_and_type() {
    let int64 = [
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "-9223372036854775808",
        "9223372036854775807",
    ];
    for name in [
        "ids-snappy.parquet",
        "ids-zstd.parquet",
        "ids-gzip.parquet",
        "ids-lz4.parquet",
        "ids-brotli.parquet",
        "ids-none.parquet",
        "ids-uncompressed.arrow",
        "ids-zstd.arrow",
        "ids.arrows",
    ] {
        let column = |column: &str| ids(&fixture(&format!("rows/{name}")), Some(column));
        assert_eq!(column("int64").unwrap(), int64, "{name}");
        assert_eq!(column("text").unwrap(), int64, "{name}");
        assert_eq!(
            column("uint64").unwrap()[..2],
            ["18446744073709551615", "18446744073709551614"]
        );
        assert_eq!(column("category").unwrap(), ["a", "b", "a", "c", "b"], "{name}");
        assert_eq!(column("decimal").unwrap()[1], "1000000000000000000000000000001");
        assert_eq!(column("float").unwrap(), ["0", "1", "2", "3.5", "-4"]);
        assert_eq!(column("bytes").unwrap(), ["a", "b", "c", "d", "e"]);
        let rounded = column("rounded").unwrap_err();
        assert_eq!(
            (rounded.code(), rounded.row()),
            ("BAD_FORMAT", Some(2)),
            "{rounded}"
        );
        assert_eq!(column("null").unwrap_err().row(), Some(1));
        assert_eq!(column("embedding").unwrap_err().row(), Some(0));
        assert_eq!(column("none").unwrap_err().code(), "BAD_SELECTOR");
    }
    for name in ["polars.parquet", "polars.arrow"] {
        assert_eq!(ids(&fixture(&format!("rows/{name}")), None).unwrap(), int64);
    }
    assert_eq!(ids(&fixture("f16.npy"), None).unwrap_err().code(), "UNSUPPORTED");
}

#[test]
fn a_data_set_folder_is_what_it_lists() {
    let files = |name: &str| {
        let source = resolve(&[path(name)], Role::Other)?;
        let names = source.shards.iter().map(|shard| shard.name.clone());
        Ok::<_, ShardError>((names.collect::<Vec<_>>(), source.rows))
    };
    let (names, rows) = files("hf").unwrap();
    assert_eq!(
        (names, rows),
        (
            vec![
                "data-00000-of-00002.arrow".to_owned(),
                "data-00001-of-00002.arrow".to_owned()
            ],
            6
        )
    );
    let (names, rows) = files("listed").unwrap();
    assert_eq!(
        (names, rows),
        (vec!["part-0.parquet".to_owned(), "part-1.parquet".to_owned()], 6)
    );
    let error = files("hf-dict").unwrap_err();
    assert_eq!(error.code(), "BAD_SELECTOR");
    assert!(
        error.to_string().contains("train") && error.to_string().contains("test"),
        "{error}"
    );
    assert_eq!(files("hf-dict/test").unwrap().1, 2);
    let error = files("hf/*.arrow").unwrap_err();
    assert!(
        error.to_string().contains("cache-0ae0db083ef2ad1c.arrow"),
        "{error}"
    );
}

#[test]
fn a_list_that_lies_about_its_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(fixture("stream.arrows"), folder.path().join("a.arrow")).unwrap();
    let state = |text: &str| {
        std::fs::write(folder.path().join("state.json"), text).unwrap();
        let found = resolve(&[folder.path().to_str().unwrap().to_owned()], Role::Other);
        found.map(|source| source.rows).map_err(|error| error.code())
    };
    assert_eq!(state(r#"{"_data_files": [{"filename": "a.arrow"}]}"#), Ok(10));
    assert_eq!(
        state(r#"{"_data_files": [{"filename": "b.arrow"}]}"#),
        Err("NOT_FOUND")
    );
    assert_eq!(
        state(r#"{"_data_files": [{"filename": "../a.arrow"}]}"#),
        Err("BAD_FORMAT")
    );
    assert_eq!(
        state(r#"{"_data_files": [{"filename": "/etc/passwd"}]}"#),
        Err("BAD_FORMAT")
    );
    assert_eq!(state(r#"{"_data_files": []}"#), Err("EMPTY"));
    assert_eq!(state("{}"), Err("BAD_FORMAT"));
    assert_eq!(state("{"), Err("BAD_FORMAT"));
    let indices =
        r#"{"_data_files": [{"filename": "a.arrow"}], "_indices_data_files": [{"filename": "i.arrow"}]}"#;
    assert_eq!(state(indices), Err("UNSUPPORTED"));
    std::fs::create_dir(folder.path().join("_delta_log")).unwrap();
    assert_eq!(state("{}"), Err("UNSUPPORTED"));
}

#[test]
fn a_cache_of_hugging_face_is_one_split_without_what_a_map_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str| std::fs::copy(fixture("stream.arrows"), folder.path().join(name)).unwrap();
    let rows = || {
        let found = resolve(&[folder.path().to_str().unwrap().to_owned()], Role::Other);
        found.map(|source| source.rows).map_err(|error| error.code())
    };
    std::fs::write(
        folder.path().join("dataset_info.json"),
        r#"{"splits": {"train": {"num_examples": 20}, "test": {"num_examples": 10}}}"#,
    )
    .unwrap();
    put("laion-train-00000-of-00002.arrow");
    put("laion-train-00001-of-00002.arrow");
    put("cache-12345.arrow");
    assert_eq!(rows(), Ok(20));
    put("laion-test.arrow");
    assert_eq!(rows(), Err("BAD_SELECTOR"));
}

fn path(name: &str) -> String {
    fixture(&format!("rows/{name}")).to_str().unwrap().to_owned()
}

fn ids(path: &Path, column: Option<&str>) -> Result<Vec<String>, ShardError> {
    common::ids(path, column, &["id", "image_id"])
}

#[test]
fn small_files_that_stand_for_gigabytes_are_refused_before_they_grow() {
    let error = refused("rows/bomb-row.parquet", None);
    assert_eq!(error.code(), "BAD_FORMAT");
    assert!(
        error.to_string().contains("more than 1000 times the file"),
        "{error}"
    );
    let found = probe("rows/bomb-text.parquet", None).unwrap();
    assert_rows(found.open().unwrap().as_ref(), &expected(8, 4));
    let error = ids(&fixture("rows/bomb-text.parquet"), None).unwrap_err();
    assert!(
        error.to_string().contains("more than 1000 times the file"),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(
        folder.path().join("out.parquet"),
        Format::Parquet,
        Dtype::F32,
        4,
        8,
    );
    spec.like = Some(found);
    let error = crate::common::write(&spec, &expected(8, 4), 8).unwrap_err();
    assert!(
        error.to_string().contains("more than 1000 times the file"),
        "{error}"
    );
}

#[test]
fn more_columns_than_can_be_carried_along_are_refused() {
    use std::sync::Arc;

    use arrow_array::types::Float32Type;
    use arrow_array::{ArrayRef, Int32Array, ListArray, RecordBatch};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.parquet");
    let rows = ListArray::from_iter_primitive::<Float32Type, _, _>([Some(vec![Some(0.0), Some(0.125)])]);
    let other: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let columns = (0..3000).map(|i| (format!("c{i}"), other.clone()));
    let columns = columns.chain([("embedding".to_owned(), Arc::new(rows) as ArrayRef)]);
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let found = ShardRef::probe(&path, None).unwrap();
    let mut spec = spec(
        folder.path().join("out.parquet"),
        Format::Parquet,
        Dtype::F32,
        2,
        1,
    );
    spec.like = Some(found);
    let error = crate::common::write(&spec, &expected(1, 2), 1).unwrap_err();
    assert_eq!(error.code(), "UNSUPPORTED");
    assert!(error.to_string().contains("3000 columns"), "{error}");
}

#[test]
fn a_null_in_any_component_is_named_by_its_place() {
    use std::sync::Arc;

    use arrow_array::types::Float32Type;
    use arrow_array::{ArrayRef, FixedSizeListArray, ListArray, RecordBatch};

    let rows = (0..5).map(|row| {
        let component = |column: usize| (column + 1 != row).then_some(0.5);
        Some((0..4).map(component).collect::<Vec<_>>())
    });
    let rows: Vec<_> = rows.collect();
    let lists = ListArray::from_iter_primitive::<Float32Type, _, _>(rows.clone());
    let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 4);
    let folder = tempfile::tempdir().unwrap();
    for (name, column) in [("lists", Arc::new(lists) as ArrayRef), ("fixed", Arc::new(fixed))] {
        let path = folder.path().join(format!("{name}.parquet"));
        let batch = RecordBatch::try_from_iter([("embedding", column)]).unwrap();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let mut buffer = Buffer::new();
        let found = ShardRef::probe(&path, None).unwrap();
        found.open().unwrap().read(0, 5, &mut buffer).unwrap();
        let expected: Vec<_> = (0..4)
            .map(|column| (column + 1, Fault::NullComponent { column }))
            .collect();
        assert_eq!(buffer.faults(), expected, "{name}");
    }
}
