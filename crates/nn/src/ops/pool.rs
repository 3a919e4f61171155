//! One row from the tokens of a sequence.

use std::sync::Arc;

use candle_core::Tensor;

use crate::parallel::add;
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{Real, Result, Tape, Var, with_dtype};

/// Mean over the tokens of each sequence that count: n·s × d to n × d. `lengths` as in [`super::Attention`].
pub fn mean_pool(tape: &mut Tape, x: &Var, tokens: usize, lengths: Option<&Arc<[usize]>>) -> Result<Var> {
    let lengths = lengths.cloned();
    let value = with_dtype!(x.value(), T => pooled::<T>(x.value(), tokens, lengths.as_deref()))?;
    Ok(tape.push(value, &[x], move |gradient, _| {
        Ok(vec![Some(
            with_dtype!(gradient, T => spread::<T>(gradient, tokens, lengths.as_deref()))?,
        )])
    }))
}

fn pooled<T: Real>(x: &Tensor, tokens: usize, lengths: Option<&[usize]>) -> Result<Tensor> {
    let (rows, d) = shape_of(x)?;
    let mut out = vec![T::ZERO; rows / tokens * d];
    for (i, (out, x)) in out
        .chunks_exact_mut(d)
        .zip(host::<T>(x)?.chunks_exact(tokens * d))
        .enumerate()
    {
        let length = lengths.map_or(tokens, |lengths| lengths[i]);
        for token in x.chunks_exact(d).take(length) {
            add(out, token);
        }
        let share = T::ONE / T::of(length as f64);
        for v in out.iter_mut() {
            *v *= share;
        }
    }
    tensor(out, (rows / tokens, d))
}

fn spread<T: Real>(gradient: &Tensor, tokens: usize, lengths: Option<&[usize]>) -> Result<Tensor> {
    let (n, d) = shape_of(gradient)?;
    let mut out = vec![T::ZERO; n * tokens * d];
    let gradient = host::<T>(gradient)?;
    for (i, (out, gradient)) in out
        .chunks_exact_mut(tokens * d)
        .zip(gradient.chunks_exact(d))
        .enumerate()
    {
        let length = lengths.map_or(tokens, |lengths| lengths[i]);
        let share = T::ONE / T::of(length as f64);
        for token in out.chunks_exact_mut(d).take(length) {
            for (out, &gradient) in token.iter_mut().zip(gradient) {
                *out = gradient * share;
            }
        }
    }
    tensor(out, (n * tokens, d))
}

/// Rows `rows` of x, for a class token or the end of a text: k × d.
pub fn select_rows(tape: &mut Tape, x: &Var, rows: &Arc<[u32]>) -> Result<Var> {
    super::embedding(tape, x, rows)
}
