//! The covariance of a difference of means, where rows of one group are not independent.

use std::collections::HashSet;

use modality_gap_geometry::{ClusterNoise, Judged, as_rows, dominating_groups, effective_groups, left_out};
use modality_gap_kernels::dot;

use super::sides::Sides;
use crate::groups::Members;
use crate::{Control, Sample, TaskError};

/// Bytes of the sums of groups that are held at a time.
const SUMS: usize = 256 << 20;
/// Sums that are counted at a time.
const COUNTED: usize = 512;

/// Noise of μ̂x − μ̂z by groups.
pub(super) struct Clustered {
    pub noise: ClusterNoise,
    /// Where a few groups make most of it.
    pub rest: Option<Rest>,
}

/// The rows without the groups that make most of the noise.
pub(super) struct Rest {
    noise: ClusterNoise,
    /// Their μ̂x − μ̂z.
    difference: Vec<f64>,
    /// Rows of the groups that were left out, by side.
    pub left_out: [u64; 2],
}

impl Rest {
    /// Their gap beside its noise.
    pub fn judge(&self) -> Judged {
        let noise = self.noise.noise(&self.difference);
        noise.judge(dot(&self.difference, &self.difference), self.difference.len())
    }
}

/// Noise of μ̂x − μ̂z by groups: where both sides share them by the sums over both, otherwise by side.
pub(super) fn cluster_noise(
    sides: &Sides<'_>,
    sample: Sample,
    control: &Control,
) -> Result<Clustered, TaskError> {
    let parts: &[&[usize]] = if sides.grouping().shared {
        &[&[0, 1]]
    } else {
        &[&[0], &[1]]
    };
    let parts: Vec<Part<'_, '_>> = parts.iter().map(|which| Part::of(sides, which)).collect();
    let noise = joined(parts.iter().map(|part| part.noise(sample, control)))?;
    let rest = if noise.dominated() {
        without_the_largest(parts, sample, control)?
    } else {
        None
    };
    Ok(Clustered { noise, rest })
}

/// The sum of independent noises.
fn joined(noises: impl Iterator<Item = Result<ClusterNoise, TaskError>>) -> Result<ClusterNoise, TaskError> {
    let noises = noises.collect::<Result<Vec<_>, _>>()?;
    let mut noises = noises.into_iter();
    let first = noises.next().expect("there is one part");
    Ok(noises.fold(first, |sum, noise| sum.plus(&noise)))
}

/// Leaves out the groups that make most of the noise, where enough rows are left.
fn without_the_largest(
    parts: Vec<Part<'_, '_>>,
    sample: Sample,
    control: &Control,
) -> Result<Option<Rest>, TaskError> {
    let mut left_out = [0; 2];
    let mut others = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(largest) = part.dominating() else {
            return Ok(None);
        };
        for (&side, members) in part.which.iter().zip(&part.members) {
            left_out[side] = largest.iter().map(|&key| members.rows(key).len() as u64).sum();
        }
        others.push(part.without(largest, control)?);
    }
    let noise = joined(others.iter().map(|part| part.noise(sample, control)))?;
    let means = |side: usize| others.iter().find_map(|part| part.mean(side));
    let (x, z) = means(0).zip(means(1)).expect("every side is in a part");
    let difference = x.iter().zip(z).map(|(x, z)| x - z).collect();
    Ok(Some(Rest {
        noise,
        difference,
        left_out,
    }))
}

/// The groups that have a row on one of `which` sides, independent of those of other parts.
struct Part<'r, 's> {
    sides: &'r Sides<'s>,
    which: &'static [usize],
    members: Vec<Members>,
    /// Groups that are not counted.
    without: HashSet<u64>,
    /// Of the rows of the counted groups, as all below, by place in `which`.
    means: Vec<Vec<f64>>,
    rows: Vec<f64>,
}

impl<'r, 's> Part<'r, 's> {
    fn of(sides: &'r Sides<'s>, which: &'static [usize]) -> Self {
        let moments = || which.iter().map(|&side| sides.moments(side));
        Self {
            sides,
            which,
            members: which.iter().map(|&side| sides.members(side)).collect(),
            without: HashSet::new(),
            means: moments().map(|moments| moments.mean().to_vec()).collect(),
            rows: moments().map(|moments| moments.rows() as f64).collect(),
        }
    }

