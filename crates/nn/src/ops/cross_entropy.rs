//! Cross entropy of rows of logits against classes.

use std::sync::Arc;

use candle_core::Tensor;

use super::softmax::softmax_row;
use crate::parallel::each_row_block2;
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{Real, Result, Tape, Var, with_dtype};

/// Σ −log softmax(row)[target] over the rows that have a target, times `weight`: a scalar. `weight` is 1/labels of the
/// whole optimiser step, so that parts of a batch add up to the loss of all of it, however labels are spread.
pub fn cross_entropy(
    tape: &mut Tape,
    logits: &Var,
    targets: &Arc<[Option<u32>]>,
    weight: f64,
) -> Result<Var> {
    with_dtype!(logits.value(), T => run::<T>(tape, logits, targets, weight))
}

fn run<T: Real>(tape: &mut Tape, logits: &Var, targets: &Arc<[Option<u32>]>, weight: f64) -> Result<Var> {
    let (n, classes) = shape_of(logits.value())?;
    assert_eq!(n, targets.len(), "one target per row");
    let mut p = host::<T>(logits.value())?.to_vec();
    let of_target: Vec<f64> = p
        .chunks_exact(classes)
        .zip(targets.iter())
        .map(|(row, target)| target.map_or(0.0, |target| row[target as usize].wide()))
        .collect();
    let mut sums = vec![T::ZERO; n];
    each_row_block2(
        (&mut p, classes),
        (&mut sums, 1),
        #[inline(always)]
        |_, rows, sums| {
            for (row, sum) in rows.chunks_exact_mut(classes).zip(sums) {
                *sum = softmax_row(row);
            }
        },
    );
    let labelled = targets
        .iter()
        .zip(sums.iter().zip(&of_target))
        .filter(|(target, _)| target.is_some());
    let loss = weight * labelled.map(|(_, (sum, logit))| sum.wide() - logit).sum::<f64>();
    let p = tensor(p, (n, classes))?;
    let targets = Arc::clone(targets);
    Ok(
        tape.push(tensor(vec![T::of(loss)], ())?, &[logits], move |gradient, _| {
            let factor = weight * host::<T>(gradient)?[0].wide();
            Ok(vec![Some(backward::<T>(&p, &targets, factor)?)])
        }),
    )
}

fn backward<T: Real>(p: &Tensor, targets: &[Option<u32>], factor: f64) -> Result<Tensor> {
    let (n, classes) = shape_of(p)?;
    let mut out = host::<T>(p)?.to_vec();
    for (row, target) in out.chunks_exact_mut(classes).zip(targets) {
        match target {
            Some(target) => {
                row[*target as usize] -= T::ONE;
                for v in row.iter_mut() {
                    *v *= T::of(factor);
                }
            }
            None => row.fill(T::ZERO),
        }
    }
    tensor(out, (n, classes))
}
