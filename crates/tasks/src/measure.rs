//! How large the gap is, and how large it would be by chance.

use faer::MatRef;
use modality_gap_geometry::{
    Aligner, Covariance, Frame, Policy, RowMap, Scratch, centroid_gap, paired_gap, phantom_drift,
};
use modality_gap_kernels::{Rows, RowsMut, dot};
use modality_gap_shards::Buffer;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::explain::{ExplainOptions, PairSide, Side, concentration, explain};

use crate::fit::distance;
use crate::moments::{Counted, count};
use crate::walk::{Joined, walk};
use crate::{Control, RowSet, Selection, Split, TaskError, report};

/// Rows a side that covariances are taken from; beyond, a sample of about as many.
const COVARIANCE_ROWS: u64 = 200_000;
/// Pairs whose directions one thread sums; fixed, so that threads do not change the sum.
const DIRECTION_ROWS: usize = 64;
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
    let identity = RowMap::identity(image.dim, image.policy());
    let image_map = aligner.and_then(Aligner::target_map).unwrap_or(&identity);
    let text_identity = RowMap::identity(text.dim, text.policy());
    let text_map = aligner.map_or(&text_identity, Aligner::map);
    let mut sides = [Measured::new(image, image_map), Measured::new(text, text_map)];
    let mut exclude = Vec::new();
    for round in 0..2 {
        for (side, name) in sides.iter_mut().zip(["image", "text"]) {
            let selection = Selection {
                split: Split::default(),
                exclude: &exclude,
            };
            side.count(selection, control, &format!("moments {name}"))?;
        }
        let dropped = [sides[0].dropped(), sides[1].dropped()].concat();
        if round > 0 || !job.paired || dropped.is_empty() {
            break;
        }
        // a dropped row takes its partner with it, so both sides are counted again without either
        exclude = dropped;
        exclude.sort_unstable();
        exclude.dedup();
    }
    let [x, z] = [sides[0].counted(), sides[1].counted()];
    for (side, counted) in [(image, x), (text, z)] {
        if counted.fit.rows() < 2 {
            let text = format!(
                "{} has {} usable rows; a gap needs at least 2",
                side.label(),
                counted.fit.rows()
            );
            return Err(TaskError::TooFewRows(text));
        }
    }
    let sample = Sample::of(image.rows().max(text.rows()), job.seed);
    let pairs = job
        .paired
        .then(|| pair_differences(&sides, &exclude, sample, control))
        .transpose()?;
    let sx = covariance(&sides[0], &exclude, sample, control, "covariance image")?;
    let sz = covariance(&sides[1], &exclude, sample, control, "covariance text")?;
    let gap = centroid_gap(&x.fit, &z.fit, Some((&sx, &sz)));
    let mut gap_json = json!({
        "centroid": gap.centroid,
        "cosine": gap.cosine,
        "unbiasedSquared": gap.unbiased_squared,
        "floor": gap.floor,
        "interval": gap.interval,
    });
    if let Some(pairs) = &pairs {
        let paired = paired_gap(&pairs.differences);
        gap_json["unbiasedSquared"] = json!(paired.unbiased_squared);
        gap_json["floor"] = json!(paired.floor);
        gap_json["interval"] = json!(paired.interval);
        gap_json["pairedDistance"] = json!(pairs.mean_distance);
    }
    let side = |name, i: usize, covariance| Side {
        name,
        moments: &sides[i].counted().fit,
        covariance,
        dtype: sides[i].rows.dtype(),
    };
    let unit = x.fit.unit() && z.fit.unit();
    let pair_side = pairs.as_ref().map(|pairs| PairSide {
        differences: &pairs.differences,
        mean_cosine: unit.then_some(pairs.mean_cosine),
    });
    let explained_sides = [side("image", 0, &sx), side("text", 1, &sz)];
    let (frame, mut explained) = explain(&explained_sides, pair_side.as_ref(), &job.explain)?;
    if let Some(rmg) = explained.remove("rmg") {
        gap_json["rmg"] = rmg;
    }
    if job.paired {
        let length = mean_direction(&sides, &exclude, &frame, control)?;
        explained["decomposition"]["vmf"] = json!(concentration(length, &frame));
    }
    let trace = [x.fit.trace(), z.fit.trace()];
    let scale = (trace[0] / (trace[1] + EPSILON)).sqrt();
    let mut value = json!({
        "dim": image.dim,
        "rows": { "image": x.fit.rows(), "text": z.fit.rows() },
        "dropped": { "image": image.rows() - x.fit.rows(), "text": text.rows() - z.fit.rows() },
        "norms": { "image": report::lengths(&x.fit), "text": report::lengths(&z.fit) },
        "gap": gap_json,
        "trace": { "image": trace[0], "text": trace[1] },
        "scale": scale,
    });
    for (key, part) in explained {
        value[key] = part;
    }
    match aligner {
        Some(_) => {
            let raw = |rows: &RowSet, map: &RowMap| count(rows, map, Selection::ALL, control, "before", None);
            let (before_x, before_z) = (raw(image, &identity)?, raw(text, &text_identity)?);
            value["gap"]["before"] = json!(distance(before_x.fit.mean(), before_z.fit.mean()));
            value["gap"]["after"] = json!(gap.centroid);
        }
        None if unit => {
            value["phantomDrift"] = drift(&sides, &sz, scale, &exclude, control)?;
        }
        None => {}
    }
    if sample.share < 1.0 {
        value["sampled"] = json!({ "covariance": { "size": sx.rows().max(sz.rows()), "seed": job.seed } });
    }
    Ok(value)
}

