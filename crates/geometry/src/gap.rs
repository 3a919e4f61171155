//! The distance between two centroids, beside the noise that any two samples have.

use faer::{Mat, MatRef, Scale};
use modality_gap_kernels::dot;
use ndarray::ArrayView2;

use crate::eigen::sequential;
use crate::frame::inner;
use crate::halves::Turned;
use crate::quantiles::{NORMAL_ONE_SIDED_95, f_quantile};
use crate::{Covariance, Moments};

/// Degrees of freedom below which nothing is concluded: about ten rows or groups.
const FEW: f64 = 8.0;

/// Groups of one size from which on their noise is judged.
pub(crate) const ENOUGH_GROUPS: f64 = FEW + 1.0;

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

/// Noise of a mean over its own square, up to which the cosine of two means is corrected: what is left is then at most two percent.
const COSINE_NOISE: f64 = 0.04;

/// Cosine of the means of two populations: μ̂x·μ̂z, ‖μ̂x‖² and ‖μ̂z‖² without the noise of the means, T/n of `independent` rows each and
/// `trace` of their difference. Otherwise how many times as many rows would do.
pub fn unbiased_cosine(x: &Moments, z: &Moments, independent: [u64; 2], trace: f64) -> Turned {
    let [nx, nz] =
        [(x, independent[0]), (z, independent[1])].map(|(side, n)| side.unbiased_trace() / n as f64);
    let [qx, qz] = [(x, nx), (z, nz)].map(|(side, noise)| dot(side.mean(), side.mean()) - noise);
    let share = (nx / qx).max(nz / qz);
    if !(qx > 0.0 && qz > 0.0) {
        return Turned::Needs(f64::NAN);
    }
    if share > COSINE_NOISE {
        return Turned::Needs(share / COSINE_NOISE);
    }
    // the sum of both noises less that of the difference is twice what the means share
    let product = dot(x.mean(), z.mean()) - (nx + nz - trace) / 2.0;
    Turned::Known((product / (qx * qz).sqrt()).clamp(-1.0, 1.0))
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
    /// Mean degrees of freedom of the independent parts of S, the harmonic one, by their shares of tr S: n−1 for n pairs, too.
    pub mean_freedom: f64,
    /// m̂ᵀSm̂ and tr S², the second unbiased; absent where no covariance was taken.
    pub second: Option<Second>,
}

/// Second- and third-order terms of a noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// m̂ᵀSm̂.
    pub along: f64,
    /// m̂ᵀS²m̂.
    pub along_square: f64,
    /// tr S².
    pub square: f64,
    /// tr S³.
    pub cube: f64,
}

impl Second {
    /// Of an estimated S, where `square` is tr S² without bias, at `difference`.
    ///
    /// The eigenvalues of an estimate are too far apart. Moved towards their mean until their squares add up to `square` (as
    /// Ledoit and Wolf 2004 do), they give tr S³.
    fn of(s: &Mat<f64>, square: f64, difference: &[f64]) -> Self {
        sequential();
        let dim = s.nrows() as f64;
        let trace: f64 = (0..s.nrows()).map(|i| s[(i, i)]).sum();
        let [plug_in, cubes] = [inner(s.as_ref(), s.as_ref()), inner((s * s).as_ref(), s.as_ref())];
        let even = trace * trace / dim;
        let kept = ((square - even) / (plug_in - even)).clamp(0.0, 1.0).sqrt();
        let kept = if kept.is_finite() { kept } else { 0.0 };
        let added = (1.0 - kept) * trace / dim;
        let at = MatRef::from_column_major_slice(difference, difference.len(), 1);
        let moved = s * at;
        Self {
            along: inner(moved.as_ref(), at),
            along_square: moved.squared_norm_l2(),
            square,
            cube: kept.powi(3) * cubes
                + 3.0 * kept * kept * added * plug_in
                + 3.0 * kept * added * added * trace
                + added.powi(3) * dim,
        }
    }
}

/// What follows from a gap and its noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum GapVerdict {
    /// The gap is real: without one, so large a value comes in 5 % of samples.
    Real,
    /// It cannot be distinguished from noise.
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

