//! Passes over pairs: row i of one side with row i of the other.

use modality_gap_geometry::{Covariance, Frame, sum_of_directions};
use modality_gap_kernels::dot;
use rayon::prelude::*;

use super::sides::Sides;
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
}

/// One pass over all pairs.
pub(super) fn pair_differences(
    sides: &Sides<'_>,
    sample: Sample,
    control: &Control,
) -> Result<Pairs, TaskError> {
    let dim = sides.source(0).dim;
    let [mu_x, mu_z] = [sides.moments(0).mean(), sides.moments(1).mean()];
    let mean: Vec<f64> = mu_x.iter().zip(mu_z).map(|(a, b)| a - b).collect();
    let mut differences = Covariance::about(&mean);
    let (mut distances, mut cosines, mut pairs) = (0.0, 0.0, 0_u64);
    each_pair_block(sides, control, "pairs", |first, kept, left, right| {
        for (a, b) in left.chunks_exact(dim).zip(right.chunks_exact(dim)) {
            cosines += dot(a, b);
        }
        subtract(left, right);
        let mut sampled = 0;
        for (position, &i) in kept.iter().enumerate() {
            let row = position * dim..(position + 1) * dim;
            distances += dot(&left[row.clone()], &left[row.clone()]).sqrt();
            pairs += 1;
            if sample.takes(first + i as u64) {
                left.copy_within(row, sampled * dim);
                sampled += 1;
            }
        }
        control
            .pool()
            .install(|| differences.accumulate(&mut left[..sampled * dim]));
    })?;
    let n = pairs as f64;
    Ok(Pairs {
        differences,
        mean,
        mean_distance: distances / n,
        mean_cosine: cosines / n,
    })
}

/// Length of the mean unit direction of P_VΔ over all pairs; zero when V is empty.
pub(super) fn mean_direction(sides: &Sides<'_>, frame: &Frame, control: &Control) -> Result<f64, TaskError> {
    let dim = frame.dim();
    let v = frame.v();
    let mut sum = vec![0.0; v.ncols()];
    let mut pairs = 0_u64;
    each_pair_block(sides, control, "directions", |_, kept, left, right| {
        subtract(left, right);
        let parts: Vec<Vec<f64>> = control.pool().install(|| {
            left.par_chunks(DIRECTION_ROWS * dim)
                .map(|rows| sum_of_directions(rows, v))
                .collect()
        });
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        pairs += kept.len() as u64;
    })?;
    Ok(dot(&sum, &sum).sqrt() / pairs as f64)
}

fn subtract(left: &mut [f64], right: &[f64]) {
    left.iter_mut().zip(right).for_each(|(a, b)| *a -= b);
}

/// Gives `body` the mapped rows of each block of pairs that are measured.
fn each_pair_block(
    sides: &Sides<'_>,
    control: &Control,
    stage: &str,
    body: impl FnMut(u64, &[usize], &mut [f64], &mut [f64]),
) -> Result<(), TaskError> {
    let sources = [sides.source(0), sides.source(1)];
    let maps = [sides.map(0), sides.map(1)];
    crate::mapper::each_pair_block(sources, maps, |row| sides.takes(row), control, stage, body)
}
