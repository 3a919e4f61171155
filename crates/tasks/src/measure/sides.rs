//! Both sides of a measurement: their rows, maps and moments.

use std::ops::Range;

use modality_gap_geometry::{Covariance, Map, Moments, UnitRows};

use crate::fit::dropped_rows;
use crate::mapper::{Mapper, covariance_of};
use crate::moments::{Counted, count};
use crate::walk::walk_range;
use crate::{Control, RowSet, Sample, Selection, Split, TaskError};

/// Names of the sides, for progress.
const NAMES: [&str; 2] = ["image", "text"];

/// Image and text, each under its map.
pub(super) struct Sides<'a> {
    sources: [&'a RowSet; 2],
    maps: [&'a Map; 2],
    counted: [Counted; 2],
    /// Where a split is given, only the rows that it holds out are measured.
    split: Split,
    /// Rows left out on both sides, because one of a pair was.
    exclude: Vec<u64>,
}

impl<'a> Sides<'a> {
    /// Counts both sides; where rows are paired, a dropped one takes its partner with it.
    pub(super) fn count(
        sources: [&'a RowSet; 2],
        maps: [&'a Map; 2],
        paired: bool,
        split: Split,
        control: &Control,
    ) -> Result<Self, TaskError> {
        let counted = |exclude: &[u64]| -> Result<[Counted; 2], TaskError> {
            let selection = Selection {
                split,
                exclude,
                ..Selection::ALL
            };
            let side = |i: usize| {
                let stage = format!("moments {}", NAMES[i]);
                count(sources[i], maps[i], selection, control, &stage, None)
            };
            Ok([side(0)?, side(1)?])
        };
        let mut sides = Self {
            sources,
            maps,
            counted: counted(&[])?,
            split,
            exclude: Vec::new(),
        };
        if paired {
            let dropped = dropped_rows(sources, &sides.counted);
            if !dropped.is_empty() {
                sides.counted = counted(&dropped)?;
                sides.exclude = dropped;
            }
        }
        for (side, source) in sources.iter().enumerate() {
            let rows = sides.moments(side).rows();
            if rows < 2 {
                let text = format!(
                    "{} has {rows} usable rows; a gap needs at least 2",
                    source.label()
                );
                return Err(TaskError::TooFewRows(text));
            }
        }
        Ok(sides)
    }

    pub(super) fn moments(&self, side: usize) -> &Moments {
        self.measured(&self.counted[side])
    }

    /// Rows that could not be used.
    pub(super) fn dropped_rows(&self, side: usize) -> u64 {
        self.counted[side].dropped_rows()
    }

    /// Whether a row of a source, usable or not, is one to measure.
    pub(super) fn takes(&self, row: u64) -> bool {
        (!self.split.splits() || self.split.held(row)) && !self.selection().excludes(row)
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
        self.sources[side]
    }

    /// Rows of the longer side.
    pub(super) fn longest(&self) -> u64 {
        self.sources.iter().map(|source| source.rows()).max().unwrap_or(0)
    }

    /// Gives `body` the unit-length mapped rows of a side that are measured, block by block.
    pub(super) fn each_block(
        &self,
        side: usize,
        map: &Map,
        range: Range<u64>,
        control: &Control,
        stage: &str,
        mut body: impl FnMut(&UnitRows),
    ) -> Result<(), TaskError> {
        let mut mapper = Mapper::new(map);
        let mut block = UnitRows::new(map.dim());
        let stage = format!("{stage} {}", NAMES[side]);
        walk_range(self.sources[side], range, control, &stage, |first, rows| {
            mapper.map(first, rows, |row| self.takes(row));
            block.clear();
            for (row, &i) in mapper.out.chunks_exact(map.dim()).zip(&mapper.kept) {
                block.push(row, first + i as u64);
            }
            body(&block);
            Ok(())
        })
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
        let mut rows = UnitRows::new(map.dim());
        self.each_block(side, map, range, control, stage, |block| {
            for (i, &index) in block.indices().iter().enumerate() {
                if sample.takes(index) {
                    rows.copy(block, i);
                }
            }
        })?;
        Ok(rows)
    }

    pub(super) fn map(&self, side: usize) -> &Map {
        self.maps[side]
    }

    pub(super) fn selection(&self) -> Selection<'_> {
        Selection {
            split: self.split,
            exclude: &self.exclude,
            ..Selection::ALL
        }
    }

    /// Covariance of the mapped rows of a side that `sample` takes.
    pub(super) fn covariance(
        &self,
        side: usize,
        sample: Sample,
        control: &Control,
    ) -> Result<Covariance, TaskError> {
        let take = |row| sample.takes(row) && self.takes(row);
        let stage = format!("covariance {}", NAMES[side]);
        let mean = self.moments(side).mean();
        covariance_of(self.sources[side], self.maps[side], mean, take, control, &stage)
    }
}
