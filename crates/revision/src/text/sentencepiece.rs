//! SentencePiece's BPE from the metadata of a GGUF file: pieces with scores, bytes for what no piece spells.
//!
//! Merges are not in the file and are derived from the pieces, as transformers does: every cut of a piece into two
//! others, the best score first.

use tokenizers::Tokenizer;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace, Sequence};

use super::byte_level::{added, pairs, vocabulary};
use crate::files::Metadata;

/// What SentencePiece writes for a space.
const SPACE: &str = "▁";
/// Longest piece, in characters: a piece of n has n − 1 cuts. Published ones have at most 48.
const LONGEST: usize = 1024;

/// Bytes that merges may take, and how many more for every piece: those of published files take less than half of it.
const MERGES: (usize, usize) = (64 << 20, 1 << 10);
/// Bytes of a merge beside its letters: two strings, on the heap.
const MERGE: usize = 96;

/// The tokenizer of a file whose model is `llama`.
pub(super) fn build(metadata: &Metadata) -> Result<Tokenizer, String> {
    let text = |error: tokenizers::Error| error.to_string();
    let tokens = metadata.texts("tokenizer.ggml.tokens")?.unwrap_or_default();
    let vocabulary = vocabulary(metadata)?;
    let merges = match metadata.texts("tokenizer.ggml.merges")? {
        Some(merges) => pairs(merges)?,
        None => derived(tokens, scores(metadata, tokens.len())?, &vocabulary)?,
    };
    let unknown = metadata.size("tokenizer.ggml.unknown_token_id")?.unwrap_or(0);
    let unknown = tokens
        .get(unknown)
        .ok_or("the unknown token is not in the vocabulary")?;
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .unk_token(unknown.clone())
        .fuse_unk(true)
        .byte_fallback(true)
        .build()
        .map_err(text)?;
    let mut tokenizer = Tokenizer::new(model);
    let prefix = metadata.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let mut normalizers: Vec<NormalizerWrapper> = Vec::new();
    if prefix {
        normalizers.push(Prepend::new(SPACE.to_owned()).into());
    }
    normalizers.push(Replace::new(" ", SPACE).map_err(text)?.into());
    tokenizer
        .with_normalizer(Some(Sequence::new(normalizers)))
        .map_err(text)?;
    let mut decoders = vec![
        Replace::new(SPACE, " ").map_err(text)?.into(),
        ByteFallback::new().into(),
        Fuse::new().into(),
    ];
    if prefix {
        decoders.push(Strip::new(' ', 1, 0).into());
    }
    tokenizer.with_decoder(Some(Decoders::new(decoders)));
    tokenizer.add_tokens(added(metadata)?).map_err(text)?;
    Ok(tokenizer)
}

fn scores(metadata: &Metadata, count: usize) -> Result<&[f32], String> {
    let scores = metadata.floats("tokenizer.ggml.scores")?;
    let scores = scores.ok_or("tokenizer.ggml.scores is missing")?;
    if scores.len() != count || scores.iter().any(|score| score.is_nan()) {
        return Err(format!(
            "{count} tokens have {} scores, or some are not numbers",
            scores.len()
        ));
    }
    Ok(scores)
}

/// Every pair of pieces that makes a piece: the best score first, then the longer parts first.
fn derived(tokens: &[String], scores: &[f32], vocabulary: &Vocab) -> Result<Vec<(String, String)>, String> {
    struct Cut<'a> {
        score: f32,
        lengths: (usize, usize),
        parts: (&'a str, &'a str),
    }
    let mut cuts: Vec<Cut> = Vec::new();
    let mut room = tokens.len().saturating_mul(MERGES.1).saturating_add(MERGES.0);
    for (token, &score) in tokens.iter().zip(scores) {
        let length = token.chars().count();
        if length > LONGEST {
            return Err(format!(
                "a token has {length} characters; at most {LONGEST} are read"
            ));
        }
        let mut here = Vec::new();
        for (left, (at, _)) in token.char_indices().enumerate().skip(1) {
            let parts = token.split_at(at);
            if let (Some(&a), Some(&b)) = (vocabulary.get(parts.0), vocabulary.get(parts.1)) {
                room = room
                    .checked_sub(MERGE + token.len())
                    .ok_or("its pieces have too many cuts into pieces")?;
                let lengths = (left, length - left);
                here.push((
                    a,
                    b,
                    Cut {
                        score,
                        lengths,
                        parts,
                    },
                ));
            }
        }
        here.sort_by_key(|&(a, b, _)| (a, b));
        cuts.extend(here.into_iter().map(|(_, _, cut)| cut));
    }
    cuts.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.lengths.cmp(&a.lengths)));
    let owned = |cut: Cut| (cut.parts.0.to_owned(), cut.parts.1.to_owned());
    Ok(cuts.into_iter().map(owned).collect())
}
