//! Projectors, in and out of the files of others.
//!
//! Names inside this crate are `mm_projector.0.weight`, `.0.bias`, `.2.weight`, …, or without a number for `linear`.
//! Elsewhere they are
//!
//! | whose | names | files |
//! | --- | --- | --- |
//! | LLaVA, Bunny | anything, then `mm_projector.0.weight`, … | `.bin` of PyTorch, `.safetensors` |
//! | transformers' Llava | `model.multi_modal_projector.linear_1.weight`, `.linear_2.…`; once without `model.` | `.safetensors` |
//! | llama.cpp | `mm.0.weight`, … | GGUF, called mmproj |
//!
//! A GGUF file written here holds the projector and says so in the keys that llama.cpp reads; it holds no vision tower.
//! llama.cpp's own graph wants one in the same file, and feeds the projector patches, not one embedding of an image: the
//! file carries weights from tool to tool, it does not make llama.cpp see with an embedding model.

mod names;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use candle_core::Tensor;

use super::gguf::{Gguf, Written, write_gguf};
use super::hf::Safetensors;
use super::out::{Stored, write_tensors};
use super::source::bad;
use super::torch::{read_torch, write_torch};
use crate::projector::ProjectorConfig;
use crate::{Result, RevisionError};

pub use names::{ProjectorNames, our_projector_name, their_projector_name};

/// The key under which a safetensors file of ours says what the names cannot.
const KEY: &str = "modality-gap";

/// A projector that was read.
#[derive(Debug, Clone)]
pub struct ProjectorFile {
    /// Its shape: as this package wrote it, or else read off the tensors: one soft token, no factor.
    pub config: ProjectorConfig,
    /// Its tensors by the names of this crate, f32.
    pub tensors: Vec<(String, Tensor)>,
}

/// Reads a projector from a `.safetensors`, `.bin`, `.pt`, `.pth` or `.gguf` file, or from a folder with one.
///
/// # Errors
/// `NOT_FOUND`, `UNREADABLE`; `BAD_MODEL` when the file is damaged or holds no projector of linear maps with GELU.
pub fn read_projector(path: &Path) -> Result<ProjectorFile> {
    let file = if path.is_dir() {
        in_folder(path)?
    } else {
        path.to_owned()
    };
    let (found, written) = match ending(&file) {
        "gguf" => (of_gguf(&file)?, None),
        "bin" | "pt" | "pth" => (read_torch(&file, &our_projector_name)?, None),
        _ => of_safetensors(&file)?,
    };
    let fault = |reason: String| bad(&file, reason);
    let tensors = names::in_order(found).map_err(fault)?;
    let config = match written {
        None => names::shape(&tensors).map_err(fault)?,
        Some(text) => {
            let config: ProjectorConfig =
                serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
            let shapes = config.tensors()?;
            let same = tensors
                .iter()
                .map(|(name, tensor)| (name.clone(), tensor.dims().to_vec()));
            if !same.eq(shapes) {
                return Err(fault(
                    "its tensors are not those of the projector that it claims to be".to_owned(),
                ));
            }
            config
        }
    };
    Ok(ProjectorFile { config, tensors })
}

/// The file of a folder that holds a projector.
fn in_folder(folder: &Path) -> Result<PathBuf> {
    let names = [
        "mm_projector.safetensors",
        "mm_projector.bin",
        "non_lora_trainables.bin",
        "model.safetensors.index.json",
        "model.safetensors",
    ];
    let found = names
        .iter()
        .map(|name| folder.join(name))
        .find(|file| file.is_file());
    found.ok_or_else(|| bad(folder, format!("it holds none of {}", names.join(", "))))
}

fn ending(file: &Path) -> &str {
    file.extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
}

type Named = Vec<(String, Tensor)>;

fn of_safetensors(file: &Path) -> Result<(Named, Option<String>)> {
    let index = file
        .to_str()
        .and_then(|file| file.strip_suffix(".safetensors.index.json"));
    let weights = match (index, file.parent()) {
        (Some(_), Some(folder)) => Safetensors::in_folder(folder, "model")?,
        _ => Safetensors::open(file)?,
    };
    let mut tensors = Vec::new();
    for name in weights.names() {
        let Some(ours) = our_projector_name(name) else {
            continue;
        };
        tensors.extend(weights.tensor(name)?.map(|tensor| (ours, tensor)));
    }
    Ok((tensors, weights.metadata(KEY)))
}

