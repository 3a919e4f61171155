//! BERT as a sentence encoder, mean over tokens: Reimers and Gurevych, arXiv 1908.10084; MiniLM is one of these.

use std::sync::Arc;

use modality_gap_nn::ops::{self, Activation, Attention};
use modality_gap_nn::{ParamId, Params, Tape};
use serde::Deserialize;

use super::weights::Weights;
use crate::error::{EncoderError, Result};
use crate::model::to_f32;
use crate::transformer::Affine;

#[derive(Deserialize)]
pub(super) struct Config {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    #[serde(default = "two")]
    type_vocab_size: usize,
}

fn two() -> usize {
    2
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
    activation: Activation,
    params: Params,
    words: ParamId,
    positions: ParamId,
    types: ParamId,
    norm: Affine,
    layers: Vec<Layer>,
}

impl Bert {
    pub fn new(config: Config, weights: &mut Weights) -> Result<Self> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        // some files keep the prefix of the model that they were a part of
        let prefix = if weights.has("bert.embeddings.word_embeddings.weight") {
            "bert."
        } else {
            ""
        };
        let mut layers = Vec::with_capacity(config.num_hidden_layers);
        for layer in 0..config.num_hidden_layers {
            let at = |part: &str| format!("{prefix}encoder.layer.{layer}.{part}");
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
        let at = |part: &str| format!("{prefix}embeddings.{part}");
        let activation = Activation::named(&config.hidden_act).ok_or_else(|| {
            EncoderError::BadOption(format!("the activation {} is not known", config.hidden_act))
        })?;
        Ok(Self {
            words: weights.take(&at("word_embeddings.weight"), &[config.vocab_size, width])?,
            positions: weights.take(
                &at("position_embeddings.weight"),
                &[config.max_position_embeddings, width],
            )?,
            types: weights.take(
                &at("token_type_embeddings.weight"),
                &[config.type_vocab_size, width],
            )?,
            norm: weights.norm(&at("LayerNorm"), width)?,
            params: std::mem::take(&mut weights.params),
            layers,
            activation,
            config,
        })
    }

    pub fn dim(&self) -> usize {
        self.config.hidden_size
    }

    pub fn tokens(&self) -> usize {
        self.config.max_position_embeddings
    }

    pub fn texts(&self, ids: &[Vec<u32>]) -> Result<Vec<f32>> {
        let Config {
            num_attention_heads: heads,
            max_position_embeddings: most,
            layer_norm_eps: eps,
            ..
        } = self.config;
        let (mut tape, vars) = (Tape::new(), self.params.constants());
        let tape = &mut tape;
        let tokens = ids.iter().map(Vec::len).max().unwrap_or(1).clamp(1, most);
        let lengths: Arc<[usize]> = ids.iter().map(|ids| ids.len().clamp(1, tokens)).collect();
        let padded: Arc<[u32]> = ids
            .iter()
            .flat_map(|ids| {
                ids.iter()
                    .copied()
                    .chain(std::iter::repeat(0))
                    .take(tokens)
                    .collect::<Vec<_>>()
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
            let inner = ops::activation(tape, &inner, self.activation)?;
            let outer = layer.down.linear(tape, &vars, &inner)?;
            let sum = ops::add(tape, &x, &outer)?;
            x = layer.norm2.norm(tape, &vars, &sum, eps)?;
        }
        let x = ops::mean_pool(tape, &x, tokens, Some(&lengths))?;
        to_f32(x.value())
    }
}
