//! Steps of a training, and losses without one.

use modality_gap_nn::{NnError, sum};
use serde::Serialize;
use ts_rs::TS;

use super::model::{Session, chosen, not_learning, put_back};
use crate::batch::{Sequence, batch, beginning_batch, shared_beginning};
use crate::generate::{Next, SamplingOptions, generate};
use crate::lm::{KvCache, StepOptions};
use crate::{Result, RevisionError};

/// What an update showed.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// Updates made, this one included.
    pub step: u64,
    /// Mean −log p of the tokens that count, in nats.
    pub loss: f64,
    /// Tokens that count.
    pub labels: usize,
    /// Share of them that were the most likely.
    pub accuracy: f64,
    /// Positions computed.
    pub positions: usize,
    /// Norm of all gradients before it was bounded.
    pub grad_norm: f64,
    /// Learning rate of this update.
    pub learning_rate: f64,
}

/// Losses of samples without an update.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(rename = "LossReport")]
#[serde(rename_all = "camelCase")]
pub struct EvaluateReport {
    /// Σ −log p of each sample, in nats.
    pub losses: Vec<f64>,
    /// Tokens that count, by sample.
    pub labels: Vec<usize>,
    /// How many of all those tokens were the most likely.
    pub right: usize,
}

/// Samples, with the rows of all their images in their order.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// The samples.
    pub sequences: &'a [Sequence],
    /// Image rows, row-major.
    pub embeddings: &'a [f32],
}

impl<'a> Samples<'a> {
    /// In parts of at most `size` samples.
    fn parts(self, size: usize, dim: usize) -> impl Iterator<Item = Samples<'a>> {
        let mut row = 0;
        let size = if size == 0 {
            self.sequences.len().max(1)
        } else {
            size
        };
        self.sequences.chunks(size).map(move |sequences| {
            let images: usize = sequences.iter().map(|sequence| sequence.images).sum();
            let embeddings = &self.embeddings[row * dim..(row + images) * dim];
            row += images;
            Samples {
                sequences,
                embeddings,
            }
        })
    }
}

