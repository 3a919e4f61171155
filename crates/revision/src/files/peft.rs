//! Adapters in PEFT's folders: `adapter_config.json` and `adapter_model.safetensors`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use fancy_regex::Regex;
use modality_gap_tokens::Pairs;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::hf::Safetensors;
use super::out::{Stored, failed, write_json, write_tensors};
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

/// Keys that change nothing about adapters whose values are in the file.
const IDLE: [&str; 15] = [
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "inference_mode",
    "loftq_config",
    "lora_ga_config",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
];

/// Keys that are obeyed.
const OBEYED: [&str; 12] = [
    "alpha_pattern",
    "exclude_modules",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "lora_alpha",
    "lora_dropout",
    "modules_to_save",
    "r",
    "rank_pattern",
    "target_modules",
    "use_rslora",
];

/// What keys mean that are refused where they are set.
const REFUSED: [(&str, &str); 15] = [
    (
        "alora_invocation_tokens",
        "it acts behind certain tokens only (an activated LoRA)",
    ),
    ("arrow_config", "it is chosen by a router (Arrow)"),
    ("bias", "it has learned biases"),
    ("kasa_config", "it scales singular values of the base (KaSA)"),
    ("layer_replication", "it repeats layers of the base"),
    ("lora_bias", "its maps have biases"),
    ("megatron_config", "it is of Megatron's parallel layers"),
    ("monteclora_config", "it is drawn by chance (MonteCLoRA)"),
    (
        "target_parameters",
        "it changes parameters that are not linear maps",
    ),
    (
        "trainable_token_indices",
        "it holds learned tokens of the embedding",
    ),
    ("use_bdlora", "its matrices are block-diagonal (BD-LoRA)"),
    ("use_dora", "it is a DoRA"),
    ("use_qalora", "it groups its inputs (QA-LoRA)"),
    ("velora_config", "it is a VeLoRA"),
    ("fan_in_fan_out", "its matrices are transposed"),
];

/// Of these, the ones that an empty section switches on.
const BY_DEFAULTS: [&str; 5] = [
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "use_bdlora",
    "velora_config",
];

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    /// A regular expression for the whole name.
    Rule(String),
    /// Names, or their ends.
    List(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Layers {
    One(usize),
    Many(Vec<usize>),
}

/// The keys whose own keys count in the order of the file.
#[derive(Deserialize)]
struct InOrder {
    rank_pattern: Option<Pairs<usize>>,
    alpha_pattern: Option<Pairs<f64>>,
}

type Read<T> = std::result::Result<T, String>;

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
/// Names of the maps in the folder, by ours.
type Maps = BTreeMap<String, String>;

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

/// The keys of an `adapter_config.json`.
struct Keys<'a>(&'a Map<String, Value>);