fn of_gguf(file: &Path) -> Result<Named> {
    let gguf = Gguf::open(file)?;
    let mut tensors = Vec::new();
    for name in gguf.names() {
        let Some(ours) = our_projector_name(name) else {
            continue;
        };
        tensors.extend(gguf.tensor(name)?.map(|tensor| (ours, tensor)));
    }
    Ok(tensors)
}

/// Writes a projector in f32 to a `.safetensors`, `.bin` or `.gguf` file; `tensors` by the names of this crate.
///
/// A safetensors file with LLaVA's names is this package's own: it also says what the names cannot (`config`). All other
/// files are read as projectors of one soft token, so the factor of the embedding is multiplied into the first map.
///
/// # Errors
/// `BAD_OPTION` for another ending, or a projector that the file cannot hold; `WRITE_FAILED`.
pub fn write_projector(
    file: &Path,
    names: ProjectorNames,
    config: &ProjectorConfig,
    tensors: &[(String, Tensor)],
) -> Result<()> {
    let (names, own) = can_hold(file, names, config)?;
    let refused = |text: String| Err(RevisionError::BadOption(text));
    let mut named = Vec::new();
    for (name, tensor) in tensors {
        let Some(theirs) = their_projector_name(name, names) else {
            return refused(format!(
                "a projector of the kind {} cannot be written so: {name} has no such name",
                config.kind
            ));
        };
        // the first map takes the embedding as it comes
        let first = name.ends_with("weight") && named.is_empty();
        let tensor = if first && !own {
            (tensor * config.scale)?
        } else {
            tensor.clone()
        };
        named.push((theirs, tensor));
    }
    match ending(file) {
        "gguf" => write_mmproj(file, config, &named),
        "safetensors" => {
            let json = serde_json::to_string(config).expect("numbers that are finite");
            let metadata = [("format", "pt"), (KEY, json.as_str())];
            let kept = if own { &metadata[..] } else { &metadata[..1] };
            write_tensors(file, kept, Stored::F32, &named)
        }
        _ => write_torch(file, &named),
    }
}

/// Whether a file can hold a projector: whose names it will have, and whether it is this package's own.
pub(crate) fn can_hold(
    file: &Path,
    names: ProjectorNames,
    config: &ProjectorConfig,
) -> Result<(ProjectorNames, bool)> {
    let refused = |text: String| Err(RevisionError::BadOption(text));
    let names = match ending(file) {
        "gguf" => ProjectorNames::LlamaCpp,
        "bin" | "pt" | "pth" | "safetensors" => names,
        other => {
            return refused(format!(
                "a projector is not written as .{other}; .safetensors, .bin and .gguf are"
            ));
        }
    };
    let own = names == ProjectorNames::Llava && ending(file) == "safetensors";
    if !own && config.differing() {
        return refused(format!(
            "a projector of {} distinct tokens is known to this package only, in mm_projector.safetensors; others know \
             one that is repeated: train with distinctTokens: false to hand it over",
            config.tokens
        ));
    }
    Ok((names, own))
}

fn write_mmproj(file: &Path, config: &ProjectorConfig, tensors: &[(String, Tensor)]) -> Result<()> {
    let width = |width: usize| Written::U32(u32::try_from(width).unwrap_or(u32::MAX));
    let pairs = [
        ("general.architecture", Written::Text("clip")),
        ("general.type", Written::Text("mmproj")),
        (
            "general.description",
            Written::Text("projector of embeddings, without a vision tower"),
        ),
        ("general.file_type", Written::U32(0)),
        ("clip.has_vision_encoder", Written::Bool(true)),
        ("clip.projector_type", Written::Text("mlp")),
        ("clip.use_gelu", Written::Bool(true)),
        ("clip.vision.embedding_length", width(config.dim)),
        ("clip.vision.projection_dim", width(config.hidden)),
    ];
    write_gguf(file, &pairs, tensors)
}

/// LLaVA's keys of a `config.json` for a model with such a projector; `mm_hidden_size` is the embedding's width.
pub fn llava_keys(
    config: &ProjectorConfig,
    tower: Option<&str>,
) -> serde_json::Map<String, serde_json::Value> {
    let keys = serde_json::json!({
        "image_aspect_ratio": "pad",
        "mm_hidden_size": config.dim,
        "mm_projector_type": config.kind,
        "mm_use_im_patch_token": false,
        "mm_use_im_start_end": false,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower": tower,
        "tokenizer_padding_side": "right",
        "use_mm_proj": true,
    });
    match keys {
        serde_json::Value::Object(keys) => keys,
        _ => unreachable!("an object"),
    }
}
