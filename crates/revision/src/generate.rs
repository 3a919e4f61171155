//! Text from a model, token by token.

use candle_core::Tensor;
use modality_gap_nn::{Params, Real, Rng, host};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::lm::{Batch, KvCache, Lm};
use crate::projector::Projector;
use crate::{Result, RevisionError};

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct SamplingOptions {
    /// Most tokens of an answer.
    pub max_new_tokens: usize,
    /// Logits are divided by it; 0 takes the most likely token.
    pub temperature: f64,
    /// The most likely tokens that together have this probability are drawn from: Holtzman et al., arXiv 1904.09751.
    pub top_p: f64,
    /// Seed of the draws; those of an answer depend on it and on the answer's number alone.
    pub seed: u64,
    /// Number of the first answer, where many are made in parts.
    pub first: u64,
}

impl Default for SamplingOptions {
    fn default() -> Self {
        Self {
            max_new_tokens: 128,
            temperature: 0.0,
            top_p: 1.0,
            seed: 0,
            first: 0,
        }
    }
}

impl SamplingOptions {
    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<()> {
        let bad = |text: String| Err(RevisionError::BadOption(text));
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            return bad(format!("a temperature is 0 or more, not {}", self.temperature));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return bad(format!("topP is above 0 and at most 1, not {}", self.top_p));
        }
        Ok(())
    }
}

/// What a listener says to a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on with this answer.
    GoOn,
    /// This answer is complete.
    Enough,
    /// All answers are to stop, as the caller wants no more.
    Cancel,
}

/// Answers to the prompts of `batch`, each after the same beginning if there is one. Every new token goes to `on_token`
/// with the number of its answer; it says when an answer is complete.
///
/// # Errors
/// `CANCELLED` when `on_token` says so; `NUMERIC` when a logit is not finite.
pub fn generate<T: Real>(
    (lm, params, projector): (&Lm<T>, &Params, &Projector),
    batch: &Batch,
    before: Option<&KvCache<T>>,
    options: &SamplingOptions,
    on_token: &mut dyn FnMut(usize, u32) -> Next,
) -> Result<Vec<Vec<u32>>> {
    options.check()?;
    let count = batch.starts.len() - 1;
    let mut past = match before {
        Some(before) => before.shared_by(count),
        None => KvCache::empty(lm, count),
    };
    let mut answers = vec![Vec::new(); count];
    let mut chances: Vec<Rng> = (options.first..)
        .take(count)
        .map(|answer| Rng::new(options.seed, answer))
        .collect();
    let mut open: Vec<usize> = (0..count).collect();
    let mut step = Batch {
        asked: batch.starts[1..].iter().map(|&end| end as u32 - 1).collect(),
        targets: Vec::new(),
        ..batch.clone()
    };
    for _ in 0..options.max_new_tokens {
        if open.is_empty() {
            break;
        }
        let logits = lm.read(params, projector, &step, &mut past)?;
        let width = logits.dims()[1];
        let logits = host::<T>(&logits)?;
        let mut going = Vec::with_capacity(open.len());
        for (place, (&answer, row)) in open.iter().zip(logits.chunks_exact(width)).enumerate() {
            let token = choose(row, options, &mut chances[answer])?;
            answers[answer].push(token);
            match on_token(answer, token) {
                Next::GoOn => going.push(place),
                Next::Enough => {}
                Next::Cancel => return Err(RevisionError::Cancelled),
            }
        }
        if going.len() < open.len() {
            past.select(&going);
        }
        open = going.iter().map(|&place| open[place]).collect();
        step = Batch {
            rows: open
                .iter()
                .map(|&answer| (false, *answers[answer].last().expect("a token")))
                .collect(),
            starts: (0..=open.len()).collect(),
            embeddings: Tensor::zeros((0, 1), batch.embeddings.dtype(), batch.embeddings.device())?,
            asked: (0..open.len() as u32).collect(),
            targets: Vec::new(),
        };
    }
    Ok(answers)
}

fn choose<T: Real>(logits: &[T], options: &SamplingOptions, chance: &mut Rng) -> Result<u32> {
    let mut best = 0;
    for (i, logit) in logits.iter().enumerate() {
        if !logit.wide().is_finite() {
            return Err(RevisionError::BadLogit);
        }
        // ties go to the lower token
        if *logit > logits[best] {
            best = i;
        }
    }
    if options.temperature == 0.0 {
        return Ok(best as u32);
    }
    let top = logits[best].wide();
    let weight = |logit: &T| ((logit.wide() - top) / options.temperature).exp();
    let mut likely: Vec<(f64, u32)> = logits.iter().map(weight).zip(0..).collect();
    likely.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let total: f64 = likely.iter().map(|(weight, _)| weight).sum();
    let mut sum = 0.0;
    let nucleus = likely.iter().position(|(weight, _)| {
        sum += weight;
        sum >= options.top_p * total
    });
    let nucleus = &likely[..=nucleus.unwrap_or(likely.len() - 1)];
    let mut rest = chance.uniform() * nucleus.iter().map(|(weight, _)| weight).sum::<f64>();
    let drawn = nucleus.iter().find(|(weight, _)| {
        rest -= weight;
        rest < 0.0
    });
    Ok(drawn.or(nucleus.last()).expect("the most likely token").1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f64; 4] = [0.0, 2.0, 1.0, 2.0];

    fn with(temperature: f64, top_p: f64) -> SamplingOptions {
        SamplingOptions {
            temperature,
            top_p,
            ..SamplingOptions::default()
        }
    }

    #[test]
    fn without_temperature_the_most_likely_is_taken_and_of_equals_the_first() {
        assert_eq!(choose(&LOGITS, &with(0.0, 1.0), &mut Rng::new(1, 0)).unwrap(), 1);
    }

    /// Shares of 20,000 draws lie within five standard deviations, √(p(1−p)/n), of the softmax.
    #[test]
    fn draws_follow_the_softmax_and_the_nucleus() {
        let shares = |options: &SamplingOptions| {
            let mut chance = Rng::new(3, 0);
            let mut counts = [0.0; 4];
            for _ in 0..20_000 {
                counts[choose(&LOGITS, options, &mut chance).unwrap() as usize] += 1.0 / 20_000.0;
            }
            counts
        };
        let softmax = |temperature: f64| {
            let weights = LOGITS.map(|logit| (logit / temperature).exp());
            let total: f64 = weights.iter().sum();
            weights.map(|weight| weight / total)
        };
        for (found, expected) in shares(&with(0.7, 1.0)).iter().zip(softmax(0.7)) {
            assert!((found - expected).abs() < 5.0 * (expected * (1.0 - expected) / 20_000.0).sqrt());
        }
        // two tokens have 0.79 of the probability at temperature 1
        let nucleus = shares(&with(1.0, 0.7));
        assert_eq!([nucleus[0], nucleus[2]], [0.0, 0.0]);
        assert!((nucleus[1] - 0.5).abs() < 5.0 * (0.25_f64 / 20_000.0).sqrt());
    }

    #[test]
    fn a_logit_that_is_not_finite_is_an_error() {
        assert!(choose(&[0.0, f64::NAN], &with(0.0, 1.0), &mut Rng::new(1, 0)).is_err());
    }
}
