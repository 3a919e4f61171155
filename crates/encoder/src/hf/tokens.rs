//! From text to token numbers, as the tokenizer's files say.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use modality_gap_tokens::{CONFIG, Class, Declared, NAMES, TokenizerRules, lower_case, spelled};
use modality_gap_weights::text_if_there;
use serde_json::json;
use tokenizers::{PaddingDirection, PostProcessor, Tokenizer, TruncationDirection, TruncationParams};

use super::keys::Keys;
use crate::error::{EncoderError, Result};

/// Above this a `model_max_length` means that there is none.
const NO_LENGTH: f64 = 1e6;

/// Bytes of texts that are made into tokens at a time.
const GROUP_BYTES: usize = 1 << 20;

/// A tokenizer, and how it pads.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    rules: TokenizerRules,
    file: PathBuf,
    /// Tokens of a text at most, its marks of start and end included.
    most: usize,
    pad: Option<u32>,
    pads_left: bool,
    canonical: Option<Canonical>,
    /// Numbers of the tokens that the files name, or list, as standing for no text.
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

/// What the model's configuration says of its tokenizer.
#[derive(Default, Clone, Copy)]
pub(super) struct OfModel<'a> {
    /// Its `model_type`, which decides where no file names a class.
    pub kind: &'a str,
    /// Its `tokenizer_class`, which counts where the tokenizer's files name none.
    pub class: Option<&'a str>,
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
    /// `tokenizer.json`, with what the files beside it say besides.
    ///
    /// # Errors
    /// `BAD_MODEL` when there is no `tokenizer.json`, it is damaged, or a key asks for what is not computed.
    pub fn open(
        folder: &Path,
        model: OfModel<'_>,
        limits: &Limits,
        options: SentenceOptions,
    ) -> Result<Self> {
        let file = folder.join("tokenizer.json");
        let (tokenizer, text, rules) = load(&file, folder)?;
        let declared = Declared::open(folder)?;
        let keys = Keys::of(&folder.join(CONFIG), declared.config().clone());
        if keys.get("auto_map").is_some() {
            return Err(keys.bad("auto_map asks for code of its own, which is never run"));
        }
        let named = keys.text("tokenizer_class")?.or(model.class);
        let words = limits.words;
        let mut class = Class::of(named, Some(model.kind), &text).map_err(|reason| keys.bad(reason))?;
        for key in NAMES {
            if let Some(value) = keys
                .get(key)
                .filter(|_| spelled(declared.config(), key).is_none())
            {
                return Err(keys.wrong(key, value, "a token"));
            }
        }
        let (padding, truncation) = (
            tokenizer.get_padding().cloned(),
            tokenizer.get_truncation().cloned(),
        );
        let foreign = named.is_none() && !class.has_model_of(&tokenizer);
        let unchanged = foreign.then(|| tokenizer.clone());
        let (mut tokenizer, _) = unharmed(&file, || class.build(tokenizer, &declared))??;
        if let Some(unchanged) = unchanged
            && numbers(&tokenizer, class, &declared).any(|id| id as usize >= words)
        {
            // a class that no file names, and whose tokens the model has no rows for
            class = Class::File;
            (tokenizer, _) = unharmed(&file, || class.build(unchanged, &declared))??;
        }
        let pads_left = match keys.text("padding_side")? {
            Some(side) => is_left(&keys, "padding_side", side)?,
            None => padding.as_ref().map_or(class.pads_left(), |padding| {
                matches!(padding.direction, PaddingDirection::Left)
            }),
        };
        let direction = match keys.text("truncation_side")? {
            Some(side) if is_left(&keys, "truncation_side", side)? => TruncationDirection::Left,
            Some(_) => TruncationDirection::Right,
            None => truncation.map_or(TruncationDirection::Right, |truncation| truncation.direction),
        };
        let mut most = limits.tokens;
        most = match options.most {
            Some(length) => most.min(length),
            None => most.min(longest(&keys)?.unwrap_or(most)),
        };
        if options.lower {
            lower_case(&mut tokenizer).map_err(|reason| bad(&file, reason))?;
        }
        let pad = match spelled(declared.config(), "pad_token") {
            Some(token) => Some(token.text().to_owned()),
            None if keys.is_null("pad_token") => None,
            None => padding
                .filter(|_| class.takes_pad_of_file())
                .map(|padding| padding.pad_token)
                .or_else(|| class.pad().map(str::to_owned)),
        };
        let specials = numbers(&tokenizer, class, &declared).collect();
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
            pad: pad.and_then(|token| tokenizer.token_to_id(&token)),
            tokenizer,
            rules,
            file,
            most,
            pads_left,
            canonical: match class {
                Class::Siglip => Some(Canonical {
                    lower: keys.flag("do_lower_case", true)?,
                }),
                _ => None,
            },
            specials,
            words,
        })
    }

    /// Whether texts are padded at their beginning.
    pub fn pads_left(&self) -> bool {
        self.pads_left
    }

    /// Token numbers of each text with the marks of start and end, without padding.
    pub fn encode(&self, texts: &[String]) -> Result<Vec<Vec<u32>>> {
        let mut ids = Vec::with_capacity(texts.len());
        let mut group = Vec::new();
        let mut bytes = 0;
        for (i, text) in texts.iter().enumerate() {
            self.rules.takes(text).map_err(EncoderError::BadOption)?;
            bytes += text.len();
            group.push(self.prepared(text));
            // all tokens of a group are there before they are cut
            if bytes >= GROUP_BYTES || i + 1 == texts.len() {
                ids.extend(self.encoded(std::mem::take(&mut group))?);
                bytes = 0;
            }
        }
        if let Some(id) = ids.iter().flatten().find(|&&id| id as usize >= self.words) {
            let reason = format!(
                "it gives token {id}, the model has rows for {} tokens",
                self.words
            );
            return Err(bad(&self.file, reason));
        }
        Ok(ids)
    }

    fn encoded(&self, texts: Vec<String>) -> Result<Vec<Vec<u32>>> {
        let encoded = unharmed(&self.file, || self.tokenizer.encode_batch(texts, true))?;
        let encoded = encoded.map_err(|error| bad(&self.file, format!("it refuses a text: {error}")))?;
        Ok(encoded.iter().map(|text| text.get_ids().to_vec()).collect())
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

/// The tokenizer of a file, its text and the bounds of its rules.
fn load(file: &Path, folder: &Path) -> Result<(Tokenizer, String, TokenizerRules)> {
    let Some(text) = text_if_there(file)? else {
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
    let rules = TokenizerRules::check(&text).map_err(|reason| bad(file, reason))?;
    let parsed = unharmed(file, || text.parse::<Tokenizer>())?;
    let tokenizer = parsed.map_err(|error| bad(file, error.to_string()))?;
    Ok((tokenizer, text, rules))
}

/// A damaged file may end in a panic of the library.
fn unharmed<T>(file: &Path, work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| bad(file, "it is damaged".to_owned()))
}

/// Numbers of the tokens that the files, or the class, name or list as special.
fn numbers(tokenizer: &Tokenizer, class: Class, declared: &Declared) -> impl Iterator<Item = u32> {
    let specials = declared.specials(&class.config(declared)).into_iter();
    specials.filter_map(|text| tokenizer.token_to_id(&text))
}

/// `model_max_length`, or what older files call `max_len`; some hold 1e30 for "no bound".
fn longest(keys: &Keys) -> Result<Option<usize>> {
    let older = !keys.has("model_max_length");
    let key = if older { "max_len" } else { "model_max_length" };
    let length = keys.positive(key, f64::INFINITY)?;
    #[allow(clippy::cast_sign_loss, reason = "it is above 0")]
    let length = (length <= NO_LENGTH).then_some(length as usize);
    Ok(length)
}

fn is_left(keys: &Keys, key: &str, side: &str) -> Result<bool> {
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
