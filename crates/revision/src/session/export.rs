//! What was learned, in and out of files that others read.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use modality_gap_nn::Params;

use super::model::Session;
use super::options::Mode;
use crate::files::{
    ModelFiles, ProjectorNames, SaveOptions, can_hold, llava_keys, read_projector, save_model,
    write_adapters, write_failed, write_json, write_projector,
};
use crate::lm::{Weights, qkv_names, up_names};
use crate::lora::{self, LoraConfig, merged};
use crate::projector::{self, ProjectorConfig};
use crate::{Result, RevisionError};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// The projector, and adapters where there are any.
    Learned,
    /// Also the language model, where all of it has learned.
    All,
    /// The projector, and the language model with what adapters have learned put into it.
    Merged,
    /// What trainers of LLaVA's kind begin with: `mm_projector.bin` and the keys of `config.json`.
    Llava,
    /// The projector under the names of transformers' Llava.
    HuggingFace,
    /// The projector as llama.cpp's mmproj.
    Mmproj,
}

impl Export {
    /// The projector's file, and whose names it has.
    fn projector(self) -> (&'static str, ProjectorNames) {
        match self {
            Self::Learned | Self::All | Self::Merged => ("mm_projector.safetensors", ProjectorNames::Llava),
            Self::Llava => ("mm_projector.bin", ProjectorNames::Llava),
            Self::HuggingFace => ("multi_modal_projector.safetensors", ProjectorNames::HuggingFace),
            Self::Mmproj => ("mmproj.gguf", ProjectorNames::LlamaCpp),
        }
    }
}

impl Session {
    /// Writes files to `folder`: `mm_projector.safetensors`, `adapter/` in PEFT's layout, `model/` in Hugging Face's.
    ///
    /// # Errors
    /// `WRITE_FAILED`; `BAD_OPTION` for a projector that the format cannot hold.
    pub fn export(&mut self, folder: &Path, what: Export) -> Result<Vec<PathBuf>> {
        let (name, names) = what.projector();
        let (file, shape) = (folder.join(name), self.projector.config());
        can_hold(&file, names, shape)?;
        std::fs::create_dir_all(folder).map_err(|error| write_failed(folder, error))?;
        let projector = self.tensors_of(projector::PREFIX);
        let mut files = match what {
            Export::Llava => {
                let config = folder.join("config.json");
                write_json(&config, &llava_keys(shape, None))?;
                vec![config]
            }
            Export::HuggingFace | Export::Mmproj => Vec::new(),
            Export::Learned | Export::All | Export::Merged => self.export_model(folder, what, &projector)?,
        };
        // the last: where it stands, everything does
        write_projector(&file, names, self.projector.config(), &projector)?;
        files.insert(0, file);
        Ok(files)
    }

    /// Writes the language model or the adapters, where `what` asks for them.
    fn export_model(
        &mut self,
        folder: &Path,
        what: Export,
        projector: &[(String, Tensor)],
    ) -> Result<Vec<PathBuf>> {
        let shape = self.projector.config();
        let mut files = Vec::new();
        let whole = self.mode() == Mode::Full && matches!(what, Export::All | Export::Merged);
        let into = self.lora.clone().filter(|_| what == Export::Merged);
        if whole || into.is_some() {
            let model = folder.join("model");
            // LLaVA knows no distinct tokens: the model goes without what it could not use
            let (keys, tensors) = if shape.differing() {
                Default::default()
            } else {
                (llava_keys(shape, None), llava_tensors(shape, projector)?)
            };
            let options = SaveOptions {
                keys,
                tensors,
                ..SaveOptions::default()
            };
            let source = ModelFiles::open(self.files.path())?;
            let mut weights = Learned {
                params: &self.params,
                files: &mut self.files,
                lora: into.as_ref(),
            };
            save_model(&model, &source, &mut weights, &options)?;
            files.push(model);
        }
        if let Some(lora) = self.lora.as_ref().filter(|_| what != Export::Merged) {
            let adapter = folder.join("adapter");
            let base = self.files.path().to_string_lossy().into_owned();
            write_adapters(&adapter, lora, &base, &self.tensors_of(lora::PREFIX))?;
            files.push(adapter);
        }
        Ok(files)
    }

