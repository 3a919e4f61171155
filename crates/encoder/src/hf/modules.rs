//! Folders of sentence-transformers: `modules.json` is the plan.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use modality_gap_weights::Store;
use serde_json::{Value, json};

use super::keys::{Keys, whole};
use super::steps::{Pooling, Step, refuse_unknown};
use super::tokens::SentenceOptions;
use super::weights::Weights;
use crate::error::{EncoderError, Result};

/// What the first module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// A transformer whose tokens are pooled.
    Transformer,
    /// A CLIP, whose rows are those of its towers.
    Clip,
}

/// The plan of a folder.
#[derive(Debug)]
pub(super) struct Plan {
    file: PathBuf,
    pub first: First,
    /// Folder of the first module.
    pub model: PathBuf,
    pub options: SentenceOptions,
    /// Kinds and folders of the modules behind the first.
    rest: Vec<(String, PathBuf)>,
    pub prompts: Prompts,
    /// Columns that are kept of a row.
    pub truncate: Option<usize>,
}

/// Beginnings of texts by name.
#[derive(Debug, Default)]
pub(super) struct Prompts {
    pub named: BTreeMap<String, String>,
    pub default: Option<String>,
}

/// What stands behind the model of a folder.
#[derive(Debug)]
pub(super) struct Head {
    pub pooling: Option<Pooling>,
    pub steps: Vec<Step>,
    pub prompts: Prompts,
    /// Columns of a row.
    pub dim: usize,
}

impl Plan {
    /// The plan of a folder with a `modules.json`, or `None`.
    ///
    /// # Errors
    /// `BAD_MODEL` by name: a module or a key that is not computed here, a module outside of the folder.
    pub fn open(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join("modules.json");
        let Some(text) = modality_gap_weights::text_if_there(&file)? else {
            return Ok(None);
        };
        let bad = |reason: String| EncoderError::BadModel {
            file: file.clone(),
            reason,
        };
        let modules: Vec<Value> = serde_json::from_str(&text)
            .map_err(|error| bad(format!("it holds no list of modules: {error}")))?;
        let mut found = Vec::new();
        for module in &modules {
            let (Some(kind), Some(path)) = (module["type"].as_str(), module["path"].as_str()) else {
                return Err(bad(format!("a module has no type or no path: {module}")));
            };
            let relative = Path::new(path);
            let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
            if !relative.components().all(inside) {
                return Err(bad(format!(
                    "the module {kind} lies outside of the folder: {path}"
                )));
            }
            if !kind.starts_with("sentence_transformers.") {
                return Err(bad(format!(
                    "the module {kind} is code of its own, which is never run"
                )));
            }
            // the classes have moved within the package; their names have stayed
            let name = kind.rsplit('.').next().unwrap_or(kind);
            found.push((name.to_owned(), folder.join(relative)));
        }
        let mut found = found.into_iter();
        let (first, model) = match found.next() {
            Some((kind, model)) if kind == "Transformer" => (First::Transformer, model),
            Some((kind, model)) if kind == "CLIPModel" => (First::Clip, model),
            Some((kind, _)) => {
                return Err(bad(format!(
                    "its first module is {kind}; Transformer and CLIPModel are read"
                )));
            }
            None => return Err(bad("it lists no modules".to_owned())),
        };
        let (prompts, truncate) = prompts(folder)?;
        Ok(Some(Self {
            options: sentence_options(&model)?,
            file,
            first,
            model,
            rest: found.collect(),
            prompts,
            truncate,
        }))
    }

