//! Points of distributions that intervals and verdicts are taken from.

/// Half width, in standard deviations, of a 95 % interval of a normal variable.
pub(crate) const NORMAL_95: f64 = 1.959_963_984_540_054;
/// Points of a normal variable that it exceeds in 5 % and in 0.5 % of samples.
pub(crate) const NORMAL_ONE_SIDED_95: f64 = 1.644_853_626_951_472_2;
pub(crate) const NORMAL_ONE_SIDED_995: f64 = 2.575_829_303_548_900_4;

/// 97.5 % point of Student's t: the normal one and its first two corrections (Cornish and Fisher), within 1 % from five
/// degrees on.
pub(crate) fn t_quantile_975(freedom: f64) -> f64 {
    let z = NORMAL_95;
    let n = freedom.max(1.0);
    z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
}

/// Point of Fisher's F with m and n degrees of freedom that corresponds to the point `quantile` of a normal variable, by Paulson's
/// cube-root approximation: its 95 and 97.5 % points within 3 % from one degree on, above as well as below; its lower points of one degree
/// are zero.
pub(crate) fn f_quantile(m: f64, n: f64, quantile: f64) -> f64 {
    let (a, b) = (2.0 / (9.0 * m), 2.0 / (9.0 * n));
    let z2 = quantile * quantile;
    // ((1−b)y − (1−a))² = z²(b y² + a), y = F^(1/3), the larger root above the median and the smaller one below
    let leading = (1.0 - b).powi(2) - z2 * b;
    let middle = (1.0 - b) * (1.0 - a);
    let rest = (1.0 - a).powi(2) - z2 * a;
    let root = (middle * middle - leading * rest).max(0.0).sqrt();
    ((middle + root.copysign(quantile)) / leading).max(0.0).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // 97.5 % and 2.5 % points
        for (m, n, quantile, expected) in [
            (1.0, 9.0, NORMAL_95, 7.209),
            (5.0, 100.0, NORMAL_95, 2.696),
            (30.0, 120.0, -NORMAL_95, 0.5358),
        ] {
            let found = f_quantile(m, n, quantile);
            assert!(
                (found / expected - 1.0).abs() < 0.03,
                "{m} {n} {found} {expected}"
            );
        }
    }
}