impl Session {
    /// One update from `samples`, held `micro_batch` at a time (0: all). The loss is the mean over all tokens that count,
    /// however they are spread over the parts.
    ///
    /// # Errors
    /// `NUMERIC` with the step and the samples when a loss or a gradient is not finite; `BAD_SAMPLE` without labels;
    /// `CANCELLED`.
    pub fn step(
        &mut self,
        samples: Samples<'_>,
        micro_batch: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<StepReport> {
        let labels: usize = samples.sequences.iter().map(Sequence::labels).sum();
        if labels == 0 {
            return Err(RevisionError::BadOption(
                "a step without a token to learn".to_owned(),
            ));
        }
        let skip = self.remember(samples.sequences)?;
        let training = self.learning()?;
        let made = training.optimiser.updates();
        let (mut gradients, mut loss, mut right, mut positions) = (vec![None; self.params.len()], 0.0, 0, 0);
        let parts = samples.parts(micro_batch, self.projector.config().dim);
        for part in parts {
            if cancelled() {
                return Err(RevisionError::Cancelled);
            }
            let batch = batch(part.sequences, part.embeddings, &self.projector, skip)?;
            let options = StepOptions {
                weight: 1.0 / labels as f64,
                keep_bytes: training.options.activation_bytes,
                dropout: training.options.lora.dropout,
                seed: self.options.seed,
                update: made,
                rows_before: positions as u64,
            };
            let before = self
                .beginning
                .as_ref()
                .filter(|_| skip > 0)
                .map(|(_, before)| before);
            let found = self
                .lm
                .learn(&self.params, &self.projector, &batch, before, &options)?;
            let of_part: f64 = found.losses.iter().sum();
            if !of_part.is_finite() {
                return Err(not_finite(made + 1, "the loss", part.sequences));
            }
            loss += of_part;
            right += found.right;
            positions += batch.rows.len();
            for (total, gradient) in gradients.iter_mut().zip(found.gradients) {
                *total = match (total.take(), gradient) {
                    (Some(total), Some(gradient)) => Some(sum(&total, &gradient)?),
                    (total, gradient) => total.or(gradient),
                };
            }
        }
        let (grad_norm, learning_rate) = self.update(gradients, samples.sequences)?;
        Ok(StepReport {
            step: made + 1,
            loss: loss / labels as f64,
            labels,
            accuracy: right as f64 / labels as f64,
            positions,
            grad_norm,
            learning_rate,
        })
    }

    /// Moves what learns; the norm of the gradients and the learning rate.
    fn update(
        &mut self,
        gradients: Vec<Option<candle_core::Tensor>>,
        sequences: &[Sequence],
    ) -> Result<(f64, f64)> {
        let training = self.training.as_mut().ok_or_else(not_learning)?;
        let mut chosen = chosen(&self.params, &training.learning);
        let learning = gradients.into_iter().zip(&training.learning);
        let gradients = learning
            .filter(|(_, learns)| **learns)
            .map(|(gradient, _)| gradient);
        // a projector among texts alone has a gradient of zero, as in LLaVA's trainer: momentum and decay continue
        let gradients = gradients
            .zip(chosen.values())
            .map(|(gradient, value)| match gradient {
                Some(gradient) => Ok(gradient),
                None if sequences.iter().all(|sequence| sequence.images == 0) => Ok(value.zeros_like()?),
                None => Err(RevisionError::Nn(NnError::NoGradient("a parameter".to_owned()))),
            });
        let gradients = gradients.collect::<Result<Vec<_>>>()?;
        let made = training.optimiser.updates();
        let rate = training.schedule.rate(made);
        let norm = training.optimiser.update(&mut chosen, &gradients, rate)?;
        if !norm.is_finite() {
            return Err(not_finite(made + 1, "the gradient", sequences));
        }
        put_back(&mut self.params, &training.learning, &chosen);
        Ok((norm, rate))
    }

    /// Losses of samples, `micro_batch` at a time (0: all).
    pub fn evaluate(
        &mut self,
        samples: Samples<'_>,
        micro_batch: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<EvaluateReport> {
        let mut report = EvaluateReport {
            losses: Vec::with_capacity(samples.sequences.len()),
            labels: samples.sequences.iter().map(Sequence::labels).collect(),
            right: 0,
        };
        for part in samples.parts(micro_batch, self.projector.config().dim) {
            if cancelled() {
                return Err(RevisionError::Cancelled);
            }
            let skip = self.remember(part.sequences)?;
            let batch = batch(part.sequences, part.embeddings, &self.projector, skip)?;
            let before = self
                .beginning
                .as_ref()
                .filter(|_| skip > 0)
                .map(|(_, before)| before);
            let found = self.lm.losses(&self.params, &self.projector, &batch, before)?;
            if found.losses.iter().any(|loss| !loss.is_finite()) {
                return Err(RevisionError::BadLoss(named(part.sequences)));
            }
            report.right += found.right;
            let mut losses = found.losses.into_iter();
            for sequence in part.sequences {
                report.losses.push(losses.by_ref().take(sequence.labels()).sum());
            }
        }
        Ok(report)
    }

    /// Answers to prompts, all of them at a time, each no longer than the model has positions. `on_token` as in
    /// [`generate`].
    pub fn answer(
        &mut self,
        samples: Samples<'_>,
        options: &SamplingOptions,
        on_token: &mut dyn FnMut(usize, u32) -> Next,
    ) -> Result<Vec<Vec<u32>>> {
        let room = self.lm.config().positions;
        let mut left = Vec::with_capacity(samples.sequences.len());
        for sequence in samples.sequences {
            let taken = sequence.positions.len();
            if taken >= room {
                return Err(RevisionError::BadOption(format!(
                    "the prompt {} takes {taken} positions and leaves none of {room} for an answer; raise maxLength or ask for less",
                    sequence.id
                )));
            }
            left.push(room - taken);
        }
        let mut within = |answer: usize, token: u32| {
            left[answer] -= 1;
            match on_token(answer, token) {
                Next::GoOn if left[answer] == 0 => Next::Enough,
                next => next,
            }
        };
        let skip = self.remember(samples.sequences)?;
        let batch = batch(samples.sequences, samples.embeddings, &self.projector, skip)?;
        let before = self
            .beginning
            .as_ref()
            .filter(|_| skip > 0)
            .map(|(_, before)| before);
        generate(
            (&self.lm, &self.params, &self.projector),
            &batch,
            before,
            options,
            &mut within,
        )
    }

    /// What the projector makes of embeddings, rows of its columns: all soft tokens of an embedding side by side.
    ///
    /// # Errors
    /// `BAD_OPTION` for values that are not whole rows; `NUMERIC` when what comes out is not finite.
    pub fn project(&self, embeddings: &[f32]) -> Result<Vec<f32>> {
        let dim = self.projector.config().dim;
        if !embeddings.len().is_multiple_of(dim) {
            let text = format!("{} values are not whole rows of {dim}", embeddings.len());
            return Err(RevisionError::BadOption(text));
        }
        let rows = self.projector.project(&self.params, embeddings)?;
        // weights may be finite, and their sums not
        if rows.iter().any(|value| !value.is_finite()) {
            return Err(RevisionError::BadProjection);
        }
        Ok(rows)
    }

    /// Reads the beginning that `sequences` share, unless it was read last time; its length.
    fn remember(&mut self, sequences: &[Sequence]) -> Result<usize> {
        if !self.model_is_fixed() {
            return Ok(0);
        }
        let shared = shared_beginning(sequences);
        let known = self
            .beginning
            .as_ref()
            .is_some_and(|(tokens, _)| *tokens == shared);
        if !shared.is_empty() && !known {
            let batch = beginning_batch(&shared, self.projector.config().dim)?;
            let mut before = KvCache::empty(&self.lm, 1);
            self.lm.read(&self.params, &self.projector, &batch, &mut before)?;
            self.beginning = Some((shared.clone(), before));
        }
        Ok(shared.len())
    }
}

fn not_finite(step: u64, what: &str, sequences: &[Sequence]) -> RevisionError {
    NnError::NotFinite {
        step,
        what: format!("{what} of samples {}", named(sequences)),
    }
    .into()
}

/// Ids of samples, the first sixteen.
fn named(sequences: &[Sequence]) -> String {
    let names: Vec<&str> = sequences
        .iter()
        .take(16)
        .map(|sequence| sequence.id.as_str())
        .collect();
    let more = if sequences.len() > names.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", names.join(", "))
}
