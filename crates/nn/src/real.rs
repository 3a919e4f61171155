//! The two element types of training, f32 for speed and f64 for proof.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use candle_core::WithDType;

/// A real number that the operations compute with.
pub trait Real:
    WithDType
    + faer::traits::RealField
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + PartialOrd
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The smallest finite value.
    const LOWEST: Self;

    /// The nearest value of this type.
    fn of(value: f64) -> Self;
    /// The value, widened.
    fn wide(self) -> f64;
    /// √x.
    fn root(self) -> Self;
    /// eˣ; in f32 a polynomial that compilers can spread over lanes, within 2 ulp.
    fn exponential(self) -> Self;
    /// The values, if they are f32.
    fn as_f32(values: &[Self]) -> Option<&[f32]>;
    /// Values of f32 as this type, if it is f32.
    fn of_f32(values: Vec<f32>) -> Option<Vec<Self>>;
    /// (Φ(x), φ(x)): distribution and density of the standard normal, within 4e-7 in f32.
    fn normal(self) -> (Self, Self);
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const LOWEST: Self = Self::MIN;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    fn as_f32(values: &[Self]) -> Option<&[f32]> {
        Some(values)
    }

    fn of_f32(values: Vec<f32>) -> Option<Vec<Self>> {
        Some(values)
    }

    /// Cephes' reduction and polynomial (Moshier): x = n ln 2 + r, |r| ≤ ln 2 / 2.
    #[inline(always)]
    fn exponential(self) -> Self {
        // adding and taking away 1.5·2²³ rounds to the nearest integer without a call
        const ROUND: f32 = 12_582_912.0;
        let x = self.clamp(-87.0, 88.0);
        let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
        let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
        let mut p = 1.987_569_1e-4;
        p = p * r + 1.398_199_9e-3;
        p = p * r + 8.333_452e-3;
        p = p * r + 4.166_579_6e-2;
        p = p * r + 1.666_666_6e-1;
        p = p * r + 0.5;
        let mantissa = p * (r * r) + r + 1.0;
        mantissa * Self::from_bits(((n as i32 + 127) << 23).cast_unsigned())
    }

    /// Abramowitz and Stegun 7.1.26; its exponential is the density's as well.
    #[inline(always)]
    fn normal(self) -> (Self, Self) {
        let gauss = (-0.5 * self * self).exponential();
        let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * self.abs());
        let mut p = 1.061_405_4;
        p = p * t - 1.453_152;
        p = p * t + 1.421_413_8;
        p = p * t - 0.284_496_74;
        p = p * t + 0.254_829_6;
        let tail = 0.5 * p * t * gauss;
        let cumulated = if self < 0.0 { tail } else { 1.0 - tail };
        (cumulated, 0.398_942_3 * gauss)
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const LOWEST: Self = Self::MIN;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    fn as_f32(_: &[Self]) -> Option<&[f32]> {
        None
    }

    fn of_f32(_: Vec<f32>) -> Option<Vec<Self>> {
        None
    }

    #[inline(always)]
    fn exponential(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn normal(self) -> (Self, Self) {
        let cumulated = 0.5 * libm::erfc(-self * std::f64::consts::FRAC_1_SQRT_2);
        let density = (-0.5 * self * self).exp() * 0.398_942_280_401_432_7;
        (cumulated, density)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2 ulp of f32 over the whole range that does not over- or underflow.
    #[test]
    fn the_f32_exponential_is_within_two_ulp() {
        for i in -86_000..88_000 {
            let x = i as f32 * 1e-3;
            let exact = f64::from(x).exp();
            let error = (x.exponential().wide() - exact).abs() / exact;
            assert!(error < 2.0 * f64::from(f32::EPSILON), "{x}: {error}");
        }
    }

    /// The approximation of erf is good to 1.5e-7, half of which reaches Φ; rounding adds two or three ulp of 1.
    #[test]
    fn the_f32_normal_distribution_is_within_its_stated_error() {
        for i in -9_000..9_000 {
            let x = i as f32 * 1e-3;
            let (cumulated, density) = x.normal();
            let (exact, exact_density) = f64::from(x).normal();
            assert!((cumulated.wide() - exact).abs() < 4e-7, "{x}");
            assert!((density.wide() - exact_density).abs() < 1e-7, "{x}");
        }
    }
}
