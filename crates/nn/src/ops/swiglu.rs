//! The gated feed-forward part: Shazeer, arXiv 2002.05202.

use candle_core::Tensor;

use crate::parallel::{each_row_block, zeros};
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{Real, Result, Tape, Var, with_dtype};

/// silu(gate)∘up: `x` n × 2d with gate and up side by side; n × d.
pub fn swiglu(tape: &mut Tape, x: &Var) -> Result<Var> {
    let value = with_dtype!(x.value(), T => forward::<T>(x.value()))?;
    let kept = x.value().clone();
    Ok(tape.push(value, &[x], move |gradient, _| {
        Ok(vec![Some(
            with_dtype!(gradient, T => backward::<T>(&kept, gradient))?,
        )])
    }))
}

#[inline(always)]
fn sigmoid<T: Real>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exponential())
}

fn forward<T: Real>(x: &Tensor) -> Result<Tensor> {
    let (n, d) = (shape_of(x)?.0, shape_of(x)?.1 / 2);
    let x = host::<T>(x)?;
    let x = &x[..];
    let mut out = zeros(n * d);
    each_row_block(
        &mut out,
        d,
        #[inline(always)]
        |first, rows| {
            for (row, out) in rows.chunks_exact_mut(d).enumerate() {
                let (gate, up) = x[(first + row) * 2 * d..][..2 * d].split_at(d);
                for i in 0..d {
                    out[i] = gate[i] * sigmoid(gate[i]) * up[i];
                }
            }
        },
    );
    tensor(out, (n, d))
}

/// dgate = g∘up∘σ(1 + gate(1 − σ)); dup = g∘gate∘σ.
fn backward<T: Real>(x: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let (n, d) = shape_of(gradient)?;
    let (x, gradient) = (host::<T>(x)?, host::<T>(gradient)?);
    let (x, gradient) = (&x[..], &gradient[..]);
    let mut out = zeros(n * 2 * d);
    each_row_block(
        &mut out,
        2 * d,
        #[inline(always)]
        |first, rows| {
            for (row, out) in rows.chunks_exact_mut(2 * d).enumerate() {
                let (gate, up) = x[(first + row) * 2 * d..][..2 * d].split_at(d);
                let gradient = &gradient[(first + row) * d..][..d];
                let (to_gate, to_up) = out.split_at_mut(d);
                for i in 0..d {
                    let open = sigmoid(gate[i]);
                    to_gate[i] = gradient[i] * up[i] * open * (T::ONE + gate[i] * (T::ONE - open));
                    to_up[i] = gradient[i] * gate[i] * open;
                }
            }
        },
    );
    tensor(out, (n, 2 * d))
}
