//! Cosines counted: their bins, and the sum of a Gaussian kernel.

use std::f64::consts::LOG2_E;

use crate::dispatch::{Kernel, dispatch};
use crate::isa::Isa;

/// Added and taken away again it rounds to the nearest whole number; the number stands in the lowest bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts, the first with so few bits that small multiples of it are exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// 1/k! from k = 13 down to 0; for |r| ≤ ½ ln 2 the next term is below 5e-18.
const TAYLOR: [f64; 14] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// Of a cosine that may lie in either of two bins.
pub const UNDECIDED: u32 = u32::MAX;

/// The bin of each cosine among `bins` equal ones on [−1, 1], known to within `error`: [`UNDECIDED`] where that leaves two. What lies
/// beyond is in the first or the last.
pub fn cosine_bins(cosines: &[f64], error: f64, bins: u32, out: &mut [u32]) {
    assert_eq!(cosines.len(), out.len(), "a bin for each cosine");
    let count = bins;
    dispatch(Bins {
        cosines,
        error,
        count,
        out,
    });
}

struct Bins<'a> {
    cosines: &'a [f64],
    error: f64,
    count: u32,
    out: &'a mut [u32],
}

impl Kernel for Bins<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let (bins, last) = (f64::from(self.count), f64::from(self.count.max(1) - 1));
        // clamped, so that the whole part is the floor
        #[allow(clippy::cast_sign_loss, reason = "clamped to the bins")]
        let bin_of = |cosine: f64| (cosine.midpoint(1.0) * bins).clamp(0.0, last) as i32 as u32;
        for (cosine, out) in self.cosines.iter().zip(self.out) {
            let (low, high) = (bin_of(cosine - self.error), bin_of(cosine + self.error));
            *out = if low == high { low } else { UNDECIDED };
        }
    }
}

/// Σ exp(−2‖u−v‖²) of unit vectors with these cosines, for ‖u−v‖² = 2−2u·v.
///
/// # Precision
/// Each term to 2 ulps, added in sixteen lanes and a fixed tree.
pub fn sum_of_kernel(cosines: &[f64]) -> f64 {
    dispatch(Gaussian { cosines })
}

struct Gaussian<'a> {
    cosines: &'a [f64],
}

impl Kernel for Gaussian<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let (chunks, tail) = self.cosines.as_chunks::<16>();
        let mut sums = [0.0; 16];
        for chunk in chunks {
            for lane in 0..16 {
                sums[lane] += exp(4.0 * chunk[lane] - 4.0);
            }
        }
        for (sum, cosine) in sums.iter_mut().zip(tail) {
            *sum += exp(4.0 * cosine - 4.0);
        }
        crate::reduce::tree(&sums)
    }
}

/// eᵗ for t between −700 and 700: 2ⁿ·eʳ with t = n ln 2 + r.
#[inline(always)]
fn exp(t: f64) -> f64 {
    let shifted = t.clamp(-700.0, 700.0) * LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    let r = (t - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut sum = TAYLOR[0];
    for &coefficient in &TAYLOR[1..] {
        sum = sum * r + coefficient;
    }
    sum * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, at_level, levels};

    /// From −1 to 1 with both ends, and a little beyond, as rounding leaves them.
    fn all() -> Vec<f64> {
        let inner = (0..=2_003).map(|i| f64::from(i) / 1_001.5 - 1.0);
        inner
            .chain([-1.0 - 1e-15, 1.0 + 1e-15, 0.0, f64::MIN_POSITIVE])
            .collect()
    }

    #[test]
    fn bins_are_half_open_and_the_last_one_holds_its_end() {
        let bin_of = |cosine: &f64| ((cosine.midpoint(1.0) * 200.0).floor() as i64).clamp(0, 199);
        let expected: Vec<i64> = all().iter().map(bin_of).collect();
        for level in levels() {
            let mut out = vec![u32::MAX; expected.len()];
            at_level(level, || cosine_bins(&all(), 0.0, 200, &mut out));
            let found: Vec<i64> = out.into_iter().map(i64::from).collect();
            assert_eq!(found, expected);
        }
    }

    /// Of 200 bins on [−1, 1] each is 0.01 wide.
    #[test]
    fn what_is_near_a_bound_of_bins_is_undecided() {
        let cosines = [-1.0, -0.9951, -0.99001, -0.98999, 0.005, 0.00001, 0.99, 0.9999];
        for level in levels() {
            let mut out = [0; 8];
            at_level(level, || cosine_bins(&cosines, 1e-4, 200, &mut out));
            assert_eq!(out, [0, 0, UNDECIDED, UNDECIDED, 100, UNDECIDED, UNDECIDED, 199]);
        }
    }

    #[test]
    fn terms_are_those_of_exp() {
        for cosine in all() {
            let expected = (4.0 * cosine - 4.0).exp();
            let found = sum_of_kernel(&[cosine]);
            assert!(
                (found - expected).abs() <= 2.0 * f64::EPSILON * expected,
                "{cosine}: {found} {expected}"
            );
        }
        for t in [-699.5, -1e-300, 0.0, 3.25, 699.5] {
            assert!((exp(t) / t.exp() - 1.0).abs() <= 2.0 * f64::EPSILON, "{t}");
        }
    }

    #[test]
    fn one_sum_at_every_level() {
        let plain: f64 = all().iter().map(|c| (4.0 * c - 4.0).exp()).sum();
        for level in levels() {
            let sum = at_level(level, || sum_of_kernel(&all()));
            assert_eq!(
                sum.to_bits(),
                at_level(Level::Baseline, || sum_of_kernel(&all())).to_bits()
            );
            assert!((sum / plain - 1.0).abs() < 1e-14);
        }
    }
}
