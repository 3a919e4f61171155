//! A fitted strategy: small, portable, applied to one row or to billions.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use modality_gap_kernels::dot;

use crate::Covariance;
use crate::fit_options::FitOptions;
use crate::gap::{Noise, Second, freedom, mean_freedom};
use crate::map::Map;
use crate::moments::{Moments, distance};
use crate::quantiles::NORMAL_ONE_SIDED_995;
use crate::sketch::RowSketch;
use crate::stage_file::StageInfo;

/// Rows below which a mean says nothing about a shift of distribution.
const FEW_ROWS: u64 = 30;
/// What an aligner keeps of one side of its fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(rename = "SideInfo", optional_fields)]
pub struct Side {
    /// Name of the side, such as `'image'`.
    pub name: String,
    /// Rows that were fitted.
    pub rows: u64,
    /// Trace of the covariance, E‖e−μ‖² of the unit rows.
    pub trace: f64,
    /// Items that the rows are of, where several are of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<u64>,
}

/// How rows of the fit belonged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum PairsOfFit {
    /// Row i of one side with row i of the other.
    Rows,
    /// Rows of both sides that have one id.
    Groups,
}

/// The gaps that an aligner keeps: distances between the means on one set of rows, before and after a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(rename = "AlignerGap", optional_fields)]
pub struct GapOfFit {
    /// ‖μx−μy‖ of the unit rows.
    pub before: f64,
    /// The same after the fit, of the f64 result; absent when it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// How far apart the means of two samples of one distribution are: sqrt(Tx/n + Ty/m).
    pub floor: f64,
    /// The same on rows that were kept out of the fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "Omit<AlignerGap, 'held'>", optional)]
    pub held: Option<Box<GapOfFit>>,
}

/// What a fitted aligner knows about itself; the one metadata entry of its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
#[serde(rename_all = "camelCase")]
pub struct AlignerInfo {
    /// Version of the file format.
    pub version: u32,
    /// Version of the package that fitted it.
    pub package: String,
    /// Method and options of the fit.
    pub options: FitOptions,
    /// Columns of the rows it takes and gives.
    pub dim: usize,
    /// The side that is moved.
    pub source: Side,
    /// The side that is imitated.
    pub target: Side,
    /// Factor s on the residuals, sqrt(target trace / source trace).
    pub scale: f64,
    /// Whether results have unit length.
    pub renormalize: bool,
    /// Centroid offsets it applies.
    pub iterations: usize,
    /// Stages of a map that is more than a scale, a shift and offsets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<_>", optional)]
    pub stages: Vec<StageInfo>,
    /// The gap on the rows of the fit, and on rows kept out of it.
    pub gap: GapOfFit,
    /// Whether the target's rows move too, as in centering.
    pub moves_target: bool,
    /// How rows of the fit belonged together: row by row, or by ids; absent where they did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub pairs: Option<PairsOfFit>,
}

/// A fitted map from the source's distribution to the target's.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligner {
    pub(crate) info: AlignerInfo,
    pub(crate) map: Map,
    pub(crate) target_map: Option<Map>,
    pub(crate) source_mean: Vec<f64>,
    pub(crate) target_mean: Vec<f64>,
    /// Rows of the fit, target and source; older files have none.
    pub(crate) sketches: [RowSketch; 2],
}

/// New source rows that are compared with those of a fit.
#[derive(Debug, Clone, Copy)]
pub struct NewRows<'a> {
    /// Their moments before the map, at unit length.
    pub before: &'a Moments,
    /// Their moments after it, where they were moved.
    pub after: Option<&'a Moments>,
    /// Of some of them that are independent of each other, before the map.
    pub covariance: &'a Covariance,
    /// Items that they are of, where that is known.
    pub groups: Option<u64>,
    /// Sum of the squared numbers of rows of the items over the number of rows: how many times as large the noise of a mean
    /// may be as that of as many independent rows. One where all differ.
    pub design: f64,
}

