//! Rows sorted into the halves of a covariance.

use std::collections::HashSet;

use modality_gap_geometry::{Covariance, Halves};

use crate::Control;

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

    /// Counts what was taken.
    pub fn count(&mut self, control: &Control) {
        let Self {
            quarters,
            blocks,
            first,
            first_block,
            ..
        } = self;
        control.pool().install(|| {
            for (part, block) in quarters.iter_mut().zip(blocks.iter_mut()) {
                part.accumulate(block);
            }
            if let Some(covariance) = first {
                covariance.accumulate(first_block);
            }
        });
        blocks.iter_mut().for_each(Vec::clear);
        first_block.clear();
    }

    /// All that was counted.
    pub fn halves(self) -> Halves {
        Halves::of(self.quarters, self.first)
    }
}