impl Keys<'_> {
    fn get<T: DeserializeOwned>(&self, key: &str) -> Read<Option<T>> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value.clone())
                .map(Some)
                .map_err(|error| format!("{key}: {error}")),
        }
    }

    /// Whether nothing is asked for that is not computed.
    fn check(&self) -> Read<()> {
        let number = ["r", "lora_alpha"];
        if let Some(key) = number.iter().find(|key| self.0.get(**key) == Some(&Value::Null)) {
            return Err(format!("{key} is null, and a number is asked for"));
        }
        let kind: Option<String> = self.get("peft_type")?;
        if kind.as_deref() != Some("LORA") {
            return Err("it is not LoRA (peft_type), which is not computed here".to_owned());
        }
        for (key, value) in self.0 {
            // an empty one of these asks for its defaults
            let asks = value.is_object() && BY_DEFAULTS.contains(&key.as_str());
            let set = asks || (is_set(value) && !(key == "bias" && value == "none"));
            if let Some((_, what)) = REFUSED.iter().find(|(refused, _)| refused == key && set) {
                return Err(format!("{what} ({key}), which is not computed here"));
            }
            let known = IDLE.contains(&key.as_str())
                || OBEYED.contains(&key.as_str())
                || REFUSED.iter().any(|(refused, _)| refused == key);
            if set && !known {
                return Err(format!(
                    "it asks for {key}: {value}, which is not known here; adapters are computed as PEFT 0.21 does"
                ));
            }
        }
        if let Some(modules) = self
            .get::<Vec<String>>("modules_to_save")?
            .filter(|modules| !modules.is_empty())
        {
            return Err(format!(
                "whole modules were trained with it ({}; modules_to_save), which is not computed here; merge it into its \
                 base with PEFT first",
                modules.join(", ")
            ));
        }
        self.check_init()
    }

    /// Whether the base stays as it is: some first values take a part out of its weights.
    fn check_init(&self) -> Read<()> {
        let name: String = match self.0.get("init_lora_weights") {
            None | Some(Value::Null | Value::Bool(_)) => return Ok(()),
            Some(Value::String(name)) => name.to_lowercase(),
            Some(other) => {
                return Err(format!(
                    "init_lora_weights is {other}; expected a name, true or false"
                ));
            }
        };
        match name.as_str() {
            // these draw first values only
            "gaussian" | "eva" | "orthogonal" => Ok(()),
            "olora" | "corda" | "loftq" | "lora_ga" => Err(()),
            name if name.starts_with("pissa") => Err(()),
            _ => {
                return Err(format!(
                    "init_lora_weights is {name:?}, which is not known here; merge it into its base with PEFT first"
                ));
            }
        }
        .map_err(|()| {
            format!(
                "init_lora_weights is {name:?}: PEFT takes a part out of the base's weights for it, which is not computed \
                 here; save it as a plain LoRA (save_pretrained with path_initial_model_for_weight_conversion), or merge it"
            )
        })
    }

    /// The shape of the adapters, whose maps are there. Names and patterns of the file are of its own names.
    fn config(&self, maps: &Maps, patterns: InOrder) -> Read<LoraConfig> {
        let targets: Names = self.get("target_modules")?.ok_or("target_modules is missing")?;
        let chosen = self.chosen(&targets)?;
        for map in maps.values() {
            if !chosen(map)? {
                return Err(format!(
                    "there is an adapter for {map}, which target_modules, exclude_modules or layers_to_transform leave out"
                ));
            }
        }
        let narrowed = ["exclude_modules", "layers_to_transform"].iter().any(|key| {
            let value = self.0.get(*key);
            value.is_some_and(is_set)
        });
        let plain = |list: &[String]| {
            list.iter()
                .all(|name| TARGETS.contains(&name.as_str()) || !name.contains('.'))
        };
        let targets = match targets {
            Names::Rule(rule) if is_all(&rule) && !narrowed => TARGETS.map(str::to_owned).to_vec(),
            // names of other models' maps mean nothing here
            Names::List(mut list) if plain(&list) && !narrowed => {
                list.retain(|name| TARGETS.contains(&name.as_str()));
                list
            }
            // any others by what they have chosen
            _ => maps.keys().cloned().collect(),
        };
        let mut config = LoraConfig {
            rank: self.get("r")?.unwrap_or(8),
            alpha: self.get("lora_alpha")?.unwrap_or(8.0),
            dropout: self.get("lora_dropout")?.unwrap_or(0.0),
            targets,
            root_scale: self.get("use_rslora")?.unwrap_or(false),
            ..LoraConfig::default()
        };
        let ranks = Patterns::new(patterns.rank_pattern)?;
        let alphas = Patterns::new(patterns.alpha_pattern)?;
        for (ours, map) in maps {
            config
                .ranks
                .extend(ranks.of(map)?.map(|rank| (ours.clone(), rank)));
            config
                .alphas
                .extend(alphas.of(map)?.map(|alpha| (ours.clone(), alpha)));
        }
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    /// Which maps get adapters by PEFT's rules.
    fn chosen(&self, targets: &Names) -> Read<impl Fn(&str) -> Read<bool> + use<>> {
        let named = matcher(targets)?;
        let excluded: Option<Names> = self.get("exclude_modules")?;
        let excluded = excluded.map(|names| matcher(&names)).transpose()?;
        let layers: Option<Layers> = self.get("layers_to_transform")?;
        let layers = match layers {
            None => Vec::new(),
            Some(Layers::One(layer)) => vec![layer],
            Some(Layers::Many(layers)) => layers,
        };
        // an empty pattern means any list of layers; blocks stand in `layers`
        let pattern: Option<Names> = self.get("layers_pattern")?;
        let listed = match pattern {
            None => true,
            Some(Names::Rule(name)) => name.is_empty() || name == "layers",
            Some(Names::List(names)) => names.is_empty() || names.iter().any(|name| name == "layers"),
        };
        if !layers.is_empty() && !listed {
            return Err("layers_pattern names no list of this model's blocks, which are `layers`".to_owned());
        }
        Ok(move |map: &str| {
            let layer = map.split('.').find_map(|part| part.parse::<usize>().ok());
            let listed = layers.is_empty() || layer.is_some_and(|layer| layers.contains(&layer));
            let left_out = match &excluded {
                Some(excluded) => excluded(map)?,
                None => false,
            };
            Ok(listed && !left_out && named(map)?)
        })
    }
}

/// Whether a value says something: not null, false, or empty.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// A test for names of linear layers.
type Matcher = Box<dyn Fn(&str) -> Read<bool>>;

fn matcher(names: &Names) -> Read<Matcher> {
    Ok(match names {
        Names::Rule(rule) if is_all(rule) => Box::new(|_| Ok(true)),
        Names::Rule(rule) => {
            let whole = expression(&format!("^(?:{rule})$"))?;
            Box::new(move |map| matches(&whole, map))
        }
        Names::List(list) => {
            let list = list.clone();
            Box::new(move |map| Ok(list.iter().any(|name| ends(map, name))))
        }
    })
}

/// PEFT's word for every linear layer.
fn is_all(rule: &str) -> bool {
    rule.eq_ignore_ascii_case("all-linear")
}

/// Whether `map` is `name`, or ends with it as whole components.
fn ends(map: &str, name: &str) -> bool {
    let before = map.strip_suffix(name);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn expression(pattern: &str) -> Read<Regex> {
    Regex::new(pattern).map_err(|error| format!("the regular expression {pattern} cannot be read: {error}"))
}

/// Whether a map is what an expression describes; one of too many ways is given up after a million steps.
fn matches(pattern: &Regex, map: &str) -> Read<bool> {
    let found = pattern.is_match(map);
    found.map_err(|error| format!("the regular expression {pattern} does not end for {map}: {error}"))
}

/// Values for maps whose name ends with a pattern; the first that fits counts.
struct Patterns<T>(Vec<(Regex, T)>);

impl<T: Copy> Patterns<T> {
    fn new(patterns: Option<Pairs<T>>) -> Read<Self> {
        let pattern =
            |(pattern, value): (String, T)| Ok((expression(&format!(r"^(?:.*\.)?(?:{pattern})$"))?, value));
        let pairs = patterns.map_or_else(Vec::new, |Pairs(pairs)| pairs);
        let all = pairs.into_iter().map(pattern);
        Ok(Self(all.collect::<Read<_>>()?))
    }

    fn of(&self, map: &str) -> Read<Option<T>> {
        for (pattern, value) in &self.0 {
            if matches(pattern, map)? {
                return Ok(Some(*value));
            }
        }
        Ok(None)
    }
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
