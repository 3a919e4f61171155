//! From text to token numbers, as the tokenizer's files say.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokenizers::{
    AddedToken, PaddingDirection, PostProcessor, Tokenizer, TruncationDirection, TruncationParams,
};

use super::keys::Keys;
use super::tokenizer_class::{Class, lower};
use crate::error::{EncoderError, Result};

/// Above this a `model_max_length` means that there is none.
const NO_LENGTH: f64 = 1e6;

/// Keys of tokens that stand for no text.
const SPECIALS: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// A tokenizer, and how it pads.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    file: PathBuf,
    /// Tokens of a text at most, its marks of start and end included.
    most: usize,
    pad: Option<u32>,
    pads_left: bool,
    canonical: Option<Canonical>,
    /// Numbers of the tokens that stand for no text.
    specials: HashSet<u32>,
    /// Numbers that the model has rows for.
    words: usize,
}

/// What the model takes.
pub(super) struct Limits {
    /// Tokens of a text at most.
    pub tokens: usize,
    /// Rows of its table.
    pub words: usize,
}

/// What sentence-transformers says of its texts.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct SentenceOptions {
    pub most: Option<usize>,
    pub lower: bool,
}

/// SigLIP's texts: without ASCII punctuation, one blank between words.
#[derive(Debug, Clone, Copy)]
struct Canonical {
    lower: bool,
}

