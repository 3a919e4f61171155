//! What is written comes back, in every format and type, with what stood beside the rows.

use std::collections::BTreeMap;
use std::path::Path;

use modality_gap_shards::{
    Access, Dtype, Format, OutputSpec, Rows, ShardRef, copy_metadata, create, output_name,
};

use crate::common::{assert_rows, expected, fixture, holds, names, probe, read, spec, write};

const DTYPES: [Dtype; 4] = [Dtype::F16, Dtype::Bf16, Dtype::F32, Dtype::F64];

#[test]
fn every_format_and_type_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    for format in Format::written() {
        for dtype in DTYPES {
            let path = folder
                .path()
                .join(format!("{}.{}", dtype.name(), format.extensions()[0]));
            let spec = spec(path.clone(), format, dtype, 4, 10);
            if !holds(format, dtype) {
                let error = create(&spec).err().unwrap();
                assert_eq!(
                    (error.code(), error.path()),
                    ("UNSUPPORTED", Some(path.as_path()))
                );
                continue;
            }
            let bytes = write(&spec, &expected(10, 4), 3).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
            let found = ShardRef::probe(&path, None).unwrap();
            // numbers of text have no type of their own
            let read_as = if format == Format::Jsonl {
                Dtype::F32
            } else {
                dtype
            };
            assert_eq!(
                (found.rows, found.dim, found.dtype, found.bytes),
                (10, 4, read_as, bytes)
            );
            assert_rows(found.open().unwrap().as_ref(), &expected(10, 4));
        }
    }
    assert!(
        names(folder.path()).iter().all(|name| !name.starts_with('.')),
        "no temporary file is left"
    );
}

#[test]
fn an_unfinished_output_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for format in Format::written() {
        let spec = spec(folder.path().join("out"), format, Dtype::F32, 4, 10);
        let writer = create(&spec).unwrap();
        crate::common::write_blocks(writer.as_ref(), &spec, &expected(5, 4), 5).unwrap();
        assert_eq!(names(folder.path()).len(), 1, "{format:?}");
        drop(writer);
        assert!(names(folder.path()).is_empty(), "{format:?}");
    }
}

#[test]
fn rows_of_random_outputs_come_in_any_order_from_any_thread() {
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::Npy, Format::Safetensors] {
        let spec = spec(folder.path().join(format.name()), format, Dtype::F64, 4, 64);
        let writer = create(&spec).unwrap();
        assert_eq!(writer.access(), Access::Random);
        let values = expected(64, 4);
        std::thread::scope(|scope| {
            for part in (0..4).rev() {
                let (writer, values) = (writer.as_ref(), &values[part * 64..(part + 1) * 64]);
                scope.spawn(move || writer.write(part as u64 * 16, Rows::F64(values)).unwrap());
            }
        });
        writer.finish(true).unwrap();
        let found = ShardRef::probe(&spec.path, None).unwrap();
        assert_rows(found.open().unwrap().as_ref(), &values);
    }
}

/// Copies a fixture's rows, without the dropped ones, to `path` with everything that stands beside them.
fn copy_like(like: &ShardRef, path: &Path, dtype: Dtype, dropped: &[u64]) -> ShardRef {
    let shard = like.open().unwrap();
    let kept: Vec<f64> = (0..like.rows)
        .filter(|row| !dropped.contains(row))
        .flat_map(|row| read(shard.as_ref(), row, 1).unwrap())
        .collect();
    let rows = like.rows - dropped.len() as u64;
    let spec = OutputSpec {
        like: Some(like.clone()),
        dropped: dropped.to_vec(),
        ..spec(path.to_path_buf(), like.format, dtype, like.dim, rows)
    };
    write(&spec, &kept, 4).unwrap();
    let found = ShardRef::probe(path, None).unwrap();
    assert_eq!((found.rows, found.dim, found.dtype), (rows, like.dim, dtype));
    assert_rows(found.open().unwrap().as_ref(), &kept);
    found
}

