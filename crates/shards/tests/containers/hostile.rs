//! Files that lie: each attack is an error, never a panic, a huge allocation or a hang.

use std::io::Write;
use std::path::{Path, PathBuf};

use modality_gap_shards::{Buffer, Format, Role, ShardRef, memory_arrow, resolve};

use crate::common::{assert_rows, expected, fixture, read};

fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    // overwriting makes some file systems wait for the disk
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn refused(name: &str, bytes: &[u8], part: &str) {
    let folder = tempfile::tempdir().unwrap();
    let error = ShardRef::probe(file(&folder, name, bytes), None).expect_err(part);
    assert_eq!(error.code(), "BAD_FORMAT", "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

/// Opens a file and reads all of it, whatever comes.
fn exercise(path: &Path, format: Format) {
    if let Ok(found) = ShardRef::probe(path, None)
        && let Ok(shard) = found.open()
    {
        assert_eq!(found.format, format);
        let mut buf = Buffer::new();
        let rows = shard.rows().min(64);
        let _ = shard.read(0, rows as usize, &mut buf);
        let _ = shard.read(rows / 2, (rows - rows / 2) as usize, &mut buf);
    }
}

const SAMPLES: [&str; 14] = [
    "f32.npy",
    "fortran.npy",
    "stored.npz",
    "deflated.npz",
    "list-f32.parquet",
    "zstd.parquet",
    "fixed-f16.arrow",
    "layouts.arrow",
    "stream.arrows",
    "lz4.feather",
    "f32.safetensors",
    "protocol2.pkl",
    "f32.pkl",
    "protocol5.pkl",
];

#[test]
fn a_file_cut_anywhere_is_an_error_or_shorter() {
    let folder = tempfile::tempdir().unwrap();
    for name in SAMPLES {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let format = Format::from_path(Path::new(name)).unwrap();
        for end in (0..bytes.len()).step_by(7) {
            exercise(&file(&folder, name, &bytes[..end]), format);
        }
        let cut = file(&folder, name, &bytes[..bytes.len() - 9]);
        if !name.ends_with("arrows") {
            let error = ShardRef::probe(&cut, Some("none"))
                .and_then(|_| ShardRef::probe(&cut, None))
                .unwrap_err();
            assert!(
                ["BAD_FORMAT", "BAD_SELECTOR"].contains(&error.code()),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn a_file_with_any_byte_changed_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    for name in SAMPLES {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let format = Format::from_path(Path::new(name)).unwrap();
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 700) {
            for value in [0, 0x7f, 0xff, bytes[at] ^ 1] {
                let mut changed = bytes.clone();
                changed[at] = value;
                exercise(&file(&folder, name, &changed), format);
            }
        }
    }
}

/// Text that is cut may still be text.
#[test]
fn text_cut_or_changed_anywhere_never_panics() {
    const TEXTS: [&str; 8] = [
        "datasets.jsonl.gz",
        "lines.jsonl.zst",
        "openai-base64.json",
        "cohere.json",
        "columns.csv",
        "excel.csv",
        "rows.bvecs",
        "rows.fbin",
    ];
    let folder = tempfile::tempdir().unwrap();
    for name in TEXTS {
        let bytes = std::fs::read(fixture(&format!("text/{name}"))).unwrap();
        let format = Format::from_path(Path::new(name)).unwrap();
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 100) {
            exercise(&file(&folder, name, &bytes[..at]), format);
            for value in [0, b'"', b'[', b'{', b'\n', 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                exercise(&file(&folder, name, &changed), format);
            }
        }
    }
}

#[test]
fn a_wrong_magic_word_is_said() {
    let text = [
        Format::Jsonl,
        Format::Json,
        Format::Csv,
        Format::Fvecs,
        Format::Raw,
    ];
    for format in Format::ALL.into_iter().filter(|format| !text.contains(format)) {
        let name = format!("file.{}", format.extensions()[0]);
        refused(&name, b"these are not the rows you are looking for", "");
        refused(&name, b"", "");
    }
}

#[test]
fn a_truncated_array_says_what_is_missing() {
    let bytes = std::fs::read(fixture("f32.npy")).unwrap();
    refused(
        "a.npy",
        &bytes[..bytes.len() - 1],
        "promises 288 bytes, there are 287",
    );
    let bytes = std::fs::read(fixture("f32.safetensors")).unwrap();
    refused("a.safetensors", &bytes[..bytes.len() - 1], "truncated");
}

#[test]
fn a_shape_beyond_the_address_space_is_refused() {
    let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    refused("a.npy", &bytes, "impossible shape");
}

#[test]
fn a_safetensors_header_longer_than_the_file_is_not_allocated() {
    let mut bytes = 99_999_999_u64.to_le_bytes().to_vec();
    bytes.extend(b"{}");
    refused("a.safetensors", &bytes, "truncated");
    let mut bytes = u64::MAX.to_le_bytes().to_vec();
    bytes.extend(b"{}");
    refused("a.safetensors", &bytes, "header of 18446744073709551615");
}

#[test]
fn safetensors_that_overlap_or_leave_gaps_are_refused() {
    for header in [
        r#"{"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}"#,
    ] {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([0; 8]);
        refused("a.safetensors", &bytes, "");
    }
}

#[test]
fn a_damaged_deflated_member_fails_its_check_sum() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(fixture("deflated.npz")).unwrap();
    // the check sum stands 14 bytes into the local header and 16 into the central one
    let central = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    bytes[central + 16] ^= 1;
    let found = ShardRef::probe(file(&folder, "a.npz", &bytes), None).unwrap();
    // all rows, and a few from their middle, after which the end may never be read
    for (first, count) in [(0, 10), (4, 2)] {
        let error = read(found.open().unwrap().as_ref(), first, count).unwrap_err();
        assert!(error.to_string().contains("check sum"), "{error}");
    }
}

/// The rows before the damage are right, but whoever reads only them cannot know.
#[test]
fn the_check_sum_of_a_part_is_that_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(fixture("deflated.npz")).unwrap();
    let whole = ShardRef::probe(file(&folder, "a.npz", &bytes), None).unwrap();
    whole.open().unwrap().check().unwrap();
    let central = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    bytes[central + 16] ^= 1;
    let damaged = ShardRef::probe(file(&folder, "b.npz", &bytes), None).unwrap();
    let shard = damaged.open().unwrap();
    read(shard.as_ref(), 0, 2).unwrap();
    let error = shard.check().unwrap_err();
    assert!(error.to_string().contains("check sum"), "{error}");
}

/// Every byte of every page is under the check sum that pyarrow put into its header; pyarrow itself refuses such a file, asked
/// to verify (`page_checksum_verification=True`).
#[test]
fn a_parquet_page_whose_check_sum_differs_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    for (name, pages) in [("checked-v1", 2), ("checked-v2", 2), ("checked-dictionary", 2)] {
        let bytes = std::fs::read(fixture(&format!("rows/{name}.parquet"))).unwrap();
        let whole = ShardRef::probe(file(&folder, "whole.parquet", &bytes), None).unwrap();
        assert_rows(whole.open().unwrap().as_ref(), &expected(6, 4));
        let data = std::fs::read(fixture(&format!("rows/{name}.pages"))).unwrap();
        let places = std::str::from_utf8(&data).unwrap().lines().map(|line| {
            let (first, end) = line.split_once(' ').unwrap();
            first.parse::<usize>().unwrap()..end.parse::<usize>().unwrap()
        });
        let places: Vec<_> = places.collect();
        assert_eq!(places.len(), pages, "{name}");
        for at in places.into_iter().flatten() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let error = ShardRef::probe(file(&folder, "damaged.parquet", &damaged), None)
                .and_then(|found| read(found.open()?.as_ref(), 0, 6))
                .unwrap_err();
            assert_eq!(error.code(), "BAD_FORMAT", "{name} {at}: {error}");
        }
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "f32.npy",
        "fortran.npy",
        "f32.safetensors",
        "f32.pkl",
        "fixed-f32.arrow",
        "f64.npy",
    ] {
        let path = file(&folder, name, &std::fs::read(fixture(name)).unwrap());
        let shard = ShardRef::probe(&path, None).unwrap().open().unwrap();
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(150)
            .unwrap();
        let error = read(shard.as_ref(), 0, 10).unwrap_err();
        assert_eq!(error.code(), "BAD_FORMAT");
        assert!(error.to_string().contains("shrank"), "{name}: {error}");
    }
}

