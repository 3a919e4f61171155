//! What is recorded at a step. Serialised under the names of the log; what is undefined is null, what was not given absent.

use serde::Serialize;
use ts_rs::TS;

use super::groups::GroupedBy;
use super::side_record::{USide, VSide};
use crate::gap::GapVerdict;

/// What a tracker records at a step, and one line of its log. What needs something that was not given is absent; what is
/// undefined is null. Angles are in degrees.
///
/// @see arXiv 2602.07026, sections 3 and 4, appendices B and C
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(rename = "TrackRecord", optional_fields)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The trainer's step.
    pub step: u64,
    /// Columns.
    pub dim: usize,
    /// Probe pairs.
    pub pairs: u64,
    /// Pairs that share an item, such as the captions of one image; absent where each pair is its own, and in older logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub groups: Option<GroupsRecord>,
    /// The frame everything is taken apart in.
    #[ts(inline)]
    pub frame: FrameRecord,
    /// The gap of the pairs beside its noise.
    #[ts(inline)]
    pub gap: GapRecord,
    /// E‖e−μ‖² of both modalities.
    #[ts(inline)]
    pub trace: PerModality,
    /// E‖Δ‖² = `pmb`² + `cob`² + `traceU` + `traceV`.
    #[ts(inline)]
    pub decomposition: Energies,
    /// U estimated at this step against the frozen one; absent before it is frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub rotation: Option<Rotation>,
    /// How the residuals in V follow those in U.
    pub coupling: CouplingRecord,
    /// Root mean square share of gradient energy in V; absent without gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub leakage: Option<Leakage>,
    /// γ, the mean difference in V.
    pub passive: Bias,
    /// β, the mean difference in U, to compare with.
    pub active: Bias,
    /// Residuals in U.
    pub u: USide,
    /// Residuals in V.
    pub v: VSide,
    /// Search among the probe pairs; absent for `retrievalPairs: 0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub retrieval: Option<Retrieval>,
    /// What the sphere does to the text after anchor and trace, as in a measurement.
    #[ts(inline)]
    pub phantom_drift: Drift,
    /// Gradients against the span of the batch's embeddings; absent without a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub span: Option<Span>,
    /// Means of the per-step covariances of the window that this step completes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub window: Option<WindowRecord>,
}

/// Pairs that share an item.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct GroupsRecord {
    /// How it is known.
    #[ts(inline)]
    pub by: GroupedBy,
    /// Different items.
    pub items: u32,
}

/// A number for each modality.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct PerModality {
    /// Of the images.
    pub image: f64,
    /// Of the texts.
    pub text: f64,
}

/// The frame of a step.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FrameRecord {
    /// Dimension of U.
    pub rank: usize,
    /// Share of the trace of Cov(image)+Cov(text) that U held when it was estimated.
    pub energy: f64,
    /// Whether it stays from here on.
    pub frozen: bool,
    /// Step it was estimated at.
    pub step: u64,
}

/// The gap of paired unit rows.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct GapRecord {
    /// ‖m‖, the distance of the means.
    pub centroid: f64,
    /// Cosine of the means.
    #[ts(type = "number | null")]
    pub cosine: f64,
    /// ‖m‖² − tr Σ/n, without the part that sampling adds.
    pub unbiased_squared: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// sqrt(tr Σ/n): how far apart the means would be by sampling only.
    pub floor: f64,
    /// Whether the gap is real; absent in older logs.
    #[ts(type = "Exclude<GapVerdict, 'in-sample'>", optional)]
    pub verdict: GapVerdict,
    /// E‖Δ‖, the mean distance of the pairs.
    pub paired_distance: f64,
    /// Relative modality gap.
    pub rmg: f64,
}

/// E‖Δ‖² = pmb² + cob² + `trace_u` + `trace_v`.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Energies {
    /// ‖β‖, the mean difference in U.
    pub pmb: f64,
    /// ‖γ‖, the mean difference in V.
    pub cob: f64,
    /// tr Σ_U, the spread of the differences in U.
    pub trace_u: f64,
    /// tr Σ_V, the spread of the differences in V.
    pub trace_v: f64,
}

/// U re-estimated at this step, at the frame's rank, against the frozen U.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Sine of the largest principal angle, ‖P_V Q_Ut‖₂.
    pub sin_theta: f64,
    /// Root mean square of the sines of all principal angles.
    pub rms_sine: f64,
    /// Root mean square of all principal angles, degrees.
    pub rms_angle: f64,
    /// `rmsSine` of a random subspace, sqrt(dim V/d).
    pub random: f64,
}

