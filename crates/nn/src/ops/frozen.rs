//! y = x·Wᵀ + b with a weight that never changes.

use std::sync::Arc;

use candle_core::Tensor;
use modality_gap_kernels::{PackedBf16, bf16_pairs, pairs};
use rayon::prelude::*;

use super::linear::{column_sums, linear};
use super::shape_of;
use crate::parallel::{add, each_row_block, simd};
use crate::tensor::{host, tensor};
use crate::{Result, Tape, Var};

/// Fewer rows than this are shared out between threads by the columns of the result.
const FEW_ROWS: usize = 48;

/// A frozen weight, out × in.
#[derive(Debug, Clone)]
pub enum Frozen {
    /// As it stands, f32 or f64.
    Dense(Tensor),
    /// In bf16, packed for both directions; rows are f32 before and after.
    Packed(Arc<PackedPair>),
}

/// A weight packed for x·Wᵀ and for g·W.
#[derive(Debug)]
pub struct PackedPair {
    forward: PackedBf16,
    back: PackedBf16,
}

impl Frozen {
    /// Packs an f32 weight, out × in, rounding it to bf16.
    pub fn packed(weight: &Tensor) -> Result<Self> {
        let (outer, inner) = shape_of(weight)?;
        let values = host::<f32>(weight)?;
        let (forward, back) = rayon::join(
            || PackedBf16::of_rows(&values, outer, inner),
            || PackedBf16::of_columns(&values, outer, inner),
        );
        Ok(Self::Packed(Arc::new(PackedPair { forward, back })))
    }

    /// Rows and columns: out, in.
    pub fn shape(&self) -> Result<(usize, usize)> {
        match self {
            Self::Dense(weight) => shape_of(weight),
            Self::Packed(pair) => Ok((pair.forward.columns(), pair.forward.depth())),
        }
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Dense(weight) => weight.elem_count() * weight.dtype().size_in_bytes(),
            Self::Packed(pair) => pair.forward.bytes() + pair.back.bytes(),
        }
    }

    /// x·Wᵀ: n × in to n × out.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => {
                let (x, weight) = (Var::constant(x.clone()), Var::constant(weight.clone()));
                Ok(linear(&mut Tape::new(), &x, &weight, None)?.value().clone())
            }
            Self::Packed(pair) => product(x, &pair.forward),
        }
    }

    /// g·W: n × out to n × in.
    pub(crate) fn apply_back(&self, gradient: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => super::linear::times(gradient, weight),
            Self::Packed(pair) => product(gradient, &pair.back),
        }
    }
}

/// x·Wᵀ + b: `x` n × in, `bias` out; n × out. Neither the weight nor x is kept for it.
pub fn frozen_linear(tape: &mut Tape, x: &Var, weight: &Frozen, bias: Option<&Var>) -> Result<Var> {
    if let Frozen::Dense(dense) = weight {
        return linear(tape, x, &Var::constant(dense.clone()), bias);
    }
    let mut value = weight.apply(x.value())?;
    if let Some(bias) = bias {
        value = plus_row(&value, bias.value())?;
    }
    let weight = weight.clone();
    let backward = move |gradient: &Tensor, needed: &[bool]| {
        let to_x = needed[0].then(|| weight.apply_back(gradient)).transpose()?;
        let mut answers = vec![to_x];
        if let Some(&needed) = needed.get(1) {
            let (n, width) = shape_of(gradient)?;
            let sums = || column_sums::<f32>(&host(gradient)?, n, width);
            answers.push(needed.then(sums).transpose()?);
        }
        Ok(answers)
    };
    Ok(match bias {
        Some(bias) => tape.push(value, &[x, bias], backward),
        None => tape.push(value, &[x], backward),
    })
}

fn plus_row(x: &Tensor, row: &Tensor) -> Result<Tensor> {
    let (n, width) = shape_of(x)?;
    let mut out = host::<f32>(x)?.to_vec();
    let row = host::<f32>(row)?;
    each_row_block(&mut out, width, |_, rows| {
        for out in rows.chunks_exact_mut(width) {
            add(out, &row);
        }
    });
    tensor(out, (n, width))
}

/// Many rows are shared out between threads, a few stay together and their columns are; the bits are the same.
fn product(x: &Tensor, matrix: &PackedBf16) -> Result<Tensor> {
    let (n, inner) = shape_of(x)?;
    let (outer, x) = (matrix.columns(), host::<f32>(x)?);
    let mut out = vec![0.0; n * outer];
    let threads = rayon::current_num_threads();
    if n >= FEW_ROWS {
        let rows = n.div_ceil(threads).next_multiple_of(12).min(192);
        out.par_chunks_mut(rows * outer)
            .zip(x.par_chunks(rows * inner))
            .for_each_init(Vec::new, |packed, (out, x)| {
                to_pairs(x, inner, packed);
                matrix.multiply(packed, out);
            });
    } else {
        let mut packed = Vec::new();
        to_pairs(&x, inner, &mut packed);
        let width = outer.div_ceil(threads).next_multiple_of(PackedBf16::PANEL);
        let parts: Vec<Vec<f32>> = (0..outer.div_ceil(width))
            .into_par_iter()
            .map(|part| {
                let columns = part * width..outer.min((part + 1) * width);
                let mut out = vec![0.0; n * columns.len()];
                matrix.multiply_part(&packed, columns, &mut out);
                out
            })
            .collect();
        for (part, values) in parts.iter().enumerate() {
            let columns = part * width..outer.min((part + 1) * width);
            for (out, values) in out
                .chunks_exact_mut(outer)
                .zip(values.chunks_exact(columns.len()))
            {
                out[columns.clone()].copy_from_slice(values);
            }
        }
    }
    tensor(out, (n, outer))
}

fn to_pairs(x: &[f32], depth: usize, packed: &mut Vec<u32>) {
    packed.resize(x.len() / depth.max(1) * pairs(depth), 0);
    simd(
        #[inline(always)]
        || bf16_pairs(x, depth, packed),
    );
}
