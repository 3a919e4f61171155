//! How large the gap is, how large it would be by chance, and what it is made of.

mod pairs;
mod sides;

use modality_gap_geometry::{
    Aligner, Covariance, Policy, RowMap, centroid_gap, distance, paired_gap, phantom_drift,
};
use modality_gap_kernels::dot;
use serde_json::{Map, Value, json};

use self::pairs::{Pairs, mean_direction, pair_differences};
use self::sides::{Sample, Sides};
use crate::explain::{ExplainOptions, PairSide, Side, concentration, explain};
use crate::moments::count;
use crate::{Control, RowSet, TaskError, report};

/// ε of the scale, as in a fit.
const EPSILON: f64 = modality_gap_geometry::EPSILON;

/// Options of a measurement; absent options take the documented default.
#[derive(Debug, Clone, Default)]
pub struct MeasureJob {
    /// Whether row i of one side belongs to row i of the other.
    pub paired: bool,
    /// Seed of the sample, where one is taken.
    pub seed: u64,
    /// Frame and ranks of the parts that explain the gap.
    pub explain: ExplainOptions,
}

/// Measures the gap between `image` and `text`; an aligner is applied to the text first.
pub fn measure_job(
    image: &RowSet,
    text: &RowSet,
    job: &MeasureJob,
    aligner: Option<&Aligner>,
    control: &Control,
) -> Result<Value, TaskError> {
    check(image, text, job, aligner)?;
    let identity = [image, text].map(|side| RowMap::identity(side.dim, side.policy()));
    let image_map = aligner.and_then(Aligner::target_map).unwrap_or(&identity[0]);
    let text_map = aligner.map_or(&identity[1], Aligner::map);
    let rows = Sides::count([image, text], [image_map, text_map], job.paired, control)?;
    let [x, z] = [rows.moments(0), rows.moments(1)];
    let sample = Sample::of(image.rows().max(text.rows()), job.seed);
    let pairs = job
        .paired
        .then(|| pair_differences(&rows, sample, control))
        .transpose()?;
    let covariances = [
        rows.covariance(0, sample, control)?,
        rows.covariance(1, sample, control)?,
    ];
    let (gap, explained) = gap_and_causes(&rows, &covariances, pairs.as_ref(), job, control)?;
    let trace = [x.trace(), z.trace()];
    let scale = (trace[0] / (trace[1] + EPSILON)).sqrt();
    let mut value = json!({
        "dim": image.dim,
        "rows": { "image": x.rows(), "text": z.rows() },
        "dropped": { "image": image.rows() - x.rows(), "text": text.rows() - z.rows() },
        "norms": { "image": report::lengths(x), "text": report::lengths(z) },
        "gap": gap,
        "trace": { "image": trace[0], "text": trace[1] },
        "scale": scale,
    });
    for (key, part) in explained {
        value[key] = part;
    }
    if aligner.is_some() {
        let before = Sides::count([image, text], [&identity[0], &identity[1]], job.paired, control)?;
        value["gap"]["before"] = json!(distance(before.moments(0).mean(), before.moments(1).mean()));
        value["gap"]["after"] = value["gap"]["centroid"].clone();
    } else if x.unit() && z.unit() {
        value["phantomDrift"] = drift(&rows, &covariances[1], scale, control)?;
    }
    if !sample.is_all() {
        let size = covariances.iter().map(Covariance::rows).max();
        value["sampled"] = json!({ "covariance": { "size": size, "seed": job.seed } });
    }
    Ok(value)
}

fn check(
    image: &RowSet,
    text: &RowSet,
    job: &MeasureJob,
    aligner: Option<&Aligner>,
) -> Result<(), TaskError> {
    report::check_names(image, text)?;
    if let Some(aligner) = aligner {
        text.check_dim(aligner.dim(), "the aligner's rows")?;
    }
    if job.paired && image.rows() != text.rows() {
        return Err(TaskError::NotPaired {
            left_name: image.label().to_owned(),
            left: image.rows(),
            right_name: text.label().to_owned(),
            right: text.rows(),
        });
    }
    Ok(())
}

/// The gap with its noise, and what it is made of.
fn gap_and_causes(
    rows: &Sides<'_>,
    covariances: &[Covariance; 2],
    pairs: Option<&Pairs>,
    job: &MeasureJob,
    control: &Control,
) -> Result<(Value, Map<String, Value>), TaskError> {
    let [x, z] = [rows.moments(0), rows.moments(1)];
    let gap = centroid_gap(x, z, Some((&covariances[0], &covariances[1])));
    let mut value = json!({
        "centroid": gap.centroid,
        "cosine": gap.cosine,
        "unbiasedSquared": gap.unbiased_squared,
        "floor": gap.floor,
        "interval": gap.interval,
    });
    let pair_side = pairs.map(|pairs| PairSide {
        differences: &pairs.differences,
        mean: &pairs.mean,
        mean_cosine: (x.unit() && z.unit()).then_some(pairs.mean_cosine),
    });
    if let Some(pairs) = pairs {
        let paired = paired_gap(&pairs.differences, &pairs.mean, x.rows());
        value["unbiasedSquared"] = json!(paired.unbiased_squared);
        value["floor"] = json!(paired.floor);
        value["interval"] = json!(paired.interval);
        value["pairedDistance"] = json!(pairs.mean_distance);
    }
    let side = |name, i: usize| Side {
        name,
        moments: rows.moments(i),
        covariance: &covariances[i],
        dtype: rows.dtype(i),
    };
    let (frame, mut explained) = explain(
        &[side("image", 0), side("text", 1)],
        pair_side.as_ref(),
        &job.explain,
    )?;
    if let Some(rmg) = explained.remove("rmg") {
        value["rmg"] = rmg;
    }
    if job.paired {
        let length = mean_direction(rows, &frame, control)?;
        explained["decomposition"]["vmf"] = json!(concentration(length, &frame));
    }
    Ok((value, explained))
}

/// Phantom drift of the text after anchor and trace, whose mean is the image's: what the sphere does to it.
fn drift(
    rows: &Sides<'_>,
    covariance: &Covariance,
    scale: f64,
    control: &Control,
) -> Result<Value, TaskError> {
    let [mu_x, mu_z] = [rows.moments(0).mean(), rows.moments(1).mean()];
    let shift = mu_x.iter().zip(mu_z).map(|(x, z)| x - scale * z).collect();
    let map = RowMap::new(mu_x.len(), Policy::Unit, scale, Some(shift), true, Vec::new());
    let projected = count(
        rows.source(1),
        &map,
        rows.selection(),
        control,
        "phantom drift",
        None,
    )?;
    let length = dot(mu_x, mu_x).sqrt();
    let direction: Vec<f64> = mu_x.iter().map(|m| m / length).collect();
    let sigma_a: Vec<f64> = covariance
        .times(&direction)
        .iter()
        .map(|v| scale * scale * v)
        .collect();
    let drift = phantom_drift(mu_x, &sigma_a, projected.fit.mean(), mu_x);
    Ok(json!({
        "measured": drift.measured,
        "toTarget": drift.to_target,
        "tangential": drift.tangential,
        "predictedTangential": drift.predicted_tangential,
        "cosine": drift.cosine,
    }))
}
