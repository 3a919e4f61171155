//! Two covariances compared, beside what two halves of one side make.

use std::collections::BTreeMap;

use modality_gap_geometry::CovarianceShape;
use serde::Serialize;
use ts_rs::TS;

use crate::from_halves::{FromHalves, Known, SLOPE_ROWS};

/// Independent rows from which a Fréchet distance is taken to be known, for each column.
const FRECHET_ROWS: u64 = 20;
/// Largest share of an overlap that sampling takes away to first order where it is known.
const OVERLAP_LOST: f64 = 0.05;
/// Least quotient of the deviation of two log spectra and that of two halves of one side: their squares add up.
const ABOVE_NOISE: f64 = 8.0;

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
