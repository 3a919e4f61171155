//! What can go wrong with a language model, each with its place.

use std::path::{Path, PathBuf};

use modality_gap_nn::NnError;
use modality_gap_weights::WeightsError;

/// Why a language model could not be read, trained or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevisionError {
    /// A file that does not exist.
    #[error("{}: there is no such file or folder", .file.display())]
    NotFound {
        /// The path.
        file: PathBuf,
    },
    /// A file that could not be read.
    #[error("{}: cannot be read: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of a model that is damaged or of a kind that is not known.
    #[error("{}: {reason}", .file.display())]
    BadModel {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A training sample that cannot be used.
    #[error("sample {id}: {reason}")]
    BadSample {
        /// Its name in the data.
        id: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// An option that makes no sense.
    #[error("{0}")]
    BadOption(String),
    /// Training failed.
    #[error(transparent)]
    Nn(#[from] NnError),
    /// A model that says nothing.
    #[error(
        "the model gives a token a logit that is not finite; its weights, adapters, projector or embeddings are damaged"
    )]
    BadLogit,
    /// A loss of samples that is not finite.
    #[error(
        "the loss of samples {0} is not finite; the model's weights, adapters, projector or embeddings are damaged"
    )]
    BadLoss(String),
    /// What a projector makes of embeddings.
    #[error("the projector makes numbers that are not finite of these embeddings; its weights are damaged")]
    BadProjection,
    /// The caller asked to stop.
    #[error("stopped before the end")]
    Cancelled,
}

/// What this crate answers with.
pub type Result<T> = std::result::Result<T, RevisionError>;

impl RevisionError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Unreadable { .. } => "UNREADABLE",
            Self::BadModel { .. } => "BAD_MODEL",
            Self::BadSample { .. } => "BAD_SAMPLE",
            Self::BadOption(_) => "BAD_OPTION",
            Self::Nn(error) => error.code(),
            Self::BadLogit | Self::BadLoss(_) | Self::BadProjection => "NUMERIC",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The file at fault.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::NotFound { file } | Self::Unreadable { file, .. } | Self::BadModel { file, .. } => {
                Some(file)
            }
            Self::Nn(error) => error.file(),
            _ => None,
        }
    }

    /// The name of the sample at fault.
    pub fn sample(&self) -> Option<&str> {
        match self {
            Self::BadSample { id, .. } => Some(id),
            _ => None,
        }
    }
}

impl From<WeightsError> for RevisionError {
    fn from(error: WeightsError) -> Self {
        match error {
            WeightsError::NotFound { file } => Self::NotFound { file },
            WeightsError::Unreadable { file, source } => Self::Unreadable { file, source },
            WeightsError::Bad { file, reason } => Self::BadModel { file, reason },
        }
    }
}

impl From<candle_core::Error> for RevisionError {
    fn from(error: candle_core::Error) -> Self {
        Self::Nn(error.into())
    }
}
