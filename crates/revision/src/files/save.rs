//! A language model written as a Hugging Face folder.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use serde_json::{Map, Value, json};

use super::out::{Entry, Stored, write_bytes, write_json, write_safetensors};
use super::{ModelFiles, TextFiles, read_text_if_there, weight_shapes};
use crate::lm::Weights;
use crate::text::TextCodec;
use crate::{LmConfig, Result, RopeScaling};

/// How a folder is written.
#[derive(Debug, Clone)]
pub struct SaveOptions {
    /// How weights are stored.
    pub stored: Stored,
    /// Bytes after which another file of weights is begun; a tensor is never cut.
    pub part_bytes: usize,
    /// Further keys of `config.json`, such as LLaVA's.
    pub keys: Map<String, Value>,
    /// Further tensors, such as a projector under LLaVA's names.
    pub tensors: Vec<(String, Tensor)>,
}

impl Default for SaveOptions {
    /// f32, in parts of 5 GB as transformers has long made them, nothing beside the language model.
    fn default() -> Self {
        Self {
            stored: Stored::F32,
            part_bytes: 5_000_000_000,
            keys: Map::new(),
            tensors: Vec::new(),
        }
    }
}

/// Files of a tokenizer and of generation that are taken over as they are.
const TAKEN: [&str; 9] = [
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
];

/// Writes the model that `weights` holds to `folder`: weights first, `config.json` last, each file whole or not at all.
/// `files` is the model that it came from: its tokenizer and what its configuration says beyond the shapes go along.
///
/// # Errors
/// What `weights` says; `WRITE_FAILED` with the file.
pub fn save_model(
    folder: &Path,
    files: &ModelFiles,
    weights: &mut dyn Weights,
    options: &SaveOptions,
) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| super::out::failed(folder, error))?;
    write_weights(folder, files.config(), weights, options)?;
    let ends = files.ends()?;
    match files.text() {
        TextFiles::Folder(source) => {
            for name in TAKEN {
                if let Some(text) = read_text_if_there(&source.join(name))? {
                    write_bytes(&folder.join(name), text.as_bytes())?;
                }
            }
        }
        TextFiles::Gguf(_) => write_text(folder, &TextCodec::open(files)?, files.config())?,
    }
    if !folder.join("generation_config.json").exists() {
        write_json(
            &folder.join("generation_config.json"),
            &json!({ "eos_token_id": ends }),
        )?;
    }
    write_json(&folder.join("config.json"), &config_json(files, &ends, options)?)
}

fn write_weights(
    folder: &Path,
    config: &LmConfig,
    weights: &mut dyn Weights,
    options: &SaveOptions,
) -> Result<()> {
    let own = weight_shapes(config).into_iter();
    let further = options
        .tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.dims().to_vec()));
    let entries = own.chain(further).map(|(name, shape)| Entry {
        name,
        shape,
        stored: options.stored,
    });
    let parts = cut(entries.collect(), options.part_bytes);
    let count = parts.len();
    let name = |i: usize| match count {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{:05}-of-{count:05}.safetensors", i + 1),
    };
    for (i, part) in parts.iter().enumerate() {
        write_safetensors(&folder.join(name(i)), &[("format", "pt")], part, |entry| {
            let further = options.tensors.iter().find(|(name, _)| *name == entry.name);
            further.map_or_else(
                || weights.take(&entry.name, &entry.shape),
                |(_, tensor)| Ok(tensor.clone()),
            )
        })?;
    }
    let index = folder.join("model.safetensors.index.json");
    let stale = if count == 1 {
        index
    } else {
        let total: usize = parts.iter().flatten().map(Entry::bytes).sum();
        let named = parts
            .iter()
            .enumerate()
            .flat_map(|(i, part)| part.iter().map(move |entry| (i, entry)));
        let map: BTreeMap<&str, String> = named.map(|(i, entry)| (entry.name.as_str(), name(i))).collect();
        write_json(
            &index,
            &json!({ "metadata": { "total_size": total }, "weight_map": map }),
        )?;
        folder.join("model.safetensors")
    };
    // an earlier model in the other form would be taken for this one
    match std::fs::remove_file(&stale) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(super::out::failed(&stale, error)),
        _ => Ok(()),
    }
}

