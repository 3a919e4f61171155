//! What writes a container of rows.

use std::path::PathBuf;

use kernels::{Dtype, Rows};

use crate::error::ShardError;
use crate::format::Format;
use crate::rows::Access;
use crate::shard_ref::ShardRef;

/// An output being written under a temporary name. Dropping it before `finish` leaves nothing behind.
pub trait ShardWriter: Send + Sync {
    /// Random: disjoint ranges from any thread; Sequential: ranges in order.
    fn access(&self) -> Access;
    /// Writes whole rows at row `first`.
    ///
    /// # Panics
    /// When the rows are of another type than promised, exceed the promised rows or come out of order.
    fn write(&self, first: u64, rows: Rows<'_>) -> Result<(), ShardError>;
    /// Completes the file and gives it its name; with `sync` after its bytes are on the disk. Gives its size.
    ///
    /// # Panics
    /// When rows are missing.
    fn finish(self: Box<Self>, sync: bool) -> Result<u64, ShardError>;
}

/// What an output will hold.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSpec {
    /// Final name; its folder must exist.
    pub path: PathBuf,
    /// Container format.
    pub format: Format,
    /// Storage type.
    pub dtype: Dtype,
    /// Columns.
    pub dim: usize,
    /// Rows that will be written.
    pub rows: u64,
    /// The shard that names and metadata come from.
    pub like: Option<ShardRef>,
    /// Rows of `like` that are left out, sorted.
    pub dropped: Vec<u64>,
}

/// Number of rows in `rows`, which go to `first..` of an output of `total` rows.
pub(crate) fn check_range(rows: Rows<'_>, dtype: Dtype, dim: usize, first: u64, total: u64) -> u64 {
    assert_eq!(rows.dtype(), dtype, "rows of the output's storage type");
    assert_eq!(rows.len() % dim, 0, "whole rows");
    let count = (rows.len() / dim) as u64;
    assert!(
        first.checked_add(count).is_some_and(|end| end <= total),
        "rows {first}+{count} exceed {total}"
    );
    count
}
