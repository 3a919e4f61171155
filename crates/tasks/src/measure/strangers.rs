//! What pairs would say if their partners were strangers: the part of a statistic that the sample makes by itself.

use modality_gap_geometry::{
    Frame, STRANGERS_EXCHANGES, Strangers as StrangePairs, adjusted_r2, as_rows, strangers_coupling,
};

use super::pairs::Pairs;
use crate::causes::{CouplingReport, Strangers};
use crate::paired::PairBlock;
use crate::{Control, Sample, TaskError};

/// Pairs whose partners are exchanged, at most; they are held in memory.
const ROWS: u64 = 8_192;

/// Pairs whose partners are exchanged.
pub(super) struct Exchanged {
    sample: Sample,
    keys: Vec<u64>,
    x: Vec<f64>,
    z: Vec<f64>,
}

impl Exchanged {
    /// None yet, of so many pairs of so many columns.
    pub(super) fn of(pairs: u64, dim: usize, seed: u64) -> Self {
        // a sample by hash may take a few more, and a list that grows is copied
        let rows = pairs.min(ROWS + ROWS / 16) as usize;
        Self {
            sample: Sample::of(pairs, ROWS, seed),
            keys: Vec::with_capacity(rows),
            x: Vec::with_capacity(rows * dim),
            z: Vec::with_capacity(rows * dim),
        }
    }

    /// Keeps those of some blocks that the sample takes.
    pub(super) fn take(&mut self, blocks: &[PairBlock<'_>]) {
        for PairBlock { keys, left, right } in blocks {
            let dim = left.len() / keys.len().max(1);
            for (i, &key) in keys
                .iter()
                .enumerate()
                .filter(|(_, key)| self.sample.takes(**key))
            {
                self.keys.push(key);
                self.x.extend_from_slice(&left[i * dim..(i + 1) * dim]);
                self.z.extend_from_slice(&right[i * dim..(i + 1) * dim]);
            }
        }
    }
}

/// `coupling.strangers`, the mean ‖L‖₂ and R² of strangers in the frame, and the R² that is left beside that.
///
/// R² of strangers falls like 1/n, so where a sample stands for more pairs it is scaled to their number.
pub(super) fn add_strangers(
    coupling: &mut CouplingReport,
    pairs: &Pairs,
    Exchanged { keys, x, z, .. }: &Exchanged,
    frame: &Frame,
    control: &Control,
) -> Result<(), TaskError> {
    let dim = frame.dim();
    let n = keys.len();
    let lambda = coupling.lambda;
    let needed = 2 * frame.rank() as u64 + 2;
    if n < 4 || frame.rank() == 0 || frame.rank() == dim {
        return Ok(());
    }
    let strangers = StrangePairs::of(
        [keys; 2],
        [as_rows(x, dim), as_rows(z, dim)],
        (0..n).map(|i| (i, i)).collect(),
    );
    let mut covariances = Vec::with_capacity(STRANGERS_EXCHANGES);
    for exchange in 1..=STRANGERS_EXCHANGES {
        control.cancel.check()?;
        covariances.push(
            control
                .pool()
                .install(|| strangers.differences(&pairs.mean, exchange, pairs.differences.precision())),
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
