//! Llama 3's stretched frequencies, which a GGUF file has as a list of divisors and no more.

use std::f64::consts::TAU;

use crate::RopeScaling;

/// The bounds of the ramp in every published model.
const LOW: f64 = 1.0;
const HIGH: f64 = 4.0;
/// The divisors are f32, and so is the arithmetic that made them.
const TOLERANCE: f64 = 1e-4;

/// The scaling that divides the frequencies of `theta` by `factors`.
///
/// # Errors
/// A reason when the divisors are not those of Llama 3's rule with the published bounds.
pub(super) fn scaling(factors: &[f32], theta: f64) -> Result<Option<RopeScaling>, String> {
    let factors: Vec<f64> = factors.iter().map(|&factor| f64::from(factor)).collect();
    if factors
        .iter()
        .any(|factor| !factor.is_finite() || *factor < 1.0 - TOLERANCE)
    {
        return Err("rope_freqs.weight holds divisors below one".to_owned());
    }
    let greatest = factors.iter().fold(1.0, |most: f64, &factor| most.max(factor));
    if greatest < 1.0 + TOLERANCE {
        return Ok(None);
    }
    let wavelengths: Vec<f64> = (0..factors.len())
        .map(|i| TAU * theta.powf(i as f64 / factors.len() as f64))
        .collect();
    let original = original_length(&factors, &wavelengths, greatest);
    // a length is whole where the divisors allow it
    for original in [original.round(), original] {
        let fits = factors.iter().zip(&wavelengths).all(|(&factor, &wavelength)| {
            (divisor(wavelength, greatest, original) / factor - 1.0).abs() < TOLERANCE
        });
        if fits {
            return Ok(Some(RopeScaling::Llama3 {
                factor: greatest,
                low: LOW,
                high: HIGH,
                original,
            }));
        }
    }
    Err("rope_freqs.weight follows another rule than Llama 3's".to_owned())
}

/// By how much the frequency of a wavelength is divided.
fn divisor(wavelength: f64, factor: f64, original: f64) -> f64 {
    let smooth = ((original / wavelength - LOW) / (HIGH - LOW)).clamp(0.0, 1.0);
    1.0 / ((1.0 - smooth) / factor + smooth)
}

/// Positions of the first training: from a frequency on the ramp, or between the kept and the divided ones.
fn original_length(factors: &[f64], wavelengths: &[f64], greatest: f64) -> f64 {
    let mut kept = 0.0_f64;
    for (&factor, &wavelength) in factors.iter().zip(wavelengths) {
        if factor < 1.0 + TOLERANCE {
            kept = kept.max(wavelength);
        } else if factor < greatest * (1.0 - TOLERANCE) {
            let smooth = (1.0 / factor - 1.0 / greatest) / (1.0 - 1.0 / greatest);
            return wavelength * (LOW + smooth * (HIGH - LOW));
        }
    }
    kept * HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divisors(factor: f64, original: f64, theta: f64) -> Vec<f32> {
        let wavelength = |i: i32| TAU * theta.powf(f64::from(i) / 32.0);
        (0..32)
            .map(|i| divisor(wavelength(i), factor, original) as f32)
            .collect()
    }

    /// Llama 3.1 and 3.2, and a rule whose ramp no frequency stands on.
    #[test]
    fn divisors_tell_the_rule_that_made_them() {
        for (factor, original, theta) in [(8.0, 8192.0, 5e5), (32.0, 8192.0, 5e5), (4.0, 32.0, 1e4)] {
            let found = scaling(&divisors(factor, original, theta), theta).unwrap();
            let (low, high) = (LOW, HIGH);
            assert_eq!(
                found,
                Some(RopeScaling::Llama3 {
                    factor,
                    low,
                    high,
                    original
                })
            );
        }
        let mut steep = vec![1.0_f32; 4];
        steep.extend([8.0; 4]);
        let found = scaling(&steep, 1e30).unwrap();
        assert!(
            matches!(found, Some(RopeScaling::Llama3 { factor: 8.0, .. })),
            "{found:?}"
        );
    }

    #[test]
    fn other_rules_are_refused() {
        assert_eq!(scaling(&[1.0; 8], 1e4), Ok(None));
        assert!(scaling(&[1.0, f32::NAN], 1e4).is_err());
        assert!(scaling(&[0.5, 1.0], 1e4).is_err());
        let yarn: Vec<f32> = (0..32).map(|i| 1.0 + i as f32 / 8.0).collect();
        assert!(scaling(&yarn, 1e4).is_err());
    }
}
