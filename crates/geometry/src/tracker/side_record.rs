//! What is recorded of the residuals in U and in V, each beside chance.

use serde::Serialize;
use ts_rs::TS;

/// Condition numbers of a covariance of these pairs, which grow with columns over pairs; what no eigenvalue above the floors gives is
/// null.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(rename = "ConditionRecord")]
#[serde(rename_all = "camelCase")]
pub struct Isotropic {
    /// κ: first eigenvalue over the last one that is more than rounding.
    #[ts(type = "number | null")]
    pub kappa: f64,
    /// First eigenvalue over the last of those that hold 99.9 % of the trace.
    #[ts(type = "number | null")]
    pub kappa_eff: f64,
}

/// Residuals in U, where both modalities vary.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(rename = "USideRecord", optional_fields)]
#[serde(rename_all = "camelCase")]
pub struct USide {
    /// κ(Σ_U) over the eigenvalues above the floors.
    #[ts(type = "number | null")]
    pub kappa: f64,
    /// λ₁/λ_m, m the fewest leading eigenvalues with 99.9 % of the trace.
    #[ts(type = "number | null")]
    pub kappa_eff: f64,
    /// Positive eigenvalues under a floor.
    pub below_floor: usize,
    /// The same of an isotropic sample of as many rows in as many dimensions; where pairs share items, its rows share them too and
    /// have as much of their variance in common.
    pub isotropic: Isotropic,
    /// Against the covariance of the gradients in U; absent without gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub gradient: Option<GradientShape>,
}

/// Σ_U against the covariance of the gradients in U, G = Cov(gx)+Cov(gy).
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
#[serde(rename_all = "camelCase")]
pub struct GradientShape {
    /// Leading eigencomponents that are compared.
    pub ranks: usize,
    /// Pearson correlation of the sorted eigenvalues.
    #[ts(type = "number | null")]
    pub rho_eig: f64,
    /// Pearson correlation of the diagonals in the frame's basis.
    #[ts(type = "number | null")]
    pub diagonal: f64,
    /// `rhoEig` with the spectrum of an isotropic sample in the place of Σ_U's: sorted numbers always correlate.
    #[ts(type = "number | null")]
    pub isotropic_rho_eig: f64,
    /// Correlation that unrelated diagonals exceed in one of forty cases, 1.96/sqrt(ranks−1).
    #[ts(type = "number | null")]
    pub chance: f64,
    /// `rhoEig` with random mixtures of the batch in the gradients' place; absent without a batch, and in older logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub mixture_rho_eig: Option<f64>,
    /// `diagonal` with them; absent as `mixtureRhoEig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub mixture_diagonal: Option<f64>,
}

/// Residuals in V, the complement of U.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(rename = "VSideRecord", optional_fields)]
#[serde(rename_all = "camelCase")]
pub struct VSide {
    /// dim V.
    pub dim: usize,
    /// κ(Σ_V) over the eigenvalues above the floors.
    #[ts(type = "number | null")]
    pub kappa: f64,
    /// As in U.
    #[ts(type = "number | null")]
    pub kappa_eff: f64,
    /// Positive eigenvalues under a floor.
    pub below_floor: usize,
    /// The same of an isotropic sample, as in U.
    pub isotropic: Isotropic,
    /// Degrees between γ and the leading eigenvector of Σ_V, 0 to 90.
    #[ts(type = "number | null")]
    pub angle: f64,
    /// Quantiles of the same angle for a random direction.
    #[ts(inline)]
    pub random_angle: Quantiles,
    /// Length R̄ of the mean unit direction of P_VΔ, without the part that sampling adds to its square; not of a window,
    /// and absent in older logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resultant: Option<f64>,
    /// Von Mises–Fisher concentration κ̂ of these directions, from that length.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub vmf: Option<f64>,
    /// κ̂ of as many directions spread evenly, whose mean has length 1/sqrt(n), or more where pairs share items.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub isotropic_vmf: Option<f64>,
}

/// Quantiles of a distribution.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct Quantiles {
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
