//! Interval of a squared gap that agrees with its verdict.

use crate::gap::{Noise, Second};
use crate::quantiles::{NORMAL_95, NORMAL_ONE_SIDED_95, f_quantile, t_quantile_975};

/// Squared gap, in standard deviations of its estimate, from which on the estimate is too large in 2.5 % of samples; in 5 % at zero.
const TWO_SIDED: f64 = 0.5;

/// Degrees of freedom that Student's points are given less: of rows that are skewed along the gap, as those on a sphere are, the mean
/// depends on its estimated variance, and a part of 10 to 24 rows covers 1 to 4 % less than one of normal rows (simulated).
const LESS: f64 = 6.0;

/// Degrees of freedom that are left at least.
const LEAST: f64 = 3.0;

/// What a squared gap would do to its estimate ‖m̂‖² − tr S.
struct Score {
    estimate: f64,
    /// Degrees of freedom of an estimated variance.
    freedom: f64,
    /// Those of Student's points.
    of_student: f64,
    /// tr S² and tr S³.
    squares: f64,
    cubes: f64,
    /// gᵀSg if the gap is as large as its estimate, and its change with the squared gap.
    along: f64,
    slope: f64,
    /// gᵀS²g over gᵀSg.
    steep: f64,
}

/// Noise of an estimate.
struct Spread {
    variance: f64,
    /// Third cumulant.
    third: f64,
    /// Part of the variance that the gap brings.
    of_gap: f64,
}

impl Noise {
    /// 95 % interval of the squared gap: all g² that lie within the noise that they would have themselves, of variance
    /// v = 2 tr S² + 4gᵀSg and third cumulant 8 tr S³ + 24gᵀS²g (a score interval, as Wilson's of a share).
    ///
    /// A squared gap is never negative. That of zero is ruled out by large estimates alone, in 5 % of samples, as in the verdict: the
    /// interval lies above zero where the gap is real, and holds zero elsewhere. Larger ones are ruled out in 2.5 % a side
    /// (the transition follows Feldman and Cousins 1998; see [`Score::below`] and [`Score::above`]).
    ///
    /// gᵀSg is not that of m̂, which holds noise: m̂ᵀSm̂ − tr S² estimates it without bias. If the squared gap is g², the estimate is off
    /// by noise of δ = ‖m̂‖² − tr S − g², and m̂ᵀSm̂ with it, by δ·(tr S³ + 2gᵀS²g)/(tr S² + 2gᵀSg) on average (their regression): so
    /// much is taken out, too. A gap along directions with little noise has little of it then, one along those with most noise has
    /// all of it; it has at most √(tr S²)·g².
    pub(crate) fn interval(&self, square: f64, second: Second, dim: usize) -> [f64; 2] {
        let estimate = square - self.trace;
        let (squares, cubes) = self.powers(second, dim);
        let along = (second.along - squares).max(0.0);
        // of noise alone; gᵀS²g varies too much to say more of a gap than that
        let most = if squares > 0.0 { cubes / squares } else { 0.0 };
        let far = (second.along_square - cubes).max(0.0).min(most * along);
        let spread = squares + 2.0 * along;
        let score = Score {
            estimate,
            freedom: self.freedom,
            of_student: (self.mean_freedom - LESS).max(LEAST),
            squares,
            cubes,
            along,
            slope: if spread > 0.0 {
                (cubes + 2.0 * far) / spread
            } else {
                0.0
            },
            steep: if along > 0.0 { far / along } else { 0.0 },
        };
        [
            estimate - root(|offset| offset - score.above(estimate - offset)),
            estimate + root(|offset| offset - score.below(estimate + offset)),
        ]
    }
}

impl Score {
    /// Noise of the estimate of a squared gap.
    fn spread(&self, gap: f64) -> Spread {
        let along = (self.along + self.slope * (gap - self.estimate)).max(0.0);
        let along = along.min(self.squares.sqrt() * gap.max(0.0));
        Spread {
            variance: 2.0 * self.squares + 4.0 * along,
            third: 8.0 * self.cubes + 24.0 * self.steep * along,
            of_gap: 4.0 * along,
        }
    }

    /// How far above a squared gap its estimate still agrees with it.
    fn above(&self, gap: f64) -> f64 {
        let spread = self.spread(gap);
        let deviation = spread.variance.sqrt();
        if deviation <= 0.0 {
            return 0.0;
        }
        let part = (gap.max(0.0) / deviation / TWO_SIDED).min(1.0);
        let quantile = NORMAL_ONE_SIDED_95 + part * (NORMAL_95 - NORMAL_ONE_SIDED_95);
        deviation * self.skewed(&spread, quantile)
    }

