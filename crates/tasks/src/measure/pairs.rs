//! What the pairs of a measurement say of their differences.

use std::collections::HashSet;

use modality_gap_geometry::{Covariance, Frame, Halves, PairProducts, distance, sum_of_directions};
use modality_gap_kernels::dot;
use rayon::prelude::*;

use super::into_halves::IntoHalves;
use super::sides::Sides;
use crate::groups::Pairing;
use crate::paired::PairBlock;
use crate::split::{quarter, quarter_by};
use crate::{Control, Sample, TaskError};

/// Pairs whose directions one thread sums; fixed, so that threads do not change the sum.
const DIRECTION_ROWS: usize = 64;

/// What is known of paired differences r = x − z.
pub(super) struct Pairs {
    /// Their covariance, perhaps of a sample; empty where none was asked for.
    pub differences: Covariance,
    /// The same in halves of independent groups.
    pub halves: Halves,
    /// Of pairs that are independent of each other, the first of each group.
    pub products: PairProducts,
    /// The quarter that the pair of each row is in, where pairs are in no group.
    pub quarters: Vec<u8>,
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
    let mut differences = IntoHalves::about(&center, sides.grouped());
    let mut sum = vec![0.0; dim];
    let (mut distances, mut cosines, mut squares, mut pairs) = (0.0, 0.0, 0.0, 0_u64);
    let (mut products, mut quarters) = (PairProducts::default(), Vec::new());
    let (mut seen, mut of_block) = (sides.grouped().then(HashSet::new), Vec::new());
    // (x−μx)·(z−μz) = x·z − x·μz − z·μx + μx·μz
    let of_means = dot(mu_x, mu_z);
    sides.each_pair(
        Sample::ALL,
        control,
        "pairs",
        |PairBlock { keys, left, right }| {
            of_block.clear();
            for ((a, b), &key) in left.chunks_exact(dim).zip(right.chunks_exact(dim)).zip(keys) {
                let product = dot(a, b);
                cosines += product;
                of_block.push(quarter_of(sides, key, product));
                let taken = sample.is_some_and(|sample| sample.takes(key));
                if taken && seen.as_mut().is_none_or(|seen| seen.insert(key)) {
                    products.add(product - dot(a, mu_z) - dot(b, mu_x) + of_means);
                }
            }
            subtract(left, right);
            for (position, &key) in keys.iter().enumerate() {
                let difference = &left[position * dim..(position + 1) * dim];
                distances += dot(difference, difference).sqrt();
                squares += distance(difference, &center).powi(2);
                sum.iter_mut().zip(difference).for_each(|(sum, v)| *sum += v);
                pairs += 1;
                if sample.is_some_and(|sample| sample.takes(key)) {
                    differences.push(key, of_block[position], difference);
                }
                if !sides.grouped() {
                    quarters.resize(key as usize, 0);
                    quarters.push(of_block[position] as u8);
                }
            }
            differences.count(control);
        },
    )?;
    let n = pairs as f64;
    // of rows paired by index every row is in one pair, so the means say it, to the last bit
    let mean = match sides.grouping().pairing {
        Pairing::Groups => sum.iter().map(|sum| sum / n).collect(),
        _ => center.clone(),
    };
    let halves = differences.halves(control);
    Ok(Pairs {
        differences: halves.whole(),
        halves,
        products,
        quarters,
        trace: squares / n - distance(&mean, &center).powi(2),
        mean,
        mean_distance: distances / n,
        mean_cosine: cosines / n,
        count: pairs,
    })
}

/// Lengths of the mean unit directions of P_VΔ, and how many there are, in each frame of each of `sets`: of a half in each of two, of all
/// pairs in one. Of pairs in groups the first of each, for they are not independent.
pub(super) fn mean_directions(
    sides: &Sides<'_>,
    sets: &[Vec<&Frame>],
    control: &Control,
) -> Result<Vec<Vec<(f64, u64)>>, TaskError> {
    let dim = sides.source(0).dim;
    let mut sums: Vec<Vec<(Vec<f64>, u64)>> = sets
        .iter()
        .map(|frames| vec![(vec![0.0; dim], 0); frames.len()])
        .collect();
    let mut seen = sides.grouped().then(HashSet::new);
    let mut blocks: [Vec<f64>; 2] = Default::default();
    sides.each_pair(
        Sample::ALL,
        control,
        "directions",
        |PairBlock { keys, left, right }| {
            let rows = left.chunks_exact(dim).zip(right.chunks_exact(dim));
            let halves: Vec<usize> = rows
                .zip(keys)
                .map(|((a, b), &key)| quarter_of(sides, key, dot(a, b)) % 2)
                .collect();
            subtract(left, right);
            for ((row, &key), &half) in left.chunks_exact(dim).zip(keys).zip(&halves) {
                if seen.as_mut().is_none_or(|seen| seen.insert(key)) {
                    blocks[half].extend_from_slice(row);
                }
            }
            for (half, block) in blocks.iter_mut().enumerate() {
                for (frames, sums) in sets.iter().zip(&mut sums) {
                    let at = half.min(frames.len() - 1);
                    let (sum, pairs) = &mut sums[at];
                    add_directions(block, frames[at], sum, control);
                    *pairs += (block.len() / dim) as u64;
                }
                block.clear();
            }
        },
    )?;
    let length =
        |(frame, (sum, pairs)): (&&Frame, &(Vec<f64>, u64))| (frame.length_in_v(sum) / *pairs as f64, *pairs);
    let of_set = |(frames, sums): (&Vec<&Frame>, &Vec<_>)| frames.iter().zip(sums).map(length).collect();
    Ok(sets.iter().zip(&sums).map(of_set).collect())
}

fn add_directions(block: &[f64], frame: &Frame, sum: &mut [f64], control: &Control) {
    let parts: Vec<Vec<f64>> = control.pool().install(|| {
        block
            .par_chunks(DIRECTION_ROWS * frame.dim())
            .map(|rows| sum_of_directions(rows, frame))
            .collect()
    });
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
    }
}

/// The quarter of a pair: by its group, or by the cosine of its rows.
fn quarter_of(sides: &Sides<'_>, key: u64, cosine: f64) -> usize {
    if sides.grouped() {
        quarter(key)
    } else {
        quarter_by(cosine)
    }
}

fn subtract(left: &mut [f64], right: &[f64]) {
    left.iter_mut().zip(right).for_each(|(a, b)| *a -= b);
}
