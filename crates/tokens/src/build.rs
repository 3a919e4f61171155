//! What classes build: model, normalizer, pre-tokenizer, and the marks of beginning and end.

use modality_gap_weights::Result;
use serde_json::{Value, json};
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::normalizers::utils::{Lowercase, Sequence};
use tokenizers::{AddedToken, PostProcessorWrapper, PreTokenizerWrapper, Tokenizer};

use crate::class::Class;
use crate::config::{Config, Fault, Parsed};
use crate::declared::{CONFIG, Declared};
use crate::models::{Built, Joined, byte_pairs, scored, word_pieces};

/// Words of Qwen 2: every digit alone.
pub const QWEN2_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl Class {
    /// The tokenizer of a folder: what the class builds of that of `tokenizer.json`, with the tokens of the files beside it; also what
    /// is worth saying about them.
    ///
    /// # Errors
    /// `Bad` with the file: a value that the class does not take, a token that it needs and that is not there, a token with
    /// another number than a file says.
    pub fn build(self, mut file: Tokenizer, declared: &Declared) -> Result<(Tokenizer, Vec<String>)> {
        if matches!(self, Self::File | Self::Siglip) {
            let notes = declared.add_to(&mut file)?;
            // its own ones, where the file has them
            for text in declared.specials(&self.config(declared)) {
                let known = file.get_added_vocabulary().get_vocab().contains_key(&text);
                if !known && file.token_to_id(&text).is_some() {
                    let added = file.add_tokens([AddedToken::from(text, true)]);
                    added.map_err(|error| declared.bad(CONFIG, error.to_string()))?;
                }
            }
            return Ok((file, notes));
        }
        let config = self.config(declared);
        let keys = Config { map: &config };
        let new = self.parts(&file, &keys);
        let mut new = new.map_err(|fault| fault.of(declared))?;
        new.with_post_processor(file.get_post_processor().cloned());
        // the way back is the file's
        new.with_decoder(file.get_decoder().cloned());
        if self == Self::Albert && file.get_post_processor().is_none() {
            albert_marks(&mut new, &keys).map_err(|fault| fault.of(declared))?;
        }
        declared.add_to_new(&mut new, &file, &config)?;
        if self == Self::Qwen2 {
            let specials = declared.specials(&config).into_iter();
            let added = new.add_tokens(specials.map(|text| AddedToken::from(text, true)));
            added.map_err(|error| declared.bad(CONFIG, error.to_string()))?;
        }
        self.finish(&mut new, &keys).map_err(|fault| fault.of(declared))?;
        Ok((new, Vec::new()))
    }

    /// Model, normalizer and pre-tokenizer.
    #[expect(clippy::too_many_lines, reason = "an arm for each class")]
    fn parts(self, file: &Tokenizer, keys: &Config<'_>) -> Parsed<Tokenizer> {
        let model = file.get_model();
        let bytes = |keys: &Config<'_>| -> Parsed<Value> {
            Ok(
                json!({ "type": "ByteLevel", "add_prefix_space": keys.flag("add_prefix_space", false)?,
                "trim_offsets": true, "use_regex": true }),
            )
        };
        let blank = json!({ "String": " " });
        let of_words = || -> Parsed<ModelWrapper> {
            let joined = Joined {
                end_of_word: Some("</w>"),
                unknown: Some(keys.token("unk_token")?),
                ..Joined::default()
            };
            Ok(byte_pairs(model, joined)?)
        };
        match self {
            Self::File | Self::Siglip => unreachable!("the file is taken unchanged"),
            Self::Bert | Self::Mpnet => {
                let accents = match keys.map.get("strip_accents") {
                    None | Some(Value::Null) => None,
                    Some(_) => Some(keys.flag("strip_accents", false)?),
                };
                let normalizer = json!({
                    "type": "BertNormalizer",
                    "clean_text": true,
                    "handle_chinese_chars": keys.flag("tokenize_chinese_chars", true)?,
                    "strip_accents": accents,
                    "lowercase": keys.flag("do_lower_case", true)?,
                });
                let model = word_pieces(model, keys.token("unk_token")?)?;
                new(model, Some(normalizer), json!({ "type": "BertPreTokenizer" }))
            }
            Self::Herbert => {
                let model = of_words()?;
                let normalizer = json!({ "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                    "strip_accents": false, "lowercase": false });
                new(model, Some(normalizer), json!({ "type": "BertPreTokenizer" }))
            }
            Self::Clip => {
                let model = of_words()?;
                let normalizer = json!({ "type": "Sequence", "normalizers": [
                    { "type": "NFC" },
                    { "type": "Replace", "pattern": { "Regex": r"\s+" }, "content": " " },
                    { "type": "Lowercase" },
                ] });
                let words = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
                let words = json!({ "type": "Split", "pattern": { "Regex": words }, "behavior": "Removed", "invert": true });
                let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
                new(model, Some(normalizer), in_order(&[words, bytes]))
            }
            Self::Gemma | Self::Siglip2 => {
                let model = byte_pairs(
                    model,
                    Joined {
                        fuse_unknown: true,
                        byte_fallback: true,
                        unknown: Some(keys.token("unk_token")?),
                        ..Joined::default()
                    },
                )?;
                let normalizer = json!({ "type": "Replace", "pattern": blank, "content": "▁" });
                let split = json!({ "type": "Split", "pattern": blank, "behavior": "MergedWithPrevious", "invert": false });
                new(model, Some(normalizer), split)
            }
            Self::XlmRoberta => {
                let scheme = if keys.truth("add_prefix_space", true)? {
                    "always"
                } else {
                    "never"
                };
                let normalizer = precompiled(file.get_normalizer())?;
                new(scored(model, 3)?, normalizer, words_of_pieces(scheme))
            }
            Self::Albert => {
                let scheme = if keys.truth("add_prefix_space", true)? {
                    "always"
                } else {
                    "never"
                };
                let quotes = |found: &str| json!({ "type": "Replace", "pattern": { "String": found }, "content": "\"" });
                let mut steps = vec![quotes("``"), quotes("''")];
                if !keys.truth("keep_accents", false)? {
                    steps.extend([json!({ "type": "NFKD" }), json!({ "type": "StripAccents" })]);
                }
                if keys.truth("do_lower_case", true)? {
                    steps.push(json!({ "type": "Lowercase" }));
                }
                steps.extend(precompiled(file.get_normalizer())?);
                let normalizer = json!({ "type": "Sequence", "normalizers": steps });
                new(scored(model, 1)?, Some(normalizer), words_of_pieces(scheme))
            }
            Self::Llama => {
                let joined = Joined {
                    fuse_unknown: true,
                    byte_fallback: true,
                    ..Joined::default()
                };
                let scheme = match (
                    keys.flag_or_null("add_prefix_space")?,
                    keys.truth("legacy", false)?,
                ) {
                    (Some(false), _) => "never",
                    (_, true) => "always",
                    (_, false) => "first",
                };
                let pieces = json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false });
                new(byte_pairs(model, joined)?, None, pieces)
            }
            Self::Gpt2 | Self::Roberta => new(byte_pairs(model, Joined::default())?, None, bytes(keys)?),
            Self::Qwen2 => {
                let words = json!({ "type": "Split", "pattern": { "Regex": QWEN2_WORDS }, "behavior": "Isolated", "invert": false });
                let prefix = keys.flag_or_null("add_prefix_space")?.unwrap_or(false);
                let bytes = json!({ "type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": false });
                let model = byte_pairs(model, Joined::default())?;
                new(model, Some(json!({ "type": "NFC" })), in_order(&[words, bytes]))
            }
        }
    }

    /// Marks of beginning and end that the class sets itself, and what it changes at last.
    fn finish(self, new: &mut Tokenizer, keys: &Config<'_>) -> Parsed<()> {
        let numbered = |new: &Tokenizer, key: &str| -> Parsed<(String, u32)> {
            let text = keys.token(key)?;
            let id = new.token_to_id(&text);
            let id = id.ok_or_else(|| Fault::File(format!("the {key} {text} is not in it")))?;
            Ok((text, id))
        };
        let post = match self {
            Self::Bert => {
                let (cls, sep) = (numbered(new, "cls_token")?, numbered(new, "sep_token")?);
                between(&cls, &sep)
            }
            Self::XlmRoberta => {
                let (bos, eos) = (numbered(new, "bos_token")?, numbered(new, "eos_token")?);
                between(&bos, &eos)
            }
            Self::Clip => {
                let (bos, eos) = (numbered(new, "bos_token")?, numbered(new, "eos_token")?);
                json!({ "type": "RobertaProcessing", "sep": eos, "cls": bos, "trim_offsets": false,
                    "add_prefix_space": false })
            }
            Self::Roberta | Self::Mpnet => {
                let (cls, sep) = (numbered(new, "cls_token")?, numbered(new, "sep_token")?);
                // offsets are not asked for
                json!({ "type": "RobertaProcessing", "sep": sep, "cls": cls, "trim_offsets": true,
                    "add_prefix_space": false })
            }
            Self::Herbert => {
                // the numbers are the class's own
                let (cls, sep) = (keys.token("cls_token")?, keys.token("sep_token")?);
                json!({ "type": "BertProcessing", "sep": (sep, 2), "cls": (cls, 0) })
            }
            Self::Siglip2 => return Ok(lower_case(new)?),
            _ => return Ok(()),
        };
        let post: PostProcessorWrapper = made(post)?;
        new.with_post_processor(Some(post));
        Ok(())
    }
}

