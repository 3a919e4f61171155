//! What a measurement reports, by the names of the JSON results. What was not computed is absent; what is undefined is null.
#![allow(
    clippy::option_option,
    reason = "absent where nothing was computed, null where the result is undefined"
)]

use std::collections::BTreeMap;

use modality_gap_geometry::{Judged, Recall, RecallByChance};
use serde::Serialize;
use ts_rs::TS;

use crate::Sample;
use crate::causes::{Causes, ImageText};
use crate::report::{Drift, Norms};

/// The gap between two modalities and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename = "GapResult", optional_fields)]
pub struct MeasureReport {
    /// Columns.
    pub dim: usize,
    /// Rows measured.
    pub rows: ImageText<u64>,
    /// Bad rows left out.
    pub dropped: ImageText<u64>,
    /// Rows that belong together, and are not independent; absent where every row is its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupsReport>,
    /// Lengths of the rows as they are stored.
    pub norms: ImageText<Norms>,
    /// Distances between the modalities.
    #[ts(inline)]
    pub gap: MeasuredGap,
    /// Trace of the covariance, E‖e−μ‖² of the unit rows.
    pub trace: ImageText<f64>,
    /// sqrt(image trace / text trace).
    pub scale: f64,
    /// What the sphere projection would do to the mean of anchored and scaled text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phantom_drift: Option<Drift>,
    /// Distances of these rows' means, before the aligner, from those of its fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aligner_fit: Option<ImageText<AlignerFit>>,
    /// The aligner was fitted on these very rows: the gap lies below its floor whatever the method.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "true", optional)]
    pub in_sample: Option<bool>,
    /// The rows were held out from the aligner's fit, whose noise the floor holds as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "true", optional)]
    pub held: Option<bool>,
    /// What was taken from a sample rather than from all rows.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(as = "Option<_>", optional)]
    pub sampled: BTreeMap<String, Sampled>,
    /// What the gap is made of.
    #[serde(flatten)]
    #[ts(skip)]
    pub causes: Option<Causes>,
    /// What is measured beside the gap.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// What is measured beside the gap itself; absent when it was not asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
pub struct Metrics {
    /// Neighbours of rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<NeighboursReport>,
    /// Retrieval of partners; `paired` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<RetrievalReport>,
    /// Cosines among rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<SimilarityReport>,
    /// What the aligner keeps; with an aligner only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preservation: Option<PreservationReport>,
    /// What a report draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

/// How rows belong together. Hold-outs, halves, noise and ranks are those of groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(optional_fields)]
pub struct GroupsReport {
    /// Known by ids, or by rows that are equal bit for bit.
    #[ts(type = "'ids' | 'equal-rows'")]
    pub by: &'static str,
    /// Where the ids come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Groups of the image rows.
    pub image: u64,
    /// Groups of the text rows.
    pub text: u64,
    /// Groups with rows on both sides; absent where the sides share none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub both: Option<usize>,
    /// Rows that repeat another of their group bit for bit: one item, counted once; absent without ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated: Option<ImageText<usize>>,
    /// Pairs that the groups make; absent where row i belongs to row i.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs: Option<usize>,
}

/// What is concluded of a gap beside its noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(rename = "GapVerdict")]
pub enum Verdict {
    /// The gap is real: without one, a sample is called so in 5 % of cases.
    Real,
    /// It cannot be distinguished from noise.
    Noise,
    /// No covariance was taken, or there are too few rows.
    NotTested,
    /// The aligner was fitted on these very rows.
    InSample,
}

impl From<modality_gap_geometry::GapVerdict> for Verdict {
    fn from(verdict: modality_gap_geometry::GapVerdict) -> Self {
        match verdict {
            modality_gap_geometry::GapVerdict::Real => Self::Real,
            modality_gap_geometry::GapVerdict::Noise => Self::Noise,
            modality_gap_geometry::GapVerdict::NotTested => Self::NotTested,
        }
    }
}

/// A squared gap judged against its noise.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct JudgedGap {
    /// The squared gap without the part that sampling adds; negative when the gap is below the noise. With an aligner that was fitted
    /// on other rows the noise of its fit is taken out as well.
    pub unbiased_squared: f64,
    /// Root mean square of the distance that two samples of one distribution show, the noise of the fit included.
    pub floor: f64,
    /// 95 % interval of `unbiasedSquared`; null in sample, where it would mean nothing; absent without covariances.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "[number, number] | null", optional)]
    pub interval: Option<Option<[f64; 2]>>,
    /// Standard deviation of `unbiasedSquared` where there is no gap; absent without covariances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub null_deviation: Option<f64>,
    /// Whether the gap is real: without one, a sample is called so in 5 % of cases.
    pub verdict: Verdict,
}

impl From<&Judged> for JudgedGap {
    fn from(judged: &Judged) -> Self {
        Self {
            unbiased_squared: judged.unbiased_squared,
            floor: judged.floor,
            interval: judged.interval.map(Some),
            null_deviation: judged.null_deviation,
            verdict: judged.verdict.into(),
        }
    }
}

/// Distances between the modalities.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct MeasuredGap {
    /// ‖μx−μy‖ without the aligner, when one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// ‖μx−μz‖ with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// ‖μx−μy‖ of the unit rows.
    pub centroid: f64,
    /// Cosine of the means of the populations; null where the noise of a mean is more than .04 of its square, and on the rows of the
    /// aligner's fit.
    #[ts(optional = false)]
    pub cosine: Option<f64>,
    /// That of these two means; null when one has length zero.
    #[ts(type = "number | null")]
    pub cosine_biased: f64,
    /// Independent rows a side that would do, where `cosine` is null for want of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cosine_needs: Option<u64>,
    /// The gap beside its noise.
    #[serde(flatten)]
    pub judged: JudgedGap,
    /// The same of this very aligner, whose fit is taken for given: what it leaves on rows like these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of_aligner: Option<JudgedGap>,
    /// Rows of the few groups that make most of the noise; the verdict (with an aligner that of `ofAligner`) is that of the other rows,
    /// and there is no interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<ImageText<u64>>,
    /// Mean distance of the pairs; `paired` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paired_distance: Option<f64>,
    /// Relative modality gap (Schrodi et al. 2025); `paired` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmg: Option<f64>,
}

