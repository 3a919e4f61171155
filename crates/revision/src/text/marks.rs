//! Tokens with a meaning of their own: where a text begins, where it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::{AddedToken, Tokenizer};

use super::byte_level;
use crate::Result;
use crate::files::{Metadata, bad, read_text_if_there};

/// A token and its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its number.
    pub id: u32,
    /// Its spelling.
    pub text: String,
}

/// What a model's files say of its tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// The beginning of a text.
    pub bos: Option<Mark>,
    /// The end of a text, or of a turn.
    pub eos: Option<Mark>,
    /// Fills up a batch.
    pub pad: Option<Mark>,
    /// What no token spells.
    pub unk: Option<Mark>,
    /// Further tokens that the files give names to, such as `image_token`, by these names.
    pub named: Vec<(String, String)>,
    /// Tokens that end a generation.
    pub ends: Vec<u32>,
    /// Whether texts begin with `bos`.
    pub adds_bos: bool,
    /// The model's own template of a conversation, in Jinja.
    pub chat_template: Option<String>,
    /// The file that holds it.
    pub template_file: Option<PathBuf>,
}

/// A token as configurations spell it: its text, or also what it does to the text beside it.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Spelled {
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
    fn text(&self) -> &str {
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

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

/// The template of a configuration, where it has several the one called `default`.
fn template(value: Value) -> std::result::Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(template) => Ok(Some(template)),
        named => {
            let named: Vec<Named> = serde_json::from_value(named).map_err(|error| error.to_string())?;
            let names: Vec<&str> = named.iter().map(|one| one.name.as_str()).collect();
            let names = names.join(", ");
            let mut named = named.into_iter();
            let default = named.find(|one| one.name == "default");
            let missing = || format!("chat_template holds {names}, and none is called `default`");
            default.map(|one| Some(one.template)).ok_or_else(missing)
        }
    }
}

/// From the files beside `tokenizer.json`, where they are, as transformers reads them; `ends` are the model's. What they
/// say of tokens is put into the tokenizer. Also what is worth saying about them.
///
/// `special_tokens_map.json` counts where `tokenizer_config.json` has no `added_tokens_decoder`, and there it counts more.
pub(super) fn of_folder(
    folder: &Path,
    tokenizer: &mut Tokenizer,
    ends: &[u32],
) -> Result<(Marks, Vec<String>)> {
    let object = |name: &str| -> Result<Option<Map<String, Value>>> {
        let file = folder.join(name);
        let parse = |text: String| serde_json::from_str(&text).map_err(|error| bad(&file, error.to_string()));
        read_text_if_there(&file)?.map(parse).transpose()
    };
    let file = folder.join("tokenizer_config.json");
    let fault = |reason: String| bad(&file, reason);
    let mut config = object("tokenizer_config.json")?.unwrap_or_default();
    let decoder = config.remove("added_tokens_decoder");
    if let Some(decoder) = decoder {
        add_by_number(tokenizer, decoder).map_err(fault)?;
    } else {
        config.extend(object("special_tokens_map.json")?.unwrap_or_default());
        if let Some(added) = object("added_tokens.json")? {
            add_by_spelling(tokenizer, &config, added)
                .map_err(|reason| bad(&folder.join("added_tokens.json"), reason))?;
        }
    }
    if config.get("split_special_tokens") == Some(&Value::Bool(true)) {
        return Err(fault(
            "split_special_tokens is true: special tokens would be cut into parts, which is not done here"
                .to_owned(),
        ));
    }
    let mut notes = Vec::new();
    add_special(tokenizer, &config, &mut notes).map_err(fault)?;
    let mark = |key: &str| -> Option<Mark> {
        let text = spelled(&config, key)?.text().to_owned();
        let id = tokenizer.token_to_id(&text)?;
        Some(Mark { id, text })
    };
    let bos = mark("bos_token");
    let adds_bos = match (config.get("add_bos_token").and_then(Value::as_bool), &bos) {
        (Some(adds), _) => adds,
        (None, None) => false,
        (None, Some(bos)) => {
            let added = tokenizer.encode("", true);
            let added = added.map_err(|error| bad(folder, error.to_string()))?;
            added.get_ids().first() == Some(&bos.id)
        }
    };
    let eos = mark("eos_token");
    let own_file = folder.join("chat_template.jinja");
    let (mut chat_template, mut template_file) = if let Some(own) = read_text_if_there(&own_file)? {
        (Some(own), own_file)
    } else {
        let inside = config.get("chat_template").cloned().unwrap_or_default();
        (template(inside).map_err(fault)?, file)
    };
    // where processors of models that see kept it
    if let (None, Some(mut processor)) = (&chat_template, object("chat_template.json")?) {
        template_file = folder.join("chat_template.json");
        let inside = processor.remove("chat_template").unwrap_or_default();
        chat_template = template(inside).map_err(|reason| bad(&template_file, reason))?;
    }
    let marks = Marks {
        ends: with_eos(ends, eos.as_ref()),
        adds_bos: adds_bos && bos.is_some(),
        bos,
        eos,
        pad: mark("pad_token"),
        unk: mark("unk_token"),
        named: further_names(&config),
        template_file: chat_template.is_some().then_some(template_file),
        chat_template,
    };
    Ok((marks, notes))
}

