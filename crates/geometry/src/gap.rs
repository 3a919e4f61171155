//! The distance between two centroids, beside the noise that any two samples have.

use modality_gap_kernels::dot;

use crate::{Covariance, Moments};

/// Half width, in standard deviations, of a 95 % interval of a normal variable.
const NORMAL_95: f64 = 1.959_963_984_540_054;
/// Points of a normal variable that it exceeds in 5 % and in 0.5 % of samples.
const NORMAL_ONE_SIDED_95: f64 = 1.644_853_626_951_472_2;
pub(crate) const NORMAL_ONE_SIDED_995: f64 = 2.575_829_303_548_900_4;

/// Degrees of freedom below which nothing is concluded: about ten rows or groups.
const FEW: f64 = 8.0;

/// Share of ‖m̂‖² that is taken for the gap, at least, where the variance along it is estimated.
const LEAST_SIGNAL: f64 = 0.5;

/// Distance of two means that rounding of their sums alone may give.
const ROUNDING: f64 = 1e-13;

/// Gap between independent samples.
#[derive(Debug, Clone, PartialEq)]
pub struct CentroidGap {
    /// ‖μx−μz‖₂.
    pub centroid: f64,
    /// Cosine of the angle between the two means; NaN when one of them is zero.
    pub cosine: f64,
    /// μ̂x − μ̂z.
    pub difference: Vec<f64>,
}

/// The distance of two means.
pub fn centroid_gap(x: &Moments, z: &Moments) -> CentroidGap {
    let difference: Vec<f64> = x.mean().iter().zip(z.mean()).map(|(a, b)| a - b).collect();
    CentroidGap {
        centroid: dot(&difference, &difference).sqrt(),
        cosine: dot(x.mean(), z.mean()) / (dot(x.mean(), x.mean()) * dot(z.mean(), z.mean())).sqrt(),
        difference,
    }
}

/// What is known of S, the covariance of an estimated difference of means m̂.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// tr S, unbiased.
    pub trace: f64,
    /// tr S by covariances of divisor n: the square of the noise floor.
    pub floor_square: f64,
    /// Degrees of freedom of an entry of the estimated S (Welch and Satterthwaite): n−1 for n pairs.
    pub freedom: f64,
    /// m̂ᵀSm̂ and tr S², the second unbiased; absent where no covariance was taken.
    pub second: Option<Second>,
}

/// Second-order terms of a noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// m̂ᵀSm̂.
    pub along: f64,
    /// tr S².
    pub square: f64,
}

/// What follows from a gap and its noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapVerdict {
    /// The gap is real: without one, so large a value comes in 5 % of samples.
    Real,
    /// It cannot be told from noise.
    Noise,
    /// No covariance was taken, or there are fewer than about ten rows or groups.
    NotTested,
}

/// A gap beside its noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// ‖m̂‖² − tr Ŝ: its expectation is zero when the gap is.
    pub unbiased_squared: f64,
    /// sqrt(tr Ŝ): how far apart the centroids of two samples of one distribution are, as a root mean square.
    pub floor: f64,
    /// 95 % interval of `unbiased_squared`; absent as its verdict is.
    pub interval: Option<[f64; 2]>,
    /// Standard deviation of `unbiased_squared` where there is no gap: √(2 tr S²).
    pub null_deviation: Option<f64>,
    /// Whether the gap is real.
    pub verdict: GapVerdict,
}

impl Noise {
    /// Of two independent samples: S = Σx·w₀ + Σz·w₁, where `weights` are 1/n and 1/m, or more where a fit on like rows adds
    /// its own noise; with covariances also its second order at `difference`.
    pub fn of_samples(
        [x, z]: [&Moments; 2],
        weights: [f64; 2],
        covariances: Option<[&Covariance; 2]>,
        difference: &[f64],
    ) -> Self {
        let [n, m] = weights;
        let second = covariances.map(|[sx, sz]| {
            // divisor n−1, which makes the product of two independent covariances unbiased
            let [cx, cz] = [sx, sz].map(|s| s.rows() as f64 / (s.rows() as f64 - 1.0));
            Second {
                along: cx * sx.quadratic(difference) * n + cz * sz.quadratic(difference) * m,
                square: sx.unbiased_square() * n * n
                    + 2.0 * cx * cz * sx.product_trace(sz) * n * m
                    + sz.unbiased_square() * m * m,
            }
        });
        let parts = [(x.trace() * n, x.rows()), (z.trace() * m, z.rows())];
        Self {
            trace: x.unbiased_trace() * n + z.unbiased_trace() * m,
            floor_square: x.trace() * n + z.trace() * m,
            freedom: freedom(&parts),
            second,
        }
    }

