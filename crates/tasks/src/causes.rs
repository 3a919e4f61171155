//! What a gap is made of, by the names of the JSON results. What needs pairs is absent without them; what is undefined is null.
#![allow(
    clippy::option_option,
    reason = "absent where nothing was computed, null where the result is undefined"
)]

use std::collections::BTreeMap;

use modality_gap_geometry::{Condition, CovarianceShape, Spectrum, isotropic_kappa};
use serde::Serialize;
use ts_rs::TS;

use crate::from_halves::{FromHalves, Known};

/// Independent rows from which an effective rank is taken to be known.
const EFFECTIVE_RANK_ROWS: u64 = 60;
/// The same of what all eigenvalues decide by their logarithms, for each direction.
pub(crate) const SLOPE_ROWS: u64 = 10;
/// The same of Fréchet distances, for each column.
const FRECHET_ROWS: u64 = 20;
/// Largest share of an overlap that sampling takes away to first order where it is known.
const OVERLAP_LOST: f64 = 0.05;
/// Least quotient of the deviation of two log spectra and that of two halves of one side: their squares add up.
const ABOVE_NOISE: f64 = 8.0;
/// The same of condition numbers, for each direction.
pub(crate) const KAPPA_ROWS: u64 = 100;

/// A value for either modality.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
pub struct ImageText<T = f64> {
    /// Of the image rows.
    pub image: T,
    /// Of the text rows.
    pub text: T,
}

impl<T> From<[T; 2]> for ImageText<T> {
    fn from([image, text]: [T; 2]) -> Self {
        Self { image, text }
    }
}

/// The fixed reference frame: U, where both modalities vary, and its complement V.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
pub struct FrameReport {
    /// Share of the trace of Cov(image)+Cov(text) that U holds.
    pub energy: f64,
    /// Dimension of U.
    pub rank: usize,
    /// The frame was made earlier and given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "true", optional)]
    pub given: Option<bool>,
    /// How far the U of these rows, at the same rank, is turned from the given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub angles: Option<FrameAngles>,
}

/// Angles between two frames.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct FrameAngles {
    /// Largest principal angle, in degrees.
    pub largest: f64,
    /// Its sine.
    pub sine: f64,
    /// Root mean square of the sines.
    pub rms: f64,
}

/// The gap taken apart, Δ = β + γ + δ + ζ; `pmb`² + `cob`² + `traceU` + `traceV` is E‖Δ‖² of the pairs. What needs pairs
/// is absent without `paired`; what is undefined is null.
///
/// @see arXiv 2602.07026, section 3
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Decomposition {
    /// ‖m‖, the distance of the means.
    pub gap: f64,
    /// ‖β‖, its part in U: principal mean (modality) bias.
    pub pmb: f64,
    /// ‖γ‖, its part in V: constant (passive) orthogonal bias.
    pub cob: f64,
    /// Share of the squared gap in V, without the noise of the means, in a frame that the other half of the rows has made or that
    /// was given; null where the gap cannot be distinguished from noise, and below `rowsNeeded`.
    #[ts(type = "number | null", optional)]
    pub cob_share: Option<f64>,
    /// Independent rows a side that would do, where `cobShare`, `vmf` or `residual.coverage` is null because halves are too few to
    /// make frames for each other, or turn them too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_needed: Option<u64>,
    /// Trace of the residuals' covariance in U.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_u: Option<f64>,
    /// The same in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_v: Option<f64>,
    /// Condition number of the population's residuals in U; null where it changes too much from halves of the pairs to all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_u: Option<Option<f64>>,
    /// That of these residuals, over eigenvalues that are more than rounding.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_u_biased: Option<f64>,
    /// As `kappaU`, in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_v: Option<Option<f64>>,
    /// As `kappaUBiased`, in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_v_biased: Option<f64>,
    /// First eigenvalue over the last of those that hold 99.9 % of the trace, in U; null as `kappaU` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_eff_u: Option<Option<f64>>,
    /// That of these residuals.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_eff_u_biased: Option<f64>,
    /// As `kappaEffU`, in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_eff_v: Option<Option<f64>>,
    /// As `kappaEffUBiased`, in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_eff_v_biased: Option<f64>,
    /// Independent pairs that would do, by the name of each condition number that is null for want of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<BTreeMap<String, u64>>,
    /// Eigenvalues that were rounding only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub below_floor: Option<BelowFloor>,
    /// Degrees between γ and the leading direction of the residuals in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub angle_cob_v1: Option<f64>,
    /// How far the residuals in V follow those in U linearly: ‖L‖₂, R² and the ridge λ that both depend on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub coupling: Option<CouplingReport>,
    /// What chance gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub chance: Option<Chance>,
    /// Von Mises–Fisher concentration of the pairs' directions in V, in a frame of the other half of the rows or one that was
    /// given; null below `rowsNeeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub vmf: Option<Option<f64>>,
}