/// Tensors in files of at most `bytes`, unless one alone is larger.
fn cut(entries: Vec<Entry>, bytes: usize) -> Vec<Vec<Entry>> {
    let mut parts: Vec<Vec<Entry>> = vec![Vec::new()];
    let mut size = 0;
    for entry in entries {
        size += entry.bytes();
        let last = parts.last_mut().expect("one part at least");
        if size > bytes && !last.is_empty() {
            size = entry.bytes();
            parts.push(vec![entry]);
        } else {
            last.push(entry);
        }
    }
    parts
}

/// The tokenizer of a GGUF file as a folder has it.
fn write_text(folder: &Path, codec: &TextCodec, config: &LmConfig) -> Result<()> {
    write_bytes(&folder.join("tokenizer.json"), codec.to_json()?.as_bytes())?;
    let marks = codec.marks();
    let mut json = Map::new();
    json.insert("add_bos_token".to_owned(), marks.adds_bos.into());
    let named = [
        ("bos_token", &marks.bos),
        ("eos_token", &marks.eos),
        ("pad_token", &marks.pad),
        ("unk_token", &marks.unk),
    ];
    for (key, mark) in named {
        json.extend(
            mark.as_ref()
                .map(|mark| (key.to_owned(), Value::from(mark.text.as_str()))),
        );
    }
    let template = marks.chat_template.as_deref();
    json.extend(template.map(|template| ("chat_template".to_owned(), Value::from(template))));
    json.insert("clean_up_tokenization_spaces".to_owned(), false.into());
    json.insert("model_max_length".to_owned(), config.positions.into());
    json.insert("tokenizer_class".to_owned(), "PreTrainedTokenizerFast".into());
    write_json(&folder.join("tokenizer_config.json"), &sorted(json))
}

/// The configuration in the spelling that all versions of transformers read.
fn config_json(files: &ModelFiles, ends: &[u32], options: &SaveOptions) -> Result<BTreeMap<String, Value>> {
    let config = files.config();
    let mut json = match files.text() {
        TextFiles::Folder(folder) => read_text_if_there(&folder.join("config.json"))?
            .and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok())
            // what is written is the language model alone, not the model that sees around it
            .filter(|json| !json.contains_key("text_config"))
            .unwrap_or_else(|| fresh(config, ends)),
        TextFiles::Gguf(_) => fresh(config, ends),
    };
    for stale in ["dtype", "rope_parameters"] {
        json.remove(stale);
    }
    json.entry("model_type")
        .or_insert_with(|| config.model_type.as_str().into());
    let shapes = json!({
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "hidden_size": config.hidden,
        "intermediate_size": config.inner,
        "max_position_embeddings": config.positions,
        "num_attention_heads": config.heads,
        "num_hidden_layers": config.layers,
        "num_key_value_heads": config.kv_heads,
        "rms_norm_eps": config.norm_eps,
        "rope_scaling": scaling_json(config.rope_scaling),
        "rope_theta": config.rope_theta,
        "tie_word_embeddings": config.tied,
        "torch_dtype": options.stored.torch_name(),
        "vocab_size": config.vocab,
    });
    if let Value::Object(shapes) = shapes {
        json.extend(shapes);
    }
    json.extend(options.keys.clone());
    Ok(sorted(json))
}

/// What a folder's configuration says beside the shapes.
fn fresh(config: &LmConfig, ends: &[u32]) -> Map<String, Value> {
    let class = match config.model_type.as_str() {
        "qwen2" => "Qwen2ForCausalLM",
        "qwen3" => "Qwen3ForCausalLM",
        "mistral" => "MistralForCausalLM",
        _ => "LlamaForCausalLM",
    };
    let mut json = Map::new();
    json.insert("architectures".to_owned(), json!([class]));
    json.insert("eos_token_id".to_owned(), json!(ends));
    json
}

fn scaling_json(scaling: Option<RopeScaling>) -> Value {
    match scaling {
        None => Value::Null,
        // older versions ask for `type`
        Some(RopeScaling::Linear { factor }) => {
            json!({ "factor": factor, "rope_type": "linear", "type": "linear" })
        }
        Some(RopeScaling::Llama3 {
            factor,
            low,
            high,
            original,
        }) => json!({
            "factor": factor,
            "high_freq_factor": high,
            "low_freq_factor": low,
            "original_max_position_embeddings": original.round() as i64,
            "rope_type": "llama3",
        }),
    }
}

fn sorted(json: Map<String, Value>) -> BTreeMap<String, Value> {
    json.into_iter().collect()
}