fn new(model: ModelWrapper, normalizer: Option<Value>, pre: Value) -> Parsed<Tokenizer> {
    let mut new = Tokenizer::new(model);
    if let Some(normalizer) = normalizer {
        let normalizer: NormalizerWrapper = made(normalizer)?;
        let set = new.with_normalizer(Some(normalizer));
        set.map_err(|error| error.to_string())?;
    }
    let pre: PreTokenizerWrapper = made(pre)?;
    new.with_pre_tokenizer(Some(pre));
    Ok(new)
}

fn in_order(pre: &[Value]) -> Value {
    json!({ "type": "Sequence", "pretokenizers": pre })
}

/// Words by white space, each cut into pieces that begin with a mark by this scheme.
fn words_of_pieces(scheme: &str) -> Value {
    in_order(&[
        json!({ "type": "WhitespaceSplit" }),
        json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true }),
    ])
}

/// SentencePiece's own normalisation, where the file holds one: alone, or in a list.
fn precompiled(normalizer: Option<&NormalizerWrapper>) -> Built<Option<Value>> {
    let is = |normalizer: &&NormalizerWrapper| matches!(normalizer, NormalizerWrapper::Precompiled(_));
    let found = match normalizer {
        Some(NormalizerWrapper::Sequence(sequence)) => sequence.as_ref().iter().find(is),
        other => other.filter(is),
    };
    let value = found.map(serde_json::to_value).transpose();
    value.map_err(|error| error.to_string())
}

