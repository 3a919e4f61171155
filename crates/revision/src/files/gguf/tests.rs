//! Hostile files, and every storage type against the package gguf.

use std::path::{Path, PathBuf};

use super::*;
use crate::RevisionError;

/// Bytes of a GGUF file, written without any check.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn new(version: u32, tensors: u64, pairs: u64) -> Self {
        Self(b"GGUF".to_vec()).u32(version).u64(tensors).u64(pairs)
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.u64(text.len() as u64).raw(text.as_bytes())
    }

    fn tensor(self, name: &str, axes: &[u64], kind: u32, offset: u64) -> Self {
        let head = self.text(name).u32(axes.len() as u32);
        axes.iter()
            .fold(head, |bytes, &axis| bytes.u64(axis))
            .u32(kind)
            .u64(offset)
    }

    fn pad(mut self, to: usize) -> Self {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
        self
    }

    fn open(&self) -> Result<Gguf> {
        Gguf::read(Source::memory(&self.0))
    }

    fn refused(&self) -> String {
        match self.open() {
            Err(RevisionError::BadModel { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/gguf")
        .join(name)
}

/// One pair and one tensor of two values.
fn small() -> Bytes {
    let header = Bytes::new(3, 1, 1)
        .text("a.key")
        .u32(4)
        .u32(7)
        .tensor("t", &[2], 0, 0);
    header.pad(32).raw(&[0, 0, 128, 63, 0, 0, 0, 64])
}

#[test]
fn a_small_file_is_read_in_both_versions() {
    for version in [2_u32, 3] {
        let mut bytes = small();
        bytes.0[4..8].copy_from_slice(&version.to_le_bytes());
        let file = bytes.open().unwrap();
        assert_eq!(file.metadata().size("a.key"), Ok(Some(7)));
        let values = file.tensor("t").unwrap().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values, [1.0, 2.0]);
        assert!(file.tensor("u").unwrap().is_none());
    }
}

/// The kinds of the specification of GGUF: 1, 3, 5, 11 have a sign, 0, 2, 4, 10 have none.
#[test]
fn whole_numbers_of_every_kind_keep_their_sign() {
    for (kind, bytes) in [
        (1, (-7_i8).to_le_bytes().to_vec()),
        (3, (-7_i16).to_le_bytes().to_vec()),
        (5, (-7_i32).to_le_bytes().to_vec()),
        (11, (-7_i64).to_le_bytes().to_vec()),
    ] {
        let list = Bytes::new(3, 0, 2)
            .text("list")
            .u32(9)
            .u32(kind)
            .u64(1)
            .raw(&bytes);
        let file = list.text("one").u32(kind).raw(&bytes).pad(32).open().unwrap();
        assert_eq!(file.metadata().ints("list"), Ok(Some(&[-7][..])), "kind {kind}");
        assert!(file.metadata().size("one").is_err(), "kind {kind}");
    }
    for (kind, width) in [(0, 1), (2, 2), (4, 4), (10, 8)] {
        let most = (1_i64 << (8 * width - 1).min(62)).to_le_bytes();
        let list = Bytes::new(3, 0, 1).text("list").u32(9).u32(kind).u64(1);
        let file = list.raw(&most[..width]).pad(32).open().unwrap();
        let expected = [i64::from_le_bytes(most)];
        assert_eq!(
            file.metadata().ints("list"),
            Ok(Some(&expected[..])),
            "kind {kind}"
        );
    }
}

/// Cut after any byte, a file is refused: never a panic, never a tensor of other bytes.
#[test]
fn a_file_truncated_anywhere_is_refused() {
    let whole = small();
    for len in 0..whole.0.len() {
        let reason = Bytes(whole.0[..len].to_vec()).refused();
        assert!(reason.contains("truncated"), "{len}: {reason}");
    }
    let model = std::fs::read(fixture("wide-q4_1.gguf")).unwrap();
    for len in (0..model.len()).step_by(997) {
        assert!(Bytes(model[..len].to_vec()).open().is_err(), "{len}");
    }
}

/// Any byte of the header set to anything gives a file or an error, and the work for it is bounded by the file.
#[test]
fn a_header_with_any_byte_changed_never_panics() {
    let whole = small();
    for at in 0..whole.0.len() - 8 {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes.0[at] = value;
            if let Ok(file) = bytes.open() {
                for name in file.names().map(str::to_owned).collect::<Vec<_>>() {
                    let _ = file.tensor(&name);
                }
            }
        }
    }
}

#[test]
fn other_files_are_named_for_what_they_are() {
    for (bytes, said) in [
        (Bytes(b"GGML".to_vec()).u32(3).u64(0).u64(0), "not a GGUF"),
        (Bytes::new(1, 0, 0), "version 1"),
        (Bytes::new(4, 0, 0), "version 4"),
        (Bytes::new(3_u32.swap_bytes(), 0, 0), "big-endian"),
    ] {
        let reason = bytes.refused();
        assert!(reason.contains(said), "{reason}");
    }
}

/// Each claims more than the file holds; nothing is allocated for it.
#[test]
fn sizes_that_nothing_backs_are_refused() {
    let huge = 1_u64 << 60;
    let pair = |kind: u32| Bytes::new(3, 0, 1).text("k").u32(kind);
    for (bytes, said) in [
        (Bytes::new(3, u64::MAX, 0), "promises"),
        (Bytes::new(3, 0, u64::MAX), "promises"),
        (Bytes::new(3, 0, 1).u64(huge).pad(64), "text of"),
        (Bytes::new(3, 0, 1).u64(60_000).pad(64), "promises"),
        (pair(8).u64(huge), "text of"),
        (pair(8).u64(1 << 20), "promises"),
        (pair(9).u32(4).u64(huge), "promises"),
        (pair(9).u32(8).u64(u64::MAX), "promises"),
        (pair(9).u32(9).u64(1), "lists of lists"),
        (pair(9).u32(77).u64(1), "kind 77"),
        (pair(13).u64(0), "kind 13"),
        (pair(7).raw(&[2]), "not a boolean"),
        (
            Bytes::new(3, 1, 0).tensor("t", &[1 << 40, 1 << 40], 0, 0),
            "cannot have the shape",
        ),
        (
            Bytes::new(3, 1, 0).tensor("t", &[u64::MAX], 0, 0),
            "cannot have the shape",
        ),
        (
            Bytes::new(3, 1, 0).tensor("t", &[0], 0, 0),
            "cannot have the shape",
        ),
        (
            Bytes::new(3, 1, 0).tensor("t", &[33], 2, 0).pad(64),
            "cannot have the shape",
        ),
        (Bytes::new(3, 1, 0).tensor("t", &[1 << 40], 0, 0), "beyond"),
        (Bytes::new(3, 1, 0).tensor("t", &[], 0, 0), "0 axes"),
        (Bytes::new(3, 1, 0).tensor("t", &[1; 5], 0, 0), "5 axes"),
        (
            Bytes::new(3, 1, 0).tensor("t", &[32], 16, 0).pad(64),
            "stored as IQ2_XXS",
        ),
    ] {
        let reason = bytes.refused();
        assert!(reason.contains(said), "{said}: {reason}");
    }
}

#[test]
fn tensors_outside_of_the_file_or_off_their_grid_are_refused() {
    let placed = |offset| {
        Bytes::new(3, 1, 0)
            .tensor("t", &[2], 0, offset)
            .pad(32)
            .raw(&[0; 8])
    };
    assert!(placed(0).open().is_ok());
    assert!(placed(4).refused().contains("multiple of 32"));
    assert!(placed(32).refused().contains("beyond"));
    assert!(placed(u64::MAX - 31).refused().contains("beyond"));
    for alignment in [0, 3, 1 << 30] {
        let bytes = Bytes::new(3, 0, 1)
            .text("general.alignment")
            .u32(4)
            .u32(alignment);
        assert!(bytes.refused().contains("power of two"));
    }
}

#[test]
fn tensors_that_overlap_are_refused() {
    let two = |second| {
        Bytes::new(3, 2, 0)
            .tensor("b", &[4], 0, second)
            .tensor("a", &[16], 0, 0)
            .pad(32)
            .raw(&[0; 96])
    };
    assert!(two(64).open().is_ok());
    assert!(two(32).refused().contains("the tensors a and b overlap"));
    assert!(two(0).refused().contains("overlap"));
}

/// Each of these would be computed wrongly without a word; with its neutral value it says nothing.
#[test]
fn keys_that_change_what_is_computed_are_refused_by_name() {
    let with = |key: &str, kind: u32, value: &[u8]| {
        let bytes = Bytes::new(3, 0, 2)
            .text("general.architecture")
            .u32(8)
            .text("llama");
        let file = bytes.text(key).u32(kind).raw(value).open().unwrap();
        file.config().unwrap_err().to_string()
    };
    let missing = "context_length is missing";
    for (key, value, neutral) in [
        ("llama.logit_scale", 0.5_f32, 1.0_f32),
        ("llama.residual_scale", 0.22, 1.0),
        ("llama.attention.scale", 0.01, 0.0),
        ("llama.attention.clamp_kqv", 8.0, 0.0),
        ("llama.final_logit_softcapping", 30.0, 0.0),
        ("llama.rope.scaling.attn_factor", 1.2, 1.0),
    ] {
        let reason = with(key, 6, &value.to_le_bytes());
        assert!(reason.contains(&format!("{key} is ")), "{key}: {reason}");
        let reason = with(key, 6, &neutral.to_le_bytes());
        assert!(reason.contains(missing), "{key}: {reason}");
    }
    assert!(with("llama.attention.causal", 7, &[0]).contains("attends to what follows"));
    assert!(with("llama.attention.causal", 7, &[1]).contains(missing));
}

#[test]
fn names_that_stand_twice_and_text_that_is_none_are_refused() {
    let twice = Bytes::new(3, 0, 2)
        .text("k")
        .u32(7)
        .raw(&[0])
        .text("k")
        .u32(7)
        .raw(&[1]);
    assert!(twice.refused().contains("the key k stands twice"));
    let tensors = Bytes::new(3, 2, 0)
        .tensor("t", &[1], 0, 0)
        .tensor("t", &[1], 0, 0);
    assert!(
        tensors
            .pad(32)
            .raw(&[0; 32])
            .refused()
            .contains("the tensor t stands twice")
    );
    let latin = Bytes::new(3, 0, 1).u64(2).raw(&[b'k', 0xe9]).u32(7).raw(&[0]);
    assert!(latin.pad(64).refused().contains("not UTF-8"));
}

/// The file written by the package gguf, which dequantised the same blocks. Both compute scale × integer + minimum in
/// f32; the K types round products of two scales, in an order of their own.
#[test]
fn every_storage_type_is_decoded_as_by_gguf() {
    let file = Gguf::open(&fixture("types.gguf")).unwrap();
    let expected = candle_core::safetensors::load(fixture("types.safetensors"), &candle_core::Device::Cpu);
    let expected = expected.unwrap();
    assert_eq!(expected.len(), 13);
    for (name, wanted) in expected {
        let found = file.tensor(&name).unwrap().unwrap();
        let (found, wanted) = (found.to_vec2::<f32>().unwrap(), wanted.to_vec2::<f32>().unwrap());
        let most = wanted
            .iter()
            .flatten()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        for (a, b) in found.iter().flatten().zip(wanted.iter().flatten()) {
            assert!((a - b).abs() <= 2.0 * f32::EPSILON * most, "{name}: {a} {b}");
        }
    }
}
