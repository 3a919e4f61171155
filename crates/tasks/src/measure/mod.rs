//! How large the gap is, how large it would be by chance, and what it is made of.

mod clusters;
mod covariances;
mod figures;
mod gap;
mod into_halves;
mod neighbours;
mod pairs;
mod shown;
mod sides;
mod similarity;
mod strangers;

use modality_gap_geometry::{
    Aligner, AnchoredCloud, Covariance, Map as RowsMap, Policy, RowMap, distance, vmf_concentration,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::covariances::{SideCovariance, covariance_of_side};
use self::figures::figures;
pub(crate) use self::gap::held_floor;
use self::gap::{Evidence, Fitted, clusters_of, design_effect, gap_json};
use self::neighbours::{Asking, Counts, add_neighbours};
use self::pairs::{Pairs, mean_directions, pair_differences};
use self::shown::shown;
use self::sides::{COVARIANCE_ROWS, Sides};
use self::similarity::{Kept, cka, preservation, similarity};
use self::strangers::add_strangers;
use crate::explain::{ExplainOptions, PairSide, Side, TURN, concentration, explain};
use crate::groups::Pairing;
use crate::moments::count;
use crate::{Control, RowSet, Sample, Split, TaskError, report};

/// ε of the scale, as in a fit.
const EPSILON: f64 = modality_gap_geometry::EPSILON;

/// Independent pairs for each column from which a concentration is taken in frames of other pairs.
const VMF_ROWS_PER_COLUMN: u64 = 20;

/// What is measured beside the gap itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ts_rs::TS)]
#[ts(rename = "MeasurePart")]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Frame, decomposition, spectra, covariances, residual.
    Causes,
    /// Retention, mixing, hubness.
    Neighbours,
    /// Ranks of partners, where rows are paired.
    Retrieval,
    /// Cosine histograms, alignment and uniformity, CKA, separability.
    Similarity,
    /// What the aligner keeps of the text's own geometry.
    Preservation,
}

/// Options of a measurement; absent options take the documented default.
#[derive(Debug, Clone, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "options that are independent of each other"
)]
pub struct MeasureJob {
    /// Whether row i of one side belongs to row i of the other.
    pub paired: bool,
    /// Where it splits: only the rows that it holds out are measured.
    pub split: Split,
    /// Seed of the sample, where one is taken.
    pub seed: u64,
    /// Frame and ranks of the parts that explain the gap.
    pub explain: ExplainOptions,
    /// What to measure; everything by default.
    pub parts: Option<Vec<Part>>,
    /// Whether every row asks for its neighbours, however many there are.
    pub exact: bool,
    /// Whether the results hold what a report draws.
    pub figures: bool,
    /// Whether they hold the result of every query of retrieval.
    pub outcomes: bool,
    /// About how many rows of a side that is not paired covariances are taken from, so that others compare at the same number.
    pub covariance_rows: Option<u64>,
    /// Whether the gap is judged, which takes covariances, also where no part needs them.
    pub judged: bool,
}

impl MeasureJob {
    fn wants(&self, part: Part) -> bool {
        self.parts.as_ref().is_none_or(|parts| parts.contains(&part))
    }
}

/// Measures the gap between `image` and `text`; an aligner is applied to the text first.
pub fn measure_job(
    image: &RowSet,
    text: &RowSet,
    job: &MeasureJob,
    aligner: Option<&Aligner>,
    control: &Control,
) -> Result<Value, TaskError> {
    check(image, text, aligner)?;
    let identity = [image, text].map(|side| RowsMap::identity(side.dim, side.policy()));
    let image_map = aligner.and_then(Aligner::target_map).unwrap_or(&identity[0]);
    let text_map = aligner.map_or(&identity[1], Aligner::map);
    let rows = Sides::count(
        [image, text],
        [image_map, text_map],
        job.paired,
        job.split,
        control,
    )?;
    let before = aligner
        .map(|_| rows.under([&identity[0], &identity[1]], control))
        .transpose()?;
    let fitted = aligner
        .zip(before.as_ref())
        .map(|(aligner, before)| Fitted::of(aligner, &rows, before, job.split));
    let [x, z] = [rows.moments(0), rows.moments(1)];
    let trace = [x.trace(), z.trace()];
    let scale = (trace[0] / (trace[1] + EPSILON)).sqrt();
    let dropped = [0, 1].map(|side| rows.dropped_rows(side));
    let mut value = json!({
        "dim": image.dim,
        "rows": { "image": x.rows(), "text": z.rows() },
        "dropped": { "image": dropped[0], "text": dropped[1] },
        "norms": { "image": report::Norms::of(x), "text": report::Norms::of(z) },
        "trace": { "image": trace[0], "text": trace[1] },
        "scale": scale,
    });
    if let Some(groups) = rows.groups_json() {
        value["groups"] = groups;
    }
    let mut sampled = Map::new();
    let mut parts = Parts {
        rows: &rows,
        job,
        control,
        sampled: &mut sampled,
    };
    let covariances = parts.gap_and_causes(fitted.as_ref(), &mut value)?;
    if let Some((before, fitted)) = before.as_ref().zip(fitted.as_ref()) {
        value["gap"]["before"] = json!(distance(before.moments(0).mean(), before.moments(1).mean()));
        value["gap"]["after"] = value["gap"]["centroid"].clone();
        value["alignerFit"] = fitted.places.clone();
        let key = if fitted.in_sample { "inSample" } else { "held" };
        if fitted.in_sample || job.split.splits() {
            value[key] = json!(true);
        }
    } else if let Some([_, of_text]) = covariances.as_ref().filter(|_| x.unit() && z.unit()) {
        value["phantomDrift"] = drift(&rows, &of_text.whole, scale, control)?;
    }
    parts.rows_compared(&identity[1], aligner, covariances.as_ref(), &mut value)?;
    if !sampled.is_empty() {
        value["sampled"] = Value::Object(sampled);
    }
    Ok(value)
}

