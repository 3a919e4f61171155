//! Both sides of a measurement: their rows, maps and moments.

use std::ops::Range;

use modality_gap_geometry::{Map, Moments, Precision, UnitRows};
use rayon::prelude::*;

use super::report::GroupsReport;
use crate::groups::{Grouping, Known, Members, Pairing, dropped_rows};
use crate::mapper::{MappedBlock, Mapper, each_mapped};
use crate::moments::{Counted, count, count_hashed};
use crate::paired::{PairBlock, Paired, each_taken};
use crate::receipt::WorkFolder;
use crate::row_hash::UNUSABLE;
use crate::scan::BLOCK_ROWS;
use crate::walk::{walk, walk_range};
use crate::{Control, RowSet, Sample, Selection, Split, TaskError};

/// Rows a side that covariances are taken from; beyond, a sample of about as many.
pub(super) const COVARIANCE_ROWS: u64 = 200_000;
/// Rows from which means of them are taken in f32: its errors are not the same in any two rows, and a mean has as little of them.
pub(super) const IN_F32: u64 = 16_384;
/// Rows for each column from which covariances are whose eigenvalues are asked for: those of halves of the rows are smaller.
const IN_F32_PER_COLUMN: u64 = 8;
/// Rows of a block that a thread maps at a time.
const PART_ROWS: u64 = 128;
/// Names of the sides, for progress.
const NAMES: [&str; 2] = ["image", "text"];
/// No row is left out.
const NOTHING: [Vec<u64>; 2] = [Vec::new(), Vec::new()];

/// Image and text, each under its map.
pub(super) struct Sides<'a> {
    sources: [RowSet; 2],
    maps: [&'a Map; 2],
    counted: [Counted; 2],
    /// Where a split is given, only the rows that it holds out are measured.
    split: Split,
    grouping: Grouping,
    /// Rows left out by side: those of pairs whose partner was dropped, and those that stand for an item once more.
    exclude: [Vec<u64>; 2],
    /// Rows left out because of a partner.
    without_partner: u64,
    /// Hash of the stored bits of each row; empty where there are too many.
    hashes: [Vec<u64>; 2],
    /// Where the states of shards are kept that are counted elsewhere.
    work: Option<&'a WorkFolder>,
}

