//! y = x·Wᵀ + b with a weight that never changes.

use std::sync::Arc;

use candle_core::Tensor;
use modality_gap_kernels::{Packed, Packing, bf16_pairs, pairs};
use rayon::prelude::*;

use super::linear::{add_to_rows, column_sums, linear, times, times_transposed};
use crate::parallel::{simd, zeros};
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{NnError, Real, Result, Tape, Var};

/// Fewer rows than this are shared out between threads by the columns of the result.
const FEW_ROWS: usize = 48;

/// Most rows that one thread multiplies at a time.
const MOST_ROWS: usize = 192;

/// A frozen weight, out × in.
#[derive(Debug, Clone)]
pub enum Frozen {
    /// As it stands, f32 or f64.
    Dense(Tensor),
    /// In f32, packed for both directions.
    F32(Arc<PackedPair<f32>>),
    /// In bf16, packed for both directions; rows are f32 before and after.
    Bf16(Arc<PackedPair<u32>>),
}

/// A weight packed for x·Wᵀ and for g·W.
#[derive(Debug)]
pub struct PackedPair<E> {
    forward: Packed<E>,
    back: Packed<E>,
}

impl<E: Packing> PackedPair<E> {
    fn of(weight: &Tensor) -> Result<Arc<Self>> {
        let (outer, inner) = shape_of(weight)?;
        let values = host::<f32>(weight)?;
        let (forward, back) = rayon::join(
            || Packed::of_rows(&values, outer, inner),
            || Packed::of_columns(&values, outer, inner),
        );
        Ok(Arc::new(Self { forward, back }))
    }

    fn bytes(&self) -> usize {
        self.forward.bytes() + self.back.bytes()
    }
}

impl Frozen {
    /// Packs an f32 weight, out × in.
    pub fn f32(weight: &Tensor) -> Result<Self> {
        Ok(Self::F32(PackedPair::of(weight)?))
    }

    /// Packs an f32 weight, out × in, rounding it to bf16.
    pub fn bf16(weight: &Tensor) -> Result<Self> {
        Ok(Self::Bf16(PackedPair::of(weight)?))
    }

    /// Rows and columns: out, in.
    pub fn shape(&self) -> Result<(usize, usize)> {
        match self {
            Self::Dense(weight) => shape_of(weight),
            Self::F32(pair) => Ok((pair.forward.columns(), pair.forward.depth())),
            Self::Bf16(pair) => Ok((pair.forward.columns(), pair.forward.depth())),
        }
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Dense(weight) => weight.elem_count() * weight.dtype().size_in_bytes(),
            Self::F32(pair) => pair.bytes(),
            Self::Bf16(pair) => pair.bytes(),
        }
    }

    /// x·Wᵀ: n × in to n × out, row-major.
    pub(super) fn apply<T: Real>(&self, x: &[T]) -> Result<Vec<T>> {
        let (outer, inner) = self.shape()?;
        match self {
            Self::Dense(weight) => Ok(times_transposed(
                x,
                &host::<T>(weight)?,
                (x.len() / inner, outer, inner),
            )),
            Self::F32(pair) => packed(x, &pair.forward),
            Self::Bf16(pair) => packed(x, &pair.forward),
        }
    }

    /// g·W: n × out to n × in, row-major.
    pub(super) fn apply_back<T: Real>(&self, gradient: &[T]) -> Result<Vec<T>> {
        let (outer, inner) = self.shape()?;
        match self {
            Self::Dense(weight) => Ok(times(
                gradient,
                &host::<T>(weight)?,
                (gradient.len() / outer, outer, inner),
            )),
            Self::F32(pair) => packed(gradient, &pair.back),
            Self::Bf16(pair) => packed(gradient, &pair.back),
        }
    }
}