/// The parts of a measurement under way.
struct Parts<'a, 'b> {
    rows: &'a Sides<'b>,
    job: &'a MeasureJob,
    control: &'a Control,
    sampled: &'a mut Map<String, Value>,
}

impl Parts<'_, '_> {
    /// `gap`, and what it is made of; covariances where they were taken.
    fn gap_and_causes(
        &mut self,
        fitted: Option<&Fitted>,
        value: &mut Value,
    ) -> Result<Option<[SideCovariance; 2]>, TaskError> {
        let Self {
            rows, job, control, ..
        } = *self;
        let paired = rows.grouping().pairing != Pairing::None;
        let sample = Sample::of(rows.longest(), COVARIANCE_ROWS, job.seed);
        let clusters = clusters_of(rows, sample, control)?;
        if !job.judged && !job.wants(Part::Causes) && !job.wants(Part::Similarity) {
            let pairs = paired
                .then(|| pair_differences(rows, None, control))
                .transpose()?;
            value["gap"] = gap_json(
                rows,
                &Evidence {
                    covariances: None,
                    pairs: pairs.as_ref(),
                    fitted,
                    clusters,
                },
            );
            return Ok(None);
        }
        let mut pairs = paired
            .then(|| pair_differences(rows, Some(sample), control))
            .transpose()?;
        let gain = |side: usize| fitted.map_or(1.0, |fitted| fitted.gain(side, rows));
        let of_side = |side: usize| match job.covariance_rows.filter(|_| !paired) {
            Some(limit) => Sample::of(rows.source(side).rows(), limit, job.seed),
            None => sample,
        };
        let mut covariances = [
            covariance_of_side(rows, 0, of_side(0), gain(0), pairs.as_ref(), control)?,
            covariance_of_side(rows, 1, of_side(1), gain(1), pairs.as_ref(), control)?,
        ];
        if !sample.is_all() {
            let sizes = covariances.iter().map(|side| side.whole.rows());
            let size = sizes.max().unwrap_or(0);
            self.sampled.insert("covariance".to_owned(), sample.json(size));
        }
        let design = design_effect(rows, pairs.as_ref(), clusters.as_ref());
        for side in &mut covariances {
            side.halves.design = design;
        }
        if let Some(pairs) = &mut pairs {
            pairs.halves.design = design;
        }
        value["gap"] = gap_json(
            rows,
            &Evidence {
                covariances: Some([&covariances[0].whole, &covariances[1].whole]),
                pairs: pairs.as_ref(),
                fitted,
                clusters,
            },
        );
        if job.wants(Part::Causes) {
            let real = value["gap"]["verdict"] == "real";
            for (key, part) in causes(rows, &covariances, pairs.as_ref(), real, job, control)? {
                value[key] = part;
            }
        }
        Ok(Some(covariances))
    }

