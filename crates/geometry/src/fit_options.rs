//! What is fitted: the strategy and its options.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::aligner_header::usable;

/// ε in s = sqrt(Tx/(Ty+ε)), as in the authors' code.
pub const EPSILON: f64 = 1e-10;
/// Centroid passes when nothing is said, as published.
pub const DEFAULT_CENTROID_ITERATIONS: u32 = 1;
/// Bound on centroid passes when only a tolerance is given.
pub const DEFAULT_TOLERANCE_ITERATIONS: u32 = 1000;

/// How the source rows are moved onto the target's distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Anchor, trace and centroid alignment (arXiv 2602.07026, section 4).
    #[default]
    Realign,
    /// Anchor alone, on the sphere.
    MeanShift,
    /// Each side minus its own mean (Unicorn's code); both sides move, off the sphere.
    Centering,
    /// Anchor and Gaussian noise (Zhang et al. 2024).
    C3,
    /// Blockwise covariance alignment in U and V (arXiv 2602.07026, a baseline there).
    Bca,
    /// Orthogonal Procrustes, of paired rows.
    Procrustes,
    /// Gaussian optimal transport.
    Bures,
    /// Closed-form initialisation of AnisoAlign (arXiv 2605.07825).
    AnisoInit,
    /// Unit rows as they are.
    None,
}

/// What other parts ask of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "answers that are independent of each other"
)]
pub struct Traits {
    /// Whether rows of a fit make it: its noise adds to that of new rows, and it knows its own rows.
    pub fitted: bool,
    /// Whether the rows of a pair belong together in the fit.
    pub paired: bool,
    /// Whether it has a centre of its own, not one that its steps decide.
    pub own_center: bool,
    /// Whether it is more than a scale, a shift and offsets.
    pub staged: bool,
    /// Whether it takes roots of covariances, and so a ridge.
    pub roots: bool,
    /// Whether it works in the blocks of a frame.
    pub frame: bool,
}

impl Method {
    /// What it is; a new method answers each.
    pub const fn traits(self) -> Traits {
        let plain = Traits {
            fitted: true,
            paired: false,
            own_center: false,
            staged: false,
            roots: false,
            frame: false,
        };
        let staged = Traits {
            staged: true,
            ..plain
        };
        match self {
            Self::Realign | Self::MeanShift => plain,
            Self::Centering => Traits {
                own_center: true,
                ..plain
            },
            Self::C3 => staged,
            Self::Bca => Traits {
                roots: true,
                frame: true,
                ..staged
            },
            Self::Procrustes => Traits {
                paired: true,
                ..staged
            },
            Self::Bures => Traits {
                roots: true,
                ..staged
            },
            Self::AnisoInit => Traits {
                frame: true,
                ..staged
            },
            Self::None => Traits {
                fitted: false,
                ..plain
            },
        }
    }
}

/// A step of ReAlign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Centroid {
    /// One offset after another, each followed by the sphere.
    #[default]
    Iterate,
    /// The one shift whose projected rows have the target's mean.
    Solve,
}

/// Whose arithmetic to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    /// The authors' script: means rounded to f32, traces about the rounded means.
    Official,
}

/// Method and options of a fit; an option that was not given is absent, and has the documented default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[ts(rename = "FittedOptions", optional_fields)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct FitOptions {
    /// How rows are moved.
    pub method: Method,
    /// Steps of ReAlign to take; all three by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// How the centroid step finds its offset.
    pub centroid: Centroid,
    /// How often the centroid step is applied, once by default; with a tolerance the bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub centroid_iterations: Option<u32>,
    /// Stop as soon as the in-sample gap is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Whose arithmetic to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(inline)]
    pub compat: Option<Compat>,
    /// Whether rows end on the sphere; only centering leaves it by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renormalize: Option<bool>,
    /// σ of each component of C3's noise, `Math.sqrt(0.016)` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// Seed of C3's noise; 0 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_seed: Option<u64>,
    /// ρ added to the diagonal of covariances before their roots are taken, `1e-6` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ridge: Option<f64>,
    /// Whether BCA matches covariances about the means (the default) or second moments, as printed; whether C3 centres both
    /// sides, as its authors' code for captions does, in place of moving texts onto images (the default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub centered: Option<bool>,
    /// Share of the energy that the frame's U holds, for BCA and AnisoAlign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy: Option<f64>,
    /// Dimension of U, instead of a share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
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
    /// A covariance has no usable decomposition.
    #[error(transparent)]
    Numeric(crate::eigen::EigenError),
    /// A pass over the source failed.
    #[error(transparent)]
    Pass(E),
}

impl FitOptions {
    /// Whether the fit is C3 with both sides centred.
    pub(crate) fn centred_c3(&self) -> bool {
        self.method == Method::C3 && self.centered == Some(true)
    }

    /// Whether the target's rows are moved as well.
    pub fn moves_target(&self) -> bool {
        self.method == Method::Centering || self.centred_c3()
    }

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
        if self.renormalize == Some(false) && self.takes(Step::Centroid) && self.iterates() {
            return bad(
                "renormalize: false leaves the sphere after one centroid pass; it goes with no more than one",
            );
        }
        if self.method != Method::C3 && (self.noise.is_some() || self.noise_seed.is_some()) {
            return bad("noise and noiseSeed belong to the method c3");
        }
        if self.noise.is_some_and(|sigma| !(sigma >= 0.0 && usable(sigma))) {
            return bad("noise must be a number of at least 0, and no more than an aligner holds, 1e15");
        }
        let traits = self.method.traits();
        if !traits.roots && self.ridge.is_some() {
            return bad("ridge belongs to the methods bca and bures");
        }
        if self
            .ridge
            .is_some_and(|ridge| !(ridge > 0.0 && ridge.is_finite()))
        {
            return bad("ridge must be a positive number");
        }
        if !matches!(self.method, Method::Bca | Method::C3) && self.centered.is_some() {
            return bad("centered belongs to the methods bca and c3");
        }
        if !traits.frame && (self.energy.is_some() || self.rank.is_some()) {
            return bad("energy and rank size the frame of the methods bca and aniso-init");
        }
        if self.energy.is_some() && self.rank.is_some() {
            return bad("energy and rank both size the frame; give one");
        }
        if self.energy.is_some_and(|share| !(share > 0.0 && share <= 1.0)) || self.rank == Some(0) {
            return bad("energy must be above 0 and at most 1, rank at least 1");
        }
        if self.compat.is_some() && self.centroid == Centroid::Solve {
            return bad("compat 'official' has no centroid 'solve'");
        }
        Ok(())
    }

    /// Whether the centroid step is taken more than once.
    fn iterates(&self) -> bool {
        self.centroid == Centroid::Solve
            || self.tolerance.is_some()
            || self.centroid_iterations.is_some_and(|n| n > 1)
    }

    /// Whether the fit takes that step of ReAlign.
    pub fn takes(&self, step: Step) -> bool {
        match (self.method, &self.steps) {
            (Method::Realign, None) => true,
            (Method::Realign, Some(steps)) => steps.contains(&step),
            (Method::MeanShift, _) => step == Step::Anchor,
            // a scale and a centre of their own, stages, or nothing
            (
                Method::Centering
                | Method::C3
                | Method::Bca
                | Method::Procrustes
                | Method::Bures
                | Method::AnisoInit
                | Method::None,
                _,
            ) => false,
        }
    }
}