/// Whether new rows come from the distribution an aligner was fitted on.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(optional_fields)]
#[serde(rename_all = "camelCase")]
pub struct Fits {
    /// Distance of the new rows' mean from the stored one, ‖μ_new − μ_fit‖ of the unit rows.
    pub mean_shift: f64,
    /// The root mean square of the shift that sampling alone gives, sqrt(T_fit/n_fit + T_new/n_new) for independent rows.
    pub floor: f64,
    /// ‖μ_new − μ_fit‖² without what sampling adds.
    pub unbiased_squared: f64,
    /// The distance that one in two hundred samples of the fit's distribution exceeds; absent for too few rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical: Option<f64>,
    /// Distance of the moved mean from where the fit's own rows come to stand; absent where the fit was not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift_after: Option<f64>,
    /// What that exceeds in one of two hundred samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical_after: Option<f64>,
    /// Trace of the new rows.
    pub trace: f64,
    /// Trace of the rows of the fit.
    pub stored_trace: f64,
    /// `'drifted'` when either distance exceeds what one in two hundred samples shows.
    #[ts(inline)]
    pub verdict: Verdict,
}

/// Outcome of the check of new rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Neither the mean nor what the map makes of it differs from that of the fit beyond what one in a hundred samples shows.
    Fits,
    /// The rows come from elsewhere: expect about that much gap after alignment.
    Drifted,
    /// Fewer than 30 rows or items decide nothing.
    TooFewRows,
}

impl Aligner {
    pub(crate) fn new(
        info: AlignerInfo,
        map: Map,
        target_map: Option<Map>,
        source_mean: Vec<f64>,
        target_mean: Vec<f64>,
    ) -> Self {
        Self {
            info,
            map,
            target_map,
            source_mean,
            target_mean,
            sketches: Default::default(),
        }
    }

    /// Notes which rows it was fitted on, target and source, of how many items they are, and how they belonged together.
    pub fn set_rows(
        &mut self,
        sketches: [RowSketch; 2],
        groups: [Option<u64>; 2],
        pairs: Option<PairsOfFit>,
    ) {
        self.sketches = sketches;
        self.info.pairs = pairs;
        [self.info.target.groups, self.info.source.groups] = groups;
    }

    /// Rows of the fit, target and source; empty where a file says nothing of them.
    pub fn sketches(&self) -> &[RowSketch; 2] {
        &self.sketches
    }

    /// What it says of itself.
    pub fn info(&self) -> &AlignerInfo {
        &self.info
    }

    /// Columns of the rows it takes and gives.
    pub fn dim(&self) -> usize {
        self.info.dim
    }

    /// The map of source rows.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The map of target rows, where the strategy moves them.
    pub fn target_map(&self) -> Option<&Map> {
        self.target_map.as_ref()
    }

    /// Mean of the target's unit rows.
    pub fn target_mean(&self) -> &[f64] {
        &self.target_mean
    }

    /// Mean of the source's unit rows before alignment.
    pub fn source_mean(&self) -> &[f64] {
        &self.source_mean
    }

    /// The target's mean after alignment: where the source's mean should be.
    pub fn goal(&self) -> Vec<f64> {
        match &self.target_map {
            Some(_) => vec![0.0; self.dim()],
            None => self.target_mean.clone(),
        }
    }

    /// Tx/n and s²·Ty/m of the fit: the noise that it adds to the gap of rows it has not seen. A map that moves nothing has none.
    pub fn noise_of_fit(&self) -> [f64; 2] {
        if !self.info.options.method.traits().fitted {
            return [0.0; 2];
        }
        let per_row = |side: &Side| side.trace / side.rows as f64;
        let s = self.info.scale;
        [per_row(&self.info.target), s * s * per_row(&self.info.source)]
    }

    /// The gap on rows kept out of the fit, target and source, with their moments before and after it. `floor` is the noise floor
    /// where rows depend on each other; otherwise held-out rows add their own noise to that of the fit.
    pub fn held_gap(&self, before: [&Moments; 2], after: [&Moments; 2], floor: Option<f64>) -> GapOfFit {
        let between = |[x, z]: [&Moments; 2]| distance(x.mean(), z.mean());
        let [target, source] = self.noise_of_fit();
        let noise = after[0].noise_of_mean() + after[1].noise_of_mean() + (target + source);
        GapOfFit {
            before: between(before),
            after: Some(between(after)),
            floor: floor.unwrap_or_else(|| noise.sqrt()),
            held: None,
        }
    }

