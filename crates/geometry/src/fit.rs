//! Fitting a strategy from moments, with as many passes over the source as it needs.

use modality_gap_kernels::dot;
use serde::{Deserialize, Serialize};

use crate::aligner::{Aligner, AlignerInfo, GapOfFit, Side};
use crate::fixed_point::Anderson;
use crate::moments::{Moments, Policy};
use crate::row_map::RowMap;

/// ε in s = sqrt(Tx/(Ty+ε)), as in the authors' code.
pub const EPSILON: f64 = 1e-10;
/// Centroid passes when nothing is said, as published.
pub const DEFAULT_CENTROID_ITERATIONS: u32 = 1;
/// Bound on centroid passes when only a tolerance is given.
pub const DEFAULT_TOLERANCE_ITERATIONS: u32 = 1000;
/// ‖μx − E π(…)‖ at which `solve` stops when no tolerance is given.
const SOLVE_TOLERANCE: f64 = 1e-14;
/// Passes `solve` may take when no bound is given; it needs about ten.
const SOLVE_ITERATIONS: u32 = 100;

/// How the source rows are moved onto the target's distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Anchor, trace and centroid alignment (arXiv 2602.07026, section 4).
    #[default]
    Realign,
    /// Anchor alone, on the sphere.
    MeanShift,
    /// Each side minus its own mean (Unicorn's code); both sides move, off the sphere.
    Centering,
    /// Unit rows as they are.
    None,
}

/// A step of ReAlign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Mean onto the target's mean.
    Anchor,
    /// Scatter scaled to the target's trace.
    Trace,
    /// Mean put right again after the sphere.
    Centroid,
}

/// How the centroid step is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Centroid {
    /// One offset after another, each followed by the sphere.
    #[default]
    Iterate,
    /// The one shift whose projected rows have the target's mean.
    Solve,
}

/// Whose arithmetic to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    /// The authors' script: means rounded to f32, traces about the rounded means.
    Official,
}

/// What to fit. Absent options take the documented default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct FitOptions {
    /// The strategy.
    pub method: Method,
    /// Steps of ReAlign to take; all three by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// How the centroid step is solved.
    pub centroid: Centroid,
    /// Centroid passes, [`DEFAULT_CENTROID_ITERATIONS`] by default; with a tolerance their bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub centroid_iterations: Option<u32>,
    /// Stop as soon as the in-sample gap is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Whose arithmetic to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compat: Option<Compat>,
    /// Whether rows end on the sphere; only centering leaves it by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renormalize: Option<bool>,
    /// What the target rows are; `image` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// What the source rows are; `text` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_name: Option<String>,
    /// Which encoder made the rows, kept in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
}

/// Why nothing was fitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError<E> {
    /// An option or a combination that means nothing.
    #[error("{0}")]
    BadOption(String),
    /// The two sides differ in width.
    #[error("target rows have {target} columns, source rows {source_dim}")]
    WidthMismatch {
        /// Columns of the target.
        target: usize,
        /// Columns of the source.
        source_dim: usize,
    },
    /// A side without a spread to estimate.
    #[error("{name} has {rows} usable rows; a fit needs at least 2")]
    TooFewRows {
        /// The side.
        name: String,
        /// Its rows.
        rows: u64,
    },
    /// The centroid step did not settle.
    #[error(
        "the centroid step was still {gap:.3e} from the target after {passes} passes; it may have no solution"
    )]
    NotConverged {
        /// Distance left.
        gap: f64,
        /// Passes taken.
        passes: u32,
    },
    /// A pass over the source failed.
    #[error(transparent)]
    Pass(E),
}

impl FitOptions {
    /// Refuses options and combinations that mean nothing; a fit does so itself, a job before it reads any row.
    pub fn check<E>(&self) -> Result<(), FitError<E>> {
        let bad = |text: &str| Err(FitError::BadOption(text.to_owned()));
        if self.method != Method::Realign
            && (self.steps.is_some() || self.centroid == Centroid::Solve || self.tolerance.is_some())
        {
            return bad("steps, centroid and tolerance belong to the method realign");
        }
        if self.centroid_iterations == Some(0) {
            return bad("centroidIterations must be at least 1; leave the step out of `steps` to skip it");
        }
        if self.tolerance.is_some_and(|t| !(t > 0.0 && t.is_finite())) {
            return bad("tolerance must be a positive number");
        }
        if self.renormalize == Some(false) && self.takes(Step::Centroid) {
            return bad(
                "the centroid step ends on the sphere; leave it out of `steps` to set renormalize: false",
            );
        }
        if self.compat.is_some() && self.centroid == Centroid::Solve {
            return bad("compat 'official' has no centroid 'solve'");
        }
        Ok(())
    }

    /// Whether the fit takes that step of ReAlign.
    pub fn takes(&self, step: Step) -> bool {
        match (self.method, &self.steps) {
            (Method::Realign, None) => true,
            (Method::Realign, Some(steps)) => steps.contains(&step),
            (Method::MeanShift, _) => step == Step::Anchor,
            _ => false,
        }
    }
}

