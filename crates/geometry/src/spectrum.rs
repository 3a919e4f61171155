//! What the eigenvalues of a covariance say.

/// Ranks a power law is fitted to, at most.
pub const DEFAULT_ALPHA_RANKS: usize = 128;
/// Share of the trace that the leading eigenvalues of κ_eff hold.
const EFFECTIVE_SHARE: f64 = 0.999;

/// Shape of a spectrum in descending order.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// −slope of ln λ_k on ln k by least squares over `alpha_ranks`; NaN below two ranks.
    pub alpha: f64,
    /// Last rank of the fit; the first is 1.
    pub alpha_ranks: usize,
    /// exp(−Σ p ln p) with p = λ/Σλ (Roy and Vetterli 2007).
    pub effective_rank: f64,
    /// (Σλ)²/Σλ².
    pub participation_ratio: f64,
    /// Eigenvalues above d·ε·λ₁ and above the rounding of the stored rows.
    pub rank: usize,
    /// κ and κ_eff.
    pub condition: Condition,
}

/// Condition numbers over the eigenvalues that are more than rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// λ₁ over the smallest eigenvalue above the floors.
    pub kappa: f64,
    /// λ₁/λ_m, m = fewest leading eigenvalues with 99.9 % of the trace (ours: the paper gives no formula).
    pub effective: f64,
    /// Positive eigenvalues that fell under a floor.
    pub below_floor: usize,
}

impl Condition {
    /// Of `values` in descending order; `storage_floor` is the variance that rounding of stored rows adds to every
    /// direction. NaN when nothing is above the floors.
    pub fn of(values: &[f64], storage_floor: f64) -> Self {
        let first = values.first().copied().unwrap_or(0.0);
        let floor = storage_floor.max(values.len() as f64 * f64::EPSILON * first);
        let above = values.partition_point(|&v| v > floor);
        let below_floor = values[above..].iter().filter(|&&v| v > 0.0).count();
        let Some(&last) = values[..above].last() else {
            return Self {
                kappa: f64::NAN,
                effective: f64::NAN,
                below_floor,
            };
        };
        let wanted = EFFECTIVE_SHARE * values[..above].iter().sum::<f64>();
        let mut sum = 0.0;
        let effective = values[..above].iter().find(|&&v| {
            sum += v;
            sum >= wanted
        });
        Self {
            kappa: first / last,
            effective: first / effective.unwrap_or(&last),
            below_floor,
        }
    }
}

impl Spectrum {
    /// Of `values` in descending order; `ranks` bounds the power-law fit, and `storage_floor` is what rounding of the stored
    /// rows may give a direction.
    pub fn of(values: &[f64], ranks: usize, storage_floor: f64) -> Self {
        let first = values.first().copied().unwrap_or(0.0);
        let floor = storage_floor.max(values.len() as f64 * f64::EPSILON * first);
        let rank = values.partition_point(|&v| v > floor);
        let used = &values[..rank];
        let total: f64 = used.iter().sum();
        let entropy: f64 = used.iter().map(|v| v / total).map(|p| -p * p.ln()).sum();
        let alpha_ranks = ranks.min(rank);
        Self {
            alpha: -log_slope(&used[..alpha_ranks]),
            alpha_ranks,
            effective_rank: if rank == 0 { f64::NAN } else { entropy.exp() },
            participation_ratio: total * total / used.iter().map(|v| v * v).sum::<f64>(),
            rank,
            condition: Condition::of(values, storage_floor),
        }
    }
}

