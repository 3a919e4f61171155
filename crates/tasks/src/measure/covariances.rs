//! Covariances of the rows of a measurement, in halves of independent groups, and what their storage adds to them.

use modality_gap_geometry::{Covariance, Halves, StorageNoise, StoredRows};
use modality_gap_kernels::dot;

use super::into_halves::IntoHalves;
use super::pairs::Pairs;
use super::sides::Sides;
use crate::mapper::Mapper;
use crate::split::{quarter, quarter_by};
use crate::walk::walk;
use crate::{Control, Sample, TaskError};

/// The covariance of one side.
pub(super) struct SideCovariance {
    pub halves: Halves,
    /// Of both halves.
    pub whole: Covariance,
    /// Variances that rounding of the stored rows adds to the columns.
    pub storage: Vec<f64>,
}

/// Which rows of a side a covariance is taken from.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    /// Which groups.
    pub sample: Sample,
    /// Whether the first row of each group stands for all of them.
    pub one_of_each: bool,
}

/// Covariance of the mapped rows of a side that are `taken`; `gain` is how many times as far the map has spread them. Of `pairs` in
/// no group both rows are in one quarter.
pub(super) fn covariance_of_side(
    sides: &Sides<'_>,
    side: usize,
    taken: Taken,
    gain: f64,
    pairs: Option<&Pairs>,
    control: &Control,
) -> Result<SideCovariance, TaskError> {
    let source = sides.source(side);
    let dim = source.dim;
    let starts = source.starts();
    let mean = sides.moments(side).mean();
    let mut rows_of = IntoHalves::about(mean, sides.grouped());
    let quarter_of = |index: u64, row: &[f64]| match pairs {
        _ if sides.grouped() => quarter(source.key(index)),
        Some(pairs) => pairs
            .quarters
            .get(index as usize)
            .map_or(0, |&of| usize::from(of)),
        None => quarter_by(dot(row, mean)),
    };
    let mut storage = StorageNoise::new(dim);
    let mut shard: Option<(usize, StoredRows)> = None;
    let unit = sides.moments(side).unit();
    let mut mapper = Mapper::new(sides.map(side));
    let stage = format!("covariance {}", ["image", "text"][side]);
    let firsts = (taken.one_of_each && sides.grouped()).then(|| sides.members(side).firsts());
    walk(source, control, &stage, |first, rows| {
        let stands = |row: u64| {
            firsts
                .as_ref()
                .is_none_or(|firsts| firsts.binary_search(&row).is_ok())
        };
        let take = |row| taken.sample.takes(source.key(row)) && sides.takes(side, row) && stands(row);
        mapper.map(first, rows, take);
        for (row, &i) in mapper.out.chunks_exact(dim).zip(&mapper.kept) {
            let index = first + i as u64;
            rows_of.push(source.key(index), quarter_of(index, row), row);
            let part = starts.partition_point(|&start| start <= index) - 1;
            if shard.as_ref().is_none_or(|(open, _)| *open != part) {
                if let Some((_, done)) = &shard {
                    storage.add(done);
                }
                shard = Some((part, StoredRows::new(source.parts[part].dtype(), dim)));
            }
            if let Some((_, open)) = &mut shard {
                open.add(&rows[i * dim..(i + 1) * dim], unit);
            }
        }
        rows_of.count(control);
        Ok(())
    })?;
    if let Some((_, done)) = &shard {
        storage.add(done);
    }
    let halves = rows_of.halves(control);
    Ok(SideCovariance {
        whole: halves.whole(),
        halves,
        storage: storage.variances(gain),
    })
}