    /// Of `n` pairs whose differences have this trace (divisor n), and this covariance, which may come from a sample:
    /// S = Σr/n.
    pub fn of_pairs(trace: f64, covariance: Option<&Covariance>, difference: &[f64], n: u64) -> Self {
        let pairs = n as f64;
        let second = covariance.map(|differences| {
            let rows = differences.rows() as f64;
            Second {
                along: differences.quadratic(difference) * rows / (rows - 1.0) / pairs,
                square: differences.unbiased_square() / (pairs * pairs),
            }
        });
        Self {
            trace: trace / (pairs - 1.0),
            floor_square: trace / pairs,
            freedom: pairs - 1.0,
            second,
        }
    }

    /// The noise of m̂ with an independent error whose covariance is (`factor` − 1)·S.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            trace: self.trace * factor,
            floor_square: self.floor_square * factor,
            freedom: self.freedom,
            second: self.second.map(|second| Second {
                along: second.along * factor,
                square: second.square * factor * factor,
            }),
        }
    }

    /// The noise of m̂ with an independent error of noise `other`; tr(S+R)² is taken as (√tr S² + √tr R²)², its largest value.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            trace: self.trace + other.trace,
            floor_square: self.floor_square + other.floor_square,
            freedom: self.freedom.min(other.freedom),
            second: self.second.zip(other.second).map(|(a, b)| Second {
                along: a.along + b.along,
                square: (a.square.max(0.0).sqrt() + b.square.max(0.0).sqrt()).powi(2),
            }),
        }
    }

    /// Judges a squared distance of means between rows of `dim` columns.
    ///
    /// # References
    /// ‖m̂‖² is the linear-kernel MMD² of Gretton et al. 2012. The verdict is one-sided, of size 5 %: without a gap ‖m̂‖² is a
    /// sum of chi-squares with mean tr S and variance 2 tr S², taken as a multiple of one with as many degrees of freedom (Box
    /// 1954), over an estimate of tr S that has its own.
    pub fn judge(&self, square: f64, dim: usize) -> Judged {
        let unbiased_squared = square - self.trace;
        Judged {
            unbiased_squared,
            floor: self.floor_square.max(0.0).sqrt(),
            null_deviation: self.second.map(|second| (2.0 * second.square.max(0.0)).sqrt()),
            interval: self
                .second
                .filter(|_| self.freedom >= FEW)
                .map(|second| self.interval(square, second)),
            verdict: match self.critical(dim) {
                None => GapVerdict::NotTested,
                // means of rows that are the same differ by the rounding of their sums
                Some(critical) if square > critical.max(ROUNDING * ROUNDING) => GapVerdict::Real,
                Some(_) => GapVerdict::Noise,
            },
        }
    }

    /// 95 % interval of the squared gap: all g² that lie within the noise that they would have themselves (a score interval,
    /// as Wilson's of a share), 2 tr S² + 4g²σ², where σ² is m̂ᵀSm̂ over the unbiased square, for ‖m̂‖² holds noise of all
    /// directions, which would hide a gap along one with much. An interval with the noise of the estimate covers too often without
    /// a gap, and too seldom beside one that is as large as its noise. Below zero, where no gap is, the
    /// noise is that without one, so that the estimate always lies within.
    fn interval(&self, square: f64, second: Second) -> [f64; 2] {
        let estimate = square - self.trace;
        let z = t_quantile_975(self.freedom);
        let (null, along) = (
            2.0 * second.square.max(0.0),
            if square > 0.0 {
                4.0 * second.along / estimate.max(LEAST_SIGNAL * square)
            } else {
                0.0
            },
        );
        let middle = estimate + z * z * along / 2.0;
        let half = z
            * (null + along * estimate + z * z * along * along / 4.0)
                .max(0.0)
                .sqrt();
        let plain = z * null.sqrt();
        let (low, high) = (middle - half, middle + half);
        [
            if low >= 0.0 && estimate > 0.0 {
                low
            } else {
                estimate - plain
            },
            if high >= 0.0 { high } else { estimate + plain },
        ]
    }

    /// The value that ‖m̂‖² exceeds in 5 % of samples when there is no gap; absent without second moments, or where they say
    /// nothing.
    pub fn critical(&self, dim: usize) -> Option<f64> {
        self.critical_at(NORMAL_ONE_SIDED_95, dim)
    }

    /// As [`Self::critical`], for the share of samples in which a normal variable exceeds `quantile`.
    pub(crate) fn critical_at(&self, quantile: f64, dim: usize) -> Option<f64> {
        let square = self.second?.square;
        if !(self.trace > 0.0 && self.freedom >= FEW && square.is_finite()) {
            return None;
        }
        // tr S² lies between (tr S)²/d and (tr S)²; an unbiased estimate may leave that
        let directions = (self.trace * self.trace / square.max(f64::MIN_POSITIVE)).clamp(1.0, dim as f64);
        Some(self.trace * f_quantile(directions, directions * self.freedom, quantile))
    }
}