impl Decomposition {
    /// Notes that so many rows would do for what is null.
    pub(crate) fn needs_rows(&mut self, rows: u64) {
        self.rows_needed = Some(self.rows_needed.unwrap_or(0).max(rows));
    }
}

/// Eigenvalues in U and in V.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct BelowFloor {
    /// In U.
    pub u: usize,
    /// In V.
    pub v: usize,
}

/// How far the residuals in V follow those in U.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct CouplingReport {
    /// ‖L‖₂.
    pub norm: f64,
    /// Share of the residuals in V that L explains.
    #[ts(type = "number | null")]
    pub r2: f64,
    /// The ridge, absolute.
    pub lambda: f64,
    /// The same of strangers, the mean over three exchanges of partners: what the sample makes by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub strangers: Option<Strangers>,
    /// (R² − R² of strangers)/(1 − R² of strangers); null where there are too few pairs for the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub r2_adjusted: Option<Option<f64>>,
    /// Pairs that would do, where there are too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs_needed: Option<u64>,
}

/// The coupling of strangers.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct Strangers {
    /// ‖L‖₂.
    pub norm: f64,
    /// R².
    pub r2: f64,
    /// Pairs whose partners were exchanged; where these are a sample, both are scaled to all pairs.
    pub pairs: usize,
    /// How often.
    pub derangements: usize,
}

/// What chance gives of a decomposition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Chance {
    /// Share of a random direction's square that lies in V, dim V/d: beside `cob`²/`gap`².
    pub cob_share: f64,
    /// Quantiles of the angle of a random direction of V.
    #[ts(inline)]
    pub angle_cob_v1: AngleQuantiles,
    /// Concentration of as many directions spread evenly, before sampling is taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub vmf: Option<Option<f64>>,
    /// Condition number of as many isotropic pairs in U.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_u: Option<f64>,
    /// The same in V.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub kappa_v: Option<f64>,
}

/// Quantiles of an angle, in degrees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
pub struct AngleQuantiles {
    /// 5 %.
    #[ts(type = "number | null")]
    pub p05: f64,
    /// The median.
    #[ts(type = "number | null")]
    pub p50: f64,
    /// 95 %.
    #[ts(type = "number | null")]
    pub p95: f64,
}

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

