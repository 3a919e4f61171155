//! Covariances of the rows of a measurement, in halves of independent groups, and what their storage adds to them.

use modality_gap_geometry::{Covariance, Halves, StorageNoise, StoredRows};
use modality_gap_kernels::dot;
use rayon::prelude::*;

use super::into_halves::{IntoHalves, Sorted};
use super::sides::Sides;
use crate::mapper::{MappedBlock, each_mapped};
use crate::split::{quarter, quarter_by};
use crate::{Control, RowSet, Sample, TaskError};

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

/// What is counted of a side on the way to its covariance.
pub(super) struct SideRows<'a, 'b> {
    sides: &'a Sides<'b>,
    side: usize,
    starts: Vec<u64>,
    halves: IntoHalves,
    storage: StorageNoise,
    /// Those of the shard whose rows came last.
    open: Option<(usize, StoredRows)>,
}

impl<'a, 'b> SideRows<'a, 'b> {
    pub(super) fn new(sides: &'a Sides<'b>, side: usize) -> Self {
        Self {
            sides,
            side,
            starts: sides.source(side).starts(),
            halves: IntoHalves::about(sides.moments(side).mean(), sides.grouped()),
            storage: StorageNoise::new(sides.source(side).dim),
            open: None,
        }
    }

    /// Counts the rows of some blocks, in `quarters` block by block.
    pub(super) fn count(&mut self, blocks: &[MappedBlock<'_>], quarters: &[Vec<u8>], control: &Control) {
        let source = self.sides.source(self.side);
        let all = blocks.iter().zip(quarters);
        let rows = all.flat_map(|(block, quarters)| sorted(source, block, quarters));
        self.halves.count(rows, control);
        let stored: Vec<Vec<(usize, StoredRows)>> = control
            .pool()
            .install(|| blocks.par_iter().map(|block| self.stored(block)).collect());
        for (shard, rows) in stored.into_iter().flatten() {
            match &mut self.open {
                Some((open, all)) if *open == shard => all.merge(&rows),
                open => {
                    if let Some((_, done)) = open.replace((shard, rows)) {
                        self.storage.add(&done);
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

    /// The covariance; `gain` is how many times as far the map has spread the rows.
    pub(super) fn covariance(mut self, gain: f64) -> SideCovariance {
        if let Some((_, done)) = &self.open {
            self.storage.add(done);
        }
        let halves = self.halves.halves();
        SideCovariance {
            whole: halves.whole(),
            halves,
            storage: self.storage.variances(gain),
        }
    }
}

/// The rows of a block with their groups and quarters.
fn sorted<'a>(
    source: &'a RowSet,
    block: &'a MappedBlock<'_>,
    quarters: &'a [u8],
) -> impl Iterator<Item = Sorted<'a>> {
    let rows = block.each().zip(quarters);
    rows.map(|((index, row), &quarter)| Sorted {
        key: source.key(index),
        quarter: usize::from(quarter),
        row,
    })
}

/// Covariance of the mapped rows of a side that are `taken`; `gain` is how many times as far the map has spread them. `pairs`
/// are the quarters of pairs in no group, by their index: both rows of a pair are in one.
pub(super) fn covariance_of_side(
    sides: &Sides<'_>,
    side: usize,
    taken: Taken,
    gain: f64,
    pairs: Option<&[u8]>,
    control: &Control,
) -> Result<SideCovariance, TaskError> {
    let source = sides.source(side);
    let mean = sides.moments(side).mean();
    let quarter_of = |index: u64, row: &[f64]| match pairs {
        _ if sides.grouped() => quarter(source.key(index)),
        Some(quarters) => quarters.get(index as usize).map_or(0, |&of| usize::from(of)),
        None => quarter_by(dot(row, mean)),
    };
    let firsts = (taken.one_of_each && sides.grouped()).then(|| sides.members(side).firsts());
    let take = |_, row: u64| {
        let stands = || {
            firsts
                .as_ref()
                .is_none_or(|firsts| firsts.binary_search(&row).is_ok())
        };
        taken.sample.takes(source.key(row)) && sides.takes(side, row) && stands()
    };
    let mut rows = SideRows::new(sides, side);
    let stage = format!("covariance {}", ["image", "text"][side]);
    each_mapped([source], [sides.map(side)], take, control, &stage, |[blocks]| {
        let of_block = |block: &MappedBlock<'_>| -> Vec<u8> {
            block
                .each()
                .map(|(index, row)| quarter_of(index, row) as u8)
                .collect()
        };
        let quarters: Vec<Vec<u8>> = control
            .pool()
            .install(|| blocks.par_iter().map(of_block).collect());
        rows.count(blocks, &quarters, control);
    })?;
    Ok(rows.covariance(gain))
}