    /// Keys of the counted groups, ascending.
    fn keys(&self) -> impl Iterator<Item = u64> + '_ {
        let keys = self.members.iter().map(Members::keys).max().unwrap_or(0) as u64;
        (0..keys).filter(|&key| {
            self.members.iter().any(|members| !members.rows(key).is_empty()) && !self.without.contains(&key)
        })
    }

    /// Share of a group in the variance of the difference of means.
    fn variance(&self, key: u64) -> f64 {
        let items = &self.sides.grouping().items;
        let parts = self.which.iter().zip(&self.members);
        parts
            .map(|(&side, members)| items.variance(side, members.rows(key), self.sides.moments(side)))
            .sum()
    }

    fn mean(&self, side: usize) -> Option<&[f64]> {
        let part = self.which.iter().position(|&one| one == side)?;
        Some(&self.means[part])
    }

    /// The groups that make most of the noise; `None` where too few rows would be left without them.
    fn dominating(&self) -> Option<HashSet<u64>> {
        let keys: Vec<u64> = self.keys().collect();
        let variances: Vec<f64> = keys.iter().map(|&key| self.variance(key)).collect();
        let rows = |&key: &u64| {
            let mut rows = [0.0; 2];
            for (of_side, members) in rows.iter_mut().zip(&self.members) {
                *of_side = members.rows(key).len() as f64;
            }
            rows
        };
        let rows: Vec<[f64; 2]> = keys.iter().map(rows).collect();
        let largest = dominating_groups(&variances, &rows)?;
        Some(largest.into_iter().map(|group| keys[group]).collect())
    }

    /// The same groups but for some; one more pass over the rows.
    fn without(mut self, some: HashSet<u64>, control: &Control) -> Result<Self, TaskError> {
        if some.is_empty() {
            return Ok(self);
        }
        for (part, &side) in self.which.iter().enumerate() {
            let source = self.sides.source(side);
            let mean = &self.means[part];
            let mut sum = vec![0.0; source.dim];
            self.sides.each_mapped(side, control, "groups", |index, rows| {
                for (row, &index) in rows.chunks_exact(source.dim).zip(index) {
                    if some.contains(&source.key(index)) {
                        for ((sum, v), m) in sum.iter_mut().zip(row).zip(mean) {
                            *sum += v - m;
                        }
                    }
                }
            })?;
            let of_some = some.iter().map(|&key| self.members[part].rows(key).len() as f64);
            let left = self.rows[part] - of_some.sum::<f64>();
            self.means[part] = mean.iter().zip(sum).map(|(m, sum)| m - sum / left).collect();
            self.rows[part] = left;
        }
        self.without = some;
        Ok(self)
    }

    fn noise(&self, sample: Sample, control: &Control) -> Result<ClusterNoise, TaskError> {
        let dim = self.sides.source(0).dim;
        let groups = self.keys().count() as u64;
        let effective = effective_groups(self.keys().map(|key| self.variance(key)));
        // where the sum of a group stands, if it is taken
        let keys = self.members.iter().map(Members::keys).max().unwrap_or(0);
        let mut place = vec![u32::MAX; keys];
        let mut taken = 0_u32;
        for key in self.keys().filter(|&key| sample.takes(key)) {
            place[key as usize] = taken;
            taken += 1;
        }
        let mut noise = ClusterNoise::new(dim, groups, effective);
        let at_a_time = (SUMS / (8 * dim)).max(1);
        for first in (0..taken as usize).step_by(at_a_time) {
            let last = (first + at_a_time).min(taken as usize);
            let mut sums = vec![0.0; (last - first) * dim];
            for (part, &side) in self.which.iter().enumerate() {
                // with the sign of its side, so that the sums of all groups are a sample whose mean has the noise
                let sign = if side == 0 { 1.0 } else { -1.0 };
                let all = self.rows[part];
                let plain = sign * groups as f64 / all;
                let mean = &self.means[part];
                let source = self.sides.source(side);
                self.sides.each_mapped(side, control, "groups", |index, rows| {
                    for (row, &index) in rows.chunks_exact(dim).zip(index) {
                        let key = source.key(index);
                        let at = place[key as usize] as usize;
                        if (first..last).contains(&at) {
                            let rows = self.members[part].rows(key).len() as f64;
                            let weight = plain * left_out(groups as f64, rows, all);
                            let sum = &mut sums[(at - first) * dim..(at - first + 1) * dim];
                            for ((sum, v), m) in sum.iter_mut().zip(row).zip(mean) {
                                *sum += weight * (v - m);
                            }
                        }
                    }
                })?;
            }
            for some in sums.chunks(COUNTED * dim) {
                control.cancel.check()?;
                control.pool().install(|| noise.add(as_rows(some, dim)));
            }
        }
        Ok(noise)
    }
}
