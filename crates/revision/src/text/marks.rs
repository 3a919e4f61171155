//! Tokens with a meaning of their own: where a text begins, where it ends.

use std::path::{Path, PathBuf};

use modality_gap_tokens::{CONFIG, Class, Declared, further_names, spelled};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::{AddedToken, Tokenizer};

use super::byte_level;
use crate::Result;
use crate::files::{Metadata, bad, read_text_if_there};

const PROCESSOR: &str = "chat_template.json";
/// Tokens that [`Marks`] has fields for.
const FIELDS: [&str; 4] = ["bos_token", "eos_token", "pad_token", "unk_token"];

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

/// One of several templates.
#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

impl Named {
    /// Of an object of templates, as transformers holds them in memory.
    fn of_pair((name, template): (String, Value)) -> Option<Self> {
        match template {
            Value::String(template) => Some(Self { name, template }),
            _ => None,
        }
    }
}

/// The template of a configuration, where it has several the one called `default`.
fn template(value: Value) -> std::result::Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(template) => Ok(Some(template)),
        named => {
            let named: Vec<Named> = match named {
                Value::Object(named) => named.into_iter().filter_map(Named::of_pair).collect(),
                list => serde_json::from_value(list).map_err(|error| error.to_string())?,
            };
            let names: Vec<&str> = named.iter().map(|one| one.name.as_str()).collect();
            let names = names.join(", ");
            let mut named = named.into_iter();
            let default = named.find(|one| one.name == "default");
            let missing = || format!("chat_template holds {names}, and none is called `default`");
            default.map(|one| Some(one.template)).ok_or_else(missing)
        }
    }
}

/// The object in a file of a folder, if it is there.
fn object(folder: &Path, name: &str) -> Result<Option<Map<String, Value>>> {
    let file = folder.join(name);
    let parsed = read_text_if_there(&file)?
        .map(|text| serde_json::from_str(&text))
        .transpose();
    parsed.map_err(|error: serde_json::Error| bad(&file, error.to_string()))
}

/// The chat template of a folder and its file: one of its own, that of the tokenizer's configuration, or where processors of
/// models that see kept it.
fn template_of(folder: &Path, config: &Map<String, Value>) -> Result<Option<(String, PathBuf)>> {
    let own = folder.join("chat_template.jinja");
    if let Some(template) = read_text_if_there(&own)? {
        return Ok(Some((template, own)));
    }
    let read = |config: &Map<String, Value>, name: &str| {
        let file = folder.join(name);
        let inside = config.get("chat_template").cloned().unwrap_or_default();
        let found = template(inside).map_err(|reason| bad(&file, reason))?;
        Ok(found.map(|template| (template, file)))
    };
    if let Some(found) = read(config, CONFIG)? {
        return Ok(Some(found));
    }
    let processor = object(folder, PROCESSOR)?.unwrap_or_default();
    read(&processor, PROCESSOR)
}

/// The chat template that stands in a folder without a model, if any, such as an adapter's.
pub(crate) fn template_beside(folder: &Path) -> Result<Option<String>> {
    let config = object(folder, CONFIG)?.unwrap_or_default();
    Ok(template_of(folder, &config)?.map(|(template, _)| template))
}

/// The class of a folder's tokenizer; one whose code is not repeated takes the file unchanged.
fn class_of(folder: &Path, config: &Map<String, Value>, json: &str) -> Result<Class> {
    let model = object(folder, "config.json")?.unwrap_or_default();
    let text = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let named = text(config, "tokenizer_class").or_else(|| text(&model, "tokenizer_class"));
    let class = Class::of(named.as_deref(), text(&model, "model_type").as_deref(), json);
    Ok(class.unwrap_or(Class::File))
}

/// From the files beside `tokenizer.json`, where they are, as transformers reads them; `ends` are the model's. What they
/// say of tokens is put into the tokenizer, which its class may build anew; `json` is its `tokenizer.json`. Also what is worth
/// saying about them.
pub(super) fn of_folder(
    folder: &Path,
    tokenizer: Tokenizer,
    ends: &[u32],
    json: &str,
) -> Result<(Tokenizer, Marks, Vec<String>)> {
    let declared = Declared::open(folder)?;
    let class = class_of(folder, declared.config(), json)?;
    // tokens that the class names of itself count where the file has them
    let mut config = class.config(&declared);
    config.retain(|key, token| {
        declared.config().contains_key(key)
            || token
                .as_str()
                .is_some_and(|text| tokenizer.token_to_id(text).is_some())
    });
    let config = &config;
    let (tokenizer, notes) = class.build(tokenizer, &declared)?;
    let mark = |key: &str| -> Option<Mark> {
        let text = spelled(config, key)?.text().to_owned();
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
    let (chat_template, template_file) = match template_of(folder, config)? {
        Some((template, file)) => (Some(template), Some(file)),
        None => (None, None),
    };
    let marks = Marks {
        ends: with_eos(ends, eos.as_ref()),
        adds_bos: adds_bos && bos.is_some(),
        bos,
        eos,
        pad: mark("pad_token"),
        unk: mark("unk_token"),
        named: further_names(config, &FIELDS),
        template_file,
        chat_template,
    };
    Ok((tokenizer, marks, notes))
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
