//! y = x·Wᵀ + b.

use candle_core::Tensor;

use crate::parallel::{add, each_row_block, sum_row_blocks, zeros};
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{MatMut, MatRef, Real, Result, Tape, Var, gemm, with_dtype};

/// x·Wᵀ + b: `x` n × in, `weight` out × in, `bias` out; n × out. A frozen weight costs no gradient of its own.
pub fn linear(tape: &mut Tape, x: &Var, weight: &Var, bias: Option<&Var>) -> Result<Var> {
    let value = with_dtype!(x.value(), T => forward::<T>(x.value(), weight.value(), bias.map(Var::value)))?;
    // the input is needed for the weight's gradient alone
    let kept_x = weight.tracked().then(|| x.value().clone());
    let kept_weight = weight.value().clone();
    let backward = move |gradient: &Tensor, needed: &[bool]| with_dtype!(gradient, T => backward::<T>(kept_x.as_ref(), &kept_weight, gradient, needed));
    Ok(match bias {
        Some(bias) => tape.push(value, &[x, weight, bias], backward),
        None => tape.push(value, &[x, weight], backward),
    })
}

fn forward<T: Real>(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let ((n, inner), (outer, _)) = (shape_of(x)?, shape_of(weight)?);
    let (x, weight) = (host::<T>(x)?, host::<T>(weight)?);
    let mut out = times_transposed::<T>(&x, &weight, (n, outer, inner));
    if let Some(bias) = bias {
        add_to_rows(&mut out, &host::<T>(bias)?);
    }
    tensor(out, (n, outer))
}

fn backward<T: Real>(
    x: Option<&Tensor>,
    weight: &Tensor,
    gradient: &Tensor,
    needed: &[bool],
) -> Result<Vec<Option<Tensor>>> {
    let ((n, _), (outer, inner)) = (shape_of(gradient)?, shape_of(weight)?);
    let gradient = host::<T>(gradient)?;
    let to_x = needed[0].then(|| {
        let values = times::<T>(&gradient, &host::<T>(weight)?, (n, outer, inner));
        tensor(values, (n, inner))
    });
    let to_weight = x.map(|x| -> Result<Tensor> {
        let x = host::<T>(x)?;
        let mut out = vec![T::ZERO; outer * inner];
        let (g, x) = (MatRef::new(&gradient, n, outer).t(), MatRef::new(&x, n, inner));
        gemm(MatMut::new(&mut out, outer, inner), false, g, x, T::ONE);
        tensor(out, (outer, inner))
    });
    let mut answers = vec![to_x.transpose()?, to_weight.transpose()?];
    if let Some(&needed) = needed.get(2) {
        answers.push(needed.then(|| column_sums(&gradient, n, outer)).transpose()?);
    }
    Ok(answers)
}

/// g·W: n × out by out × in.
pub(super) fn times<T: Real>(
    gradient: &[T],
    weight: &[T],
    (n, outer, inner): (usize, usize, usize),
) -> Vec<T> {
    let mut out = zeros(n * inner);
    let (g, w) = (MatRef::new(gradient, n, outer), MatRef::new(weight, outer, inner));
    gemm(MatMut::new(&mut out, n, inner), false, g, w, T::ONE);
    out
}

/// x·Wᵀ: n × in by out × in.
pub(super) fn times_transposed<T: Real>(
    x: &[T],
    weight: &[T],
    (n, outer, inner): (usize, usize, usize),
) -> Vec<T> {
    let mut out = zeros(n * outer);
    let (x, w) = (MatRef::new(x, n, inner), MatRef::new(weight, outer, inner));
    gemm(MatMut::new(&mut out, n, outer), false, x, w.t(), T::ONE);
    out
}

/// Adds `row` to every row of `rows`.
pub(super) fn add_to_rows<T: Real>(rows: &mut [T], row: &[T]) {
    each_row_block(rows, row.len(), |_, rows| {
        for own in rows.chunks_exact_mut(row.len()) {
            add(own, row);
        }
    });
}

pub(super) fn column_sums<T: Real>(rows: &[T], n: usize, width: usize) -> Result<Tensor> {
    let sums = sum_row_blocks(n, width, |block, total| {
        for row in rows[block.start * width..block.end * width].chunks_exact(width) {
            add(total, row);
        }
    });
    tensor(sums, width)
}
