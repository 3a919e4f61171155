//! Rows held out from a fit, by a hash of their group: their global index, where rows belong to none.

use modality_gap_geometry::{Map, Moments, Scratch, mix};
use modality_gap_kernels::{Rows, dot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{RowSet, TaskError};

/// Which rows a fit does not see.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
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

    /// Whether the group `key` is held out; a row in no group has its index in the whole source for a key.
    pub(crate) fn held(&self, key: u64) -> bool {
        // 53 bits of the hash are a uniform number in [0, 1)
        self.splits() && ((mix(key ^ mix(self.seed)) >> 11) as f64) < self.holdout * 2.0_f64.powi(53)
    }
}

/// Sets the hash of the halves of a measurement apart from those of splits and samples.
const HALVES_SALT: u64 = 0x4861_6c76_6573;

/// The quarter that the group `key` belongs to; the odd ones are the second of two halves, in which what the first one makes is
/// judged.
pub(crate) fn quarter(key: u64) -> usize {
    (mix(key ^ mix(HALVES_SALT)) & 3) as usize
}

/// The same of a row in no group, by a cosine that neither its place, nor its length, nor a rotation of all rows changes: that with
/// its partner, or with the mean.
pub(crate) fn quarter_by(cosine: f64) -> usize {
    // 24 bits of it, which rounding does not move
    let steps = (cosine * 2.0_f64.powi(24)).floor();
    quarter(steps.to_bits())
}

/// Cosine of a pair above which too few of its bits are left to tell pairs apart.
const ALIKE: f64 = 1.0 - 1.0 / 1024.0;

/// The quarter of a pair in no group: by the cosine of its rows, or, where these are nearly alike, by that of its image with the mean.
pub(crate) fn quarter_of_pair(cosine: f64, image: &[f64], mean: &[f64]) -> usize {
    quarter_by(if cosine > ALIKE { dot(image, mean) } else { cosine })
}

/// Whether the group `key` belongs to the second half.
pub(crate) fn second_half(key: u64) -> bool {
    quarter(key) % 2 == 1
}

/// The same of a row in no group.
pub(crate) fn second_half_by(cosine: f64) -> bool {
    quarter_by(cosine) % 2 == 1
}

/// Sets the hash of a sample apart from that of a split with the same seed, or a sample of the rows that a split leaves
/// would be empty.
const SAMPLE_SALT: u64 = 0x5361_6d70_6c65;

/// A share of the rows, chosen by a hash of their index; all of them where there are few.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Sample {
    /// Share of the rows.
    share: f64,
    /// Seed of the hash.
    seed: u64,
}

impl Sample {
    /// Every row.
    pub(crate) const ALL: Self = Self { share: 1.0, seed: 0 };

    /// The share asked for; 0, as by default, is not a choice at all.
    pub(crate) fn new(share: Option<f64>, seed: Option<u64>) -> Result<Self, TaskError> {
        let share = share.unwrap_or(0.0);
        if !(0.0..1.0).contains(&share) {
            return Err(TaskError::BadOption(format!(
                "subset must be at least 0 and below 1, not {share}"
            )));
        }
        Ok(if share == 0.0 {
            Self::ALL
        } else {
            Self {
                share,
                seed: seed.unwrap_or(0),
            }
        })
    }

    /// About `limit` of `rows` rows, or all.
    pub(crate) fn of(rows: u64, limit: u64, seed: u64) -> Self {
        Self {
            share: (limit as f64 / rows as f64).min(1.0),
            seed,
        }
    }

    pub(crate) fn share(self) -> f64 {
        self.share
    }

    pub(crate) fn is_all(self) -> bool {
        self.share >= 1.0
    }

    /// Seed of the choice.
    pub(crate) fn seed(self) -> u64 {
        self.seed
    }

    pub(crate) fn takes(self, row: u64) -> bool {
        let split = Split {
            holdout: self.share,
            // held-out rows are chosen by the plain seed; the sample must not follow from that choice
            seed: mix(self.seed ^ SAMPLE_SALT),
        };
        self.share >= 1.0 || split.held(row)
    }
}

/// Which rows of a source are counted, and on which side of the split.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// Rows held out.
    pub split: Split,
    /// What a fit sees of the rows that are not held out.
    pub subset: Sample,
    /// Rows left out altogether, by their sorted index in the whole source.
    pub exclude: &'a [u64],
}

impl Selection<'_> {
    /// Every row.
    pub const ALL: Selection<'static> = Selection {
        split: Split::NONE,
        subset: Sample::ALL,
        exclude: &[],
    };

    /// Moments of a block's rows of the fit and of those held out; `scratch` holds the block's coefficients under `map`,
    /// and `start` is the index of its first row in the whole `source`.
    pub(crate) fn moments_of(
        &self,
        source: &RowSet,
        start: u64,
        rows: Rows<'_>,
        map: &Map,
        scratch: &Scratch,
    ) -> [Moments; 2] {
        if !self.split.splits() && self.subset.is_all() && self.exclude.is_empty() {
            let none = Moments::new(map.dim(), map.gives_unit_rows());
            return [map.moments(rows, scratch), none];
        }
        [false, true].map(|side| {
            let kept = scratch.keeping(|i| {
                let row = start + i as u64;
                scratch.counted(i)
                    && if side {
                        self.holds(source, row)
                    } else {
                        self.fits(source, row)
                    }
            });
            map.moments(rows, &kept)
        })
    }

    /// Whether row `index` of the whole source belongs to the fit; rows of a group do so together.
    pub(crate) fn fits(&self, source: &RowSet, index: u64) -> bool {
        let key = source.key(index);
        self.subset.takes(key) && !self.split.held(key) && !self.excludes(index)
    }

    /// Whether row `index` of the whole source is held out from the fit; rows of a group are so together.
    pub(crate) fn holds(&self, source: &RowSet, index: u64) -> bool {
        self.split.held(source.key(index)) && !self.excludes(index)
    }

    pub(crate) fn excludes(&self, index: u64) -> bool {
        !self.exclude.is_empty() && self.exclude.binary_search(&index).is_ok()
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self::ALL
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

    /// A sample drawn like the split itself would take held-out rows only: nothing would be left of it.
    #[test]
    fn a_sample_does_not_follow_from_the_split_of_the_same_seed() {
        let selection = Selection {
            split: Split {
                holdout: 0.5,
                seed: 1,
            },
            subset: Sample { share: 0.2, seed: 1 },
            exclude: &[],
        };
        let taken = (0..100_000)
            .filter(|&i| selection.subset.takes(i) && !selection.split.held(i))
            .count();
        // binomial at 0.1: five standard deviations are 474
        assert!((9_526..=10_474).contains(&taken), "{taken}");
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
