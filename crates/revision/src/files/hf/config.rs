//! `config.json` as transformers writes it, in the older and the newer spelling.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{LmConfig, RopeScaling};

/// One token or several, as `eos_token_id` is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Ids {
    #[default]
    None,
    One(u32),
    Many(Vec<u32>),
}

impl Ids {
    pub fn list(&self) -> Vec<u32> {
        match self {
            Self::None => Vec::new(),
            Self::One(id) => vec![*id],
            Self::Many(ids) => ids.clone(),
        }
    }
}

#[derive(Deserialize)]
struct File {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: Option<String>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f64>,
    #[serde(default)]
    tie_word_embeddings: bool,
    rope_theta: Option<f64>,
    rope_scaling: Option<Rope>,
    rope_parameters: Option<Rope>,
    partial_rotary_factor: Option<f64>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default = "usual_window")]
    sliding_window: Option<usize>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    quantization_config: Option<serde_json::Value>,
    transformers_weights: Option<String>,
    num_local_experts: Option<usize>,
    num_experts: Option<usize>,
    is_causal: Option<bool>,
    use_bidirectional_attention: Option<bool>,
}

/// The window of the classes that have one, where a file does not say; null is none.
#[allow(
    clippy::unnecessary_wraps,
    reason = "the type of the field whose default it is"
)]
const fn usual_window() -> Option<usize> {
    Some(4096)
}

#[derive(Deserialize, PartialEq)]
struct Rope {
    #[serde(rename = "rope_type")]
    kind: Option<String>,
    /// Its name before; some files have both.
    #[serde(rename = "type")]
    old_kind: Option<String>,
    #[serde(rename = "rope_theta")]
    theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
    partial_rotary_factor: Option<f64>,
}

type Read<T> = Result<T, String>;

/// The shapes that the text of a `config.json` tells.
///
/// Values that it leaves out are those of transformers' configuration class for its model type.
///
/// # Errors
/// A reason that names what this crate does not compute.
pub(super) fn parse(text: &str) -> Read<LmConfig> {
    let json: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let json = of_language(json)?;
    let file: File = serde_json::from_value(Value::Object(json)).map_err(|error| error.to_string())?;
    let model_type = model_type(&file.model_type)?;
    refuse_unknown_parts(&file, model_type)?;
    let positions = file.max_position_embeddings.unwrap_or(match model_type {
        "llama" => 2048,
        "mistral" => 131_072,
        _ => 32_768,
    });
    refuse_windows(&file, model_type, positions)?;
    let heads = file.num_attention_heads;
    let head_dim = match (file.head_dim, model_type) {
        (Some(columns), _) => columns,
        (None, "qwen3") => 128,
        (None, _) if heads == 0 => return Err("it has no heads (num_attention_heads)".to_owned()),
        (None, _) if !file.hidden_size.is_multiple_of(heads) => {
            return Err(format!(
                "hidden_size {} is not a multiple of num_attention_heads {heads}, and there is no head_dim",
                file.hidden_size
            ));
        }
        (None, _) => file.hidden_size / heads,
    };
    let kv_heads = file.num_key_value_heads.or(match model_type {
        "llama" => Some(heads),
        _ => None,
    });
    let config = LmConfig {
        vocab: file.vocab_size,
        hidden: file.hidden_size,
        inner: file.intermediate_size,
        layers: file.num_hidden_layers,
        heads,
        kv_heads: kv_heads.ok_or("num_key_value_heads is missing")?,
        head_dim,
        rope_theta: theta(&file),
        rope_scaling: scaling(&file, positions)?,
        norm_eps: file.rms_norm_eps.unwrap_or(1e-6),
        tied: file.tie_word_embeddings,
        qkv_bias: model_type == "qwen2",
        qk_norm: model_type == "qwen3",
        positions,
        model_type: model_type.to_owned(),
    };
    config.check()?;
    Ok(config)
}

