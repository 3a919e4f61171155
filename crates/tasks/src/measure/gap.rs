//! `gap` of the results: the distance of the means beside its noise, and what is concluded from both.

use modality_gap_geometry::{
    Aligner, AlignerInfo, Covariance, Map, Noise, Precision, Turned, centroid_gap, distance, relative_gap,
    unbiased_cosine,
};

use super::clusters::{Clustered, Rest, cluster_noise};
use super::pairs::{Pairs, pair_differences};
use super::report::{AlignerFit, JudgedGap, MeasuredGap, Verdict};
use super::sides::{COVARIANCE_ROWS, Sides};
use crate::causes::ImageText;
use crate::groups::Pairing;
use crate::{Control, RowSet, Sample, Split, TaskError};

/// Means nearer than this are of the same rows, counted in another order perhaps.
const SAME_MEAN: f64 = 1e-11;

/// Numbers of rows of an item that differ by less, as a share, are alike.
const ALIKE: f64 = 0.2;

/// What a measured aligner was fitted on.
pub(super) struct Fitted {
    /// Whether these very rows.
    pub in_sample: bool,
    /// Tx/n and s²·Ty/m of the fit: the noise that it adds to the gap of rows it has not seen.
    noise: [f64; 2],
    /// Image rows of the fit, where these rows belong to texts as those of the fit do.
    pairs: Option<u64>,
    /// Traces of these rows before the aligner.
    before: [f64; 2],
    /// Distances of these rows' means from those of the fit.
    pub places: ImageText<AlignerFit>,
}

impl Fitted {
    /// Of `rows` under the aligner, which are `before` without it.
    pub fn of(aligner: &Aligner, rows: &Sides<'_>, before: &Sides<'_>, split: Split) -> Self {
        let info = aligner.info();
        let same = |side: usize, count: u64, mean: &[f64]| {
            let moments = before.moments(side);
            moments.rows() == count && distance(moments.mean(), mean) < SAME_MEAN
        };
        let means = !split.splits()
            && same(0, info.target.rows, aligner.target_mean())
            && same(1, info.source.rows, aligner.source_mean());
        // more rows than those of the fit, or fewer, are its rows all the same
        let shared = aligner
            .sketches()
            .iter()
            .enumerate()
            .all(|(side, sketch)| sketch.shares_rows_with(rows.measured_hashes(side)));
        Self {
            // a map that moves nothing was not made by any rows
            in_sample: info.options.method.traits().fitted && (means || shared),
            ..Self::of_held(aligner, before, split)
        }
    }

    /// Of rows that a fit has held out, or has not seen at all.
    fn of_held(aligner: &Aligner, rows: &Sides<'_>, split: Split) -> Self {
        let info = aligner.info();
        // held-out pairs of a file come of a fit on the other pairs of that file; pairs of another file may be like those of the fit
        let alike = rows.grouping().shared && (split.splits() || like_those_of(info, rows));
        let paired = rows.grouping().pairing == Pairing::Index;
        let counted = alike && (!paired || info.target.rows == info.source.rows);
        let places = |side: usize| {
            let mean = rows.moments(side).mean();
            AlignerFit {
                to_target: distance(mean, aligner.target_mean()),
                to_source: distance(mean, aligner.source_mean()),
            }
        };
        Self {
            in_sample: false,
            places: [0, 1].map(places).into(),
            pairs: counted.then_some(info.target.rows),
            noise: aligner.noise_of_fit(),
            before: [0, 1].map(|side| rows.moments(side).trace()),
        }
    }

    /// How many times as far the aligner has spread the rows of a side.
    pub fn gain(&self, side: usize, rows: &Sides<'_>) -> f64 {
        let gain = rows.moments(side).trace() / self.before[side];
        if gain.is_finite() { gain } else { 1.0 }
    }

    fn is_noisy(&self) -> bool {
        !self.in_sample && self.noise != [0.0; 2]
    }
}

