//! How far two modalities are mixed among each other's neighbours.

/// Mean binary entropy, in bits, of k draws without replacement from `others` rows of which `marked` count.
///
/// What H₂ of the share among k neighbours would be on average if labels were permuted (arXiv 2605.07825, B.2).
pub fn expected_entropy(others: u64, marked: u64, k: u64) -> f64 {
    let (n, m) = (others as f64, marked as f64);
    let ln_choose =
        |a: f64, b: f64| libm::lgamma(a + 1.0) - libm::lgamma(b + 1.0) - libm::lgamma(a - b + 1.0);
    let all = ln_choose(n, k as f64);
    (0..=k)
        .filter(|&hits| hits <= marked && k - hits <= others - marked)
        .map(|hits| {
            let h = hits as f64;
            let chance = (ln_choose(m, h) + ln_choose(n - m, k as f64 - h) - all).exp();
            chance * binary_entropy(h / k as f64)
        })
        .sum()
}

/// H₂(p) in bits.
pub fn binary_entropy(p: f64) -> f64 {
    [p, 1.0 - p]
        .into_iter()
        .filter(|&p| p > 0.0)
        .map(|p| -p * p.log2())
        .sum()
}

/// Third standardised moment; zero where nothing varies.
pub fn skewness(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |p: i32| values.iter().map(|v| (v - mean).powi(p)).sum::<f64>() / n;
    let variance = moment(2);
    if variance > 0.0 {
        moment(3) / variance.powf(1.5)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One neighbour has no entropy; two of four rows, two marked: shares 0, ½, 1 with chances 1/6, 4/6, 1/6.
    #[test]
    fn expectation_in_closed_form() {
        assert!(expected_entropy(10, 4, 1).abs() < 1e-15);
        assert!((expected_entropy(4, 2, 2) - 4.0 / 6.0).abs() < 1e-14);
        assert_eq!(expected_entropy(5, 5, 3), 0.0);
        assert_eq!(binary_entropy(0.5), 1.0);
    }

    /// In-degrees 0, 0, 3: mean 1, moments 2 and 2, skewness 2/2^1.5.
    #[test]
    fn skewness_in_closed_form() {
        assert!((skewness(&[0.0, 0.0, 3.0]) - 2.0_f64.powf(-0.5)).abs() < 1e-15);
        assert_eq!(skewness(&[2.0, 2.0]), 0.0);
    }
}
