//! Tables with a list column of rows: parquet and Arrow IPC.

mod arrow;
mod columns;
mod companions;
mod parquet;
mod scan;
mod stream;
mod write;

pub use arrow::memory_arrow;
pub(crate) use arrow::open as open_arrow;
pub(crate) use parquet::{open as open_parquet, parquet_rows};
pub(crate) use write::{TableWriter, copy_without};
