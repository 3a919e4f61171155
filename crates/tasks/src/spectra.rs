//! Spectra and covariances of both sides, beside those of their halves.

use modality_gap_geometry::{
    Covariance, CovarianceShape, DEFAULT_ALPHA_RANKS, Eigen, EigenError, Halves, Moments, Spectrum,
    covariance_shape, storage_floor, turned_out,
};

use crate::TaskError;
use crate::causes::{CovarianceOfHalves, CovarianceReport, SpectrumReport};
use crate::from_halves::SLOPE_ROWS;

/// One modality as an explanation sees it.
pub(crate) struct Side<'a> {
    pub moments: &'a Moments,
    pub covariance: &'a Covariance,
    /// The same in halves of independent groups.
    pub halves: &'a Halves,
    /// Variances that rounding of the stored rows adds to the columns.
    pub storage: &'a [f64],
    /// Rows that are independent of each other.
    pub independent: u64,
}

impl Side<'_> {
    /// Covariance of rows that are independent of each other.
    pub fn independent_rows(&self) -> &Covariance {
        self.halves.first.as_ref().unwrap_or(self.covariance)
    }
}

/// Decompositions of two covariances with the shapes of their spectra.
pub(crate) type Spectra = [(Eigen, Spectrum); 2];

/// Of a covariance of so many independent rows of a side.
fn spectrum_of(
    side: &Side<'_>,
    covariance: &Covariance,
    independent: u64,
    alpha_ranks: Option<usize>,
) -> Result<(Eigen, Spectrum), TaskError> {
    let ranks = alpha_ranks.unwrap_or(DEFAULT_ALPHA_RANKS);
    let eigen = Eigen::of(covariance.matrix().as_ref()).map_err(failed)?;
    let spectrum = Spectrum::of(&eigen.values, ranks, storage_floor(side.storage, independent));
    Ok((eigen, spectrum))
}

pub(crate) fn spectra(sides: &[Side<'_>; 2], alpha_ranks: Option<usize>) -> Result<Spectra, TaskError> {
    let of_side = |side: &Side<'_>| spectrum_of(side, side.covariance, side.independent, alpha_ranks);
    let (x, z) = rayon::join(|| of_side(&sides[0]), || of_side(&sides[1]));
    Ok([x?, z?])
}

/// Of two halves of a side, where both have rows.
pub(crate) fn spectra_of_halves(
    side: &Side<'_>,
    alpha_ranks: Option<usize>,
) -> Result<Option<Spectra>, TaskError> {
    let parts = &side.halves.parts;
    if parts.iter().any(|part| part.rows() < 2) {
        return Ok(None);
    }
    let half = |part| spectrum_of(side, part, side.independent / 2, alpha_ranks);
    let (a, b) = rayon::join(|| half(&parts[0]), || half(&parts[1]));
    Ok(Some([a?, b?]))
}

/// `spectrum` of the results, of one side.
pub(crate) fn spectrum_report(
    side: &Side<'_>,
    (eigen, spectrum): &(Eigen, Spectrum),
    halves: Option<&Spectra>,
) -> SpectrumReport {
    let ratio = side.halves.participation_ratio(side.covariance);
    let halves = halves.map(|halves| halves.each_ref().map(|(_, spectrum)| spectrum));
    let dim = side.covariance.dim();
    SpectrumReport::of(
        spectrum,
        eigen.values.clone(),
        ratio,
        halves,
        side.independent,
        dim,
    )
}

/// `covariance` of the results.
pub(crate) fn compared(
    [x, z]: &[Side<'_>; 2],
    spectra: &Spectra,
    halves: &[Option<Spectra>; 2],
) -> Result<CovarianceReport, TaskError> {
    let shape_of = |covariances: [&Covariance; 2], [x, z]: [&(Eigen, Spectrum); 2]| {
        let (of_x, of_z) = ((&x.0, x.1.rank), (&z.0, z.1.rank));
        covariance_shape((covariances[0], of_x.0, of_x.1), (covariances[1], of_z.0, of_z.1)).map_err(failed)
    };
    let (independent, dim) = (x.independent.min(z.independent), x.covariance.dim());
    // of fewer rows nothing is known of the populations
    let enough = independent >= SLOPE_ROWS * dim as u64;
    let half = |k: usize| -> Option<Result<CovarianceShape, TaskError>> {
        let (of_x, of_z) = halves[0].as_ref().zip(halves[1].as_ref()).filter(|_| enough)?;
        let parts = [&x.halves.parts[k], &z.halves.parts[k]];
        Some(shape_of(parts, [&of_x[k], &of_z[k]]))
    };
    let whole = || shape_of([x.covariance, z.covariance], spectra.each_ref());
    let (shape, (a, b)) = rayon::join(whole, || rayon::join(|| half(0), || half(1)));
    let halves = a.transpose()?.zip(b.transpose()?).map(|(a, b)| [a, b]);
    let shape = shape?;
    let turn = |side: &Side<'_>, values: &[f64], q: usize| turned_out(values, q, side.independent as f64);
    let turns: Vec<f64> = shape
        .overlap
        .iter()
        .map(|&(q, _)| turn(x, &spectra[0].0.values, q) + turn(z, &spectra[1].0.values, q))
        .collect();
    Ok(CovarianceReport::of(
        &shape,
        halves.as_ref(),
        independent,
        &turns,
        dim,
    ))
}

/// The same numbers of two halves of the image rows, which stand beside them.
pub(crate) fn compared_halves(
    side: &Side<'_>,
    spectra: Option<&Spectra>,
) -> Result<Option<CovarianceOfHalves>, TaskError> {
    let Some([a, b]) = spectra else {
        return Ok(None);
    };
    let parts = &side.halves.parts;
    let shape = covariance_shape((&parts[0], &a.0, a.1.rank), (&parts[1], &b.0, b.1.rank)).map_err(failed)?;
    let rows = parts[0].rows().min(parts[1].rows());
    Ok(Some(CovarianceOfHalves::of(&shape, rows)))
}

#[allow(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(crate) fn failed(error: EigenError) -> TaskError {
    TaskError::Numeric(error.to_string())
}