#[test]
fn tables_keep_columns_order_metadata_groups_and_compression() {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let folder = tempfile::tempdir().unwrap();
    let dropped = [0, 5, 6, 7, 9];
    for name in [
        "zstd.parquet",
        "gzip.parquet",
        "large-f32.parquet",
        "fixed-f64.parquet",
    ] {
        let path = folder.path().join(name);
        copy_like(&probe(name, None).unwrap(), &path, Dtype::F16, &dropped);
        let old =
            ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(fixture(name)).unwrap()).unwrap();
        let new = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
        let columns: Vec<_> = new.schema().fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(columns, ["caption", "embedding", "id"]);
        assert_eq!(new.schema().metadata()["made by"], "make.py");
        let pairs = new.metadata().file_metadata().key_value_metadata().unwrap();
        assert_eq!(pairs.iter().filter(|pair| pair.key == "ARROW:schema").count(), 1);
        // rows 1..4, 4, 8 of the groups 0..4, 4..8, 8..10
        let groups: Vec<_> = new
            .metadata()
            .row_groups()
            .iter()
            .map(parquet::file::metadata::RowGroupMetaData::num_rows)
            .collect();
        assert_eq!(groups, [3, 1, 1]);
        for (a, b) in old
            .metadata()
            .row_group(0)
            .columns()
            .iter()
            .zip(new.metadata().row_group(0).columns())
        {
            assert_eq!(a.compression(), b.compression(), "{name} {}", a.column_path());
        }
        let batches: Vec<_> = new.build().unwrap().map(Result::unwrap).collect();
        let ids: Vec<i64> = batches
            .iter()
            .flat_map(|b| {
                b.column(2)
                    .as_any()
                    .downcast_ref::<arrow_array::Int64Array>()
                    .unwrap()
                    .values()
                    .to_vec()
            })
            .collect();
        assert_eq!(ids, [1, 2, 3, 4, 8]);
    }
}

#[test]
fn arrow_files_keep_their_other_columns() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["list-f32.arrow", "stream.arrows", "lz4.feather"] {
        let path = folder.path().join("out.arrow");
        copy_like(&probe(name, None).unwrap(), &path, Dtype::F64, &[2, 3]);
        let file = std::fs::File::open(&path).unwrap();
        let reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
        assert_eq!(reader.schema().metadata()["made by"], "make.py");
        let captions: Vec<String> = reader
            .map(Result::unwrap)
            .flat_map(|b| {
                let column = b
                    .column(0)
                    .as_any()
                    .downcast_ref::<arrow_array::StringArray>()
                    .unwrap();
                column.iter().map(|c| c.unwrap().to_owned()).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(captions, [0, 1, 4, 5, 6, 7, 8, 9].map(|i| format!("caption {i}")));
    }
}

#[test]
fn safetensors_keep_the_tensor_name_and_the_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.safetensors");
    copy_like(&probe("bf16.safetensors", None).unwrap(), &path, Dtype::F32, &[1]);
    let bytes = std::fs::read(&path).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["model"], "test");
    assert!(metadata.info("embeddings").is_some());
    copy_like(
        &probe("several.safetensors", Some("b")).unwrap(),
        &path,
        Dtype::F16,
        &[],
    );
    assert_eq!(
        ShardRef::probe(&path, None).unwrap().selector.as_deref(),
        Some("b")
    );
}

#[test]
fn npz_keep_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.npz");
    let found = copy_like(
        &probe("stored.npz", Some("text_emb")).unwrap(),
        &path,
        Dtype::F32,
        &[3],
    );
    assert_eq!(found.selector.as_deref(), Some("text_emb"));
    assert_eq!(found.open().unwrap().access(), Access::Random);
}

#[test]
fn pickles_keep_the_other_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.pkl");
    for name in [
        "protocol2.pkl",
        "numpy1-protocol3.pkl",
        "f16.pkl",
        "protocol5.pkl",
        "lists.pkl",
    ] {
        copy_like(&probe(name, None).unwrap(), &path, Dtype::F32, &[0, 4, 9]);
        let bytes = std::fs::read(&path).unwrap();
        for row in 0..10 {
            let caption = format!("a caption, číslo {row}");
            let kept = ![0, 4, 9].contains(&row);
            assert_eq!(contains(&bytes, caption.as_bytes()), kept, "{name} {row}");
            assert_eq!(
                contains(&bytes, format!("item_{row}").as_bytes()),
                kept,
                "{name} {row}"
            );
        }
    }
    copy_like(&probe("shared.pkl", None).unwrap(), &path, Dtype::F32, &[1]);
    // a copy of a copy: our own files are read like any other
    let again = folder.path().join("again.pkl");
    copy_like(&ShardRef::probe(&path, None).unwrap(), &again, Dtype::F32, &[]);
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
}

