//! Fitting a strategy from moments, with as many passes over the source as it needs.

use modality_gap_kernels::dot;

use crate::aligner::{Aligner, AlignerInfo, GapOfFit, Side};
use crate::aligner_file::format_version;
use crate::bad_row::Policy;
use crate::fit_options::{
    Centroid, Compat, DEFAULT_CENTROID_ITERATIONS, DEFAULT_TOLERANCE_ITERATIONS, EPSILON, FitError,
    FitOptions, Method, Step,
};
use crate::fixed_point::Anderson;
use crate::frame::Frame;
use crate::map::Map;
use crate::moments::{Moments, distance};
use crate::passes::Passes;
use crate::row_map::RowMap;
use crate::stage_file::infos_of;
use crate::staged_map::{Stage, StagedMap};
use crate::strategies::StagedFit;

/// ‖μx − E π(…)‖ at which `solve` stops when no tolerance is given.
const SOLVE_TOLERANCE: f64 = 1e-14;
/// Passes `solve` may take when no bound is given; it needs about ten.
const SOLVE_ITERATIONS: u32 = 100;

/// Fits `options` from the moments of both sides (unit rows); `frame` overrides the one a strategy would make.
pub fn fit<P: Passes>(
    target: &Moments,
    source: &Moments,
    options: &FitOptions,
    frame: Option<&Frame>,
    passes: &mut P,
) -> Result<Aligner, FitError<P::Error>> {
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
    let still = !options.takes(Step::Anchor) && !options.method.traits().own_center && scale == 1.0;
    let about = |center: &[f64]| -> RowMap {
        let shift = (!still).then(|| center.iter().zip(&mu_y).map(|(c, y)| c - scale * y).collect());
        RowMap::new(mu_x.len(), Policy::Unit, scale, shift, renormalize, Vec::new())
    };
    let mut staged = StagedFit {
        options,
        target,
        source,
        frame,
        passes,
    };
    let map: Map = if options.method.traits().staged {
        staged.map()?.into()
    } else if !options.takes(Step::Centroid) {
        about(&center).into()
    } else if !renormalize {
        let shift: Vec<f64> = center.iter().zip(&mu_y).map(|(c, y)| c - scale * y).collect();
        let stages = vec![Stage::Scale(scale), Stage::Add(shift), Stage::Sphere];
        staged.recentred(&StagedMap::new(mu_x.len(), stages))?.into()
    } else if options.centroid == Centroid::Solve {
        solve(options, &mu_x, center, about, staged.passes)?.into()
    } else {
        iterate(options, &mu_x, about(&center), staged.passes)?.into()
    };
    let target_map = options.moves_target().then(|| centred(&mu_x, renormalize));
    let side = |name: String, moments: &Moments| Side {
        name,
        rows: moments.rows(),
        groups: None,
        trace: moments.trace(),
    };
    let before = distance(target.mean(), source.mean());
    let floor = (target.noise_of_mean() + source.noise_of_mean()).sqrt();
    let info = AlignerInfo {
        version: format_version(&map),
        package: env!("CARGO_PKG_VERSION").to_owned(),
        options: options.clone(),
        dim: mu_x.len(),
        source: side(source_name, source),
        target: side(target_name, target),
        scale,
        renormalize,
        iterations: map.offsets().len(),
        stages: match &map {
            Map::Row(_) => Vec::new(),
            Map::Staged(map) => infos_of(map),
        },
        gap: GapOfFit {
            before,
            after: None,
            floor,
            held: None,
        },
        moves_target: target_map.is_some(),
        pairs: None,
    };
    Ok(Aligner::new(
        info,
        map,
        target_map,
        source.mean().to_vec(),
        target.mean().to_vec(),
    ))
}

/// e − μ.
fn centred(mean: &[f64], renormalize: bool) -> Map {
    let shift = mean.iter().map(|x| -x).collect();
    RowMap::new(
        mean.len(),
        Policy::Unit,
        1.0,
        Some(shift),
        renormalize,
        Vec::new(),
    )
    .into()
}

fn iterate<P: Passes>(
    options: &FitOptions,
    mu_x: &[f64],
    mut map: RowMap,
    passes: &mut P,
) -> Result<RowMap, FitError<P::Error>> {
    let bound = options
        .centroid_iterations
        .unwrap_or(if options.tolerance.is_some() {
            DEFAULT_TOLERANCE_ITERATIONS
        } else {
            DEFAULT_CENTROID_ITERATIONS
        });
    for k in 0..bound {
        let moments = passes
            .moments(&map.clone().into(), &format!("centroid {}", k + 1))
            .map_err(FitError::Pass)?;
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

fn solve<P: Passes>(
    options: &FitOptions,
    mu_x: &[f64],
    mut center: Vec<f64>,
    about: impl Fn(&[f64]) -> RowMap,
    passes: &mut P,
) -> Result<RowMap, FitError<P::Error>> {
    let tolerance = options.tolerance.unwrap_or(SOLVE_TOLERANCE);
    let limit = options.centroid_iterations.unwrap_or(SOLVE_ITERATIONS);
    let mut anderson = Anderson::default();
    let mut gap = f64::INFINITY;
    for k in 0..limit {
        let map = about(&center);
        let moments = passes
            .moments(&map.clone().into(), &format!("solve {}", k + 1))
            .map_err(FitError::Pass)?;
        let residual: Vec<f64> = mu_x.iter().zip(moments.mean()).map(|(x, m)| x - m).collect();
        gap = dot(&residual, &residual).sqrt();
        if gap <= tolerance {
            return Ok(map);
        }
        center = anderson.next(&center, &residual);
    }
    Err(FitError::NotConverged { gap, passes: limit })
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
