//! Covariances of a measurement, in f32 where that changes nothing that is reported.

use modality_gap_geometry::Precision;

use super::covariances::{Taken, covariance_of_side};
use super::gap::Fitted;
use super::pairs::pair_differences;
use super::together::{Covariances, pairs_and_sides};
use super::{Part, Parts};
use crate::groups::Pairing;
use crate::{Sample, TaskError};

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
            return pairs_and_sides(rows, gains, crossed, precision, control);
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
