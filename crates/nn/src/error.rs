//! What can go wrong while training.

use std::path::{Path, PathBuf};

/// What operations answer with.
pub type Result<T> = std::result::Result<T, NnError>;

/// Why a step, a save or a load failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// The tensor layer refused: a shape, a type or a device that does not fit.
    #[error("tensor: {0}")]
    Tensor(#[from] candle_core::Error),
    /// Rows, heads or tokens that do not fit each other, as damaged files and inputs have them.
    #[error("{0}")]
    BadShape(String),
    /// A trainable tensor that the loss does not depend on, which is a defect of the model.
    #[error("{0} got no gradient")]
    NoGradient(String),
    /// A loss or gradient that is not finite; another step would spoil the parameters.
    #[error("step {step}: {what} is not finite; a lower learning rate or gradient clipping may help")]
    NotFinite {
        /// The step, from 1.
        step: u64,
        /// What is not finite.
        what: String,
    },
    /// A checkpoint that is damaged, or made by another model.
    #[error("{}: {reason}", .file.display())]
    BadCheckpoint {
        /// The file at fault.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that could not be read.
    #[error("{}: cannot be read: {source}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that could not be written.
    #[error("{}: cannot be written: {source}", .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl NnError {
    /// Stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "UNREADABLE",
            Self::BadCheckpoint { .. } | Self::BadShape(_) => "BAD_MODEL",
            Self::Write { .. } => "WRITE_FAILED",
            Self::Tensor(_) | Self::NoGradient(_) | Self::NotFinite { .. } => "NUMERIC",
        }
    }

    /// The file at fault.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::BadCheckpoint { file, .. } | Self::Read { file, .. } | Self::Write { file, .. } => {
                Some(file)
            }
            Self::Tensor(_) | Self::BadShape(_) | Self::NoGradient(_) | Self::NotFinite { .. } => None,
        }
    }
}
