//! What pairs would say if their partners were strangers: the part of a statistic that the sample makes by itself.

use modality_gap_geometry::{Covariance, Frame, coupling_in};
use modality_gap_kernels::dot;
use rayon::prelude::*;

use super::pairs::Pairs;
use super::sides::Sides;
use crate::causes::{CouplingReport, Strangers};
use crate::paired::PairBlock;
use crate::{Control, Sample, TaskError};

/// Pairs whose partners are exchanged, at most; they are held in memory.
const ROWS: u64 = 8_192;
/// How often partners are exchanged.
const DERANGEMENTS: usize = 3;
/// Differences that are counted at a time.
const COUNTED: usize = 512;

/// `coupling.strangers`, the mean ‖L‖₂ and R² of strangers in the frame, and the R² that is left beside that.
///
/// R² of strangers falls like 1/n, so where a sample stands for more pairs it is scaled to their number.
pub(super) fn add_strangers(
    coupling: &mut CouplingReport,
    rows: &Sides<'_>,
    pairs: &Pairs,
    frame: &Frame,
    seed: u64,
    control: &Control,
) -> Result<(), TaskError> {
    let dim = frame.dim();
    let sample = Sample::of(pairs.count, ROWS, seed);
    let (mut keys, mut x, mut z): (Vec<u64>, Vec<f64>, Vec<f64>) = Default::default();
    rows.each_pair(sample, control, "strangers", |block: PairBlock<'_>| {
        keys.extend_from_slice(block.keys);
        x.extend_from_slice(block.left);
        z.extend_from_slice(block.right);
    })?;
    let n = keys.len();
    // in an order that does not follow from that of the rows
    let mut order: Vec<(f64, usize)> = (0..n)
        .map(|i| (dot(&x[i * dim..(i + 1) * dim], &z[i * dim..(i + 1) * dim]), i))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lambda = coupling.lambda;
    let needed = 2 * frame.rank() as u64 + 2;
    if n < 4 || frame.rank() == 0 || frame.rank() == dim {
        return Ok(());
    }
    let mut covariances = Vec::with_capacity(DERANGEMENTS);
    for k in 1..=DERANGEMENTS {
        control.cancel.check()?;
        // far apart, for rows of one group often stand together
        let shift = (k * n / (DERANGEMENTS + 1)).max(1);
        let mut differences = Covariance::about(&pairs.mean);
        let mut block = Vec::with_capacity(COUNTED * dim);
        for at in 0..n {
            let (i, j) = (order[at].1, order[(at + shift) % n].1);
            if keys[i] != keys[j] {
                let (a, b) = (&x[i * dim..(i + 1) * dim], &z[j * dim..(j + 1) * dim]);
                block.extend(a.iter().zip(b).map(|(a, b)| a - b));
            }
            if block.len() == COUNTED * dim || at + 1 == n {
                control.pool().install(|| differences.accumulate(&block));
                block.clear();
            }
        }
        covariances.push(differences);
    }
    let couplings: Vec<_> = control.pool().install(|| {
        let each = covariances.par_iter();
        each.map(|differences| coupling_in(differences.matrix().as_ref(), frame, lambda))
            .collect()
    });
    let (mut norm, mut r2) = (0.0, 0.0);
    for found in couplings {
        let found = found.map_err(|error| TaskError::Numeric(error.to_string()))?;
        norm += found.norm / DERANGEMENTS as f64;
        r2 += found.r2 / DERANGEMENTS as f64;
    }
    let scale = n as f64 / pairs.count as f64;
    let (norm, r2) = (norm * scale.min(1.0).sqrt(), r2 * scale.min(1.0));
    coupling.strangers = Some(Strangers {
        norm,
        r2,
        pairs: n,
        derangements: DERANGEMENTS,
    });
    let enough = pairs.count >= needed;
    let own = Some(coupling.r2).filter(|own| enough && own.is_finite());
    coupling.r2_adjusted = Some(own.map(|own| (own - r2) / (1.0 - r2)));
    coupling.pairs_needed = (!enough).then_some(needed);
    Ok(())
}
