//! Softmax over rows.

use candle_core::Tensor;

use crate::parallel::{dot, each_row_block};
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{Real, Result, Tape, Var, with_dtype};

/// exp(x)/Σexp(x) by row, with the largest component taken away first.
pub fn softmax(tape: &mut Tape, x: &Var) -> Result<Var> {
    let value = with_dtype!(x.value(), T => forward::<T>(x.value()))?;
    let kept = value.clone();
    Ok(tape.push(value, &[x], move |gradient, _| {
        Ok(vec![Some(
            with_dtype!(gradient, T => backward::<T>(&kept, gradient))?,
        )])
    }))
}

fn forward<T: Real>(x: &Tensor) -> Result<Tensor> {
    let (n, d) = shape_of(x)?;
    let mut out = host::<T>(x)?.to_vec();
    each_row_block(
        &mut out,
        d,
        #[inline(always)]
        |_, rows| {
            for row in rows.chunks_exact_mut(d) {
                softmax_row(row);
            }
        },
    );
    tensor(out, (n, d))
}

fn backward<T: Real>(p: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let (n, d) = shape_of(p)?;
    let (p, gradient) = (host::<T>(p)?, host::<T>(gradient)?);
    let (p, gradient) = (&p[..], &gradient[..]);
    let mut out = vec![T::ZERO; n * d];
    each_row_block(
        &mut out,
        d,
        #[inline(always)]
        |first, rows| {
            for (row, out) in rows.chunks_exact_mut(d).enumerate() {
                let at = (first + row) * d;
                softmax_back(out, &p[at..at + d], &gradient[at..at + d]);
            }
        },
    );
    tensor(out, (n, d))
}

/// Turns logits into probabilities; returns log Σexp.
#[inline(always)]
pub(super) fn softmax_row<T: Real>(row: &mut [T]) -> T {
    let mut top = T::LOWEST;
    for &x in row.iter() {
        if x > top {
            top = x;
        }
    }
    for x in row.iter_mut() {
        *x = (*x - top).exponential();
    }
    let total = crate::parallel::sum(row);
    let share = T::ONE / total;
    for x in row.iter_mut() {
        *x *= share;
    }
    top + T::of(total.wide().ln())
}

/// p∘(g − p·g).
#[inline(always)]
pub(super) fn softmax_back<T: Real>(out: &mut [T], p: &[T], gradient: &[T]) {
    let along = dot(p, gradient);
    for ((out, &p), &gradient) in out.iter_mut().zip(p).zip(gradient) {
        *out = p * (gradient - along);
    }
}
