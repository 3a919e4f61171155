//! Folders in Hugging Face's layout.

mod config;
mod weights;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::Tensor;
use serde::Deserialize;

use super::names::weight_shapes;
use super::our_projector_name;
use super::source::{bad, text, text_if_there};
use crate::{LmConfig, Result};

use config::Ids;
pub(crate) use weights::Safetensors;

/// A folder whose configuration and headers were read.
#[derive(Debug)]
pub(crate) struct Folder {
    config: LmConfig,
    weights: Safetensors,
    /// Names under which the folder stores weights, by Hugging Face's name.
    stored: BTreeMap<String, String>,
    ends: Vec<u32>,
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Ends {
    #[serde(default)]
    eos_token_id: Ids,
    text_config: Option<Inside>,
}

#[derive(Deserialize)]
struct Inside {
    #[serde(default)]
    eos_token_id: Ids,
}

const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

impl Folder {
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("config.json");
        let json = text(&file)?;
        let mut config = config::parse(&json).map_err(|reason| bad(&file, reason))?;
        let weights = Safetensors::in_folder(folder, "model")?;
        let names = Names::of(&weights);
        // tied only where the file does not say otherwise
        if let (true, Some(head), Some(embedding)) = (
            config.tied,
            names.find(HEAD, &weights),
            names.find(EMBEDDING, &weights),
        ) {
            config.tied = weights.equal(&head, &embedding)?;
        }
        let (stored, notes) = names
            .check(&weights, &config)
            .map_err(|reason| weights.bad(reason))?;
        Ok(Self {
            ends: ends(folder, &json)?,
            config,
            stored,
            notes: notes
                .map(|note| format!("{}: {note}", weights.file().display()))
                .into_iter()
                .collect(),
            weights,
        })
    }

    pub fn config(&self) -> &LmConfig {
        &self.config
    }

    /// Tokens that end a generation, from `generation_config.json`, or else from `config.json`.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Tensors that the model does not use.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub fn weight(&self, name: &str) -> Result<Option<Tensor>> {
        match self.stored.get(name) {
            Some(stored) => self.weights.tensor(stored),
            None => Ok(None),
        }
    }
}

fn ends(folder: &Path, config: &str) -> Result<Vec<u32>> {
    let read = |file: &Path, text: &str| -> Result<Vec<u32>> {
        let ends: Ends = serde_json::from_str(text).map_err(|error| bad(file, error.to_string()))?;
        let inside = ends
            .text_config
            .map_or_else(Vec::new, |inside| inside.eos_token_id.list());
        let outside = ends.eos_token_id.list();
        Ok(if outside.is_empty() { inside } else { outside })
    };
    let file = folder.join("generation_config.json");
    if let Some(text) = text_if_there(&file)? {
        let ends = read(&file, &text)?;
        if !ends.is_empty() {
            return Ok(ends);
        }
    }
    read(&folder.join("config.json"), config)
}

/// How a folder names the language model's weights.
struct Names {
    /// In place of `model.`, and before `lm_head.`.
    inside: &'static str,
    head: &'static str,
}

/// As Hugging Face's classes of language models have it; of models that see, now and before; and without a head.
const NAMES: [Names; 5] = [
    Names {
        inside: "model.",
        head: "",
    },
    Names {
        inside: "language_model.model.",
        head: "language_model.",
    },
    Names {
        inside: "model.language_model.",
        head: "",
    },
    Names {
        inside: "model.text_model.",
        head: "",
    },
    Names { inside: "", head: "" },
];

impl Names {
    fn of(weights: &Safetensors) -> &'static Self {
        let there = |names: &&Names| {
            weights
                .shape(&format!("{}layers.0.input_layernorm.weight", names.inside))
                .is_some()
        };
        NAMES.iter().find(there).unwrap_or(&NAMES[0])
    }

    /// The folder's name for one of Hugging Face's.
    fn stored(&self, name: &str) -> String {
        match name.strip_prefix("model.") {
            Some(rest) => format!("{}{rest}", self.inside),
            None => format!("{}{name}", self.head),
        }
    }

    /// The folder's name for a weight that is there.
    fn find(&self, name: &str, weights: &Safetensors) -> Option<String> {
        let stored = self.stored(name);
        weights.shape(&stored).is_some().then_some(stored)
    }

    /// The stored names of all weights, each there in its shape, and a word about tensors that are not the language
    /// model's.
    ///
    /// # Errors
    /// What is missing, or would change the model if it were computed.
    fn check(
        &self,
        weights: &Safetensors,
        config: &LmConfig,
    ) -> std::result::Result<(BTreeMap<String, String>, Option<String>), String> {
        let mut stored = BTreeMap::new();
        for (name, shape) in weight_shapes(config) {
            let mut found = self.find(&name, weights);
            if name == EMBEDDING && config.tied && found.is_none() {
                // one matrix under either name
                found = self.find(HEAD, weights);
            }
            let found = found.ok_or_else(|| format!("{} is missing", self.stored(&name)))?;
            match weights.shape(&found) {
                Some(is) if is != shape => {
                    return Err(format!("{found} is {is:?}, the configuration says {shape:?}"));
                }
                _ => stored.insert(name, found),
            };
        }
        let used: BTreeSet<&str> = stored.values().map(String::as_str).collect();
        // tables that older versions stored beside the weights
        let table = |name: &str| name.ends_with("rotary_emb.inv_freq") || name.ends_with("masked_bias");
        let head = self.stored(HEAD);
        let unused = weights
            .names()
            .filter(|name| !used.contains(name) && !table(name));
        let unused =
            unused.filter(|name| !(config.tied && *name == head) && our_projector_name(name).is_none());
        let unused: Vec<&str> = unused.collect();
        let own = ["layers.", "norm.", "embed_tokens."].map(|part| format!("{}{part}", self.inside));
        let head = head.trim_end_matches("weight");
        let inside =
            |name: &&&str| own.iter().any(|own| name.starts_with(own.as_str())) || name.starts_with(head);
        if let Some(name) = unused.iter().find(inside) {
            let kind = &config.model_type;
            return Err(format!(
                "{name} has no place in a model of the kind {kind} as it is computed here"
            ));
        }
        Ok((stored, unused_note(&unused)))
    }
}

/// A word about tensors that are not used.
fn unused_note(unused: &[&str]) -> Option<String> {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = unused.iter().copied().take(SHOWN).collect();
    let more = match unused.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!(" and {more} more"),
        _ => String::new(),
    };
    (!unused.is_empty()).then(|| {
        format!(
            "tensors that are not the language model's are not used: {}{more}",
            shown.join(", ")
        )
    })
}