struct Measured<'a> {
    rows: &'a RowSet,
    map: &'a RowMap,
    counted: Option<Counted>,
}

impl<'a> Measured<'a> {
    fn new(rows: &'a RowSet, map: &'a RowMap) -> Self {
        Self {
            rows,
            map,
            counted: None,
        }
    }

    fn count(&mut self, selection: Selection<'_>, control: &Control, stage: &str) -> Result<(), TaskError> {
        self.counted = Some(count(self.rows, self.map, selection, control, stage, None)?);
        Ok(())
    }

    fn counted(&self) -> &Counted {
        self.counted.as_ref().expect("counted before it is asked for")
    }

    /// Rows dropped, by their index in the whole source.
    fn dropped(&self) -> Vec<u64> {
        let starts = self.rows.starts();
        let per_shard = self.counted().dropped.iter().zip(starts);
        per_shard
            .flat_map(|(rows, start)| rows.iter().map(move |row| start + row))
            .collect()
    }
}

/// The share of the rows that covariances are taken from, by a hash of the row's index.
#[derive(Debug, Clone, Copy)]
struct Sample {
    share: f64,
    seed: u64,
}

impl Sample {
    fn of(rows: u64, seed: u64) -> Self {
        Self {
            share: (COVARIANCE_ROWS as f64 / rows as f64).min(1.0),
            seed,
        }
    }

    fn takes(self, row: u64) -> bool {
        self.share >= 1.0
            || Split {
                holdout: self.share,
                seed: self.seed,
            }
            .held(row)
    }
}

/// Mapped rows of a block that count, row-major; their indices in the block go into `kept`.
struct Mapper<'a> {
    map: &'a RowMap,
    scratch: Scratch,
    out: Vec<f64>,
    kept: Vec<usize>,
}