impl Judged {
    /// Where a few groups make most of the noise, the verdict of the rows without them; there is no interval then.
    #[must_use]
    pub fn or_of_rest(self, rest: Option<&Self>) -> Self {
        match (self.verdict, rest) {
            (GapVerdict::NotTested, Some(rest)) => Self {
                verdict: rest.verdict,
                ..self
            },
            _ => self,
        }
    }
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
            let [cx, cz] = [sx, sz].map(scale);
            let square = sx.unbiased_square() * n * n
                + 2.0 * cx * cz * sx.product_trace(sz) * n * m
                + sz.unbiased_square() * m * m;
            let s = sx.matrix() * Scale(cx * n) + sz.matrix() * Scale(cz * m);
            Second::of(&s, square, difference)
        });
        let parts = [(x.trace() * n, x.rows() as f64), (z.trace() * m, z.rows() as f64)];
        Self {
            trace: x.unbiased_trace() * n + z.unbiased_trace() * m,
            floor_square: x.trace() * n + z.trace() * m,
            freedom: freedom(&parts),
            mean_freedom: mean_freedom(&parts),
            second,
        }
    }

    /// Of `n` pairs whose differences have this trace (divisor n), and this covariance, which may come from a sample:
    /// S = Σr/n.
    pub fn of_pairs(trace: f64, covariance: Option<&Covariance>, difference: &[f64], n: u64) -> Self {
        let pairs = n as f64;
        let second = covariance.map(|differences| {
            let s = differences.matrix() * Scale(scale(differences) / pairs);
            Second::of(&s, differences.unbiased_square() / (pairs * pairs), difference)
        });
        Self {
            trace: trace / (pairs - 1.0),
            floor_square: trace / pairs,
            freedom: pairs - 1.0,
            mean_freedom: pairs - 1.0,
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
            mean_freedom: self.mean_freedom,
            second: self.second.map(|second| Second {
                along: second.along * factor,
                along_square: second.along_square * factor * factor,
                square: second.square * factor * factor,
                cube: second.cube * factor.powi(3),
            }),
        }
    }

    /// The noise of m̂ with an independent error of noise `other`; tr(S+R)² is taken as (√tr S² + √tr R²)², its largest value, and so
    /// are tr(S+R)³ and ‖(S+R)m̂‖².
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            trace: self.trace + other.trace,
            floor_square: self.floor_square + other.floor_square,
            freedom: self.freedom.min(other.freedom),
            mean_freedom: self.mean_freedom.min(other.mean_freedom),
            second: self.second.zip(other.second).map(|(a, b)| Second {
                along: a.along + b.along,
                along_square: (a.along_square.sqrt() + b.along_square.sqrt()).powi(2),
                square: (a.square.max(0.0).sqrt() + b.square.max(0.0).sqrt()).powi(2),
                cube: (a.cube.max(0.0).cbrt() + b.cube.max(0.0).cbrt()).powi(3),
            }),
        }
    }

    /// Judges a squared distance of means between rows of `dim` columns.
    ///
    /// # References
    /// ‖m̂‖² is the linear-kernel MMD² of Gretton et al. 2012. The verdict is one-sided, of size 5 %: without a gap ‖m̂‖² is a
    /// sum of chi-squares with mean tr S, variance 2 tr S² and third cumulant 8 tr S³, taken as a shifted chi-square with the same
    /// (Pearson; Imhof 1961), over an estimate of its scale that has its own degrees of freedom.
    pub fn judge(&self, square: f64, dim: usize) -> Judged {
        let verdict = match self.critical(dim) {
            None => GapVerdict::NotTested,
            // means of rows that are the same differ by the rounding of their sums
            Some(critical) if square > critical.max(ROUNDING * ROUNDING) => GapVerdict::Real,
            Some(_) => GapVerdict::Noise,
        };
        let interval = self
            .second
            .filter(|_| self.freedom >= FEW)
            .map(|second| self.interval(square, second, dim));
        Judged {
            unbiased_squared: square - self.trace,
            floor: self.floor_square.max(0.0).sqrt(),
            null_deviation: self.second.map(|second| (2.0 * second.square.max(0.0)).sqrt()),
            interval: interval.map(|[low, high]| match verdict {
                GapVerdict::Noise => [low.min(0.0), high],
                _ => [low, high],
            }),
            verdict,
        }
    }

    /// tr S² and tr S³ within what tr S allows: unbiased estimates may leave that.
    pub(crate) fn powers(&self, second: Second, dim: usize) -> (f64, f64) {
        let whole = self.trace * self.trace;
        let squares = second.square.max(whole / dim as f64).min(whole);
        let least = squares * squares / self.trace;
        (squares, second.cube.max(least).min(squares.powf(1.5)))
    }

    /// The value that ‖m̂‖² exceeds in 5 % of samples when there is no gap; absent without second moments, or where they say
    /// nothing.
    pub fn critical(&self, dim: usize) -> Option<f64> {
        self.critical_at(NORMAL_ONE_SIDED_95, dim)
    }

    /// As [`Self::critical`], for the share of samples in which a normal variable exceeds `quantile`.
    pub(crate) fn critical_at(&self, quantile: f64, dim: usize) -> Option<f64> {
        let second = self.second?;
        if !(self.trace > 0.0 && self.freedom >= FEW && second.square.is_finite()) {
            return None;
        }
        let (squares, cubes) = self.powers(second, dim);
        let directions = squares.powi(3) / (cubes * cubes);
        let scale = squares * squares / cubes;
        Some(self.trace + scale * (f_quantile(directions, directions * self.freedom, quantile) - 1.0))
    }
}

/// Degrees of freedom of a sum of independent variances, each with its own rows (Welch and Satterthwaite).
pub(crate) fn freedom(parts: &[(f64, f64)]) -> f64 {
    let total: f64 = parts.iter().map(|(part, _)| part).sum();
    let terms = parts.iter().map(|(part, rows)| part * part / (rows - 1.0));
    total * total / terms.sum::<f64>()
}

