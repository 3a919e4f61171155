//! Rows that cannot be counted, and how rows are read.

use modality_gap_kernels::{Rows, with_rows};

/// Why a row cannot be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRowReason {
    /// A component is NaN or infinite.
    NotFinite {
        /// Its column.
        column: usize,
    },
    /// The row has length zero (or one below 1e-150) and no direction.
    ZeroLength,
    /// The row's length is beyond 1e150 and its square beyond f64.
    TooLong,
    /// The strategy maps the row onto the origin, where it has no direction.
    NoDirection,
}

impl std::fmt::Display for BadRowReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFinite { column } => write!(f, "component in column {column} is not finite"),
            Self::ZeroLength => f.write_str("length is zero, so the row has no direction"),
            Self::TooLong => f.write_str("length is beyond 1e150"),
            Self::NoDirection => f.write_str("the strategy maps the row onto the origin"),
        }
    }
}

/// A row that cannot be counted, by its index in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadRow {
    /// Index in the block, from zero.
    pub row: usize,
    /// What is wrong with it.
    pub reason: BadRowReason,
}

/// How rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Rows are scaled to unit length, as all statistics of the paper are.
    Unit,
    /// Rows are taken as they are.
    Raw,
}

/// What is wrong with a row whose squared length is `square`.
pub(crate) fn reason_of(row: Rows<'_>, square: f64) -> BadRowReason {
    fn first_bad<E: modality_gap_kernels::Element>(row: &[E]) -> Option<usize> {
        row.iter().position(|v| !v.to_f64().is_finite())
    }
    match with_rows!(Rows, row, values => first_bad(values)) {
        Some(column) => BadRowReason::NotFinite { column },
        None if square < 1.0 => BadRowReason::ZeroLength,
        None => BadRowReason::TooLong,
    }
}