/// x·Wᵀ + b: `x` n × in, `bias` out; n × out. Neither the weight nor x is kept for it.
pub fn frozen_linear(tape: &mut Tape, x: &Var, weight: &Frozen, bias: Option<&Var>) -> Result<Var> {
    if let Frozen::Dense(dense) = weight {
        return linear(tape, x, &Var::constant(dense.clone()), bias);
    }
    let (n, outer) = (shape_of(x.value())?.0, weight.shape()?.0);
    let mut values = weight.apply(&host::<f32>(x.value())?)?;
    if let Some(bias) = bias {
        add_to_rows(&mut values, &host::<f32>(bias.value())?);
    }
    let value = tensor(values, (n, outer))?;
    let weight = weight.clone();
    let backward = move |gradient: &Tensor, needed: &[bool]| {
        let (n, width) = shape_of(gradient)?;
        let gradient = host::<f32>(gradient)?;
        let to_x = || tensor(weight.apply_back::<f32>(&gradient)?, (n, weight.shape()?.1));
        let mut answers = vec![needed[0].then(to_x).transpose()?];
        if let Some(&needed) = needed.get(1) {
            answers.push(needed.then(|| column_sums(&gradient, n, width)).transpose()?);
        }
        Ok(answers)
    };
    Ok(match bias {
        Some(bias) => tape.push(value, &[x, bias], backward),
        None => tape.push(value, &[x], backward),
    })
}

/// Rows as a packed matrix takes them.
trait Rows: Packing {
    fn rows<'a>(x: &'a [f32], depth: usize, scratch: &'a mut Vec<Self>) -> &'a [Self];
}

impl Rows for f32 {
    fn rows<'a>(x: &'a [f32], _: usize, _: &'a mut Vec<Self>) -> &'a [Self] {
        x
    }
}

impl Rows for u32 {
    fn rows<'a>(x: &'a [f32], depth: usize, scratch: &'a mut Vec<Self>) -> &'a [Self] {
        scratch.resize(x.len() / depth.max(1) * pairs(depth), 0);
        simd(
            #[inline(always)]
            || bf16_pairs(x, depth, scratch),
        );
        scratch
    }
}

fn packed<T: Real, E: Rows>(x: &[T], matrix: &Packed<E>) -> Result<Vec<T>> {
    let values = T::as_f32(x).and_then(|x| T::of_f32(product(x, matrix)));
    values.ok_or_else(|| {
        let error = candle_core::Error::UnsupportedDTypeForOp(T::DTYPE, "a packed product");
        NnError::from(error)
    })
}

/// Many rows are shared out between threads, a few stay together and their columns are; the bits are the same.
fn product<E: Rows>(x: &[f32], matrix: &Packed<E>) -> Vec<f32> {
    let (outer, inner) = (matrix.columns(), matrix.depth());
    let n = x.len() / inner.max(1);
    let mut out = zeros(n * outer);
    let threads = rayon::current_num_threads();
    if n >= FEW_ROWS {
        let rows = n.div_ceil(threads).next_multiple_of(12).min(MOST_ROWS);
        out.par_chunks_mut(rows * outer)
            .zip(x.par_chunks(rows * inner))
            .for_each_init(Vec::new, |scratch, (out, x)| {
                matrix.multiply(E::rows(x, inner, scratch), out);
            });
        return out;
    }
    let mut scratch = Vec::new();
    let rows = E::rows(x, inner, &mut scratch);
    let width = outer.div_ceil(threads).next_multiple_of(Packed::<E>::PANEL);
    let columns = |part: usize| part * width..outer.min((part + 1) * width);
    let parts: Vec<Vec<f32>> = (0..outer.div_ceil(width))
        .into_par_iter()
        .map(|part| {
            let mut out = vec![0.0; n * columns(part).len()];
            matrix.multiply_part(rows, columns(part), &mut out);
            out
        })
        .collect();
    for (part, values) in parts.iter().enumerate() {
        let columns = columns(part);
        let rows = out
            .chunks_exact_mut(outer)
            .zip(values.chunks_exact(columns.len()));
        for (out, values) in rows {
            out[columns.clone()].copy_from_slice(values);
        }
    }
    out
}
