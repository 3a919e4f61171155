//! What a fit asks of its rows, answered by passes over shards.

use faer::Mat;
use modality_gap_geometry::{Covariance, CrossCovariance, FitSide, Map, Moments, Passes, Policy, as_rows};

use crate::covariance::Pass;
use crate::groups::Pairing;
use crate::moments::count;
use crate::paired::{PairBlock, Paired, each_taken};
use crate::pass::CovarianceRows;
use crate::receipt::WorkFolder;
use crate::{Control, RowSet, Sample, Selection, TaskError};

/// Rows a side that show the distribution of radii; beyond, a sample of about as many.
const SAMPLE_ROWS: u64 = 16_384;

/// Passes over the rows of a fit.
pub(crate) struct FitPasses<'a> {
    pub target: &'a RowSet,
    pub source: &'a RowSet,
    pub selections: [Selection<'a>; 2],
    pub pairing: Pairing,
    pub work: Option<&'a WorkFolder>,
    pub control: &'a Control,
    /// Moments of the first map that was asked about: after anchor, trace and sphere.
    pub projected: Option<Moments>,
}

impl FitPasses<'_> {
    fn side(&self, side: FitSide) -> (usize, &RowSet, &'static str) {
        match side {
            FitSide::Target => (0, self.target, "target"),
            FitSide::Source => (1, self.source, "source"),
        }
    }

    fn takes(&self, side: usize, row: u64) -> bool {
        let source = [self.target, self.source][side];
        self.selections[side].fits(source, row)
    }
}

impl Passes for FitPasses<'_> {
    type Error = TaskError;

    fn moments(&mut self, map: &Map, stage: &str) -> Result<Moments, TaskError> {
        let counted = count(
            self.source,
            map,
            self.selections[1],
            self.control,
            stage,
            self.work,
        )?;
        self.projected.get_or_insert_with(|| counted.fit.clone());
        Ok(counted.fit)
    }

    fn covariance(&mut self, side: FitSide, map: &Map, center: &[f64]) -> Result<Covariance, TaskError> {
        let (index, rows, name) = self.side(side);
        let counted = CovarianceRows {
            held: false,
            quarters: None,
            single: false,
        };
        let pass = Pass::new(rows, map, center, self.selections[index], counted);
        let mut total = pass.run(self.work, self.control, &format!("covariance {name}"))?;
        Ok(total.covariances.swap_remove(0))
    }

    fn cross_covariance(&mut self, target: &[f64], source: &[f64]) -> Result<Mat<f64>, TaskError> {
        let unit = Map::identity(target.len(), Policy::Unit);
        let dim = target.len();
        let mut cross = CrossCovariance::about(target, source);
        let paired = Paired {
            sources: [self.target, self.source],
            maps: [&unit, &unit],
            pairing: self.pairing,
        };
        let take = |side, row| self.takes(side, row);
        paired.each(take, self.control, "pairs", |blocks| {
            for PairBlock { left, right, .. } in blocks {
                self.control
                    .pool()
                    .install(|| cross.accumulate(as_rows(left, dim), as_rows(right, dim)));
            }
        })?;
        Ok(cross.matrix())
    }

    fn sample(&mut self, side: FitSide, map: &Map) -> Result<Vec<f64>, TaskError> {
        let (index, rows, name) = self.side(side);
        let share = Sample::of(rows.rows(), SAMPLE_ROWS, 1);
        let take = |row| share.takes(row) && self.takes(index, row);
        let (mut sample, stage) = (Vec::new(), format!("radii {name}"));
        let all = 0..rows.rows();
        each_taken(rows, map, all, take, self.control, &stage, |taken| {
            sample.extend_from_slice(&taken.rows);
        })?;
        Ok(sample)
    }
}
