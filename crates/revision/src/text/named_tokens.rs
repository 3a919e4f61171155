//! What the files beside `tokenizer.json` say of single tokens, as transformers takes it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tokenizers::{AddedToken, Tokenizer};

use crate::files::Pairs;

/// Keys that every configuration may have, in the order in which transformers adds their tokens.
const COMMON: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];
/// Further special tokens: a list, or an object of names.
const FURTHER: &str = "extra_special_tokens";

/// The keys of a configuration, and those of its `extra_special_tokens`, in the order of the files: new tokens get their
/// numbers in it.
#[derive(Default)]
pub(super) struct Order {
    keys: Vec<String>,
    further: Vec<String>,
}

impl Order {
    /// Adds what a further file says: its keys come first, its names in `extra_special_tokens` last.
    pub fn add(&mut self, text: &str) -> serde_json::Result<()> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Part {
            Object(Pairs<IgnoredAny>),
            Other(IgnoredAny),
        }
        let Pairs(parts) = serde_json::from_str::<Pairs<Part>>(text)?;
        let mut keys = Vec::with_capacity(parts.len());
        for (key, part) in parts {
            if key == FURTHER
                && let Part::Object(Pairs(inside)) = part
            {
                self.further.extend(inside.into_iter().map(|(name, _)| name));
            }
            keys.push(key);
        }
        self.keys.splice(..0, keys);
        Ok(())
    }
}

/// Lays what one file says over what another one says; names in `extra_special_tokens` are put together.
pub(super) fn lay_over(config: &mut Map<String, Value>, mut above: Map<String, Value>) {
    if let (Some(Value::Object(inside)), Some(Value::Object(more))) =
        (config.get_mut(FURTHER), above.get_mut(FURTHER))
    {
        inside.append(more);
        above.remove(FURTHER);
    }
    config.extend(above);
}

/// A token as configurations spell it: its text, or also what it does to the text beside it.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub(super) enum Spelled {
    Plain(String),
    Full {
        content: String,
        #[serde(default)]
        lstrip: bool,
        #[serde(default)]
        rstrip: bool,
        #[serde(default)]
        single_word: bool,
        normalized: Option<bool>,
        #[serde(default)]
        special: bool,
    },
}

impl Spelled {
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Full { content: text, .. } => text,
        }
    }

    /// The token to add; `special` where it is one by its place in the configuration.
    fn token(&self, by_place: bool) -> AddedToken {
        match self {
            Self::Plain(text) => AddedToken::from(text.clone(), by_place),
            Self::Full {
                content,
                lstrip,
                rstrip,
                single_word,
                normalized,
                special,
            } => {
                let special = by_place || *special;
                AddedToken::from(content.clone(), special)
                    .lstrip(*lstrip)
                    .rstrip(*rstrip)
                    .single_word(*single_word)
                    .normalized(normalized.unwrap_or(!special))
            }
        }
    }
}

pub(super) fn spelled(config: &Map<String, Value>, key: &str) -> Option<Spelled> {
    serde_json::from_value(config.get(key)?.clone()).ok()
}

/// Tokens with a name beside those that [`Marks`] has fields for; a template is told of them.
pub(super) fn further_names(config: &Map<String, Value>) -> Vec<(String, String)> {
    const FIELDS: [&str; 4] = ["bos_token", "eos_token", "pad_token", "unk_token"];
    let keys = config
        .keys()
        .filter(|key| key.ends_with("_token") && !FIELDS.contains(&key.as_str()));
    let tokens = keys.filter_map(|key| Some((key.clone(), spelled(config, key)?.text().to_owned())));
    let inside = config.get("extra_special_tokens").and_then(Value::as_object);
    let inside = inside.into_iter().flatten();
    let inside = inside.filter_map(|(name, token)| {
        let token: Spelled = serde_json::from_value(token.clone()).ok()?;
        Some((name.clone(), token.text().to_owned()))
    });
    tokens.chain(inside).collect()
}

