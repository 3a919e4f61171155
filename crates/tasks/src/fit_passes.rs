//! What a fit asks of its rows, answered by passes over shards.

use faer::Mat;
use modality_gap_geometry::{Covariance, CrossCovariance, Map, Moments, Passes, Policy, Which};

use crate::mapper::{Mapper, covariance_of, each_pair_block};
use crate::moments::{WorkFolder, count};
use crate::walk::walk;
use crate::{Control, RowSet, Sample, Selection, TaskError};

/// Rows a side that show the distribution of radii; beyond, a sample of about as many.
const SAMPLE_ROWS: u64 = 16_384;

/// Passes over the rows of a fit.
pub(crate) struct FitPasses<'a> {
    pub target: &'a RowSet,
    pub source: &'a RowSet,
    pub selection: Selection<'a>,
    pub work: Option<&'a WorkFolder>,
    pub control: &'a Control,
    /// Moments of the first map that was asked about: after anchor, trace and sphere.
    pub projected: Option<Moments>,
}

impl FitPasses<'_> {
    fn side(&self, side: Which) -> (&RowSet, &'static str) {
        match side {
            Which::Target => (self.target, "target"),
            Which::Source => (self.source, "source"),
        }
    }

    fn takes(&self, row: u64) -> bool {
        self.selection.fits(row)
    }
}

impl Passes for FitPasses<'_> {
    type Error = TaskError;

    fn moments(&mut self, map: &Map, stage: &str) -> Result<Moments, TaskError> {
        let counted = count(self.source, map, self.selection, self.control, stage, self.work)?;
        self.projected.get_or_insert_with(|| counted.fit.clone());
        Ok(counted.fit)
    }

    fn covariance(&mut self, side: Which, map: &Map, center: &[f64]) -> Result<Covariance, TaskError> {
        let (rows, name) = self.side(side);
        let stage = format!("covariance {name}");
        covariance_of(rows, map, center, |row| self.takes(row), self.control, &stage)
    }

    fn cross_covariance(&mut self, target: &[f64], source: &[f64]) -> Result<Mat<f64>, TaskError> {
        let unit = Map::identity(target.len(), Policy::Unit);
        let mut cross = CrossCovariance::about(target, source);
        each_pair_block(
            [self.target, self.source],
            [&unit, &unit],
            |row| self.takes(row),
            self.control,
            "pairs",
            |_, _, x, y| self.control.pool().install(|| cross.accumulate(x, y)),
        )?;
        Ok(cross.matrix())
    }

    fn sample(&mut self, side: Which, map: &Map) -> Result<Vec<f64>, TaskError> {
        let (rows, name) = self.side(side);
        let share = Sample::of(rows.rows(), SAMPLE_ROWS, 1);
        let (mut sample, mut mapper) = (Vec::new(), Mapper::new(map));
        walk(rows, self.control, &format!("radii {name}"), |first, block| {
            mapper.map(first, block, |row| share.takes(row) && self.takes(row));
            sample.extend_from_slice(&mapper.out);
            Ok(())
        })?;
        Ok(sample)
    }
}