/// Their harmonic mean, by their shares of the sum.
pub(crate) fn mean_freedom(parts: &[(f64, f64)]) -> f64 {
    let total: f64 = parts.iter().map(|(part, _)| part).sum();
    let terms = parts.iter().map(|(part, rows)| part / (rows - 1.0));
    total / terms.sum::<f64>()
}

/// Noise of a difference of means whose rows come in independent groups, from the centred sums of the groups.
///
/// With s_g = G·Σ_{i∈g}(r_i−m̂)/n·(1−1/G)/(1−c_g/n) of groups with c_g of n rows, the mean of the others moves by s_g/(G−1) where a group is
/// left out (the jackknife): the s_g are a sample of G vectors whose mean varies as m̂ does. In groups of one size the last factor is one, and
/// Ŝ = G/(G−1)·Σ_g (Σ_{i∈g}(r_i−m̂))(…)ᵀ/n²; without it large groups, which draw m̂ towards themselves, count too little.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterNoise {
    /// One for each independent part.
    parts: Vec<Clusters>,
}

#[derive(Debug, Clone, PartialEq)]
struct Clusters {
    /// Of the s_g that were taken.
    sums: Covariance,
    groups: f64,
    /// Groups of one size that tell as much of the noise.
    effective: f64,
}

impl Clusters {
    /// What makes tr S² unbiased where groups differ: their pairs hold less of its square than pairs of equal ones.
    fn evened(&self) -> f64 {
        (1.0 - 1.0 / self.groups) / (1.0 - 1.0 / self.effective)
    }
}

/// (1−1/G)/(1−c/n) of a group with c of n rows.
pub fn left_out(groups: f64, rows: f64, all: f64) -> f64 {
    // a group of all rows is its own mean
    if rows < all {
        (1.0 - 1.0 / groups) / (1.0 - rows / all)
    } else {
        1.0
    }
}

impl ClusterNoise {
    /// Nothing yet of `groups` groups, which tell as much of the noise as `effective` ones of one size.
    pub fn new(dim: usize, groups: u64, effective: f64) -> Self {
        let groups = groups as f64;
        Self {
            parts: vec![Clusters {
                sums: Covariance::about(&vec![0.0; dim]),
                groups,
                effective: if effective.is_finite() {
                    effective.clamp(1.0, groups)
                } else {
                    groups
                },
            }],
        }
    }

    /// Counts s_g of some groups, a row each.
    pub fn add(&mut self, sums: ArrayView2<'_, f64>) {
        self.parts[0].sums.accumulate(sums);
    }

    /// The noise of a difference of two independent parts.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.parts.extend(other.parts.iter().cloned());
        self
    }

    /// tr PŜ, where `of` gives tr PΣ of a covariance Σ with divisor n.
    pub(crate) fn trace_by(&self, of: impl Fn(&Covariance) -> f64) -> f64 {
        let parts = self.parts.iter();
        parts
            .map(|part| scale(&part.sums) * of(&part.sums) / part.groups)
            .sum()
    }

    /// Ŝ, d × d.
    pub(crate) fn matrix(&self) -> Mat<f64> {
        let of = |part: &Clusters| part.sums.matrix() * Scale(scale(&part.sums) / part.groups);
        let mut parts = self.parts.iter().map(of);
        let first = parts.next().expect("there is one part");
        parts.fold(first, |sum, part| sum + part)
    }

    /// Whether so few groups make most of the noise that it is not judged.
    pub fn dominated(&self) -> bool {
        self.freedom() < FEW
    }

    /// Degrees of freedom of an entry of Ŝ.
    fn freedom(&self) -> f64 {
        freedom(&self.shares())
    }

    /// tr Ŝ of each part, and the groups that it is from.
    fn shares(&self) -> Vec<(f64, f64)> {
        let of = |part: &Clusters| {
            let taken = part.sums.rows() as f64 / part.groups;
            (part.sums.trace() / part.groups, taken * part.effective)
        };
        self.parts.iter().map(of).collect()
    }

    /// What is known of S, at `difference`.
    pub fn noise(&self, difference: &[f64]) -> Noise {
        let trace = self.trace_by(Covariance::trace);
        let own = |part: &Clusters| part.evened() * part.sums.unbiased_square() / (part.groups * part.groups);
        let mut square: f64 = self.parts.iter().map(own).sum();
        if let [a, b] = self.parts.as_slice() {
            let product = a.sums.product_trace(&b.sums) / (a.groups * b.groups);
            square += 2.0 * scale(&a.sums) * scale(&b.sums) * product;
        }
        Noise {
            trace,
            floor_square: trace,
            freedom: self.freedom(),
            mean_freedom: mean_freedom(&self.shares()),
            second: Some(Second::of(&self.matrix(), square, difference)),
        }
    }
}

/// What makes a covariance with divisor n unbiased.
fn scale(s: &Covariance) -> f64 {
    s.rows() as f64 / (s.rows() as f64 - 1.0)
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
