//! BERT, up to its tokens: Devlin et al., arXiv 1810.04805. What becomes of them is said in `steps.rs`.

use std::sync::Arc;

use modality_gap_nn::ops::{self, Attention};
use modality_gap_nn::{ParamId, Params, Tape};
use serde_json::json;

use super::keys::Keys;
use super::tower::{Defaults, Tower};
use super::weights::Weights;
use crate::error::Result;
use crate::model::to_f32;
use crate::transformer::Affine;

#[derive(Debug)]
pub(super) struct Config {
    tower: Tower,
    /// Rows of the positions: tokens at most.
    positions: usize,
    words: usize,
    types: usize,
}

impl Config {
    pub fn read(keys: &Keys) -> Result<Self> {
        keys.only("position_embedding_type", &[json!("absolute")])?;
        keys.only("is_decoder", &[json!(false)])?;
        keys.only("add_cross_attention", &[json!(false)])?;
        let defaults = Defaults {
            width: 768,
            inner: 3072,
            heads: 12,
            activation: "gelu",
            eps: 1e-12,
        };
        Ok(Self {
            tower: Tower::read(keys, &defaults)?,
            positions: keys.size("max_position_embeddings", 512)?,
            words: keys.size("vocab_size", 30_522)?,
            types: keys.size("type_vocab_size", 2)?,
        })
    }
}

/// A block with the norm after each part.
struct Layer {
    qkv: Affine,
    out: Affine,
    norm1: Affine,
    up: Affine,
    down: Affine,
    norm2: Affine,
}

pub(super) struct Bert {
    config: Config,
    params: Params,
    words: ParamId,
    positions: ParamId,
    types: ParamId,
    norm: Affine,
    layers: Vec<Layer>,
}

impl Bert {
    pub fn new(config: Config, weights: &mut Weights) -> Result<Self> {
        let Tower {
            width,
            inner,
            layers: count,
            ..
        } = config.tower;
        // as many as there are in the files, whatever the configuration says
        let mut layers = Vec::new();
        for layer in 0..count {
            let at = |part: &str| format!("encoder.layer.{layer}.{part}");
            layers.push(Layer {
                qkv: weights.qkv(
                    &["query", "key", "value"].map(|part| at(&format!("attention.self.{part}"))),
                    width,
                )?,
                out: weights.linear(&at("attention.output.dense"), (width, width))?,
                norm1: weights.norm(&at("attention.output.LayerNorm"), width)?,
                up: weights.linear(&at("intermediate.dense"), (inner, width))?,
                down: weights.linear(&at("output.dense"), (width, inner))?,
                norm2: weights.norm(&at("output.LayerNorm"), width)?,
            });
        }
        let at = |part: &str| format!("embeddings.{part}");
        Ok(Self {
            words: weights.take(&at("word_embeddings.weight"), &[config.words, width])?,
            positions: weights.take(&at("position_embeddings.weight"), &[config.positions, width])?,
            types: weights.take(&at("token_type_embeddings.weight"), &[config.types, width])?,
            norm: weights.norm(&at("LayerNorm"), width)?,
            params: std::mem::take(&mut weights.params),
            layers,
            config,
        })
    }

    /// Columns of a token.
    pub fn width(&self) -> usize {
        self.config.tower.width
    }

    pub fn tokens(&self) -> usize {
        self.config.positions
    }

    pub fn words(&self) -> usize {
        self.config.words
    }

    /// States of the tokens of each text after the last layer, padded to the longest: n·s × width, and each text's length.
    pub fn states(&self, ids: &[Vec<u32>]) -> Result<(Vec<f32>, Arc<[usize]>)> {
        let Tower {
            heads,
            eps,
            activation,
            ..
        } = self.config.tower;
        let (mut tape, vars) = (Tape::new(), self.params.constants());
        let tape = &mut tape;
        let longest = ids.iter().map(Vec::len).max().unwrap_or(1);
        let tokens = longest.clamp(1, self.config.positions);
        let lengths: Arc<[usize]> = ids.iter().map(|ids| ids.len().clamp(1, tokens)).collect();
        let padded: Arc<[u32]> = ids
            .iter()
            .flat_map(|ids| {
                let all = ids.iter().copied().chain(std::iter::repeat(0));
                all.take(tokens).collect::<Vec<_>>()
            })
            .collect();
        let x = ops::embedding(tape, &vars[self.words.index()], &padded)?;
        let types = ops::embedding(tape, &vars[self.types.index()], &vec![0; padded.len()].into())?;
        let x = ops::add(tape, &x, &types)?;
        let x = ops::add_positions(tape, &x, &vars[self.positions.index()], tokens)?;
        let mut x = self.norm.norm(tape, &vars, &x, eps)?;
        let how = Attention {
            heads,
            tokens,
            lengths: Some(Arc::clone(&lengths)),
            causal: false,
        };
        for layer in &self.layers {
            let qkv = layer.qkv.linear(tape, &vars, &x)?;
            let mixed = ops::attention(tape, &qkv, &how)?;
            let mixed = layer.out.linear(tape, &vars, &mixed)?;
            let sum = ops::add(tape, &x, &mixed)?;
            x = layer.norm1.norm(tape, &vars, &sum, eps)?;
            let inner = layer.up.linear(tape, &vars, &x)?;
            let inner = ops::activation(tape, &inner, activation)?;
            let outer = layer.down.linear(tape, &vars, &inner)?;
            let sum = ops::add(tape, &x, &outer)?;
            x = layer.norm2.norm(tape, &vars, &sum, eps)?;
        }
        Ok((to_f32(x.value())?, lengths))
    }
}