    fn tensors_of(&self, prefix: &str) -> Vec<(String, Tensor)> {
        let named = self.params.names().iter().zip(self.params.values());
        let own = named.filter(|(name, _)| name.starts_with(prefix));
        own.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Begins with a projector of a file, of the shape that this one has.
    pub(super) fn take_projector(&mut self, path: &Path) -> Result<()> {
        let mut found = read_projector(path)?;
        let (expected, scale) = (self.projector.config().tensors()?, self.projector.config().scale);
        // a single map has a number in some files and none in others
        if let ([weight, bias], [(of_weight, _), (of_bias, _)]) = (&mut found.tensors[..], &expected[..]) {
            (weight.0, bias.0) = (of_weight.clone(), of_bias.clone());
        }
        let shapes = found
            .tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.dims().to_vec()));
        let bad = |reason: String| RevisionError::BadModel {
            file: path.to_owned(),
            reason,
        };
        if !shapes.eq(expected.iter().cloned()) {
            return Err(bad(format!(
                "it is {}, the configuration asks for {}",
                found.config.described(),
                self.projector.config().described()
            )));
        }
        if found.config.scale != scale {
            let theirs = found.config.scale;
            return Err(bad(format!(
                "it takes embeddings times {theirs}, the configuration says {scale}"
            )));
        }
        self.take(found.tensors);
        Ok(())
    }

    /// Puts tensors of their names in place.
    fn take(&mut self, tensors: Vec<(String, Tensor)>) {
        let mut values = self.params.values().to_vec();
        for (name, tensor) in tensors {
            let place = self.params.names().iter().position(|own| *own == name);
            values[place.expect("checked by the caller")] = tensor;
        }
        self.params.replace(values);
    }
}

/// The projector as LLaVA's models hold it.
fn llava_tensors(config: &ProjectorConfig, projector: &[(String, Tensor)]) -> Result<Vec<(String, Tensor)>> {
    let named = projector.iter().enumerate();
    named
        .map(|(place, (name, tensor))| {
            // theirs takes the embedding as it comes
            let tensor = if place == 0 {
                (tensor * config.scale)?
            } else {
                tensor.clone()
            };
            Ok((format!("model.{name}"), tensor))
        })
        .collect()
}

/// A language model's weights as they are by now, under Hugging Face's names.
struct Learned<'a> {
    params: &'a Params,
    files: &'a mut ModelFiles,
    lora: Option<&'a LoraConfig>,
}

impl Weights for Learned<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let weight = match self.parameter(name)? {
            Some(learned) => learned,
            None => self.files.take(name, shape)?,
        };
        let merged = match self.lora {
            Some(lora) => merged(lora, self.params, name, &weight)?,
            None => None,
        };
        Ok(merged.unwrap_or(weight))
    }
}

impl Learned<'_> {
    /// The weight where the model's parameters hold it, alone or as rows of a wider one.
    fn parameter(&self, name: &str) -> Result<Option<Tensor>> {
        let find = |name: &str| {
            let wanted = format!("lm.{name}");
            let place = self.params.names().iter().position(|own| *own == wanted);
            place.map(|place| &self.params.values()[place])
        };
        if let Some(tensor) = find(name) {
            return Ok(Some(tensor.clone()));
        }
        let config = self.files.config();
        let wide: [(&str, Vec<(&str, usize)>); 2] = [
            ("self_attn.qkv", qkv_names(config).to_vec()),
            ("mlp.gate_up", up_names(config).to_vec()),
        ];
        for (fused, parts) in wide {
            let mut at = 0;
            for (part, rows) in parts {
                if name.contains(&format!(".{part}.")) {
                    let tensor = find(&name.replace(part, fused));
                    return Ok(tensor.map(|tensor| tensor.narrow(0, at, rows)).transpose()?);
                }
                at += rows;
            }
        }
        Ok(None)
    }
}
