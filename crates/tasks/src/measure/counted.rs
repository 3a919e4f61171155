//! Covariances of a measurement, in f32 where that changes nothing that is reported.

use modality_gap_geometry::{Covariance, Precision};
use rayon::prelude::*;

use super::covariances::{SideCovariance, Taken, covariance_of_side};
use super::gap::Fitted;
use super::pairs::{Pairs, pair_differences, pairs_and_sides};
use super::{Part, Parts};
use crate::groups::Pairing;
use crate::{Sample, TaskError};

/// Largest share of an eigenvalue that products in f32 may change by their bound; where it may be more, they are taken in f64. What they do
/// change is far less, for the bound is that of the smallest eigenvalue along the worst direction.
const CHANGED: f64 = 1e-2;

/// What is known of pairs, where rows are paired, and the covariance of either side.
pub(super) type Covariances = (Option<Pairs>, [SideCovariance; 2]);

impl Parts<'_, '_> {
    /// Of the rows that `sample` takes. Where eigenvalues are reported that products in f32 could change, they are taken again, in f64.
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
        let (pairs, sides) = &counted;
        let hold = || eigenvalues_hold(pairs.as_ref(), sides);
        if causes && precision == Precision::Single && !self.control.pool().install(hold) {
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
            let (pairs, covariances) = pairs_and_sides(rows, [gain(0), gain(1)], precision, control)?;
            return Ok((Some(pairs), covariances));
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
        let covariances = [of_side(0)?, of_side(1)?];
        Ok((pairs, covariances))
    }
}

/// Whether products in f32 change no eigenvalue of these covariances, and of their halves, by more than [`CHANGED`].
fn eigenvalues_hold(pairs: Option<&Pairs>, sides: &[SideCovariance; 2]) -> bool {
    let of_sides = sides.iter().map(|side| (&side.whole, &side.halves));
    let of_pairs = pairs.map(|pairs| (&pairs.differences, &pairs.halves));
    let each = of_sides.chain(of_pairs);
    let all: Vec<&Covariance> = each
        .flat_map(|(whole, halves)| [whole, &halves.parts[0], &halves.parts[1]])
        .collect();
    all.par_iter().all(|covariance| covariance.resolves(CHANGED))
}