    /// How far below a squared gap its estimate still agrees with it. Of a small gap it does so where zero would not be more likely than at
    /// the upper end for none, z: by the ratio of the likelihoods of normal estimates this is at ν/2 + z²/2ν of a gap of ν standard
    /// deviations.
    ///
    /// Noise is skewed, and its lower point lies half way from that of a shifted chi-square to Student's, for that of a chi-square is the
    /// mean less all of it.
    fn below(&self, gap: f64) -> f64 {
        let spread = self.spread(gap);
        let deviation = spread.variance.sqrt();
        if gap <= 0.0 {
            return f64::INFINITY;
        }
        if deviation <= 0.0 {
            return 0.0;
        }
        let z = NORMAL_ONE_SIDED_95;
        let share = gap / deviation;
        let quantile = if share < z {
            NORMAL_95.max(share / 2.0 + z * z / (2.0 * share))
        } else {
            NORMAL_95
        };
        let central = f64::midpoint(self.skewed(&spread, -NORMAL_95), t_quantile_975(self.of_student));
        deviation * central * quantile / NORMAL_95
    }

    /// How many standard deviations from its mean noise lies at the point `quantile` of a normal variable: that of a shifted chi-square
    /// with the same cumulants over an estimate of its scale, as in the verdict. What the gap brings is a normal variable whose scale is
    /// estimated: its points are Student's.
    fn skewed(&self, spread: &Spread, quantile: f64) -> f64 {
        let directions = 8.0 * spread.variance.powi(3) / (spread.third * spread.third);
        let student = t_quantile_975(self.of_student);
        let over_normal = student / (NORMAL_95 * (1.0 + 1.0 / self.freedom).sqrt());
        let f = f_quantile(directions, directions * self.freedom, quantile);
        (directions / 2.0).sqrt() * (f - 1.0).abs() * over_normal.powf(spread.of_gap / spread.variance)
    }
}

/// Where `excess` turns positive, from zero on; it grows, and is positive somewhere.
fn root(excess: impl Fn(f64) -> f64) -> f64 {
    // its first positive power of two, and the half of it
    let mut high = f64::MIN_POSITIVE;
    while excess(high) < 0.0 && high < f64::MAX / 2.0 {
        high *= 2.0;
    }
    let mut low = high / 2.0;
    for _ in 0..f64::MANTISSA_DIGITS {
        let middle = low + (high - low) / 2.0;
        if excess(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::GapVerdict;

    fn noise(along: f64, along_square: f64) -> Noise {
        Noise {
            trace: 0.032,
            floor_square: 0.032,
            freedom: 80.0,
            mean_freedom: 80.0,
            second: Some(Second {
                along,
                along_square,
                square: 2.5e-5,
                cube: 3e-8,
            }),
        }
    }

    /// Means of related rows are far nearer than the noise of independent ones: the estimate lies within its interval all the same,
    /// and so does some gap that is none or more.
    #[test]
    fn an_interval_holds_its_estimate() {
        for square in [1e-4, 0.01, 0.032, 0.05, 0.2, 3.0] {
            let judged = noise(2e-5, 3e-8).judge(square, 64);
            let [low, high] = judged.interval.unwrap();
            let estimate = judged.unbiased_squared;
            assert!(
                low < estimate && estimate < high && high > 0.0,
                "{square}: {low} {estimate} {high}"
            );
        }
    }

    /// Whatever the noise along the gap, on both sides of the critical value.
    #[test]
    fn an_interval_lies_above_zero_where_the_gap_is_real() {
        for (along, along_square) in [(0.0, 0.0), (2e-5, 3e-8), (3e-4, 3e-7), (5e-3, 2e-5)] {
            let noise = noise(along, along_square);
            let critical = noise.critical(64).unwrap();
            for (times, verdict) in [(1.0 - 1e-9, GapVerdict::Noise), (1.0 + 1e-9, GapVerdict::Real)] {
                let judged = noise.judge(times * critical, 64);
                let [low, _] = judged.interval.unwrap();
                assert_eq!(judged.verdict, verdict);
                assert_eq!(low > 0.0, verdict == GapVerdict::Real, "{along} {times}: {low}");
            }
        }
    }

    /// Noise of many even directions whose scale is known is normal: 5 % above at zero, 2.5 % a side of a large gap.
    #[test]
    fn ends_are_those_of_a_normal_estimate_where_noise_is_normal() {
        let score = Score {
            estimate: 0.0,
            freedom: 1e12,
            of_student: 1e12,
            squares: 0.5,
            cubes: 5e-4,
            along: 0.0,
            slope: 0.0,
            steep: 0.0,
        };
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 2e-3, "{found} {expected}");
        near(score.above(0.0), 1.645);
        near(score.above(3.0), 1.960);
        near(score.below(3.0), 1.960);
        // e^(xν − ν²/2) of an estimate x below zero is e^(−1.645²/2)
        near(score.below(0.5), 0.25 + 1.645 * 1.645);
        assert!(score.below(0.0).is_infinite());
    }
}
