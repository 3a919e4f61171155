//! What can go wrong with the weights of a model, each with its file.

use std::path::{Path, PathBuf};

use modality_gap_shards::ShardError;

/// Why weights could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
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
    /// A file that is damaged or of a kind that is not read.
    #[error("{}: {reason}", .file.display())]
    Bad {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What this crate answers with.
pub type Result<T> = std::result::Result<T, WeightsError>;

impl WeightsError {
    pub(crate) fn bad(file: &Path, reason: impl Into<String>) -> Self {
        Self::Bad {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }

    /// A container's fault as a model's.
    pub(crate) fn of_shard(file: &Path, error: ShardError) -> Self {
        match error {
            ShardError::NotFound { .. } => Self::NotFound {
                file: file.to_owned(),
            },
            ShardError::Unreadable { source, .. } => Self::Unreadable {
                file: file.to_owned(),
                source,
            },
            ShardError::BadFormat { reason, .. } => Self::bad(file, reason),
            other => Self::bad(file, other.to_string()),
        }
    }
}