    /// Neighbours, similarity, preservation, figures: what needs the rows themselves.
    fn rows_compared(
        &mut self,
        identity: &RowsMap,
        aligner: Option<&Aligner>,
        covariances: Option<&[SideCovariance; 2]>,
        value: &mut Value,
    ) -> Result<(), TaskError> {
        let Self {
            rows, job, control, ..
        } = *self;
        let before = aligner.map(|_| identity);
        let preserves = before.filter(|_| job.wants(Part::Preservation));
        let mut found = None;
        let paired = rows.grouping().pairing != Pairing::None;
        let ranks = paired && job.wants(Part::Retrieval);
        if job.wants(Part::Neighbours) || ranks || preserves.is_some() {
            let asking = Asking {
                before,
                paired: ranks,
                outcomes: job.outcomes,
                exact: job.exact,
                seed: job.seed,
            };
            let mut result = Map::new();
            let counts = add_neighbours(rows, &asking, control, &mut result)?;
            for (key, part) in result {
                if key != "neighbours" || job.wants(Part::Neighbours) {
                    value[key] = part;
                }
            }
            if let Some(sampled) = &counts.sampled {
                self.sampled.insert("neighbours".to_owned(), sampled.clone());
            }
            found = Some(counts);
        }
        if !job.wants(Part::Similarity) && preserves.is_none() && !job.figures {
            return Ok(());
        }
        let kept = Kept::collect(rows, before, job.seed, control)?;
        if !kept.sample.is_all() {
            self.sampled
                .insert("similarity".to_owned(), kept.sample.json(kept.size()));
        }
        if job.wants(Part::Similarity) {
            let in_sample = value["inSample"] == true;
            value["similarity"] = similarity(rows, &kept, in_sample, control);
            if let Some(covariances) = covariances.filter(|_| paired) {
                let sample = Sample::of(rows.longest(), COVARIANCE_ROWS, job.seed);
                let [unbiased, biased] = cka(
                    rows,
                    [&covariances[0].whole, &covariances[1].whole],
                    sample,
                    control,
                )?;
                value["similarity"]["cka"] = json!(unbiased);
                value["similarity"]["ckaBiased"] = json!(biased);
            }
        }
        if let Some(before) = preserves {
            value["preservation"] = preservation(rows, before, &kept, control)?;
            value["preservation"]["omega"] = json!(found.as_ref().and_then(Counts::retention));
        }
        if job.figures {
            value["figures"] = figures(rows, &kept, aligner, control)?;
            if job.wants(Part::Neighbours) {
                value["figures"]["neighbours"] = shown(rows, before, &kept, control)?;
            }
        }
        Ok(())
    }
}

fn check(image: &RowSet, text: &RowSet, aligner: Option<&Aligner>) -> Result<(), TaskError> {
    report::check_names(image, text)?;
    if let Some(aligner) = aligner {
        text.check_dim(aligner.dim(), "the aligner's rows")?;
    }
    Ok(())
}

/// What the gap is made of; `real` says whether it exceeds its noise.
fn causes(
    rows: &Sides<'_>,
    covariances: &[SideCovariance; 2],
    pairs: Option<&Pairs>,
    real: bool,
    job: &MeasureJob,
    control: &Control,
) -> Result<Map<String, Value>, TaskError> {
    let side = |name, i: usize| Side {
        name,
        moments: rows.moments(i),
        covariance: &covariances[i].whole,
        halves: &covariances[i].halves,
        storage: &covariances[i].storage,
        independent: rows.independent(i),
    };
    let pair_side = pairs.map(|pairs| PairSide {
        differences: &pairs.differences,
        halves: &pairs.halves,
        products: pairs.products,
        mean: &pairs.mean,
    });
    let sides = [side("image", 0), side("text", 1)];
    let mut explained = control
        .pool()
        .install(|| explain(&sides, pair_side.as_ref(), real, &job.explain))?;
    if let Some(pairs) = pairs {
        let sets = explained.judging();
        let (mut found, mut even) = (Vec::new(), None);
        if let Some(frames) = sets.first() {
            let directions = mean_directions(rows, &sets, control)?;
            let of_sets = directions.iter().zip(&sets);
            found.extend(of_sets.map(|(directions, frames)| concentration(directions, frames)));
            let n: u64 = directions[0].iter().map(|(_, n)| n).sum();
            let length = (n as f64 / frames.len() as f64).powf(-0.5);
            even = Some(vmf_concentration(length, frames[0].dim() - frames[0].rank()));
        }
        let most = TURN * found.first().map_or(0.0, |found| found.both);
        // a concentration is no linear function of what turns, so that its second order is larger
        let needed = VMF_ROWS_PER_COLUMN * rows.source(0).dim as u64;
        let vmf = if found.len() != 1 && explained.independent < needed {
            explained.needs(needed);
            None
        } else {
            explained.settle_direction(&found, most)
        };
        let parts = &mut explained.json["decomposition"];
        parts["vmf"] = json!(vmf);
        parts["chance"]["vmf"] = json!(even);
        let frame = &explained.frame;
        add_strangers(&mut parts["coupling"], rows, pairs, frame, job.seed, control)?;
    }
    Ok(explained.json)
}

/// Phantom drift of the text after anchor and trace, whose mean is the image's: what the sphere does to it.
fn drift(
    rows: &Sides<'_>,
    covariance: &Covariance,
    scale: f64,
    control: &Control,
) -> Result<Value, TaskError> {
    let [mu_x, mu_z] = [rows.moments(0).mean(), rows.moments(1).mean()];
    let cloud = AnchoredCloud::new(mu_x, mu_z, rows.moments(1).trace(), scale);
    let shift = Some(cloud.bias().to_vec());
    let map = RowMap::new(mu_x.len(), Policy::Unit, scale, shift, true, Vec::new()).into();
    let projected = count(
        rows.source(1),
        &map,
        rows.selection(1),
        control,
        "phantom drift",
        None,
    )?;
    let drift = cloud.drift(covariance, rows.measured(&projected).mean());
    Ok(json!({
        "measured": drift.measured,
        "toTarget": drift.to_target,
        "tangential": drift.tangential,
        "predictedTangential": drift.predicted_tangential,
        "cosine": drift.cosine,
        "error": drift.error,
        "parameter": drift.parameter,
    }))
}
