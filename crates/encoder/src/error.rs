//! What can go wrong with an encoder, each with its place.

use std::path::{Path, PathBuf};

use modality_gap_nn::NnError;
use modality_gap_shards::ShardError;
use modality_gap_weights::WeightsError;

use crate::data::Dropped;

/// Why an encoder could not be trained, loaded or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// An image that cannot be decoded.
    #[error("{}: no readable image: {reason}", .file.display())]
    BadImage {
        /// The file; for an image inside a tar file, that file and the name inside.
        file: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// A list of pairs that is not what it should be.
    #[error("{}{}: {reason}", .file.display(), .row.map(|row| format!(", record {row}")).unwrap_or_default())]
    BadData {
        /// The list.
        file: PathBuf,
        /// Index of the record, from 0.
        row: Option<u64>,
        /// What is wrong.
        reason: String,
    },
    /// Several pairs that cannot be used.
    #[error("{} pairs cannot be used; onBadPair drop (--on-bad-pair drop) leaves them out:\n{}{}", .found.count,
        .found.first.iter().map(|said| format!("  {said}")).collect::<Vec<_>>().join("\n"),
        if .found.count as usize > .found.first.len() {
            format!("\n  … and {} more", .found.count as usize - .found.first.len())
        } else {
            String::new()
        })]
    BadPairs {
        /// The first of them, whose code, file and record are reported.
        first: Box<EncoderError>,
        /// All of them.
        found: Dropped,
    },
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
    /// A row that has no direction, by the image or text that it comes from.
    #[error("{0}")]
    BadRow(String),
    /// No pair that can be used.
    #[error("{0}")]
    Empty(String),
    /// An option that makes no sense.
    #[error("{0}")]
    BadOption(String),
    /// Training failed.
    #[error(transparent)]
    Nn(#[from] NnError),
    /// Rows could not be written.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The caller asked to stop.
    #[error("stopped before the end")]
    Cancelled,
}

/// What this crate answers with.
pub type Result<T> = std::result::Result<T, EncoderError>;

/// The rows that a model gives, unless one has no direction: its numbers may be finite, and their sums not. `named` names a row.
///
/// # Errors
/// `BAD_ROW`.
pub(crate) fn usable(rows: Vec<f32>, dim: usize, named: impl Fn(usize) -> String) -> Result<Vec<f32>> {
    let is_bad = |row: &[f32]| row.iter().any(|v| !v.is_finite()) || row.iter().all(|&v| v == 0.0);
    match rows.chunks_exact(dim).position(is_bad) {
        Some(row) => Err(EncoderError::BadRow(format!(
            "{} is not finite or has length zero, so that it has no direction; check the encoder's files",
            named(row)
        ))),
        None => Ok(rows),
    }
}

impl EncoderError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadPairs { first, .. } => first.code(),
            Self::BadImage { .. } => "BAD_IMAGE",
            Self::BadData { .. } => "BAD_FORMAT",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Unreadable { .. } => "UNREADABLE",
            Self::BadModel { .. } => "BAD_MODEL",
            Self::BadRow(_) => "BAD_ROW",
            Self::Empty(_) => "EMPTY",
            Self::BadOption(_) => "BAD_OPTION",
            Self::Nn(error) => error.code(),
            Self::Shard(error) => error.code(),
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The file at fault.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::BadImage { file, .. }
            | Self::BadData { file, .. }
            | Self::NotFound { file }
            | Self::Unreadable { file, .. }
            | Self::BadModel { file, .. } => Some(file),
            Self::Nn(error) => error.file(),
            Self::Shard(error) => error.path(),
            Self::BadPairs { first, .. } => first.file(),
            _ => None,
        }
    }

    /// Whether it is about one pair of a list, so that the others may continue without it.
    pub(crate) fn is_of_a_pair(&self) -> bool {
        matches!(
            self,
            Self::BadImage { .. } | Self::BadData { .. } | Self::NotFound { .. } | Self::Unreadable { .. }
        )
    }

    /// Index of the record at fault.
    pub fn row(&self) -> Option<u64> {
        match self {
            Self::BadData { row, .. } => *row,
            Self::Shard(error) => error.row(),
            Self::BadPairs { first, .. } => first.row(),
            _ => None,
        }
    }

    pub(crate) fn reading(file: &Path, source: std::io::Error) -> Self {
        let file = file.to_owned();
        if source.kind() == std::io::ErrorKind::NotFound {
            Self::NotFound { file }
        } else {
            Self::Unreadable { file, source }
        }
    }
}

impl From<WeightsError> for EncoderError {
    fn from(error: WeightsError) -> Self {
        match error {
            WeightsError::NotFound { file } => Self::NotFound { file },
            WeightsError::Unreadable { file, source } => Self::Unreadable { file, source },
            WeightsError::Bad { file, reason } => Self::BadModel { file, reason },
        }
    }
}

impl From<candle_core::Error> for EncoderError {
    fn from(error: candle_core::Error) -> Self {
        Self::Nn(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_direction_are_refused_by_name() {
        assert_eq!(
            usable(vec![0.0, 1.0, -1.0, 0.0], 2, |row| row.to_string())
                .unwrap()
                .len(),
            4
        );
        for bad in [[0.0, 0.0], [f32::NAN, 1.0], [1.0, f32::INFINITY], [0.0, -0.0]] {
            let rows = [[1.0, 0.0], bad].concat();
            let error = usable(rows, 2, |row| format!("record {row}")).unwrap_err();
            assert_eq!(error.code(), "BAD_ROW", "{bad:?}");
            assert!(error.to_string().contains("record 1"), "{error}");
        }
    }
}
