//! The way onto the sphere.

use candle_core::Tensor;

use crate::parallel::{dot, each_row_block};
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{Real, Result, Tape, Var, with_dtype};

/// Below this length a row is divided by it instead, as in PyTorch's `normalize`.
const SHORTEST: f64 = 1e-12;

/// x/‖x‖ by row: n × d. The gradient is g's part along the sphere over ‖x‖: (g − z(z·g))/‖x‖.
pub fn l2_normalize(tape: &mut Tape, x: &Var) -> Result<Var> {
    let (value, lengths) = with_dtype!(x.value(), T => forward::<T>(x.value()))?;
    let kept = value.clone();
    Ok(tape.push(value, &[x], move |gradient, _| {
        Ok(vec![Some(
            with_dtype!(gradient, T => backward::<T>(&kept, &lengths, gradient))?,
        )])
    }))
}

fn forward<T: Real>(x: &Tensor) -> Result<(Tensor, Vec<f64>)> {
    let (n, d) = shape_of(x)?;
    let mut out = host::<T>(x)?.to_vec();
    let lengths: Vec<f64> = out
        .chunks_exact(d)
        .map(|row| dot(row, row).root().wide().max(SHORTEST))
        .collect();
    for (row, length) in out.chunks_exact_mut(d).zip(&lengths) {
        let inverse = T::of(1.0 / length);
        for v in row.iter_mut() {
            *v *= inverse;
        }
    }
    Ok((tensor(out, (n, d))?, lengths))
}

fn backward<T: Real>(z: &Tensor, lengths: &[f64], gradient: &Tensor) -> Result<Tensor> {
    let (n, d) = shape_of(z)?;
    let (z, gradient) = (host::<T>(z)?, host::<T>(gradient)?);
    let (z, gradient) = (&z[..], &gradient[..]);
    let mut out = vec![T::ZERO; n * d];
    each_row_block(&mut out, d, |first, rows| {
        for (row, out) in rows.chunks_exact_mut(d).enumerate() {
            let at = (first + row) * d;
            let (z, gradient) = (&z[at..at + d], &gradient[at..at + d]);
            let along = dot(z, gradient);
            let inverse = T::of(1.0 / lengths[first + row]);
            for i in 0..d {
                out[i] = (gradient[i] - z[i] * along) * inverse;
            }
        }
    });
    tensor(out, (n, d))
}
