//! Hostile files. Those that torch itself wrote are in tests/containers/torch.rs.

use std::io::Write;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::ids::TorchIds;
use super::machine::tree;
use super::{TorchFile, open};
use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::id_column::IdColumn;
use crate::input::Input;
use crate::rows::{Ask, Opened};

/// The components of every tensor, with its name and shape.
type Read = Result<Vec<(String, Vec<u64>, Vec<u8>)>, String>;

fn read(bytes: &[u8]) -> Read {
    let file = TorchFile::open(&Input::memory(bytes.to_vec())).map_err(|error| error.to_string())?;
    let tensors = file.dictionary(&|_| true).map_err(|error| error.to_string())?;
    let components = |(name, tensor): (String, super::TorchTensor)| {
        let bytes = file.components(&tensor).map_err(|error| error.to_string())?;
        Ok((name, tensor.shape().to_vec(), bytes))
    };
    tensors.into_iter().map(components).collect()
}

fn refused(bytes: &[u8]) -> String {
    read(bytes).expect_err("refused")
}

/// A file with one tensor of 2 × 3.
fn good() -> Vec<u8> {
    let pickle = pickle(b"K\x00K\x02K\x03\x86K\x03K\x01\x86");
    let data: Vec<u8> = (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    zipped(
        &[("x/data.pkl", &pickle), ("x/data/0", &data)],
        CompressionMethod::Stored,
    )
}

fn zipped(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut zip = ZipWriter::new(std::io::Cursor::new(&mut bytes));
    for (name, content) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    bytes
}

/// A pickle of one tensor whose offset, shape and strides are given as opcodes.
fn pickle(sizes: &[u8]) -> Vec<u8> {
    let head =
        b"\x80\x02}(X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n\
                 FloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ";
    [head, sizes, b"\x89ccollections\nOrderedDict\n)RtRu."].concat()
}

#[test]
fn a_file_truncated_or_changed_anywhere_never_panics() {
    let good = good();
    assert_eq!(read(&good).unwrap()[0].1, [2, 3]);
    for len in 0..good.len() {
        assert!(read(&good[..len]).is_err(), "{len}");
    }
    for at in 0..good.len() {
        for value in [0, 0x7f, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let _ = read(&bytes);
        }
    }
}

#[test]
fn tensors_that_no_bytes_back_are_refused() {
    let data = [0_u8; 24];
    let file = |sizes: &[u8]| {
        let pickle = pickle(sizes);
        zipped(
            &[("x/data.pkl", &pickle), ("x/data/0", &data)],
            CompressionMethod::Stored,
        )
    };
    assert!(read(&file(b"K\x00K\x02K\x03\x86K\x03K\x01\x86")).is_ok());
    let long = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    for (sizes, said) in [
        (
            &b"K\x00K\x02K\x04\x86K\x04K\x01\x86"[..],
            "has 24 bytes, and its tensor of 32",
        ),
        (b"K\x01K\x02K\x03\x86K\x03K\x01\x86", "ends at 28"),
        (b"K\x00K\x02K\x04\x86K\x00K\x01\x86", "contiguous"),
        (b"K\x00K\x02K\x03\x86K\x01\x85", "cannot have the shape"),
        (
            &[b"K\x00", &long[..], &long[..], b"\x86K\x01K\x01\x86"].concat(),
            "cannot have the shape",
        ),
        (
            &[&long[..], b"K\x02K\x03\x86K\x03K\x01\x86"].concat(),
            "cannot have the shape",
        ),
        (
            b"K\x00J\xff\xff\xff\xffK\x03\x86K\x03K\x01\x86",
            "a size is not a number",
        ),
    ] {
        let reason = refused(&file(sizes));
        assert!(reason.contains(said), "{said}: {reason}");
    }
}

fn rows(bytes: Vec<u8>) -> Result<Opened, ShardError> {
    open(&Input::memory(bytes), &Ask::default())
}

/// torch never looks at the stride of an axis of one.
#[test]
fn an_axis_of_one_may_have_any_stride() {
    let pickle =
        pickle(b"K\x00K\x01K\x01\x86\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\0\0\0\0\0\0\0\x40\x86");
    let file = zipped(
        &[("x/data.pkl", &pickle), ("x/data/0", &2.5_f32.to_le_bytes())],
        CompressionMethod::Stored,
    );
    let (_, shape, bytes) = read(&file).unwrap().remove(0);
    assert_eq!((shape, bytes), (vec![1, 1], 2.5_f32.to_le_bytes().to_vec()));
    let mut buffer = Buffer::new();
    rows(file).unwrap().shard.read(0, 1, &mut buffer).unwrap();
    assert_eq!(buffer.as_bytes(), 2.5_f32.to_le_bytes());
}

/// Opcodes that give a vector of 70,000 components and remember it under 0.
fn remembered() -> Vec<u8> {
    let sizes = b"K\x00J\x70\x11\x01\x00\x85K\x01\x85";
    let whole = pickle(sizes);
    let start = b"\x80\x02}(X\x01\x00\x00\x00a".len();
    [&whole[start..whole.len() - 2], b"q\x00"].concat()
}

#[test]
fn one_tensor_is_not_any_number_of_rows() {
    let data = vec![0; 280_000];
    let list = |again: usize| {
        let pickle = [&b"\x80\x02]("[..], &remembered(), &b"h\x00".repeat(again), b"e."].concat();
        zipped(
            &[("x/data.pkl", &pickle), ("x/data/0", &data)],
            CompressionMethod::Stored,
        )
    };
    assert_eq!(rows(list(99)).unwrap().shard.rows(), 100);
    let error = rows(list(1100)).err().expect("refused").to_string();
    assert!(error.contains("times the file"), "{error}");
}

#[test]
fn names_are_not_multiplied_by_lists_in_lists() {
    // a key of a million letters before each of a thousand tensors that are not rows
    let key = [&b"X\x40\x42\x0f\x00"[..], &b"a".repeat(1_000_000)].concat();
    let head = b"\x80\x02}(X\x01\x00\x00\x00a".len();
    let matrix = pickle(b"K\x00K\x01K\x01\x86K\x01K\x01\x86");
    let matrix = &matrix[head..matrix.len() - 2];
    let pickle = [
        &b"\x80\x02}"[..],
        &key,
        b"](",
        matrix,
        b"q\x00",
        &b"h\x00".repeat(999),
        b"es.",
    ]
    .concat();
    let file = zipped(
        &[("x/data.pkl", &pickle), ("x/data/0", &[0; 4])],
        CompressionMethod::Stored,
    );
    let error = rows(file).err().expect("refused").to_string();
    assert!(error.contains("too deeply"), "{error}");
}

#[test]
fn an_id_is_short_and_given_in_batches() {
    let column = IdColumn {
        name: None,
        usual: &["ids"],
        captions: false,
    };
    let of = |id: &[u8], again: usize| {
        let len = (id.len() as u32).to_le_bytes();
        let id = [&b"X"[..], &len, id, b"q\x00", &b"h\x00".repeat(again)].concat();
        let pickle = [&b"\x80\x02}X\x03\x00\x00\x00ids]("[..], &id, b"es."].concat();
        let file = zipped(&[("x/data.pkl", &pickle)], CompressionMethod::Stored);
        let mut ids = TorchIds::open(&Input::memory(file), &column)?;
        Ok::<_, ShardError>(std::iter::from_fn(|| ids.next().map(|batch| batch.len())).collect::<Vec<_>>())
    };
    assert_eq!(of(b"a", 4999).unwrap(), [4096, 904]);
    let error = of(&[b'a'; 1025], 1).unwrap_err();
    assert_eq!(error.code(), "BAD_FORMAT", "{error}");
    assert!(error.to_string().contains("ids of row 0"), "{error}");
}

/// Values that lie apart in the file come in the order of the tensor.
#[test]
fn a_transposed_tensor_is_read_in_its_own_order() {
    let pickle = pickle(b"K\x00K\x03K\x02\x86K\x01K\x03\x86");
    let data: Vec<u8> = (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    let file = zipped(
        &[("x/data.pkl", &pickle), ("x/data/0", &data)],
        CompressionMethod::Stored,
    );
    let (_, shape, bytes) = read(&file).unwrap().remove(0);
    let values: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
    assert_eq!((shape, values), (vec![3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
}

/// `torch.save((image, text), FILE)`.
#[test]
fn a_tuple_is_a_list() {
    let tensor = |key: &[u8; 1]| {
        let head =
            b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00";
        let tail = b"X\x03\x00\x00\x00cpuK\x06tQK\x00K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtR";
        [&head[..], key, tail].concat()
    };
    let data: Vec<u8> = (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    let of = |pickle: &[u8], selector: Option<&str>| {
        let members = [("x/data.pkl", pickle), ("x/data/0", &data), ("x/data/1", &data)];
        let file = Input::memory(zipped(&members, CompressionMethod::Stored));
        open(
            &file,
            &Ask {
                selector,
                ..Ask::default()
            },
        )
    };
    let one = [&b"\x80\x02"[..], &tensor(b"0"), b"\x85."].concat();
    assert_eq!(of(&one, None).unwrap().shard.rows(), 2);
    let two = [&b"\x80\x02"[..], &tensor(b"0"), &tensor(b"1"), b"\x86."].concat();
    assert_eq!(of(&two, None).err().unwrap().code(), "BAD_SELECTOR");
    assert_eq!(of(&two, Some("1")).unwrap().shard.dim(), 3);
    // {'rows': rows, 'stats': (mean, std)}
    let vector = |key: &[u8; 1]| {
        let row = |part: &[u8], with: &[u8]| {
            let tensor = tensor(key);
            let at = tensor
                .windows(part.len())
                .position(|window| window == part)
                .unwrap();
            [&tensor[..at], with, &tensor[at + part.len()..]].concat()
        };
        row(b"K\x02K\x03\x86K\x03K\x01\x86", b"K\x03\x85K\x01\x85")
    };
    let stats = [
        &b"\x80\x02}X\x04\x00\x00\x00rows"[..],
        &tensor(b"0"),
        b"sX\x05\x00\x00\x00stats",
        &vector(b"1"),
        &vector(b"1"),
        b"\x86s.",
    ]
    .concat();
    let found = of(&stats, None).unwrap();
    assert_eq!((found.selector.as_deref(), found.shard.rows()), (Some("rows"), 2));
    // X.unbind() is a tuple of rows, whose name says so, or which is longer than a few numbers beside rows
    let rows = |name: &[u8], count: usize| {
        let head = [&b"\x80\x02}X"[..], &(name.len() as u32).to_le_bytes(), name, b"("].concat();
        let rows = vector(b"1").repeat(count);
        let rest = [b"tsX\x08\x00\x00\x00centroid", &tensor(b"0")[..], b"s."].concat();
        [head, rows, rest].concat()
    };
    let found = of(&rows(b"embeddings", 2), None).unwrap();
    assert_eq!(
        (found.selector.as_deref(), found.shard.rows()),
        (Some("embeddings"), 2)
    );
    assert_eq!(of(&rows(b"rows", 4), None).err().unwrap().code(), "BAD_SELECTOR");
    let found = of(&stats, Some("stats")).unwrap();
    assert_eq!((found.shard.rows(), found.shard.dim()), (2, 3));
}

/// The marks of such a view stand behind the hooks (`torch._utils.get_tensor_metadata`); its values are stored with the other sign.
#[test]
fn negative_and_conjugate_views_are_refused() {
    let data: Vec<u8> = (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    for mark in ["neg", "conj"] {
        let plain = pickle(b"K\x00K\x02K\x03\x86K\x03K\x01\x86");
        let rest = plain.strip_suffix(b"tRu.").unwrap();
        let marks = [
            &b"}X"[..],
            &(mark.len() as u32).to_le_bytes(),
            mark.as_bytes(),
            b"\x88stRu.",
        ]
        .concat();
        let file = [rest, &marks].concat();
        let file = zipped(
            &[("x/data.pkl", &file), ("x/data/0", &data)],
            CompressionMethod::Stored,
        );
        let reason = refused(&file);
        assert!(reason.contains("resolve_neg"), "{reason}");
    }
    // without a mark the place is empty
    let plain = pickle(b"K\x00K\x02K\x03\x86K\x03K\x01\x86");
    let none = [plain.strip_suffix(b"tRu.").unwrap(), b"NtRu."].concat();
    let file = zipped(
        &[("x/data.pkl", &none), ("x/data/0", &data)],
        CompressionMethod::Stored,
    );
    assert_eq!(read(&file).unwrap().len(), 1);
}

/// A bomb would be a small member that unpacks to gigabytes; torch stores members as they are.
#[test]
fn archives_of_another_make_are_refused() {
    let pickle = pickle(b"K\x00K\x02K\x03\x86K\x03K\x01\x86");
    let deflated = zipped(&[("x/data.pkl", &pickle)], CompressionMethod::Deflated);
    assert!(refused(&deflated).contains("compressed"));
    let missing = zipped(&[("x/data.pkl", &pickle)], CompressionMethod::Stored);
    assert!(refused(&missing).contains("data/0"));
    let other = zipped(&[("readme.txt", b"hello")], CompressionMethod::Stored);
    assert!(refused(&other).contains("data.pkl"));
    assert!(refused(b"no zip at all").contains("PyTorch 1.6"));
}

#[test]
fn pickles_that_would_run_or_fill_something_are_refused() {
    // a thousand tuples inside of each other; dropping them would exhaust the stack if there were a million
    let nested = [&b"\x80\x02)"[..], &b"\x85".repeat(1000), b"."].concat();
    // twice as many references with every step, for a reader that copies what a memo holds
    let doubled = [&b"\x80\x02)q\x00"[..], &b"h\x00h\x00\x86q\x00".repeat(60), b"."].concat();
    for (bytes, said) in [
        (
            &b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."[..],
            "os.system",
        ),
        (b"\x80\x02cbuiltins\neval\n.", "builtins.eval"),
        (b"\x80\x02X\xff\xff\xff\xffa.", "truncated"),
        (b"\x80\x02u.", "a mark is missing"),
        (b"\x80\x02s.", "a value is missing"),
        (b"\x80\x02h\x07.", "not given"),
        (b"\x80\x02cnever", "does not end"),
        (b"\x80\x09.", "protocol 9"),
        (b"\x80\x02}", "truncated"),
        (b"\x80\x02\x81.", "opcode 0x81"),
        (b"", "truncated"),
        (
            b"\x80\x02}(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00aK\x02u.",
            "one key twice",
        ),
        (&nested, "nested too deeply"),
        (&doubled, "nested too deeply"),
    ] {
        let reason = tree(bytes).unwrap_err();
        assert!(reason.contains(said), "{said}: {reason}");
    }
    assert!(tree(b"\x80\x02}.").is_ok());
}