/// Distances of a mean from those of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AlignerFit {
    /// From the mean it moves onto.
    pub to_target: f64,
    /// From the mean it moves.
    pub to_source: f64,
}

/// What was taken from a sample rather than from all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct Sampled {
    /// Rows of the sample.
    pub size: u64,
    /// Seed of the choice.
    pub seed: u64,
}

impl Sampled {
    pub(super) fn of(sample: Sample, size: u64) -> Self {
        Self {
            size,
            seed: sample.seed(),
        }
    }
}

/// Neighbours by cosine; a row is not a neighbour of itself, ties go to the lower index.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
pub struct NeighboursReport {
    /// Neighbours of retention and hubness.
    pub k: usize,
    /// Mean share of a text row's neighbours among the text before the aligner that are its neighbours after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<f64>,
    /// The neighbours of all rows put together, where a row's own partner counts as the other modality.
    #[ts(inline)]
    pub mixing: Mixing,
    /// Share of rows that have a double among their own kind, equal to rounding.
    pub duplicates: ImageText<f64>,
    /// Skewness of how often a row is among the nearest: image for image, text for text, image for text.
    #[ts(inline)]
    pub hubness: Hubness,
}

/// How far two modalities are mixed among each other's neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct Mixing {
    /// Neighbours looked at.
    pub k: usize,
    /// Share of them that belong to the other modality, over all rows.
    pub all: f64,
    /// Directional mixing of the images: mean entropy of the modalities among their neighbours over what permuted labels would give
    /// (arXiv 2605.07825); null when a modality has no choice.
    pub image: Option<f64>,
    /// The same of the texts.
    pub text: Option<f64>,
    /// Share of the other modality among the neighbours of each side's rows.
    pub shares: ImageText<f64>,
    /// `all` where the labels of the rows are permuted.
    pub chance: f64,
}

/// Skewness of in-degrees.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Hubness {
    /// Of the image rows.
    pub image: f64,
    /// Of the text rows.
    pub text: f64,
    /// Images among the nearest of texts.
    pub text_to_image: f64,
    /// The same where every row is equally likely to be among the nearest.
    #[ts(inline)]
    pub chance: HubnessByChance,
}

/// Skewness where every row is equally likely to be among the nearest.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HubnessByChance {
    /// Of the image rows.
    pub image: f64,
    /// Of the text rows.
    pub text: f64,
    /// Images among the nearest of texts.
    pub text_to_image: f64,
}

/// Retrieval of partners, by cosine. Every row of the query's group is one: the rank is that of the nearest, after the rows of
/// other groups that are nearer, or as near with a lower index.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct RetrievalReport {
    /// Text asks for its image.
    pub text_to_image: Recall,
    /// Image asks for its text.
    pub image_to_text: Recall,
    /// Both, of rows in random order.
    #[ts(inline)]
    pub chance: RetrievalByChance,
    /// Text asks a corpus of images and texts.
    #[ts(inline)]
    pub mixed: MixedRetrieval,
    /// The result of every query, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub outcomes: Option<Outcomes>,
}

/// Recall of rows in random order: of several rows of a query's item each is right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RetrievalByChance {
    /// Text asks for its image.
    pub text_to_image: RecallByChance,
    /// Image asks for its text.
    pub image_to_text: RecallByChance,
}

/// Text asks a corpus of both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MixedRetrieval {
    /// Results looked at.
    pub k: usize,
    /// Share of images among them.
    pub image_share: f64,
}

/// Results of every query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Outcomes {
    /// Of the texts.
    pub text_to_image: QueryOutcomes,
    /// Of the images.
    pub image_to_text: QueryOutcomes,
}

