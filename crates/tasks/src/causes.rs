//! What a gap is made of, by the names of the JSON results. What needs pairs is absent without them; what is undefined is null.
#![allow(
    clippy::option_option,
    reason = "absent where nothing was computed, null where the result is undefined"
)]

mod covariance;
mod spectrum;

use std::collections::BTreeMap;

use serde::Serialize;
use ts_rs::TS;

pub use covariance::{CovarianceOfHalves, CovarianceReport};
pub use spectrum::SpectrumReport;

/// A value for either modality.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
pub struct ImageText<T = f64> {
    /// Of the image rows.
    pub image: T,
    /// Of the text rows.
    pub text: T,
}

impl<T> From<[T; 2]> for ImageText<T> {
    fn from([image, text]: [T; 2]) -> Self {
        Self { image, text }
    }
}

/// The fixed reference frame: U, where both modalities vary, and its complement V.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
pub struct FrameReport {
    /// Share of the trace of Cov(image)+Cov(text) that U holds.
    pub energy: f64,
    /// Dimension of U.
    pub rank: usize,
    /// The frame was made earlier and given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "true", optional)]
    pub given: Option<bool>,
    /// How far the U of these rows, at the same rank, is turned from the given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub angles: Option<FrameAngles>,
}

/// Angles between two frames.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct FrameAngles {
    /// Largest principal angle, in degrees.
    pub largest: f64,
    /// Its sine.
    pub sine: f64,
    /// Root mean square of the sines.
    pub rms: f64,
}

/// The gap taken apart, Δ = β + γ + δ + ζ; `pmb`² + `cob`² + `traceU` + `traceV` is E‖Δ‖² of the pairs. What needs pairs
/// is absent without `paired`; what is undefined is null.
///
/// @see arXiv 2602.07026, section 3
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Decomposition {
    /// ‖m‖, the distance of the means.
    pub gap: f64,
    /// ‖β‖, its part in U: principal mean (modality) bias.
    pub pmb: f64,
    /// ‖γ‖, its part in V: constant (passive) orthogonal bias.
    pub cob: f64,
    /// Share of the squared gap in V, without the noise of the means, in a frame that the other half of the rows has made or that
    /// was given; null where the gap cannot be distinguished from noise, and below `rowsNeeded`.
    #[ts(type = "number | null", optional)]
    pub cob_share: Option<f64>,
    /// Independent rows a side that would do, where `cobShare`, `vmf` or `residual.coverage` is null because halves are too few to
    /// make frames for each other, or turn them too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_needed: Option<u64>,
    /// Trace of the residuals' covariance in U.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_u: Option<f64>,
    /// The same in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_v: Option<f64>,
    /// Condition number of the population's residuals in U; null where it changes too much from halves of the pairs to all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_u: Option<Option<f64>>,
    /// That of these residuals, over eigenvalues that are more than rounding.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_u_biased: Option<f64>,
    /// As `kappaU`, in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_v: Option<Option<f64>>,
    /// As `kappaUBiased`, in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_v_biased: Option<f64>,
    /// First eigenvalue over the last of those that hold 99.9 % of the trace, in U; null as `kappaU` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_eff_u: Option<Option<f64>>,
    /// That of these residuals.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_eff_u_biased: Option<f64>,
    /// As `kappaEffU`, in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_eff_v: Option<Option<f64>>,
    /// As `kappaEffUBiased`, in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_eff_v_biased: Option<f64>,
    /// Independent pairs that would do, by the name of each condition number that is null for want of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<BTreeMap<String, u64>>,
    /// Eigenvalues that were rounding only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub below_floor: Option<BelowFloor>,
    /// Degrees between γ and the leading direction of the residuals in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub angle_cob_v1: Option<f64>,
    /// How far the residuals in V follow those in U linearly: ‖L‖₂, R² and the ridge λ that both depend on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub coupling: Option<CouplingReport>,
    /// What chance gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub chance: Option<Chance>,
    /// Von Mises–Fisher concentration of the pairs' directions in V, in a frame of the other half of the rows or one that was
    /// given; null below `rowsNeeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub vmf: Option<Option<f64>>,
}

