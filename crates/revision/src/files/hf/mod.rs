//! Folders in Hugging Face's layout.

mod config;
mod weights;

use std::path::Path;

use candle_core::Tensor;
use serde::Deserialize;

use super::names::weight_shapes;
use super::source::{bad, text, text_if_there};
use crate::{LmConfig, Result};

use config::Ids;
pub(crate) use weights::Safetensors;

/// A folder whose configuration and headers were read.
#[derive(Debug)]
pub(crate) struct Folder {
    config: LmConfig,
    weights: Safetensors,
    ends: Vec<u32>,
}

#[derive(Deserialize)]
struct Ends {
    #[serde(default)]
    eos_token_id: Ids,
}

impl Folder {
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("config.json");
        let json = text(&file)?;
        let config = config::parse(&json).map_err(|reason| bad(&file, reason))?;
        let weights = Safetensors::in_folder(folder, "model")?;
        check(&weights, &config).map_err(|reason| weights.bad(reason))?;
        Ok(Self {
            ends: ends(folder, &json)?,
            config,
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

    pub fn weight(&self, name: &str) -> Result<Option<Tensor>> {
        self.weights.tensor(name)
    }
}

fn ends(folder: &Path, config: &str) -> Result<Vec<u32>> {
    let read = |file: &Path, text: &str| -> Result<Vec<u32>> {
        let ends: Ends = serde_json::from_str(text).map_err(|error| bad(file, error.to_string()))?;
        Ok(ends.eos_token_id.list())
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

/// Whether every weight is there in its shape, and nothing in the blocks that would change the model.
fn check(weights: &Safetensors, config: &LmConfig) -> std::result::Result<(), String> {
    let shapes = weight_shapes(config);
    for (name, shape) in &shapes {
        match weights.shape(name) {
            None => return Err(format!("{name} is missing")),
            Some(found) if found != *shape => {
                return Err(format!("{name} is {found:?}, the configuration says {shape:?}"));
            }
            Some(_) => {}
        }
    }
    let known = |name: &str| shapes.iter().any(|(known, _)| known == name);
    // tables that older versions stored beside the weights
    let table = |name: &str| name.ends_with("rotary_emb.inv_freq") || name.ends_with("masked_bias");
    let mut inside = weights.names().filter(|name| name.starts_with("model.layers."));
    match inside.find(|name| !known(name) && !table(name)) {
        Some(name) => {
            let kind = &config.model_type;
            Err(format!(
                "{name} has no place in a model of the kind {kind} as it is computed here"
            ))
        }
        None => Ok(()),
    }
}
