//! How a run is followed; absent options take the documented default.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{DEFAULT_ENERGY, DEFAULT_RIDGE, FrameSize};

/// Leading eigencomponents that are compared with the gradients', as in the paper.
pub const DEFAULT_TOP_EIGEN: usize = 128;
/// Recorded steps whose covariances are averaged.
pub const DEFAULT_WINDOW: u64 = 10;
/// Pairs that retrieval is measured on, at most.
pub const DEFAULT_RETRIEVAL_PAIRS: u64 = 4096;

/// An option that means nothing.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{0}")]
pub struct TrackerOptionError(String);

impl TrackerOptionError {
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Options of a tracker, kept in its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrackerOptions {
    /// First step at or after which the frame is frozen.
    pub freeze_at: u64,
    /// Share of the energy that U holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<f64>,
    /// Dimension of U, instead of a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// Steps that are multiples of it are recorded; all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Recorded steps whose covariances are averaged; windows follow one another from the freezing on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// Leading eigencomponents that are compared with the gradients'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_eigen: Option<usize>,
    /// Pairs that retrieval is measured on, at most; none for 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval_pairs: Option<u64>,
    /// λ of the coupling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
    /// Seed of the isotropic samples and of the pairs that retrieval takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl TrackerOptions {
    /// The documented defaults, and the frame frozen at `freeze_at`.
    pub fn freezing_at(freeze_at: u64) -> Self {
        Self {
            freeze_at,
            energy: None,
            rank: None,
            every: None,
            window: None,
            top_eigen: None,
            retrieval_pairs: None,
            lambda: None,
            seed: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), TrackerOptionError> {
        let bad = |text: String| Err(TrackerOptionError(text));
        if self.energy.is_some() && self.rank.is_some() {
            return bad("energy and rank both size the frame; give one".to_owned());
        }
        if let Some(energy) = self.energy.filter(|&share| !(share > 0.0 && share <= 1.0)) {
            return bad(format!("energy must be above 0 and at most 1, not {energy}"));
        }
        if let Some(lambda) = self
            .lambda
            .filter(|&lambda| !(lambda > 0.0 && lambda.is_finite()))
        {
            return bad(format!("lambda must be a number above 0, not {lambda}"));
        }
        let counts = [
            ("rank", self.rank.map(|n| n as u64), 1),
            ("every", self.every, 1),
            ("window", self.window, 1),
            ("topEigen", self.top_eigen.map(|n| n as u64), 2),
        ];
        for (name, count, least) in counts {
            if count.is_some_and(|count| count < least) {
                return bad(format!("{name} must be at least {least}"));
            }
        }
        Ok(())
    }

    /// Whether `step` is recorded.
    pub fn takes(&self, step: u64) -> bool {
        step.is_multiple_of(self.every.unwrap_or(1))
    }

    pub(super) fn size(&self) -> FrameSize {
        match self.rank {
            Some(rank) => FrameSize::Rank(rank),
            None => FrameSize::Energy(self.energy.unwrap_or(DEFAULT_ENERGY)),
        }
    }

    pub(super) fn window(&self) -> u64 {
        self.window.unwrap_or(DEFAULT_WINDOW)
    }

    pub(super) fn top_eigen(&self) -> usize {
        self.top_eigen.unwrap_or(DEFAULT_TOP_EIGEN)
    }

    pub(super) fn retrieval_pairs(&self) -> u64 {
        self.retrieval_pairs.unwrap_or(DEFAULT_RETRIEVAL_PAIRS)
    }

    pub(super) fn lambda(&self) -> f64 {
        self.lambda.unwrap_or(DEFAULT_RIDGE)
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed.unwrap_or(0)
    }
}
