//! Rows sorted into the halves of a covariance.

use std::collections::HashSet;

use modality_gap_geometry::{Covariance, Halves};
use rayon::prelude::*;

use crate::Control;

/// A row on its way into one of the quarters.
#[derive(Clone, Copy)]
pub(super) struct Sorted<'a> {
    /// Its group.
    pub key: u64,
    pub quarter: usize,
    pub row: &'a [f64],
}

/// The quarters of a covariance.
pub(super) struct IntoHalves {
    quarters: [Covariance; 4],
    first: Option<Covariance>,
    /// Keys that have had a row; where rows are in no groups nothing is kept.
    seen: Option<HashSet<u64>>,
}

impl IntoHalves {
    pub fn about(center: &[f64], grouped: bool) -> Self {
        Self {
            quarters: [(); 4].map(|()| Covariance::about(center)),
            first: grouped.then(|| Covariance::about(center)),
            seen: grouped.then(HashSet::new),
        }
    }

    /// Counts rows.
    pub fn count<'a>(&mut self, rows: impl Iterator<Item = Sorted<'a>>, control: &Control) {
        let mut quarters: [Vec<&[f64]>; 4] = Default::default();
        let mut firsts = Vec::new();
        for Sorted { key, quarter, row } in rows {
            quarters[quarter].push(row);
            if self.seen.as_mut().is_some_and(|seen| seen.insert(key)) {
                firsts.push(row);
            }
        }
        let parts = self.quarters.iter_mut().zip(&quarters);
        let mut all: Vec<_> = parts.chain(self.first.iter_mut().zip([&firsts])).collect();
        control.pool().install(|| {
            all.par_iter_mut()
                .for_each(|(covariance, rows)| covariance.accumulate_each(rows));
        });
    }

    /// All that was counted.
    pub fn halves(self) -> Halves {
        Halves::of(self.quarters, self.first)
    }
}
