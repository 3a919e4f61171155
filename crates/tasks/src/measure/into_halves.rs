//! Rows sorted into the halves of a covariance.

use std::collections::HashSet;

use modality_gap_geometry::{Covariance, Halves};
use modality_gap_kernels::GRAM_ROWS;

use crate::Control;

/// Rows of a part that are counted together: blocks for all threads.
const TOGETHER: usize = 4 * GRAM_ROWS;

/// Rows on their way into the quarters of a covariance.
pub(super) struct IntoHalves {
    quarters: [Covariance; 4],
    first: Option<Covariance>,
    /// Keys that have had a row; where rows are in no groups nothing is kept.
    seen: Option<HashSet<u64>>,
    blocks: [Vec<f64>; 4],
    first_block: Vec<f64>,
}

impl IntoHalves {
    pub fn about(center: &[f64], grouped: bool) -> Self {
        Self {
            quarters: [(); 4].map(|()| Covariance::about(center)),
            first: grouped.then(|| Covariance::about(center)),
            seen: grouped.then(HashSet::new),
            blocks: Default::default(),
            first_block: Vec::new(),
        }
    }

    /// Takes a row of group `key` into one of the quarters.
    pub fn push(&mut self, key: u64, quarter: usize, row: &[f64]) {
        self.blocks[quarter].extend_from_slice(row);
        if self.seen.as_mut().is_some_and(|seen| seen.insert(key)) {
            self.first_block.extend_from_slice(row);
        }
    }

    /// Counts what was taken, of each part when there are enough rows of it.
    pub fn count(&mut self, control: &Control) {
        self.count_from(TOGETHER, control);
    }

    fn count_from(&mut self, least: usize, control: &Control) {
        let dim = self.quarters[0].dim();
        let parts = self.quarters.iter_mut().zip(&mut self.blocks);
        let all = parts.chain(self.first.iter_mut().zip([&mut self.first_block]));
        for (part, block) in all.filter(|(_, block)| block.len() >= least * dim) {
            control.pool().install(|| part.accumulate(block));
            block.clear();
        }
    }

    /// All that was taken.
    pub fn halves(mut self, control: &Control) -> Halves {
        self.count_from(0, control);
        Halves::of(self.quarters, self.first)
    }
}