/// Tokens of `added_tokens_decoder`, by number: their flags count more than those of `tokenizer.json`.
pub(super) fn add_by_number(tokenizer: &mut Tokenizer, decoder: Value) -> std::result::Result<(), String> {
    let named = |error: serde_json::Error| format!("added_tokens_decoder: {error}");
    let decoder: BTreeMap<String, Spelled> = serde_json::from_value(decoder).map_err(named)?;
    let mut numbered = Vec::with_capacity(decoder.len());
    for (number, token) in decoder {
        let number: u32 = number
            .parse()
            .map_err(|_| format!("added_tokens_decoder: {number} is no number"))?;
        numbered.push((number, token));
    }
    numbered.sort_by_key(|(number, _)| *number);
    let tokens = numbered.iter().map(|(_, token)| token.token(false));
    tokenizer.add_tokens(tokens).map_err(|error| error.to_string())?;
    for (number, token) in numbered {
        let text = token.text();
        if tokenizer.token_to_id(text) != Some(number) {
            let found = tokenizer.token_to_id(text).unwrap_or_default();
            return Err(format!(
                "added_tokens_decoder says that {text:?} is token {number}; by tokenizer.json it is {found}"
            ));
        }
    }
    Ok(())
}

/// Tokens of `added_tokens.json`; special are those that the configuration names.
pub(super) fn add_by_spelling(
    tokenizer: &mut Tokenizer,
    config: &Map<String, Value>,
    added: Map<String, Value>,
) -> std::result::Result<(), String> {
    let named = special_tokens(config, &Order::default());
    let mut numbered = Vec::new();
    for (text, number) in added {
        let number = number
            .as_u64()
            .ok_or_else(|| format!("the number of {text:?} is none"))?;
        if tokenizer.get_added_vocabulary().get_vocab().get(&text).is_none() {
            numbered.push((number, text));
        }
    }
    numbered.sort();
    for (number, text) in numbered {
        let special = named.iter().any(|(token, _)| token.text() == text);
        let token = AddedToken::from(text.clone(), special);
        tokenizer.add_tokens([token]).map_err(|error| error.to_string())?;
        let found = tokenizer.token_to_id(&text).unwrap_or_default();
        if u64::from(found) != number {
            return Err(format!(
                "it says that {text:?} is token {number}; by tokenizer.json it is {found}"
            ));
        }
    }
    Ok(())
}

/// Tokens that are special by their place in a configuration, in the order in which they are added, and whether they have a
/// name: the common ones, others with a name, and a list of further ones.
fn special_tokens(config: &Map<String, Value>, order: &Order) -> Vec<(Spelled, bool)> {
    let place = |places: &[String], key: &str| places.iter().position(|other| other == key);
    let rank = |key: &String| {
        let common = COMMON.iter().position(|common| common == key);
        (common.unwrap_or(COMMON.len()), place(&order.keys, key))
    };
    let mut keys: Vec<&String> = config.keys().filter(|key| key.ends_with("_token")).collect();
    keys.sort_by_key(|key| rank(key));
    let mut values: Vec<(Value, bool)> = keys.iter().map(|key| (config[*key].clone(), true)).collect();
    if let Some(Value::Object(inside)) = config.get(FURTHER) {
        let mut inside: Vec<(&String, &Value)> = inside.iter().collect();
        inside.sort_by_key(|(name, _)| place(&order.further, name));
        values.extend(inside.into_iter().map(|(_, token)| (token.clone(), true)));
    }
    // the newer list replaces the older one
    let lists = [FURTHER, "additional_special_tokens"];
    let list = lists.into_iter().find_map(|key| config.get(key)?.as_array());
    values.extend(list.into_iter().flatten().map(|token| (token.clone(), false)));
    let read = |(value, named)| Some((serde_json::from_value(value).ok()?, named));
    values.into_iter().filter_map(read).collect()
}

/// Makes special what the configuration names, and adds what the tokenizer does not know as an added token.
pub(super) fn add_special(
    tokenizer: &mut Tokenizer,
    config: &Map<String, Value>,
    order: &Order,
    notes: &mut Vec<String>,
) -> std::result::Result<(), String> {
    let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
    let before: BTreeMap<String, AddedToken> = added
        .values()
        .map(|token| (token.content.clone(), token.clone()))
        .collect();
    for (token, named) in special_tokens(config, order) {
        let text = token.text();
        // what the configuration itself spells twice counts as it is spelled last
        let token = match before.get(text).cloned() {
            // its flags are those of the tokenizer
            Some(known) if named && !known.special => known.special(true),
            Some(_) => continue,
            None if text.is_empty() => continue,
            None => {
                if tokenizer.token_to_id(text).is_none() {
                    notes.push(format!(
                        "tokenizer_config.json names the token {text:?}, which tokenizer.json lacks; it was added behind \
                         the others"
                    ));
                }
                token.token(true)
            }
        };
        tokenizer.add_tokens([token]).map_err(|error| error.to_string())?;
    }
    Ok(())
}
