//! The covariance of a difference of means, where rows of one group are not independent.

use modality_gap_geometry::{ClusterNoise, effective_groups, left_out};

use super::sides::Sides;
use crate::groups::Members;
use crate::{Control, Sample, TaskError};

/// Bytes of the sums of groups that are held at a time.
const SUMS: usize = 256 << 20;
/// Sums that are counted at a time.
const COUNTED: usize = 512;

/// Noise of μ̂x − μ̂z by groups: where both sides share them by the sums over both, otherwise by side.
pub(super) fn cluster_noise(
    sides: &Sides<'_>,
    sample: Sample,
    control: &Control,
) -> Result<ClusterNoise, TaskError> {
    if sides.grouping().shared {
        return of_groups(sides, &[0, 1], sample, control);
    }
    let x = of_groups(sides, &[0], sample, control)?;
    let z = of_groups(sides, &[1], sample, control)?;
    Ok(x.plus(&z))
}

/// Of the groups that have a row on one of `which` sides.
fn of_groups(
    sides: &Sides<'_>,
    which: &[usize],
    sample: Sample,
    control: &Control,
) -> Result<ClusterNoise, TaskError> {
    let dim = sides.source(0).dim;
    let members: Vec<_> = which.iter().map(|&side| sides.members(side)).collect();
    let keys = members.iter().map(Members::keys).max().unwrap_or(0);
    let present = |key: u64| members.iter().any(|members| !members.rows(key).is_empty());
    let groups = (0..keys as u64).filter(|&key| present(key)).count() as u64;
    let all: Vec<f64> = which
        .iter()
        .map(|&side| sides.moments(side).rows() as f64)
        .collect();
    let rows_of = |part: usize, key: u64| members[part].rows(key).len() as f64;
    let items = &sides.grouping().items;
    let share = |key: u64| -> f64 {
        let parts = which.iter().zip(&members);
        parts
            .map(|(&side, members)| items.variance(side, members.rows(key), sides.moments(side)))
            .sum()
    };
    let effective = effective_groups((0..keys as u64).filter(|&key| present(key)).map(share));
    // where the sum of a group stands, if it is taken
    let mut place = vec![u32::MAX; keys];
    let mut taken = 0_u32;
    for key in 0..keys as u64 {
        if present(key) && sample.takes(key) {
            place[key as usize] = taken;
            taken += 1;
        }
    }
    let mut noise = ClusterNoise::new(dim, groups, effective);
    let at_a_time = (SUMS / (8 * dim)).max(1);
    for first in (0..taken as usize).step_by(at_a_time) {
        let last = (first + at_a_time).min(taken as usize);
        let mut sums = vec![0.0; (last - first) * dim];
        for (part, &side) in which.iter().enumerate() {
            // with the sign of its side, so that the sums of all groups are a sample whose mean has the noise
            let sign = if side == 0 { 1.0 } else { -1.0 };
            let plain = sign * groups as f64 / all[part];
            let mean = sides.moments(side).mean();
            let source = sides.source(side);
            sides.each_mapped(side, control, "groups", |index, rows| {
                for (row, &index) in rows.chunks_exact(dim).zip(index) {
                    let at = place[source.key(index) as usize] as usize;
                    if (first..last).contains(&at) {
                        let rows = rows_of(part, source.key(index));
                        let weight = plain * left_out(groups as f64, rows, all[part]);
                        let sum = &mut sums[(at - first) * dim..(at - first + 1) * dim];
                        for ((sum, v), m) in sum.iter_mut().zip(row).zip(mean) {
                            *sum += weight * (v - m);
                        }
                    }
                }
            })?;
        }
        for some in sums.chunks_mut(COUNTED * dim) {
            control.cancel.check()?;
            control.pool().install(|| noise.add(some));
        }
    }
    Ok(noise)
}
