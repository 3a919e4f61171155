//! What `adapter_config.json` of PEFT says: every key is obeyed, or refused by name.

use std::collections::BTreeMap;

use fancy_regex::Regex;
use modality_gap_tokens::Pairs;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::lora::{LoraConfig, TARGETS};

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
pub(super) struct InOrder {
    rank_pattern: Option<Pairs<usize>>,
    alpha_pattern: Option<Pairs<f64>>,
}

pub(super) type Read<T> = std::result::Result<T, String>;

/// Names of the maps in the folder, by ours.
pub(super) type Maps = BTreeMap<String, String>;

/// The keys of an `adapter_config.json`.
pub(super) struct Keys<'a>(pub &'a Map<String, Value>);

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
    pub fn check(&self) -> Read<()> {
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
    pub fn config(&self, maps: &Maps, patterns: InOrder) -> Read<LoraConfig> {
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
pub(super) fn ends(map: &str, name: &str) -> bool {
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