/// How alike the covariances of image and text are.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct CovarianceReport {
    /// ‖Σx−Σz‖_F/‖Σx‖_F from unbiased estimates of both squares: zero where there is no difference beyond noise; null below 60
    /// independent rows.
    #[ts(optional = false)]
    pub shape: Option<f64>,
    /// The same from plug-in covariances, which differ for two samples of one distribution.
    pub shape_biased: f64,
    /// Correlation of the logarithms of the two spectra over their common ranks, .9 for any two that fall; null below two, and where
    /// it changes too much from halves of the rows to all of them.
    #[ts(optional = false)]
    pub log_spectra_correlation: Option<f64>,
    /// That of the spectra of these rows.
    #[ts(type = "number | null")]
    pub log_spectra_correlation_biased: f64,
    /// Standard deviation of ln(λx/λz) over the same ranks; null where it changes too much from halves of the rows to all of them, and below
    /// eight times that of two halves of the images.
    #[ts(optional = false)]
    pub log_spectra_deviation: Option<f64>,
    /// That of the spectra of these rows.
    #[ts(type = "number | null")]
    pub log_spectra_deviation_biased: f64,
    /// Fréchet distance of the populations, squared; null where it changes too much from halves of the rows to all of them.
    #[ts(optional = false)]
    pub frechet: Option<f64>,
    /// That of these rows, divisor n, as papers print it.
    pub frechet_biased: f64,
    /// Overlap of the q leading directions; q/d for random ones.
    #[ts(inline)]
    pub overlap: Overlap,
    /// Independent rows a side that would do, by the name of each number that is null for want of them; for `overlap` those of the q
    /// that takes most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<BTreeMap<String, u64>>,
    /// The same numbers between two random halves of the image rows: what sampling alone gives, at half the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub halves: Option<CovarianceOfHalves>,
}

/// Overlap of leading directions.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Overlap {
    /// Numbers of directions.
    pub q: Vec<usize>,
    /// Overlap of each in the populations, ‖UxᵀUz‖²/q; null where it changes too much from halves of the rows to all of them.
    pub o: Vec<Option<f64>>,
    /// That of these rows.
    pub o_biased: Vec<f64>,
    /// That of random directions, q/d.
    pub chance: Vec<f64>,
}

/// Two halves of the image rows compared.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CovarianceOfHalves {
    /// Rows of the smaller half.
    pub rows: u64,
    /// Of the plug-in covariances.
    pub shape_biased: f64,
    /// Of their spectra.
    #[ts(type = "number | null")]
    pub log_spectra_correlation: f64,
    /// Of their spectra.
    #[ts(type = "number | null")]
    pub log_spectra_deviation: f64,
    /// Squared.
    pub frechet: f64,
    /// For each q of `overlap`.
    pub overlap: Vec<f64>,
}

impl CovarianceReport {
    /// Of a comparison in `dim` columns, beside those of two halves of the rows of both sides; `independent` are the rows of the
    /// smaller side, `turns` what its sample turns out of the leading directions.
    pub(crate) fn of(
        shape: &CovarianceShape,
        halves: Option<&[CovarianceShape; 2]>,
        independent: u64,
        turns: &[f64],
        dim: usize,
    ) -> Self {
        let (q, o_biased): (Vec<usize>, Vec<f64>) = shape.overlap.iter().copied().unzip();
        let chance = q.iter().map(|&q| q as f64 / dim as f64).collect();
        let mut found = FromHalves::of(independent);
        let mut number = |name: &str, of: &dyn Fn(&CovarianceShape) -> f64, known: Known| {
            let each = halves.map(|halves| halves.each_ref().map(of));
            found.number(name, of(shape), each, known)
        };
        let slopes = Known::single(SLOPE_ROWS * dim as u64);
        let distance = Known::whole(FRECHET_ROWS * dim as u64);
        // far above the noise, fewer rows will do than a slope takes
        let ratio = Known::single(FRECHET_ROWS * dim as u64);
        Self {
            shape: None,
            shape_biased: shape.shape,
            log_spectra_correlation: number(
                "logSpectraCorrelation",
                &|of| of.log_spectra_correlation,
                slopes,
            ),
            log_spectra_correlation_biased: shape.log_spectra_correlation,
            log_spectra_deviation: number("logSpectraDeviation", &|of| of.log_spectra_deviation, ratio),
            log_spectra_deviation_biased: shape.log_spectra_deviation,
            frechet: number("frechet", &|of| of.frechet, distance),
            frechet_biased: shape.frechet,
            overlap: Overlap {
                o: overlaps(shape, halves, turns, SLOPE_ROWS * dim as u64, &mut found),
                o_biased,
                q,
                chance,
            },
            needs: found.into_needs(),
            halves: None,
        }
    }
}

