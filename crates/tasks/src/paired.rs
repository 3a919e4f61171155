//! Passes over pairs: row i with row i, or every row with all rows of its group on the other side.

use std::ops::Range;

use modality_gap_geometry::{Map, UnitRows};

use crate::groups::{Members, Pairing};
use crate::mapper::{MappedBlock, Mapper, check_pairs, each_mapped};
use crate::scan::BLOCK_ROWS;
use crate::walk::{Joined, Stored, walk};
use crate::{Control, RowSet, TaskError};

/// Rows between two wanted ones that are read rather than skipped.
const BRIDGED: u64 = 16;

/// Rows among which those that are taken are sought at a time.
const SOUGHT_ROWS: u64 = 1 << 16;

/// Some pairs: row k of `left` with row k of `right`.
pub(crate) struct PairBlock<'a> {
    /// Group of each pair; its index where rows are paired by index and in no group.
    pub keys: &'a [u64],
    /// Mapped rows of the first source, row-major.
    pub left: &'a mut [f64],
    /// Mapped rows of the second source, row-major.
    pub right: &'a mut [f64],
}

/// Two sources whose rows are paired.
pub(crate) struct Paired<'a> {
    pub sources: [&'a RowSet; 2],
    pub maps: [&'a Map; 2],
    pub pairing: Pairing,
}

impl Paired<'_> {
    /// Gives `body` the pairs of rows that `take` takes by side and index, some blocks at a time.
    pub fn each(
        &self,
        take: impl Fn(usize, u64) -> bool + Sync,
        control: &Control,
        stage: &str,
        mut body: impl FnMut(&mut [PairBlock<'_>]),
    ) -> Result<(), TaskError> {
        let [left, _] = self.sources;
        if self.pairing == Pairing::Groups {
            return self.each_of_groups(&take, control, stage, &mut |block| body(&mut [block]));
        }
        let both = |_, row| take(0, row) && take(1, row);
        each_mapped(self.sources, self.maps, both, control, stage, |[x, z]| {
            let of_block = |block: &MappedBlock<'_>| -> Vec<u64> {
                block.each().map(|(row, _)| left.key(row)).collect()
            };
            let keys: Vec<Vec<u64>> = x.iter().map(of_block).collect();
            let pairs = x.iter_mut().zip(z).zip(&keys);
            let mut blocks: Vec<PairBlock<'_>> = pairs
                .map(|((x, z), keys)| {
                    check_pairs(&x.mapper, &z.mapper);
                    PairBlock {
                        keys,
                        left: &mut x.mapper.out,
                        right: &mut z.mapper.out,
                    }
                })
                .collect();
            body(&mut blocks);
        })
    }

    fn each_of_groups(
        &self,
        take: &dyn Fn(usize, u64) -> bool,
        control: &Control,
        stage: &str,
        body: &mut dyn FnMut(PairBlock<'_>),
    ) -> Result<(), TaskError> {
        let [left, right] = self.sources;
        let dim = left.dim;
        let members = Members::of(left, |row| take(0, row));
        let mut gather = Gather::open(left, self.maps[0]);
        let mut mapper = Mapper::new(self.maps[1]);
        let (mut keys, mut x, mut y) = (Vec::new(), Vec::new(), Vec::new());
        walk(right, control, stage, |first, rows| {
            mapper.map(first, rows, |row| take(1, row));
            let key = |i: usize| right.key(first + i as u64);
            let mut wanted: Vec<u64> = mapper
                .kept
                .iter()
                .flat_map(|&i| members.rows(key(i)).iter().map(|&row| u64::from(row)))
                .collect();
            wanted.sort_unstable();
            wanted.dedup();
            gather.read(&wanted)?;
            debug_assert_eq!(gather.indices, wanted, "usable rows");
            for (row, &i) in mapper.out.chunks_exact(dim).zip(&mapper.kept) {
                for &partner in members.rows(key(i)) {
                    let at = wanted.binary_search(&u64::from(partner)).expect("it was read");
                    keys.push(key(i));
                    x.extend_from_slice(&gather.rows[at * dim..(at + 1) * dim]);
                    y.extend_from_slice(row);
                    if keys.len() as u64 == BLOCK_ROWS {
                        give(&mut keys, &mut x, &mut y, body);
                    }
                }
            }
            give(&mut keys, &mut x, &mut y, body);
            Ok(())
        })
    }
}

fn give(keys: &mut Vec<u64>, x: &mut Vec<f64>, y: &mut Vec<f64>, body: &mut dyn FnMut(PairBlock<'_>)) {
    if !keys.is_empty() {
        body(PairBlock {
            keys,
            left: x,
            right: y,
        });
    }
    keys.clear();
    x.clear();
    y.clear();
}

/// Mapped rows of a source by their indices.
pub(crate) struct Gather<'a> {
    joined: Joined,
    mapper: Mapper<'a>,
    dim: usize,
    stored: Stored,
    read: Vec<f64>,
    /// The usable rows among those asked for last, row-major.
    pub rows: Vec<f64>,
    /// Their indices in the source.
    pub indices: Vec<u64>,
}

impl<'a> Gather<'a> {
    pub fn open(source: &RowSet, map: &'a Map) -> Self {
        Self {
            joined: Joined::open(source),
            mapper: Mapper::new(map),
            dim: source.dim,
            stored: Stored::default(),
            read: Vec::new(),
            rows: Vec::new(),
            indices: Vec::new(),
        }
    }

    /// Reads those of the rows `wanted`, ascending, that are usable.
    pub fn read(&mut self, wanted: &[u64]) -> Result<(), TaskError> {
        self.rows.clear();
        self.indices.clear();
        let mut at = 0;
        while at < wanted.len() {
            let first = wanted[at];
            let mut end = at + 1;
            while end < wanted.len()
                && wanted[end] - wanted[end - 1] <= BRIDGED
                && wanted[end] - first < BLOCK_ROWS
            {
                end += 1;
            }
            let count = (wanted[end - 1] - first + 1) as usize;
            self.joined.read(first, count, &mut self.stored, &mut self.read)?;
            let run = &wanted[at..end];
            self.mapper
                .map(first, &self.read, |row| run.binary_search(&row).is_ok());
            self.rows.extend_from_slice(&self.mapper.out);
            let kept = self.mapper.kept.iter();
            self.indices.extend(kept.map(|&i| first + i as u64));
            at = end;
        }
        Ok(())
    }

    /// As [`Self::read`], scaled to unit length.
    pub fn unit_rows(&mut self, wanted: &[u64]) -> Result<UnitRows, TaskError> {
        self.read(wanted)?;
        let mut rows = UnitRows::new(self.dim);
        self.add_to(&mut rows);
        Ok(rows)
    }

    /// Adds the rows asked for last to others, scaled to unit length.
    pub fn add_to(&self, rows: &mut UnitRows) {
        for (row, &index) in self.rows.chunks_exact(self.dim).zip(&self.indices) {
            rows.push(row, index);
        }
    }
}

/// Gives `body` the usable rows of a range that `take` takes, mapped, some at a time; other rows are not read, but for a few between two
/// that are.
pub(crate) fn each_taken(
    source: &RowSet,
    map: &Map,
    range: Range<u64>,
    take: impl Fn(u64) -> bool,
    control: &Control,
    stage: &str,
    mut body: impl FnMut(&Gather<'_>),
) -> Result<(), TaskError> {
    let end = range.end.min(source.rows());
    let stage = control.stage(stage, end.saturating_sub(range.start));
    let mut gather = Gather::open(source, map);
    let mut first = range.start;
    while first < end {
        control.cancel.check()?;
        let last = end.min(first + SOUGHT_ROWS);
        let wanted: Vec<u64> = (first..last).filter(|&row| take(row)).collect();
        gather.read(&wanted)?;
        body(&gather);
        stage.add(last - first);
        first = last;
    }
    Ok(())
}
