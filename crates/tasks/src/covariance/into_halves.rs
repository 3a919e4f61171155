//! Rows sorted into the halves of a covariance.

use modality_gap_geometry::{Covariance, Halves, Precision};
use rayon::prelude::*;

use crate::Control;

/// A row on its way into one of the quarters.
#[derive(Clone, Copy)]
pub(crate) struct Sorted<'a> {
    pub quarter: usize,
    /// Whether it is the first of its group.
    pub first: bool,
    pub row: &'a [f64],
}

/// The quarters of a covariance.
pub(crate) struct IntoHalves {
    pub quarters: [Covariance; 4],
    /// Of the first row of each group; absent where rows are in none.
    pub first: Option<Covariance>,
}

impl IntoHalves {
    pub fn about(center: &[f64], grouped: bool, precision: Precision) -> Self {
        let covariance = || Covariance::about_in(center, precision);
        Self {
            quarters: [(); 4].map(|()| covariance()),
            first: grouped.then(covariance),
        }
    }

    /// Counts rows.
    pub fn count<'a>(&mut self, rows: impl Iterator<Item = Sorted<'a>>, control: &Control) {
        let mut quarters: [Vec<&[f64]>; 4] = Default::default();
        let mut firsts = Vec::new();
        for Sorted { quarter, first, row } in rows {
            quarters[quarter].push(row);
            if first {
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
    pub fn halves(self, control: &Control) -> Halves {
        control.pool().install(|| Halves::of(self.quarters, self.first))
    }
}
