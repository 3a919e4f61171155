//! The two sides of the residuals beside what chance gives.

use faer::{Mat, MatRef};

use super::probe::MeanDirection;
use super::random::{grouped_isotropic_spectrum, isotropic_spectrum, random_angle};
use super::record::{CouplingRecord, Energies};
use super::sharing::Sharing;
use super::side_record::{GradientShape, Isotropic, Quantiles, USide, VSide};
use crate::decomposition::{Blocks, Coupling, Decomposition};
use crate::eigen::{Eigen, EigenError};
use crate::spectrum::{Condition, pearson};
use crate::{Frame, vmf_concentration};

/// Spectra of isotropic samples of `n` rows in U and in V, which share items as the pairs do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ChanceLevels {
    n: u64,
    sharing: Option<Sharing>,
    u: Vec<f64>,
    v: Vec<f64>,
}

impl ChanceLevels {
    pub fn of(n: u64, sharing: Option<Sharing>, frame: &Frame, seed: u64) -> Result<Self, EigenError> {
        let spectrum = |part: usize, dim: usize| match &sharing {
            Some(Sharing { sizes, shares }) => grouped_isotropic_spectrum(sizes, shares[part], dim, seed),
            None => isotropic_spectrum(n, dim, seed),
        };
        Ok(Self {
            n,
            u: spectrum(0, frame.rank())?,
            v: spectrum(1, frame.dim() - frame.rank())?,
            sharing,
        })
    }

    /// Whether it is the one of `n` rows that share items like this, in this frame.
    pub fn serves(&self, n: u64, sharing: Option<&Sharing>, frame: &Frame) -> bool {
        self.n == n
            && self.sharing.as_ref() == sharing
            && self.u.len() == frame.rank()
            && self.v.len() == frame.dim() - frame.rank()
    }
}

/// Covariance of the gradients in the frame's basis of U.
pub(super) struct GradientBlock {
    own: Inside,
    /// Of random mixtures of the batch's rows.
    mixture: Option<Inside>,
}

/// Spectrum and diagonal of a covariance in U.
struct Inside {
    values: Vec<f64>,
    diagonal: Vec<f64>,
}

impl GradientBlock {
    /// `covariance` is G, d × d, `mixture` what random mixtures have in its place.
    pub fn of(
        covariance: MatRef<'_, f64>,
        mixture: Option<MatRef<'_, f64>>,
        frame: &Frame,
    ) -> Result<Self, EigenError> {
        Ok(Self {
            own: Inside::of(covariance, frame)?,
            mixture: mixture.map(|mixture| Inside::of(mixture, frame)).transpose()?,
        })
    }
}

impl Inside {
    fn of(covariance: MatRef<'_, f64>, frame: &Frame) -> Result<Self, EigenError> {
        let inside: Mat<f64> = frame.u().transpose() * (covariance * frame.u());
        Ok(Self {
            diagonal: (0..inside.nrows()).map(|i| inside[(i, i)]).collect(),
            values: if inside.nrows() == 0 {
                Vec::new()
            } else {
                Eigen::of(inside.as_ref())?.values
            },
        })
    }
}

/// What is shown of Σ_U; at most `top` eigencomponents are compared with the gradients'.
pub(super) fn u_side(
    blocks: &Blocks,
    parts: &Decomposition,
    gradients: Option<&GradientBlock>,
    chance: &ChanceLevels,
    top: usize,
) -> USide {
    let gradient = gradients.map(|gradients| {
        let ranks = top.min(gradients.own.values.len());
        let leading = &gradients.own.values[..ranks];
        let rho_eig = |of: &Inside| correlation(&blocks.values_u()[..ranks], &of.values[..ranks]);
        let diagonal = |of: &Inside| correlation(&blocks.diagonal_u()[..ranks], &of.diagonal[..ranks]);
        GradientShape {
            ranks,
            rho_eig: rho_eig(&gradients.own),
            diagonal: diagonal(&gradients.own),
            mixture_rho_eig: gradients.mixture.as_ref().map(rho_eig),
            mixture_diagonal: gradients.mixture.as_ref().map(diagonal),
            isotropic_rho_eig: correlation(&chance.u[..ranks], leading),
            chance: 1.96 / (ranks as f64 - 1.0).max(0.0).sqrt(),
        }
    });
    let Condition {
        kappa,
        effective,
        below_floor,
    } = parts.condition_u;
    USide {
        kappa,
        kappa_eff: effective,
        below_floor,
        isotropic: isotropic(&chance.u),
        gradient,
    }
}

/// What is shown of Σ_V; `direction` is the mean unit direction of P_VΔ, where it is known.
pub(super) fn v_side(
    parts: &Decomposition,
    chance: &ChanceLevels,
    direction: Option<MeanDirection>,
) -> VSide {
    let dim = chance.v.len();
    let Condition {
        kappa,
        effective,
        below_floor,
    } = parts.condition_v;
    VSide {
        dim,
        kappa,
        kappa_eff: effective,
        below_floor,
        isotropic: isotropic(&chance.v),
        angle: parts.angle_cob_v1,
        random_angle: Quantiles {
            p05: random_angle(dim, 0.05),
            p50: random_angle(dim, 0.5),
            p95: random_angle(dim, 0.95),
        },
        resultant: direction.map(|direction| direction.resultant),
        vmf: direction.map(|direction| vmf_concentration(direction.resultant, dim)),
        isotropic_vmf: direction.map(|direction| vmf_concentration(direction.even, dim)),
    }
}

fn isotropic(values: &[f64]) -> Isotropic {
    let Condition { kappa, effective, .. } = Condition::of(values, 0.0);
    Isotropic {
        kappa,
        kappa_eff: effective,
    }
}

/// Pearson correlation; NaN below two numbers.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    if a.len() < 2 { f64::NAN } else { pearson(a, b) }
}

impl From<&Coupling> for CouplingRecord {
    fn from(coupling: &Coupling) -> Self {
        let Coupling { norm, r2, lambda } = *coupling;
        Self { norm, r2, lambda }
    }
}

impl From<&Decomposition> for Energies {
    fn from(parts: &Decomposition) -> Self {
        Self {
            pmb: parts.pmb,
            cob: parts.cob,
            trace_u: parts.trace_u,
            trace_v: parts.trace_v,
        }
    }
}