impl<'a> Sides<'a> {
    /// Counts both sides and finds their groups; of rows paired by index a dropped one takes its partner with it.
    pub(super) fn count(
        sources: [&RowSet; 2],
        maps: [&'a Map; 2],
        paired: bool,
        split: Split,
        work: Option<&'a WorkFolder>,
        control: &Control,
    ) -> Result<Self, TaskError> {
        let grouping = Grouping::declared(sources, paired)?;
        let mut sides = Self {
            sources: sources.map(RowSet::clone),
            maps,
            counted: count_both(sources, maps, split, (&NOTHING, true), work, control)?,
            split,
            grouping,
            exclude: NOTHING,
            without_partner: 0,
            hashes: NOTHING,
            work,
        };
        let again = sides
            .grouping
            .observe(&mut sides.sources, &sides.counted, split.splits());
        sides.hashes = sides
            .counted
            .each_mut()
            .map(|counted| std::mem::take(&mut counted.hashes));
        sides.count_again(again, control)?;
        Ok(sides)
    }

    /// The same rows under other maps, in the groups that are known already.
    pub(super) fn under<'b>(&self, maps: [&'b Map; 2], control: &Control) -> Result<Sides<'b>, TaskError>
    where
        'a: 'b,
    {
        let sources = [&self.sources[0], &self.sources[1]];
        let mut sides = Sides {
            sources: self.sources.clone(),
            maps,
            counted: count_both(
                sources,
                maps,
                self.split,
                (&self.grouping.repeats, false),
                self.work,
                control,
            )?,
            split: self.split,
            grouping: self.grouping.clone(),
            exclude: self.grouping.repeats.clone(),
            without_partner: 0,
            hashes: NOTHING,
            work: self.work,
        };
        sides.count_again(false, control)?;
        Ok(sides)
    }

    /// Counts once more, without the rows that are now known to be left out, if there are any.
    fn count_again(&mut self, again: bool, control: &Control) -> Result<(), TaskError> {
        let sources = [&self.sources[0], &self.sources[1]];
        let mut exclude = self.grouping.repeats.clone();
        let mut again = again;
        if self.grouping.pairing == Pairing::Index {
            let dropped = dropped_rows(sources, &self.counted);
            self.without_partner = dropped.len() as u64;
            again |= !dropped.is_empty();
            exclude = [dropped.clone(), dropped];
        }
        if again {
            let work = self.work;
            self.counted = count_both(sources, self.maps, self.split, (&exclude, false), work, control)?;
        }
        self.exclude = exclude;
        for (side, source) in self.sources.iter().enumerate() {
            let rows = self.moments(side).rows();
            if rows < 2 {
                let text = format!("{} has {rows} usable rows; a gap needs at least 2", source.name());
                return Err(TaskError::TooFewRows(text));
            }
        }
        Ok(())
    }

    pub(super) fn moments(&self, side: usize) -> &Moments {
        self.measured(&self.counted[side])
    }

    /// Rows that could not be used, or whose partner could not.
    pub(super) fn dropped_rows(&self, side: usize) -> u64 {
        self.counted[side].dropped_rows().max(self.without_partner)
    }

    /// Whether a row of a side, usable or not, is one to measure.
    pub(super) fn takes(&self, side: usize, row: u64) -> bool {
        (!self.split.splits() || self.split.held(self.sources[side].key(row)))
            && !self.selection(side).excludes(row)
    }

    /// What such a count says of the rows that are measured.
    pub(super) fn measured<'c>(&self, counted: &'c Counted) -> &'c Moments {
        if self.split.splits() {
            &counted.held
        } else {
            &counted.fit
        }
    }

    pub(super) fn source(&self, side: usize) -> &RowSet {
        &self.sources[side]
    }

    pub(super) fn grouping(&self) -> &Grouping {
        &self.grouping
    }

    /// Whether rows belong together.
    pub(super) fn grouped(&self) -> bool {
        self.grouping.known.is_some()
    }

    /// Rows of the longer side.
    pub(super) fn longest(&self) -> u64 {
        self.sources.iter().map(RowSet::rows).max().unwrap_or(0)
    }

    /// What products of covariances are taken in, as far as the number of rows decides it; `eigenvalues` says whether theirs are asked for.
    pub(super) fn precision(&self, eigenvalues: bool) -> Precision {
        let per_column = if eigenvalues { IN_F32_PER_COLUMN } else { 1 };
        let enough = IN_F32.max(per_column * self.sources[0].dim as u64);
        let many = |side: usize| self.moments(side).unit() && self.independent(side) >= enough;
        if many(0) && many(1) {
            Precision::Single
        } else {
            Precision::Exact
        }
    }

    /// Hashes of the rows of a side that are measured; none where there are too many rows.
    pub(super) fn measured_hashes(&self, side: usize) -> impl Iterator<Item = u64> + '_ {
        let hashes = self.hashes[side].iter().enumerate();
        hashes
            .filter(move |&(row, &hash)| hash != UNUSABLE && self.takes(side, row as u64))
            .map(|(_, &hash)| hash)
    }

    /// Rows of a side that are independent of each other: its groups, where there are any.
    pub(super) fn independent(&self, side: usize) -> u64 {
        if self.grouped() {
            self.members(side).groups()
        } else {
            self.moments(side).rows()
        }
    }

    /// Rows that could not be used, by their index in the source.
    fn bad_rows(&self, side: usize) -> Vec<u64> {
        let dropped = &self.counted[side].dropped;
        let shards = self.sources[side].starts().into_iter().zip(dropped);
        shards
            .flat_map(|(start, rows)| rows.iter().map(move |row| start + row))
            .collect()
    }

    /// Rows of a side that are left out, whatever the reason, by their index in the source.
    pub(super) fn left_out(&self, side: usize) -> Vec<u64> {
        let mut rows = self.bad_rows(side);
        rows.extend_from_slice(&self.exclude[side]);
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// Where the states of shards are kept that are counted elsewhere.
    pub(super) fn work(&self) -> Option<&'a WorkFolder> {
        self.work
    }

    /// `groups` of the results: how many there are, where rows belong together.
    pub(super) fn groups(&self) -> Option<GroupsReport> {
        let known = self.grouping.known?;
        let members = [0, 1].map(|side| self.members(side));
        let [image, text] = [0, 1].map(|side: usize| members[side].groups());
        let both = self.grouping.shared.then(|| {
            let keys = members[0].keys().max(members[1].keys()) as u64;
            let both = (0..keys).filter(|&key| members.iter().all(|side| !side.rows(key).is_empty()));
            both.count()
        });
        let repeated =
            (known == Known::Ids).then(|| [0, 1].map(|side: usize| self.grouping.repeats[side].len()).into());
        let pairs = (self.grouping.pairing == Pairing::Groups).then(|| {
            let keys = members[0].keys().min(members[1].keys()) as u64;
            let pairs = (0..keys).map(|key| members[0].rows(key).len() * members[1].rows(key).len());
            pairs.sum()
        });
        Some(GroupsReport {
            by: match known {
                Known::Ids => "ids",
                Known::EqualRows => "equal-rows",
            },
            from: None,
            image,
            text,
            both,
            repeated,
            pairs,
        })
    }

    /// Gives `body` the mapped rows of a side that are measured, not scaled, with their indices.
    pub(super) fn each_mapped(
        &self,
        side: usize,
        control: &Control,
        stage: &str,
        mut body: impl FnMut(&[u64], &[f64]),
    ) -> Result<(), TaskError> {
        let mut mapper = Mapper::new(self.maps[side]);
        let mut indices = Vec::new();
        let stage = format!("{stage} {}", NAMES[side]);
        walk(&self.sources[side], control, &stage, |first, rows| {
            mapper.map(first, rows, |row| self.takes(side, row));
            indices.clear();
            indices.extend(mapper.kept.iter().map(|&i| first + i as u64));
            body(&indices, &mapper.out);
            Ok(())
        })
    }

    /// The usable rows of each group of a side that are measured.
    pub(super) fn members(&self, side: usize) -> Members {
        let bad = self.bad_rows(side);
        Members::of(&self.sources[side], |row| {
            self.takes(side, row) && bad.binary_search(&row).is_err()
        })
    }

    /// Gives `body` all pairs that are measured and whose key `sample` takes, one block after another.
    pub(super) fn each_pair(
        &self,
        sample: Sample,
        control: &Control,
        stage: &str,
        mut body: impl FnMut(PairBlock<'_>),
    ) -> Result<(), TaskError> {
        self.each_pairs(sample, control, stage, |blocks| {
            for block in blocks {
                body(PairBlock {
                    keys: block.keys,
                    left: block.left,
                    right: block.right,
                });
            }
        })
    }

    /// As [`Self::each_pair`], some blocks at a time.
    pub(super) fn each_pairs(
        &self,
        sample: Sample,
        control: &Control,
        stage: &str,
        body: impl FnMut(&mut [PairBlock<'_>]),
    ) -> Result<(), TaskError> {
        let paired = Paired {
            sources: [&self.sources[0], &self.sources[1]],
            maps: self.maps,
            pairing: self.grouping.pairing,
        };
        let usable = self.usable();
        let take = |side: usize, row: u64| usable(side, row) && sample.takes(self.sources[side].key(row));
        paired.each(take, control, stage, body)
    }

    /// Gives `body` the blocks of both sides, paired by index, whose rows are those of the pairs that are measured.
    pub(super) fn each_both<'c>(
        &'c self,
        control: &Control,
        stage: &str,
        body: impl FnMut([&mut [MappedBlock<'c>]; 2]),
    ) -> Result<(), TaskError> {
        let usable = self.usable();
        let both = |_, row| usable(0, row) && usable(1, row);
        let sources = [&self.sources[0], &self.sources[1]];
        each_mapped(sources, self.maps, both, control, stage, body)
    }

    /// Whether a row of a side is measured and usable.
    fn usable(&self) -> impl Fn(usize, u64) -> bool + Sync {
        let bad = [0, 1].map(|side| self.bad_rows(side));
        move |side, row| self.takes(side, row) && bad[side].binary_search(&row).is_err()
    }

    /// Gives `body` the unit-length mapped rows of a side that are measured, block by block, each in parts.
    pub(super) fn each_block(
        &self,
        side: usize,
        map: &Map,
        range: Range<u64>,
        control: &Control,
        stage: &str,
        mut body: impl FnMut(Vec<UnitRows>) -> Result<(), TaskError>,
    ) -> Result<(), TaskError> {
        let stage = format!("{stage} {}", NAMES[side]);
        // products with the matrices of a staged map may round otherwise in parts of another size
        let width = match map {
            Map::Row(_) => PART_ROWS,
            Map::Staged(_) => BLOCK_ROWS,
        };
        walk_range(&self.sources[side], range, control, &stage, |first, rows| {
            let parts = rows.par_chunks(width as usize * map.dim()).enumerate();
            let parts = parts.map(|(i, rows)| self.unit_rows(side, map, first + i as u64 * width, rows));
            body(control.pool().install(|| parts.collect()))
        })
    }

    /// The unit-length mapped rows among `rows`, the first of which is row `first` of a side, that are measured.
    fn unit_rows(&self, side: usize, map: &Map, first: u64, rows: &[f64]) -> UnitRows {
        let mut mapper = Mapper::new(map);
        mapper.map(first, rows, |row| self.takes(side, row));
        let mut unit = UnitRows::new(map.dim());
        for (row, &i) in mapper.out.chunks_exact(map.dim()).zip(&mapper.kept) {
            unit.push(row, first + i as u64);
        }
        unit
    }

    /// The unit-length mapped rows of a side within a range that `sample` takes.
    pub(super) fn collect(
        &self,
        side: usize,
        map: &Map,
        sample: Sample,
        range: Range<u64>,
        control: &Control,
        stage: &str,
    ) -> Result<UnitRows, TaskError> {
        if !sample.is_all() {
            return self.sampled(side, map, sample, range, control, stage);
        }
        let mut rows = UnitRows::new(map.dim());
        self.each_block(side, map, range, control, stage, |parts| {
            for part in &parts {
                (0..part.len()).for_each(|i| rows.copy(part, i));
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// [`Self::collect`] of a sample; other rows are not read.
    fn sampled(
        &self,
        side: usize,
        map: &Map,
        sample: Sample,
        range: Range<u64>,
        control: &Control,
        stage: &str,
    ) -> Result<UnitRows, TaskError> {
        let source = &self.sources[side];
        let take = |row| sample.takes(source.key(row)) && self.takes(side, row);
        let mut rows = UnitRows::new(map.dim());
        let stage = format!("{stage} {}", NAMES[side]);
        each_taken(source, map, range, take, control, &stage, |taken| {
            taken.add_to(&mut rows);
        })?;
        Ok(rows)
    }

    pub(super) fn map(&self, side: usize) -> &Map {
        self.maps[side]
    }

    pub(super) fn selection(&self, side: usize) -> Selection<'_> {
        Selection {
            split: self.split,
            exclude: &self.exclude[side],
            ..Selection::ALL
        }
    }
}

fn count_both(
    sources: [&RowSet; 2],
    maps: [&Map; 2],
    split: Split,
    (exclude, hashed): (&[Vec<u64>; 2], bool),
    work: Option<&WorkFolder>,
    control: &Control,
) -> Result<[Counted; 2], TaskError> {
    let side = |i: usize| {
        let selection = Selection {
            split,
            exclude: &exclude[i],
            ..Selection::ALL
        };
        let stage = format!("moments {}", NAMES[i]);
        if hashed {
            count_hashed(sources[i], maps[i], selection, control, &stage, work)
        } else {
            count(sources[i], maps[i], selection, control, &stage, work)
        }
    };
    Ok([side(0)?, side(1)?])
}