/// The overlaps whose leading directions a sample turns little; `rows` are those that halves take.
fn overlaps(
    shape: &CovarianceShape,
    halves: Option<&[CovarianceShape; 2]>,
    turns: &[f64],
    rows: u64,
    found: &mut FromHalves,
) -> Vec<Option<f64>> {
    if halves.is_none() {
        found.at_least("overlap", rows);
    }
    let overlaps = shape.overlap.iter().zip(turns).enumerate();
    overlaps
        .map(|(k, (&(_, whole), turn))| {
            let times = turn / (OVERLAP_LOST * whole);
            if times > 1.0 {
                found.needs("overlap", times);
            }
            let [a, b] = halves?;
            let half = a.overlap[k].1.midpoint(b.overlap[k].1);
            (times <= 1.0).then(|| (2.0 * whole - half).clamp(0.0, 1.0))
        })
        .collect()
}

impl CovarianceReport {
    /// Beside the shape without the noise of both, two halves of the images, and whether the slopes of both spectra are known: where
    /// they are not, the logarithms of the spectra may be noise; their ratio is not where it is far above that of two halves.
    pub(crate) fn beside(self, shape: Option<f64>, halves: Option<CovarianceOfHalves>, slopes: bool) -> Self {
        let noise = halves
            .as_ref()
            .map_or(f64::INFINITY, |halves| halves.log_spectra_deviation);
        Self {
            shape,
            log_spectra_correlation: self.log_spectra_correlation.filter(|_| slopes),
            log_spectra_deviation: self
                .log_spectra_deviation
                .filter(|deviation| *deviation >= ABOVE_NOISE * noise),
            halves,
            ..self
        }
    }
}

impl CovarianceOfHalves {
    /// Of a comparison of halves, the smaller of which has `rows`.
    pub(crate) fn of(shape: &CovarianceShape, rows: u64) -> Self {
        Self {
            rows,
            shape_biased: shape.shape,
            log_spectra_correlation: shape.log_spectra_correlation,
            log_spectra_deviation: shape.log_spectra_deviation,
            frechet: shape.frechet,
            overlap: shape.overlap.iter().map(|&(_, o)| o).collect(),
        }
    }
}

/// The covariance of the paired differences.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ResidualReport {
    /// Its trace.
    pub trace: f64,
    /// Largest eigenvalue over the mean one.
    pub anisotropy: f64,
    /// Trace over the mean squared distance of the pairs.
    pub ratio: f64,
    /// Share of the trace in U, in a frame that the other half of the rows has made or that was given; null below
    /// `decomposition.rowsNeeded`.
    pub coverage: Option<f64>,
    /// The same in the frame of these very rows, where it is the energy threshold by construction.
    pub coverage_biased: f64,
    /// (Σλ)²/Σλ² of the population, from unbiased estimates; null where the pairs are too few to tell.
    pub effective_dimension: Option<f64>,
    /// The same of the eigenvalues of these pairs.
    pub effective_dimension_biased: f64,
    /// Share of the K leading eigenvalues.
    #[ts(inline)]
    pub energy: LeadingShares,
}

/// Shares of leading eigenvalues.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct LeadingShares {
    /// Numbers of eigenvalues.
    pub k: Vec<usize>,
    /// Share of each.
    pub share: Vec<f64>,
}

/// What the gap is made of.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
pub struct Causes {
    /// The frame everything is taken apart in.
    pub frame: FrameReport,
    /// The gap taken apart.
    pub decomposition: Decomposition,
    /// Spectra of both modalities.
    pub spectrum: ImageText<SpectrumReport>,
    /// Their covariances compared.
    pub covariance: CovarianceReport,
    /// The paired differences; `paired` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual: Option<ResidualReport>,
}
