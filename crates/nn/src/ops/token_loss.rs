//! The loss of predicted tokens, with a vocabulary too large for its logits to be kept.

use candle_core::Tensor;
use rayon::prelude::*;

use super::frozen::Frozen;
use super::softmax::softmax_row;
use crate::parallel::simd;
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{MatMut, MatRef, NnError, Real, Result, Tape, Var, gemm, with_dtype};

/// Rows whose logits are held at a time.
const ROWS: usize = 64;

/// The matrix that turns a hidden row into logits, vocabulary × d.
pub enum Head<'a> {
    /// It stays as it is.
    Frozen(&'a Frozen),
    /// It learns, or is a constant of the tape.
    Dense(&'a Var),
}

/// What [`token_loss`] finds.
pub struct TokenLoss {
    /// Σ −log p times the weight: a scalar.
    pub loss: Var,
    /// −log p of every target, in nats.
    pub of_rows: Vec<f64>,
    /// How many targets are the most likely token.
    pub right: usize,
}

/// Σ −log softmax(x·Wᵀ)[target] · `weight` over the rows of `x`, n × d, each with a target. `weight` is 1/labels of the
/// whole optimiser step, so that parts of a batch add up to the loss of all of it.
///
/// Logits exist for 64 rows at a time; where a gradient is wanted it is computed with them.
pub fn token_loss(
    tape: &mut Tape,
    x: &Var,
    head: &Head<'_>,
    targets: &[u32],
    weight: f64,
) -> Result<TokenLoss> {
    with_dtype!(x.value(), T => run::<T>(tape, x, head, targets, weight))
}

fn run<T: Real>(
    tape: &mut Tape,
    x: &Var,
    head: &Head<'_>,
    targets: &[u32],
    weight: f64,
) -> Result<TokenLoss> {
    let (n, d) = shape_of(x.value())?;
    assert_eq!(n, targets.len(), "one target per row");
    let learns = match head {
        Head::Frozen(_) => false,
        Head::Dense(matrix) => matrix.tracked(),
    };
    let frozen = match head {
        Head::Frozen(frozen) => (*frozen).clone(),
        Head::Dense(matrix) => Frozen::Dense(matrix.value().clone()),
    };
    let (vocabulary, _) = frozen.shape()?;
    if let Some(target) = targets.iter().find(|&&target| target as usize >= vocabulary) {
        return Err(NnError::BadShape(format!(
            "token {target} is asked of a vocabulary of {vocabulary}"
        )));
    }
    let mut to_x = x.tracked().then(|| Vec::with_capacity(n * d));
    let mut to_head = learns.then(|| vec![T::ZERO; vocabulary * d]);
    let (mut of_rows, mut right) = (Vec::with_capacity(n), 0);
    let rows = host::<T>(x.value())?;
    for (rows, targets) in rows.chunks(ROWS * d).zip(targets.chunks(ROWS)) {
        let mut logits = frozen.apply::<T>(rows)?;
        right += slopes(&mut logits, targets, weight, &mut of_rows);
        if let Some(to_x) = &mut to_x {
            to_x.extend_from_slice(&frozen.apply_back::<T>(&logits)?);
        }
        if let Some(to_head) = &mut to_head {
            gemm(
                MatMut::new(to_head, vocabulary, d),
                true,
                MatRef::new(&logits, targets.len(), vocabulary).t(),
                MatRef::new(rows, targets.len(), d),
                T::ONE,
            );
        }
    }
    drop(rows);
    let total = tensor(vec![T::of(weight * of_rows.iter().sum::<f64>())], ())?;
    let to_x = to_x.map(|values| tensor(values, (n, d))).transpose()?;
    let to_head = to_head
        .map(|values| tensor(values, (vocabulary, d)))
        .transpose()?;
    let backward = move |gradient: &Tensor, _: &[bool]| {
        let factor = host::<T>(gradient)?[0];
        let scaled = |slopes: Option<Tensor>| slopes.map(|slopes| times::<T>(&slopes, factor)).transpose();
        Ok(vec![scaled(to_x)?, scaled(to_head)?])
    };
    let nothing = Var::constant(total.clone());
    let matrix = match head {
        Head::Frozen(_) => &nothing,
        Head::Dense(matrix) => matrix,
    };
    Ok(TokenLoss {
        loss: tape.push(total, &[x, matrix], backward),
        of_rows,
        right,
    })
}

/// Turns logits into gradients of the loss there; adds −log p of the targets to `of_rows`, and answers with how many are
/// the most likely.
fn slopes<T: Real>(logits: &mut [T], targets: &[u32], weight: f64, of_rows: &mut Vec<f64>) -> usize {
    let vocabulary = logits.len() / targets.len().max(1);
    let mut found = vec![(0.0, false); targets.len()];
    logits
        .par_chunks_mut(vocabulary)
        .zip(targets)
        .zip(&mut found)
        .for_each(|((row, &target), found)| {
            let target = target as usize;
            simd(
                #[inline(always)]
                || {
                    let logit = row[target];
                    let best = row.iter().all(|&other| other <= logit);
                    *found = (softmax_row(row).wide() - logit.wide(), best);
                    row[target] -= T::ONE;
                    let weight = T::of(weight);
                    for v in row.iter_mut() {
                        *v *= weight;
                    }
                },
            );
        });
    of_rows.extend(found.iter().map(|(loss, _)| loss));
    found.iter().filter(|(_, best)| *best).count()
}

fn times<T: Real>(values: &Tensor, factor: T) -> Result<Tensor> {
    if factor == T::ONE {
        return Ok(values.clone());
    }
    let scaled = host::<T>(values)?.iter().map(|&v| v * factor).collect();
    tensor(scaled, values.shape())
}
