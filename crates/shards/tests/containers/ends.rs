//! One file, one container: what stands behind or before it is reported, and bytes that their check sum denies are damaged.

use std::path::PathBuf;

use modality_gap_shards::{Buffer, ShardError, ShardRef};

use crate::common::{fixture, read};

fn file(folder: &tempfile::TempDir, name: &str, parts: &[&[u8]]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, parts.concat()).unwrap();
    path
}

/// The array of an archive that is looked at.
fn array(name: &str) -> Option<&str> {
    match name {
        "deflated-big.npz" => Some("emb"),
        _ => name.ends_with("npz").then_some("text_emb"),
    }
}

fn refused(folder: &tempfile::TempDir, name: &str, parts: &[&[u8]]) -> ShardError {
    ShardRef::probe(file(folder, name, parts), array(name))
        .map(|found| panic!("{name}: {} rows", found.rows))
        .unwrap_err()
}

/// pyarrow, pickle.load and numpy.load give the first of two, or the second, and none both.
#[test]
fn a_second_container_in_one_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (name, other, what) in [
        ("stream.arrows", "stream.arrows", "several streams in one file"),
        ("stream.arrows", "zstd.arrows", "several streams in one file"),
        ("fixed-f32.arrow", "fixed-f32.arrow", "another Arrow file"),
        ("list-f16.arrow", "fixed-f64.arrow", "another Arrow file"),
        ("zstd.feather", "zstd.feather", "another Arrow file"),
        ("f32.pkl", "f32.pkl", "several pickle.dump"),
        ("protocol2.pkl", "protocol5.pkl", "several pickle.dump"),
        ("lists.pkl", "f32.pkl", "several pickle.dump"),
        ("list-f32.parquet", "list-f32.parquet", "another parquet file"),
        ("zstd.parquet", "fixed-f16.parquet", "another parquet file"),
        ("fixed-f16.parquet", "zstd.parquet", "another parquet file"),
        ("stored.npz", "stored.npz", "before its archive"),
        ("deflated-big.npz", "stored.npz", "before its archive"),
        ("stored.npz", "deflated-big.npz", "before its archive"),
    ] {
        let parts = [name, other].map(|name| std::fs::read(fixture(name)).unwrap());
        let error = refused(&folder, name, &[&parts[0], &parts[1]]);
        assert_eq!(error.code(), "BAD_FORMAT", "{name}: {error}");
        assert!(error.to_string().contains(what), "{name} and {other}: {error}");
        // one by itself is read
        ShardRef::probe(file(&folder, name, &[&parts[0]]), array(name)).expect(name);
    }
    // a stream whose end mark is missing
    let stream = std::fs::read(fixture("stream.arrows")).unwrap();
    let open = &stream[..stream.len() - 8];
    assert!(ShardRef::probe(file(&folder, "open.arrows", &[open]), None).is_ok());
    let error = refused(&folder, "open.arrows", &[open, &stream]);
    assert!(error.to_string().contains("second schema"), "{error}");
    assert!(ShardRef::probe(file(&folder, "padded.arrows", &[&stream, &[0; 56]]), None).is_ok());
}

#[test]
fn bytes_before_and_behind_an_archive_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let npz = std::fs::read(fixture("stored.npz")).unwrap();
    for junk in [b"x".as_slice(), &[0; 100], b"PK\x03\x04 no archive"] {
        let error = refused(&folder, "behind.npz", &[&npz, junk]);
        assert!(error.to_string().contains("behind its archive"), "{error}");
        let error = refused(&folder, "before.npz", &[junk, &npz]);
        assert_eq!(error.code(), "BAD_FORMAT", "{error}");
    }
    // the comment of an archive is a part of it
    let mut commented = npz;
    let at = commented.len() - 2;
    commented[at] = 5;
    ShardRef::probe(
        file(&folder, "comment.npz", &[&commented, b"hello"]),
        Some("text_emb"),
    )
    .unwrap();
}

/// `numpy.load(…)['text_emb']` says of such a file: Bad CRC-32 for file 'text_emb.npy'.
#[test]
fn a_stored_member_whose_check_sum_differs_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    for (name, key) in [("stored.npz", "text_emb"), ("stored.npz", "image_emb")] {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        let whole = ShardRef::probe(file(&folder, "whole.npz", &[&bytes]), Some(key)).unwrap();
        let (rows, dim) = (whole.rows as usize, whole.dim);
        let wanted = read(whole.open().unwrap().as_ref(), 0, rows).unwrap();
        // the last component of the array: its bytes stand right before the next member or the list of members
        let row = wanted[(rows - 1) * dim..].to_vec();
        let last: Vec<u8> = match whole.dtype {
            modality_gap_shards::Dtype::F32 => row.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
            _ => row
                .iter()
                .flat_map(|v| half::f16::from_f64(*v).to_le_bytes())
                .collect(),
        };
        let places: Vec<usize> = (0..bytes.len() - last.len())
            .filter(|&at| bytes[at..].starts_with(&last))
            .collect();
        for at in places {
            bytes[at] ^= 1;
        }
        let damaged = ShardRef::probe(file(&folder, "damaged.npz", &[&bytes]), Some(key)).unwrap();
        for first in [0, rows as u64 - 1] {
            // another part than the damaged one is refused as well
            let error = damaged
                .open()
                .unwrap()
                .read(first, 1, &mut Buffer::new())
                .unwrap_err();
            assert_eq!(error.code(), "BAD_FORMAT");
            assert!(error.to_string().contains("check sum"), "{error}");
        }
    }
}
