//! Tokens that the files beside `tokenizer.json` name or spell, in the order in which transformers adds them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tokenizers::{AddedToken, Tokenizer};

use crate::in_order::Pairs;

/// Keys that every configuration may have, in the order in which transformers adds their tokens.
pub const NAMES: [&str; 7] = [
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
/// The name of that list before transformers 5.
const OLDER: &str = "additional_special_tokens";

/// The keys of a configuration, and those of its `extra_special_tokens`, in the order of the files: new tokens get their
/// numbers in it.
#[derive(Debug, Default)]
pub(crate) struct Order {
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

/// A configuration as transformers takes it before other files: the older name of the list of further tokens gives way to the
/// newer one, and tokens with a name of their own are texts, or objects that say what they are.
pub(crate) fn of_config(config: &mut Map<String, Value>) {
    let further = config.get(FURTHER);
    let says = further.is_some_and(|further| match further {
        Value::Array(list) => !list.is_empty(),
        Value::Object(names) => !names.is_empty(),
        other => !other.is_null(),
    });
    if !says && let Some(list) = config.remove(OLDER) {
        config.insert(FURTHER.to_owned(), list);
    }
    config.retain(|key, value| {
        let named = key.ends_with("_token") && !NAMES.contains(&key.as_str());
        !(named && value.is_object() && value.get("__type") != Some(&Value::from("AddedToken")))
    });
}

/// Lays what one file says over what another one says; names in `extra_special_tokens` are put together, and so are lists.
pub(crate) fn lay_over(config: &mut Map<String, Value>, mut above: Map<String, Value>) {
    match (config.get_mut(FURTHER), above.get_mut(FURTHER)) {
        (Some(Value::Object(inside)), Some(Value::Object(more))) => {
            inside.append(more);
            above.remove(FURTHER);
        }
        (Some(Value::Array(inside)), Some(Value::Array(more))) => {
            let texts: Vec<Option<String>> = inside.iter().map(text_of).collect();
            more.retain(|token| !texts.contains(&text_of(token)));
            inside.append(more);
            above.remove(FURTHER);
        }
        _ => {}
    }
    config.extend(above);
}

/// The text of a token, where it is one.
fn text_of(token: &Value) -> Option<String> {
    let token: Spelled = serde_json::from_value(token.clone()).ok()?;
    Some(token.text().to_owned())
}

/// A token as configurations spell it: its text, or also what it does to the text beside it.
#[derive(Debug, Deserialize, Clone)]
#[serde(untagged)]
pub enum Spelled {
    /// Its text.
    Plain(String),
    /// With its flags.
    Full {
        /// Its text.
        content: String,
        /// Whether white space before it belongs to it.
        #[serde(default)]
        lstrip: bool,
        /// Whether white space behind it belongs to it.
        #[serde(default)]
        rstrip: bool,
        /// Whether it is found as a whole word only.
        #[serde(default)]
        single_word: bool,
        /// Whether it is looked for in the normalised text.
        normalized: Option<bool>,
        /// Whether it stands for no text.
        #[serde(default)]
        special: bool,
    },
}

impl Spelled {
    /// Its text.
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Full { content: text, .. } => text,
        }
    }

    /// The token to add; `special` where it is one by its place in the configuration.
    pub(crate) fn token(&self, by_place: bool) -> AddedToken {
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

/// The token under a key, where it is one.
pub fn spelled(config: &Map<String, Value>, key: &str) -> Option<Spelled> {
    serde_json::from_value(config.get(key)?.clone()).ok()
}

/// Tokens with a name that is none of `known`; a template is informed of them.
pub fn further_names(config: &Map<String, Value>, known: &[&str]) -> Vec<(String, String)> {
    let keys = config
        .keys()
        .filter(|key| key.ends_with("_token") && !known.contains(&key.as_str()));
    let tokens = keys.filter_map(|key| Some((key.clone(), spelled(config, key)?.text().to_owned())));
    let inside = config.get(FURTHER).and_then(Value::as_object);
    let inside = inside.into_iter().flatten();
    let inside = inside.filter_map(|(name, token)| {
        let token: Spelled = serde_json::from_value(token.clone()).ok()?;
        Some((name.clone(), token.text().to_owned()))
    });
    tokens.chain(inside).collect()
}

/// Tokens of `added_tokens_decoder` by number.
pub(crate) fn by_number(decoder: Value) -> Result<Vec<(u32, AddedToken)>, String> {
    let named = |error: serde_json::Error| format!("added_tokens_decoder: {error}");
    let decoder: BTreeMap<String, Spelled> = serde_json::from_value(decoder).map_err(named)?;
    let mut numbered = Vec::with_capacity(decoder.len());
    for (number, token) in decoder {
        let number: u32 = number
            .parse()
            .map_err(|_| format!("added_tokens_decoder: {number} is not a number"))?;
        numbered.push((number, token.token(false)));
    }
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered)
}

/// Tokens of `added_tokens.json` by number; special are those that the configuration names.
pub(crate) fn by_spelling(
    config: &Map<String, Value>,
    added: &Map<String, Value>,
) -> Result<Vec<(u32, AddedToken)>, String> {
    let named = special_tokens(config, &Order::default());
    let mut numbered = Vec::with_capacity(added.len());
    for (text, number) in added {
        let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or_else(|| format!("the number of {text:?} is none"))?;
        let special = named.iter().any(|(token, _)| token.text() == text);
        numbered.push((number, AddedToken::from(text.clone(), special)));
    }
    numbered.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.content.cmp(&other.content)));
    Ok(numbered)
}

