//! From text to tokens and back.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use modality_gap_tokens::TokenizerRules;
use tokenizers::{AddedVocabulary, Model, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer};

use super::marks::{self, Mark, Marks};
use super::{byte_level, sentencepiece};
use crate::files::{Metadata, ModelFiles, TextFiles, bad, read_text};
use crate::{Result, RevisionError};

/// Inside what is spelled like a special token and is text; no character, and taken out before tokens are made.
const BREAK: char = '\u{fdd3}';

/// The tokenizer of a language model, with the tokens that have a meaning of their own.
///
/// It adds no token by itself: what begins and ends a text is the template's business.
pub struct TextCodec {
    tokenizer: Tokenizer,
    /// The added tokens, of which the special ones are plain text.
    unmarked: AddedVocabulary,
    rules: TokenizerRules,
    /// Special tokens by their spelling, longest first; without those that are words, which texts may say.
    specials: Vec<(String, u32)>,
    /// Bytes that one of them begins with: few, so that most of a text is passed over.
    firsts: Vec<u8>,
    marks: Marks,
    /// Rows of the model's embedding: some tokenizers have tokens that the model never saw.
    vocab: usize,
    notes: Vec<String>,
}

impl TextCodec {
    /// The tokenizer of a model: `tokenizer.json` with the files beside it, or the metadata of a GGUF file.
    ///
    /// # Errors
    /// `NOT_FOUND` or `BAD_MODEL` with the file.
    pub fn open(files: &ModelFiles) -> Result<Self> {
        let (ends, vocab) = (files.ends()?, files.config().vocab);
        match files.text() {
            TextFiles::Folder(folder) => Self::of_folder(folder, &ends, vocab),
            TextFiles::Gguf(metadata) => {
                let mut codec =
                    Self::of_metadata(metadata, &ends, vocab).map_err(|reason| bad(files.path(), reason))?;
                codec.marks.template_file = Some(files.path().to_owned());
                let named = |note: &String| format!("{}: {note}", files.path().display());
                codec.notes = codec.notes.iter().map(named).collect();
                Ok(codec)
            }
        }
    }

    /// From `tokenizer.json` and what stands beside it.
    pub(super) fn of_folder(folder: &Path, ends: &[u32], vocab: usize) -> Result<Self> {
        let file = folder.join("tokenizer.json");
        let fault = |error: tokenizers::Error| bad(&file, error.to_string());
        let text = read_text(&file)?;
        let rules = TokenizerRules::check(&text).map_err(|reason| bad(&file, reason))?;
        let tokenizer = unharmed(|| {
            let mut tokenizer = Tokenizer::from_bytes(&text)?;
            // before anything is encoded: it may ask for a billion tokens of padding
            tokenizer.with_padding(None);
            tokenizer.with_truncation(None)?;
            Ok(tokenizer)
        })
        .map_err(fault)?;
        let (tokenizer, marks, notes) =
            unharmed(|| Ok(marks::of_folder(folder, tokenizer, ends, &text))).map_err(fault)??;
        Self::new(tokenizer, rules, marks, notes, vocab).map_err(fault)
    }

    /// From the metadata of a GGUF file.
    pub(super) fn of_metadata(
        metadata: &Metadata,
        ends: &[u32],
        vocab: usize,
    ) -> std::result::Result<Self, String> {
        let (mut tokenizer, notes) = match metadata.text("tokenizer.ggml.model")? {
            Some("gpt2") => byte_level::build(metadata)?,
            Some("llama") => (sentencepiece::build(metadata)?, Vec::new()),
            Some(other) => return Err(format!("the tokenizer {other} is not known; gpt2 and llama are")),
            None => return Err("it holds no tokenizer".to_owned()),
        };
        let marks = marks::of_metadata(metadata, &mut tokenizer, ends)?;
        Self::new(tokenizer, TokenizerRules::default(), marks, notes, vocab)
            .map_err(|error| error.to_string())
    }

    fn new(
        tokenizer: Tokenizer,
        rules: TokenizerRules,
        marks: Marks,
        notes: Vec<String>,
        vocab: usize,
    ) -> tokenizers::Result<Self> {
        let mut unmarked = tokenizer.get_added_vocabulary().clone();
        unmarked.set_encode_special_tokens(true);
        let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        let special = added
            .iter()
            .filter(|(id, token)| token.special && (is_sign(&token.content) || marks.ends.contains(id)));
        let mut specials: Vec<(String, u32)> =
            special.map(|(&id, token)| (token.content.clone(), id)).collect();
        specials.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        let mut firsts: Vec<u8> = specials.iter().map(|(text, _)| text.as_bytes()[0]).collect();
        firsts.sort_unstable();
        firsts.dedup();
        let codec = Self {
            tokenizer,
            unmarked,
            rules,
            specials,
            firsts,
            marks,
            vocab,
            notes,
        };
        // a damaged tokenizer fails here and not in the middle of a training
        codec.tokens("a Bc 12, \u{e9}\n", true).and_then(|tokens| {
            let ids: Vec<u32> = tokens.into_iter().map(|(id, _)| id).collect();
            unharmed(|| codec.tokenizer.decode(&ids, false))
        })?;
        Ok(codec)
    }

    /// What is worth saying about the tokenizer.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Tokens of a text at its beginning; with `specials`, spellings of special tokens in it become those tokens.
    ///
    /// # Errors
    /// `BAD_OPTION` when the tokenizer fails, or has a token that the model lacks.
    pub fn encode(&self, text: &str, specials: bool) -> Result<Vec<u32>> {
        let tokens = self.tokens(text, specials).map_err(refused)?;
        tokens.into_iter().map(|(id, _)| self.known(id)).collect()
    }