#[test]
fn a_file_that_changed_since_it_was_looked_at_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "a.npy", &std::fs::read(fixture("f32.npy")).unwrap());
    let found = ShardRef::probe(&path, None).unwrap();
    std::fs::copy(fixture("f16.npy"), &path).unwrap();
    let error = found.open().err().unwrap();
    assert!(error.to_string().contains("has changed"), "{error}");
}

#[test]
fn an_unreadable_folder_entry_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("looks_like.npy")).unwrap();
    let error = resolve(&[folder.path().to_str().unwrap().to_owned()], Role::Other).unwrap_err();
    assert_eq!(error.code(), "EMPTY");
}

/// A pickle of the given opcodes.
fn pickle(protocol: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0x80, protocol];
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

#[test]
fn a_pickle_never_runs_anything() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let command = format!("touch {}", mark.display());
    let text = |text: &str| {
        [
            b"X".as_slice(),
            &(text.len() as u32).to_le_bytes(),
            text.as_bytes(),
        ]
        .concat()
    };
    let call = [&b"]cposix\nsystem\n"[..], &text(&command), b"\x85R."].concat();
    refused(
        "a.pkl",
        &pickle(2, &[&call]),
        "posix.system, which is never loaded",
    );
    for (class, advice) in [
        (
            "pandas\nDataFrame",
            "which is never loaded; write the table with to_parquet",
        ),
        (
            "torch._utils\n_rebuild_tensor_v2",
            "which is never loaded; save tensors with torch.save",
        ),
        ("pandemic\nX", "which is never loaded; save NumPy arrays"),
    ] {
        refused(
            "a.pkl",
            &pickle(2, &[format!("]c{class}\n)R.").as_bytes()]),
            advice,
        );
    }
    let call = [
        &b"]"[..],
        &text("builtins"),
        &text("eval"),
        b"\x93",
        &text("1"),
        b"\x85R.",
    ]
    .concat();
    refused("a.pkl", &pickle(4, &[&call]), "builtins.eval");
    refused("a.pkl", &pickle(2, &[b"]", b"(iposix\nsystem\n."]), "never done");
    refused("a.pkl", &pickle(2, &[b"]cnumpy\nndarray\n)\x81."]), "never done");
    refused("a.pkl", &pickle(2, &[b"]", b"\x82\x01."]), "outside of the file");
    refused("a.pkl", &pickle(2, &[b"]", b"Px\n."]), "outside of the file");
    assert!(!mark.exists());
}

