//! Weights of a model by name, as f32.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::{ParamId, Params};

use crate::error::{EncoderError, Result};
use crate::transformer::{Affine, Block, Transformer};

/// What a model takes from its files; what was taken stands in `params`.
pub(super) struct Weights {
    file: PathBuf,
    tensors: HashMap<String, Tensor>,
    pub params: Params,
}

impl Weights {
    /// `model.safetensors`, or the parts that `model.safetensors.index.json` names.
    pub fn open(folder: &Path) -> Result<Self> {
        let index = folder.join("model.safetensors.index.json");
        let whole = folder.join("model.safetensors");
        let files = if index.is_file() {
            parts(folder, &index)?
        } else {
            vec![whole.clone()]
        };
        let mut tensors = HashMap::new();
        for file in files {
            if !file.is_file() {
                return Err(EncoderError::NotFound { file });
            }
            let bad = |error: candle_core::Error| EncoderError::BadModel {
                file: file.clone(),
                reason: error.to_string(),
            };
            tensors.extend(candle_core::safetensors::load(&file, &Device::Cpu).map_err(bad)?);
        }
        Ok(Self {
            file: whole,
            tensors,
            params: Params::default(),
        })
    }

    /// A tensor of this shape; its first axes are folded into rows when it has more than two.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<ParamId> {
        let tensor = self.raw(name, shape)?;
        Ok(self.params.add(name, tensor))
    }

    pub fn raw(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let bad = |reason: String| EncoderError::BadModel {
            file: self.file.clone(),
            reason,
        };
        let tensor = self
            .tensors
            .get(name)
            .ok_or_else(|| bad(format!("{name} is missing")))?;
        if tensor.dims() != shape {
            return Err(bad(format!(
                "{name} is {:?}, the configuration says {shape:?}",
                tensor.dims()
            )));
        }
        Ok(tensor.to_dtype(DType::F32)?.contiguous()?)
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// `name.weight` outer × inner, and `name.bias`.
    pub fn linear(&mut self, name: &str, (outer, inner): (usize, usize)) -> Result<Affine> {
        Ok(Affine {
            weight: self.take(&format!("{name}.weight"), &[outer, inner])?,
            bias: self.take(&format!("{name}.bias"), &[outer])?,
        })
    }

    pub fn norm(&mut self, name: &str, width: usize) -> Result<Affine> {
        Ok(Affine {
            weight: self.take(&format!("{name}.weight"), &[width])?,
            bias: self.take(&format!("{name}.bias"), &[width])?,
        })
    }

    /// Queries, keys and values of three linear maps, one below the other.
    pub fn qkv(&mut self, names: &[String; 3], width: usize) -> Result<Affine> {
        let mut stack = |part: &str, shape: &[usize]| -> Result<ParamId> {
            let parts = names
                .iter()
                .map(|name| self.raw(&format!("{name}.{part}"), shape));
            let stacked = Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)?;
            Ok(self.params.add(format!("{}+.{part}", names[0]), stacked))
        };
        Ok(Affine {
            weight: stack("weight", &[width, width])?,
            bias: stack("bias", &[width])?,
        })
    }

    /// A convolution whose step is its size, as rows of out × (pixel, channel): `shape` is out × 3 × size × size.
    pub fn patches(&mut self, name: &str, (width, patch): (usize, usize)) -> Result<ParamId> {
        let tensor = self.raw(name, &[width, 3, patch, patch])?;
        let tensor = tensor
            .permute((0, 2, 3, 1))?
            .contiguous()?
            .reshape((width, 3 * patch * patch))?;
        Ok(self.params.add(name, tensor))
    }

    /// The layers that CLIP and SigLIP share, with the norm `last` at the end.
    pub fn transformer(&mut self, prefix: &str, tower: &Shape, last: &str) -> Result<Transformer> {
        let (width, inner) = (tower.width, tower.inner);
        let mut blocks = Vec::with_capacity(tower.layers);
        for layer in 0..tower.layers {
            let at = |part: &str| format!("{prefix}.encoder.layers.{layer}.{part}");
            blocks.push(Block {
                norm1: self.norm(&at("layer_norm1"), width)?,
                qkv: self.qkv(
                    &["q", "k", "v"].map(|part| at(&format!("self_attn.{part}_proj"))),
                    width,
                )?,
                out: self.linear(&at("self_attn.out_proj"), (width, width))?,
                norm2: self.norm(&at("layer_norm2"), width)?,
                up: self.linear(&at("mlp.fc1"), (inner, width))?,
                down: self.linear(&at("mlp.fc2"), (width, inner))?,
            });
        }
        let norm = self.norm(last, width)?;
        let activation = modality_gap_nn::ops::Activation::named(&tower.activation).ok_or_else(|| {
            let reason = format!("the activation {} is not known", tower.activation);
            EncoderError::BadModel {
                file: self.file.clone(),
                reason,
            }
        })?;
        Ok(Transformer {
            blocks,
            norm,
            activation,
            eps: tower.eps,
        })
    }
}

/// Shapes of a tower.
pub(super) struct Shape {
    pub width: usize,
    pub inner: usize,
    pub layers: usize,
    pub activation: String,
    pub eps: f64,
}

fn parts(folder: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let bad = |reason: String| EncoderError::BadModel {
        file: index.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(index).map_err(|error| EncoderError::reading(index, error))?;
    let index: serde_json::Value = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    let map = index["weight_map"]
        .as_object()
        .ok_or_else(|| bad("it has no weight_map".to_owned()))?;
    let mut names: Vec<&str> = map.values().filter_map(serde_json::Value::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if names.iter().any(|name| name.contains(['/', '\\'])) {
        return Err(bad("it names files outside of its folder".to_owned()));
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}
