//! SigLIP: Zhai et al., arXiv 2303.15343, in the tensors and with the defaults of `transformers`.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use modality_gap_nn::ops::{self, Attention};
use modality_gap_nn::{ParamId, Params, Tape, Var};
use serde_json::json;

use super::keys::Keys;
use super::tower::{Defaults, Patches, Tower};
use super::weights::Weights;
use crate::error::Result;
use crate::model::to_f32;
use crate::transformer::{Affine, Transformer};

#[derive(Debug)]
pub(super) struct Config {
    dim: usize,
    text: Tower,
    /// Rows of the text tower's positions: tokens at most.
    positions: usize,
    words: usize,
    pad: u32,
    vision: Tower,
    patches: Patches,
}

impl Config {
    pub fn read(keys: &Keys) -> Result<Self> {
        for (key, own) in [
            ("text_config_dict", "text_config"),
            ("vision_config_dict", "vision_config"),
        ] {
            if keys.get(key).is_some() && keys.get(key) != keys.get(own) {
                return Err(keys.bad(format!(
                    "{key} differs from {own}; transformers ignores it in a SigLIP: move it to {own}, or take it out"
                )));
            }
        }
        let text = keys.object("text_config", "text_config.")?;
        let vision = keys.object("vision_config", "vision_config.")?;
        text.only("model_type", &[json!("siglip_text_model")])?;
        vision.only("model_type", &[json!("siglip_vision_model")])?;
        vision.only("vision_use_head", &[json!(true)])?;
        let defaults = Defaults {
            width: 768,
            inner: 3072,
            heads: 12,
            activation: "gelu_pytorch_tanh",
            eps: 1e-6,
        };
        let tower = Tower::read(&text, &defaults)?;
        Ok(Self {
            dim: text.size("projection_size", tower.width)?,
            positions: text.size("max_position_embeddings", 64)?,
            words: text.size("vocab_size", 32_000)?,
            pad: text.token("pad_token_id")?.unwrap_or(1),
            text: tower,
            patches: Patches::read(&vision, 16)?,
            vision: Tower::read(&vision, &defaults)?,
        })
    }

    /// The padding token of configurations, for folders whose tokenizer names none.
    pub fn pad(&self) -> u32 {
        self.pad
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
}

impl Siglip {
    pub fn new(config: Config, weights: &mut Weights) -> Result<Self> {
        let (text, vision, patches) = (config.text, config.vision, config.patches);
        let width = vision.width;
        let in_image = |part: &str| format!("vision_model.embeddings.{part}");
        let in_head = |part: &str| format!("vision_model.head.{part}");
        let in_text = |part: &str| format!("text_model.embeddings.{part}_embedding.weight");
        Ok(Self {
            patches: Affine {
                weight: weights.patches(&in_image("patch_embedding.weight"), (width, patches.patch))?,
                bias: weights.take(&in_image("patch_embedding.bias"), &[width])?,
            },
            image_positions: weights
                .take(&in_image("position_embedding.weight"), &[patches.count(), width])?,
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
                up: weights.linear(&in_head("mlp.fc1"), (vision.inner, width))?,
                down: weights.linear(&in_head("mlp.fc2"), (width, vision.inner))?,
            },
            words: weights.take(&in_text("token"), &[config.words, text.width])?,
            text_positions: weights.take(&in_text("position"), &[config.positions, text.width])?,
            text: weights.transformer("text_model", &text, "text_model.final_layer_norm")?,
            text_head: weights.linear("text_model.head", (config.dim, text.width))?,
            params: std::mem::take(&mut weights.params),
            config,
        })
    }

    pub fn dim(&self) -> usize {
        self.config.dim
    }

    pub fn tokens(&self) -> usize {
        self.config.positions
    }

    pub fn words(&self) -> usize {
        self.config.words
    }

    pub fn image_size(&self) -> usize {
        self.config.patches.image
    }

    pub fn images(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        let Config { patches, vision, .. } = &self.config;
        let (mut tape, vars) = (Tape::new(), self.params.constants());
        let tape = &mut tape;
        let (tokens, values) = (patches.count(), patches.values());
        let cut = patches.cut(pixels);
        let rows = cut.len() / values;
        let x = Var::constant(Tensor::from_vec(cut, (rows, values), &Device::Cpu)?);
        let x = self.patches.linear(tape, &vars, &x)?;
        let x = ops::add_positions(tape, &x, &vars[self.image_positions.index()], tokens)?;
        let how = Attention {
            heads: vision.heads,
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
        let Tower {
            width, heads, eps, ..
        } = self.config.vision;
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

    /// Texts that are all padded to one length, as in training; the last place is read, whatever stands there.
    pub fn texts(&self, ids: &[Vec<u32>]) -> Result<Vec<f32>> {
        let (mut tape, vars) = (Tape::new(), self.params.constants());
        let tokens = ids.first().map_or(1, Vec::len);
        assert!(
            ids.iter().all(|ids| ids.len() == tokens) && (1..=self.config.positions).contains(&tokens),
            "texts are padded to one length"
        );
        let padded: Arc<[u32]> = ids.iter().flatten().copied().collect();
        let x = ops::embedding(&mut tape, &vars[self.words.index()], &padded)?;
        let x = ops::add_positions(&mut tape, &x, &vars[self.text_positions.index()], tokens)?;
        let how = Attention {
            heads: self.config.text.heads,
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
