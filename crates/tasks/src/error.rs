//! What can go wrong with a job, each with its place.

use std::fmt;
use std::path::{Path, PathBuf};

use modality_gap_geometry::{AlignerFileError, BadRowReason, ContainerError, FitError, StateFileError};
use modality_gap_shards::{Fault, ShardError};
use serde::Serialize;
use ts_rs::TS;

use crate::pass::PendingPass;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowReason {
    /// Its values.
    Value(BadRowReason),
    /// Its container could not give it.
    Stored(Fault),
}

impl fmt::Display for RowReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(reason) => reason.fmt(f),
            Self::Stored(fault) => fault.fmt(f),
        }
    }
}

impl RowReason {
    /// Column at fault, where one is.
    fn column(&self) -> Option<usize> {
        match *self {
            Self::Value(BadRowReason::NotFinite { column })
            | Self::Stored(Fault::NullComponent { column }) => Some(column),
            _ => None,
        }
    }
}

/// A row that cannot be used, by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowAtFault {
    /// The file, unless the rows stand in memory.
    pub file: Option<PathBuf>,
    /// Which rows, where it takes a word to tell.
    pub side: Option<String>,
    /// Index of the row in its shard.
    pub row: u64,
    /// What is wrong with it.
    pub reason: RowReason,
}

impl fmt::Display for RowAtFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            side,
            row,
            reason,
        } = self;
        let side = side.as_ref().map(|side| format!("{side} ")).unwrap_or_default();
        write!(f, "{}{side}row {row}: {reason}", place(file))
    }
}

/// Why a call gave no result, as it crosses the border.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(optional_fields)]
pub struct Failure {
    /// What went wrong, stable across versions.
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// The file concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Index of the row concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// Index of the column concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// Name of the sample concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
}

impl Failure {
    /// Of an error.
    pub fn of(error: &TaskError) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            file: error.file().map(|file| file.to_string_lossy().into_owned()),
            row: error.row(),
            column: error.column().map(|column| column as u64),
            sample: None,
        }
    }
}

/// Why a job did not finish. Nothing half-written is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A container could not be read or written.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A row that cannot be used, where the policy is to stop.
    #[error("{}row {row}: {reason}; repair it, or drop such rows with onBadRow 'drop'", place(.file))]
    BadRow {
        /// The file, unless the rows stand in memory.
        file: Option<PathBuf>,
        /// Index of the row in its shard.
        row: u64,
        /// What is wrong with it.
        reason: RowReason,
    },
    /// Several such rows, or several of the rows of a step.
    #[error("{count} rows cannot be used:{}{}", listed(.first, *.count), if *.tracked { "" } else { "; repair them, or drop such rows with onBadRow 'drop'" })]
    BadRows {
        /// The first of them, at least one.
        first: Vec<RowAtFault>,
        /// All of them.
        count: u64,
        /// Whether they are rows of a step; a tracker never leaves one out.
        tracked: bool,
    },
    /// A row of a step that a tracker cannot use; it never leaves one out.
    #[error("{}{side} row {row}: {reason}", place(.file))]
    TrackedRow {
        /// The file, unless the rows stand in memory.
        file: Option<PathBuf>,
        /// Which rows of the step.
        side: &'static str,
        /// Index of the row in its shard.
        row: u64,
        /// What is wrong with it.
        reason: RowReason,
    },
    /// A row that the output's storage type cannot hold: it would be a bad row there.
    #[error("{}row {row}: {}; choose a wider dtype", place(.file), beyond(*.reason, .dtype))]
    Overflow {
        /// The file read, unless the rows stand in memory.
        file: Option<PathBuf>,
        /// Index of the row in its shard.
        row: u64,
        /// The output's storage type.
        dtype: &'static str,
        /// What would be wrong with it.
        reason: BadRowReason,
    },
    /// An option that means nothing here.
    #[error("{0}")]
    BadOption(String),
    /// Two sides, or rows and an aligner, of different width.
    #[error("{what} have {found} columns, {against} {expected}")]
    WidthMismatch {
        /// The rows at fault.
        what: String,
        /// Their columns.
        found: usize,
        /// What they were compared with.
        against: String,
        /// Its columns.
        expected: usize,
    },
    /// Too few usable rows.
    #[error("{0}")]
    TooFewRows(String),
    /// Two sides that should be paired are not.
    #[error("{left_name} has {left} rows, {right_name} {right}; paired rows need equally many")]
    NotPaired {
        /// One side.
        left_name: String,
        /// Its rows.
        left: u64,
        /// The other side.
        right_name: String,
        /// Its rows.
        right: u64,
    },
    /// Two sides whose files do not belong together by their names.
    #[error("{0}")]
    ShardsNotPaired(String),
    /// The centroid step did not settle.
    #[error("{0}")]
    NotConverged(String),
    /// A matrix that cannot be decomposed to full accuracy.
    #[error("{0}")]
    Numeric(String),
    /// A file that is not an aligner, or a newer one.
    #[error("{}{error}", place(.file))]
    Aligner {
        /// The file, when there is one.
        file: Option<PathBuf>,
        /// What is wrong with it.
        error: AlignerFileError,
    },
    /// A file that is not a frame, or a newer one.
    #[error("{}: {error}", .file.display())]
    Frame {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: ContainerError,
    },
    /// A file that is not a tracker state, or a newer one.
    #[error("{}{error}", place(.file))]
    State {
        /// The file, when there is one.
        file: Option<PathBuf>,
        /// What is wrong with it.
        error: ContainerError,
    },
    /// A state or receipt that cannot be used.
    #[error("{}: {reason}", .file.display())]
    BadReceipt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Shards of a pass are to be worked on elsewhere before the job can go on; the job's answer, no failure.
    #[error("{} of {} shards are to be worked on", .0.refused.len(), .0.shards)]
    Pending(Box<PendingPass>),
    /// The caller asked to stop.
    #[error("stopped before the end; nothing half-written is left")]
    Cancelled,
}