    /// Notes gaps measured after the fit.
    pub fn set_gap(&mut self, after: Option<f64>, held: Option<GapOfFit>) {
        self.info.gap.after = after.or(self.info.gap.after);
        self.info.gap.held = held.map(Box::new).or(self.info.gap.held.take());
    }

    /// Compares new source rows with those of the fit: their mean, and what the map makes of it, which depends on their
    /// covariance, too.
    ///
    /// Both are tests of size ½ %. Where both are of one distribution the shift has the covariance Σ(1/n_fit + 1/n_new), so that
    /// that of the new rows serves for both; rows of one item count as equal, which errs on the side of no drift.
    pub fn fits(&self, new: &NewRows<'_>) -> Fits {
        let stored = &self.info.source;
        let rows = [stored.rows, new.before.rows()].map(|n| n as f64);
        let of_fit = stored.groups.map_or(1.0, |groups| rows[0] / groups as f64);
        // of new rows without ids the fit says how many are of one item
        let of_new = new.groups.map_or(of_fit, |_| 1.0).max(new.design);
        let weights = [of_fit / rows[0], of_new / rows[1]];
        let independent = weights.map(|weight| 1.0 / weight);
        let traces = [
            stored.trace * rows[0] / (rows[0] - 1.0),
            new.before.unbiased_trace(),
        ];
        let parts = [0, 1].map(|i| (weights[i] * traces[i], independent[i].floor()));
        let trace = parts[0].0 + parts[1].0;
        let noise = Noise {
            trace,
            floor_square: weights[0] * stored.trace + weights[1] * new.before.trace(),
            freedom: freedom(&parts),
            mean_freedom: mean_freedom(&parts),
            // (tr Σ)²/tr Σ² of the new rows holds for both; absent, it is large
            second: (new.covariance.rows() > 3).then(|| {
                let ratio = new.covariance.participation_ratio();
                let square = ratio.map_or(0.0, |ratio| trace * trace / ratio);
                Second {
                    along: 0.0,
                    along_square: 0.0,
                    square,
                    // the least that tr S³ can be: two moments of the shift are known
                    cube: square * square / trace,
                }
            }),
        };
        let enough = independent[1] >= FEW_ROWS as f64;
        let critical_square = noise
            .critical_at(NORMAL_ONE_SIDED_995, self.dim())
            .filter(|_| enough);
        let critical = critical_square.map(f64::sqrt);
        let mean_shift = distance(new.before.mean(), &self.source_mean);
        // without the gap of its own rows the fit cannot say what another sample leaves beyond it
        let own = self.info.gap.after;
        let after = new.after.zip(own).map(|(after, own)| {
            let left: Vec<f64> = after
                .mean()
                .iter()
                .zip(&self.goal())
                .map(|(a, b)| a - b)
                .collect();
            let shift = (dot(&left, &left).sqrt() - own).max(0.0);
            (
                shift,
                critical.map(|c| c * (after.trace() / new.before.trace()).sqrt()),
            )
        });
        let exceeds = |shift: f64, critical: Option<f64>| critical.is_some_and(|critical| shift > critical);
        let verdict = if critical.is_none() {
            Verdict::TooFewRows
        } else if exceeds(mean_shift, critical) || after.is_some_and(|(shift, c)| exceeds(shift, c)) {
            Verdict::Drifted
        } else {
            Verdict::Fits
        };
        Fits {
            mean_shift,
            floor: noise.floor_square.sqrt(),
            unbiased_squared: mean_shift * mean_shift - trace,
            critical,
            shift_after: after.map(|(shift, _)| shift),
            critical_after: after.and_then(|(_, critical)| critical),
            trace: new.before.trace(),
            stored_trace: stored.trace,
            verdict,
        }
    }
}
