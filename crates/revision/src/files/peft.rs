//! Adapters in PEFT's folders: `adapter_config.json` and `adapter_model.safetensors`.

use std::cell::RefCell;
use std::path::Path;

use candle_core::Tensor;
use serde_json::{Map, Value, json};

use super::hf::Safetensors;
use super::out::{Stored, failed, write_json, write_tensors};
use super::peft_config::{Keys, Maps, ends};
use super::projector::our_projector_name;
use super::source::{bad, text};
use super::torch::read_torch;
use crate::lora::{LoraConfig, PREFIX, TARGETS};
use crate::{Result, RevisionError};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// As PEFT stored weights before.
const OLD_WEIGHTS: &str = "adapter_model.bin";
/// Before the name of a map in PEFT's files.
const THEIRS: &str = "base_model.model.";

/// Where models that see, now and before, keep the blocks of their language model.
const INSIDE: [&str; 4] = [
    "language_model.model.layers.",
    "model.language_model.layers.",
    "model.text_model.layers.",
    "model.language_model.model.layers.",
];

/// LLaVA's file of what was trained beside an adapter.
const BESIDE: &str = "non_lora_trainables.bin";

/// Reads adapters; tensors by the names of this crate's parameters, f32. Every key of `adapter_config.json` is obeyed or
/// refused by name.
///
/// # Errors
/// `NOT_FOUND`, `UNREADABLE`; `BAD_MODEL` for what is not LoRA as this crate computes it, named.
pub fn read_adapters(folder: &Path) -> Result<(LoraConfig, Vec<(String, Tensor)>)> {
    let file = folder.join(CONFIG);
    let fault = |reason: String| bad(&file, reason);
    let written = text(&file)?;
    let json: Map<String, Value> =
        serde_json::from_str(&written).map_err(|error| fault(error.to_string()))?;
    let keys = Keys(&json);
    keys.check().map_err(fault)?;
    let (source, found) = weights(folder)?;
    let fault_of = |reason: String| bad(&source, reason);
    let mut tensors = Vec::with_capacity(found.len());
    let mut maps = Maps::new();
    for (name, tensor) in found {
        let (map, part) = their_map(&name).ok_or_else(|| {
            fault_of(format!(
                "{name} is not part of an adapter of a block's linear maps"
            ))
        })?;
        let ours = our_map(map);
        if let Some(other) = maps.insert(ours.clone(), map.to_owned())
            && other != map
        {
            return Err(fault_of(format!("{other} and {map} are adapters of one map")));
        }
        tensors.push((format!("{PREFIX}{ours}.lora_{part}"), tensor));
    }
    let patterns = serde_json::from_str(&written).map_err(|error| fault(error.to_string()))?;
    let config = keys.config(&maps, patterns).map_err(fault)?;
    for (name, tensor) in &tensors {
        let (map, _) = parts(name).expect("one of our names");
        let rank = config.rank_of(map);
        if !fits(name, tensor.dims(), rank) {
            return Err(fault_of(format!("{name} is {:?}, at rank {rank}", tensor.dims())));
        }
        if !tensors.iter().any(|(other, _)| *other == partner(name)) {
            return Err(fault_of(format!("{name} has no partner")));
        }
    }
    if tensors.is_empty() {
        return Err(fault_of("it holds no adapters".to_owned()));
    }
    Ok((config, tensors))
}

/// What LLaVA stored beside an adapter, if anything: a projector. Whether there is one.
///
/// # Errors
/// `BAD_MODEL` when the file is damaged, or holds anything else, named.
pub fn has_projector_beside(folder: &Path) -> Result<bool> {
    let file = folder.join(BESIDE);
    if !file.exists() {
        return Ok(false);
    }
    let names = RefCell::new(Vec::new());
    let note = |name: &str| {
        names.borrow_mut().push(name.to_owned());
        None
    };
    read_torch(&file, &note)?;
    let names = names.into_inner();
    match names.iter().find(|name| our_projector_name(name).is_none()) {
        Some(name) => Err(bad(
            &file,
            format!(
                "{name} was trained with the adapter and is not part of a projector; merge it into the base first"
            ),
        )),
        None => Ok(!names.is_empty()),
    }
}

type Named = Vec<(String, Tensor)>;
/// The tensors of an adapter by PEFT's names, and their file.
fn weights(folder: &Path) -> Result<(std::path::PathBuf, Named)> {
    let (file, old) = (folder.join(WEIGHTS), folder.join(OLD_WEIGHTS));
    if !file.exists() && old.exists() {
        let tensors = read_torch(&old, &|name| Some(name.to_owned()))?;
        return Ok((old, tensors));
    }
    let weights = Safetensors::open(&file)?;
    let tensor = |name: &str| {
        Ok((
            name.to_owned(),
            weights.tensor(name)?.expect("a name that it gave"),
        ))
    };
    let tensors = weights.names().map(tensor).collect::<Result<_>>()?;
    Ok((file, tensors))
}

/// The map of one of our names, and which matrix it is.
fn parts(ours: &str) -> Option<(&str, &str)> {
    ours.strip_prefix(PREFIX)?.rsplit_once(".lora_")
}

/// The map of `base_model.model.MAP.lora_A.weight`, and which matrix it is, as `A.weight`; older files have
/// `lora_A.default.weight`.
fn their_map(name: &str) -> Option<(&str, &'static str)> {
    let (map, part) = name.strip_prefix(THEIRS)?.rsplit_once(".lora_")?;
    let part = match part {
        "A.weight" | "A.default.weight" => "A.weight",
        "B.weight" | "B.default.weight" => "B.weight",
        _ => return None,
    };
    TARGETS
        .iter()
        .any(|target| ends(map, target))
        .then_some((map, part))
}

/// This crate's name for a map: a model that sees has its language model inside.
fn our_map(map: &str) -> String {
    match INSIDE.iter().find_map(|inside| map.strip_prefix(inside)) {
        Some(layer) => format!("model.layers.{layer}"),
        None => map.to_owned(),
    }
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
/// `BAD_OPTION` for a tensor that is not an adapter's; `WRITE_FAILED`.
pub fn write_adapters(
    folder: &Path,
    config: &LoraConfig,
    base: &str,
    tensors: &[(String, Tensor)],
) -> Result<()> {
    let named = tensors.iter().map(|(name, tensor)| {
        let map = name.strip_prefix(PREFIX);
        let map = map.ok_or_else(|| RevisionError::BadOption(format!("{name} is not an adapter's")))?;
        Ok((format!("{THEIRS}{map}"), tensor.clone()))
    });
    let named = named.collect::<Result<Vec<_>>>()?;
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    write_tensors(&folder.join(WEIGHTS), &[("format", "pt")], Stored::F32, &named)?;
    let mut json = json!({
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
    // only where they say something, as those who read our adapters know them
    if !config.ranks.is_empty() {
        json["rank_pattern"] = json!(config.ranks);
    }
    if !config.alphas.is_empty() {
        json["alpha_pattern"] = json!(config.alphas);
    }
    if config.root_scale {
        json["use_rslora"] = json!(true);
    }
    write_json(&folder.join(CONFIG), &json)
}
