//! The spectrum of a covariance, beside what its sample makes.

use std::collections::BTreeMap;

use modality_gap_geometry::{Condition, Spectrum, isotropic_kappa};
use serde::Serialize;
use ts_rs::TS;

use crate::from_halves::{FromHalves, KAPPA_ROWS, Known, SLOPE_ROWS};

/// Independent rows from which an effective rank is taken to be known.
const EFFECTIVE_RANK_ROWS: u64 = 60;

/// The eigenvalues of one modality's covariance.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct SpectrumReport {
    /// Exponent of the power law λ_k ∝ k^−α of the population; null where it changes too much from halves of the rows to all of
    /// them, and below two ranks.
    #[ts(optional = false)]
    pub alpha: Option<f64>,
    /// That of the eigenvalues of these rows.
    #[ts(type = "number | null")]
    pub alpha_biased: f64,
    /// First and last rank of its fit.
    pub alpha_range: [usize; 2],
    /// exp of the entropy of λ/Σλ of the population; null where it changes too much from halves of the rows to all of them.
    #[ts(optional = false)]
    pub effective_rank: Option<f64>,
    /// That of the eigenvalues of these rows.
    #[ts(type = "number | null")]
    pub effective_rank_biased: f64,
    /// (Σλ)²/Σλ² of the population, from unbiased estimates; null below 60 independent rows, or where they cannot tell.
    #[ts(optional = false)]
    pub participation_ratio: Option<f64>,
    /// The same of the eigenvalues of these rows, which is below n − 1 whatever the population.
    #[ts(type = "number | null")]
    pub participation_ratio_biased: f64,
    /// Eigenvalues above rounding, that of the stored rows included.
    pub rank: usize,
    /// Condition number of the population; null where it changes too much from halves of the rows to all of them.
    #[ts(optional = false)]
    pub kappa: Option<f64>,
    /// That of these rows, over eigenvalues that are more than rounding of the stored rows.
    #[ts(type = "number | null")]
    pub kappa_biased: f64,
    /// First eigenvalue over the last of those that hold 99.9 % of the trace; null as `kappa` is.
    #[ts(optional = false)]
    pub kappa_eff: Option<f64>,
    /// That of these rows.
    #[ts(type = "number | null")]
    pub kappa_eff_biased: f64,
    /// Independent rows that would do, by the name of each number that is null for want of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<BTreeMap<String, u64>>,
    /// Eigenvalues that were rounding only.
    pub below_floor: usize,
    /// What chance gives.
    #[ts(inline)]
    pub chance: SpectrumByChance,
    /// All eigenvalues, descending.
    pub eigenvalues: Vec<f64>,
}

/// What chance gives of a spectrum.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct SpectrumByChance {
    /// Condition number of as many isotropic rows.
    #[ts(type = "number | null")]
    pub kappa: f64,
}

impl SpectrumReport {
    /// Of `values`, whose unbiased participation ratio is `ratio`, beside the spectra of two halves of the rows; `independent` rows in
    /// `dim` columns.
    pub(crate) fn of(
        spectrum: &Spectrum,
        values: Vec<f64>,
        ratio: Option<f64>,
        halves: Option<[&Spectrum; 2]>,
        independent: u64,
        dim: usize,
    ) -> Self {
        let Condition {
            kappa: kappa_biased,
            effective,
            below_floor,
        } = spectrum.condition;
        // where rows are fewer than columns they, not their directions, bound the rank
        let bounded = spectrum.rank as u64 + 1 >= independent;
        let directions = if bounded { dim } else { spectrum.rank };
        let mut found = FromHalves::of(independent);
        let each = |of: fn(&Spectrum) -> f64| halves.map(|halves| halves.map(of));
        let mut ratio_of =
            |name, of: fn(&Spectrum) -> f64, known| found.ratio(name, of(spectrum), each(of), known);
        let per_direction = |rows: u64| Known::single(rows * directions as u64);
        let [effective_rank, kappa, kappa_eff] = [
            ratio_of(
                "effectiveRank",
                |of| of.effective_rank,
                Known::whole(EFFECTIVE_RANK_ROWS),
            ),
            ratio_of("kappa", |of| of.condition.kappa, per_direction(KAPPA_ROWS)),
            ratio_of("kappaEff", |of| of.condition.effective, per_direction(KAPPA_ROWS)),
        ];
        Self {
            alpha: found.number(
                "alpha",
                spectrum.alpha,
                each(|of| of.alpha),
                per_direction(SLOPE_ROWS),
            ),
            alpha_biased: spectrum.alpha,
            alpha_range: [1, spectrum.alpha_ranks],
            effective_rank,
            effective_rank_biased: spectrum.effective_rank,
            participation_ratio: ratio,
            participation_ratio_biased: spectrum.participation_ratio,
            rank: spectrum.rank,
            kappa,
            kappa_biased,
            kappa_eff,
            kappa_eff_biased: effective,
            needs: found.into_needs(),
            below_floor,
            chance: SpectrumByChance {
                kappa: isotropic_kappa(independent, directions),
            },
            eigenvalues: values,
        }
    }
}
