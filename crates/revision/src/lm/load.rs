//! A model from weights by name.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use modality_gap_nn::ops::{Frozen, Heads, Rope};
use modality_gap_nn::{Params, Real};

use super::block::{Block, Shared};
use super::names::{qkv_names, up_names};
use super::parts::{Matrix, Projection, Slot, Values};
use super::{Lm, Tuning, Weights};
use crate::{LmConfig, ModelFiles, Result, RopeScaling};

impl Weights for ModelFiles {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        Self::take(self, name, shape)
    }
}

/// How frozen matrices are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// As they stand, in the type of the computation.
    Dense,
    /// In f32, packed for products in both directions.
    F32,
    /// Rounded to bf16 and packed; rows are f32 between products.
    Bf16,
}

impl Keep {
    fn matrix(self, weight: Tensor) -> Result<Frozen> {
        Ok(match self {
            Self::Dense => Frozen::Dense(weight),
            Self::F32 => Frozen::f32(&weight)?,
            Self::Bf16 => Frozen::bf16(&weight)?,
        })
    }
}

struct Loader<'a> {
    weights: &'a mut dyn Weights,
    params: &'a mut Params,
    dtype: DType,
    keep: Keep,
    tuning: Tuning,
}

impl Loader<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        Ok(self.weights.take(name, shape)?.to_dtype(self.dtype)?)
    }

    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Values> {
        let tensor = self.take(name, shape)?;
        Ok(match self.tuning {
            Tuning::Frozen => Slot::Frozen(tensor),
            Tuning::Full => Slot::Learns(self.params.add(format!("lm.{name}"), tensor)),
        })
    }

    /// Maps of one input as one: their rows one below the other. `name` is that of the parameter, should it learn.
    fn matrix(&mut self, layer: &str, name: &str, parts: &[(&str, usize)], inner: usize) -> Result<Matrix> {
        let tensors = parts
            .iter()
            .map(|(part, rows)| self.take(&format!("{layer}{part}.weight"), &[*rows, inner]));
        let tensor = Tensor::cat(&tensors.collect::<Result<Vec<_>>>()?, 0)?;
        Ok(match (self.tuning, self.keep) {
            (Tuning::Full, _) => Slot::Learns(self.params.add(format!("lm.{layer}{name}.weight"), tensor)),
            (Tuning::Frozen, keep) => Slot::Frozen(keep.matrix(tensor)?),
        })
    }

    fn projection(
        &mut self,
        layer: &str,
        name: &str,
        parts: &[(&str, usize)],
        inner: usize,
    ) -> Result<Projection> {
        Ok(Projection {
            matrix: self.matrix(layer, name, parts, inner)?,
            bias: None,
            adapters: Vec::new(),
        })
    }

    fn bias(&mut self, layer: &str, name: &str, parts: &[(&str, usize)]) -> Result<Values> {
        let tensors = parts
            .iter()
            .map(|(part, rows)| self.take(&format!("{layer}{part}.bias"), &[*rows]));
        let tensor = Tensor::cat(&tensors.collect::<Result<Vec<_>>>()?, 0)?;
        Ok(match self.tuning {
            Tuning::Frozen => Slot::Frozen(tensor),
            Tuning::Full => Slot::Learns(self.params.add(format!("lm.{layer}{name}.bias"), tensor)),
        })
    }

    fn block(&mut self, config: &LmConfig, index: usize) -> Result<Block> {
        let LmConfig {
            hidden,
            inner,
            heads,
            head_dim,
            ..
        } = *config;
        let layer = format!("model.layers.{index}.");
        let at = |part: &str| format!("{layer}{part}");
        let attention_norm = self.values(&at("input_layernorm.weight"), &[hidden])?;
        let mut qkv = self.projection(&layer, "self_attn.qkv", &qkv_names(config), hidden)?;
        if config.qkv_bias {
            qkv.bias = Some(self.bias(&layer, "self_attn.qkv", &qkv_names(config))?);
        }
        let head_norms = config.qk_norm.then(|| -> Result<_> {
            Ok([
                self.values(&at("self_attn.q_norm.weight"), &[head_dim])?,
                self.values(&at("self_attn.k_norm.weight"), &[head_dim])?,
            ])
        });
        Ok(Block {
            attention_norm,
            qkv,
            head_norms: head_norms.transpose()?,
            out: self.projection(
                &layer,
                "self_attn.o_proj",
                &[("self_attn.o_proj", hidden)],
                heads * head_dim,
            )?,
            feed_norm: self.values(&at("post_attention_layernorm.weight"), &[hidden])?,
            up: self.projection(&layer, "mlp.gate_up", &up_names(config), hidden)?,
            down: self.projection(&layer, "mlp.down_proj", &[("mlp.down_proj", hidden)], inner)?,
        })
    }
}

impl<T: Real> Lm<T> {
    /// Reads a model, one weight at a time. With [`Tuning::Full`] all of it becomes parameters in `params`, dense
    /// whatever `keep` says; maps of one input (queries, keys, values; gate, up) become one.
    ///
    /// # Errors
    /// What `weights` says.
    pub fn load(
        config: &LmConfig,
        weights: &mut dyn Weights,
        keep: Keep,
        tuning: Tuning,
        params: &mut Params,
    ) -> Result<Self> {
        let mut loader = Loader {
            weights,
            params,
            dtype: T::DTYPE,
            keep,
            tuning,
        };
        let table = [config.vocab, config.hidden];
        let embedding = loader.values("model.embed_tokens.weight", &table)?;
        let blocks = (0..config.layers).map(|index| loader.block(config, index));
        let blocks = blocks.collect::<Result<_>>()?;
        let norm = loader.values("model.norm.weight", &[config.hidden])?;
        let head = match (config.tied, &embedding) {
            (true, Slot::Learns(id)) => Slot::Learns(*id),
            (true, Slot::Frozen(table)) => Slot::Frozen(keep.matrix(table.clone())?),
            (false, _) => loader.matrix("", "lm_head", &[("lm_head", config.vocab)], config.hidden)?,
        };
        let rope = Rope::new(&frequencies(config), config.positions);
        Ok(Self {
            config: config.clone(),
            embedding,
            blocks,
            norm,
            head,
            shared: Shared {
                heads: Heads {
                    query: config.heads,
                    key: config.kv_heads,
                    width: config.head_dim,
                },
                eps: config.norm_eps,
                rope: Arc::new(rope),
            },
        })
    }
}

/// Radians per position of each pair of a head's columns.
fn frequencies(config: &LmConfig) -> Vec<f64> {
    let pairs = config.head_dim / 2;
    let plain = (0..pairs).map(|i| config.rope_theta.powf(-(i as f64) / pairs as f64));
    plain
        .map(|frequency| scaled(frequency, config.rope_scaling))
        .collect()
}

fn scaled(frequency: f64, scaling: Option<RopeScaling>) -> f64 {
    match scaling {
        None => frequency,
        Some(RopeScaling::Linear { factor }) => frequency / factor,
        Some(RopeScaling::Llama3 {
            factor,
            low,
            high,
            original,
        }) => {
            let turns = original * frequency / std::f64::consts::TAU;
            let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            frequency * (kept + (1.0 - kept) / factor)
        }
    }
}
