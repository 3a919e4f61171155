//! Tokens with a meaning of their own: where a text begins, where it ends.

use std::path::Path;

use serde::Deserialize;
use tokenizers::Tokenizer;

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
    /// Tokens that end a generation.
    pub ends: Vec<u32>,
    /// Whether texts begin with `bos`.
    pub adds_bos: bool,
    /// The model's own template of a conversation, in Jinja.
    pub chat_template: Option<String>,
}

#[derive(Deserialize, Default)]
struct Config {
    bos_token: Option<Spelled>,
    eos_token: Option<Spelled>,
    pad_token: Option<Spelled>,
    unk_token: Option<Spelled>,
    add_bos_token: Option<bool>,
    chat_template: Option<Templates>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Spelled {
    Plain(String),
    Full { content: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Named(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

impl Templates {
    fn default(self) -> Option<String> {
        match self {
            Self::One(template) => Some(template),
            Self::Named(all) => {
                let mut all = all.into_iter();
                all.find(|one| one.name == "default").map(|one| one.template)
            }
        }
    }
}

/// From `tokenizer_config.json` and `chat_template.jinja`, where they are; `ends` are the model's.
pub(super) fn of_folder(folder: &Path, tokenizer: &Tokenizer, ends: &[u32]) -> Result<Marks> {
    let file = folder.join("tokenizer_config.json");
    let config: Config = match read_text_if_there(&file)? {
        Some(text) => serde_json::from_str(&text).map_err(|error| bad(&file, error.to_string()))?,
        None => Config::default(),
    };
    let mark = |spelled: Option<Spelled>| {
        let (Spelled::Plain(text) | Spelled::Full { content: text }) = spelled?;
        let id = tokenizer.token_to_id(&text)?;
        Some(Mark { id, text })
    };
    let bos = mark(config.bos_token);
    let adds_bos = match (config.add_bos_token, &bos) {
        (Some(adds), _) => adds,
        (None, None) => false,
        (None, Some(bos)) => {
            let added = tokenizer.encode("", true);
            let added = added.map_err(|error| bad(folder, error.to_string()))?;
            added.get_ids().first() == Some(&bos.id)
        }
    };
    let eos = mark(config.eos_token);
    let own = read_text_if_there(&folder.join("chat_template.jinja"))?;
    Ok(Marks {
        ends: with_eos(ends, eos.as_ref()),
        adds_bos: adds_bos && bos.is_some(),
        bos,
        eos,
        pad: mark(config.pad_token),
        unk: mark(config.unk_token),
        chat_template: own.or_else(|| config.chat_template.and_then(Templates::default)),
    })
}

/// From the metadata of a GGUF file.
pub(super) fn of_metadata(metadata: &Metadata, ends: &[u32]) -> std::result::Result<Marks, String> {
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
    Ok(Marks {
        ends: with_eos(ends, eos.as_ref()),
        adds_bos: adds_bos && bos.is_some(),
        bos,
        eos,
        pad: mark("padding")?,
        unk: mark("unknown")?,
        chat_template: metadata.text("tokenizer.chat_template")?.map(str::to_owned),
    })
}

fn with_eos(ends: &[u32], eos: Option<&Mark>) -> Vec<u32> {
    let mut ends = ends.to_vec();
    ends.extend(eos.map(|mark| mark.id).filter(|id| !ends.contains(id)));
    ends
}
