//! Tokenizer classes of `transformers` 5: what they add to `tokenizer.json`, or build anew around its vocabulary.

use serde_json::{Value, json};
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::normalizers::utils::{Lowercase, Sequence};
use tokenizers::{PostProcessorWrapper, PreTokenizerWrapper, Tokenizer};

use super::keys::Keys;

/// A class by its name without `Fast`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Bert,
    Clip,
    Gemma,
    Siglip,
    Siglip2,
    /// Takes `tokenizer.json` unchanged.
    Other,
}

/// What a tokenizer is built of: a key of its configuration, or why it cannot be built.
type Built<T> = std::result::Result<T, String>;

impl Class {
    /// By the name that a configuration gives.
    pub fn named(name: &str) -> Self {
        match name.trim_end_matches("Fast") {
            "BertTokenizer" => Self::Bert,
            "CLIPTokenizer" => Self::Clip,
            "GemmaTokenizer" => Self::Gemma,
            "SiglipTokenizer" => Self::Siglip,
            "Siglip2Tokenizer" => Self::Siglip2,
            _ => Self::Other,
        }
    }

    /// The class that `AutoTokenizer` takes for a model whose files name none.
    pub fn of_model(kind: &str) -> Self {
        match kind {
            "bert" => Self::Bert,
            "clip" => Self::Clip,
            _ => Self::Other,
        }
    }

    /// The class's own token under a key, for files that name none.
    pub fn token(self, key: &str) -> Option<&'static str> {
        let token = match (self, key) {
            (Self::Bert, "unk_token") => "[UNK]",
            (Self::Bert, "sep_token") => "[SEP]",
            (Self::Bert, "pad_token") => "[PAD]",
            (Self::Bert, "cls_token") => "[CLS]",
            (Self::Bert, "mask_token") => "[MASK]",
            (Self::Clip, "bos_token") => "<|startoftext|>",
            (Self::Clip, "eos_token" | "unk_token" | "pad_token") => "<|endoftext|>",
            (Self::Gemma | Self::Siglip2, "bos_token") => "<bos>",
            (Self::Gemma | Self::Siglip2, "eos_token") => "<eos>",
            (Self::Gemma | Self::Siglip2, "pad_token") => "<pad>",
            (Self::Gemma | Self::Siglip2, "mask_token") => "<mask>",
            (Self::Gemma | Self::Siglip | Self::Siglip2, "unk_token") => "<unk>",
            (Self::Siglip, "eos_token" | "pad_token") => "</s>",
            _ => return None,
        };
        Some(token)
    }

    /// Whether texts are padded at their beginning where no file says a side.
    pub fn pads_left(self) -> bool {
        matches!(self, Self::Gemma | Self::Siglip2)
    }

    /// Builds what the class builds; `token` gives the token under a key.
    ///
    /// A tokenizer of another model than the class's (WordLevel, Unigram) stays as its file has it.
    pub fn build(
        self,
        tokenizer: &mut Tokenizer,
        config: Option<&Keys>,
        token: &dyn Fn(&str) -> Option<String>,
    ) -> Built<()> {
        let flag = |key: &str, default: bool| match config {
            Some(keys) => keys.flag(key, default).map_err(|error| error.to_string()),
            None => Ok(default),
        };
        let numbered = |tokenizer: &Tokenizer, key: &str| {
            let text = token(key).ok_or_else(|| format!("it names no {key}"))?;
            let id = tokenizer.token_to_id(&text);
            let id = id.ok_or_else(|| format!("the {key} {text} is not in it"))?;
            Ok::<_, String>((text, id))
        };
        match (self, tokenizer.get_model()) {
            (Self::Bert, ModelWrapper::WordPiece(_)) => {
                let accents = match config.and_then(|keys| keys.get("strip_accents")) {
                    None => None,
                    Some(_) => Some(flag("strip_accents", false)?),
                };
                normalize(
                    tokenizer,
                    json!({
                        "type": "BertNormalizer",
                        "clean_text": true,
                        "handle_chinese_chars": flag("tokenize_chinese_chars", true)?,
                        "strip_accents": accents,
                        "lowercase": flag("do_lower_case", true)?,
                    }),
                )?;
                split(tokenizer, json!({ "type": "BertPreTokenizer" }))?;
                let (cls, sep) = (
                    numbered(tokenizer, "cls_token")?,
                    numbered(tokenizer, "sep_token")?,
                );
                let special =
                    |(text, id): &(String, u32)| json!({ "id": text, "ids": [id], "tokens": [text] });
                let mark =
                    |token: &str, kind: u8| json!({ "SpecialToken": { "id": token, "type_id": kind } });
                let part = |id: &str, kind: u8| json!({ "Sequence": { "id": id, "type_id": kind } });
                finish(
                    tokenizer,
                    json!({
                        "type": "TemplateProcessing",
                        "single": [mark(&cls.0, 0), part("A", 0), mark(&sep.0, 0)],
                        "pair": [mark(&cls.0, 0), part("A", 0), mark(&sep.0, 0), part("B", 1), mark(&sep.0, 1)],
                        "special_tokens": { cls.0.as_str(): special(&cls), sep.0.as_str(): special(&sep) },
                    }),
                )
            }
            (Self::Clip, ModelWrapper::BPE(_)) => {
                remodel(tokenizer, Some("</w>"), false, token("unk_token"));
                normalize(
                    tokenizer,
                    json!({ "type": "Sequence", "normalizers": [
                        { "type": "NFC" },
                        { "type": "Replace", "pattern": { "Regex": r"\s+" }, "content": " " },
                        { "type": "Lowercase" },
                    ] }),
                )?;
                let words = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
                split(
                    tokenizer,
                    json!({ "type": "Sequence", "pretokenizers": [
                        { "type": "Split", "pattern": { "Regex": words }, "behavior": "Removed", "invert": true },
                        { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
                    ] }),
                )?;
                let (bos, eos) = (
                    numbered(tokenizer, "bos_token")?,
                    numbered(tokenizer, "eos_token")?,
                );
                finish(
                    tokenizer,
                    json!({ "type": "RobertaProcessing", "sep": eos, "cls": bos, "trim_offsets": false,
                        "add_prefix_space": false }),
                )
            }
            (Self::Gemma | Self::Siglip2, ModelWrapper::BPE(_)) => {
                remodel(tokenizer, None, true, token("unk_token"));
                let blank = json!({ "String": " " });
                normalize(
                    tokenizer,
                    json!({ "type": "Replace", "pattern": blank, "content": "▁" }),
                )?;
                if self == Self::Siglip2 {
                    lower(tokenizer)?;
                }
                split(
                    tokenizer,
                    json!({ "type": "Split", "pattern": blank, "behavior": "MergedWithPrevious", "invert": false }),
                )
            }
            (Self::Siglip2, _) => lower(tokenizer),
            _ => Ok(()),
        }
    }
}

