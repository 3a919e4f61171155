//! How the frame and the biases move.

use faer::MatRef;
use modality_gap_kernels::dot;

use super::gradients::random_leak;
use super::record::Rotation;
use crate::{EPSILON, EigenError, Frame, distance};

/// `own` re-estimated at the rank of `frame`, against it.
pub(super) fn rotation(own: &Frame, frame: &Frame) -> Result<Rotation, EigenError> {
    let angles = frame.principal_angles(own)?;
    let rms = |f: &dyn Fn(f64) -> f64| {
        (angles.iter().map(|&a| f(a).powi(2)).sum::<f64>() / angles.len() as f64).sqrt()
    };
    Ok(Rotation {
        sin_theta: angles.last().map_or(0.0, |angle| angle.sin()),
        rms_sine: rms(&f64::sin),
        rms_angle: rms(&f64::to_degrees),
        random: random_leak(frame),
    })
}

/// P m, where P projects onto the columns of `basis`.
pub(super) fn projected(m: &[f64], basis: MatRef<'_, f64>) -> Vec<f64> {
    let m = MatRef::from_column_major_slice(m, m.len(), 1);
    let inside = basis * (basis.transpose() * m);
    (0..inside.nrows()).map(|i| inside[(i, 0)]).collect()
}

pub(super) fn drift(now: &[f64], then: &[f64]) -> f64 {
    distance(now, then) / dot(then, then).sqrt().max(EPSILON)
}

pub(super) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0)
}
