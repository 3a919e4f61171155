//! What a gap is made of: the parts of a measurement that follow from covariances.

use std::path::PathBuf;

use modality_gap_geometry::{
    Condition, Covariance, DEFAULT_ALPHA_RANKS, DEFAULT_ENERGY, DEFAULT_RIDGE, Eigen, EigenError, Frame,
    FrameSize, Moments, Spectrum, covariance_shape, decompose, random_angle, residual, storage_floor,
    unbiased_resultant, vmf_concentration,
};
use modality_gap_kernels::Dtype;
use serde_json::{Map, Value, json};

use crate::TaskError;
use crate::receipt::write_result;

/// Frame and ranks of an explanation; absent options take the documented default.
#[derive(Debug, Clone, Default)]
pub struct ExplainOptions {
    /// Share of the energy that U holds.
    pub energy: Option<f64>,
    /// Dimension of U, instead of a share.
    pub rank: Option<usize>,
    /// Ranks the power law is fitted to, at most.
    pub alpha_ranks: Option<usize>,
    /// λ of the coupling.
    pub lambda: Option<f64>,
    /// A frame made earlier, instead of one of these rows.
    pub frame: Option<Frame>,
    /// Where to keep the frame.
    pub save_frame: Option<PathBuf>,
}

impl ExplainOptions {
    /// The frame to take the gap apart in, and what is known of it.
    fn frame(&self, x: &Covariance, z: &Covariance) -> Result<(Frame, Value), TaskError> {
        let size = self.size()?;
        let Some(frame) = &self.frame else {
            let frame = Frame::of(x, z, size).map_err(failed)?;
            let json = json!({ "energy": frame.energy(), "rank": frame.rank() });
            return Ok((frame, json));
        };
        if self.energy.is_some() || self.rank.is_some() {
            return Err(TaskError::BadOption(
                "a frame that is given has its size; leave energy and rank out".to_owned(),
            ));
        }
        if frame.dim() != x.dim() {
            return Err(TaskError::WidthMismatch {
                what: "rows".to_owned(),
                found: x.dim(),
                against: "the frame".to_owned(),
                expected: frame.dim(),
            });
        }
        let own = Frame::of(x, z, FrameSize::Rank(frame.rank())).map_err(failed)?;
        let angles = frame.principal_angles(&own).map_err(failed)?;
        let sines = angles.iter().map(|angle| angle.sin());
        let largest = angles.iter().copied().fold(0.0, f64::max);
        let mean_square = sines.map(|sine| sine * sine).sum::<f64>() / angles.len().max(1) as f64;
        let json = json!({
            "energy": frame.energy(),
            "rank": frame.rank(),
            "given": true,
            "angles": { "largest": largest.to_degrees(), "sine": largest.sin(), "rms": mean_square.sqrt() },
        });
        Ok((frame.clone(), json))
    }

    fn size(&self) -> Result<FrameSize, TaskError> {
        match (self.energy, self.rank) {
            (Some(_), Some(_)) => Err(TaskError::BadOption(
                "energy and rank both size the frame; give one".to_owned(),
            )),
            (None, Some(0)) => Err(TaskError::BadOption("rank must be at least 1".to_owned())),
            (None, Some(rank)) => Ok(FrameSize::Rank(rank)),
            (energy, None) => match energy.unwrap_or(DEFAULT_ENERGY) {
                share if share > 0.0 && share <= 1.0 => Ok(FrameSize::Energy(share)),
                share => Err(TaskError::BadOption(format!(
                    "energy must be above 0 and at most 1, not {share}"
                ))),
            },
        }
    }
}

/// One modality as an explanation sees it.
pub(crate) struct Side<'a> {
    pub name: &'a str,
    pub moments: &'a Moments,
    pub covariance: &'a Covariance,
    /// Rows of each storage type.
    pub stored: Vec<(Dtype, u64)>,
}

impl Side<'_> {
    /// Variance that rounding of the stored rows adds to each direction, u²·E[e_j²]/3: the mean over files of several types.
    fn storage_floor(&self) -> f64 {
        let mean: f64 = self.moments.mean().iter().map(|m| m * m).sum();
        let floor = |dtype| storage_floor(dtype, mean + self.moments.trace(), self.moments.dim());
        let rows: u64 = self.stored.iter().map(|(_, rows)| rows).sum();
        let weighted = self
            .stored
            .iter()
            .map(|&(dtype, rows)| floor(dtype) * rows as f64);
        weighted.sum::<f64>() / rows.max(1) as f64
    }
}

/// What pairs add.
pub(crate) struct PairSide<'a> {
    pub differences: &'a Covariance,
    /// Their mean over all pairs; the covariance may be of a sample.
    pub mean: &'a [f64],
}