/// Puts texts into lower case first, unless the tokenizer does so already.
pub(super) fn lower(tokenizer: &mut Tokenizer) -> Built<()> {
    let is_lower = |normalizer: &NormalizerWrapper| matches!(normalizer, NormalizerWrapper::Lowercase(_));
    let mut steps = vec![NormalizerWrapper::Lowercase(Lowercase)];
    match tokenizer.get_normalizer() {
        Some(normalizer) if is_lower(normalizer) => return Ok(()),
        Some(NormalizerWrapper::Sequence(sequence)) => {
            if sequence.as_ref().iter().any(is_lower) {
                return Ok(());
            }
            steps.extend(sequence.as_ref().iter().cloned());
        }
        Some(other) => steps.push(other.clone()),
        None => {}
    }
    let set = tokenizer.with_normalizer(Some(Sequence::new(steps)));
    set.map(|_| ()).map_err(|error| error.to_string())
}

/// How the byte pairs of the class are joined; its vocabulary and merges are those of the file.
fn remodel(tokenizer: &mut Tokenizer, end_of_word: Option<&str>, bytes: bool, unknown: Option<String>) {
    if let ModelWrapper::BPE(bpe) = tokenizer.get_model() {
        let mut bpe = bpe.clone();
        bpe.end_of_word_suffix = end_of_word.map(str::to_owned);
        bpe.fuse_unk = bytes;
        bpe.byte_fallback = bytes;
        bpe.unk_token = unknown;
        bpe.dropout = None;
        bpe.ignore_merges = false;
        tokenizer.with_model(bpe);
    }
}

fn normalize(tokenizer: &mut Tokenizer, normalizer: Value) -> Built<()> {
    let normalizer: NormalizerWrapper = made(normalizer)?;
    let set = tokenizer.with_normalizer(Some(normalizer));
    set.map(|_| ()).map_err(|error| error.to_string())
}

fn split(tokenizer: &mut Tokenizer, pre: Value) -> Built<()> {
    let pre: PreTokenizerWrapper = made(pre)?;
    tokenizer.with_pre_tokenizer(Some(pre));
    Ok(())
}

fn finish(tokenizer: &mut Tokenizer, post: Value) -> Built<()> {
    let post: PostProcessorWrapper = made(post)?;
    tokenizer.with_post_processor(Some(post));
    Ok(())
}

fn made<T: serde::de::DeserializeOwned>(value: Value) -> Built<T> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}