impl<'a> Mapper<'a> {
    fn new(map: &'a RowMap) -> Self {
        Self {
            map,
            scratch: Scratch::default(),
            out: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Maps `rows` and keeps those that are usable and that `take` takes.
    fn map(&mut self, rows: &[f64], take: impl Fn(usize) -> bool) {
        let dim = self.map.dim();
        self.map
            .coefficients(Rows::F64(rows), &mut self.scratch, &mut Vec::new());
        self.out.resize(rows.len(), 0.0);
        self.map
            .write(Rows::F64(rows), &self.scratch, RowsMut::F64(&mut self.out));
        self.kept.clear();
        for i in 0..rows.len() / dim {
            if self.scratch.counted(i) && take(i) {
                self.out
                    .copy_within(i * dim..(i + 1) * dim, self.kept.len() * dim);
                self.kept.push(i);
            }
        }
        self.out.truncate(self.kept.len() * dim);
    }
}

fn covariance(
    side: &Measured<'_>,
    exclude: &[u64],
    sample: Sample,
    control: &Control,
    stage: &str,
) -> Result<Covariance, TaskError> {
    let selection = Selection {
        split: Split::default(),
        exclude,
    };
    let mut covariance = Covariance::about(side.counted().fit.mean());
    let mut mapper = Mapper::new(side.map);
    walk(side.rows, control, stage, |first, rows| {
        mapper.map(rows, |i| {
            sample.takes(first + i as u64) && !selection.excludes(first + i as u64)
        });
        control.pool().install(|| covariance.accumulate(&mut mapper.out));
        Ok(())
    })?;
    Ok(covariance)
}

/// What is known of paired differences r = x − z.
struct Pairs {
    differences: Covariance,
    mean_distance: f64,
    mean_cosine: f64,
}

fn pair_differences(
    sides: &[Measured<'_>; 2],
    exclude: &[u64],
    sample: Sample,
    control: &Control,
) -> Result<Pairs, TaskError> {
    let [x, z] = sides;
    let dim = x.rows.dim;
    let difference = |(a, b): (&f64, &f64)| a - b;
    let center: Vec<f64> = x
        .counted()
        .fit
        .mean()
        .iter()
        .zip(z.counted().fit.mean())
        .map(difference)
        .collect();
    let mut differences = Covariance::about(&center);
    let (mut distances, mut cosines, mut pairs) = (0.0, 0.0, 0_u64);
    each_pair_block(sides, exclude, control, "pairs", |first, kept, left, right| {
        for (a, b) in left.chunks_exact(dim).zip(right.chunks_exact(dim)) {
            cosines += dot(a, b);
        }
        subtract(left, right);
        let mut sampled = 0;
        for (position, &i) in kept.iter().enumerate() {
            let row = position * dim..(position + 1) * dim;
            distances += dot(&left[row.clone()], &left[row.clone()]).sqrt();
            pairs += 1;
            if sample.takes(first + i as u64) {
                left.copy_within(row, sampled * dim);
                sampled += 1;
            }
        }
        control
            .pool()
            .install(|| differences.accumulate(&mut left[..sampled * dim]));
    })?;
    let n = pairs as f64;
    Ok(Pairs {
        differences,
        mean_distance: distances / n,
        mean_cosine: cosines / n,
    })
}

/// Length of the mean unit direction of P_VΔ over all pairs; zero when V is empty.
fn mean_direction(
    sides: &[Measured<'_>; 2],
    exclude: &[u64],
    frame: &Frame,
    control: &Control,
) -> Result<f64, TaskError> {
    let dim = frame.dim();
    let v = frame.v();
    let mut sum = vec![0.0; v.ncols()];
    let mut pairs = 0_u64;
    each_pair_block(sides, exclude, control, "directions", |_, kept, left, right| {
        subtract(left, right);
        let parts: Vec<Vec<f64>> = control.pool().install(|| {
            left.par_chunks(DIRECTION_ROWS * dim)
                .map(|rows| sum_of_directions(rows, v))
                .collect()
        });
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        pairs += kept.len() as u64;
    })?;
    Ok(dot(&sum, &sum).sqrt() / pairs as f64)
}

/// Sum of the unit rows of `rows`·`v`; a row without a part in V counts as zero.
fn sum_of_directions(rows: &[f64], v: MatRef<'_, f64>) -> Vec<f64> {
    let projected = MatRef::from_row_major_slice(rows, rows.len() / v.nrows(), v.nrows()) * v;
    let mut sum = vec![0.0; v.ncols()];
    for row in projected.row_iter() {
        let length = row.norm_l2();
        if length > 0.0 {
            sum.iter_mut()
                .zip(row.iter())
                .for_each(|(sum, v)| *sum += v / length);
        }
    }
    sum
}

fn subtract(left: &mut [f64], right: &[f64]) {
    left.iter_mut().zip(right).for_each(|(a, b)| *a -= b);
}

/// Gives `body` the mapped rows of each block of pairs: index of the block's first row, which of its rows count, the
/// left rows and the right rows.
fn each_pair_block(
    sides: &[Measured<'_>; 2],
    exclude: &[u64],
    control: &Control,
    stage: &str,
    mut body: impl FnMut(u64, &[usize], &mut [f64], &[f64]),
) -> Result<(), TaskError> {
    let [x, z] = sides;
    let dim = x.rows.dim;
    let selection = Selection {
        split: Split::default(),
        exclude,
    };
    let (mut left, mut right) = (Mapper::new(x.map), Mapper::new(z.map));
    let partner = Joined::open(z.rows)?;
    let (mut buffer, mut partner_rows) = (Buffer::new(), Vec::new());
    walk(x.rows, control, stage, |first, rows| {
        partner.read(first, rows.len() / dim, &mut buffer, &mut partner_rows)?;
        let take = |i: usize| !selection.excludes(first + i as u64);
        left.map(rows, take);
        right.map(&partner_rows, take);
        assert_eq!(left.kept, right.kept, "a pair counts on both sides or on neither");
        body(first, &left.kept, &mut left.out, &right.out);
        Ok(())
    })
}

/// Phantom drift of the text after anchor and trace, whose mean is the image's: what the sphere does to it.
fn drift(
    sides: &[Measured<'_>; 2],
    covariance: &Covariance,
    scale: f64,
    exclude: &[u64],
    control: &Control,
) -> Result<Value, TaskError> {
    let [mu_x, mu_z] = [sides[0].counted().fit.mean(), sides[1].counted().fit.mean()];
    let shift = mu_x.iter().zip(mu_z).map(|(x, z)| x - scale * z).collect();
    let map = RowMap::new(mu_x.len(), Policy::Unit, scale, Some(shift), true, Vec::new());
    let selection = Selection {
        split: Split::default(),
        exclude,
    };
    let projected = count(sides[1].rows, &map, selection, control, "phantom drift", None)?;
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
