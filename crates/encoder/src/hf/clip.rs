//! CLIP: Radford et al., arXiv 2103.00020, in the tensors and with the defaults of `transformers`.

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
#[allow(clippy::struct_field_names, reason = "the names of the file")]
pub(super) struct Config {
    projection_dim: usize,
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
    eos_token_id: u32,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            vocab_size: 49_408,
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: 1e-5,
            eos_token_id: 49_407,
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
            patch_size: 32,
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: 1e-5,
        }
    }
}

pub(super) struct Clip {
    config: Config,
    params: Params,
    class: Vec<f32>,
    patches: ParamId,
    image_positions: ParamId,
    before: Affine,
    vision: Transformer,
    image_projection: ParamId,
    words: ParamId,
    text_positions: ParamId,
    text: Transformer,
    text_projection: ParamId,
}

impl Clip {
    pub fn new(config: Config, weights: &mut Weights) -> Result<Self> {
        let (t, v) = (&config.text_config, &config.vision_config);
        let tokens = (v.image_size / v.patch_size).pow(2) + 1;
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
        let at = |part: &str| format!("vision_model.embeddings.{part}");
        Ok(Self {
            class: to_f32(&weights.raw(&at("class_embedding"), &[v.hidden_size])?)?,
            patches: weights.patches(&at("patch_embedding.weight"), (v.hidden_size, v.patch_size))?,
            image_positions: weights.take(&at("position_embedding.weight"), &[tokens, v.hidden_size])?,
            before: weights.norm("vision_model.pre_layrnorm", v.hidden_size)?,
            vision: weights.transformer("vision_model", &vision, "vision_model.post_layernorm")?,
            image_projection: weights.take(
                "visual_projection.weight",
                &[config.projection_dim, v.hidden_size],
            )?,
            words: weights.take(
                "text_model.embeddings.token_embedding.weight",
                &[t.vocab_size, t.hidden_size],
            )?,
            text_positions: weights.take(
                "text_model.embeddings.position_embedding.weight",
                &[t.max_position_embeddings, t.hidden_size],
            )?,
            text: weights.transformer("text_model", &text, "text_model.final_layer_norm")?,
            text_projection: weights
                .take("text_projection.weight", &[config.projection_dim, t.hidden_size])?,
            params: std::mem::take(&mut weights.params),
            config,
        })
    }

    pub fn dim(&self) -> usize {
        self.config.projection_dim
    }

    pub fn tokens(&self) -> usize {
        self.config.text_config.max_position_embeddings
    }

    pub fn image_size(&self) -> usize {
        self.config.vision_config.image_size
    }

    pub fn images(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        let v = &self.config.vision_config;
        let (mut tape, vars) = self.constants();
        let patches = to_patches(pixels, v.image_size, v.patch_size);
        let each = (v.image_size / v.patch_size).pow(2);
        let count = patches.len() / (each * 3 * v.patch_size * v.patch_size);
        let patches = Tensor::from_vec(
            patches,
            (count * each, 3 * v.patch_size * v.patch_size),
            &Device::Cpu,
        )?;
        let x = ops::linear(
            &mut tape,
            &Var::constant(patches),
            &vars[self.patches.index()],
            None,
        )?;
        // the class token goes before the patches of its image
        let rows = to_f32(x.value())?;
        let mut all = Vec::with_capacity(count * (each + 1) * v.hidden_size);
        for image in rows.chunks_exact(each * v.hidden_size) {
            all.extend_from_slice(&self.class);
            all.extend_from_slice(image);
        }
        let tokens = each + 1;
        let x = Var::constant(Tensor::from_vec(
            all,
            (count * tokens, v.hidden_size),
            &Device::Cpu,
        )?);
        let x = ops::add_positions(&mut tape, &x, &vars[self.image_positions.index()], tokens)?;
        let x = self.before.norm(&mut tape, &vars, &x, v.layer_norm_eps)?;
        let how = Attention {
            heads: v.num_attention_heads,
            tokens,
            lengths: None,
            causal: false,
        };
        let x = self.vision.forward(&mut tape, &vars, x, &how)?;
        let classes: Arc<[u32]> = (0..count).map(|image| (image * tokens) as u32).collect();
        let x = ops::select_rows(&mut tape, &x, &classes)?;
        let x = ops::linear(&mut tape, &x, &vars[self.image_projection.index()], None)?;
        to_f32(x.value())
    }

    pub fn texts(&self, ids: &[Vec<u32>]) -> Result<Vec<f32>> {
        let t = &self.config.text_config;
        let (mut tape, vars) = self.constants();
        let longest = ids
            .iter()
            .map(Vec::len)
            .max()
            .unwrap_or(1)
            .clamp(1, t.max_position_embeddings);
        let mut padded = Vec::with_capacity(ids.len() * longest);
        let mut ends = Vec::with_capacity(ids.len());
        for (row, ids) in ids.iter().enumerate() {
            let mut ids = ids.clone();
            ids.truncate(longest);
            ends.push((row * longest + self.end_of(&ids)) as u32);
            // what follows the end is not seen from it, for attention looks back only
            ids.resize(longest, t.eos_token_id.min(t.vocab_size as u32 - 1));
            padded.extend(ids);
        }
        let x = ops::embedding(&mut tape, &vars[self.words.index()], &padded.into())?;
        let x = ops::add_positions(&mut tape, &x, &vars[self.text_positions.index()], longest)?;
        let how = Attention {
            heads: t.num_attention_heads,
            tokens: longest,
            lengths: None,
            causal: true,
        };
        let x = self.text.forward(&mut tape, &vars, x, &how)?;
        let x = ops::select_rows(&mut tape, &x, &ends.into())?;
        let x = ops::linear(&mut tape, &x, &vars[self.text_projection.index()], None)?;
        to_f32(x.value())
    }

    /// The first end token; in configurations that still say 2, which was a mistake, the largest number.
    fn end_of(&self, ids: &[u32]) -> usize {
        let eos = self.config.text_config.eos_token_id;
        let at = if eos == 2 {
            let top = ids.iter().max();
            ids.iter().position(|id| Some(id) == top)
        } else {
            ids.iter().position(|&id| id == eos)
        };
        at.unwrap_or(0)
    }

    fn constants(&self) -> (Tape, Vec<Var>) {
        (Tape::new(), self.params.constants())
    }
}