/// Degrees of freedom of a sum of independent variances, each with its own rows (Welch and Satterthwaite).
pub(crate) fn freedom(parts: &[(f64, u64)]) -> f64 {
    let total: f64 = parts.iter().map(|(part, _)| part).sum();
    let terms = parts
        .iter()
        .map(|(part, rows)| part * part / (*rows as f64 - 1.0));
    total * total / terms.sum::<f64>()
}

/// 97.5 % point of Student's t: the normal one and its first two corrections (Cornish and Fisher), within 1 % from five
/// degrees on.
fn t_quantile_975(freedom: f64) -> f64 {
    let z = NORMAL_95;
    let n = freedom.max(1.0);
    z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
}

/// Point of Fisher's F with m and n degrees of freedom that corresponds to the point `quantile` of a normal variable, by Paulson's
/// cube-root approximation: its 95 % point within 3 % from one degree on, above as well as below.
fn f_quantile(m: f64, n: f64, quantile: f64) -> f64 {
    let (a, b) = (2.0 / (9.0 * m), 2.0 / (9.0 * n));
    let z2 = quantile * quantile;
    // ((1−b)y − (1−a))² = z²(b y² + a), y = F^(1/3), the larger root
    let leading = (1.0 - b).powi(2) - z2 * b;
    let middle = (1.0 - b) * (1.0 - a);
    let rest = (1.0 - a).powi(2) - z2 * a;
    ((middle + (middle * middle - leading * rest).max(0.0).sqrt()) / leading).powi(3)
}

/// Noise of a difference of means whose rows come in independent groups, from the centred sums of the groups.
///
/// With s_g = G·Σ_{i∈g}(r_i−m̂)/n the groups are a sample of G vectors whose mean varies as m̂ does:
/// Ŝ = G/(G−1)·Σ_g s_g s_gᵀ/G², which is G/(G−1)·Σ_g (Σ_{i∈g}(r_i−m̂))(…)ᵀ/n².
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterNoise {
    /// Of the s_g that were taken; one for each independent part.
    parts: Vec<(Covariance, u64)>,
}

impl ClusterNoise {
    /// Nothing yet of `groups` groups.
    pub fn new(dim: usize, groups: u64) -> Self {
        Self {
            parts: vec![(Covariance::about(&vec![0.0; dim]), groups)],
        }
    }

    /// Counts s_g of some groups, row-major.
    pub fn add(&mut self, sums: &mut [f64]) {
        self.parts[0].0.accumulate(sums);
    }

    /// The noise of a difference of two independent parts.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.parts.extend(other.parts.iter().cloned());
        self
    }

    /// What is known of S, at `difference`.
    pub fn noise(&self, difference: &[f64]) -> Noise {
        let scale = |s: &Covariance| s.rows() as f64 / (s.rows() as f64 - 1.0);
        let sum = |of: &dyn Fn(&Covariance, f64) -> f64| -> f64 {
            let parts = self.parts.iter();
            parts.map(|(s, groups)| of(s, *groups as f64)).sum()
        };
        let trace = sum(&|s, groups| scale(s) * s.trace() / groups);
        let mut square = sum(&|s, groups| s.unbiased_square() / (groups * groups));
        if let [(a, n), (b, m)] = self.parts.as_slice() {
            square += 2.0 * scale(a) * scale(b) * a.product_trace(b) / (*n as f64 * *m as f64);
        }
        let parts: Vec<(f64, u64)> = self
            .parts
            .iter()
            .map(|(s, groups)| (s.trace() / *groups as f64, s.rows()))
            .collect();
        Noise {
            trace,
            floor_square: trace,
            freedom: freedom(&parts),
            second: Some(Second {
                along: sum(&|s, groups| scale(s) * s.quadratic(difference) / groups),
                square,
            }),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Means of related rows are far nearer than the noise of independent ones: the estimate lies within its interval all the same.
    #[test]
    fn an_interval_holds_its_estimate() {
        let noise = Noise {
            trace: 0.032,
            floor_square: 0.032,
            freedom: 80.0,
            second: Some(Second {
                along: 2e-5,
                square: 2.5e-5,
            }),
        };
        for square in [1e-4, 0.01, 0.032, 0.05, 0.2, 3.0] {
            let judged = noise.judge(square, 64);
            let [low, high] = judged.interval.unwrap();
            let estimate = judged.unbiased_squared;
            assert!(
                low < estimate && estimate < high,
                "{square}: {low} {estimate} {high}"
            );
        }
    }

    /// Tables of F: 95 % points.
    #[test]
    fn quantiles_of_f() {
        for (m, n, expected) in [
            (1.0, 10.0, 4.965),
            (1.0, 1e9, 3.841),
            (2.0, 20.0, 3.493),
            (5.0, 100.0, 2.305),
            (30.0, 1e9, 1.459),
            (200.0, 1e9, 1.170),
        ] {
            let found = f_quantile(m, n, NORMAL_ONE_SIDED_95);
            assert!(
                (found / expected - 1.0).abs() < 0.03,
                "{m} {n} {found} {expected}"
            );
        }
    }
}
