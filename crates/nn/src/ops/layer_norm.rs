//! Layer normalisation: Ba, Kiros and Hinton, arXiv 1607.06450.

use candle_core::Tensor;

use crate::parallel::{add, dot, each_row_block, sum, sum_row_blocks, zeros};
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{Real, Result, Tape, Var, with_dtype};

/// (x − mean)/√(variance + eps) · weight + bias by row, variance with divisor d: `x` n × d, `weight` and `bias` d.
pub fn layer_norm(tape: &mut Tape, x: &Var, weight: &Var, bias: &Var, eps: f64) -> Result<Var> {
    let value = with_dtype!(x.value(), T => forward::<T>(x.value(), weight.value(), bias.value(), eps))?;
    let (kept_x, kept_weight) = (x.value().clone(), weight.value().clone());
    Ok(tape.push(value, &[x, weight, bias], move |gradient, needed| {
        with_dtype!(gradient, T => backward::<T>(&kept_x, &kept_weight, gradient, eps, needed))
    }))
}

fn forward<T: Real>(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let (n, d) = shape_of(x)?;
    let (values, weight, bias) = (host::<T>(x)?, host::<T>(weight)?, host::<T>(bias)?);
    let (values, weight, bias) = (&values[..], &weight[..d], &bias[..d]);
    let mut out = zeros(n * d);
    each_row_block(
        &mut out,
        d,
        #[inline(always)]
        |first, rows| {
            for (row, out) in rows.chunks_exact_mut(d).enumerate() {
                let x = &values[(first + row) * d..][..d];
                let (mean, inverse) = statistics(x, T::of(eps));
                for i in 0..d {
                    out[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
                }
            }
        },
    );
    tensor(out, (n, d))
}

/// With x̂ the normalised row and h = g∘weight: dx = (h − mean(h) − x̂·mean(h∘x̂))/√(variance + eps).
fn backward<T: Real>(
    x: &Tensor,
    weight: &Tensor,
    gradient: &Tensor,
    eps: f64,
    needed: &[bool],
) -> Result<Vec<Option<Tensor>>> {
    let (n, d) = shape_of(x)?;
    let (values, weight, gradient) = (host::<T>(x)?, host::<T>(weight)?, host::<T>(gradient)?);
    let (values, weight, gradient) = (&values[..], &weight[..d], &gradient[..]);
    let eps = T::of(eps);
    let share = T::ONE / T::of(d as f64);
    let mut to_x = Vec::new();
    if needed[0] {
        to_x = zeros(n * d);
        each_row_block(
            &mut to_x,
            d,
            #[inline(always)]
            |first, rows| {
                let mut h = vec![T::ZERO; d];
                let mut normal = vec![T::ZERO; d];
                for (row, out) in rows.chunks_exact_mut(d).enumerate() {
                    let x = &values[(first + row) * d..][..d];
                    let gradient = &gradient[(first + row) * d..][..d];
                    let (mean, inverse) = statistics(x, eps);
                    for i in 0..d {
                        h[i] = gradient[i] * weight[i];
                        normal[i] = (x[i] - mean) * inverse;
                    }
                    let (mean_h, along) = (sum(&h) * share, dot(&h, &normal) * share);
                    for i in 0..d {
                        out[i] = (h[i] - mean_h - normal[i] * along) * inverse;
                    }
                }
            },
        );
    }
    let mut sums = Vec::new();
    if needed[1] || needed[2] {
        sums = sum_row_blocks(
            n,
            2 * d,
            #[inline(always)]
            |block, total| {
                let (to_weight, to_bias) = total.split_at_mut(d);
                for row in block {
                    let x = &values[row * d..][..d];
                    let gradient = &gradient[row * d..][..d];
                    let (mean, inverse) = statistics(x, eps);
                    for i in 0..d {
                        to_weight[i] += gradient[i] * (x[i] - mean) * inverse;
                    }
                    add(to_bias, gradient);
                }
            },
        );
    }
    Ok(vec![
        needed[0].then(|| tensor(to_x, (n, d))).transpose()?,
        needed[1].then(|| tensor(sums[..d].to_vec(), d)).transpose()?,
        needed[2].then(|| tensor(sums[d..].to_vec(), d)).transpose()?,
    ])
}

/// Mean and 1/√(variance + eps) of a row, in two passes.
#[inline(always)]
fn statistics<T: Real>(x: &[T], eps: T) -> (T, T) {
    let share = T::ONE / T::of(x.len() as f64);
    let mean = sum(x) * share;
    let mut lanes = [T::ZERO; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for x in whole {
        for i in 0..16 {
            lanes[i] += (x[i] - mean) * (x[i] - mean);
        }
    }
    let mut squares = sum(&lanes);
    for &x in rest {
        squares += (x - mean) * (x - mean);
    }
    (mean, T::ONE / (squares * share + eps).root())
}
