//! Blocks of mapped rows in f64, for work that needs the rows themselves.

use std::ops::Range;

use modality_gap_geometry::{Map, Scratch};
use modality_gap_kernels::{Rows, RowsMut};
use rayon::prelude::*;

use crate::control::Stage;
use crate::scan::BLOCK_ROWS;
use crate::walk::{Joined, Stored};
use crate::{Control, RowSet, TaskError};

/// Mapped rows of a block that count, row-major; their indices in the block go into `kept`.
pub(crate) struct Mapper<'a> {
    map: &'a Map,
    scratch: Scratch,
    pub out: Vec<f64>,
    pub kept: Vec<usize>,
}

impl<'a> Mapper<'a> {
    pub(crate) fn new(map: &'a Map) -> Self {
        Self {
            map,
            scratch: Scratch::default(),
            out: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Maps `rows`, the first of which is row `first` of its source, and keeps those that are usable and that `take`
    /// takes by their index in the source.
    pub(crate) fn map(&mut self, first: u64, rows: &[f64], take: impl Fn(u64) -> bool) {
        self.clear();
        self.add(first, 0, Rows::F64(rows), take);
    }

    fn clear(&mut self) {
        self.out.clear();
        self.kept.clear();
    }

    /// Maps more rows of a block, of which `before` stand before these.
    fn add(&mut self, first: u64, before: usize, rows: Rows<'_>, take: impl Fn(u64) -> bool) {
        let dim = self.map.dim();
        self.map.prepare(rows, first, &mut self.scratch, &mut Vec::new());
        let start = self.out.len();
        self.out.resize(start + rows.len(), 0.0);
        self.map
            .write(rows, &self.scratch, RowsMut::F64(&mut self.out[start..]));
        let mut end = start;
        for i in 0..rows.len() / dim {
            if self.scratch.counted(i) && take(first + i as u64) {
                let row = start + i * dim;
                if row != end {
                    self.out.copy_within(row..row + dim, end);
                }
                self.kept.push(before + i);
                end += dim;
            }
        }
        self.out.truncate(end);
    }
}

/// Blocks that threads work on side by side; fixed, so that the number of threads changes nothing.
const TOGETHER: u64 = 4;

/// A block of a source, read and mapped.
pub(crate) struct MappedBlock<'a> {
    /// Index of its first row in the source.
    pub first: u64,
    /// Its rows as they are stored.
    pub stored: Stored,
    /// Those that count, mapped.
    pub mapper: Mapper<'a>,
}

impl<'a> MappedBlock<'a> {
    fn new(map: &'a Map) -> Self {
        Self {
            first: 0,
            stored: Stored::default(),
            mapper: Mapper::new(map),
        }
    }

    fn map(&mut self, take: impl Fn(u64) -> bool) {
        let Self {
            first,
            stored,
            mapper,
        } = self;
        mapper.clear();
        let mut before = 0;
        for rows in stored.pieces() {
            mapper.add(*first + before as u64, before, rows, &take);
            before += rows.len() / mapper.map.dim();
        }
    }

    /// Indices in the source and mapped rows of what counts.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u64, &[f64])> {
        let rows = self.mapper.out.chunks_exact(self.mapper.map.dim());
        self.mapper.kept.iter().map(|&i| self.first + i as u64).zip(rows)
    }
}

/// Blocks of sources with as many rows, some of each at a time and in order: read one after another, and mapped on all threads.
pub(crate) struct Blocks<'a, const N: usize> {
    joined: [Joined; N],
    blocks: [Vec<MappedBlock<'a>>; N],
}

impl<'a, const N: usize> Blocks<'a, N> {
    pub(crate) fn of(sources: [&RowSet; N], maps: [&'a Map; N]) -> Self {
        Self {
            joined: sources.map(Joined::open),
            blocks: maps.map(|map| (0..TOGETHER).map(|_| MappedBlock::new(map)).collect()),
        }
    }

    /// Gives `body` the rows of a range, in blocks from its first row on. `take` says by source and index which rows count.
    pub(crate) fn each(
        &mut self,
        range: Range<u64>,
        take: impl Fn(usize, u64) -> bool + Sync,
        control: &Control,
        stage: &Stage<'_>,
        mut body: impl FnMut([&mut [MappedBlock<'a>]; N]),
    ) -> Result<(), TaskError> {
        let Range {
            start: mut first,
            end,
        } = range;
        while first < end {
            control.cancel.check()?;
            let last = end.min(first + TOGETHER * BLOCK_ROWS);
            let used = (last - first).div_ceil(BLOCK_ROWS) as usize;
            for (joined, blocks) in self.joined.iter().zip(&mut self.blocks) {
                for (block, at) in blocks.iter_mut().zip((first..last).step_by(BLOCK_ROWS as usize)) {
                    block.first = at;
                    let count = BLOCK_ROWS.min(last - at) as usize;
                    joined.fetch(at, count, &mut block.stored)?;
                }
            }
            control.pool().install(|| {
                self.blocks.par_iter_mut().enumerate().for_each(|(side, blocks)| {
                    blocks[..used].par_iter_mut().for_each(|block| {
                        block.map(|row| take(side, row));
                    });
                });
            });
            body(self.blocks.each_mut().map(|blocks| &mut blocks[..used]));
            // shown block by block, so that who stops the job on what is shown finds it stopped
            for at in (first..last).step_by(BLOCK_ROWS as usize) {
                control.cancel.check()?;
                stage.add(BLOCK_ROWS.min(last - at));
            }
            first = last;
        }
        Ok(())
    }
}

/// Gives `body` all blocks of sources with as many rows. `take` says by source and index which rows count.
pub(crate) fn each_mapped<'a, const N: usize>(
    sources: [&RowSet; N],
    maps: [&'a Map; N],
    take: impl Fn(usize, u64) -> bool + Sync,
    control: &Control,
    stage: &str,
    body: impl FnMut([&mut [MappedBlock<'a>]; N]),
) -> Result<(), TaskError> {
    let rows = sources[0].rows();
    let stage = control.stage(stage, rows);
    Blocks::of(sources, maps).each(0..rows, take, control, &stage, body)
}

/// Gives `body` the mapped rows of each block of pairs, row i of one source with row i of the other: index of the
/// block's first row, which of its rows count, the left rows and the right rows.
pub(crate) fn each_pair_block(
    sources: [&RowSet; 2],
    maps: [&Map; 2],
    take: impl Fn(u64) -> bool + Sync,
    control: &Control,
    stage: &str,
    mut body: impl FnMut(u64, &[usize], &mut [f64], &mut [f64]),
) -> Result<(), TaskError> {
    each_mapped(
        sources,
        maps,
        |_, row| take(row),
        control,
        stage,
        |[left, right]| {
            for (left, right) in left.iter_mut().zip(right) {
                let (first, left, right) = (left.first, &mut left.mapper, &mut right.mapper);
                check_pairs(left, right);
                body(first, &left.kept, &mut left.out, &mut right.out);
            }
        },
    )
}

/// Panics where a row counts and its partner does not.
pub(crate) fn check_pairs(left: &Mapper<'_>, right: &Mapper<'_>) {
    assert_eq!(left.kept, right.kept, "a pair counts on both sides or on neither");
}