    /// The modules behind a first one with rows, or tokens, of `width` columns.
    pub fn head(self, width: usize) -> Result<Head> {
        let bad = |reason: String| EncoderError::BadModel {
            file: self.file.clone(),
            reason,
        };
        let mut head = Head {
            pooling: None,
            steps: Vec::new(),
            prompts: self.prompts,
            dim: width,
        };
        for (index, (kind, folder)) in self.rest.iter().enumerate() {
            let config = || Keys::open(&folder.join("config.json"));
            let weights = || Ok::<_, EncoderError>(Weights::of(Store::in_folder(folder, &|_| true)?));
            let step = match kind.as_str() {
                "Pooling" if index == 0 && self.first == First::Transformer => {
                    let pooling = Pooling::read(&config()?, width)?;
                    head.dim = pooling.dim(width);
                    head.pooling = Some(pooling);
                    continue;
                }
                _ if head.pooling.is_none() && self.first == First::Transformer => {
                    return Err(bad(format!(
                        "{kind} stands before the pooling; it is read behind it only"
                    )));
                }
                "Dense" => Step::dense(&config()?, &weights()?, head.dim)?,
                "LayerNorm" => Step::norm(&config()?, &weights()?, head.dim)?,
                "Normalize" => {
                    if let Some(keys) = Keys::open_if_there(&folder.join("config.json"))? {
                        for key in ["module_input_name", "module_output_name"] {
                            keys.only(key, &[json!("sentence_embedding")])?;
                        }
                    }
                    Step::Normalize
                }
                // does nothing outside of training
                "Dropout" => continue,
                other => {
                    return Err(bad(format!(
                        "the module {other} is not read here; Pooling, Dense, LayerNorm, Normalize and Dropout are"
                    )));
                }
            };
            head.dim = step.dim(head.dim);
            head.steps.push(step);
        }
        if head.pooling.is_none() && self.first == First::Transformer {
            return Err(bad("no module pools the tokens of its transformer".to_owned()));
        }
        Ok(head)
    }
}

/// `config_sentence_transformers.json`: prompts, and how many columns are kept.
fn prompts(folder: &Path) -> Result<(Prompts, Option<usize>)> {
    let Some(keys) = Keys::open_if_there(&folder.join("config_sentence_transformers.json"))? else {
        return Ok((Prompts::default(), None));
    };
    keys.only("model_type", &[json!("SentenceTransformer")])?;
    let mut prompts = Prompts::default();
    if let Some(value) = keys.get("prompts") {
        let map = value
            .as_object()
            .ok_or_else(|| keys.wrong("prompts", value, "texts by name"))?;
        for (name, text) in map.iter().filter(|(_, text)| !text.is_null()) {
            let text = text
                .as_str()
                .ok_or_else(|| keys.wrong("prompts", text, "texts by name"))?;
            prompts.named.insert(name.clone(), text.to_owned());
        }
    }
    prompts.default = keys.text("default_prompt_name")?.map(str::to_owned);
    if let Some(name) = &prompts.default
        && !prompts.named.contains_key(name)
    {
        return Err(keys.wrong(
            "default_prompt_name",
            &json!(name),
            "the name of one of its prompts",
        ));
    }
    let truncate = match keys.get("truncate_dim") {
        None => None,
        Some(value) => {
            Some(whole(value).ok_or_else(|| keys.wrong("truncate_dim", value, "a number of columns"))?)
        }
    };
    Ok((prompts, truncate))
}

/// Names of the transformer's own configuration, by age.
const OWN: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// How the transformer takes its texts: `sentence_bert_config.json` beside it.
pub(super) fn sentence_options(model: &Path) -> Result<SentenceOptions> {
    for name in OWN {
        let Some(keys) = Keys::open_if_there(&model.join(name))? else {
            continue;
        };
        refuse_unknown(&keys, |key| {
            matches!(
                key,
                "max_seq_length"
                    | "do_lower_case"
                    | "transformer_task"
                    | "modality_config"
                    | "module_output_name"
                    | "unpad_inputs"
                    | "backend"
                    | "processing_kwargs"
                    | "model_args"
                    | "model_kwargs"
                    | "tokenizer_args"
                    | "processor_kwargs"
                    | "config_args"
                    | "config_kwargs"
            )
        })?;
        keys.only("transformer_task", &[json!("feature-extraction")])?;
        keys.only(
            "module_output_name",
            &[json!("token_embeddings"), json!("sentence_embedding")],
        )?;
        for key in [
            "processing_kwargs",
            "model_args",
            "model_kwargs",
            "tokenizer_args",
            "processor_kwargs",
            "config_args",
            "config_kwargs",
        ] {
            keys.only(key, &[json!({})])?;
        }
        let most = match keys.get("max_seq_length") {
            None => None,
            Some(value) => {
                Some(whole(value).ok_or_else(|| keys.wrong("max_seq_length", value, "a number of tokens"))?)
            }
        };
        return Ok(SentenceOptions {
            most,
            lower: keys.flag("do_lower_case", false)?,
        });
    }
    Ok(SentenceOptions::default())
}
