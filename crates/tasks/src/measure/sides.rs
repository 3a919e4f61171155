//! Both sides of a measurement: their rows, maps and moments.

use modality_gap_geometry::{Covariance, Moments, RowMap, Scratch};
use modality_gap_kernels::{Dtype, Rows, RowsMut};

use crate::moments::{Counted, count};
use crate::walk::walk;
use crate::{Control, RowSet, Selection, Split, TaskError};

/// Rows a side that covariances are taken from; beyond, a sample of about as many.
const COVARIANCE_ROWS: u64 = 200_000;

/// Names of the sides, for progress.
const NAMES: [&str; 2] = ["image", "text"];

/// Image and text, each under its map.
pub(super) struct Sides<'a> {
    sources: [&'a RowSet; 2],
    maps: [&'a RowMap; 2],
    counted: [Counted; 2],
    /// Rows left out on both sides, because one of a pair was.
    exclude: Vec<u64>,
}

impl<'a> Sides<'a> {
    /// Counts both sides; where rows are paired, a dropped one takes its partner with it.
    pub(super) fn count(
        sources: [&'a RowSet; 2],
        maps: [&'a RowMap; 2],
        paired: bool,
        control: &Control,
    ) -> Result<Self, TaskError> {
        let counted = |exclude: &[u64]| -> Result<[Counted; 2], TaskError> {
            let selection = Selection {
                split: Split::default(),
                exclude,
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
            exclude: Vec::new(),
        };
        if paired {
            let mut dropped = [sides.dropped(0), sides.dropped(1)].concat();
            dropped.sort_unstable();
            dropped.dedup();
            if !dropped.is_empty() {
                sides.counted = counted(&dropped)?;
                sides.exclude = dropped;
            }
        }
        for (source, counted) in sources.iter().zip(&sides.counted) {
            let rows = counted.fit.rows();
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
        &self.counted[side].fit
    }

    pub(super) fn source(&self, side: usize) -> &RowSet {
        self.sources[side]
    }

    pub(super) fn map(&self, side: usize) -> &RowMap {
        self.maps[side]
    }

    pub(super) fn dtype(&self, side: usize) -> Dtype {
        self.sources[side].dtype()
    }

    pub(super) fn selection(&self) -> Selection<'_> {
        Selection {
            split: Split::default(),
            exclude: &self.exclude,
        }
    }

    /// Covariance of the mapped rows of a side that `sample` takes.
    pub(super) fn covariance(
        &self,
        side: usize,
        sample: Sample,
        control: &Control,
    ) -> Result<Covariance, TaskError> {
        let selection = self.selection();
        let mut covariance = Covariance::about(self.moments(side).mean());
        let mut mapper = Mapper::new(self.maps[side]);
        let stage = format!("covariance {}", NAMES[side]);
        walk(self.sources[side], control, &stage, |first, rows| {
            mapper.map(rows, |i| {
                let row = first + i as u64;
                sample.takes(row) && !selection.excludes(row)
            });
            control.pool().install(|| covariance.accumulate(&mut mapper.out));
            Ok(())
        })?;
        Ok(covariance)
    }

    /// Rows dropped, by their index in the whole source.
    fn dropped(&self, side: usize) -> Vec<u64> {
        let starts = self.sources[side].starts();
        let per_shard = self.counted[side].dropped.iter().zip(starts);
        per_shard
            .flat_map(|(rows, start)| rows.iter().map(move |row| start + row))
            .collect()
    }
}

/// The share of the rows that covariances are taken from, by a hash of the row's index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    share: f64,
    seed: u64,
}

impl Sample {
    pub(super) fn of(rows: u64, seed: u64) -> Self {
        Self {
            share: (COVARIANCE_ROWS as f64 / rows as f64).min(1.0),
            seed,
        }
    }

    pub(super) fn is_all(self) -> bool {
        self.share >= 1.0
    }

    pub(super) fn takes(self, row: u64) -> bool {
        self.share >= 1.0
            || Split {
                holdout: self.share,
                seed: self.seed,
            }
            .held(row)
    }
}

/// Mapped rows of a block that count, row-major; their indices in the block go into `kept`.
pub(super) struct Mapper<'a> {
    map: &'a RowMap,
    scratch: Scratch,
    pub out: Vec<f64>,
    pub kept: Vec<usize>,
}

impl<'a> Mapper<'a> {
    pub(super) fn new(map: &'a RowMap) -> Self {
        Self {
            map,
            scratch: Scratch::default(),
            out: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Maps `rows` and keeps those that are usable and that `take` takes.
    pub(super) fn map(&mut self, rows: &[f64], take: impl Fn(usize) -> bool) {
        let dim = self.map.dim();
        self.map
            .coefficients(Rows::F64(rows), &mut self.scratch, &mut Vec::new());
        self.out.resize(rows.len(), 0.0);
        self.map
            .write(Rows::F64(rows), &self.scratch, RowsMut::F64(&mut self.out));
        self.kept.clear();
        for i in 0..rows.len() / dim {
            if self.scratch.counted(i) && take(i) {
                self.out
                    .copy_within(i * dim..(i + 1) * dim, self.kept.len() * dim);
                self.kept.push(i);
            }
        }
        self.out.truncate(self.kept.len() * dim);
    }
}