#[test]
fn a_pickle_that_nests_or_refers_wildly_is_refused() {
    let deep = [&b"]N"[..], &vec![0x85; 100_000]].concat();
    refused("a.pkl", &pickle(2, &[&deep]), "nested too deeply");
    refused(
        "a.pkl",
        &pickle(2, &[&vec![b'('; 2_000_000]]),
        "nested too deeply",
    );
    refused(
        "a.pkl",
        &pickle(2, &[b"]", &vec![b'N'; 2_000_000]]),
        "too many values",
    );
    refused("a.pkl", &pickle(2, &[b"]h\x05."]), "was not given");
    refused("a.pkl", &pickle(2, &[b"]q\x05q\x05."]), "written twice");
    refused("a.pkl", &pickle(2, &[b"]0000."]), "a value is missing");
    refused("a.pkl", &pickle(2, &[b"]t."]), "a mark is missing");
    refused("a.pkl", &pickle(2, &[b"]}(u"]), "ends too early");
    refused(
        "a.pkl",
        &pickle(4, &[b"]\x8e\xff\xff\xff\xff\xff\xff\xff\x7f"]),
        "longer than 4 GiB",
    );
    refused(
        "a.pkl",
        &pickle(4, &[b"]X\xff\xff\xff\x7f"]),
        "the file ends before",
    );
    refused("a.pkl", &pickle(2, &[b"]c", &[b'a'; 5000]]), "a name is too long");
    refused("a.pkl", &pickle(7, &[b"]."]), "protocol 7");
    // pickle.dumps([{'id': 1}], 0), and by protocol 1
    for oldest in [
        b"(lp0\n(dp1\nVid\np2\nI1\nsa.".as_slice(),
        b"]q\0}q\x01X\x02\0\0\0idq\x02K\x01sa.",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = ShardRef::probe(file(&folder, "a.pkl", oldest), None).unwrap_err();
        assert_eq!(error.code(), "UNSUPPORTED");
        assert!(error.to_string().contains("protocol 0 or 1"), "{error}");
    }
}

#[test]
fn an_array_with_fewer_bytes_than_components_is_refused() {
    let bytes = std::fs::read(fixture("f32.pkl")).unwrap();
    // the shape (4,) of the first array becomes (5,)
    let at = bytes.windows(4).position(|w| w == b"K\x01K\x04").unwrap();
    let mut changed = bytes.clone();
    changed[at + 3] = 5;
    refused("a.pkl", &changed, "5 components of f32 has 16 bytes");
}

#[test]
fn arrow_bytes_that_make_no_sense_are_refused() {
    for bytes in [
        &b""[..],
        b"ARROW1",
        b"ARROW1\0\0ARROW1",
        &[0xff; 64],
        &[0; 64],
        b"FEA1aaaaaaaaFEA1",
    ] {
        let error = memory_arrow(bytes.to_vec(), None).err().unwrap();
        assert!(["BAD_FORMAT", "UNSUPPORTED"].contains(&error.code()), "{error}");
        assert_eq!(error.path(), None);
    }
}

#[test]
fn a_compressed_buffer_that_promises_exabytes_is_refused() {
    let mut bytes = std::fs::read(fixture("lz4.feather")).unwrap();
    let frame = bytes
        .windows(4)
        .position(|w| w == [0x04, 0x22, 0x4d, 0x18])
        .unwrap();
    bytes[frame - 8..frame].copy_from_slice(&i64::MAX.to_le_bytes());
    refused("a.feather", &bytes, "impossible length");
}

#[test]
fn rows_asked_for_beyond_the_end_are_a_mistake_of_the_program() {
    let shard = ShardRef::probe(fixture("f32.npy"), None).unwrap().open().unwrap();
    let beyond = std::panic::AssertUnwindSafe(|| read(shard.as_ref(), 8, 3));
    assert!(std::panic::catch_unwind(beyond).is_err());
}

#[test]
fn a_file_that_grows_is_read_to_its_old_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "a.npy", &std::fs::read(fixture("f32.npy")).unwrap());
    let shard = ShardRef::probe(&path, None).unwrap().open().unwrap();
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(&[1; 100])
        .unwrap();
    assert_eq!(read(shard.as_ref(), 9, 1).unwrap(), [9.0, 9.125, 9.25, 9.375]);
}