#[allow(clippy::ref_option, reason = "the derive hands fields over by reference")]
fn place(file: &Option<PathBuf>) -> String {
    file.as_ref()
        .map(|file| format!("{}: ", file.display()))
        .unwrap_or_default()
}

/// A line for each, and one that says how many more there are.
fn listed(first: &[RowAtFault], count: u64) -> String {
    let mut lines: Vec<String> = first.iter().map(|row| format!("\n  {row}")).collect();
    let more = count - first.len() as u64;
    if more > 0 {
        lines.push(format!("\n  … and {more} more"));
    }
    lines.concat()
}

/// What a storage type does to a row that it cannot hold.
fn beyond(reason: BadRowReason, dtype: &str) -> String {
    match reason {
        BadRowReason::NotFinite { .. } => format!("a component is beyond the range of {dtype}"),
        _ => format!("its components are too small for {dtype}, where its length becomes zero"),
    }
}

impl TaskError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shard(error) => error.code(),
            Self::BadRow { .. } | Self::BadRows { .. } | Self::TrackedRow { .. } => "BAD_ROW",
            Self::Overflow { .. } => "OVERFLOW",
            Self::BadOption(_) => "BAD_OPTION",
            Self::WidthMismatch { .. } => "WIDTH_MISMATCH",
            Self::TooFewRows(_) => "TOO_FEW_ROWS",
            Self::NotPaired { .. } | Self::ShardsNotPaired(_) => "NOT_PAIRED",
            Self::Numeric(_) => "NUMERIC",
            Self::NotConverged(_) => "NOT_CONVERGED",
            Self::Aligner {
                error: AlignerFileError::Newer { .. },
                ..
            }
            | Self::Frame {
                error: ContainerError::Newer { .. },
                ..
            }
            | Self::State {
                error: ContainerError::Newer { .. },
                ..
            } => "NEWER_VERSION",
            Self::Aligner { .. } => "BAD_ALIGNER",
            Self::Frame { .. } => "BAD_FRAME",
            Self::State { .. } => "BAD_STATE",
            Self::BadReceipt { .. } | Self::Pending(_) => "BAD_RECEIPT",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether another attempt may succeed: reading or writing failed, which says nothing of the data.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Shard(ShardError::Unreadable { .. } | ShardError::WriteFailed { .. })
        )
    }

    /// Whether the job has only stopped on its way and can be resumed.
    pub(crate) fn is_pause(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Pending(_))
    }

    /// The file at fault.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Shard(error) => error.path(),
            Self::BadRows { first, .. } => first.first()?.file.as_deref(),
            Self::BadRow { file, .. }
            | Self::TrackedRow { file, .. }
            | Self::Overflow { file, .. }
            | Self::Aligner { file, .. }
            | Self::State { file, .. } => file.as_deref(),
            Self::BadReceipt { file, .. } | Self::Frame { file, .. } => Some(file),
            _ => None,
        }
    }

    /// Index of the row at fault in its shard.
    pub fn row(&self) -> Option<u64> {
        match self {
            Self::Shard(error) => error.row(),
            Self::BadRows { first, .. } => first.first().map(|row| row.row),
            Self::BadRow { row, .. } | Self::TrackedRow { row, .. } | Self::Overflow { row, .. } => {
                Some(*row)
            }
            _ => None,
        }
    }

    /// Column at fault.
    pub fn column(&self) -> Option<usize> {
        match self {
            Self::BadRow { reason, .. } | Self::TrackedRow { reason, .. } => reason.column(),
            Self::BadRows { first, .. } => first.first()?.reason.column(),
            _ => None,
        }
    }

    pub(crate) fn state(file: &Path, error: &StateFileError) -> Self {
        Self::BadReceipt {
            file: file.to_path_buf(),
            reason: error.to_string(),
        }
    }
}

impl From<FitError<TaskError>> for TaskError {
    fn from(error: FitError<TaskError>) -> Self {
        match error {
            FitError::Pass(error) => error,
            FitError::WidthMismatch { target, source_dim } => Self::WidthMismatch {
                what: "source rows".to_owned(),
                found: source_dim,
                against: "target rows".to_owned(),
                expected: target,
            },
            FitError::TooFewRows { .. } => Self::TooFewRows(error.to_string()),
            FitError::Numeric(error) => Self::Numeric(error.to_string()),
            FitError::NotConverged { .. } => Self::NotConverged(error.to_string()),
            other => Self::BadOption(other.to_string()),
        }
    }
}
