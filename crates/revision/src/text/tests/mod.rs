//! Tokenizers and templates against llama.cpp, tokenizers, sentencepiece and transformers (fixtures/make_text.py), and
//! index tables written by hand.

mod own_templates;
mod samples;
mod templates;
mod tokens;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;

/// Workers of a loader share them.
#[test]
fn they_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<TextCodec>();
    shared::<Template>();
    shared::<crate::ModelFiles>();
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn golden() -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture("text.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<u32> {
    let all = value.as_array().unwrap().iter();
    all.map(|id| u32::try_from(id.as_u64().unwrap()).unwrap())
        .collect()
}

/// A tokenizer with the special tokens of several families, each word of the tests a few tokens.
fn chat() -> TextCodec {
    TextCodec::of_folder(&fixture("text/chat"), &[], 1000).unwrap()
}

/// All tokens of pieces without images, and which of them are learned.
fn flat(pieces: &[Piece]) -> (Vec<u32>, Vec<bool>) {
    let token = |piece: &Piece| match piece {
        Piece::Tokens { ids, learn } => ids.iter().map(|&id| (id, *learn)).collect::<Vec<_>>(),
        Piece::Image => Vec::new(),
    };
    pieces.iter().flat_map(token).unzip()
}
