//! How large the gap is, how large it would be by chance, and what it is made of.

mod clusters;
mod counted;
mod covariances;
mod figures;
mod gap;
mod neighbours;
mod pairs;
mod report;
mod searches;
mod shown;
mod sides;
mod similarity;
mod strangers;
mod together;

use std::collections::BTreeMap;

use modality_gap_geometry::{
    Aligner, AnchoredCloud, Cka, Covariance, CrossCovariance, Frame, Map as RowsMap, Policy, Precision,
    RowMap, distance, vmf_concentration,
};
use serde::Deserialize;

use self::covariances::SideCovariance;
use self::figures::figures;
pub(crate) use self::gap::held_floor;
use self::gap::{Evidence, Fitted, clusters_of, design_effect, measured_gap};
use self::neighbours::Asking;
use self::pairs::{Pairs, mean_directions, pair_differences};
pub use self::report::{MeasureReport, Metrics};
use self::report::{MeasuredGap, Sampled, Verdict};
use self::searches::neighbours;
use self::shown::shown;
use self::sides::{COVARIANCE_ROWS, Sides};
use self::similarity::{Kept, cka, preservation, similarity};
use self::strangers::{Exchanged, add_strangers};
use self::together::Covariances;
use crate::causes::Causes;
use crate::explain::{ExplainOptions, PairSide, TURN, concentration, explain};
use crate::groups::Pairing;
use crate::moments::count;
use crate::paired::PairBlock;
use crate::receipt::WorkFolder;
use crate::report::{Drift, Norms, check_names};
use crate::spectra::Side;
use crate::{Control, RowSet, Sample, Split, TaskError};

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
    /// About how many independent rows of a side that is not paired covariances are taken from, one of each group, so that others compare
    /// at the same number.
    pub covariance_rows: Option<u64>,
    /// Whether the gap is judged, which takes covariances, also where no part needs them.
    pub judged: bool,
    /// Where the states of shards are kept that are counted elsewhere.
    pub work: Option<WorkFolder>,
}

impl MeasureJob {
    fn wants(&self, part: Part) -> bool {
        self.parts.as_ref().is_none_or(|parts| parts.contains(&part))
    }

    fn takes_covariances(&self) -> bool {
        self.judged || self.wants(Part::Causes) || self.wants(Part::Similarity)
    }
}