    /// Tokens of a text with special tokens, each with its bytes in the text; what is [defused](Self::defused) is text.
    pub(super) fn stretch(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>> {
        let tokens = self.tokens(text, true).map_err(refused)?;
        let known = |(id, bytes)| Ok((self.known(id)?, bytes));
        tokens.into_iter().map(known).collect()
    }

    fn tokens(&self, text: &str, specials: bool) -> tokenizers::Result<Vec<(u32, Range<usize>)>> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        self.rules.takes(text)?;
        let tokenizer = &self.tokenizer;
        let added = if specials {
            tokenizer.get_added_vocabulary()
        } else {
            &self.unmarked
        };
        let encoding = unharmed(|| {
            let mut parts = added.extract_and_normalize(tokenizer.get_normalizer(), text);
            if text.contains(BREAK) {
                without_breaks(&mut parts)?;
            }
            if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
                pre_tokenizer.pre_tokenize(&mut parts)?;
            }
            tokenizer.get_model().tokenize_in_pretokenized(&mut parts, None)?;
            parts.into_encoding(None, 0, OffsetType::Byte)
        })?;
        let bytes = encoding.get_offsets().iter().map(|&(start, end)| start..end);
        Ok(encoding.get_ids().iter().copied().zip(bytes).collect())
    }

    /// The text with a code in everything that is spelled like a special token, so that it stays text.
    pub(super) fn defused(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            out.push(first);
            if self.special(rest).is_some() {
                out.push(BREAK);
            }
            rest = &rest[first.len_utf8()..];
        }
        out
    }

    /// The first special token in a text: its bytes and its number.
    pub(super) fn first_special(&self, text: &str) -> Option<(Range<usize>, u32)> {
        text.char_indices().find_map(|(at, _)| {
            let (spelling, id) = self.special(&text[at..])?;
            Some((at..at + spelling.len(), *id))
        })
    }

    /// The special token with which a text begins.
    fn special(&self, text: &str) -> Option<&(String, u32)> {
        if !self.firsts.contains(text.as_bytes().first()?) {
            return None;
        }
        let mut specials = self.specials.iter();
        specials.find(|(spelling, _)| text.starts_with(spelling.as_str()))
    }

    /// A token that the model has a row for.
    pub fn known(&self, id: u32) -> Result<u32> {
        if (id as usize) < self.vocab {
            return Ok(id);
        }
        let token = self.tokenizer.id_to_token(id).unwrap_or_default();
        Err(RevisionError::BadOption(format!(
            "the tokenizer's token {id}, {token:?}, lies beyond the {} that the model has",
            self.vocab
        )))
    }

    /// The text of tokens; special ones are left out unless `specials`.
    pub fn decode(&self, ids: &[u32], specials: bool) -> Result<String> {
        unharmed(|| self.tokenizer.decode(ids, !specials)).map_err(refused)
    }

    /// The number of a token by its spelling in the vocabulary.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The spelling of a token in the vocabulary.
    pub fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    /// Whether a token is one of those that stand for no text.
    pub fn is_special(&self, id: u32) -> bool {
        let added = self.tokenizer.get_added_vocabulary();
        let token = added.get_added_tokens_decoder().get(&id);
        token.is_some_and(|token| token.special)
    }

    /// Tokens with a meaning of their own.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The tokenizer as a `tokenizer.json`; where texts begin with a mark, it puts that.
    pub fn to_json(&self) -> Result<String> {
        let json = self.tokenizer.to_string(false).map_err(refused)?;
        let bos = self.marks.bos.as_ref().filter(|_| self.marks.adds_bos);
        match (bos, self.tokenizer.get_post_processor()) {
            (Some(bos), None) => {
                let bad = |error: serde_json::Error| refused(error.into());
                let mut json: serde_json::Value = serde_json::from_str(&json).map_err(bad)?;
                json["post_processor"] = beginning(bos);
                Ok(json.to_string())
            }
            _ => Ok(json),
        }
    }
}

/// A post-processor that puts a token before a text.
fn beginning(bos: &Mark) -> serde_json::Value {
    let token = |of: usize| serde_json::json!({ "SpecialToken": { "id": bos.text, "type_id": of } });
    let text = |id: &str, of: usize| serde_json::json!({ "Sequence": { "id": id, "type_id": of } });
    serde_json::json!({
        "type": "TemplateProcessing",
        "single": [token(0), text("A", 0)],
        "pair": [token(0), text("A", 0), token(1), text("B", 1)],
        "special_tokens": { bos.text.as_str(): { "id": bos.text, "ids": [bos.id], "tokens": [bos.text] } },
    })
}

/// Whether a special token is spelled so that a text holds it on purpose only, unlike `user` or `Human`.
fn is_sign(spelling: &str) -> bool {
    spelling
        .chars()
        .any(|letter| !letter.is_alphanumeric() && !letter.is_whitespace() && letter != '_')
}

/// Takes the codes out again, after special tokens were looked for.
fn without_breaks(parts: &mut PreTokenizedString) -> tokenizers::Result<()> {
    parts.normalize(|part| {
        part.filter(|letter| letter != BREAK);
        Ok(())
    })
}

/// What the tokenizers library answers, a panic as an error: it takes some of its files at their word.
fn unharmed<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("it contradicts itself".into()))
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn refused(error: tokenizers::Error) -> RevisionError {
    RevisionError::BadOption(format!("the tokenizer refuses: {error}"))
}