/// Whether as many rows of an item belong together as in the fit, in the same way.
fn like_those_of(info: &AlignerInfo, rows: &Sides<'_>) -> bool {
    let sides = [&info.target, &info.source];
    let shares = |side: usize| {
        let [fitted, new] = [sides[side].rows, rows.moments(side).rows()].map(|n| n as f64);
        let items = sides[side].groups.unwrap_or(sides[side].rows) as f64;
        [fitted / items, new / rows.independent(side) as f64]
    };
    let near = |[a, b]: [f64; 2]| (a / b - 1.0).abs() < ALIKE;
    let of_sides = [0, 1].map(|side: usize| [sides[side].rows, rows.moments(side).rows()].map(|n| n as f64));
    let between = [0, 1].map(|k: usize| of_sides[0][k] / of_sides[1][k]);
    info.pairs.is_some()
        && info.pairs == rows.grouping().pairs_of_fit()
        && near(shares(0))
        && near(shares(1))
        && near(between)
}

/// The noise floor of rows held out from a fit, as a measurement prints it, where they are in pairs or in groups.
pub(crate) fn held_floor(
    sources: [&RowSet; 2],
    aligner: &Aligner,
    paired: bool,
    split: Split,
    control: &Control,
) -> Result<f64, TaskError> {
    let identity = sources.map(|side| Map::identity(side.dim, side.policy()));
    let maps = [aligner.target_map().unwrap_or(&identity[0]), aligner.map()];
    let rows = Sides::count(sources, maps, paired, split, None, control)?;
    let sample = Sample::of(rows.longest(), COVARIANCE_ROWS, 0);
    let clusters = clusters_of(&rows, sample, control)?;
    let pairs = (rows.grouping().pairing != Pairing::None && clusters.is_none())
        .then(|| pair_differences(&rows, None, Precision::Exact, control))
        .transpose()?;
    let fitted = Fitted::of_held(aligner, &rows, split);
    let evidence = Evidence {
        covariances: None,
        pairs: pairs.as_ref(),
        fitted: Some(&fitted),
        clusters,
    };
    let gap = centroid_gap(rows.moments(0), rows.moments(1));
    let (own, whole) = noises(&rows, &gap.difference, &evidence);
    Ok(whole.unwrap_or(own).floor_square.max(0.0).sqrt())
}

/// What the noise of a gap is taken from.
pub(super) struct Evidence<'a> {
    pub covariances: Option<[&'a Covariance; 2]>,
    pub pairs: Option<&'a Pairs>,
    pub fitted: Option<&'a Fitted>,
    pub clusters: Option<Clustered>,
}

/// Groups where there are any; none are needed where every row is its own.
pub(super) fn clusters_of(
    rows: &Sides<'_>,
    sample: Sample,
    control: &Control,
) -> Result<Option<Clustered>, TaskError> {
    if !rows.grouped() {
        return Ok(None);
    }
    cluster_noise(rows, sample, control).map(Some)
}

/// How many times as large the noise of these means is as that of as many independent rows.
pub(super) fn design_effect(rows: &Sides<'_>, pairs: Option<&Pairs>, clusters: Option<&Clustered>) -> f64 {
    let Some(clusters) = clusters else {
        return 1.0;
    };
    let [x, z] = [rows.moments(0), rows.moments(1)];
    let naive = match pairs {
        Some(pairs) => pairs.trace / (pairs.count as f64 - 1.0),
        None => x.unbiased_trace() / x.rows() as f64 + z.unbiased_trace() / z.rows() as f64,
    };
    let known = clusters.noise.noise(&vec![0.0; x.dim()]).trace / naive;
    if known.is_finite() { known.max(1.0) } else { 1.0 }
}

