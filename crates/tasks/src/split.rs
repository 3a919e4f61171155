//! Rows held out from a fit, by a hash of their global index.

use modality_gap_geometry::{Map, Moments, Scratch, mix};
use modality_gap_kernels::Rows;
use serde::{Deserialize, Serialize};

use crate::TaskError;

/// Which rows a fit does not see.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Split {
    /// Share of the rows that is held out, 0 to 1.
    pub holdout: f64,
    /// Seed of the hash.
    pub seed: u64,
}

impl Split {
    /// Holds nothing out.
    const NONE: Self = Self {
        holdout: 0.0,
        seed: 0,
    };

    pub(crate) fn new(holdout: Option<f64>, seed: Option<u64>) -> Result<Self, TaskError> {
        let holdout = holdout.unwrap_or(0.0);
        if !(0.0..1.0).contains(&holdout) {
            return Err(TaskError::BadOption(format!(
                "holdout must be at least 0 and below 1, not {holdout}"
            )));
        }
        Ok(Self {
            holdout,
            seed: seed.unwrap_or(0),
        })
    }

    pub(crate) fn splits(&self) -> bool {
        self.holdout > 0.0
    }

    /// Whether row `index` of the whole source is held out.
    pub(crate) fn held(&self, index: u64) -> bool {
        // 53 bits of the hash are a uniform number in [0, 1)
        self.splits() && ((mix(index ^ mix(self.seed)) >> 11) as f64) < self.holdout * 2.0_f64.powi(53)
    }
}

/// Which rows of a source are counted, and on which side of the split.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// Rows held out.
    pub split: Split,
    /// Where it holds something out: what it holds out is all that a fit sees of the rows that are not held out.
    pub subset: Split,
    /// Rows left out altogether, by their sorted index in the whole source.
    pub exclude: &'a [u64],
}

impl Selection<'_> {
    /// Every row.
    pub const ALL: Selection<'static> = Selection {
        split: Split::NONE,
        subset: Split::NONE,
        exclude: &[],
    };

    /// Moments of a block's rows of the fit and of those held out; `scratch` holds the block's coefficients under `map`,
    /// and `start` is the index of its first row in the whole source.
    pub(crate) fn moments_of(
        &self,
        start: u64,
        rows: Rows<'_>,
        map: &Map,
        scratch: &Scratch,
    ) -> [Moments; 2] {
        if !self.split.splits() && !self.subset.splits() && self.exclude.is_empty() {
            let none = Moments::new(map.dim(), map.gives_unit_rows());
            return [map.moments(rows, scratch), none];
        }
        [false, true].map(|side| {
            let kept = scratch.keeping(|i| {
                let row = start + i as u64;
                scratch.counted(i) && if side { self.holds(row) } else { self.fits(row) }
            });
            map.moments(rows, &kept)
        })
    }

    /// Whether row `index` of the whole source belongs to the fit.
    pub(crate) fn fits(&self, index: u64) -> bool {
        let chosen = !self.subset.splits() || self.subset.held(index);
        chosen && !self.split.held(index) && !self.excludes(index)
    }

    /// Whether row `index` of the whole source is held out from the fit.
    pub(crate) fn holds(&self, index: u64) -> bool {
        self.split.held(index) && !self.excludes(index)
    }

    pub(crate) fn excludes(&self, index: u64) -> bool {
        !self.exclude.is_empty() && self.exclude.binary_search(&index).is_ok()
    }
}

impl From<Split> for Selection<'_> {
    fn from(split: Split) -> Self {
        Self {
            split,
            ..Selection::ALL
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Binomial: 100,000 draws at 0.2 stay within five standard deviations (633) of 20,000.
    #[test]
    fn holds_out_the_share_asked_for() {
        let split = Split {
            holdout: 0.2,
            seed: 7,
        };
        let held = (0..100_000).filter(|&i| split.held(i)).count();
        assert!((19_367..=20_633).contains(&held), "{held}");
    }

    #[test]
    fn another_seed_holds_out_other_rows() {
        let (a, b) = (
            Split {
                holdout: 0.5,
                seed: 1,
            },
            Split {
                holdout: 0.5,
                seed: 2,
            },
        );
        let same = (0..10_000).filter(|&i| a.held(i) == b.held(i)).count();
        assert!((4_750..=5_250).contains(&same), "{same}");
    }
}
