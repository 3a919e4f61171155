//! SigLIP: Zhai et al., arXiv 2303.15343, in the tensors and with the defaults of `transformers`.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use modality_gap_nn::ops::{self, Attention};
use modality_gap_nn::{ParamId, Params, Tape, Var};
use serde::Deserialize;

use super::preprocess::to_patches;
use super::weights::{Shape, Weights};
use crate::error::Result;
use crate::model::to_f32;
use crate::transformer::{Affine, Transformer};

#[derive(Deserialize)]
pub(super) struct Config {
    text_config: Text,
    vision_config: Vision,
}

#[derive(Deserialize)]
#[serde(default)]
struct Text {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    pad_token_id: u32,
    projection_size: Option<usize>,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            max_position_embeddings: 64,
            vocab_size: 32_000,
            hidden_act: "gelu_pytorch_tanh".to_owned(),
            layer_norm_eps: 1e-6,
            pad_token_id: 1,
            projection_size: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Vision {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: 224,
            patch_size: 16,
            hidden_act: "gelu_pytorch_tanh".to_owned(),
            layer_norm_eps: 1e-6,
        }
    }
}

/// A learned query that attends to all patches, and an MLP behind it.
struct Head {
    probe: Tensor,
    qkv: Affine,
    out: Affine,
    norm: Affine,
    up: Affine,
    down: Affine,
}

pub(super) struct Siglip {
    config: Config,
    params: Params,
    patches: Affine,
    image_positions: ParamId,
    vision: Transformer,
    head: Head,
    words: ParamId,
    text_positions: ParamId,
    text: Transformer,
    text_head: Affine,
    dim: usize,
}

