//! What chance alone gives: isotropic samples and random directions, seeded.

use faer::{Mat, Scale};

use crate::eigen::{Eigen, EigenError};
use crate::noise::mix;

/// SplitMix64 (Steele, Lea, Flood 2014): a counter through a mixing function.
struct Stream(u64);

impl Stream {
    /// Uniform in the open interval (0, 1).
    fn uniform(&mut self) -> f64 {
        let value = mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        ((value >> 11) as f64 + 0.5) * 2.0_f64.powi(-53)
    }

    /// Standard normal (Box and Muller 1958); from a portable library, so that it is the same on any machine.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// χ² with `degrees` ≥ 1 degrees of freedom (Marsaglia and Tsang 2000).
    fn chi_squared(&mut self, degrees: u64) -> f64 {
        if degrees == 1 {
            return self.normal().powi(2);
        }
        let d = degrees as f64 / 2.0 - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && libm::log(self.uniform()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return 2.0 * d * v;
            }
        }
    }
}

/// Eigenvalues, descending, of the covariance of `n` rows drawn from an isotropic normal distribution in `dim`
/// dimensions, about their mean, divisor n.
///
/// Drawn as a Wishart matrix in its triangular factor (Bartlett 1933), so that the rows need not be: of n−1 < dim
/// degrees of freedom the matrix of inner products is drawn, which has the same eigenvalues besides zeros.
pub(super) fn isotropic_spectrum(n: u64, dim: usize, seed: u64) -> Result<Vec<f64>, EigenError> {
    let free = n - 1;
    let (size, degrees) = if free < dim as u64 {
        (free as usize, dim as u64)
    } else {
        (dim, free)
    };
    let mut stream = Stream(mix(seed) ^ mix(n) ^ mix(dim as u64).rotate_left(32));
    let mut factor = Mat::<f64>::zeros(size, size);
    for i in 0..size {
        for j in 0..i {
            factor[(i, j)] = stream.normal();
        }
        factor[(i, i)] = stream.chi_squared(degrees - i as u64).sqrt();
    }
    let scatter = &factor * factor.transpose();
    let mut values = Eigen::of(scatter.as_ref())?.values;
    for value in &mut values {
        *value /= n as f64;
    }
    values.resize(dim, 0.0);
    Ok(values)
}

/// The same of rows that come in groups: `sizes` says how many groups have how many rows, and `share` is the part of the variance
/// that the rows of a group have in common.
///
/// The rows of a group of c rows are √share·a + √(1−share)·b. Their mean has the variance share + (1−share)/c in every direction,
/// and about it they have c−1 degrees of freedom; so the scatter is a sum of Wishart matrices, one for each size and one for all that
/// is within groups. Centring takes one degree of freedom from the size that most groups have.
pub(super) fn grouped_isotropic_spectrum(
    sizes: &[(u64, u64)],
    share: f64,
    dim: usize,
    seed: u64,
) -> Result<Vec<f64>, EigenError> {
    if dim == 0 {
        return Ok(Vec::new());
    }
    let rows: u64 = sizes.iter().map(|(size, groups)| size * groups).sum();
    let groups: u64 = sizes.iter().map(|(_, groups)| groups).sum();
    let most = sizes.iter().map(|(_, groups)| *groups).max().unwrap_or(0);
    let mut stream =
        Stream(mix(seed) ^ mix(rows) ^ mix(groups).rotate_left(16) ^ mix(dim as u64).rotate_left(32));
    let mut scatter = wishart(rows - groups, dim, &mut stream) * Scale(1.0 - share);
    let mut centred = false;
    for &(size, groups) in sizes {
        let taken = u64::from(!centred && groups == most);
        centred |= taken == 1;
        let between = wishart(groups - taken, dim, &mut stream);
        scatter += between * Scale(1.0 + (size as f64 - 1.0) * share);
    }
    let mut values = Eigen::of(scatter.as_ref())?.values;
    for value in &mut values {
        // of few degrees of freedom there are zeros, up to rounding
        *value = value.max(0.0) / rows as f64;
    }
    Ok(values)
}

/// Sum of vvᵀ over `degrees` standard normal vectors, by its factor (Bartlett 1933), which has as many columns as there are degrees
/// of freedom where they are fewer than dimensions.
fn wishart(degrees: u64, dim: usize, stream: &mut Stream) -> Mat<f64> {
    let columns = (dim as u64).min(degrees) as usize;
    let mut factor = Mat::<f64>::zeros(dim, columns);
    for j in 0..columns {
        factor[(j, j)] = stream.chi_squared(degrees - j as u64).sqrt();
        for i in j + 1..dim {
            factor[(i, j)] = stream.normal();
        }
    }
    &factor * factor.transpose()
}

