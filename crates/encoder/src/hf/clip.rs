//! CLIP: Radford et al., arXiv 2103.00020, in the tensors and with the defaults of `transformers`.

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
    pub dim: usize,
    pub text: Tower,
    /// Rows of the text tower's positions: tokens at most.
    pub positions: usize,
    pub words: usize,
    /// The token that ends a text; `None`: the largest of a text.
    pub end: Option<u32>,
    pub vision: Tower,
    pub patches: Patches,
}

impl Config {
    /// `text_config` and `vision_config`, or what older folders call `text_config_dict` and `vision_config_dict`, which
    /// take their place as a whole.
    pub fn read(keys: &Keys) -> Result<Self> {
        let text = if keys.get("text_config_dict").is_some() {
            keys.object("text_config_dict", "text_config_dict.")?
        } else {
            keys.object("text_config", "text_config.")?
        };
        let vision = if keys.get("vision_config_dict").is_some() {
            keys.object("vision_config_dict", "vision_config_dict.")?
        } else {
            keys.object("vision_config", "vision_config.")?
        };
        text.only("model_type", &[json!("clip_text_model")])?;
        vision.only("model_type", &[json!("clip_vision_model")])?;
        let of_text = Defaults {
            width: 512,
            inner: 2048,
            heads: 8,
            activation: "quick_gelu",
            eps: 1e-5,
        };
        let of_vision = Defaults {
            width: 768,
            inner: 3072,
            heads: 12,
            ..of_text
        };
        Ok(Self {
            dim: keys.size("projection_dim", 512)?,
            positions: text.size("max_position_embeddings", 77)?,
            words: text.size("vocab_size", 49_408)?,
            // configurations that still say 2, which was a mistake, mean the largest
            end: Some(text.token("eos_token_id")?.unwrap_or(49_407)).filter(|&end| end != 2),
            text: Tower::read(&text, &of_text)?,
            patches: Patches::read(&vision, 32)?,
            vision: Tower::read(&vision, &of_vision)?,
        })
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
        let (text, vision) = (config.text, config.vision);
        let at = |part: &str| format!("vision_model.embeddings.{part}");
        Ok(Self {
            class: to_f32(&weights.raw(&at("class_embedding"), &[vision.width])?)?,
            patches: weights.patches(
                &at("patch_embedding.weight"),
                (vision.width, config.patches.patch),
            )?,
            image_positions: weights.take(
                &at("position_embedding.weight"),
                &[config.patches.count() + 1, vision.width],
            )?,
            before: weights.norm("vision_model.pre_layrnorm", vision.width)?,
            vision: weights.transformer("vision_model", &vision, "vision_model.post_layernorm")?,
            image_projection: weights.take("visual_projection.weight", &[config.dim, vision.width])?,
            words: weights.take(
                "text_model.embeddings.token_embedding.weight",
                &[config.words, text.width],
            )?,
            text_positions: weights.take(
                "text_model.embeddings.position_embedding.weight",
                &[config.positions, text.width],
            )?,
            text: weights.transformer("text_model", &text, "text_model.final_layer_norm")?,
            text_projection: weights.take("text_projection.weight", &[config.dim, text.width])?,
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
        let (mut tape, vars) = self.constants();
        let each = patches.count();
        let cut = patches.cut(pixels);
        let count = cut.len() / (each * patches.values());
        let cut = Tensor::from_vec(cut, (count * each, patches.values()), &Device::Cpu)?;
        let x = ops::linear(&mut tape, &Var::constant(cut), &vars[self.patches.index()], None)?;
        // the class token goes before the patches of its image
        let rows = to_f32(x.value())?;
        let mut all = Vec::with_capacity(count * (each + 1) * vision.width);
        for image in rows.chunks_exact(each * vision.width) {
            all.extend_from_slice(&self.class);
            all.extend_from_slice(image);
        }
        let tokens = each + 1;
        let x = Var::constant(Tensor::from_vec(
            all,
            (count * tokens, vision.width),
            &Device::Cpu,
        )?);
        let x = ops::add_positions(&mut tape, &x, &vars[self.image_positions.index()], tokens)?;
        let x = self.before.norm(&mut tape, &vars, &x, vision.eps)?;
        let how = Attention {
            heads: vision.heads,
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
        let positions = self.config.positions;
        let (mut tape, vars) = self.constants();
        let longest = ids.iter().map(Vec::len).max().unwrap_or(1).clamp(1, positions);
        let mut padded = Vec::with_capacity(ids.len() * longest);
        let mut ends = Vec::with_capacity(ids.len());
        for (row, ids) in ids.iter().enumerate() {
            let mut ids = ids.clone();
            ids.truncate(longest);
            ends.push((row * longest + self.end_of(&ids)) as u32);
            // what follows the end is not seen from it, for attention looks back only
            ids.resize(longest, 0);
            padded.extend(ids);
        }
        let x = ops::embedding(&mut tape, &vars[self.words.index()], &padded.into())?;
        let x = ops::add_positions(&mut tape, &x, &vars[self.text_positions.index()], longest)?;
        let how = Attention {
            heads: self.config.text.heads,
            tokens: longest,
            lengths: None,
            causal: true,
        };
        let x = self.text.forward(&mut tape, &vars, x, &how)?;
        let x = ops::select_rows(&mut tape, &x, &ends.into())?;
        let x = ops::linear(&mut tape, &x, &vars[self.text_projection.index()], None)?;
        to_f32(x.value())
    }

    /// The place of the first end token.
    fn end_of(&self, ids: &[u32]) -> usize {
        let end = self.config.end.or_else(|| ids.iter().max().copied());
        ids.iter().position(|&id| Some(id) == end).unwrap_or(0)
    }

    fn constants(&self) -> (Tape, Vec<Var>) {
        (Tape::new(), self.params.constants())
    }
}
