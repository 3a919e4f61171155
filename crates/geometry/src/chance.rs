//! What chance alone gives, in closed form.

/// Condition number, over the eigenvalues that are not zero, of the covariance of `n` isotropic rows in `dim` dimensions about
/// their mean: ((1+√y)/(1−√y))², y = dim/(n−1), or one over that; NaN in no dimension, or where n−1 = dim.
///
/// # References
/// Marčenko and Pastur 1967, the edges of the spectrum of large samples.
pub fn isotropic_kappa(n: u64, dim: usize) -> f64 {
    if n < 2 || dim == 0 || n - 1 == dim as u64 {
        return f64::NAN;
    }
    let root = (dim as f64 / (n as f64 - 1.0)).sqrt();
    ((1.0 + root) / (1.0 - root)).powi(2)
}

/// Skewness of how often each of `rows` rows is among the `k` nearest of `queries` queries, where all are equally likely: that of
/// a binomial variable. Even directions in many dimensions come close.
pub fn even_hubness(queries: u64, rows: u64, k: u64) -> f64 {
    let p = k.min(rows) as f64 / rows.max(1) as f64;
    let variance = queries as f64 * p * (1.0 - p);
    if variance > 0.0 {
        (1.0 - 2.0 * p) / variance.sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges for y = ¼ are (1±½)²; ten of a thousand are nearly Poisson, 10^−½.
    #[test]
    fn closed_forms() {
        assert!((isotropic_kappa(401, 100) - 9.0).abs() < 1e-12);
        assert!((isotropic_kappa(101, 400) - 9.0).abs() < 1e-12);
        assert!(isotropic_kappa(5, 4).is_nan());
        assert!((even_hubness(1000, 1000, 10) - 0.98 / 9.9_f64.sqrt()).abs() < 1e-12);
        assert_eq!(even_hubness(10, 3, 5), 0.0);
    }
}
