//! Adapters in PEFT's folders: `adapter_config.json` and `adapter_model.safetensors`.

use std::path::Path;

use candle_core::Tensor;
use serde::Deserialize;
use serde_json::{Value, json};

use super::hf::Safetensors;
use super::out::{Stored, failed, write_json, write_tensors};
use super::source::{bad, text};
use crate::lora::{LoraConfig, PREFIX, TARGETS};
use crate::{Result, RevisionError};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// Before the name of a map in PEFT's files.
const THEIRS: &str = "base_model.model.";

#[derive(Deserialize)]
struct File {
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    lora_dropout: f64,
    target_modules: Targets,
    #[serde(default)]
    bias: Option<String>,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default)]
    rank_pattern: Option<Value>,
    #[serde(default)]
    alpha_pattern: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Targets {
    Rule(String),
    Names(Vec<String>),
}

/// Reads adapters; tensors by the names of this crate's parameters, f32.
///
/// # Errors
/// `NOT_FOUND`, `UNREADABLE`; `BAD_MODEL` for what is no LoRA as this crate computes it, named.
pub fn read_adapters(folder: &Path) -> Result<(LoraConfig, Vec<(String, Tensor)>)> {
    let file = folder.join(CONFIG);
    let config: File = serde_json::from_str(&text(&file)?).map_err(|error| bad(&file, error.to_string()))?;
    let config = lora(config).map_err(|reason| bad(&file, reason))?;
    let weights = Safetensors::open(&folder.join(WEIGHTS))?;
    let mut tensors = Vec::new();
    for name in weights.names() {
        let ours = our_name(name).ok_or_else(|| {
            weights.bad(format!(
                "{name} is no part of an adapter of a block's linear maps"
            ))
        })?;
        let tensor = weights.tensor(name)?.expect("a name that it gave");
        if !fits(&ours, tensor.dims(), config.rank) {
            return Err(weights.bad(format!("{name} is {:?}, at rank {}", tensor.dims(), config.rank)));
        }
        tensors.push((ours, tensor));
    }
    match tensors
        .iter()
        .find(|(name, _)| !tensors.iter().any(|(other, _)| *other == partner(name)))
    {
        Some((name, _)) => Err(weights.bad(format!("{name} has no partner"))),
        None if tensors.is_empty() => Err(weights.bad("it holds no adapters")),
        None => Ok((config, tensors)),
    }
}

fn lora(file: File) -> std::result::Result<LoraConfig, String> {
    let patterns = [&file.rank_pattern, &file.alpha_pattern];
    let filled = |pattern: &&Option<Value>| {
        pattern
            .as_ref()
            .and_then(Value::as_object)
            .is_some_and(|pattern| !pattern.is_empty())
    };
    let refused = [
        (file.peft_type != "LORA", "it is no LoRA (peft_type)"),
        (file.use_dora, "it is a DoRA (use_dora)"),
        (
            file.use_rslora,
            "its scale goes with the root of the rank (use_rslora)",
        ),
        (
            file.fan_in_fan_out,
            "its matrices are transposed (fan_in_fan_out)",
        ),
        (
            file.bias.as_deref().is_some_and(|bias| bias != "none"),
            "it has learned biases (bias)",
        ),
        (
            patterns.iter().any(filled),
            "its maps have ranks of their own (rank_pattern, alpha_pattern)",
        ),
    ];
    if let Some((_, reason)) = refused.iter().find(|(refused, _)| *refused) {
        return Err(format!("{reason}, which is not computed here"));
    }
    let targets = match file.target_modules {
        Targets::Rule(rule) if rule == "all-linear" => TARGETS.map(str::to_owned).to_vec(),
        Targets::Rule(rule) => return Err(format!("target_modules {rule} is no list of names")),
        Targets::Names(names) => names,
    };
    let config = LoraConfig {
        rank: file.r,
        alpha: file.lora_alpha,
        dropout: file.lora_dropout,
        targets,
    };
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

/// `base_model.model.MAP.lora_A.weight` to this crate's name; older files have `lora_A.default.weight`.
fn our_name(theirs: &str) -> Option<String> {
    let rest = theirs.strip_prefix(THEIRS)?;
    let rest = rest.replace(".default.weight", ".weight");
    let (map, part) = rest.rsplit_once(".lora_")?;
    let known = matches!(part, "A.weight" | "B.weight") && TARGETS.iter().any(|target| map.ends_with(target));
    known.then(|| format!("{PREFIX}{rest}"))
}

fn partner(name: &str) -> String {
    if name.ends_with("lora_A.weight") {
        name.replace("lora_A", "lora_B")
    } else {
        name.replace("lora_B", "lora_A")
    }
}

fn fits(name: &str, shape: &[usize], rank: usize) -> bool {
    match shape {
        [rows, columns] => {
            rank == if name.ends_with("lora_A.weight") {
                *rows
            } else {
                *columns
            }
        }
        _ => false,
    }
}

/// Writes adapters, in f32, so that PEFT puts them on a model of transformers; `base` is where that stands.
///
/// # Errors
/// `BAD_OPTION` for a tensor that is no adapter's; `WRITE_FAILED`.
pub fn write_adapters(
    folder: &Path,
    config: &LoraConfig,
    base: &str,
    tensors: &[(String, Tensor)],
) -> Result<()> {
    let named = tensors.iter().map(|(name, tensor)| {
        let map = name.strip_prefix(PREFIX);
        let map = map.ok_or_else(|| RevisionError::BadOption(format!("{name} is no adapter's")))?;
        Ok((format!("{THEIRS}{map}"), tensor.clone()))
    });
    let named = named.collect::<Result<Vec<_>>>()?;
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    write_tensors(&folder.join(WEIGHTS), &[("format", "pt")], Stored::F32, &named)?;
    let json = json!({
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "lora_alpha": config.alpha,
        "lora_dropout": config.dropout,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": config.rank,
        "target_modules": config.targets,
        "task_type": "CAUSAL_LM",
    });
    write_json(&folder.join(CONFIG), &json)
}
