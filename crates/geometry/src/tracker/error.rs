//! Why a step is refused.

use crate::{BadRowReason, EigenError};

/// Why a step was not recorded; the tracker is then as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError<E> {
    /// Rows could not be read.
    #[error("{0}")]
    Read(E),
    /// A step that does not come after the last one.
    #[error("step {step} does not come after step {last}, the last one recorded")]
    Order {
        /// The step given.
        step: u64,
        /// The last one recorded.
        last: u64,
    },
    /// Rows of another width.
    #[error("{side} rows have {found} columns instead of {expected}")]
    WidthMismatch {
        /// Which rows.
        side: &'static str,
        /// Their columns.
        found: usize,
        /// What was expected.
        expected: usize,
    },
    /// Sides of the probe that are not pairs.
    #[error("the probe has {image} image and {text} text rows; its rows are pairs")]
    NotPaired {
        /// Image rows.
        image: u64,
        /// Text rows.
        text: u64,
    },
    /// Another number of pairs than of ids.
    #[error("there are {ids} ids for {pairs} probe pairs")]
    Groups {
        /// Ids given.
        ids: u64,
        /// Pairs of the probe.
        pairs: u64,
    },
    /// Too few pairs.
    #[error("the probe has {rows} pairs; a spread needs at least 2")]
    TooFewRows {
        /// Pairs.
        rows: u64,
    },
    /// A row that cannot be used.
    #[error("{side} row {row}: {reason}")]
    BadRow {
        /// Which rows.
        side: &'static str,
        /// Its index.
        row: u64,
        /// What is wrong with it.
        reason: BadRowReason,
    },
    /// All rows of both modalities are the same two rows, so there is no frame.
    #[error("the probe rows do not vary, so they have no frame")]
    NoSpread,
    /// A matrix that cannot be decomposed.
    #[error(transparent)]
    Numeric(EigenError),
}