impl Decomposition {
    /// Notes that so many rows would do for what is null.
    pub(crate) fn needs_rows(&mut self, rows: u64) {
        self.rows_needed = Some(self.rows_needed.unwrap_or(0).max(rows));
    }
}

/// Eigenvalues in U and in V.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct BelowFloor {
    /// In U.
    pub u: usize,
    /// In V.
    pub v: usize,
}

/// How far the residuals in V follow those in U.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct CouplingReport {
    /// ‖L‖₂.
    pub norm: f64,
    /// Share of the residuals in V that L explains.
    #[ts(type = "number | null")]
    pub r2: f64,
    /// The ridge, absolute.
    pub lambda: f64,
    /// The same of strangers, the mean over three exchanges of partners: what the sample makes by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub strangers: Option<Strangers>,
    /// (R² − R² of strangers)/(1 − R² of strangers); null where there are too few pairs for the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub r2_adjusted: Option<Option<f64>>,
    /// Pairs that would do, where there are too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs_needed: Option<u64>,
}

/// The coupling of strangers.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct Strangers {
    /// ‖L‖₂.
    pub norm: f64,
    /// R².
    pub r2: f64,
    /// Pairs whose partners were exchanged; where these are a sample, both are scaled to all pairs.
    pub pairs: usize,
    /// How often.
    pub derangements: usize,
}

/// What chance gives of a decomposition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Chance {
    /// Share of a random direction's square that lies in V, dim V/d: beside `cob`²/`gap`².
    pub cob_share: f64,
    /// Quantiles of the angle of a random direction of V.
    #[ts(inline)]
    pub angle_cob_v1: AngleQuantiles,
    /// Concentration of as many directions spread evenly, before sampling is taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub vmf: Option<Option<f64>>,
    /// Condition number of as many isotropic pairs in U.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_u: Option<f64>,
    /// The same in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_v: Option<f64>,
}

/// Quantiles of an angle, in degrees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
pub struct AngleQuantiles {
    /// 5 %.
    #[ts(type = "number | null")]
    pub p05: f64,
    /// The median.
    #[ts(type = "number | null")]
    pub p50: f64,
    /// 95 %.
    #[ts(type = "number | null")]
    pub p95: f64,
}

/// The covariance of the paired differences.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ResidualReport {
    /// Its trace.
    pub trace: f64,
    /// Largest eigenvalue over the mean one.
    pub anisotropy: f64,
    /// Trace over the mean squared distance of the pairs.
    pub ratio: f64,
    /// Share of the trace in U, in a frame that the other half of the rows has made or that was given; null below
    /// `decomposition.rowsNeeded`.
    pub coverage: Option<f64>,
    /// The same in the frame of these very rows, where it is the energy threshold by construction.
    pub coverage_biased: f64,
    /// (Σλ)²/Σλ² of the population, from unbiased estimates; null where the pairs are too few to tell.
    pub effective_dimension: Option<f64>,
    /// The same of the eigenvalues of these pairs.
    pub effective_dimension_biased: f64,
    /// Share of the K leading eigenvalues.
    #[ts(inline)]
    pub energy: LeadingShares,
}

/// Shares of leading eigenvalues.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct LeadingShares {
    /// Numbers of eigenvalues.
    pub k: Vec<usize>,
    /// Share of each.
    pub share: Vec<f64>,
}

/// What the gap is made of.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
pub struct Causes {
    /// The frame everything is taken apart in.
    pub frame: FrameReport,
    /// The gap taken apart.
    pub decomposition: Decomposition,
    /// Spectra of both modalities.
    pub spectrum: ImageText<SpectrumReport>,
    /// Their covariances compared.
    pub covariance: CovarianceReport,
    /// The paired differences; `paired` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual: Option<ResidualReport>,
}
