//! Blocks of mapped rows in f64, for work that needs the rows themselves.

use modality_gap_geometry::{Covariance, Map, Scratch};
use modality_gap_kernels::{Rows, RowsMut};
use rayon::prelude::*;

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

/// Gives `body` the blocks of sources with as many rows, some of each at a time and in order: read one after another, and mapped on all
/// threads. `take` says by source and index which rows count.
pub(crate) fn each_mapped<'a, const N: usize>(
    sources: [&RowSet; N],
    maps: [&'a Map; N],
    take: impl Fn(usize, u64) -> bool + Sync,
    control: &Control,
    stage: &str,
    mut body: impl FnMut([&mut [MappedBlock<'a>]; N]),
) -> Result<(), TaskError> {
    let joined = sources.map(Joined::open);
    let mut blocks =
        maps.map(|map| -> Vec<MappedBlock<'a>> { (0..TOGETHER).map(|_| MappedBlock::new(map)).collect() });
    let end = sources[0].rows();
    let stage = control.stage(stage, end);
    let mut first = 0;
    while first < end {
        control.cancel.check()?;
        let last = end.min(first + TOGETHER * BLOCK_ROWS);
        let used = (last - first).div_ceil(BLOCK_ROWS) as usize;
        for (joined, blocks) in joined.iter().zip(&mut blocks) {
            for (block, at) in blocks.iter_mut().zip((first..last).step_by(BLOCK_ROWS as usize)) {
                block.first = at;
                let count = BLOCK_ROWS.min(last - at) as usize;
                joined.fetch(at, count, &mut block.stored)?;
            }
        }
        control.pool().install(|| {
            blocks.par_iter_mut().enumerate().for_each(|(side, blocks)| {
                blocks[..used].par_iter_mut().for_each(|block| {
                    block.map(|row| take(side, row));
                });
            });
        });
        body(blocks.each_mut().map(|blocks| &mut blocks[..used]));
        // shown block by block, so that who stops the job on what is shown finds it stopped
        for at in (first..last).step_by(BLOCK_ROWS as usize) {
            control.cancel.check()?;
            stage.add(BLOCK_ROWS.min(last - at));
        }
        first = last;
    }
    Ok(())
}

/// Covariance, about `center`, of the mapped rows that `take` takes.
pub(crate) fn covariance_of(
    source: &RowSet,
    map: &Map,
    center: &[f64],
    take: impl Fn(u64) -> bool + Sync,
    control: &Control,
    stage: &str,
) -> Result<Covariance, TaskError> {
    let mut covariance = Covariance::about(center);
    each_mapped(
        [source],
        [map],
        |_, row| take(row),
        control,
        stage,
        |[blocks]| {
            let rows: Vec<&[f64]> = blocks
                .iter()
                .flat_map(|block| block.each().map(|(_, row)| row))
                .collect();
            control.pool().install(|| covariance.accumulate_each(&rows));
        },
    )?;
    Ok(covariance)
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
