//! A fitted strategy: small, portable, applied to one row or to billions.

use serde::{Deserialize, Serialize};

use crate::fit::{FitOptions, distance};
use crate::map::Map;
use crate::moments::Moments;
use crate::stage_file::StageInfo;

/// Rows below which a mean says nothing about a shift of distribution.
const FEW_ROWS: u64 = 30;
/// Floors beyond which a shift of the mean is not sampling noise; the mean of many columns is known to a few percent.
const DRIFTED: f64 = 2.0;

/// What the fit has seen of one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// The modality's name.
    pub name: String,
    /// Rows it was fitted on.
    pub rows: u64,
    /// T = E‖e−μ‖² of its unit rows.
    pub trace: f64,
}

/// Gaps of the fit, in sample unless said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GapOfFit {
    /// ‖μx−μy‖ of the unit rows.
    pub before: f64,
    /// ‖μx−μz‖ of the f64 result, when it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// sqrt(Tx/n + Ty/m).
    pub floor: f64,
    /// The same on rows held out from the fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Box<GapOfFit>>,
}

/// What an aligner says of itself; the one metadata entry of its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlignerInfo {
    /// Version of the file format.
    pub version: u32,
    /// Version of the package that fitted it.
    pub package: String,
    /// Method and options of the fit.
    pub options: FitOptions,
    /// Columns.
    pub dim: usize,
    /// The side that moves.
    pub source: Side,
    /// The side it moves onto.
    pub target: Side,
    /// s.
    pub scale: f64,
    /// Whether rows end on the sphere.
    pub renormalize: bool,
    /// Offsets stored.
    pub iterations: usize,
    /// Stages of the map, where it is more than a scale, a shift and offsets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageInfo>,
    /// Gaps of the fit.
    pub gap: GapOfFit,
    /// Whether the target's rows move too (centering).
    pub moves_target: bool,
}

/// A fitted map from the source's distribution to the target's.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligner {
    pub(crate) info: AlignerInfo,
    pub(crate) map: Map,
    pub(crate) target_map: Option<Map>,
    pub(crate) source_mean: Vec<f64>,
    pub(crate) target_mean: Vec<f64>,
}

/// Whether new rows come from the distribution an aligner was fitted on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fits {
    /// ‖μ_new − μ_fit‖ of the unit rows.
    pub mean_shift: f64,
    /// sqrt(T_fit/n_fit + T_new/n_new): the shift that sampling alone gives.
    pub floor: f64,
    /// T of the new rows.
    pub trace: f64,
    /// T of the rows of the fit.
    pub stored_trace: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// Outcome of the check of new rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The shift is within twice its floor.
    Fits,
    /// The rows come from elsewhere: expect about that much gap after alignment.
    Drifted,
    /// Fewer than 30 rows decide nothing.
    TooFewRows,
}

impl Aligner {
    pub(crate) fn new(
        info: AlignerInfo,
        map: Map,
        target_map: Option<Map>,
        source_mean: Vec<f64>,
        target_mean: Vec<f64>,
    ) -> Self {
        Self {
            info,
            map,
            target_map,
            source_mean,
            target_mean,
        }
    }

    /// What it says of itself.
    pub fn info(&self) -> &AlignerInfo {
        &self.info
    }

    /// Columns of the rows it takes and gives.
    pub fn dim(&self) -> usize {
        self.info.dim
    }

    /// The map of source rows.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The map of target rows, where the strategy moves them.
    pub fn target_map(&self) -> Option<&Map> {
        self.target_map.as_ref()
    }

    /// Mean of the target's unit rows.
    pub fn target_mean(&self) -> &[f64] {
        &self.target_mean
    }

    /// Mean of the source's unit rows before alignment.
    pub fn source_mean(&self) -> &[f64] {
        &self.source_mean
    }

    /// The target's mean after alignment: where the source's mean should be.
    pub fn goal(&self) -> Vec<f64> {
        match &self.target_map {
            Some(_) => vec![0.0; self.dim()],
            None => self.target_mean.clone(),
        }
    }

    /// Notes gaps measured after the fit.
    pub fn set_gap(&mut self, after: Option<f64>, held: Option<GapOfFit>) {
        self.info.gap.after = after.or(self.info.gap.after);
        self.info.gap.held = held.map(Box::new).or(self.info.gap.held.take());
    }

    /// Compares new source rows (before alignment, unit) with those of the fit.
    pub fn fits(&self, new: &Moments) -> Fits {
        let mean_shift = distance(new.mean(), &self.source_mean);
        let stored = &self.info.source;
        let floor = (stored.trace / stored.rows as f64 + new.trace() / new.rows() as f64).sqrt();
        let verdict = if new.rows() < FEW_ROWS {
            Verdict::TooFewRows
        } else if mean_shift > DRIFTED * floor {
            Verdict::Drifted
        } else {
            Verdict::Fits
        };
        Fits {
            mean_shift,
            floor,
            trace: new.trace(),
            stored_trace: stored.trace,
            verdict,
        }
    }
}
