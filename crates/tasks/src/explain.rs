//! What a gap is made of: the parts of a measurement that follow from covariances.

use std::path::PathBuf;

use modality_gap_geometry::{
    Condition, Covariance, DEFAULT_ENERGY, DEFAULT_RIDGE, Frame, FrameSize, Halves, InHalves, Moments,
    PairProducts, Shares, Turned, conditions, decompose, frames_of, isotropic_kappa, random_angle, residual,
    shares, split_of_means, storage_floor, unbiased_resultant, unbiased_shape, vmf_concentration,
};
use rayon::prelude::*;

use crate::TaskError;
use crate::causes::{
    AngleQuantiles, BelowFloor, Causes, Chance, CouplingReport, Decomposition, FrameAngles, FrameReport,
    LeadingShares, ResidualReport,
};
use crate::from_halves::{FromHalves, KAPPA_ROWS, Known};
use crate::spectra::{Side, compared, compared_halves, failed, spectra, spectra_of_halves, spectrum_report};

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
    /// Whether that may replace an older file.
    pub overwrite: bool,
}

impl ExplainOptions {
    /// The frame to take the gap apart in, and what is known of it.
    fn frame(&self, x: &Covariance, z: &Covariance) -> Result<(Frame, FrameReport), TaskError> {
        let size = self.size()?;
        let Some(frame) = &self.frame else {
            let frame = Frame::of(x, z, size).map_err(failed)?;
            let report = FrameReport {
                energy: frame.energy(),
                rank: frame.rank(),
                given: None,
                angles: None,
            };
            return Ok((frame, report));
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
        let report = FrameReport {
            energy: frame.energy(),
            rank: frame.rank(),
            given: Some(true),
            angles: Some(FrameAngles {
                largest: largest.to_degrees(),
                sine: largest.sin(),
                rms: mean_square.sqrt(),
            }),
        };
        Ok((frame.clone(), report))
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

/// What pairs add.
pub(crate) struct PairSide<'a> {
    pub differences: &'a Covariance,
    /// The same in halves of independent groups.
    pub halves: &'a Halves,
    /// Of pairs that are independent of each other.
    pub products: PairProducts,
    /// Their mean over all pairs; the covariance may be of a sample.
    pub mean: &'a [f64],
}

/// What an explanation gives.
pub(crate) struct Explained {
    /// The frame everything is taken apart in.
    pub frame: Frame,
    /// Frames that one half of the rows has made for the other and that half of it has made, or one that was given; empty below
    /// [`ROWS_PER_COLUMN`].
    pub others: Vec<Vec<Frame>>,
    /// How much of the gap's direction a frame of half of the rows turns over to first order.
    turn: f64,
    /// Rows that are independent of each other, of the smaller side.
    pub independent: u64,
    /// As in the results.
    pub causes: Causes,
}

impl Explained {
    /// The frames in which the two halves are judged, or the one in which all rows are; empty where there is none.
    pub fn judging(&self) -> Vec<Vec<&Frame>> {
        judging(&self.others)
    }

    /// What `values`, one in each set of frames, say of the frame of the population, known where they differ by at most `most`;
    /// otherwise the rows that would do are noted.
    pub fn settle(&mut self, values: &[InHalves], most: f64) -> Option<f64> {
        let &[half, quarter] = values else {
            let value = values.first().map(|value| value.both);
            return value.filter(|value| value.is_finite());
        };
        match Turned::of([half, quarter], most) {
            Turned::Known(value) => Some(value).filter(|value| value.is_finite()),
            Turned::Needs(times) => {
                // not a number where the number itself is none
                if times.is_finite() {
                    #[allow(clippy::cast_sign_loss, reason = "more than one")]
                    self.needs((times * self.independent as f64).ceil() as u64);
                }
                None
            }
        }
    }

    /// As [`Self::settle`], of what the direction of the gap decides: null also where the eigenvalues of the frame at its end are too near
    /// each other for these rows, for then frames of halves and of quarters agree by chance only.
    pub fn settle_direction(&mut self, values: &[InHalves], most: f64) -> Option<f64> {
        if values.len() > 1 && self.turn > TURN {
            let times = self.turn / TURN;
            if times.is_finite() {
                #[allow(clippy::cast_sign_loss, reason = "more than one")]
                self.needs((times * self.independent as f64).ceil() as u64);
            }
            return None;
        }
        self.settle(values, most)
    }

    /// Notes that so many rows would do for what is null.
    pub fn needs(&mut self, rows: u64) {
        self.causes.decomposition.needs_rows(rows);
    }
}

/// First-order error of the turn of a frame, as a share of a number, up to which its extrapolation is trusted.
pub(crate) const TURN: f64 = 0.03;
/// The same of coverage, whose second order is larger: at .03 it is off by 2 to 3 %.
const COVERAGE_TURN: f64 = 0.02;
/// Independent pairs for each column from which coverage is known: of fewer, a small change is small by chance.
const COVERAGE_ROWS_PER_COLUMN: u64 = 20;

/// Independent rows for each column from which halves make frames for each other: below, a frame turns with its sample.
const ROWS_PER_COLUMN: u64 = 10;

/// The frame, and everything that is known without another pass. `real` says whether the gap exceeds its noise: of noise alone
/// no share is given.
///
/// Decompositions that do not depend on each other run side by side; the number of threads changes none of them.
pub(crate) fn explain(
    sides: &[Side<'_>; 2],
    pairs: Option<&PairSide<'_>>,
    real: bool,
    options: &ExplainOptions,
) -> Result<Explained, TaskError> {
    let [x, z] = sides;
    let independent = x.independent.min(z.independent);
    let needed = ROWS_PER_COLUMN * x.covariance.dim() as u64;
    let ((framed, others), (spectra, halves)) = rayon::join(
        || {
            rayon::join(
                || options.frame(x.covariance, z.covariance),
                || other_frames(sides, independent >= needed, options),
            )
        },
        || {
            let halves = |side| spectra_of_halves(side, options.alpha_ranks);
            let of_halves = || rayon::join(|| halves(x), || halves(z));
            rayon::join(|| spectra(sides, options.alpha_ranks), of_halves)
        },
    );
    let (frame, about_frame) = framed?;
    let difference: Vec<f64> = match pairs {
        Some(pairs) => pairs.mean.to_vec(),
        None => difference_of_means(x.moments, z.moments),
    };
    let others = others?;
    let spectra = spectra?;
    let halves = [halves.0?, halves.1?];
    let ((shape, shape_of_halves), (of_pairs, judged)) = rayon::join(
        || {
            rayon::join(
                || compared(sides, &spectra, &halves),
                || compared_halves(x, halves[0].as_ref()),
            )
        },
        || {
            rayon::join(
                || pairs.map(|pairs| parts_of_pairs(sides, pairs, &frame, others.first(), options)),
                || judged(&others, sides, pairs),
            )
        },
    );
    let (decomposition, residual) = match of_pairs {
        Some(parts) => {
            let (decomposition, residual) = parts?;
            (decomposition, Some(residual))
        }
        None => (parts_of_means(&difference, &frame), None),
    };
    let below = decomposition.below_floor;
    let of_spectra = [0, 1].map(|k: usize| spectrum_report(&sides[k], &spectra[k], halves[k].as_ref()));
    let slopes = of_spectra.iter().all(|of| of.alpha.is_some());
    let products = pairs.map(|pairs| &pairs.products);
    let unbiased = unbiased_shape(x.independent_rows(), z.independent_rows(), products);
    let mut explained = Explained {
        turn: frame.turn(&difference, independent as f64 / 2.0),
        others,
        independent,
        causes: Causes {
            frame: about_frame,
            decomposition: Decomposition {
                chance: Some(chance_of(&frame, below.map(|below| (independent, below)))),
                ..decomposition
            },
            spectrum: of_spectra.into(),
            covariance: shape?.beside(unbiased, shape_of_halves?, slopes),
            residual: None,
        },
        frame,
    };
    if judged.is_empty() {
        explained.needs(needed);
    }
    let cob: Vec<InHalves> = judged.iter().filter(|_| real).map(|judged| judged.cob).collect();
    explained.causes.decomposition.cob_share = explained
        .settle_direction(&cob, TURN)
        .map(|share| share.clamp(0.0, 1.0));
    if let Some(mut residual) = residual {
        // a frame that was given is of other rows for all of these
        let covered: Vec<InHalves> = judged.iter().filter_map(|judged| judged.coverage).collect();
        residual.coverage = if options.frame.is_some() {
            Some(residual.coverage_biased)
        } else {
            let most = COVERAGE_TURN * covered.first().map_or(0.0, |covered| covered.both);
            let rows = COVERAGE_ROWS_PER_COLUMN * x.covariance.dim() as u64;
            let share = explained.settle(&covered, most);
            if independent < rows {
                explained.needs(rows);
            }
            share
                .filter(|_| independent >= rows)
                .map(|share| share.clamp(0.0, 1.0))
        };
        explained.causes.residual = Some(residual);
    }
    Ok(explained)
}

/// Frames of the halves and of halves of them, or the one that was given; none where there are not `enough` rows.
fn other_frames(
    [x, z]: &[Side<'_>; 2],
    enough: bool,
    options: &ExplainOptions,
) -> Result<Vec<Vec<Frame>>, TaskError> {
    if let Some(given) = &options.frame {
        return Ok(vec![vec![given.clone()]]);
    }
    // of rows that are all alike, one part may have none
    let any = [&x.halves, &z.halves].iter().all(|halves| {
        halves
            .early
            .iter()
            .chain(&halves.parts)
            .all(|part| part.rows() > 1)
    });
    if !enough || !any {
        return Ok(Vec::new());
    }
    let size = options.size()?;
    let frames = |x, z| frames_of(x, z, size).map(Vec::from).map_err(failed);
    let (half, quarter) = rayon::join(
        || frames(&x.halves.parts, &z.halves.parts),
        || frames(&x.halves.early, &z.halves.early),
    );
    Ok(vec![half?, quarter?])
}

fn judging(others: &[Vec<Frame>]) -> Vec<Vec<&Frame>> {
    // the frame of one half judges the other
    others
        .iter()
        .map(|frames| frames.iter().rev().collect())
        .collect()
}

/// What the halves say in each set of frames.
fn judged(others: &[Vec<Frame>], [x, z]: &[Side<'_>; 2], pairs: Option<&PairSide<'_>>) -> Vec<Shares> {
    let differences = pairs.map(|pairs| pairs.halves);
    let sets = judging(others);
    let of_set = |frames: &Vec<&Frame>| {
        let ends = [frames[0], frames[frames.len() - 1]];
        shares(ends, x.halves, z.halves, differences)
    };
    sets.par_iter().map(of_set).collect()
}

/// `decomposition` and `residual` of the results.
fn parts_of_pairs(
    sides: &[Side<'_>; 2],
    pairs: &PairSide<'_>,
    frame: &Frame,
    of_halves: Option<&Vec<Frame>>,
    options: &ExplainOptions,
) -> Result<(Decomposition, ResidualReport), TaskError> {
    let (decomposition, residual) = rayon::join(
        || decomposition(sides, pairs, frame, of_halves, options),
        || residual_report(pairs, frame),
    );
    Ok((decomposition?, residual?))
}

/// `decomposition` of the results, of pairs; `of_halves` are the frames that the halves have made, or one that was given.
fn decomposition(
    [x, z]: &[Side<'_>; 2],
    pairs: &PairSide<'_>,
    frame: &Frame,
    of_halves: Option<&Vec<Frame>>,
    options: &ExplainOptions,
) -> Result<Decomposition, TaskError> {
    let both: Vec<f64> = x.storage.iter().zip(z.storage).map(|(a, b)| a + b).collect();
    let independent = x.independent.min(z.independent);
    let parts = decompose(
        pairs.differences,
        pairs.mean,
        frame,
        options.lambda.unwrap_or(DEFAULT_RIDGE),
        storage_floor(&both, independent),
    )
    .map_err(failed)?;
    let (kappa_u, kappa_v): (Condition, Condition) = (parts.condition_u, parts.condition_v);
    let floor = storage_floor(&both, independent / 2);
    let halves = of_halves.map(|frames| {
        let half = |k: usize| {
            let frame = &frames[k.min(frames.len() - 1)];
            conditions(&pairs.halves.parts[k], frame, floor).map_err(failed)
        };
        rayon::join(|| half(0), || half(1))
    });
    let halves = halves.map(|(a, b)| Ok::<_, TaskError>([a?, b?])).transpose()?;
    let mut found = FromHalves::of(independent);
    let mut kappa = |name, whole: f64, side: usize, of: fn(&Condition) -> f64| {
        let each = halves.map(|halves| halves.map(|half| of(&half[side])));
        let directions = [frame.rank(), frame.dim() - frame.rank()][side] as u64;
        let rows = (KAPPA_ROWS * directions).max(ROWS_PER_COLUMN * frame.dim() as u64);
        found.ratio(name, whole, each, Known::single(rows))
    };
    let of_population = [
        kappa("kappaU", kappa_u.kappa, 0, |of| of.kappa),
        kappa("kappaV", kappa_v.kappa, 1, |of| of.kappa),
        kappa("kappaEffU", kappa_u.effective, 0, |of| of.effective),
        kappa("kappaEffV", kappa_v.effective, 1, |of| of.effective),
    ];
    Ok(Decomposition {
        gap: parts.gap,
        pmb: parts.pmb,
        cob: parts.cob,
        trace_u: Some(parts.trace_u),
        trace_v: Some(parts.trace_v),
        kappa_u: Some(of_population[0]),
        kappa_u_biased: Some(kappa_u.kappa),
        kappa_v: Some(of_population[1]),
        kappa_v_biased: Some(kappa_v.kappa),
        kappa_eff_u: Some(of_population[2]),
        kappa_eff_u_biased: Some(kappa_u.effective),
        kappa_eff_v: Some(of_population[3]),
        kappa_eff_v_biased: Some(kappa_v.effective),
        needs: found.into_needs(),
        below_floor: Some(BelowFloor {
            u: kappa_u.below_floor,
            v: kappa_v.below_floor,
        }),
        angle_cob_v1: Some(parts.angle_cob_v1),
        coupling: Some(CouplingReport {
            norm: parts.coupling.norm,
            r2: parts.coupling.r2,
            lambda: parts.coupling.lambda,
            strangers: None,
            r2_adjusted: None,
            pairs_needed: None,
        }),
        ..Decomposition::default()
    })
}

/// `residual` of the results; its coverage in a frame of other rows comes later.
fn residual_report(pairs: &PairSide<'_>, frame: &Frame) -> Result<ResidualReport, TaskError> {
    let residual = residual(pairs.differences, pairs.mean, frame).map_err(failed)?;
    let (k, share): (Vec<usize>, Vec<f64>) = residual.energy.iter().copied().unzip();
    Ok(ResidualReport {
        trace: residual.trace,
        anisotropy: residual.anisotropy,
        ratio: residual.ratio,
        coverage: None,
        coverage_biased: residual.coverage,
        effective_dimension: pairs.halves.participation_ratio(pairs.differences),
        effective_dimension_biased: residual.effective_dimension,
        energy: LeadingShares { k, share },
    })
}

/// What a random direction gives: the share of its square in V, and its angle with the leading residual there; and the condition
/// numbers of as many isotropic pairs, in U and in V without the directions that hold rounding only.
fn chance_of(frame: &Frame, pairs: Option<(u64, BelowFloor)>) -> Chance {
    let kappa = |directions: usize, of: fn(BelowFloor) -> usize| {
        pairs.map(|(pairs, below)| isotropic_kappa(pairs, directions.saturating_sub(of(below))))
    };
    let (dim, rest) = (frame.dim(), frame.dim() - frame.rank());
    let angle = |p: f64| random_angle(rest, p);
    Chance {
        cob_share: rest as f64 / dim as f64,
        angle_cob_v1: AngleQuantiles {
            p05: angle(0.05),
            p50: angle(0.5),
            p95: angle(0.95),
        },
        vmf: None,
        kappa_u: kappa(frame.rank(), |below| below.u),
        kappa_v: kappa(rest, |below| below.v),
    }
}

/// Concentration of directions whose means in V have these lengths, of as many directions each, in one or two frames.
pub(crate) fn concentration(directions: &[(f64, u64)], frames: &[&Frame]) -> InHalves {
    let each: Vec<f64> = directions
        .iter()
        .zip(frames)
        .map(|(&(length, n), frame)| {
            vmf_concentration(unbiased_resultant(length, n), frame.dim() - frame.rank())
        })
        .collect();
    InHalves {
        both: each.iter().sum::<f64>() / each.len() as f64,
        each: [each[0], each[each.len() - 1]],
    }
}

fn difference_of_means(x: &Moments, z: &Moments) -> Vec<f64> {
    x.mean().iter().zip(z.mean()).map(|(a, b)| a - b).collect()
}

/// What of the decomposition needs no pairs.
fn parts_of_means(difference: &[f64], frame: &Frame) -> Decomposition {
    let [gap, pmb, cob] = split_of_means(difference, frame);
    Decomposition {
        gap,
        pmb,
        cob,
        ..Decomposition::default()
    }
}
