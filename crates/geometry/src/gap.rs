//! The distance between two centroids, beside the noise that any two samples have.

use modality_gap_kernels::dot;

use crate::{Covariance, Moments};

/// Half width, in standard deviations, of a 95 % interval of a normal variable.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// Gap between independent samples.
#[derive(Debug, Clone, PartialEq)]
pub struct CentroidGap {
    /// ‖μx−μz‖₂.
    pub centroid: f64,
    /// Cosine of the angle between the two means; NaN when one of them is zero.
    pub cosine: f64,
    /// ‖μ̂x−μ̂z‖² − T̂x/n − T̂z/m with unbiased traces: its expectation is zero when the gap is.
    pub unbiased_squared: f64,
    /// sqrt(Tx/n + Tz/m): how far apart the centroids of two samples of one distribution are.
    pub floor: f64,
    /// 95 % interval of `unbiased_squared`, when covariances were given.
    pub interval: Option<[f64; 2]>,
}

/// The gap of two independent samples; with both covariances also its interval.
///
/// # References
/// ‖μ̂x−μ̂z‖² is the linear-kernel MMD² of Gretton et al. 2012; the interval is the normal one with variance
/// 4m̂ᵀSm̂ − 2 tr S², at least 2 tr S², where m̂ = μ̂x−μ̂z and S = Σx/n + Σz/m, for m̂ᵀSm̂ exceeds mᵀSm by tr S².
pub fn centroid_gap(
    x: &Moments,
    z: &Moments,
    covariances: Option<(&Covariance, &Covariance)>,
) -> CentroidGap {
    let difference: Vec<f64> = x.mean().iter().zip(z.mean()).map(|(a, b)| a - b).collect();
    let (n, m) = (x.rows() as f64, z.rows() as f64);
    let squared = dot(&difference, &difference);
    let unbiased_squared = squared - x.unbiased_trace() / n - z.unbiased_trace() / m;
    let interval = covariances.map(|(sx, sz)| {
        let along = sx.quadratic(&difference) / n + sz.quadratic(&difference) / m;
        let square = sx.product_trace(sx) / (n * n)
            + 2.0 * sx.product_trace(sz) / (n * m)
            + sz.product_trace(sz) / (m * m);
        around(unbiased_squared, along, square)
    });
    CentroidGap {
        centroid: squared.sqrt(),
        cosine: dot(x.mean(), z.mean()) / (dot(x.mean(), x.mean()) * dot(z.mean(), z.mean())).sqrt(),
        unbiased_squared,
        floor: (x.trace() / n + z.trace() / m).sqrt(),
        interval,
    }
}

/// Gap of paired rows, from the moments of their differences.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedGap {
    /// ‖μ̂x−μ̂z‖² − tr Σ̂r/n with the unbiased trace.
    pub unbiased_squared: f64,
    /// sqrt(tr Σr/n).
    pub floor: f64,
    /// 95 % interval of `unbiased_squared`.
    pub interval: [f64; 2],
}

/// As [`centroid_gap`] for pairs, whose means are not independent: S = Σr/n with r = x−z. `mean` is that of all `n`
/// pairs; the covariance may come from a sample.
pub fn paired_gap(differences: &Covariance, mean: &[f64], n: u64) -> PairedGap {
    let n = n as f64;
    let trace = differences.trace();
    let unbiased_squared = dot(mean, mean) - trace / (n - 1.0);
    let along = differences.quadratic(mean) / n;
    let square = differences.product_trace(differences) / (n * n);
    PairedGap {
        unbiased_squared,
        floor: (trace / n).sqrt(),
        interval: around(unbiased_squared, along, square),
    }
}

/// Relative modality gap of pairs (Schrodi et al. 2025): with d(c) = (1−c)/2 of a cosine, the distance of pairs over
/// itself plus the mean distance within the modalities. `mean_cosine` is that of the pairs; rows must be unit.
pub fn relative_gap(mean_cosine: f64, x: &Moments, z: &Moments) -> f64 {
    let half = |cosine: f64| (1.0 - cosine) / 2.0;
    // the mean cosine of different rows follows from the mean row, so no n × n matrix is needed
    let within = |moments: &Moments| {
        let n = moments.rows() as f64;
        half((n * dot(moments.mean(), moments.mean()) - 1.0) / (n - 1.0))
    };
    half(mean_cosine) / (half(mean_cosine) + 0.5 * (within(x) + within(z)))
}

fn around(estimate: f64, along: f64, square: f64) -> [f64; 2] {
    let half = NORMAL_95 * (4.0 * along - 2.0 * square).max(2.0 * square).sqrt();
    [estimate - half, estimate + half]
}
