//! Rows sorted into the halves of a covariance.

use std::collections::HashSet;

use modality_gap_geometry::{Covariance, Halves};

use crate::Control;

/// Rows on their way into the halves of a covariance.
pub(super) struct IntoHalves {
    pub halves: Halves,
    /// Keys that have had a row; where rows are in no groups nothing is kept.
    seen: Option<HashSet<u64>>,
    blocks: [Vec<f64>; 2],
    first: Vec<f64>,
}

impl IntoHalves {
    pub fn about(center: &[f64], grouped: bool) -> Self {
        let mut halves = Halves::about(center);
        halves.first = grouped.then(|| Covariance::about(center));
        Self {
            halves,
            seen: grouped.then(HashSet::new),
            blocks: [Vec::new(), Vec::new()],
            first: Vec::new(),
        }
    }

    /// Takes a row of group `key` into one of the halves.
    pub fn push(&mut self, key: u64, second: bool, row: &[f64]) {
        self.blocks[usize::from(second)].extend_from_slice(row);
        if self.seen.as_mut().is_some_and(|seen| seen.insert(key)) {
            self.first.extend_from_slice(row);
        }
    }

    /// Counts what was taken.
    pub fn count(&mut self, control: &Control) {
        let Self {
            halves,
            blocks,
            first,
            ..
        } = self;
        control.pool().install(|| {
            for (part, block) in halves.parts.iter_mut().zip(blocks.iter_mut()) {
                part.accumulate(block);
            }
            if let Some(covariance) = &mut halves.first {
                covariance.accumulate(first);
            }
        });
        blocks.iter_mut().for_each(Vec::clear);
        first.clear();
    }
}
