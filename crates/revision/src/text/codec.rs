//! From text to tokens and back.

use std::path::Path;

use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{AddedVocabulary, Model, OffsetType, PreTokenizer, Tokenizer};

use super::marks::{self, Mark, Marks};
use super::{Decoding, byte_level, sentencepiece};
use crate::files::{Metadata, ModelFiles, TextFiles, bad, read_text};
use crate::{Result, RevisionError};

/// Where a piece of text stands: tokenizers of the SentencePiece kind put a space before the first word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the beginning, or after an image.
    Text,
    /// After a special token.
    Special,
    /// After other text.
    Inside,
}

/// The tokenizer of a language model, with the tokens that have a meaning of their own.
///
/// It adds no token by itself: what begins and ends a text is the template's business.
pub struct TextCodec {
    tokenizer: Tokenizer,
    /// The added tokens, of which the special ones are plain text.
    unmarked: AddedVocabulary,
    special: Stages,
    inside: Stages,
    marks: Marks,
    /// Rows of the model's embedding: some tokenizers have tokens that the model never saw.
    vocab: usize,
}

/// What happens to a text before it becomes tokens.
struct Stages {
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
}

impl TextCodec {
    /// The tokenizer of a model: `tokenizer.json` with `tokenizer_config.json`, or the metadata of a GGUF file.
    ///
    /// # Errors
    /// `NOT_FOUND` or `BAD_MODEL` with the file.
    pub fn open(files: &ModelFiles) -> Result<Self> {
        let (ends, vocab) = (files.ends()?, files.config().vocab);
        match files.text() {
            TextFiles::Folder(folder) => Self::of_folder(folder, &ends, vocab),
            TextFiles::Gguf(metadata) => {
                Self::of_metadata(metadata, &ends, vocab).map_err(|reason| bad(files.path(), reason))
            }
        }
    }

    /// From `tokenizer.json` and what stands beside it.
    pub(super) fn of_folder(folder: &Path, ends: &[u32], vocab: usize) -> Result<Self> {
        let file = folder.join("tokenizer.json");
        let fault = |error: tokenizers::Error| bad(&file, error.to_string());
        let tokenizer = Tokenizer::from_bytes(read_text(&file)?).map_err(fault)?;
        let marks = marks::of_folder(folder, &tokenizer, ends)?;
        Self::new(tokenizer, marks, vocab).map_err(fault)
    }

    /// From the metadata of a GGUF file.
    pub(super) fn of_metadata(
        metadata: &Metadata,
        ends: &[u32],
        vocab: usize,
    ) -> std::result::Result<Self, String> {
        let tokenizer = match metadata.text("tokenizer.ggml.model")? {
            Some("gpt2") => byte_level::build(metadata)?,
            Some("llama") => sentencepiece::build(metadata)?,
            Some(other) => return Err(format!("the tokenizer {other} is not known; gpt2 and llama are")),
            None => return Err("it holds no tokenizer".to_owned()),
        };
        let marks = marks::of_metadata(metadata, ends)?;
        Self::new(tokenizer, marks, vocab).map_err(|error| error.to_string())
    }

    fn new(mut tokenizer: Tokenizer, marks: Marks, vocab: usize) -> tokenizers::Result<Self> {
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None)?;
        let mut unmarked = tokenizer.get_added_vocabulary().clone();
        unmarked.set_encode_special_tokens(true);
        Ok(Self {
            special: Stages::of(&tokenizer, &["first"])?,
            inside: Stages::of(&tokenizer, &["first", "always"])?,
            tokenizer,
            unmarked,
            marks,
            vocab,
        })
    }

    /// Tokens of a text at its beginning; with `specials`, spellings of special tokens in it become those tokens.
    ///
    /// # Errors
    /// `BAD_OPTION` when the tokenizer fails, or has a token that the model lacks.
    pub fn encode(&self, text: &str, specials: bool) -> Result<Vec<u32>> {
        self.encode_at(Start::Text, text, specials)
    }

    /// Tokens of a text that stands at `start`.
    pub fn encode_at(&self, start: Start, text: &str, specials: bool) -> Result<Vec<u32>> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let tokenizer = &self.tokenizer;
        let added = if specials {
            tokenizer.get_added_vocabulary()
        } else {
            &self.unmarked
        };
        let (normalizer, pre_tokenizer) = match start {
            Start::Text => (tokenizer.get_normalizer(), tokenizer.get_pre_tokenizer()),
            Start::Special => self.special.parts(),
            Start::Inside => self.inside.parts(),
        };
        let mut parts = added.extract_and_normalize(normalizer, text);
        if let Some(pre_tokenizer) = pre_tokenizer {
            pre_tokenizer.pre_tokenize(&mut parts).map_err(refused)?;
        }
        let model = tokenizer.get_model();
        model
            .tokenize_in_pretokenized(&mut parts, None)
            .map_err(refused)?;
        let encoding = parts.into_encoding(None, 0, OffsetType::None).map_err(refused)?;
        encoding.get_ids().iter().map(|&id| self.known(id)).collect()
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
        self.tokenizer.decode(ids, !specials).map_err(refused)
    }

    /// Decodes tokens as they come.
    pub fn decoding(&self) -> Decoding<'_> {
        Decoding::new(self)
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

    /// Spellings of the special tokens, longest first.
    pub fn special_spellings(&self) -> Vec<String> {
        let added = self.tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        let special = added.values().filter(|token| token.special);
        let mut spellings: Vec<String> = special.map(|token| token.content.clone()).collect();
        spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        spellings
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

impl Stages {
    /// Those of a tokenizer, but without the space before the first word where `schemes` put one.
    fn of(tokenizer: &Tokenizer, schemes: &[&str]) -> tokenizers::Result<Self> {
        let without = |value: serde_json::Value| prefixes_removed(value, schemes);
        let normalizer = match tokenizer.get_normalizer() {
            Some(normalizer) => without(serde_json::to_value(normalizer)?),
            None => None,
        };
        let pre_tokenizer = match tokenizer.get_pre_tokenizer() {
            Some(pre_tokenizer) => without(serde_json::to_value(pre_tokenizer)?),
            None => None,
        };
        Ok(Self {
            normalizer: normalizer.map(serde_json::from_value).transpose()?,
            pre_tokenizer: pre_tokenizer.map(serde_json::from_value).transpose()?,
        })
    }

    fn parts(&self) -> (Option<&NormalizerWrapper>, Option<&PreTokenizerWrapper>) {
        (self.normalizer.as_ref(), self.pre_tokenizer.as_ref())
    }
}

/// A stage, or a sequence of them, that puts no space before the first word; `None` when it did nothing else.
fn prefixes_removed(mut stage: serde_json::Value, schemes: &[&str]) -> Option<serde_json::Value> {
    let all = schemes.contains(&"always");
    if all && stage["type"] == "Prepend" {
        return None;
    }
    for list in ["normalizers", "pretokenizers"] {
        if let Some(stages) = stage.get_mut(list).and_then(serde_json::Value::as_array_mut) {
            let kept = std::mem::take(stages).into_iter();
            *stages = kept
                .filter_map(|stage| prefixes_removed(stage, schemes))
                .collect();
        }
    }
    if stage["prepend_scheme"]
        .as_str()
        .is_some_and(|scheme| schemes.contains(&scheme))
    {
        stage["prepend_scheme"] = "never".into();
    }
    if all && stage["add_prefix_space"] == true {
        stage["add_prefix_space"] = false.into();
    }
    Some(stage)
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn refused(error: tokenizers::Error) -> RevisionError {
    RevisionError::BadOption(format!("the tokenizer refuses: {error}"))
}