/// The gap beside its noise.
pub(super) fn measured_gap(rows: &Sides<'_>, evidence: &Evidence<'_>) -> MeasuredGap {
    let [x, z] = [rows.moments(0), rows.moments(1)];
    let gap = centroid_gap(x, z);
    let (own, whole) = noises(rows, &gap.difference, evidence);
    let square = gap.centroid * gap.centroid;
    let judge = |noise: Noise| noise.judge(square, x.dim());
    let in_sample = evidence.fitted.is_some_and(|fitted| fitted.in_sample);
    let clusters = evidence.clusters.as_ref().filter(|_| !in_sample);
    let rest = clusters.and_then(|clusters| clusters.rest.as_ref());
    let of_rest = rest.map(Rest::judge);
    // the noise of a fit is not known without those groups
    let mut judged = JudgedGap::from(&match whole {
        Some(whole) => judge(whole),
        None => judge(own).or_of_rest(of_rest.as_ref()),
    });
    let of_aligner = whole.map(|_| JudgedGap::from(&judge(own).or_of_rest(of_rest.as_ref())));
    let independent = [0, 1].map(|side| rows.independent(side));
    let (cosine, cosine_needs) = match unbiased_cosine(x, z, independent, own.trace) {
        Turned::Known(cosine) => (Some(cosine).filter(|_| !in_sample), None),
        Turned::Needs(times) => {
            let rows = times * independent[0].min(independent[1]) as f64;
            #[allow(clippy::cast_sign_loss, reason = "positive")]
            let needed = rows.is_finite().then(|| rows.ceil() as u64);
            (None, needed.filter(|_| !in_sample))
        }
    };
    if in_sample {
        // after a fit the gap of its own rows always lies below the floor
        judged.interval = Some(None);
        judged.verdict = Verdict::InSample;
    }
    let unit = x.unit() && z.unit();
    MeasuredGap {
        before: None,
        after: None,
        centroid: gap.centroid,
        cosine,
        cosine_biased: gap.cosine,
        cosine_needs,
        judged,
        of_aligner,
        left_out: rest.map(|rest| rest.left_out.into()),
        paired_distance: evidence.pairs.map(|pairs| pairs.mean_distance),
        rmg: evidence
            .pairs
            .filter(|_| unit)
            .map(|pairs| relative_gap(pairs.mean_cosine, x, z)),
    }
}

/// The noise of these rows, and with that of the fit where an aligner brings one.
fn noises(rows: &Sides<'_>, difference: &[f64], evidence: &Evidence<'_>) -> (Noise, Option<Noise>) {
    let [x, z] = [rows.moments(0), rows.moments(1)];
    let (n, m) = (x.rows() as f64, z.rows() as f64);
    let covariances = evidence.covariances;
    let samples = |weights| Noise::of_samples([x, z], weights, covariances, difference);
    let fitted = evidence.fitted.filter(|fitted| fitted.is_noisy());
    // what the fit adds, by what these rows have, side by side
    let added = fitted.map(|fitted| {
        let trace = [x.trace(), z.trace()];
        [0, 1].map(|side: usize| fitted.noise[side] / trace[side])
    });
    let naive = (x.trace() / n, z.trace() / m);
    let factor = |fitted: &Fitted| match fitted.pairs {
        Some(pairs) => 1.0 + n / pairs as f64,
        None => 1.0 + (fitted.noise[0] + fitted.noise[1]) / (naive.0 + naive.1),
    };
    if let Some(clusters) = &evidence.clusters {
        let own = clusters.noise.noise(difference);
        return (own, fitted.map(|fitted| own.times(factor(fitted))));
    }
    if let Some(pairs) = evidence.pairs {
        let own = Noise::of_pairs(
            pairs.trace,
            Some(&pairs.differences).filter(|covariance| covariance.rows() > 0),
            difference,
            pairs.count,
        );
        return (
            own,
            fitted.map(|fitted| match fitted.pairs {
                Some(_) => own.times(factor(fitted)),
                // a fit on other rows has the noise of two samples
                None => own.plus(&Noise::of_samples(
                    [x, z],
                    added.unwrap_or([0.0; 2]),
                    covariances,
                    difference,
                )),
            }),
        );
    }
    let own = samples([1.0 / n, 1.0 / m]);
    let whole = added.map(|[a, b]| samples([1.0 / n + a, 1.0 / m + b]));
    (own, whole)
}
