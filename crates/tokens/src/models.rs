//! Models that a class builds around the vocabulary of `tokenizer.json`.

use serde_json::json;
use tokenizers::Model;
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::BPE;
use tokenizers::models::unigram::Unigram;

/// A part of a tokenizer, or why it cannot be built.
pub(crate) type Built<T> = Result<T, String>;

/// How byte pairs are joined.
#[derive(Default)]
pub(crate) struct Joined<'a> {
    pub end_of_word: Option<&'a str>,
    pub fuse_unknown: bool,
    pub byte_fallback: bool,
    pub unknown: Option<String>,
}

/// Byte pairs with the vocabulary and the merges of the file, without merges where it has another model.
pub(crate) fn byte_pairs(file: &ModelWrapper, joined: Joined<'_>) -> Built<ModelWrapper> {
    let mut model = match file {
        ModelWrapper::BPE(bpe) => {
            if bpe
                .continuing_subword_prefix
                .as_deref()
                .is_some_and(|prefix| !prefix.is_empty())
            {
                return Err("its continuing_subword_prefix is not that of the class".to_owned());
            }
            bpe.clone()
        }
        other => {
            let vocab = other.get_vocab().into_iter().collect();
            BPE::new(vocab, Vec::new())
        }
    };
    model.continuing_subword_prefix = None;
    model.end_of_word_suffix = joined.end_of_word.map(str::to_owned);
    model.fuse_unk = joined.fuse_unknown;
    model.byte_fallback = joined.byte_fallback;
    model.unk_token = joined.unknown;
    model.dropout = None;
    model.ignore_merges = false;
    Ok(model.into())
}

/// Pieces of words, with the vocabulary of the file.
pub(crate) fn word_pieces(file: &ModelWrapper, unknown: String) -> Built<ModelWrapper> {
    const PREFIX: &str = "##";
    const LONGEST: usize = 100;
    if let ModelWrapper::WordPiece(model) = file {
        let mut model = model.clone();
        model.unk_token = unknown;
        PREFIX.clone_into(&mut model.continuing_subword_prefix);
        model.max_input_chars_per_word = LONGEST;
        return Ok(model.into());
    }
    let model = json!({
        "type": "WordPiece",
        "unk_token": unknown,
        "continuing_subword_prefix": PREFIX,
        "max_input_chars_per_word": LONGEST,
        "vocab": file.get_vocab(),
    });
    serde_json::from_value(model).map_err(|error| error.to_string())
}

/// Pieces with scores, of which number `unknown` stands for what no piece spells.
pub(crate) fn scored(file: &ModelWrapper, unknown: usize) -> Built<ModelWrapper> {
    let ModelWrapper::Unigram(model) = file else {
        return Err("it holds no Unigram, which the class takes".to_owned());
    };
    let vocab = model.iter().cloned().collect();
    let built = Unigram::from(vocab, Some(unknown), false);
    built.map(Into::into).map_err(|error| error.to_string())
}