impl Siglip {
    pub fn new(config: Config, weights: &mut Weights) -> Result<Self> {
        let (t, v) = (&config.text_config, &config.vision_config);
        let dim = t.projection_size.unwrap_or(t.hidden_size);
        let vision = Shape {
            width: v.hidden_size,
            inner: v.intermediate_size,
            layers: v.num_hidden_layers,
            activation: v.hidden_act.clone(),
            eps: v.layer_norm_eps,
        };
        let text = Shape {
            width: t.hidden_size,
            inner: t.intermediate_size,
            layers: t.num_hidden_layers,
            activation: t.hidden_act.clone(),
            eps: t.layer_norm_eps,
        };
        let width = v.hidden_size;
        let in_image = |part: &str| format!("vision_model.embeddings.{part}");
        let in_head = |part: &str| format!("vision_model.head.{part}");
        let in_text = |part: &str| format!("text_model.embeddings.{part}_embedding.weight");
        Ok(Self {
            patches: Affine {
                weight: weights.patches(&in_image("patch_embedding.weight"), (width, v.patch_size))?,
                bias: weights.take(&in_image("patch_embedding.bias"), &[width])?,
            },
            image_positions: weights.take(
                &in_image("position_embedding.weight"),
                &[(v.image_size / v.patch_size).pow(2), width],
            )?,
            vision: weights.transformer("vision_model", &vision, "vision_model.post_layernorm")?,
            head: Head {
                probe: weights
                    .raw(&in_head("probe"), &[1, 1, width])?
                    .reshape((1, width))?,
                qkv: Affine {
                    weight: weights.take(&in_head("attention.in_proj_weight"), &[3 * width, width])?,
                    bias: weights.take(&in_head("attention.in_proj_bias"), &[3 * width])?,
                },
                out: weights.linear(&in_head("attention.out_proj"), (width, width))?,
                norm: weights.norm(&in_head("layernorm"), width)?,
                up: weights.linear(&in_head("mlp.fc1"), (v.intermediate_size, width))?,
                down: weights.linear(&in_head("mlp.fc2"), (width, v.intermediate_size))?,
            },
            words: weights.take(&in_text("token"), &[t.vocab_size, t.hidden_size])?,
            text_positions: weights
                .take(&in_text("position"), &[t.max_position_embeddings, t.hidden_size])?,
            text: weights.transformer("text_model", &text, "text_model.final_layer_norm")?,
            text_head: weights.linear("text_model.head", (dim, t.hidden_size))?,
            params: std::mem::take(&mut weights.params),
            dim,
            config,
        })
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    pub fn tokens(&self) -> usize {
        self.config.text_config.max_position_embeddings
    }

    pub fn image_size(&self) -> usize {
        self.config.vision_config.image_size
    }

    pub fn images(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        let v = &self.config.vision_config;
        let (mut tape, vars) = (Tape::new(), self.params.constants());
        let tape = &mut tape;
        let patches = to_patches(pixels, v.image_size, v.patch_size);
        let tokens = (v.image_size / v.patch_size).pow(2);
        let width = 3 * v.patch_size * v.patch_size;
        let rows = patches.len() / width;
        let x = Var::constant(Tensor::from_vec(patches, (rows, width), &Device::Cpu)?);
        let x = self.patches.linear(tape, &vars, &x)?;
        let x = ops::add_positions(tape, &x, &vars[self.image_positions.index()], tokens)?;
        let how = Attention {
            heads: v.num_attention_heads,
            tokens,
            lengths: None,
            causal: false,
        };
        let x = self.vision.forward(tape, &vars, x, &how)?;
        let x = self.pool(tape, &vars, &x, tokens)?;
        to_f32(x.value())
    }

    /// One learned query per head attends to all patches of an image; an MLP follows.
    fn pool(&self, tape: &mut Tape, vars: &[Var], x: &Var, tokens: usize) -> Result<Var> {
        let Vision {
            hidden_size: width,
            num_attention_heads: heads,
            layer_norm_eps: eps,
            ..
        } = self.config.vision_config;
        let Head {
            probe,
            qkv,
            out,
            norm,
            up,
            down,
        } = &self.head;
        let probe = qkv.linear(tape, vars, &Var::constant(probe.clone()))?;
        let (query, keys) = (
            to_f32(probe.value())?,
            to_f32(qkv.linear(tape, vars, x)?.value())?,
        );
        let size = width / heads;
        let mut pooled = vec![0.0_f32; keys.len() / (tokens * 3 * width) * width];
        for (image, pooled) in keys
            .chunks_exact(tokens * 3 * width)
            .zip(pooled.chunks_exact_mut(width))
        {
            for head in 0..heads {
                let range = head * size..(head + 1) * size;
                let part = |token: usize, which: usize| &image[(token * 3 + which) * width..][range.clone()];
                let logit = |token: usize| -> f64 {
                    let products = query[range.clone()].iter().zip(part(token, 1));
                    products.map(|(&q, &k)| f64::from(q) * f64::from(k)).sum::<f64>() / (size as f64).sqrt()
                };
                let logits: Vec<f64> = (0..tokens).map(logit).collect();
                let top = logits.iter().copied().fold(f64::MIN, f64::max);
                let weights: Vec<f64> = logits.iter().map(|logit| (logit - top).exp()).collect();
                let total: f64 = weights.iter().sum();
                for (token, weight) in weights.iter().enumerate() {
                    for (to, &value) in pooled[range.clone()].iter_mut().zip(part(token, 2)) {
                        *to += (weight / total * f64::from(value)) as f32;
                    }
                }
            }
        }
        let rows = pooled.len() / width;
        let x = Var::constant(Tensor::from_vec(pooled, (rows, width), &Device::Cpu)?);
        let x = out.linear(tape, vars, &x)?;
        let inner = norm.norm(tape, vars, &x, eps)?;
        let inner = up.linear(tape, vars, &inner)?;
        let inner = ops::activation(tape, &inner, self.vision.activation)?;
        let inner = down.linear(tape, vars, &inner)?;
        Ok(ops::add(tape, &x, &inner)?)
    }

    /// Every text is padded to the length of the positions, as in training, and the last place is read.
    pub fn texts(&self, ids: &[Vec<u32>]) -> Result<Vec<f32>> {
        let t = &self.config.text_config;
        let (mut tape, vars) = (Tape::new(), self.params.constants());
        let tokens = t.max_position_embeddings;
        let padded: Arc<[u32]> = ids
            .iter()
            .flat_map(|ids| {
                let pad = std::iter::repeat(t.pad_token_id);
                ids.iter().copied().chain(pad).take(tokens).collect::<Vec<_>>()
            })
            .collect();
        let x = ops::embedding(&mut tape, &vars[self.words.index()], &padded)?;
        let x = ops::add_positions(&mut tape, &x, &vars[self.text_positions.index()], tokens)?;
        let how = Attention {
            heads: t.num_attention_heads,
            tokens,
            lengths: None,
            causal: false,
        };
        let x = self.text.forward(&mut tape, &vars, x, &how)?;
        let last: Arc<[u32]> = (1..=ids.len()).map(|row| (row * tokens - 1) as u32).collect();
        let x = ops::select_rows(&mut tape, &x, &last)?;
        let x = self.text_head.linear(&mut tape, &vars, &x)?;
        to_f32(x.value())
    }
}