/// Adds tokens of which a file says the numbers.
///
/// # Errors
/// A token that gets another number, in half a sentence.
pub(crate) fn add_numbered(tokenizer: &mut Tokenizer, tokens: &[(u32, AddedToken)]) -> Result<(), String> {
    let added = tokenizer.add_tokens(tokens.iter().map(|(_, token)| token.clone()));
    added.map_err(|error| error.to_string())?;
    for (number, token) in tokens {
        let found = tokenizer.token_to_id(&token.content);
        if found != Some(*number) {
            return Err(format!(
                "says that {:?} is token {number}; by tokenizer.json it is {}",
                token.content,
                found.unwrap_or_default()
            ));
        }
    }
    Ok(())
}

/// Tokens that are special by their place in a configuration, in the order in which they are added, and whether they have a
/// name: the common ones, others with a name, and a list of further ones.
pub(crate) fn special_tokens(config: &Map<String, Value>, order: &Order) -> Vec<(Spelled, bool)> {
    let place = |places: &[String], key: &str| places.iter().position(|other| other == key);
    let rank = |key: &String| {
        let common = NAMES.iter().position(|common| common == key);
        (common.unwrap_or(NAMES.len()), place(&order.keys, key))
    };
    let further = config.get(FURTHER).and_then(Value::as_object);
    let mut keys: Vec<&String> = config.keys().filter(|key| key.ends_with("_token")).collect();
    keys.sort_by_key(|key| rank(key));
    // a name of the object takes the place of the same key
    let value = |key: &String| further.and_then(|inside| inside.get(key)).unwrap_or(&config[key]);
    let mut values: Vec<(Value, bool)> = keys.iter().map(|key| (value(key).clone(), true)).collect();
    let inside = further.into_iter().flatten();
    let mut inside: Vec<(&String, &Value)> = inside.filter(|(name, _)| !keys.contains(name)).collect();
    inside.sort_by_key(|(name, _)| place(&order.further, name));
    values.extend(inside.into_iter().map(|(_, token)| (token.clone(), true)));
    // the newer key replaces the older one, even where it lists nothing
    let list = match config.get(FURTHER) {
        Some(Value::Object(_)) | None => config.get(OLDER),
        newer => newer,
    };
    let list = list.and_then(Value::as_array);
    values.extend(list.into_iter().flatten().map(|token| (token.clone(), false)));
    let read = |(value, named)| Some((serde_json::from_value(value).ok()?, named));
    values.into_iter().filter_map(read).collect()
}

/// Makes special what the configuration names, and adds what the tokenizer does not know as an added token; also what is
/// worth saying about it.
pub(crate) fn add_special(
    tokenizer: &mut Tokenizer,
    config: &Map<String, Value>,
    order: &Order,
) -> Result<Vec<String>, String> {
    let mut notes = Vec::new();
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
    Ok(notes)
}