/// What every query of one side found: its group, and whether one of its partners came first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct QueryOutcomes {
    /// Group of each query.
    pub keys: Vec<u64>,
    /// 1 where a partner came first, otherwise 0.
    pub found: Vec<u8>,
}

/// Cosines among rows.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct SimilarityReport {
    /// Jensen–Shannon divergence, in nats, of the populations of each pair of histograms, such as `'cross/imageImage'`; null where
    /// sampling adds too much.
    pub js: BTreeMap<String, Option<f64>>,
    /// That of the histograms of these rows.
    pub js_biased: BTreeMap<String, f64>,
    /// Independent rows a side that would do, by the name of each divergence that is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub js_needs: Option<BTreeMap<String, u64>>,
    /// What sampling gives by itself: between two halves of the image rows, of `rows` each, the cosines across against those within one
    /// (`'cross/one'`) and those within one against those within the other (`'one/other'`); and as many strangers as there are pairs
    /// against all cosines of strangers (`'paired/cross'`).
    pub js_chance: BTreeMap<String, f64>,
    /// Shares of cosines in equal bins on [−1, 1].
    #[ts(inline)]
    pub histograms: Histograms,
    /// Mean squared distance of pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alignment: Option<f64>,
    /// ln E exp(−2‖u−v‖²) (Wang and Isola 2020); null below 20 independent rows.
    pub uniformity: ImageText<Option<f64>>,
    /// Linear centred kernel alignment of the pairs, from unbiased squares; null where a side does not vary, and below 60 independent
    /// pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub cka: Option<Option<f64>>,
    /// The same from plug-in squares, as papers print it: strangers reach .9 with fewer rows than columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null", optional)]
    pub cka_biased: Option<Option<f64>>,
    /// Accuracy of a logistic regression that tells the modalities apart, on rows it has not seen; ½ when mixed. Null on the rows of
    /// the aligner's fit, whose halves have opposite errors.
    #[ts(optional = false)]
    pub separability: Option<f64>,
}

/// Histograms of cosines.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Histograms {
    /// Number of bins.
    pub bins: usize,
    /// Of pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paired: Option<Vec<f64>>,
    /// Of images with texts, partners left out.
    pub cross: Vec<f64>,
    /// Among images.
    pub image_image: Vec<f64>,
    /// Among texts.
    pub text_text: Vec<f64>,
}

/// What an aligner keeps of the text's own geometry.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
pub struct PreservationReport {
    /// Mean y·z of a row before and after; a cosine where both have unit length.
    pub phi: f64,
    /// Correlation of pairwise cosines before and after; null where nothing varies.
    pub psi: Option<f64>,
    /// Retention of the ten nearest neighbours.
    pub omega: Option<f64>,
}

/// A row drawn in the plane of the two leading principal directions.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct DrawnRow {
    /// Index in its source; that of the pair when rows are paired.
    pub row: u64,
    /// Its modality.
    #[ts(type = "'image' | 'text'")]
    pub modality: &'static str,
    /// Stage of the aligner it was drawn at.
    pub stage: String,
    /// First coordinate.
    pub x: f64,
    /// Second coordinate.
    pub y: f64,
}

/// A row near a query.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct ShownNeighbour {
    /// Its index.
    pub row: u64,
    /// Its modality.
    #[ts(type = "'image' | 'text'")]
    pub modality: &'static str,
    /// Its cosine.
    pub cosine: f64,
}

/// A query with its nearest rows in both modalities put together, nearest first.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct ShownQuery {
    /// Index of the query.
    pub query: u64,
    /// Its modality.
    #[ts(type = "'image' | 'text'")]
    pub query_modality: &'static str,
    /// Its neighbours, where there is no aligner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<Vec<ShownNeighbour>>,
    /// Its neighbours before the aligner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Vec<ShownNeighbour>>,
    /// Its neighbours after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<ShownNeighbour>>,
}

/// What a report draws.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
pub struct Figures {
    /// Rows in two dimensions, the same plane for every stage.
    #[ts(inline)]
    pub projection: Projection,
    /// The aligner stage by stage; `original` only without one.
    pub stages: Vec<DrawnStage>,
    /// Example queries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<Vec<ShownQuery>>,
}

/// Rows in two dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct Projection {
    /// What the plane is.
    #[ts(type = "string")]
    pub axes: &'static str,
    /// Share of the variance along each axis.
    pub explained: [f64; 2],
    /// The rows.
    pub points: Vec<DrawnRow>,
}

/// The text at a stage of the aligner.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DrawnStage {
    /// Such as `original`, `anchor`, `trace`, `centroid`, `final`.
    pub name: String,
    /// ‖μx−μ‖ at this stage.
    pub gap: f64,
    /// Trace of the text at this stage.
    pub trace: f64,
    /// Its mean in the plane.
    pub centroid: [f64; 2],
    /// The images' mean in the plane.
    pub image_centroid: [f64; 2],
}
