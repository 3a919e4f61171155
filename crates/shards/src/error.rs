//! What can go wrong with a container, each with its place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where rows come from: a file, or memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Option<PathBuf>);

impl Place {
    /// Rows that stand in memory.
    pub const MEMORY: Self = Self(None);

    /// The file, unless the rows stand in memory.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self(Some(path.to_path_buf()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(path) => path.display().fmt(f),
            None => f.write_str("rows in memory"),
        }
    }
}

/// Why a container cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// No file or folder of that name, or a glob without a match.
    #[error("{place}: no such file or folder")]
    NotFound {
        /// The name as given.
        place: Place,
    },
    /// The operating system refused.
    #[error("{place}: cannot be read: {source}")]
    Unreadable {
        /// File or folder.
        place: Place,
        /// The system's reason.
        source: io::Error,
    },
    /// The bytes are not what the format promises: wrong magic, truncated, shrunk, nonsense in a header.
    #[error("{place}: {reason}")]
    BadFormat {
        /// The container.
        place: Place,
        /// What is wrong with it.
        reason: String,
    },
    /// A valid container of something that holds no embeddings for us.
    #[error("{place}: {reason}")]
    Unsupported {
        /// The container.
        place: Place,
        /// What is not supported, and what to do.
        reason: String,
    },
    /// No rows or no shard.
    #[error("{place}: {reason}")]
    Empty {
        /// The file or folder.
        place: Place,
        /// What is missing.
        reason: String,
    },
    /// Two shards of one source differ in width.
    #[error("{place}: rows have {dim} columns, but those of {} have {first_dim}", .first.display())]
    WidthMismatch {
        /// The first shard.
        first: PathBuf,
        /// Its columns.
        first_dim: usize,
        /// The shard that differs.
        place: Place,
        /// Its columns.
        dim: usize,
    },
    /// The `#selector` names nothing in the file, or one is needed; the reason names what exists.
    #[error("{place}: {reason}")]
    BadSelector {
        /// The container.
        place: Place,
        /// What was asked for and what exists.
        reason: String,
    },
    /// The output could not be written.
    #[error("{place}: cannot be written: {source}")]
    WriteFailed {
        /// The output, by its final name.
        place: Place,
        /// The system's reason.
        source: io::Error,
    },
    /// Something stands where the output is to go.
    #[error(
        "{place}: it exists already; choose another output, or replace it (overwrite: true, --overwrite)"
    )]
    Exists {
        /// The output.
        place: Place,
    },
    /// An output that would stand among what is read.
    #[error("{place}: {reason}")]
    Misplaced {
        /// The output.
        place: Place,
        /// What it would do there.
        reason: String,
    },
    /// An option that does not go with the file.
    #[error("{place}: {reason}")]
    BadOption {
        /// The container.
        place: Place,
        /// What was given and what the file says.
        reason: String,
    },
    /// A record without a usable id.
    #[error("{place}: {reason}")]
    BadRecord {
        /// The file.
        place: Place,
        /// Index of the record in the file.
        row: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A row that is absent, or not of the width of the others.
    #[error("{place}: row {row}: {reason}")]
    BadRow {
        /// The container.
        place: Place,
        /// Index of the row in the container.
        row: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl ShardError {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Unreadable { .. } => "UNREADABLE",
            Self::BadFormat { .. } | Self::BadRecord { .. } => "BAD_FORMAT",
            Self::Unsupported { .. } => "UNSUPPORTED",
            Self::Empty { .. } => "EMPTY",
            Self::WidthMismatch { .. } => "WIDTH_MISMATCH",
            Self::BadSelector { .. } => "BAD_SELECTOR",
            Self::WriteFailed { .. } => "WRITE_FAILED",
            Self::Exists { .. } | Self::Misplaced { .. } | Self::BadOption { .. } => "BAD_OPTION",
            Self::BadRow { .. } => "BAD_ROW",
        }
    }

    /// The file or folder, unless the rows stand in memory.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::NotFound { place }
            | Self::Unreadable { place, .. }
            | Self::BadFormat { place, .. }
            | Self::Unsupported { place, .. }
            | Self::Empty { place, .. }
            | Self::WidthMismatch { place, .. }
            | Self::BadSelector { place, .. }
            | Self::WriteFailed { place, .. }
            | Self::Exists { place }
            | Self::Misplaced { place, .. }
            | Self::BadOption { place, .. }
            | Self::BadRecord { place, .. }
            | Self::BadRow { place, .. } => place.path(),
        }
    }

    /// Index of the row in its container, where one row is at fault.
    pub fn row(&self) -> Option<u64> {
        match self {
            Self::BadRow { row, .. } | Self::BadRecord { row, .. } => Some(*row),
            _ => None,
        }
    }

    /// An output that another job writes to now.
    pub fn at_work(output: &Path) -> Self {
        Self::Misplaced {
            place: output.into(),
            reason: "another job writes there; wait until it has ended, or choose another output".to_owned(),
        }
    }

    pub(crate) fn bad_format(place: &Place, reason: impl Into<String>) -> Self {
        Self::BadFormat {
            place: place.clone(),
            reason: reason.into(),
        }
    }

    pub(crate) fn unsupported(place: &Place, reason: impl Into<String>) -> Self {
        Self::Unsupported {
            place: place.clone(),
            reason: reason.into(),
        }
    }

    pub(crate) fn empty(place: &Place, reason: impl Into<String>) -> Self {
        Self::Empty {
            place: place.clone(),
            reason: reason.into(),
        }
    }

    pub(crate) fn bad_selector(place: &Place, reason: impl Into<String>) -> Self {
        Self::BadSelector {
            place: place.clone(),
            reason: reason.into(),
        }
    }

    pub(crate) fn bad_record(place: &Place, row: u64, reason: impl Into<String>) -> Self {
        Self::BadRecord {
            place: place.clone(),
            row,
            reason: reason.into(),
        }
    }

    pub(crate) fn bad_row(place: &Place, row: u64, reason: impl Into<String>) -> Self {
        Self::BadRow {
            place: place.clone(),
            row,
            reason: reason.into(),
        }
    }

    /// A missing file is distinguished from one that cannot be read.
    pub(crate) fn from_read(place: &Place, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { place: place.clone() },
            _ => Self::Unreadable {
                place: place.clone(),
                source,
            },
        }
    }

    pub(crate) fn from_write(path: &Path, source: io::Error) -> Self {
        Self::WriteFailed {
            place: path.into(),
            source,
        }
    }
}
