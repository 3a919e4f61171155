//! What a container of rows can do.

use kernels::Dtype;

use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::known::Known;
use crate::pool::Pool;
use crate::role::Role;

/// More columns than any embedding has: a header that claims more is nonsense, and a block of such rows would not fit.
pub(crate) const MAX_DIM: usize = 1 << 20;

/// How rows of a container may be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any range at any time from any thread at full speed.
    Random,
    /// Ranges in order; when reading, going back restarts the decoder.
    Sequential,
}

/// Rows of one file, or of one part of a file.
pub trait Shard: Send + Sync {
    /// Number of rows.
    fn rows(&self) -> u64;
    /// Number of columns.
    fn dim(&self) -> usize;
    /// Storage type of the components.
    fn dtype(&self) -> Dtype;
    /// How ranges may be read.
    fn access(&self) -> Access;
    /// Reads rows `first..first + count` into `buf`, which is resized: row-major, native byte order, stored type.
    /// Rows that are null, of another width or otherwise cannot be given are NaN, and [`Buffer::faults`] says why.
    ///
    /// # Panics
    /// When the range exceeds the rows.
    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError>;
    /// Compares a check sum of all rows that reading some of them does not come to.
    ///
    /// # Errors
    /// `BAD_FORMAT` where it differs.
    fn check(&self) -> Result<(), ShardError> {
        Ok(())
    }
    /// Names of what stands beside rows in memory, such as the other columns of a table: outputs do not take it along.
    fn beside(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What is asked of a container.
#[derive(Default)]
pub(crate) struct Ask<'a> {
    /// Column, tensor, key or leading index.
    pub selector: Option<&'a str>,
    /// Chooses where there is no selector.
    pub role: Role,
    /// Columns, where they are known from the other rows of the source, or given.
    pub dim: Option<usize>,
    /// Storage type, where it is known or given.
    pub dtype: Option<Dtype>,
    /// How the states of a row become one, where there are several.
    pub pool: Option<Pool>,
    /// Index of an earlier opening.
    pub known: Option<&'a Known>,
}

/// An opened shard with the selector that leads to it. A width of 0 is one that no row says.
pub(crate) struct Opened {
    pub shard: Box<dyn Shard>,
    pub selector: Option<String>,
    /// What need not be found again.
    pub known: Known,
}

impl Opened {
    /// A container that holds no row, and so has no width of its own.
    pub fn empty() -> Self {
        Self {
            shard: Box::new(Empty {
                dim: 0,
                dtype: Dtype::F32,
            }),
            selector: None,
            known: Known::default(),
        }
    }
}

/// No rows.
pub(crate) struct Empty {
    pub dim: usize,
    pub dtype: Dtype,
}

impl Shard for Empty {
    fn rows(&self) -> u64 {
        0
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn access(&self) -> Access {
        Access::Random
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        Ok(())
    }
}

/// Bytes of `count` rows.
///
/// # Panics
/// When the range exceeds the rows.
pub(crate) fn range_bytes(shard: &dyn Shard, first: u64, count: usize) -> usize {
    assert!(
        first
            .checked_add(count as u64)
            .is_some_and(|end| end <= shard.rows()),
        "rows {first}..{first}+{count} exceed the {} rows of the shard",
        shard.rows()
    );
    count * shard.dim() * shard.dtype().size()
}
