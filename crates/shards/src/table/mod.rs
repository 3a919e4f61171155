//! Tables with a list column of rows: parquet and Arrow IPC.

mod arrow;
mod columns;
mod companions;
mod ids;
mod messages;
mod pages;
mod parquet;
mod records;
mod scan;
mod stream;
mod write;

pub use arrow::memory_arrow;
pub(crate) use arrow::open as open_arrow;
pub(crate) use ids::{TableIds, float_id};
pub(crate) use parquet::{listed_in_footer, open as open_parquet, parquet_rows};
pub use records::Records;
pub(crate) use write::{TableWriter, copy_without};

/// Rows of an Arrow file or stream.
pub(crate) fn arrow_rows(input: &crate::input::Input) -> Result<u64, crate::error::ShardError> {
    Ok(scan::checked(input)?.1)
}
