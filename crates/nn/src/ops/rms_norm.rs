//! Root mean square norm: Zhang and Sennrich, arXiv 1910.07467.

use candle_core::Tensor;

use crate::parallel::{dot, each_row_block, sum_row_blocks, zeros};
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{Real, Result, Tape, Var, with_dtype};

/// w·x/√(mean x² + eps) by groups of `weight`'s length d in every row: n × k·d. A row that is one group is the usual norm;
/// several are the norm by head of Qwen 3.
pub fn rms_norm(tape: &mut Tape, x: &Var, weight: &Var, eps: f64) -> Result<Var> {
    let value = with_dtype!(x.value(), T => forward::<T>(x.value(), weight.value(), eps))?;
    let (kept_x, kept_weight) = (x.value().clone(), weight.value().clone());
    Ok(tape.push(value, &[x, weight], move |gradient, needed| {
        with_dtype!(gradient, T => backward::<T>(&kept_x, &kept_weight, eps, gradient, needed))
    }))
}

/// 1/√(mean x² + eps).
#[inline(always)]
fn scale<T: Real>(x: &[T], eps: T) -> T {
    T::ONE / (dot(x, x) * T::of(1.0 / x.len() as f64) + eps).root()
}

fn forward<T: Real>(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let shape = shape_of(x)?;
    let (x, weight) = (host::<T>(x)?, host::<T>(weight)?);
    let (x, weight, eps) = (&x[..], &weight[..], T::of(eps));
    let d = weight.len();
    assert_eq!(shape.1 % d, 0, "rows of {} in groups of {d}", shape.1);
    let mut out = zeros(x.len());
    each_row_block(
        &mut out,
        d,
        #[inline(always)]
        |first, rows| {
            for (row, out) in rows.chunks_exact_mut(d).enumerate() {
                let x = &x[(first + row) * d..][..d];
                let scale = scale(x, eps);
                for i in 0..d {
                    out[i] = x[i] * scale * weight[i];
                }
            }
        },
    );
    tensor(out, shape)
}

/// With r the scale and g' = g∘w: dx = r·g' − x·r³·(g'·x)/d; dw = Σ g∘x·r.
fn backward<T: Real>(
    x: &Tensor,
    weight: &Tensor,
    eps: f64,
    gradient: &Tensor,
    needed: &[bool],
) -> Result<Vec<Option<Tensor>>> {
    let shape = shape_of(x)?;
    let (x, weight, gradient) = (host::<T>(x)?, host::<T>(weight)?, host::<T>(gradient)?);
    let (x, weight, gradient, eps) = (&x[..], &weight[..], &gradient[..], T::of(eps));
    let d = weight.len();
    let to_x = needed[0].then(|| -> Result<Tensor> {
        let mut out = zeros(x.len());
        each_row_block(
            &mut out,
            d,
            #[inline(always)]
            |first, rows| {
                for (row, out) in rows.chunks_exact_mut(d).enumerate() {
                    let at = (first + row) * d;
                    let (x, gradient) = (&x[at..at + d], &gradient[at..at + d]);
                    for i in 0..d {
                        out[i] = gradient[i] * weight[i];
                    }
                    let scale = scale(x, eps);
                    let along = dot(out, x) * scale * scale * scale * T::of(1.0 / d as f64);
                    for i in 0..d {
                        out[i] = out[i] * scale - x[i] * along;
                    }
                }
            },
        );
        tensor(out, shape)
    });
    let to_weight = needed[1].then(|| -> Result<Tensor> {
        let sums: Vec<T> = sum_row_blocks(
            x.len() / d,
            d,
            #[inline(always)]
            |block, total| {
                for at in block.map(|row| row * d) {
                    let (x, gradient) = (&x[at..at + d], &gradient[at..at + d]);
                    let scale = scale(x, eps);
                    for i in 0..d {
                        total[i] += gradient[i] * x[i] * scale;
                    }
                }
            },
        );
        tensor(sums, d)
    });
    Ok(vec![to_x.transpose()?, to_weight.transpose()?])
}
