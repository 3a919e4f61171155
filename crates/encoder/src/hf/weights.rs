//! Weights of a model by name, as f32.

use std::path::Path;

use candle_core::Tensor;
use modality_gap_nn::{ParamId, Params};
use modality_gap_weights::{Store, WeightsError};

use super::open_clip_names::Place;
use super::tower::Tower;
use crate::error::{EncoderError, Result};
use crate::transformer::{Affine, Block, Transformer};

/// What a model takes from its files; what was taken stands in `params`.
pub(super) struct Weights {
    store: Store,
    /// Whether the names are open_clip's.
    open_clip: bool,
    /// What files of a larger model put before the names, as `transformers` takes it away: `clip.`
    prefix: String,
    pub params: Params,
}

impl Weights {
    /// The weights of a folder, from the files that `transformers` takes, for a model of this `model_type`.
    pub fn open(folder: &Path, kind: &str) -> Result<Self> {
        let store = Store::in_folder(folder, &|name| !name.ends_with("position_ids"));
        let store = store.map_err(|error| match error {
            WeightsError::NotFound { file } if file == folder.join("model.safetensors") => {
                EncoderError::BadModel {
                    file: folder.to_owned(),
                    reason: format!(
                        "it holds no weights: none of model.safetensors, pytorch_model.bin and their \
                     .index.json is there{}",
                        other_weights(folder)
                    ),
                }
            }
            other => other.into(),
        })?;
        Ok(Self {
            prefix: format!("{kind}."),
            ..Self::of(store)
        })
    }

    pub fn of(store: Store) -> Self {
        Self {
            store,
            open_clip: false,
            prefix: String::new(),
            params: Params::default(),
        }
    }

    /// The weights of a CLIP under open_clip's names.
    pub fn of_open_clip(store: Store) -> Self {
        Self {
            open_clip: true,
            ..Self::of(store)
        }
    }

    /// A tensor of this shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<ParamId> {
        let tensor = self.raw(name, shape)?;
        Ok(self.params.add(name, tensor))
    }

    pub fn raw(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        if self.open_clip {
            let place = Place::of(name);
            let tensor = self.stored(&place.name, &place.shape(shape))?;
            return Ok(place.taken(&tensor)?.contiguous()?);
        }
        self.stored(name, shape)
    }

    fn stored(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        // the names of TensorFlow's norms, which older files keep
        let old = match name.rsplit_once('.') {
            Some((norm, "weight")) => format!("{norm}.gamma"),
            Some((norm, "bias")) => format!("{norm}.beta"),
            _ => name.to_owned(),
        };
        let longer = |name: &str| format!("{}{name}", self.prefix);
        let places = [name.to_owned(), longer(name), longer(&old)];
        let stored = places.iter().find(|place| self.store.has(place)).unwrap_or(&old);
        let found = self
            .store
            .shape(stored)
            .ok_or_else(|| self.bad(format!("{name} is missing")))?;
        if found != shape {
            return Err(self.bad(format!("{name} is {found:?}, the configuration says {shape:?}")));
        }
        let tensor = self.store.tensor(stored)?;
        let tensor = tensor.ok_or_else(|| self.bad(format!("{name} is missing")))?;
        Ok(tensor.contiguous()?)
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
    pub fn transformer(&mut self, prefix: &str, tower: &Tower, last: &str) -> Result<Transformer> {
        let (width, inner) = (tower.width, tower.inner);
        // as many as there are in the files, whatever the configuration says
        let mut blocks = Vec::new();
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
        Ok(Transformer {
            blocks,
            norm: self.norm(last, width)?,
            activation: tower.activation,
            eps: tower.eps,
        })
    }

    fn bad(&self, reason: String) -> EncoderError {
        EncoderError::BadModel {
            file: self.store.name().to_owned(),
            reason,
        }
    }
}

/// Weights of other programs that a folder holds, as half a sentence.
fn other_weights(folder: &Path) -> &'static str {
    let others = [
        (
            "tf_model.h5",
            "; tf_model.h5 is TensorFlow's: save it anew with from_pretrained(folder, from_tf=True)",
        ),
        (
            "flax_model.msgpack",
            "; flax_model.msgpack is Flax's: save it anew with from_pretrained(folder, from_flax=True)",
        ),
        ("onnx", "; onnx/ holds graphs, which are not read"),
    ];
    let found = others.iter().find(|(name, _)| folder.join(name).exists());
    found.map_or("", |(_, said)| said)
}
