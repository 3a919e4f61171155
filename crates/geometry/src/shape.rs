//! How alike two covariances are, and what the paired residual looks like.

use crate::Covariance;
use crate::eigen::{Eigen, EigenError};
use crate::frame::Frame;
use crate::spectrum::{log_spectra_correlation, log_spectra_deviation};

/// Covariances of two modalities compared.
#[derive(Debug, Clone, PartialEq)]
pub struct CovarianceShape {
    /// ‖Σx−Σz‖_F/‖Σx‖_F.
    pub shape: f64,
    /// Pearson correlation of ln λ over ranks 1..min(rank x, rank z).
    pub log_spectra_correlation: f64,
    /// Standard deviation of ln(λx/λz) over the same ranks.
    pub log_spectra_deviation: f64,
    /// ‖μx−μz‖² + tr(Σx+Σz−2(Σx^½ΣzΣx^½)^½), squared and with divisor n (Heusel et al. 2017).
    pub frechet: f64,
    /// (q, ‖UxqᵀUzq‖²_F/q): overlap of the q leading directions; q/d for random ones.
    pub overlap: Vec<(usize, f64)>,
}

/// Compares two covariances whose decompositions are known; `ranks` are their numerical ranks.
pub fn covariance_shape(
    x: (&Covariance, &Eigen, usize),
    z: (&Covariance, &Eigen, usize),
) -> Result<CovarianceShape, EigenError> {
    let (sx, sz) = (x.0.matrix(), z.0.matrix());
    let difference = &sx - &sz;
    let dim = x.0.dim();
    let gap: f64 =
        x.0.mean()
            .iter()
            .zip(z.0.mean())
            .map(|(a, b)| (a - b).powi(2))
            .sum();
    let cross = x.1.vectors.transpose() * &z.1.vectors;
    // Σx^½ΣzΣx^½ has the eigenvalues of BBᵀ with B = Λx^½UxᵀUzΛz^½
    let root = |values: &[f64], k: usize| values[k].max(0.0).sqrt();
    let factor = faer::Mat::from_fn(dim, dim, |i, k| {
        root(&x.1.values, i) * cross[(i, k)] * root(&z.1.values, k)
    });
    let middle = &factor * factor.transpose();
    let values = Eigen::values_of(middle.as_ref())?;
    let middle_trace: f64 = values.iter().map(|v| v.max(0.0).sqrt()).sum();
    let sizes = std::iter::successors(Some(1), |q| Some(q * 2))
        .take_while(|&q| q < dim)
        .chain([dim]);
    let overlap = sizes
        .map(|q| (q, cross.submatrix(0, 0, q, q).squared_norm_l2() / q as f64))
        .collect();
    Ok(CovarianceShape {
        shape: difference.norm_l2() / sx.norm_l2(),
        log_spectra_correlation: log_spectra_correlation(&x.1.values, &z.1.values, x.2.min(z.2)),
        log_spectra_deviation: log_spectra_deviation(&x.1.values, &z.1.values, x.2.min(z.2)),
        frechet: gap + x.0.trace() + z.0.trace() - 2.0 * middle_trace,
        overlap,
    })
}

/// The paired residual Σr = Cov(x−z).
#[derive(Debug, Clone, PartialEq)]
pub struct Residual {
    /// tr Σr.
    pub trace: f64,
    /// A_r = λmax/(tr Σr/d).
    pub anisotropy: f64,
    /// tr Σr/E‖x−z‖².
    pub ratio: f64,
    /// tr(P_UΣr)/tr Σr.
    pub coverage: f64,
    /// (tr Σr)²/tr Σr².
    pub effective_dimension: f64,
    /// (K, share of the K leading eigenvalues).
    pub energy: Vec<(usize, f64)>,
}

/// Shape of the paired residual of differences with mean `mean`.
pub fn residual(differences: &Covariance, mean: &[f64], frame: &Frame) -> Result<Residual, EigenError> {
    let dim = differences.dim();
    let sigma = differences.matrix();
    let (values, covered) = rayon::join(
        || Eigen::values_of(sigma.as_ref()),
        || frame.trace_in_u(differences),
    );
    let values = values?;
    let trace = differences.trace();
    let mean_square: f64 = mean.iter().map(|m| m * m).sum();
    let sizes = std::iter::successors(Some(1), |k| Some(k * 2))
        .take_while(|&k| k < dim)
        .chain([dim]);
    Ok(Residual {
        trace,
        anisotropy: values[0] / (trace / dim as f64),
        ratio: trace / (trace + mean_square),
        coverage: covered / trace,
        effective_dimension: trace * trace / values.iter().map(|v| v * v).sum::<f64>(),
        energy: sizes
            .map(|k| (k, values[..k].iter().sum::<f64>() / trace))
            .collect(),
    })
}
