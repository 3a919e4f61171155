//! Cosines among rows: histograms, uniformity, the linear probe, and what an aligner preserves.

use faer::MatRef;
use modality_gap_geometry::{
    Among, BINS, Covariance, CrossCovariance, Map, Probe, UnitRows, cosine_correlation, cosines,
};
use modality_gap_kernels::dot;
use serde_json::{Value, json};

use super::sides::Sides;
use crate::mapper::each_pair_block;
use crate::{Control, Sample, TaskError};

/// Rows a side whose cosines are compared, each with each; a sample beyond.
const ROWS: u64 = 5_000;

/// Rows held in memory to be compared, each with each.
pub(super) struct Kept {
    pub image: UnitRows,
    pub text: UnitRows,
    /// The text before the aligner.
    pub before: Option<UnitRows>,
    pub sample: Sample,
}

impl Kept {
    pub(super) fn collect(
        sides: &Sides<'_>,
        before: Option<&Map>,
        seed: u64,
        control: &Control,
    ) -> Result<Self, TaskError> {
        let sample = Sample::of(sides.longest(), ROWS, seed);
        let collect =
            |side: usize, map: &Map| sides.collect(side, map, sample, 0..u64::MAX, control, "sample");
        Ok(Self {
            image: collect(0, sides.map(0))?,
            text: collect(1, sides.map(1))?,
            before: before.map(|map| collect(1, map)).transpose()?,
            sample,
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.image.len().max(self.text.len()) as u64
    }
}

/// `similarity` of the results.
pub(super) fn similarity(kept: &Kept, paired: bool, dim: usize, control: &Control) -> Value {
    let (x, z) = (kept.image.rows(), kept.text.rows());
    let unpaired = if paired { Among::Unpaired } else { Among::Two };
    let [cross, images, texts] = control.pool().install(|| {
        [
            cosines(x, z, dim, unpaired),
            cosines(x, x, dim, Among::One),
            cosines(z, z, dim, Among::One),
        ]
    });
    let mut named = vec![("cross", &cross), ("imageImage", &images), ("textText", &texts)];
    let mut pairs = modality_gap_geometry::Cosines::default();
    let mut alignment = 0.0;
    if paired {
        for (x, z) in x.chunks_exact(dim).zip(z.chunks_exact(dim)) {
            let cosine = dot(x, z);
            pairs.add(cosine);
            alignment += 2.0 - 2.0 * cosine;
        }
        named.insert(0, ("paired", &pairs));
    }
    let (mut js, mut histograms) = (json!({}), json!({ "bins": BINS }));
    for (i, (a, first)) in named.iter().enumerate() {
        histograms[*a] = json!(first.shares());
        for (b, second) in &named[i + 1..] {
            js[format!("{a}/{b}")] = json!(first.divergence(second));
        }
    }
    let mut value = json!({
        "js": js,
        "histograms": histograms,
        "uniformity": { "image": images.uniformity(), "text": texts.uniformity() },
        "separability": separability(x, z, dim),
    });
    if paired {
        value["alignment"] = json!(alignment / kept.image.len() as f64);
    }
    value
}

/// Accuracy on every second row of a logistic probe fitted on the others.
fn separability(x: &[f64], z: &[f64], dim: usize) -> Option<f64> {
    let part = |rows: &[f64], odd: usize| -> Vec<f64> {
        rows.chunks_exact(dim)
            .skip(odd)
            .step_by(2)
            .flatten()
            .copied()
            .collect()
    };
    let probe = Probe::fit(&part(x, 0), &part(z, 0), dim)?;
    Some(probe.accuracy(&part(x, 1), &part(z, 1)))
}

/// Linear CKA of the pairs, centred, with biased HSIC: ‖Σxz‖²/(‖Σx‖‖Σz‖), Frobenius norms.
pub(super) fn cka(
    sides: &Sides<'_>,
    [x, z]: &[Covariance; 2],
    sample: Sample,
    control: &Control,
) -> Result<Option<f64>, TaskError> {
    let mut cross = CrossCovariance::about(sides.moments(0).mean(), sides.moments(1).mean());
    each_pair_block(
        [sides.source(0), sides.source(1)],
        [sides.map(0), sides.map(1)],
        |row| sides.takes(row) && sample.takes(row),
        control,
        "cross-covariance",
        |_, _, x, z| control.pool().install(|| cross.accumulate(x, z)),
    )?;
    let square = |matrix: MatRef<'_, f64>| matrix.squared_norm_l2();
    let norms = (x.product_trace(x) * z.product_trace(z)).sqrt();
    Ok((norms > 0.0).then(|| square(cross.matrix().as_ref()) / norms))
}

/// Φ and Ψ of `preservation`: mean y·z over all rows, a cosine where both are on the sphere; correlation of pairwise
/// cosines, over the rows kept.
pub(super) fn preservation(
    sides: &Sides<'_>,
    before: &Map,
    kept: &Kept,
    control: &Control,
) -> Result<Value, TaskError> {
    let dim = before.dim();
    let (mut sum, mut rows) = (0.0, 0_u64);
    let text = sides.source(1);
    each_pair_block(
        [text, text],
        [before, sides.map(1)],
        |row| sides.takes(row),
        control,
        "preservation",
        |_, _, y, z| {
            for (y, z) in y.chunks_exact(dim).zip(z.chunks_exact(dim)) {
                sum += dot(y, z);
                rows += 1;
            }
        },
    )?;
    let psi = kept.before.as_ref().and_then(|before| {
        control
            .pool()
            .install(|| cosine_correlation(before.rows(), kept.text.rows(), dim))
    });
    Ok(json!({ "phi": sum / rows as f64, "psi": psi }))
}
