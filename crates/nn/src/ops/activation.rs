//! Activations, element by element.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::parallel::{simd, zeros};
use crate::tensor::{host, tensor};
use crate::{Real, Result, Tape, Var, with_dtype};

const CHUNK: usize = 1 << 13;

/// Which curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x·Φ(x), exact; PyTorch's default, `gelu` in Hugging Face's names.
    Gelu,
    /// Its approximation by tanh, `gelu_pytorch_tanh`.
    GeluTanh,
    /// x·σ(1.702 x), `quick_gelu` of OpenAI's CLIP.
    QuickGelu,
}

impl Activation {
    /// The curve that Hugging Face's configurations call `name`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "gelu_pytorch_tanh" | "gelu_new" => Some(Self::GeluTanh),
            "quick_gelu" => Some(Self::QuickGelu),
            _ => None,
        }
    }
}

/// x·Φ(x), exact: Hendrycks and Gimpel, arXiv 1606.08415.
pub fn gelu(tape: &mut Tape, x: &Var) -> Result<Var> {
    activation(tape, x, Activation::Gelu)
}

/// The activation of every element.
pub fn activation(tape: &mut Tape, x: &Var, kind: Activation) -> Result<Var> {
    let value = with_dtype!(x.value(), T => forward::<T>(x.value(), kind))?;
    let kept = x.value().clone();
    Ok(tape.push(value, &[x], move |gradient, _| {
        Ok(vec![Some(
            with_dtype!(gradient, T => backward::<T>(&kept, gradient, kind))?,
        )])
    }))
}

fn forward<T: Real>(x: &Tensor, kind: Activation) -> Result<Tensor> {
    let x_values = host::<T>(x)?;
    let mut out = zeros(x_values.len());
    out.par_chunks_mut(CHUNK)
        .zip(x_values.par_chunks(CHUNK))
        .for_each(|(out, x)| {
            simd(
                #[inline(always)]
                || match kind {
                    Activation::Gelu => map(out, x, |x| x * x.normal().0),
                    Activation::GeluTanh => map(out, x, |x| x * gate(tanh_argument(x)).0),
                    Activation::QuickGelu => map(out, x, |x| x * gate(x * T::of(1.702)).0),
                },
            );
        });
    tensor(out, x.shape())
}

fn backward<T: Real>(x: &Tensor, gradient: &Tensor, kind: Activation) -> Result<Tensor> {
    let (x_values, gradient) = (host::<T>(x)?, host::<T>(gradient)?);
    let mut out = zeros(x_values.len());
    let chunks = out
        .par_chunks_mut(CHUNK)
        .zip(x_values.par_chunks(CHUNK))
        .zip(gradient.par_chunks(CHUNK));
    chunks.for_each(|((out, x), gradient)| {
        simd(
            #[inline(always)]
            || {
                match kind {
                    Activation::Gelu => map(out, x, |x| {
                        let (cumulated, density) = x.normal();
                        cumulated + x * density
                    }),
                    Activation::GeluTanh => map(out, x, |x| {
                        let (gate, slope) = gate(tanh_argument(x));
                        let inner = T::of(2.0 * TANH_SCALE) * (T::ONE + T::of(3.0 * TANH_CUBE) * x * x);
                        gate + x * slope * inner
                    }),
                    Activation::QuickGelu => map(out, x, |x| {
                        let (gate, slope) = gate(x * T::of(1.702));
                        gate + x * slope * T::of(1.702)
                    }),
                }
                for (out, &gradient) in out.iter_mut().zip(gradient) {
                    *out *= gradient;
                }
            },
        );
    });
    tensor(out, x.shape())
}

#[inline(always)]
fn map<T: Real>(out: &mut [T], x: &[T], curve: impl Fn(T) -> T) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = curve(x);
    }
}

/// √(2/π), and the weight of x³ beside it.
const TANH_SCALE: f64 = 0.797_884_560_802_865_4;
const TANH_CUBE: f64 = 0.044_715;

/// ½(1 + tanh u) = σ(2u).
#[inline(always)]
fn tanh_argument<T: Real>(x: T) -> T {
    T::of(2.0 * TANH_SCALE) * (x + T::of(TANH_CUBE) * x * x * x)
}

/// (σ(u), σ'(u)).
#[inline(always)]
fn gate<T: Real>(u: T) -> (T, T) {
    let gate = T::ONE / (T::ONE + (-u).exponential());
    (gate, gate * (T::ONE - gate))
}
