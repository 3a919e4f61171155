//! Phantom drift: what the sphere does to the mean of an anisotropic cloud.

use modality_gap_kernels::dot;

/// Measured and predicted drift of the mean under π(z) = z/‖z‖.
#[derive(Debug, Clone, PartialEq)]
pub struct PhantomDrift {
    /// ‖E[π(z)] − π(E z)‖.
    pub measured: f64,
    /// ‖E[π(z)] − μx‖.
    pub to_target: f64,
    /// Length of the measured drift's part tangential to the mean.
    pub tangential: f64,
    /// Length of its second-order prediction −(I−aaᵀ)Σa/r².
    pub predicted_tangential: f64,
    /// Cosine of the two tangential parts; NaN when either is zero.
    pub cosine: f64,
}

/// Drift of rows z with mean `mean` whose covariance maps a = μ/‖μ‖ to `sigma_a`, and whose projections have mean
/// `projected`.
///
/// # References
/// arXiv 2602.07026, appendix B.14. Valid for small residuals only; the cosine says how far it carries.
pub fn phantom_drift(mean: &[f64], sigma_a: &[f64], projected: &[f64], target: &[f64]) -> PhantomDrift {
    let r = dot(mean, mean).sqrt();
    let a: Vec<f64> = mean.iter().map(|m| m / r).collect();
    let drift: Vec<f64> = projected.iter().zip(&a).map(|(p, a)| p - a).collect();
    let to_target: Vec<f64> = projected.iter().zip(target).map(|(p, t)| p - t).collect();
    let tangential = without(&drift, &a);
    let predicted: Vec<f64> = without(sigma_a, &a).iter().map(|v| -v / (r * r)).collect();
    let (measured_length, predicted_length) = (length(&tangential), length(&predicted));
    PhantomDrift {
        measured: length(&drift),
        to_target: length(&to_target),
        tangential: measured_length,
        predicted_tangential: predicted_length,
        cosine: dot(&tangential, &predicted) / (measured_length * predicted_length),
    }
}

fn without(v: &[f64], direction: &[f64]) -> Vec<f64> {
    let along = dot(v, direction);
    v.iter().zip(direction).map(|(v, d)| v - along * d).collect()
}

fn length(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}