/// How far the residuals in V follow those in U linearly, L = `E[ζδᵀ](Σ_U+λI)⁻¹`.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct CouplingRecord {
    /// ‖L‖₂.
    pub norm: f64,
    /// Share of the residuals in V, E‖ζ‖², that L explains.
    #[ts(type = "number | null")]
    pub r2: f64,
    /// The ridge λ that both depend on.
    pub lambda: f64,
}

/// Root mean square share of gradient energy in V.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
#[serde(rename_all = "camelCase")]
pub struct Leakage {
    /// sqrt(E‖P_V g‖²/E‖g‖²) over the rows of both modalities.
    #[ts(type = "number | null")]
    pub leak: f64,
    /// The same of image gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub image: Option<f64>,
    /// The same of text gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub text: Option<f64>,
    /// The same of random directions, sqrt(dim V/d).
    pub random: f64,
    /// The same of random mixtures of the batch's rows, sqrt(tr(P_VΣ_t)/tr Σ_t); absent without a batch, and in older logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixture: Option<f64>,
    /// sinθ(Ut,U) + ‖L‖₂, which the paper calls a bound of `leak`; absent before the frame is frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// `leak` − `bound`: above zero, the remainder ρ that the bound needs to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub remainder: Option<f64>,
}

/// How a part of the mean difference moves.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(rename = "BiasRecord", optional_fields)]
#[serde(rename_all = "camelCase")]
pub struct Bias {
    /// ‖b(t)−b(t0)‖/max(‖b(t0)‖, ε); absent before the frame is frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<f64>,
    /// cos(b(t), b(t−1)) with the step recorded before; absent at the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub step_cosine: Option<f64>,
}

/// Search by cosine among probe pairs.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Retrieval {
    /// Pairs it was measured on.
    pub pairs: u64,
    /// Images ask, texts answer.
    pub image_to_text: RecallRecord,
    /// Texts ask, images answer.
    pub text_to_image: RecallRecord,
    /// Both, of rows in random order; absent in older logs.
    #[ts(as = "Option<_>", optional)]
    pub chance: RetrievalChanceRecord,
}

/// Recall of rows in random order.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RetrievalChanceRecord {
    /// Images ask, texts answer.
    pub image_to_text: RecallRecord,
    /// Texts ask, images answer.
    pub text_to_image: RecallRecord,
}

/// Share of queries whose partner is the nearest row, and is among the five nearest.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct RecallRecord {
    /// Recall at 1.
    pub r1: f64,
    /// Recall at 5.
    pub r5: f64,
}

/// Phantom drift, as in a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// ‖E[π(z)]−π(E[z])‖.
    pub measured: f64,
    /// ‖E[π(z)]−μx‖.
    pub to_target: f64,
    /// Length of its tangential part.
    pub tangential: f64,
    /// Length of its prediction −(I−aaᵀ)Σc/R³, with Σ the covariance of the moved text and c = μx − s·μy.
    pub predicted_tangential: f64,
    /// Cosine of both tangential parts.
    #[ts(type = "number | null")]
    pub cosine: f64,
    /// Length of the predicted drift less the measured one, relative to the measured one; absent in older logs.
    #[ts(as = "Option<_>", optional)]
    pub error: f64,
    /// √(cᵀΣc)/R², the parameter that the prediction is an expansion in; absent in older logs.
    #[ts(as = "Option<_>", optional)]
    pub parameter: f64,
    /// Root mean square of the tangential part that sampling gives by itself; absent in older logs.
    #[ts(as = "Option<_>", optional)]
    pub noise: f64,
}

/// Gradients against the span of the batch's embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct Span {
    /// sqrt(E‖g−Pg‖²/E‖g‖²), P onto the span; null where the span is the whole space.
    #[ts(type = "number | null")]
    pub residual: f64,
    /// Dimension of the span.
    pub dim: usize,
    /// The same of a random vector, sqrt(1−dim/d).
    pub random: f64,
}

/// Means of per-step covariances, never of a covariance pooled over time.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct WindowRecord {
    /// First step of the window; the last is that of the record.
    pub from: u64,
    /// Recorded steps in it.
    pub steps: u64,
    /// Residuals in U.
    pub u: USide,
    /// Residuals in V; γ is that of the mean difference averaged over the window.
    pub v: VSide,
    /// How the residuals in V follow those in U.
    pub coupling: CouplingRecord,
}