/// Measures the gap between `image` and `text`; an aligner is applied to the text first.
pub fn measure_job(
    image: &RowSet,
    text: &RowSet,
    job: &MeasureJob,
    aligner: Option<&Aligner>,
    control: &Control,
) -> Result<MeasureReport, TaskError> {
    check(image, text, aligner)?;
    let identity = [image, text].map(|side| RowsMap::identity(side.dim, side.policy()));
    let image_map = aligner.and_then(Aligner::target_map).unwrap_or(&identity[0]);
    let text_map = aligner.map_or(&identity[1], Aligner::map);
    let rows = Sides::count(
        [image, text],
        [image_map, text_map],
        job.paired,
        job.split,
        job.work.as_ref(),
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
    // before the covariances: a distributed job begins anew after each pass, and their states are read only once when they come last
    let projected = (aligner.is_none() && job.takes_covariances() && x.unit() && z.unit())
        .then(|| Projected::of(&rows, scale, control))
        .transpose()?;
    let mut parts = Parts {
        rows: &rows,
        job,
        control,
        sampled: BTreeMap::new(),
    };
    let Judgement {
        mut gap,
        covariances,
        cross,
        causes,
        frame,
    } = parts.gap_and_causes(fitted.as_ref())?;
    let in_sample = fitted.as_ref().is_some_and(|fitted| fitted.in_sample);
    let mut phantom_drift = None;
    if let Some(before) = &before {
        gap.before = Some(distance(before.moments(0).mean(), before.moments(1).mean()));
        gap.after = Some(gap.centroid);
    } else if let Some((projected, [_, of_text])) = projected.zip(covariances.as_ref()) {
        phantom_drift = Some(projected.drift(&of_text.whole));
    }
    let metrics = parts.rows_compared(&identity[1], aligner, (covariances.as_ref(), cross), in_sample)?;
    // at the end, for a distributed job may begin anew after any pass
    if let Some((path, frame)) = job.explain.save_frame.as_ref().zip(frame) {
        crate::track::save_frame(&frame, path, job.explain.overwrite)?;
    }
    Ok(MeasureReport {
        dim: image.dim,
        rows: [x.rows(), z.rows()].into(),
        dropped: dropped.into(),
        groups: rows.groups(),
        norms: [Norms::of(x), Norms::of(z)].into(),
        gap,
        trace: trace.into(),
        scale,
        phantom_drift,
        aligner_fit: fitted.as_ref().map(|fitted| fitted.places),
        in_sample: in_sample.then_some(true),
        held: (fitted.is_some() && !in_sample && job.split.splits()).then_some(true),
        sampled: parts.sampled,
        causes,
        metrics,
    })
}

/// The gap with the covariances that were taken for it, and what it is made of.
struct Judgement {
    gap: MeasuredGap,
    covariances: Option<[SideCovariance; 2]>,
    /// Of one side with the other, where it was counted beside them.
    cross: Option<CrossCovariance>,
    causes: Option<Causes>,
    /// The frame that they are taken in.
    frame: Option<Frame>,
}

/// The parts of a measurement under way.
struct Parts<'a, 'b> {
    rows: &'a Sides<'b>,
    job: &'a MeasureJob,
    control: &'a Control,
    sampled: BTreeMap<String, Sampled>,
}

impl Parts<'_, '_> {
    fn gap_and_causes(&mut self, fitted: Option<&Fitted>) -> Result<Judgement, TaskError> {
        let Self {
            rows, job, control, ..
        } = *self;
        let paired = rows.grouping().pairing != Pairing::None;
        let sample = Sample::of(rows.longest(), COVARIANCE_ROWS, job.seed);
        let clusters = clusters_of(rows, sample, control)?;
        if !job.takes_covariances() {
            let pairs = paired
                .then(|| pair_differences(rows, None, Precision::Exact, control))
                .transpose()?;
            let gap = measured_gap(
                rows,
                &Evidence {
                    covariances: None,
                    pairs: pairs.as_ref(),
                    fitted,
                    clusters,
                },
            );
            return Ok(Judgement {
                gap,
                covariances: None,
                cross: None,
                causes: None,
                frame: None,
            });
        }
        let Covariances {
            mut pairs,
            sides: mut covariances,
            cross,
        } = self.covariances(sample, fitted)?;
        if !sample.is_all() {
            let sizes = covariances.iter().map(|side| side.whole.rows());
            let size = sizes.max().unwrap_or(0);
            self.sampled
                .insert("covariance".to_owned(), Sampled::of(sample, size));
        }
        let design = design_effect(rows, pairs.as_ref(), clusters.as_ref());
        for side in &mut covariances {
            side.halves.design = design;
        }
        if let Some(pairs) = &mut pairs {
            pairs.halves.design = design;
        }
        let gap = measured_gap(
            rows,
            &Evidence {
                covariances: Some([&covariances[0].whole, &covariances[1].whole]),
                pairs: pairs.as_ref(),
                fitted,
                clusters,
            },
        );
        let causes = job.wants(Part::Causes).then(|| {
            let real = gap.judged.verdict == Verdict::Real;
            causes(rows, &covariances, pairs.as_ref(), real, job, control)
        });
        let (causes, frame) = causes.transpose()?.unzip();
        Ok(Judgement {
            gap,
            causes,
            covariances: Some(covariances),
            cross,
            frame,
        })
    }

    /// Neighbours, similarity, preservation, figures: what needs the rows themselves.
    fn rows_compared(
        &mut self,
        identity: &RowsMap,
        aligner: Option<&Aligner>,
        (covariances, cross): (Option<&[SideCovariance; 2]>, Option<CrossCovariance>),
        in_sample: bool,
    ) -> Result<Metrics, TaskError> {
        let Self {
            rows, job, control, ..
        } = *self;
        let before = aligner.map(|_| identity);
        let preserves = before.filter(|_| job.wants(Part::Preservation));
        let mut metrics = Metrics::default();
        let mut retention = None;
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
            let counts = neighbours(rows, &asking, control)?;
            let pool = [rows.moments(0).rows(), rows.moments(1).rows()];
            if job.wants(Part::Neighbours) {
                metrics.neighbours = Some(counts.neighbours(pool));
            }
            if ranks {
                metrics.retrieval = Some(counts.retrieval(pool));
            }
            if let Some(sampled) = counts.sampled {
                self.sampled.insert("neighbours".to_owned(), sampled);
            }
            retention = counts.retention();
        }
        if !job.wants(Part::Similarity) && preserves.is_none() && !job.figures {
            return Ok(metrics);
        }
        let kept = Kept::collect(rows, before, job.seed, control)?;
        if !kept.sample.is_all() {
            self.sampled
                .insert("similarity".to_owned(), Sampled::of(kept.sample, kept.size()));
        }
        if job.wants(Part::Similarity) {
            let mut report = similarity(rows, &kept, in_sample, control);
            if let Some(covariances) = covariances.filter(|_| paired) {
                let of_sides = [&covariances[0].whole, &covariances[1].whole];
                let [unbiased, biased] = if let Some(cross) = cross {
                    Cka::counted(cross).finish(of_sides)
                } else {
                    let sample = Sample::of(rows.longest(), COVARIANCE_ROWS, job.seed);
                    cka(rows, of_sides, sample, control)?
                };
                report.cka = Some(unbiased);
                report.cka_biased = Some(biased);
            }
            metrics.similarity = Some(report);
        }
        if let Some(before) = preserves {
            metrics.preservation = Some(preservation(rows, before, &kept, retention, control)?);
        }
        if job.figures {
            let mut drawn = figures(rows, &kept, aligner, control)?;
            if job.wants(Part::Neighbours) {
                drawn.neighbours = Some(shown(rows, before, &kept, control)?);
            }
            metrics.figures = Some(drawn);
        }
        Ok(metrics)
    }
}

