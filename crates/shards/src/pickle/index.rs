//! Where the rows of a pickle are.

use super::value::Shape;
use crate::fault::Fault;
use crate::input::Stamp;

/// What the first pass found.
pub(crate) struct Index {
    pub(super) stamp: Stamp,
    pub(super) shape: Shape,
    pub(super) rows: u64,
    /// Position of every row's bytes, if all rows are bytes; of a bad row some other position.
    pub(super) offsets: Option<Vec<u64>>,
    /// Rows that cannot be given, ascending.
    pub(super) faults: Vec<(u64, Fault)>,
}
