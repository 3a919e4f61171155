//! What pairs would say if their partners were strangers: the part of a statistic that the sample makes by itself.

use modality_gap_geometry::{
    Frame, STRANGERS_EXCHANGES, Strangers as StrangePairs, adjusted_r2, strangers_coupling,
};

use super::pairs::Pairs;
use super::sides::Sides;
use crate::causes::{CouplingReport, Strangers};
use crate::paired::PairBlock;
use crate::{Control, Sample, TaskError};

/// Pairs whose partners are exchanged, at most; they are held in memory.
const ROWS: u64 = 8_192;

/// `coupling.strangers`, the mean ‖L‖₂ and R² of strangers in the frame, and the R² that is left beside that.
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
    let lambda = coupling.lambda;
    let needed = 2 * frame.rank() as u64 + 2;
    if n < 4 || frame.rank() == 0 || frame.rank() == dim {
        return Ok(());
    }
    let strangers = StrangePairs::of(&keys, [&x, &z], dim);
    let mut covariances = Vec::with_capacity(STRANGERS_EXCHANGES);
    for exchange in 1..=STRANGERS_EXCHANGES {
        control.cancel.check()?;
        covariances.push(
            control
                .pool()
                .install(|| strangers.differences(&pairs.mean, exchange)),
        );
    }
    let of_strangers = control
        .pool()
        .install(|| strangers_coupling(&covariances, frame, lambda, [n as u64, pairs.count]))
        .map_err(|error| TaskError::Numeric(error.to_string()))?;
    let (norm, r2) = (of_strangers.norm, of_strangers.r2);
    coupling.strangers = Some(Strangers {
        norm,
        r2,
        pairs: n,
        derangements: STRANGERS_EXCHANGES,
    });
    let enough = pairs.count >= needed;
    let own = Some(coupling.r2).filter(|own| enough && own.is_finite());
    coupling.r2_adjusted = Some(own.map(|own| adjusted_r2(own, r2)));
    coupling.pairs_needed = (!enough).then_some(needed);
    Ok(())
}
