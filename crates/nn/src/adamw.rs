//! AdamW: Loshchilov and Hutter, arXiv 1711.05101, with PyTorch's placement of eps and of the decay.

use candle_core::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::parallel::simd;
use crate::tensor::{host, tensor};
use crate::{Params, Real, Result, with_dtype};

/// Values one task updates; fixed, so that the gradient's norm does not depend on the threads.
const CHUNK: usize = 1 << 14;

/// The optimiser's constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct AdamWOptions {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
    /// Largest norm of all gradients together; longer ones are scaled down to it. 0: no bound.
    pub max_grad_norm: f64,
}

impl Default for AdamWOptions {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.98,
            eps: 1e-6,
            max_grad_norm: 1.0,
        }
    }
}

/// What differs between parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Share of the value taken away per update, times the learning rate.
    pub weight_decay: f64,
    /// Factor of the learning rate.
    pub rate: f64,
}

/// The optimiser with its state: moments of every parameter and the number of updates.
#[derive(Debug, Clone)]
pub struct AdamW {
    options: AdamWOptions,
    groups: Vec<Group>,
    pub(crate) mean: Vec<Tensor>,
    pub(crate) square: Vec<Tensor>,
    pub(crate) updates: u64,
}

impl AdamW {
    /// Without history; one group per parameter.
    pub fn new(params: &Params, groups: Vec<Group>, options: AdamWOptions) -> Result<Self> {
        assert_eq!(params.len(), groups.len(), "one group per parameter");
        let zeros = || {
            params
                .values()
                .iter()
                .map(|value| Ok(value.zeros_like()?))
                .collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            options,
            groups,
            mean: zeros()?,
            square: zeros()?,
            updates: 0,
        })
    }

    /// Updates made so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Updates `params` at learning rate `rate`; returns the norm of the gradients before they were bounded. Where that is
    /// not finite nothing is changed.
    pub fn update(&mut self, params: &mut Params, gradients: &[Tensor], rate: f64) -> Result<f64> {
        let norm = global_norm(gradients)?;
        if !norm.is_finite() {
            return Ok(norm);
        }
        let AdamWOptions {
            beta1,
            beta2,
            eps,
            max_grad_norm,
        } = self.options;
        // as PyTorch's clip_grad_norm_
        let clip = if max_grad_norm > 0.0 {
            (max_grad_norm / (norm + 1e-6)).min(1.0)
        } else {
            1.0
        };
        self.updates += 1;
        let age = self.updates as f64;
        let values = params.values().iter().enumerate().map(|(i, value)| {
            let Group {
                weight_decay,
                rate: factor,
            } = self.groups[i];
            let step = Step {
                clip,
                beta1,
                beta2,
                eps,
                keep: 1.0 - rate * factor * weight_decay,
                size: rate * factor / (1.0 - beta1.powf(age)),
                root: (1.0 - beta2.powf(age)).sqrt(),
            };
            let state = (&mut self.mean[i], &mut self.square[i]);
            with_dtype!(value, T => step.apply::<T>(value, &gradients[i], state))
        });
        let values = values.collect::<Result<Vec<_>>>()?;
        params.replace(values);
        Ok(norm)
    }
}

struct Step {
    clip: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    keep: f64,
    size: f64,
    root: f64,
}

impl Step {
    fn apply<T: Real>(
        &self,
        value: &Tensor,
        gradient: &Tensor,
        (mean, square): (&mut Tensor, &mut Tensor),
    ) -> Result<Tensor> {
        let [beta1, beta2, clip, keep] = [self.beta1, self.beta2, self.clip, self.keep].map(T::of);
        let [rest1, rest2] = [1.0 - self.beta1, 1.0 - self.beta2].map(T::of);
        let [size, eps, over] = [self.size, self.eps, 1.0 / self.root].map(T::of);
        let mut values = host::<T>(value)?.to_vec();
        let mut means = host::<T>(mean)?.to_vec();
        let mut squares = host::<T>(square)?.to_vec();
        let gradients = host::<T>(gradient)?;
        values
            .par_chunks_mut(CHUNK)
            .zip(means.par_chunks_mut(CHUNK))
            .zip(squares.par_chunks_mut(CHUNK))
            .zip(gradients.par_chunks(CHUNK))
            .for_each(|(((values, means), squares), gradients)| {
                simd(
                    #[inline(always)]
                    || {
                        for (((v, m), s), &g) in values.iter_mut().zip(means).zip(squares).zip(gradients) {
                            let g = g * clip;
                            *m = *m * beta1 + g * rest1;
                            *s = *s * beta2 + g * g * rest2;
                            *v = *v * keep - size * *m / (s.root() * over + eps);
                        }
                    },
                );
            });
        *mean = tensor(means, value.shape())?;
        *square = tensor(squares, value.shape())?;
        tensor(values, value.shape())
    }
}

/// ‖g‖₂ over all tensors, summed in f64 on a fixed grid.
fn global_norm(gradients: &[Tensor]) -> Result<f64> {
    let squares = gradients
        .iter()
        .map(|gradient| with_dtype!(gradient, T => squares_of::<T>(gradient)));
    Ok(squares.sum::<Result<f64>>()?.sqrt())
}

fn squares_of<T: Real>(gradient: &Tensor) -> Result<f64> {
    let values = host::<T>(gradient)?;
    let partial: Vec<f64> = values
        .par_chunks(CHUNK)
        .map(|chunk| chunk.iter().map(|v| v.wide() * v.wide()).sum())
        .collect();
    Ok(partial.iter().sum())
}
