//! What the pairs of a measurement say of their differences.

use modality_gap_geometry::{Covariance, Frame, distance, sum_of_directions};
use modality_gap_kernels::dot;
use rayon::prelude::*;

use super::sides::Sides;
use crate::groups::Pairing;
use crate::paired::PairBlock;
use crate::{Control, Sample, TaskError};

/// Pairs whose directions one thread sums; fixed, so that threads do not change the sum.
const DIRECTION_ROWS: usize = 64;

/// What is known of paired differences r = x − z.
pub(super) struct Pairs {
    /// Their covariance, perhaps of a sample.
    pub differences: Covariance,
    /// Their mean over all pairs.
    pub mean: Vec<f64>,
    /// Mean length.
    pub mean_distance: f64,
    /// Mean cosine of the pairs, for unit rows.
    pub mean_cosine: f64,
    /// How many there are.
    pub count: u64,
    /// Trace of the covariance of the differences of all pairs, divisor n.
    pub trace: f64,
}

/// One pass over all pairs; their covariance is of those whose key `sample` takes, and empty without a sample.
pub(super) fn pair_differences(
    sides: &Sides<'_>,
    sample: Option<Sample>,
    control: &Control,
) -> Result<Pairs, TaskError> {
    let dim = sides.source(0).dim;
    let [mu_x, mu_z] = [sides.moments(0).mean(), sides.moments(1).mean()];
    let center: Vec<f64> = mu_x.iter().zip(mu_z).map(|(a, b)| a - b).collect();
    let mut differences = Covariance::about(&center);
    let mut sum = vec![0.0; dim];
    let (mut distances, mut cosines, mut squares, mut pairs) = (0.0, 0.0, 0.0, 0_u64);
    sides.each_pair(
        Sample::ALL,
        control,
        "pairs",
        |PairBlock { keys, left, right }| {
            for (a, b) in left.chunks_exact(dim).zip(right.chunks_exact(dim)) {
                cosines += dot(a, b);
            }
            subtract(left, right);
            let mut sampled = 0;
            for (position, &key) in keys.iter().enumerate() {
                let row = position * dim..(position + 1) * dim;
                let difference = &left[row.clone()];
                distances += dot(difference, difference).sqrt();
                squares += distance(difference, &center).powi(2);
                sum.iter_mut().zip(difference).for_each(|(sum, v)| *sum += v);
                pairs += 1;
                if sample.is_some_and(|sample| sample.takes(key)) {
                    left.copy_within(row, sampled * dim);
                    sampled += 1;
                }
            }
            control
                .pool()
                .install(|| differences.accumulate(&mut left[..sampled * dim]));
        },
    )?;
    let n = pairs as f64;
    // of rows paired by index every row is in one pair, so the means say it, to the last bit
    let mean = match sides.grouping().pairing {
        Pairing::Groups => sum.iter().map(|sum| sum / n).collect(),
        _ => center.clone(),
    };
    Ok(Pairs {
        differences,
        trace: squares / n - distance(&mean, &center).powi(2),
        mean,
        mean_distance: distances / n,
        mean_cosine: cosines / n,
        count: pairs,
    })
}

/// Length of the mean unit direction of P_VΔ over all pairs; zero when V is empty.
pub(super) fn mean_direction(sides: &Sides<'_>, frame: &Frame, control: &Control) -> Result<f64, TaskError> {
    let dim = frame.dim();
    let v = frame.v();
    let mut sum = vec![0.0; v.ncols()];
    let mut pairs = 0_u64;
    sides.each_pair(
        Sample::ALL,
        control,
        "directions",
        |PairBlock { keys, left, right }| {
            subtract(left, right);
            let parts: Vec<Vec<f64>> = control.pool().install(|| {
                left.par_chunks(DIRECTION_ROWS * dim)
                    .map(|rows| sum_of_directions(rows, v))
                    .collect()
            });
            for part in parts {
                sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
            }
            pairs += keys.len() as u64;
        },
    )?;
    Ok(dot(&sum, &sum).sqrt() / pairs as f64)
}

fn subtract(left: &mut [f64], right: &[f64]) {
    left.iter_mut().zip(right).for_each(|(a, b)| *a -= b);
}