/// One token before a text and one behind it.
fn between(before: &(String, u32), behind: &(String, u32)) -> Value {
    let special = |(text, id): &(String, u32)| json!({ "id": text, "ids": [id], "tokens": [text] });
    let mark = |token: &str, kind: u8| json!({ "SpecialToken": { "id": token, "type_id": kind } });
    let part = |id: &str, kind: u8| json!({ "Sequence": { "id": id, "type_id": kind } });
    let single = [mark(&before.0, 0), part("A", 0), mark(&behind.0, 0)];
    let mut pair = single.to_vec();
    pair.extend([part("B", 1), mark(&behind.0, 1)]);
    json!({
        "type": "TemplateProcessing",
        "single": single,
        "pair": pair,
        "special_tokens": { before.0.as_str(): special(before), behind.0.as_str(): special(behind) },
    })
}

/// Marks of an ALBERT whose file has none: the tokens have to be in the vocabulary.
fn albert_marks(new: &mut Tokenizer, keys: &Config<'_>) -> Parsed<()> {
    let numbered = |key: &str| -> Parsed<(String, u32)> {
        let text = keys.token(key)?;
        let id = new.token_to_id(&text);
        Ok((
            text.clone(),
            id.ok_or_else(|| format!("the {key} {text} is not in it"))?,
        ))
    };
    let marks: PostProcessorWrapper = made(between(&numbered("cls_token")?, &numbered("sep_token")?))?;
    new.with_post_processor(Some(marks));
    Ok(())
}

/// Puts texts into lower case first, unless the tokenizer does so already.
///
/// # Errors
/// What the library says of the new rule.
pub fn lower_case(tokenizer: &mut Tokenizer) -> Built<()> {
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

fn made<T: serde::de::DeserializeOwned>(value: Value) -> Built<T> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}
