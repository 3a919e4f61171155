//! Reports of jobs that write or fit, by the names of the JSON results.

use std::collections::BTreeMap;
use std::path::PathBuf;

use modality_gap_geometry::{Aligner, FitOptions, Fits, GapOfFit, Moments};
use serde::Serialize;
use ts_rs::TS;

use crate::carry::NotCarried;
use crate::{RowSet, Split, TaskError};

/// A number for each side, under the side's name (`image` and `text` unless named otherwise).
pub type PerSide<T> = BTreeMap<String, T>;

/// Lengths of rows as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
pub struct Norms {
    /// The shortest.
    pub min: f64,
    /// The longest.
    pub max: f64,
}

impl Norms {
    pub(crate) fn of(moments: &Moments) -> Self {
        let lengths = moments.lengths();
        Self {
            min: lengths.min,
            max: lengths.max,
        }
    }
}

/// Wall-clock seconds of the parts of a job; a part that did not happen is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
pub struct Seconds {
    /// The pass over new rows that looks for bad ones and compares them with those of the fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<f64>,
    /// Passes over the rows to fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<f64>,
    /// Reading, moving and writing rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<f64>,
    /// Reading and writing rows without moving them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convert: Option<f64>,
    /// Waiting until the disk held the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<f64>,
}

/// Distances between the means of two sets of unit rows.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Gap {
    /// ‖μx−μz‖ before the fit, on the rows of the fit.
    pub before: f64,
    /// The same after it, of the f64 result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// The same of the rows as written, rounded to their storage type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<f64>,
    /// sqrt(Tx/n+Tz/m): how far apart two samples of one distribution are.
    pub floor: f64,
    /// Whether before and after were measured on the rows of the fit, where the gap after it always lies below the floor.
    #[ts(as = "Option<_>", optional)]
    pub in_sample: bool,
    /// The gap on rows that were kept out of the fit, with the floor that holds for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "Omit<AlignerGap, 'held'>", optional)]
    pub held: Option<Box<GapOfFit>>,
}

impl Gap {
    /// The gap of a fit; in sample, for the same rows made the fit.
    pub(crate) fn of_fit(gap: &GapOfFit, stored: Option<f64>) -> Self {
        let GapOfFit {
            before,
            after,
            floor,
            held,
        } = gap.clone();
        Self {
            before,
            after,
            stored,
            floor,
            in_sample: true,
            held,
        }
    }
}

/// How the mean of projected rows departs from the projected mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename = "PhantomDrift", optional_fields)]
pub struct Drift {
    /// ‖E[π(z)]−π(E[z])‖.
    pub measured: f64,
    /// ‖E[π(z)]−μx‖, the distance it leaves to the target's mean.
    pub to_target: f64,
    /// Length of the measured drift's part tangential to the sphere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tangential: Option<f64>,
    /// Length of its prediction −(I−aaᵀ)Σc/R³, with Σ the covariance of the moved text and c = μx − s·μy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_tangential: Option<f64>,
    /// Cosine of predicted and measured tangential parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f64>,
    /// Length of the predicted drift less the measured one, relative to the measured one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// √(cᵀΣc)/R², the parameter that the prediction is an expansion in; the smaller, the nearer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<f64>,
}

/// What a fit found.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename = "FitResult", optional_fields)]
pub struct FitReport {
    /// Columns.
    pub dim: usize,
    /// Rows fitted.
    pub rows: PerSide<u64>,
    /// Bad rows left out.
    pub dropped: PerSide<u64>,
    /// Lengths of the rows as they are stored.
    pub norms: PerSide<Norms>,
    /// Trace of the covariance, E‖e−μ‖² of the unit rows.
    pub trace: PerSide<f64>,
    /// Factor on the residuals.
    pub scale: f64,
    /// Centroid offsets that were fitted.
    pub iterations: usize,
    /// What the sphere projection does to the mean; absent where no row is projected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phantom_drift: Option<Drift>,
    /// The gap before and after.
    pub gap: Gap,
    /// Method and options of the fit.
    pub options: FitOptions,
    /// The rows kept out of the fit, when some were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub holdout: Option<Split>,
    /// Files written.
    pub outputs: Vec<PathBuf>,
    /// What was not carried along; absent where all was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_carried: Option<Vec<NotCarried>>,
    /// Wall-clock seconds of each part.
    pub seconds: Seconds,
    /// Largest resident memory of the process so far; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// What a transformation of rows found.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct TransformReport {
    /// Columns.
    pub dim: usize,
    /// Rows taken in.
    #[ts(inline)]
    pub rows: Moved,
    /// Bad rows left out.
    pub dropped: u64,
    /// Files written.
    pub outputs: Vec<PathBuf>,
    /// What was not carried along; absent where all was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_carried: Option<Vec<NotCarried>>,
    /// ‖μz−μx‖ of the moved rows and the target's mean; absent for the target side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_target: Option<f64>,
    /// Whether the rows look like those of the fit; absent for the target side.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub fits: Option<Fits>,
    /// Wall-clock seconds of each part.
    pub seconds: Seconds,
    /// Largest resident memory of the process so far; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// Rows of a transformation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct Moved {
    /// Rows that were moved.
    pub input: u64,
}

/// What a conversion wrote.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct ConvertReport {
    /// Rows written.
    pub rows: u64,
    /// Columns.
    pub dim: usize,
    /// Bad rows left out.
    pub dropped: u64,
    /// Files written.
    pub outputs: Vec<PathBuf>,
    /// What was not carried along; absent where all was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_carried: Option<Vec<NotCarried>>,
    /// Wall-clock seconds of each part.
    pub seconds: Seconds,
}

/// Peak resident memory of this process in bytes, where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// A value of the target and one of the source under the modalities' own names.
pub(crate) fn by_name<T>(aligner: &Aligner, target: T, source: T) -> PerSide<T> {
    let info = aligner.info();
    PerSide::from([
        (info.target.name.clone(), target),
        (info.source.name.clone(), source),
    ])
}

pub(crate) fn check_names(target: &RowSet, source: &RowSet) -> Result<(), TaskError> {
    source.check_dim(target.dim, &format!("{} rows", target.label()))
}