#[test]
fn a_pickle_of_thousands_of_records_is_appended_in_batches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.pkl");
    copy_like(&probe("many.pkl", None).unwrap(), &path, Dtype::F32, &[]);
    let dropped: Vec<u64> = (0..200).collect();
    copy_like(&probe("many.pkl", None).unwrap(), &path, Dtype::F32, &dropped);
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn metadata_lose_the_dropped_rows_only() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (fixture("zstd.parquet"), folder.path().join("metadata_0.parquet"));
    copy_metadata(&from, &to, &[]).unwrap();
    assert_eq!(std::fs::read(&from).unwrap(), std::fs::read(&to).unwrap());
    copy_metadata(&from, &to, &[1, 8]).unwrap();
    let left = ShardRef::probe(&to, None).unwrap();
    assert_eq!(left.rows, 8);
    let rows = read(left.open().unwrap().as_ref(), 0, 8).unwrap();
    let firsts: Vec<f64> = rows.chunks(4).map(|row| row[0]).collect();
    assert_eq!(firsts, [0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0]);
    let error = copy_metadata(&fixture("f32.npy"), &to, &[1]).unwrap_err();
    assert_eq!(error.code(), "UNSUPPORTED");
}

#[test]
fn zero_rows_may_be_written() {
    let folder = tempfile::tempdir().unwrap();
    for format in Format::written() {
        let spec = spec(folder.path().join(format.name()), format, Dtype::F32, 4, 0);
        create(&spec).unwrap().finish(false).unwrap();
    }
    assert_eq!(names(folder.path()).len(), Format::written().count());
}

#[test]
fn output_names_of_a_source_are_its_own() {
    let found = probe("f32.pkl", None).unwrap();
    let by_format: BTreeMap<_, _> = Format::ALL
        .map(|format| (format.name(), output_name(&found, format)))
        .into();
    assert_eq!(by_format["pickle"], "f32.pkl");
    assert_eq!(by_format["npy"], "f32.npy");
}

#[cfg(unix)]
mod full_disk {
    use super::*;
    use std::process::Command;

    const FOLDER: &str = "SHARDS_FULL_DISK_FOLDER";

    /// Writes under a limit on file sizes, which stands for a full disk, in a process of its own.
    #[test]
    fn a_full_disk_is_an_error_and_leaves_nothing() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            return write_all_formats(Path::new(&folder));
        }
        let folder = tempfile::tempdir().unwrap();
        let test = std::env::current_exe().unwrap();
        // 64 blocks of 512 or 1024 bytes; the signal must be ignored for the limit to become an error
        let output = Command::new("/bin/sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact write::full_disk::a_full_disk_is_an_error_and_leaves_nothing --nocapture"])
            .arg(test)
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("finalize"), "encoders stay silent: {said}");
        assert_eq!(
            names(folder.path()),
            ["old"],
            "the old file stands and nothing else"
        );
        assert_eq!(std::fs::read(folder.path().join("old")).unwrap(), b"old");
    }

    fn write_all_formats(folder: &Path) {
        std::fs::write(folder.join("old"), b"old").unwrap();
        for format in Format::written() {
            let dtype = if holds(format, Dtype::F64) {
                Dtype::F64
            } else {
                Dtype::F32
            };
            let spec = spec(folder.join("old"), format, dtype, 64, 1000);
            let error = write(&spec, &expected(1000, 64), 100).unwrap_err();
            assert_eq!(error.code(), "WRITE_FAILED", "{format:?}: {error}");
            assert_eq!(error.path(), Some(spec.path.as_path()));
            assert!(
                error.to_string().contains("large"),
                "the system's reason is kept: {error}"
            );
            assert_eq!(names(folder), ["old"], "{format:?}");
            if matches!(format, Format::Npy | Format::Safetensors | Format::Fvecs) {
                assert!(create(&spec).is_err(), "room is reserved before the first row");
            }
        }
    }
}