/// The part of a configuration that is the language model's: all of it, or the `text_config` of a model that sees.
///
/// What a `text_config` leaves out is the default of its class in transformers; older files keep `vocab_size` outside.
fn of_language(mut json: Map<String, Value>) -> Read<Map<String, Value>> {
    let Some(Value::Object(mut inside)) = json.remove("text_config") else {
        return Ok(json);
    };
    // tied where either part says so, or the family's class does by default
    let family = json.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let usual = matches!(family, "internvl" | "mistral3");
    let outer = json.get("tie_word_embeddings").and_then(Value::as_bool);
    if outer.unwrap_or(usual) {
        inside.insert("tie_word_embeddings".to_owned(), true.into());
    }
    let outside = [
        "vocab_size",
        "quantization_config",
        "torch_dtype",
        "transformers_weights",
    ];
    for key in outside {
        if let Some(value) = json.remove(key).filter(|value| !value.is_null()) {
            inside.entry(key).or_insert(value);
        }
    }
    let usual = match json.get("model_type").and_then(Value::as_str) {
        Some("internvl" | "llava_onevision") => Some("qwen2"),
        Some("mistral3") => Some("mistral"),
        None | Some("llava" | "llava_next" | "llava_next_video" | "vipllava" | "idefics3" | "smolvlm") => {
            Some("llama")
        }
        Some(_) => None,
    };
    let kind = inside.entry("model_type").or_insert_with(|| usual.into());
    let sizes = match kind.as_str() {
        Some("llama") => [32_000, 4_096, 11_008, 32, 32],
        Some("mistral") => [32_000, 4_096, 14_336, 32, 32],
        Some("qwen2" | "qwen3") => [151_936, 4_096, 22_016, 32, 32],
        other => {
            let other = other.unwrap_or("without a name");
            return Err(format!(
                "the model_type {other} in text_config is not known; llama, mistral, qwen2 and qwen3 are"
            ));
        }
    };
    if kind == "mistral" {
        inside.entry("num_key_value_heads").or_insert_with(|| 8.into());
    } else {
        inside.entry("num_key_value_heads").or_insert(Value::Null);
    }
    let names = [
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
    ];
    for (name, size) in names.into_iter().zip(sizes) {
        inside.entry(name).or_insert_with(|| size.into());
    }
    Ok(inside)
}

/// The language model inside: LLaVA and Bunny keep its configuration under names of their own.
fn model_type(written: &str) -> Read<&'static str> {
    Ok(match written {
        "llama" | "llava_llama" | "llava" | "bunny-llama" | "bunny-llama3" => "llama",
        "mistral" | "llava_mistral" => "mistral",
        "qwen2" | "llava_qwen" | "bunny-qwen" | "bunny-qwen2" => "qwen2",
        "qwen3" => "qwen3",
        other => {
            return Err(format!(
                "model_type {other} is not known; llama, mistral, qwen2 and qwen3 are"
            ));
        }
    })
}

fn refuse_unknown_parts(file: &File, model_type: &str) -> Read<()> {
    if let Some(activation) = file
        .hidden_act
        .as_deref()
        .filter(|name| !matches!(*name, "silu" | "swish"))
    {
        return Err(format!("hidden_act is {activation}; silu is computed here"));
    }
    if let Some(name) = file
        .transformers_weights
        .as_deref()
        .filter(|name| *name != "model.safetensors")
    {
        return Err(format!(
            "its weights stand in {name} (transformers_weights); model.safetensors and its parts are read"
        ));
    }
    if file.quantization_config.is_some() {
        return Err(
            "it is stored quantised (quantization_config); safetensors in f32, f16 or bf16 and GGUF \
                    files are read"
                .to_owned(),
        );
    }
    if file
        .num_local_experts
        .or(file.num_experts)
        .is_some_and(|count| count > 0)
    {
        return Err("it is a mixture of experts, which is not computed here".to_owned());
    }
    if file.is_causal == Some(false) || file.use_bidirectional_attention == Some(true) {
        return Err(
            "it attends to what follows (is_causal, use_bidirectional_attention), which is not computed here"
                .to_owned(),
        );
    }
    if file.rope_scaling.is_some()
        && file.rope_parameters.is_some()
        && file.rope_scaling != file.rope_parameters
    {
        return Err(
            "rotary embedding is said twice, and not the same (rope_scaling, rope_parameters)".to_owned(),
        );
    }
    if file.mlp_bias || (file.attention_bias && model_type != "qwen2") {
        return Err("it has biases (attention_bias, mlp_bias) that are not computed here".to_owned());
    }
    let ropes = [file.rope_parameters.as_ref(), file.rope_scaling.as_ref()];
    let parts = ropes
        .iter()
        .flatten()
        .filter_map(|rope| rope.partial_rotary_factor);
    if let Some(part) = parts.chain(file.partial_rotary_factor).find(|&part| part != 1.0) {
        return Err(format!(
            "rotary embedding turns a part of a head only (partial_rotary_factor {part})"
        ));
    }
    Ok(())
}

/// Windows that no layer uses, or that are as long as the longest text, change nothing.
fn refuse_windows(file: &File, model_type: &str, positions: usize) -> Read<()> {
    if let Some(kind) = file
        .layer_types
        .iter()
        .flatten()
        .find(|kind| *kind != "full_attention")
    {
        return Err(format!(
            "it has layers of the type {kind}; full_attention is computed here"
        ));
    }
    let layers = file.num_hidden_layers;
    let used = match model_type {
        "mistral" => true,
        "qwen2" | "qwen3" => {
            file.use_sliding_window == Some(true) && file.max_window_layers.is_none_or(|first| first < layers)
        }
        _ => false,
    };
    match file.sliding_window {
        Some(window) if used && window < positions => Err(format!(
            "it attends to a sliding window of {window} tokens (sliding_window), which is not computed here"
        )),
        _ => Ok(()),
    }
}

