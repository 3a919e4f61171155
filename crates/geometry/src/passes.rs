//! What a fit may ask of its rows.

use faer::Mat;

use crate::covariance::Covariance;
use crate::map::Map;
use crate::moments::Moments;

/// A side of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FitSide {
    /// The rows to imitate.
    Target,
    /// The rows to move.
    Source,
}

/// What a fit may ask of its rows; each question is a pass over them.
pub trait Passes {
    /// Why a pass fails.
    type Error;

    /// Moments of the source after `map`; `stage` names the pass for progress.
    fn moments(&mut self, map: &Map, stage: &str) -> Result<Moments, Self::Error>;

    /// Covariance of a side after `map`, counted about `center`.
    fn covariance(&mut self, side: FitSide, map: &Map, center: &[f64]) -> Result<Covariance, Self::Error>;

    /// E[(x−μx)(y−μy)ᵀ] of the unit pairs.
    fn cross_covariance(&mut self, target: &[f64], source: &[f64]) -> Result<Mat<f64>, Self::Error>;

    /// Rows of a side after `map`, row-major: all of them, or a sample that shows the distribution.
    fn sample(&mut self, side: FitSide, map: &Map) -> Result<Vec<f64>, Self::Error>;
}
