//! A transformer with the norm before each part, as in CLIP, SigLIP and ViT.

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::ops::{self, Activation, Attention};
use modality_gap_nn::{ParamId, Params, Result, Rng, Tape, Var, normal};

use crate::config::TowerConfig;

/// Weight and bias of a norm or of a linear map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affine {
    pub weight: ParamId,
    pub bias: ParamId,
}

impl Affine {
    pub fn linear(self, tape: &mut Tape, vars: &[Var], x: &Var) -> Result<Var> {
        ops::linear(
            tape,
            x,
            &vars[self.weight.index()],
            Some(&vars[self.bias.index()]),
        )
    }

    pub fn norm(self, tape: &mut Tape, vars: &[Var], x: &Var, eps: f64) -> Result<Var> {
        ops::layer_norm(tape, x, &vars[self.weight.index()], &vars[self.bias.index()], eps)
    }
}

/// One block: x + attention(norm(x)), then x + MLP(norm(x)).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub norm1: Affine,
    pub qkv: Affine,
    pub out: Affine,
    pub norm2: Affine,
    pub up: Affine,
    pub down: Affine,
}

/// Blocks and what they share.
#[derive(Debug, Clone)]
pub(crate) struct Transformer {
    pub blocks: Vec<Block>,
    pub norm: Affine,
    pub activation: Activation,
    pub eps: f64,
}

impl Transformer {
    /// Fresh parameters: weights N(0, 1/in), those that end on the residual path smaller by √(2·layers), so that its
    /// variance does not grow with depth; biases 0, norms 1.
    pub fn fresh(params: &mut Params, name: &str, config: TowerConfig, rng: &mut Rng) -> Result<Self> {
        let TowerConfig { width, layers, .. } = config;
        let residual = 1.0 / (2.0 * layers.max(1) as f64).sqrt();
        let mut blocks = Vec::with_capacity(layers);
        for layer in 0..layers {
            let at = |part: &str| format!("{name}.{layer}.{part}");
            blocks.push(Block {
                norm1: fresh_norm(params, &at("norm1"), width)?,
                qkv: fresh_linear(params, &at("qkv"), (3 * width, width), 1.0, rng)?,
                out: fresh_linear(params, &at("out"), (width, width), residual, rng)?,
                norm2: fresh_norm(params, &at("norm2"), width)?,
                up: fresh_linear(params, &at("up"), (4 * width, width), 1.0, rng)?,
                down: fresh_linear(params, &at("down"), (width, 4 * width), residual, rng)?,
            });
        }
        let norm = fresh_norm(params, &format!("{name}.norm"), width)?;
        Ok(Self {
            blocks,
            norm,
            activation: Activation::Gelu,
            eps: 1e-5,
        })
    }

    /// n·s × width to n·s × width, the last norm included.
    pub fn forward(&self, tape: &mut Tape, vars: &[Var], mut x: Var, how: &Attention) -> Result<Var> {
        for block in &self.blocks {
            let normal = block.norm1.norm(tape, vars, &x, self.eps)?;
            let qkv = block.qkv.linear(tape, vars, &normal)?;
            let mixed = ops::attention(tape, &qkv, how)?;
            let mixed = block.out.linear(tape, vars, &mixed)?;
            x = ops::add(tape, &x, &mixed)?;
            let normal = block.norm2.norm(tape, vars, &x, self.eps)?;
            let inner = block.up.linear(tape, vars, &normal)?;
            let inner = ops::activation(tape, &inner, self.activation)?;
            let outer = block.down.linear(tape, vars, &inner)?;
            x = ops::add(tape, &x, &outer)?;
        }
        self.norm.norm(tape, vars, &x, self.eps)
    }
}

pub(crate) fn fresh_norm(params: &mut Params, name: &str, width: usize) -> Result<Affine> {
    Ok(Affine {
        weight: params.add(
            format!("{name}.weight"),
            Tensor::ones(width, DType::F32, &Device::Cpu)?,
        ),
        bias: params.add(
            format!("{name}.bias"),
            Tensor::zeros(width, DType::F32, &Device::Cpu)?,
        ),
    })
}

pub(crate) fn fresh_linear(
    params: &mut Params,
    name: &str,
    (outer, inner): (usize, usize),
    gain: f64,
    rng: &mut Rng,
) -> Result<Affine> {
    let deviation = gain / (inner as f64).sqrt();
    Ok(Affine {
        weight: params.add(
            format!("{name}.weight"),
            normal((outer, inner), deviation, DType::F32, rng)?,
        ),
        bias: params.add(
            format!("{name}.bias"),
            Tensor::zeros(outer, DType::F32, &Device::Cpu)?,
        ),
    })
}