/// Fits `options` from the moments of both sides (unit rows). `pass` gives the moments of the source after a map,
/// in one pass; its second argument names the stage for progress.
pub fn fit<E>(
    target: &Moments,
    source: &Moments,
    options: &FitOptions,
    mut pass: impl FnMut(&RowMap, &str) -> Result<Moments, E>,
) -> Result<Aligner, FitError<E>> {
    options.check()?;
    if target.dim() != source.dim() {
        return Err(FitError::WidthMismatch {
            target: target.dim(),
            source_dim: source.dim(),
        });
    }
    let (target_name, source_name) = (
        options.target_name.clone().unwrap_or_else(|| "image".to_owned()),
        options.source_name.clone().unwrap_or_else(|| "text".to_owned()),
    );
    for (name, side) in [(&target_name, target), (&source_name, source)] {
        if side.rows() < 2 {
            return Err(FitError::TooFewRows {
                name: name.clone(),
                rows: side.rows(),
            });
        }
    }
    let official = options.compat == Some(Compat::Official);
    let (mu_x, trace_x) = location(target, official);
    let (mu_y, trace_y) = location(source, official);
    let renormalize = options.renormalize.unwrap_or(options.method != Method::Centering);
    let scale = if options.takes(Step::Trace) {
        (trace_x / (trace_y + EPSILON)).sqrt()
    } else {
        1.0
    };
    let center = match options.method {
        Method::Centering => vec![0.0; mu_x.len()],
        _ if options.takes(Step::Anchor) => mu_x.clone(),
        _ => mu_y.clone(),
    };
    let untouched = options.method == Method::None || (!options.takes(Step::Anchor) && scale == 1.0);
    let about = |center: &[f64]| -> RowMap {
        let still = untouched && options.method != Method::Centering;
        let shift = (!still).then(|| center.iter().zip(&mu_y).map(|(c, y)| c - scale * y).collect());
        RowMap::new(mu_x.len(), Policy::Unit, scale, shift, renormalize, Vec::new())
    };
    let map = if !options.takes(Step::Centroid) {
        about(&center)
    } else if options.centroid == Centroid::Solve {
        solve(options, &mu_x, center, about, &mut pass)?
    } else {
        iterate(options, &mu_x, about(&center), &mut pass)?
    };
    let target_map = (options.method == Method::Centering).then(|| {
        let shift = mu_x.iter().map(|x| -x).collect();
        RowMap::new(
            mu_x.len(),
            Policy::Unit,
            1.0,
            Some(shift),
            renormalize,
            Vec::new(),
        )
    });
    let side = |name: String, moments: &Moments| Side {
        name,
        rows: moments.rows(),
        trace: moments.trace(),
    };
    let before = distance(target.mean(), source.mean());
    let floor = (target.trace() / target.rows() as f64 + source.trace() / source.rows() as f64).sqrt();
    let info = AlignerInfo {
        version: crate::FORMAT_VERSION,
        package: env!("CARGO_PKG_VERSION").to_owned(),
        options: options.clone(),
        dim: mu_x.len(),
        source: side(source_name, source),
        target: side(target_name, target),
        scale,
        renormalize,
        iterations: map.offsets().len(),
        gap: GapOfFit {
            before,
            after: None,
            floor,
            held: None,
        },
        moves_target: target_map.is_some(),
    };
    Ok(Aligner::new(
        info,
        map,
        target_map,
        source.mean().to_vec(),
        target.mean().to_vec(),
    ))
}

fn iterate<E>(
    options: &FitOptions,
    mu_x: &[f64],
    mut map: RowMap,
    pass: &mut impl FnMut(&RowMap, &str) -> Result<Moments, E>,
) -> Result<RowMap, FitError<E>> {
    let bound = options
        .centroid_iterations
        .unwrap_or(if options.tolerance.is_some() {
            DEFAULT_TOLERANCE_ITERATIONS
        } else {
            DEFAULT_CENTROID_ITERATIONS
        });
    for k in 0..bound {
        let moments = pass(&map, &format!("centroid {}", k + 1)).map_err(FitError::Pass)?;
        let offset: Vec<f64> = mu_x.iter().zip(moments.mean()).map(|(x, m)| x - m).collect();
        if options
            .tolerance
            .is_some_and(|tolerance| dot(&offset, &offset).sqrt() <= tolerance)
        {
            break;
        }
        map = map.with_offset(offset);
    }
    Ok(map)
}

fn solve<E>(
    options: &FitOptions,
    mu_x: &[f64],
    mut center: Vec<f64>,
    about: impl Fn(&[f64]) -> RowMap,
    pass: &mut impl FnMut(&RowMap, &str) -> Result<Moments, E>,
) -> Result<RowMap, FitError<E>> {
    let tolerance = options.tolerance.unwrap_or(SOLVE_TOLERANCE);
    let passes = options.centroid_iterations.unwrap_or(SOLVE_ITERATIONS);
    let mut anderson = Anderson::default();
    let mut gap = f64::INFINITY;
    for k in 0..passes {
        let map = about(&center);
        let moments = pass(&map, &format!("solve {}", k + 1)).map_err(FitError::Pass)?;
        let residual: Vec<f64> = mu_x.iter().zip(moments.mean()).map(|(x, m)| x - m).collect();
        gap = dot(&residual, &residual).sqrt();
        if gap <= tolerance {
            return Ok(map);
        }
        center = anderson.next(&center, &residual);
    }
    Err(FitError::NotConverged { gap, passes })
}

/// Mean and trace of a side, rounded as the authors' script does when asked.
fn location(side: &Moments, official: bool) -> (Vec<f64>, f64) {
    if !official {
        return (side.mean().to_vec(), side.trace());
    }
    let rounded: Vec<f64> = side.mean().iter().map(|&m| f64::from(m as f32)).collect();
    let trace = side.trace() + distance(side.mean(), &rounded).powi(2);
    (rounded, trace)
}

/// ‖a−b‖₂.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    dot(&difference, &difference).sqrt()
}
