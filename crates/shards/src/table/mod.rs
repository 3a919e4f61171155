//! Tables with a list column of rows: parquet and Arrow IPC.

use std::sync::Arc;

use arrow_schema::SchemaRef;

use crate::error::ShardError;
use crate::format::Format;
use crate::input::Input;

mod arrow;
mod chunks;
mod columns;
mod companions;
mod ids;
mod messages;
mod pages;
mod parquet;
mod points;
mod records;
mod scan;
mod stream;
mod thrift;
mod write;

pub use arrow::memory_arrow;
pub(crate) use arrow::open as open_arrow;
pub(crate) use companions::Companions;
pub(crate) use ids::{TableIds, float_id};
pub(crate) use parquet::{listed_in_footer, open as open_parquet, parquet_rows};
pub use points::Points;
pub use records::Records;
pub(crate) use write::{TableWriter, copy_without};

/// Schema of a table.
pub(crate) fn schema_of(input: &Input, format: Format) -> Result<SchemaRef, ShardError> {
    Ok(match format {
        Format::Parquet => parquet::read_metadata(input)?.schema().clone(),
        _ => Arc::new(messages::container(input)?.schema),
    })
}

/// Rows of an Arrow file or stream.
pub(crate) fn arrow_rows(input: &Input) -> Result<u64, ShardError> {
    Ok(scan::checked(input)?.1)
}