/// The angle in degrees, 0 to 90, that a random direction in `dim` dimensions makes with a given line with probability
/// `share` of a smaller one; NaN in no dimension.
///
/// # Precision
/// About 1e-12 by bisection of F(θ) ∝ ∫ sin^(dim−2), summed by its recurrence.
pub fn random_angle(dim: usize, share: f64) -> f64 {
    if dim < 2 {
        return if dim == 1 { 0.0 } else { f64::NAN };
    }
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    while high - low > 1e-14 {
        let middle = 0.5 * (low + high);
        if share_below(dim - 2, middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    (0.5 * (low + high)).to_degrees()
}

/// ∫₀^θ sin^power over the same up to π/2.
fn share_below(power: usize, theta: f64) -> f64 {
    let (sin, cos) = theta.sin_cos();
    let even = power.is_multiple_of(2);
    let (mut share, mut whole) = if even {
        (theta / std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_2)
    } else {
        (1.0 - cos, 1.0)
    };
    let mut raised = if even { sin } else { sin * sin };
    let mut k = if even { 2 } else { 3 };
    while k <= power {
        // S_k = −cos θ sin^(k−1) θ/k + (k−1)/k S_(k−2)
        whole *= (k - 1) as f64 / k as f64;
        share -= cos * raised / (k as f64 * whole);
        raised *= sin * sin;
        k += 2;
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marčenko and Pastur 1967: eigenvalues fill [(1−√y)², (1+√y)²] with y = d/n, and their mean is one.
    #[test]
    fn isotropic_spectra_follow_the_law_of_large_samples() {
        for (n, dim) in [(4_000_u64, 400_usize), (300, 30), (200, 800)] {
            let values = isotropic_spectrum(n, dim, 7).unwrap();
            let y = dim as f64 / n as f64;
            let mean = values.iter().sum::<f64>() / dim as f64;
            assert!((mean - 1.0).abs() < 6.0 * (2.0 / (n as f64 * dim as f64)).sqrt() + 1.0 / n as f64);
            let edge = (1.0 + y.sqrt()).powi(2);
            // fluctuations at the edge are of the order n^(−2/3)
            let slack = 4.0 * edge * (n.min(dim as u64) as f64).powf(-2.0 / 3.0);
            assert!((values[0] - edge).abs() < slack, "{} {edge}", values[0]);
            let last = values[dim.min(n as usize - 1) - 1];
            let inner = (1.0 - y.sqrt()).powi(2);
            assert!((last - inner).abs() < slack, "{last} {inner}");
        }
    }

    /// Groups of 1, 2 and 5 rows in 12 columns, three tenths of the variance in common: extreme eigenvalues, as means over 300
    /// samples, are those of rows that are drawn one by one, within four standard errors.
    #[test]
    fn grouped_spectra_are_those_of_rows_that_are_drawn() {
        let (sizes, share, dim, samples) = ([(1, 15), (2, 20), (5, 10)], 0.3_f64, 12, 300);
        let rows: u64 = sizes.iter().map(|(size, groups)| size * groups).sum();
        let mut stream = Stream(5);
        let mut drawn_spectrum = || {
            let mut covariance = crate::Covariance::about(&vec![0.0; dim]);
            for (size, groups) in sizes {
                for _ in 0..groups {
                    let common: Vec<f64> = (0..dim).map(|_| share.sqrt() * stream.normal()).collect();
                    for _ in 0..size {
                        let own = (1.0 - share).sqrt();
                        let row: Vec<f64> = common.iter().map(|v| v + own * stream.normal()).collect();
                        covariance.accumulate(crate::as_rows(&row, dim));
                    }
                }
            }
            assert_eq!(covariance.rows(), rows);
            Eigen::of(covariance.matrix().as_ref()).unwrap().values
        };
        let mut differences = [Vec::new(), Vec::new()];
        for seed in 0..samples {
            let (drawn, said) = (
                drawn_spectrum(),
                grouped_isotropic_spectrum(&sizes, share, dim, seed).unwrap(),
            );
            differences[0].push(drawn[0] - said[0]);
            differences[1].push(drawn[dim - 1] - said[dim - 1]);
        }
        for all in differences {
            let n = all.len() as f64;
            let mean = all.iter().sum::<f64>() / n;
            let error = (all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n / n).sqrt();
            assert!(mean.abs() < 4.0 * error, "{mean} {error}");
        }
        // rows that are all equal within their groups are as many as the groups
        let repeated = grouped_isotropic_spectrum(&[(3, 7)], 1.0, dim, 1).unwrap();
        assert!(repeated[5] > 0.01 && repeated[6] < 1e-12, "{repeated:?}");
    }

    #[test]
    fn a_seed_gives_its_sample_and_another_another() {
        assert_eq!(
            isotropic_spectrum(50, 9, 1).unwrap(),
            isotropic_spectrum(50, 9, 1).unwrap()
        );
        assert_ne!(
            isotropic_spectrum(50, 9, 1).unwrap(),
            isotropic_spectrum(50, 9, 2).unwrap()
        );
        assert_eq!(isotropic_spectrum(2, 5, 0).unwrap()[1..], [0.0; 4]);
    }

    /// Uniform in two dimensions, cos uniform in three, Student's t elsewhere.
    #[test]
    fn random_angles_have_their_known_quantiles() {
        assert!((random_angle(2, 0.3) - 27.0).abs() < 1e-9);
        assert!((random_angle(3, 0.25) - 0.75_f64.acos().to_degrees()).abs() < 1e-9);
        assert!((random_angle(3, 0.95) - 0.05_f64.acos().to_degrees()).abs() < 1e-9);
        // two-sided 5 % point of t with 9 degrees of freedom: 2.262157
        let t = 2.262_157_162_740_991_f64;
        let cosine = t / (9.0 + t * t).sqrt();
        assert!((random_angle(10, 0.05) - cosine.acos().to_degrees()).abs() < 1e-7);
        // wide spaces approach the normal distribution: cos ~ N(0, 1/d)
        let wide = random_angle(1281, 0.05);
        assert!(
            (wide - (1.959_964 / 1281.0_f64.sqrt()).acos().to_degrees()).abs() < 0.02,
            "{wide}"
        );
        assert!(random_angle(0, 0.5).is_nan());
    }
}