fn check(image: &RowSet, text: &RowSet, aligner: Option<&Aligner>) -> Result<(), TaskError> {
    check_names(image, text)?;
    if let Some(aligner) = aligner {
        text.check_dim(aligner.dim(), "the aligner's rows")?;
    }
    Ok(())
}

/// What the gap is made of, and the frame it is taken apart in; `real` says whether it exceeds its noise.
fn causes(
    rows: &Sides<'_>,
    covariances: &[SideCovariance; 2],
    pairs: Option<&Pairs>,
    real: bool,
    job: &MeasureJob,
    control: &Control,
) -> Result<(Causes, Frame), TaskError> {
    let side = |i: usize| Side {
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
    let sides = [side(0), side(1)];
    let mut explained = control
        .pool()
        .install(|| explain(&sides, pair_side.as_ref(), real, &job.explain))?;
    if let Some(pairs) = pairs {
        let sets = explained.judging();
        let (mut found, mut even) = (Vec::new(), None);
        let mut exchanged = Exchanged::of(pairs.count, rows.source(0).dim, job.seed);
        if let Some(frames) = sets.first() {
            let also = |blocks: &[PairBlock<'_>]| exchanged.take(blocks);
            let directions = mean_directions(rows, &sets, control, also)?;
            let of_sets = directions.iter().zip(&sets);
            found.extend(of_sets.map(|(directions, frames)| concentration(directions, frames)));
            let n: u64 = directions[0].iter().map(|(_, n)| n).sum();
            let length = (n as f64 / frames.len() as f64).powf(-0.5);
            even = Some(vmf_concentration(length, frames[0].dim() - frames[0].rank()));
        } else {
            rows.each_pairs(Sample::ALL, control, "strangers", |blocks| exchanged.take(blocks))?;
        }
        let most = TURN * found.first().map_or(0.0, |found| found.both);
        // a concentration is not a linear function of what turns, so that its second order is larger
        let needed = VMF_ROWS_PER_COLUMN * rows.source(0).dim as u64;
        let vmf = if found.len() != 1 && explained.independent < needed {
            explained.needs(needed);
            None
        } else {
            explained.settle_direction(&found, most)
        };
        let parts = &mut explained.causes.decomposition;
        parts.vmf = Some(vmf);
        if let Some(chance) = &mut parts.chance {
            chance.vmf = Some(even);
        }
        if let Some(coupling) = &mut parts.coupling {
            add_strangers(coupling, pairs, &exchanged, &explained.frame, control)?;
        }
    }
    Ok((explained.causes, explained.frame))
}

/// The text after anchor and trace, whose mean is the image's, and what the sphere makes of that mean.
struct Projected<'a> {
    cloud: AnchoredCloud<'a>,
    mean: Vec<f64>,
}

impl<'a> Projected<'a> {
    fn of(rows: &'a Sides<'_>, scale: f64, control: &Control) -> Result<Self, TaskError> {
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
            rows.work(),
        )?;
        Ok(Self {
            cloud,
            mean: rows.measured(&projected).mean().to_vec(),
        })
    }

    /// Phantom drift, of text with this covariance.
    fn drift(&self, covariance: &Covariance) -> Drift {
        let drift = self.cloud.drift(covariance, &self.mean);
        Drift {
            measured: drift.measured,
            to_target: drift.to_target,
            tangential: Some(drift.tangential),
            predicted_tangential: Some(drift.predicted_tangential),
            cosine: Some(drift.cosine),
            error: Some(drift.error),
            parameter: Some(drift.parameter),
        }
    }
}
