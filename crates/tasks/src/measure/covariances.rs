//! Covariances of the rows of a measurement, in halves of independent groups, and what their storage adds to them.

use modality_gap_geometry::{Covariance, Halves, Precision, StorageNoise, StoredRows};
use rayon::prelude::*;

use super::sides::Sides;
use crate::covariance::{IntoHalves, Pass, Total};
use crate::mapper::MappedBlock;
use crate::pass::{CovarianceQuarters, CovarianceRows};
use crate::{Control, Sample, Selection, TaskError};

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

/// What the rows of a side are stored with, counted block by block.
pub(super) struct SideStorage<'a, 'b> {
    sides: &'a Sides<'b>,
    side: usize,
    starts: Vec<u64>,
    noise: StorageNoise,
    /// Those of the shard whose rows came last.
    open: Option<(usize, StoredRows)>,
}

impl<'a, 'b> SideStorage<'a, 'b> {
    pub(super) fn new(sides: &'a Sides<'b>, side: usize) -> Self {
        Self {
            sides,
            side,
            starts: sides.source(side).starts(),
            noise: StorageNoise::new(sides.source(side).dim),
            open: None,
        }
    }

    /// Counts the rows of some blocks.
    pub(super) fn count(&mut self, blocks: &[MappedBlock<'_>], control: &Control) {
        let stored: Vec<Vec<(usize, StoredRows)>> = control
            .pool()
            .install(|| blocks.par_iter().map(|block| self.stored(block)).collect());
        for (shard, rows) in stored.into_iter().flatten() {
            match &mut self.open {
                Some((open, all)) if *open == shard => all.merge(&rows),
                open => {
                    if let Some((_, done)) = open.replace((shard, rows)) {
                        self.noise.add(&done);
                    }
                }
            }
        }
    }

    /// What the rows of a block that count are stored with, by shard.
    fn stored(&self, block: &MappedBlock<'_>) -> Vec<(usize, StoredRows)> {
        let (source, unit) = (self.sides.source(self.side), self.sides.moments(self.side).unit());
        let mut shards: Vec<(usize, StoredRows)> = Vec::new();
        let mut row = vec![0.0; source.dim];
        for &i in &block.mapper.kept {
            let index = block.first + i as u64;
            let shard = self.starts.partition_point(|&start| start <= index) - 1;
            if shards.last().is_none_or(|(last, _)| *last != shard) {
                shards.push((shard, StoredRows::new(source.parts[shard].dtype(), source.dim)));
            }
            if let Some((_, rows)) = shards.last_mut() {
                block.stored.row(i, &mut row);
                rows.add(&row, unit);
            }
        }
        shards
    }

    /// Of all rows that were counted.
    pub(super) fn noise(mut self) -> StorageNoise {
        if let Some((_, done)) = &self.open {
            self.noise.add(done);
        }
        self.noise
    }
}

impl SideCovariance {
    /// `gain` is how many times as far the map has spread the rows.
    pub(super) fn of(halves: Halves, storage: &StorageNoise, gain: f64, control: &Control) -> Self {
        Self {
            whole: control.pool().install(|| halves.whole()),
            halves,
            storage: storage.variances(gain),
        }
    }
}

/// Covariance of the mapped rows of a side that are `taken`; `gain` is how many times as far the map has spread them. `pairs`
/// are the quarters of pairs in no group, by their index: both rows of a pair are in one.
pub(super) fn covariance_of_side(
    sides: &Sides<'_>,
    side: usize,
    taken: Taken,
    gain: f64,
    pairs: Option<&[u8]>,
    precision: Precision,
    control: &Control,
) -> Result<SideCovariance, TaskError> {
    let of_side = sides.selection(side);
    // which row is the first of its group depends on which can be used
    let exclude = if sides.grouped() {
        sides.left_out(side)
    } else {
        of_side.exclude.to_vec()
    };
    let selection = Selection {
        subset: taken.sample,
        exclude: &exclude,
        ..of_side
    };
    let rows = CovarianceRows {
        held: selection.split.splits(),
        quarters: Some(CovarianceQuarters {
            grouped: sides.grouped(),
            one_of_each: taken.one_of_each,
        }),
        single: precision == Precision::Single,
    };
    let mean = sides.moments(side).mean();
    let pass = Pass::new(sides.source(side), sides.map(side), mean, selection, rows).in_quarters(pairs);
    let stage = format!("covariance {}", ["image", "text"][side]);
    let Total {
        mut covariances,
        storage,
    } = pass.run(sides.work(), control, &stage)?;
    let first = sides.grouped().then(|| covariances.pop()).flatten();
    let quarters = covariances.try_into().expect("a covariance by quarter");
    let halves = IntoHalves { quarters, first }.halves(control);
    Ok(SideCovariance::of(halves, &storage, gain, control))
}