/// Slope of ln λ_k on ln k by least squares.
fn log_slope(values: &[f64]) -> f64 {
    let points: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .map(|(k, v)| (((k + 1) as f64).ln(), v.ln()))
        .collect();
    let n = points.len() as f64;
    let (mean_x, mean_y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let (along, square) = points.iter().fold((0.0, 0.0), |(along, square), (x, y)| {
        (along + (x - mean_x) * (y - mean_y), square + (x - mean_x).powi(2))
    });
    along / square
}

/// Share of the squares of the `q` leading directions that a sample of `rows` turns out of their space, to first order: the mean of
/// Σ λᵢλⱼ/(λᵢ−λⱼ)²/n over j > q.
pub fn turned_out(values: &[f64], q: usize, rows: f64) -> f64 {
    let (inside, outside) = values.split_at(q);
    let turns = inside.iter().flat_map(|a| {
        let turn = move |b: &f64| if *b > 0.0 { a * b / (a - b).powi(2) } else { 0.0 };
        outside.iter().map(turn)
    });
    turns.sum::<f64>() / rows / q as f64
}

/// Pearson correlation of the logarithms of two spectra over their common ranks; NaN below two.
pub fn log_spectra_correlation(a: &[f64], b: &[f64], ranks: usize) -> f64 {
    let logs = |values: &[f64]| values[..ranks].iter().map(|v| v.ln()).collect::<Vec<_>>();
    pearson(&logs(a), &logs(b))
}

/// Standard deviation of ln(a/b) over their common ranks, the mean taken out; NaN below two.
pub fn log_spectra_deviation(a: &[f64], b: &[f64], ranks: usize) -> f64 {
    let logs: Vec<f64> = (0..ranks).map(|k| (a[k] / b[k]).ln()).collect();
    let mean = logs.iter().sum::<f64>() / ranks as f64;
    let squares: f64 = logs.iter().map(|v| (v - mean).powi(2)).sum();
    (squares / (ranks as f64 - 1.0)).sqrt()
}

pub(crate) fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut left, mut right) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        both += (a - mean_a) * (b - mean_b);
        left += (a - mean_a).powi(2);
        right += (b - mean_b).powi(2);
    }
    both / (left * right).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logarithms 1, 2 and 3: a mean of 2 and, of three numbers, a variance of 1.
    #[test]
    fn a_deviation_of_log_spectra_is_that_of_a_sample() {
        let e = std::f64::consts::E;
        let found = log_spectra_deviation(&[e, e * e, e * e * e, 9.0], &[1.0; 4], 3);
        assert!((found - 1.0).abs() < 1e-14, "{found}");
    }

    #[test]
    fn a_power_law_gives_its_exponent_and_an_isotropic_spectrum_its_dimension() {
        let law: Vec<f64> = (1..=300).map(|k| f64::from(k).powf(-1.33)).collect();
        assert!((Spectrum::of(&law, DEFAULT_ALPHA_RANKS, 0.0).alpha - 1.33).abs() < 1e-12);
        let flat = Spectrum::of(&[0.25; 40], DEFAULT_ALPHA_RANKS, 0.0);
        assert!((flat.effective_rank - 40.0).abs() < 1e-10);
        assert!((flat.participation_ratio - 40.0).abs() < 1e-10);
        assert_eq!(
            (flat.condition.kappa, flat.condition.effective, flat.rank),
            (1.0, 1.0, 40)
        );
        assert!(flat.alpha.abs() < 1e-12);
    }

    /// exp-entropy of α = 1.33 in 1280 dimensions is 39.4 (closed sum), near the 41.0 printed for short captions.
    #[test]
    fn effective_rank_of_the_papers_text_spectrum() {
        let law: Vec<f64> = (1..=1280).map(|k| f64::from(k).powf(-1.33)).collect();
        let spectrum = Spectrum::of(&law, DEFAULT_ALPHA_RANKS, 0.0);
        assert!(
            (spectrum.effective_rank - 39.4).abs() < 0.1,
            "{}",
            spectrum.effective_rank
        );
    }

    /// Of diag(2, ½, 0): 2·½/(3/2)² = 4/9 of ten rows.
    #[test]
    fn leading_directions_turn_by_how_near_the_others_are() {
        let values = [2.0, 0.5, 0.0];
        assert!((turned_out(&values, 1, 10.0) - 4.0 / 90.0).abs() < 1e-15);
        assert_eq!(turned_out(&values, 3, 10.0), 0.0);
        assert!(turned_out(&[1.0, 1.0], 1, 10.0).is_infinite());
    }

    #[test]
    fn rounding_does_not_count_as_conditioning() {
        let condition = Condition::of(&[1.0, 0.5, 1e-3, 1e-9, 0.0], 1e-7);
        assert_eq!((condition.kappa, condition.below_floor), (1e3, 1));
        assert!(Condition::of(&[0.0; 3], 0.0).kappa.is_nan());
    }
}