impl Tokens {
    /// `tokenizer.json`, with what `tokenizer_config.json` and `special_tokens_map.json` say besides; `kind` is the
    /// `model_type` of the model, which decides where no file names a class.
    ///
    /// # Errors
    /// `BAD_MODEL` when there is no `tokenizer.json`, it is damaged, or a key asks for what is not computed.
    #[expect(clippy::too_many_lines, reason = "the keys of two files, one after the other")]
    pub fn open(folder: &Path, kind: &str, limits: &Limits, options: SentenceOptions) -> Result<Self> {
        let file = folder.join("tokenizer.json");
        let mut tokenizer = load(&file, folder)?;
        let config = Keys::open_if_there(&folder.join("tokenizer_config.json"))?;
        let map = Keys::open_if_there(&folder.join("special_tokens_map.json"))?;
        let padding = tokenizer.get_padding().cloned();
        let mut most = limits.tokens;
        let written = tokenizer.get_truncation();
        let mut direction = written.map_or(TruncationDirection::Right, |truncation| truncation.direction);
        let mut canonical = None;
        let named = match &config {
            Some(keys) => keys.text("tokenizer_class")?.map(Class::named),
            None => None,
        };
        let class = named.unwrap_or_else(|| Class::of_model(kind));
        let mut pads_left = padding.as_ref().map_or(class.pads_left(), |padding| {
            matches!(padding.direction, PaddingDirection::Left)
        });
        let mut found = BTreeMap::new();
        for key in SPECIALS {
            let token = special(config.as_ref(), map.as_ref(), key)?;
            if let Some(token) = token.or_else(|| class.token(key).map(str::to_owned)) {
                found.insert(key, token);
            }
        }
        let built = class.build(&mut tokenizer, config.as_ref(), &|key| found.get(key).cloned());
        built.map_err(|reason| bad(&file, reason))?;
        if let Some(keys) = &config {
            keys.only("split_special_tokens", &[json!(false)])?;
            if let Some(side) = keys.text("padding_side")? {
                pads_left = side_of(keys, "padding_side", side)?;
            }
            if let Some(side) = keys.text("truncation_side")? {
                direction = if side_of(keys, "truncation_side", side)? {
                    TruncationDirection::Left
                } else {
                    TruncationDirection::Right
                };
            }
            if options.most.is_none() {
                let length = keys.positive("model_max_length", f64::INFINITY)?;
                // some files hold 1e30 for "no bound"
                if length <= NO_LENGTH {
                    #[allow(clippy::cast_sign_loss, reason = "it is above 0")]
                    let length = length as usize;
                    most = most.min(length);
                }
            }
            if class == Class::Siglip {
                canonical = Some(Canonical {
                    lower: keys.flag("do_lower_case", true)?,
                });
            }
            added_tokens(&tokenizer, keys)?;
        }
        if let Some(length) = options.most {
            most = most.min(length);
        }
        if options.lower {
            lower(&mut tokenizer).map_err(|reason| bad(&file, reason))?;
        }
        let given = special(config.as_ref(), map.as_ref(), "pad_token")?;
        let given = given.or_else(|| padding.as_ref().map(|padding| padding.pad_token.clone()));
        // a class that no file names may have a token that the model does not need
        let of_class = class.token("pad_token").map(str::to_owned);
        let of_class = of_class.filter(|token| named.is_some() || tokenizer.token_to_id(token).is_some());
        let missing = |token: &str| bad(&file, format!("the padding token {token} is not in it"));
        let pad = given.or(of_class);
        let pad = pad.map(|token| tokenizer.token_to_id(&token).ok_or_else(|| missing(&token)));
        let pad = pad.transpose()?;
        let mut specials = HashSet::new();
        for (id, token) in tokenizer.get_added_tokens_decoder() {
            if token.special {
                specials.insert(id);
            }
        }
        for (key, token) in found {
            let Some(id) = tokenizer.token_to_id(&token) else {
                continue;
            };
            specials.insert(id);
            // in a text it is that token, whatever the tokenizer would cut it into
            let added = tokenizer.add_special_tokens([AddedToken::from(token, true)]);
            added.map_err(|error| bad(&file, format!("{key} cannot be added: {error}")))?;
        }
        tokenizer.with_padding(None);
        let marks = tokenizer
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(false));
        if most <= marks {
            let reason = format!("a text may have {most} tokens, and {marks} of them are marks");
            return Err(bad(&file, reason));
        }
        let truncation = TruncationParams {
            max_length: most,
            direction,
            ..TruncationParams::default()
        };
        let set = tokenizer.with_truncation(Some(truncation));
        set.map_err(|error| bad(&file, format!("texts cannot be cut to {most} tokens: {error}")))?;
        Ok(Self {
            tokenizer,
            file,
            most,
            pad,
            pads_left,
            canonical,
            specials,
            words: limits.words,
        })
    }

    /// Whether texts are padded at their beginning.
    pub fn pads_left(&self) -> bool {
        self.pads_left
    }

    /// Token numbers of each text with the marks of start and end, without padding.
    pub fn encode(&self, texts: &[String]) -> Result<Vec<Vec<u32>>> {
        let texts: Vec<String> = texts.iter().map(|text| self.prepared(text)).collect();
        let encoded = catch_unwind(AssertUnwindSafe(|| self.tokenizer.encode_batch(texts, true)));
        let encoded = match encoded {
            Ok(Ok(encoded)) => encoded,
            Ok(Err(error)) => return Err(bad(&self.file, format!("it refuses a text: {error}"))),
            Err(_) => {
                return Err(bad(
                    &self.file,
                    "it fails on a text; the file is damaged".to_owned(),
                ));
            }
        };
        let ids: Vec<Vec<u32>> = encoded.iter().map(|text| text.get_ids().to_vec()).collect();
        if let Some(id) = ids.iter().flatten().find(|&&id| id as usize >= self.words) {
            let reason = format!(
                "it gives token {id}, the model has rows for {} tokens",
                self.words
            );
            return Err(bad(&self.file, reason));
        }
        Ok(ids)
    }

    /// Texts padded to as many tokens as the tokenizer lets a text have, with its padding token or `default`.
    pub fn padded(&self, ids: &[Vec<u32>], default: u32) -> Result<Vec<Vec<u32>>> {
        let pad = self.pad.unwrap_or(default);
        if pad as usize >= self.words {
            let reason = format!(
                "the padding token has the number {pad}, the model has rows for {} tokens",
                self.words
            );
            return Err(bad(&self.file, reason));
        }
        let padded = ids.iter().map(|ids| {
            let missing = vec![pad; self.most.saturating_sub(ids.len())];
            let kept = ids.iter().copied().take(self.most);
            if self.pads_left {
                missing.into_iter().chain(kept).collect()
            } else {
                kept.chain(missing).collect()
            }
        });
        Ok(padded.collect())
    }

    /// Tokens of a prompt at the beginning of a text: its own without a mark of the end.
    pub fn prompt_tokens(&self, prompt: &str) -> Result<usize> {
        let ids = self.encode(&[prompt.to_owned()])?.remove(0);
        let ends = ids.last().is_some_and(|last| self.specials.contains(last));
        Ok(ids.len() - usize::from(ends))
    }

    fn prepared(&self, text: &str) -> String {
        let Some(Canonical { lower }) = self.canonical else {
            return text.to_owned();
        };
        let text = if lower {
            text.to_lowercase()
        } else {
            text.to_owned()
        };
        let kept: String = text.chars().filter(|c| !c.is_ascii_punctuation()).collect();
        kept.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn load(file: &Path, folder: &Path) -> Result<Tokenizer> {
    let Some(text) = modality_gap_weights::text_if_there(file)? else {
        let other = [
            "vocab.txt",
            "vocab.json",
            "spiece.model",
            "sentencepiece.bpe.model",
        ];
        let found = other.iter().find(|name| folder.join(name).is_file());
        let held = found.map_or(String::new(), |name| format!("; it holds {name}"));
        return Err(EncoderError::BadModel {
            file: folder.to_owned(),
            reason: format!(
                "it holds no tokenizer.json{held}. transformers writes one: \
                 python -c \"from transformers import AutoTokenizer as T; T.from_pretrained('{0}').save_pretrained('{0}')\"",
                folder.display()
            ),
        });
    };
    // a damaged file may end in a panic of the library
    match catch_unwind(|| text.parse::<Tokenizer>()) {
        Ok(parsed) => parsed.map_err(|error| bad(file, error.to_string())),
        Err(_) => Err(bad(file, "it is damaged".to_owned())),
    }
}

/// Refuses tokens that `tokenizer_config.json` wants under other numbers than `tokenizer.json` has.
fn added_tokens(tokenizer: &Tokenizer, keys: &Keys) -> Result<()> {
    let Some(Value::Object(added)) = keys.get("added_tokens_decoder") else {
        return Ok(());
    };
    for (id, token) in added {
        let Some(content) = content(token) else { continue };
        let found = tokenizer.token_to_id(content);
        if found.map(|id| id.to_string()).as_ref() != Some(id) {
            return Err(keys.bad(format!(
                "added_tokens_decoder gives {content} the number {id}, tokenizer.json {}; save the tokenizer anew",
                found.map_or("none".to_owned(), |id| id.to_string())
            )));
        }
    }
    Ok(())
}

/// A special token by its key, from the configuration or else from the older map of special tokens.
fn special(config: Option<&Keys>, map: Option<&Keys>, key: &str) -> Result<Option<String>> {
    for keys in [config, map].into_iter().flatten() {
        if let Some(value) = keys.get(key) {
            let text = content(value).ok_or_else(|| keys.wrong(key, value, "a token"))?;
            return Ok(Some(text.to_owned()));
        }
    }
    Ok(None)
}

/// A token as a text, or as an object with its content.
fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

fn side_of(keys: &Keys, key: &str, side: &str) -> Result<bool> {
    match side {
        "left" => Ok(true),
        "right" => Ok(false),
        other => Err(keys.wrong(key, &json!(other), "left or right")),
    }
}

fn bad(file: &Path, reason: String) -> EncoderError {
    EncoderError::BadModel {
        file: file.to_owned(),
        reason,
    }
}