fn theta(file: &File) -> f64 {
    let ropes = [file.rope_parameters.as_ref(), file.rope_scaling.as_ref()];
    let inside = ropes.into_iter().flatten().find_map(|rope| rope.theta);
    inside.or(file.rope_theta).unwrap_or(10_000.0)
}

fn scaling(file: &File, positions: usize) -> Read<Option<RopeScaling>> {
    let Some(rope) = file.rope_parameters.as_ref().or(file.rope_scaling.as_ref()) else {
        return Ok(None);
    };
    let asked = |value: Option<f64>, name: &str| {
        value.ok_or_else(|| format!("rotary embedding is stretched, but {name} is missing"))
    };
    match rope.kind.as_deref().or(rope.old_kind.as_deref()) {
        None | Some("default") => Ok(None),
        Some("linear") => Ok(Some(RopeScaling::Linear {
            factor: asked(rope.factor, "factor")?,
        })),
        Some("llama3") => Ok(Some(RopeScaling::Llama3 {
            factor: asked(rope.factor, "factor")?,
            low: asked(rope.low_freq_factor, "low_freq_factor")?,
            high: asked(rope.high_freq_factor, "high_freq_factor")?,
            original: rope.original_max_position_embeddings.unwrap_or(positions as f64),
        })),
        Some(other) => Err(format!(
            "rotary embedding is stretched by the rule {other}; linear and llama3 are computed here"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(changes: &Value) -> Read<LmConfig> {
        let mut config = json!({
            "model_type": "llama", "vocab_size": 32, "hidden_size": 16, "intermediate_size": 24,
            "num_hidden_layers": 2, "num_attention_heads": 4,
        });
        let object = config.as_object_mut().unwrap();
        object.extend(changes.as_object().unwrap().clone());
        parse(&config.to_string())
    }

    #[test]
    fn what_is_left_out_is_the_class_default() {
        let config = with(&json!({})).unwrap();
        assert_eq!((config.kv_heads, config.head_dim, config.positions), (4, 4, 2048));
        assert_eq!(
            (config.rope_theta, config.norm_eps, config.tied),
            (10_000.0, 1e-6, false)
        );
        let qwen3 = with(&json!({ "model_type": "qwen3", "num_key_value_heads": 2 })).unwrap();
        assert_eq!(
            (qwen3.head_dim, qwen3.qk_norm, qwen3.qkv_bias),
            (128, true, false)
        );
        let qwen2 = with(&json!({ "model_type": "qwen2", "num_key_value_heads": 2 })).unwrap();
        assert_eq!((qwen2.head_dim, qwen2.qk_norm, qwen2.qkv_bias), (4, false, true));
    }

    #[test]
    fn both_spellings_of_rotary_embedding_say_the_same() {
        let llama3 = json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        });
        let old = with(&json!({ "rope_theta": 5e5, "rope_scaling": llama3 })).unwrap();
        let mut inside = llama3.clone();
        inside["rope_theta"] = json!(5e5);
        let new = with(&json!({ "rope_parameters": inside })).unwrap();
        assert_eq!(old, new);
        let scaling = RopeScaling::Llama3 {
            factor: 8.0,
            low: 1.0,
            high: 4.0,
            original: 8192.0,
        };
        assert_eq!((old.rope_theta, old.rope_scaling), (5e5, Some(scaling)));
        let both = json!({ "type": "linear", "rope_type": "linear", "factor": 2.0 });
        let linear = with(&json!({ "rope_scaling": both })).unwrap();
        assert_eq!(linear.rope_scaling, Some(RopeScaling::Linear { factor: 2.0 }));
        assert_eq!(with(&json!({ "rope_scaling": null })).unwrap().rope_scaling, None);
    }

    /// As in llava-1.5-7b-hf, and with the shapes inside.
    #[test]
    fn the_language_model_of_a_model_that_sees_is_found() {
        let llava = json!({
            "model_type": "llava", "vocab_size": 32064, "vision_config": { "hidden_size": 1024 },
            "text_config": { "model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-5 },
        });
        let config = parse(&llava.to_string()).unwrap();
        assert_eq!(
            (config.vocab, config.hidden, config.inner),
            (32_064, 4096, 11_008)
        );
        assert_eq!((config.layers, config.heads, config.positions), (32, 32, 4096));
        let inside = json!({
            "model_type": "smolvlm", "vocab_size": 10,
            "text_config": { "model_type": "llama", "vocab_size": 49_280, "hidden_size": 16, "intermediate_size": 24,
                             "num_hidden_layers": 2, "num_attention_heads": 4, "tie_word_embeddings": true },
        });
        let config = parse(&inside.to_string()).unwrap();
        assert_eq!((config.vocab, config.hidden, config.tied), (49_280, 16, true));
        let tied = json!({ "model_type": "mistral3", "tie_word_embeddings": true, "text_config": {
            "model_type": "mistral", "tie_word_embeddings": false, "sliding_window": null } });
        assert!(parse(&tied.to_string()).unwrap().tied);
        // the class of a text_config that does not name its own is the family's
        let internvl = json!({ "model_type": "internvl", "text_config": { "num_key_value_heads": 2 } });
        assert_eq!(parse(&internvl.to_string()).unwrap().model_type, "qwen2");
        let other = json!({ "model_type": "aya_vision", "text_config": { "hidden_size": 16 } });
        assert!(parse(&other.to_string()).unwrap_err().contains("without a name"));
        let gemma = json!({ "text_config": { "model_type": "gemma" } });
        assert!(parse(&gemma.to_string()).unwrap_err().contains("gemma"));
    }

    /// Each of these would be computed wrongly without a word.
    #[test]
    fn what_is_not_computed_is_refused_by_name() {
        for (changes, named) in [
            (json!({ "model_type": "mixtral" }), "mixtral"),
            (
                json!({ "model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 4096 }),
                "sliding",
            ),
            (
                json!({ "model_type": "qwen2", "num_key_value_heads": 2, "sliding_window": 9, "use_sliding_window": true,
                     "max_window_layers": 1 }),
                "sliding",
            ),
            // MistralConfig's and Qwen2Config's window where a file has none
            (
                json!({ "model_type": "mistral", "num_key_value_heads": 2 }),
                "window of 4096",
            ),
            (
                json!({ "model_type": "qwen2", "num_key_value_heads": 2, "use_sliding_window": true,
                     "max_window_layers": 1 }),
                "window of 4096",
            ),
            (
                json!({ "layer_types": ["full_attention", "sliding_attention"] }),
                "sliding_attention",
            ),
            (json!({ "num_local_experts": 8 }), "experts"),
            (
                json!({ "rope_scaling": { "rope_type": "yarn", "factor": 4.0 } }),
                "yarn",
            ),
            (
                json!({ "rope_scaling": { "type": "dynamic", "factor": 4.0 } }),
                "dynamic",
            ),
            (json!({ "partial_rotary_factor": 0.5 }), "partial_rotary_factor"),
            (json!({ "hidden_act": "gelu" }), "gelu"),
            (json!({ "is_causal": false }), "is_causal"),
            (
                json!({ "rope_scaling": { "type": "linear", "factor": 3.0 }, "rope_parameters": { "rope_theta": 5e2 } }),
                "rope_scaling, rope_parameters",
            ),
            (json!({ "attention_bias": true }), "attention_bias"),
            (
                json!({ "transformers_weights": "other.safetensors" }),
                "weights stand in other.safetensors",
            ),
            (
                json!({ "quantization_config": { "bits": 4 } }),
                "quantization_config",
            ),
            (json!({ "num_attention_heads": 0 }), "heads"),
            (
                json!({ "num_attention_heads": 5 }),
                "hidden_size 16 is not a multiple of num_attention_heads 5",
            ),
            (
                json!({ "num_hidden_layers": 1_000_000_000 }),
                "number of layers of 1000000000",
            ),
            (json!({ "num_hidden_layers": 0 }), "number of layers of 0"),
            (json!({ "num_key_value_heads": 3 }), "share 3 key heads"),
            (json!({ "head_dim": 3 }), "3 columns"),
            (json!({ "hidden_size": 1_u64 << 40 }), "width"),
            (json!({ "hidden_size": -1 }), "-1"),
            (json!({ "rms_norm_eps": 0.0 }), "epsilon"),
        ] {
            let reason = with(&changes).unwrap_err();
            assert!(reason.contains(named), "{changes}: {reason}");
        }
    }

    #[test]
    fn windows_that_change_nothing_are_taken() {
        let qwen = json!({ "model_type": "qwen2", "num_key_value_heads": 2, "sliding_window": 9,
                           "use_sliding_window": false });
        assert!(with(&qwen).is_ok());
        let mistral = json!({ "model_type": "mistral", "num_key_value_heads": 2, "sliding_window": null });
        assert!(with(&mistral).is_ok());
        let long = json!({ "model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 4096,
                           "max_position_embeddings": 4096 });
        assert!(with(&long).is_ok());
    }
}