/// The frame, and everything that is known without another pass; keys as in the JSON results.
pub(crate) fn explain(
    sides: &[Side<'_>; 2],
    pairs: Option<&PairSide<'_>>,
    options: &ExplainOptions,
) -> Result<(Frame, Map<String, Value>), TaskError> {
    let [x, z] = sides;
    let (frame, about_frame) = options.frame(x.covariance, z.covariance)?;
    if let Some(path) = &options.save_frame {
        write_result(path, &frame.to_bytes(), true)?;
    }
    let mut result = Map::from_iter([("frame".to_owned(), about_frame)]);
    let ranks = options.alpha_ranks.unwrap_or(DEFAULT_ALPHA_RANKS);
    let mut eigens = Vec::new();
    let mut spectra = Map::new();
    for side in sides {
        let eigen = Eigen::of(side.covariance.matrix().as_ref()).map_err(failed)?;
        let spectrum = Spectrum::of(&eigen.values, ranks, side.storage_floor());
        let mut json = spectrum_json(&spectrum, side.covariance);
        json["eigenvalues"] = json!(eigen.values);
        spectra.insert(side.name.to_owned(), json);
        eigens.push((eigen, spectrum.rank));
    }
    result.insert("spectrum".to_owned(), Value::Object(spectra));
    let shape = covariance_shape(
        (x.covariance, &eigens[0].0, eigens[0].1),
        (z.covariance, &eigens[1].0, eigens[1].1),
    )
    .map_err(failed)?;
    let (q, o): (Vec<_>, Vec<_>) = shape.overlap.iter().copied().unzip();
    result.insert(
        "covariance".to_owned(),
        json!({
            "shape": shape.shape,
            "logSpectraCorrelation": shape.log_spectra_correlation,
            "frechet": shape.frechet,
            "overlap": { "q": q, "o": o, "chance": q.iter().map(|&q| q as f64 / x.covariance.dim() as f64).collect::<Vec<_>>() },
        }),
    );
    let Some(pairs) = pairs else {
        let (gap, pmb, cob) = split_of_means(x.moments, z.moments, &frame);
        result.insert(
            "decomposition".to_owned(),
            json!({ "gap": gap, "pmb": pmb, "cob": cob, "chance": chance_of(&frame) }),
        );
        return Ok((frame, result));
    };
    let floor = x.storage_floor() + z.storage_floor();
    let parts = decompose(
        pairs.differences,
        pairs.mean,
        &frame,
        options.lambda.unwrap_or(DEFAULT_RIDGE),
        floor,
    )
    .map_err(failed)?;
    let (kappa_u, kappa_v): (Condition, Condition) = (parts.condition_u, parts.condition_v);
    result.insert(
        "decomposition".to_owned(),
        json!({
            "gap": parts.gap,
            "pmb": parts.pmb,
            "cob": parts.cob,
            "traceU": parts.trace_u,
            "traceV": parts.trace_v,
            "kappaU": kappa_u.kappa,
            "kappaV": kappa_v.kappa,
            "kappaEffU": kappa_u.effective,
            "kappaEffV": kappa_v.effective,
            "belowFloor": { "u": kappa_u.below_floor, "v": kappa_v.below_floor },
            "angleCobV1": parts.angle_cob_v1,
            "coupling": { "norm": parts.coupling.norm, "r2": parts.coupling.r2, "lambda": parts.coupling.lambda },
            "chance": chance_of(&frame),
        }),
    );
    let residual = residual(pairs.differences, pairs.mean, &frame).map_err(failed)?;
    let (k, share): (Vec<_>, Vec<_>) = residual.energy.iter().copied().unzip();
    result.insert(
        "residual".to_owned(),
        json!({
            "trace": residual.trace,
            "anisotropy": residual.anisotropy,
            "ratio": residual.ratio,
            "coverage": residual.coverage,
            "effectiveDimension": pairs.differences.participation_ratio(),
            "effectiveDimensionBiased": residual.effective_dimension,
            "energy": { "k": k, "share": share },
        }),
    );
    Ok((frame, result))
}

/// What a random direction gives: the share of its square in V, and its angle with the leading residual there.
fn chance_of(frame: &Frame) -> Value {
    let (dim, rest) = (frame.dim(), frame.dim() - frame.rank());
    let angle = |p: f64| random_angle(rest, p);
    json!({
        "cobShare": rest as f64 / dim as f64,
        "angleCobV1": { "p05": angle(0.05), "p50": angle(0.5), "p95": angle(0.95) },
    })
}

#[allow(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn failed(error: EigenError) -> TaskError {
    TaskError::Numeric(error.to_string())
}

/// Concentration of `n` directions whose mean in V has length `mean_length`.
pub(crate) fn concentration(mean_length: f64, n: u64, frame: &Frame) -> f64 {
    vmf_concentration(unbiased_resultant(mean_length, n), frame.dim() - frame.rank())
}

fn spectrum_json(spectrum: &Spectrum, covariance: &Covariance) -> Value {
    json!({
        "alpha": spectrum.alpha,
        "alphaRange": [1, spectrum.alpha_ranks],
        "effectiveRank": spectrum.effective_rank,
        "participationRatio": covariance.participation_ratio(),
        "participationRatioBiased": spectrum.participation_ratio,
        "rank": spectrum.rank,
        "kappa": spectrum.condition.kappa,
        "kappaEff": spectrum.condition.effective,
        "belowFloor": spectrum.condition.below_floor,
    })
}

/// ‖m‖, ‖P_U m‖, ‖P_V m‖: what of the decomposition needs no pairs.
fn split_of_means(x: &Moments, z: &Moments, frame: &Frame) -> (f64, f64, f64) {
    let difference: Vec<f64> = x.mean().iter().zip(z.mean()).map(|(a, b)| a - b).collect();
    let project = |columns: usize, entry: &dyn Fn(usize, usize) -> f64| -> f64 {
        (0..columns)
            .map(|k| {
                difference
                    .iter()
                    .enumerate()
                    .map(|(i, v)| v * entry(i, k))
                    .sum::<f64>()
                    .powi(2)
            })
            .sum::<f64>()
            .sqrt()
    };
    let (u, v) = (frame.u(), frame.v());
    let gap = difference.iter().map(|v| v * v).sum::<f64>().sqrt();
    (
        gap,
        project(u.ncols(), &|i, k| u[(i, k)]),
        project(v.ncols(), &|i, k| v[(i, k)]),
    )
}