fn spelled(config: &Map<String, Value>, key: &str) -> Option<Spelled> {
    serde_json::from_value(config.get(key)?.clone()).ok()
}

/// Tokens with a name beside those that [`Marks`] has fields for; a template is told of them.
fn further_names(config: &Map<String, Value>) -> Vec<(String, String)> {
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
fn add_by_number(tokenizer: &mut Tokenizer, decoder: Value) -> std::result::Result<(), String> {
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
fn add_by_spelling(
    tokenizer: &mut Tokenizer,
    config: &Map<String, Value>,
    added: Map<String, Value>,
) -> std::result::Result<(), String> {
    let named: Vec<String> = special_keys(config)
        .map(|token| token.text().to_owned())
        .collect();
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
        let special = named.contains(&text);
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

/// Tokens that a configuration names: the beginning, the end and others, and lists of further ones.
fn special_keys(config: &Map<String, Value>) -> impl Iterator<Item = Spelled> {
    let named = config.keys().filter(|key| key.ends_with("_token"));
    let named = named.filter_map(|key| spelled(config, key));
    let lists = ["extra_special_tokens", "additional_special_tokens"];
    let further = lists
        .into_iter()
        .filter_map(|key| config.get(key))
        .flat_map(|list| {
            let tokens: Vec<Value> = match list {
                Value::Array(tokens) => tokens.clone(),
                Value::Object(tokens) => tokens.values().cloned().collect(),
                _ => Vec::new(),
            };
            tokens
                .into_iter()
                .filter_map(|token| serde_json::from_value::<Spelled>(token).ok())
        });
    named.chain(further)
}

/// Makes special what the configuration names and the tokenizer does not know as an added token.
fn add_special(
    tokenizer: &mut Tokenizer,
    config: &Map<String, Value>,
    notes: &mut Vec<String>,
) -> std::result::Result<(), String> {
    for token in special_keys(config) {
        let text = token.text();
        if text.is_empty() || tokenizer.get_added_vocabulary().get_vocab().contains_key(text) {
            continue;
        }
        if tokenizer.token_to_id(text).is_none() {
            notes.push(format!(
                "tokenizer_config.json names the token {text:?}, which tokenizer.json lacks; it was added behind the others"
            ));
        }
        tokenizer
            .add_tokens([token.token(true)])
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// From the metadata of a GGUF file.
///
/// Tokens that begin or end a text are special whatever their kind, as in llama.cpp.
pub(super) fn of_metadata(
    metadata: &Metadata,
    tokenizer: &mut Tokenizer,
    ends: &[u32],
) -> std::result::Result<Marks, String> {
    let tokens = metadata.texts("tokenizer.ggml.tokens")?.unwrap_or_default();
    let mark = |name: &str| -> std::result::Result<Option<Mark>, String> {
        let key = format!("tokenizer.ggml.{name}_token_id");
        let Some(id) = metadata.size(&key)? else {
            return Ok(None);
        };
        let text = tokens
            .get(id)
            .ok_or_else(|| format!("{key} is {id}, of {} tokens", tokens.len()))?;
        Ok(Some(Mark {
            id: id as u32,
            text: text.clone(),
        }))
    };
    let (bos, eos) = (mark("bos")?, mark("eos")?);
    let adds_bos = match metadata.flag("tokenizer.ggml.add_bos_token")? {
        Some(adds) => adds,
        None if metadata.text("tokenizer.ggml.model")? == Some("llama") => true,
        None => byte_level::adds_bos(metadata)?,
    };
    let ends = with_eos(ends, eos.as_ref());
    let begin = bos.iter().map(|bos| bos.id);
    let spelled = begin
        .chain(ends.iter().copied())
        .filter_map(|id| tokens.get(id as usize));
    let known = tokenizer.get_added_vocabulary().get_vocab();
    let unmarked = spelled.filter(|text| !text.is_empty() && !known.contains_key(*text));
    let unmarked: Vec<AddedToken> = unmarked
        .map(|text| AddedToken::from(text.clone(), true))
        .collect();
    tokenizer
        .add_tokens(unmarked)
        .map_err(|error| error.to_string())?;
    Ok(Marks {
        ends,
        adds_bos: adds_bos && bos.is_some(),
        bos,
        eos,
        pad: mark("padding")?,
        unk: mark("unknown")?,
        named: Vec::new(),
        chat_template: metadata.text("tokenizer.chat_template")?.map(str::to_owned),
        template_file: None,
    })
}

fn with_eos(ends: &[u32], eos: Option<&Mark>) -> Vec<u32> {
    let mut ends = ends.to_vec();
    ends.extend(eos.map(|mark| mark.id).filter(|id| !ends.contains(id)));
    ends
}
