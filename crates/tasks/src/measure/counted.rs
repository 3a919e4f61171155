//! Covariances of a measurement, in f32 where that changes nothing that is reported.

use modality_gap_geometry::{Covariance, CrossCovariance, Precision};
use rayon::prelude::*;

use super::covariances::{SideCovariance, Taken, covariance_of_side};
use super::gap::Fitted;
use super::pairs::{Pairs, pair_differences};
use super::together::{Together, pairs_and_sides};
use super::{Part, Parts};
use crate::groups::Pairing;
use crate::{Sample, TaskError};

/// Largest share of an eigenvalue that products in f32 may change by their bound; where it may be more, they are taken in f64. What they do
/// change is far less, for the bound is that of the smallest eigenvalue along the worst direction.
const CHANGED: f64 = 1e-2;

/// Largest share of the norm of Σr, x and z in pairs, that they may change where it follows from other products.
const CHANGED_NORM: f64 = 1e-4;

/// The covariances of a measurement.
pub(super) struct Covariances {
    /// What is known of pairs, where rows are paired.
    pub pairs: Option<Pairs>,
    pub sides: [SideCovariance; 2],
    /// Of one side with the other, where it was counted on the way.
    pub cross: Option<CrossCovariance>,
}

impl Parts<'_, '_> {
    /// Of the rows that `sample` takes. Where products in f32 could change what is reported, they are taken again, in f64.
    pub(super) fn covariances(
        &self,
        sample: Sample,
        fitted: Option<&Fitted>,
    ) -> Result<Covariances, TaskError> {
        let causes = self.job.wants(Part::Causes);
        let precision = match self.job.covariance_rows {
            // of so few rows
            Some(_) => Precision::Exact,
            None => self.rows.precision(causes),
        };
        let counted = self.counted(sample, fitted, precision)?;
        let hold = || counted.hold(causes);
        if precision == Precision::Single && !self.control.pool().install(hold) {
            drop(counted);
            return self.counted(sample, fitted, Precision::Exact);
        }
        Ok(counted)
    }

    fn counted(
        &self,
        sample: Sample,
        fitted: Option<&Fitted>,
        precision: Precision,
    ) -> Result<Covariances, TaskError> {
        let Self {
            rows, job, control, ..
        } = *self;
        let paired = rows.grouping().pairing != Pairing::None;
        let gain = |side: usize| fitted.map_or(1.0, |fitted| fitted.gain(side, rows));
        let by_index = rows.grouping().pairing == Pairing::Index && !rows.grouped();
        if by_index && sample.is_all() {
            // in f64 they are of few rows, or it is their small differences that count
            let crossed = precision == Precision::Single && job.wants(Part::Similarity);
            let gains = [gain(0), gain(1)];
            let Together { pairs, sides, cross } = pairs_and_sides(rows, gains, crossed, precision, control)?;
            return Ok(Covariances {
                pairs: Some(pairs),
                sides,
                cross,
            });
        }
        let pairs = paired
            .then(|| pair_differences(rows, Some(sample), precision, control))
            .transpose()?;
        let of_side = |side: usize| {
            let taken = match job.covariance_rows.filter(|_| !paired) {
                Some(limit) => Taken {
                    sample: Sample::of(rows.independent(side), limit, job.seed),
                    one_of_each: true,
                },
                None => Taken {
                    sample,
                    one_of_each: false,
                },
            };
            let quarters = pairs.as_ref().map(|pairs| pairs.quarters.as_slice());
            covariance_of_side(rows, side, taken, gain(side), quarters, precision, control)
        };
        let sides = [of_side(0)?, of_side(1)?];
        Ok(Covariances {
            pairs,
            sides,
            cross: None,
        })
    }
}

impl Covariances {
    /// Whether products in f32 change the norm of Σr, where it follows from others, by at most [`CHANGED_NORM`], and no eigenvalue of any
    /// covariance and its halves by more than [`CHANGED`], where `eigenvalues` are asked for.
    fn hold(&self, eigenvalues: bool) -> bool {
        let follows = self.pairs.as_ref().filter(|_| self.cross.is_some());
        if follows.is_some_and(|pairs| !pairs.differences.holds_square(CHANGED_NORM)) {
            return false;
        }
        if !eigenvalues {
            return true;
        }
        let of_sides = self.sides.iter().map(|side| (&side.whole, &side.halves));
        let of_pairs = self.pairs.iter().map(|pairs| (&pairs.differences, &pairs.halves));
        let all: Vec<&Covariance> = of_sides
            .chain(of_pairs)
            .flat_map(|(whole, halves)| [whole, &halves.parts[0], &halves.parts[1]])
            .collect();
        all.par_iter().all(|covariance| covariance.resolves(CHANGED))
    }
}
