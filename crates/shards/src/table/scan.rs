//! The record batches of an Arrow IPC file or stream and where the buffers of one column lie in them.
//!
//! Only messages are read, never bodies. A file says in its footer where its schema and its batches are, and nothing else
//! in it counts; a stream is read from its start.

use arrow_ipc::{CompressionType, MessageHeader, MetadataVersion, RecordBatch};
use arrow_schema::{DataType, Schema, UnionMode};

use super::messages::{Messages, container};
use super::stream::{Codec, Part};
use crate::error::ShardError;
use crate::growth::{grows, most_bytes};
use crate::input::Input;

/// Most bytes that one compressed buffer may stand for.
const MAX_BUFFER: u64 = 4 << 30;

/// One batch: its rows and the buffers of the column.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub rows: u64,
    pub codec: Codec,
    /// Validity of the rows, where any is null.
    pub row_nulls: Option<Part>,
    /// Row ends of a list column.
    pub offsets: Option<Part>,
    /// Validity of the components, where any is null.
    pub item_nulls: Option<Part>,
    pub values: Part,
    /// Components in `values`.
    pub items: u64,
}

/// Reads the schema and, with `choose` naming the column, the batches.
pub(super) fn scan(
    input: &Input,
    choose: impl FnOnce(&Schema) -> Result<usize, ShardError>,
) -> Result<(Schema, usize, Vec<Batch>), ShardError> {
    let bad = |reason: String| ShardError::bad_format(input.place(), reason);
    let container = container(input)?;
    let (schema, version) = (container.schema, container.version);
    let column = choose(&schema)?;
    let mut batches = Vec::new();
    each_batch(input, container.messages, |table, body| {
        let batch = locate(&schema, column, version, table, body);
        batches.push(batch.ok_or_else(|| bad(format!("record batch {} makes no sense", batches.len())))?);
        Ok(())
    })?;
    Ok((schema, column, batches))
}

/// Looks at every batch and dictionary without decoding any: schema, and rows of all batches.
pub(super) fn checked(input: &Input) -> Result<(Schema, u64), ShardError> {
    let container = container(input)?;
    let mut rows = 0_u64;
    each_batch(input, container.messages, |table, _| {
        let more = u64::try_from(table.length())
            .ok()
            .and_then(|more| rows.checked_add(more));
        rows = more
            .ok_or_else(|| ShardError::bad_format(input.place(), "promises an impossible number of rows"))?;
        Ok(())
    })?;
    Ok((container.schema, rows))
}

/// Gives `batch` the record batches, all buffers of which, and of the dictionaries, promise lengths that can be.
fn each_batch(
    input: &Input,
    mut messages: Messages<'_>,
    mut batch: impl FnMut(&RecordBatch<'_>, Part) -> Result<(), ShardError>,
) -> Result<(), ShardError> {
    while let Some((message, body)) = messages.next()? {
        let dictionary = message
            .header_as_dictionary_batch()
            .and_then(|dictionary| dictionary.data());
        if let Some(table) = message.header_as_record_batch().or(dictionary) {
            check_lengths(input, &table, body)?;
        }
        if let Some(table) = message.header_as_record_batch() {
            batch(&table, body)?;
        } else if message.header_type() == MessageHeader::Schema {
            let reason = "has a second schema, as several streams in one file leave it; write all batches into one stream, or \
                          one file each";
            return Err(ShardError::bad_format(input.place(), reason));
        }
    }
    Ok(())
}

/// The lengths that compressed buffers promise, because decoders reserve memory by them.
fn check_lengths(input: &Input, table: &RecordBatch<'_>, body: Part) -> Result<(), ShardError> {
    let Some(buffers) = table.buffers().filter(|_| table.compression().is_some()) else {
        return Ok(());
    };
    let most = MAX_BUFFER.min(most_bytes(input.len()));
    let (mut promised, mut stored) = (0_u64, 0_u64);
    for buffer in buffers {
        let inside = u64::try_from(buffer.offset())
            .ok()
            .filter(|_| buffer.length() >= 8);
        if let Some(at) = inside.and_then(|offset| body.offset.checked_add(offset)) {
            let mut len = [0; 8];
            input.read_at(at, &mut len)?;
            let len = i64::from_le_bytes(len).max(0).cast_unsigned();
            if len > most {
                return Err(ShardError::bad_format(
                    input.place(),
                    "promises an impossible length of a buffer",
                ));
            }
            promised = promised.saturating_add(len);
            stored = stored.saturating_add(buffer.length().max(0).cast_unsigned());
        }
    }
    // all of a batch is there at once
    if let Some(reason) = grows(stored, promised) {
        return Err(ShardError::bad_format(input.place(), reason));
    }
    Ok(())
}

/// Finds the column's buffers; `None` when the batch contradicts the schema or itself.
fn locate(
    schema: &Schema,
    column: usize,
    version: MetadataVersion,
    table: &RecordBatch<'_>,
    body: Part,
) -> Option<Batch> {
    let (nodes, buffers) = (table.nodes()?, table.buffers()?);
    let mut cursor = Cursor {
        version,
        views: table.variadicBufferCounts().map(|v| v.iter()),
        node: 0,
        buffer: 0,
    };
    for field in &schema.fields()[..column] {
        cursor.skip(field.data_type())?;
    }
    let codec = match table.compression().map(|compression| compression.codec()) {
        None => Codec::Plain,
        Some(CompressionType::LZ4_FRAME) => Codec::Lz4,
        Some(CompressionType::ZSTD) => Codec::Zstd,
        Some(_) => return None,
    };
    let node = |i: usize| {
        let node = (i < nodes.len()).then(|| nodes.get(i))?;
        Some((u64::try_from(node.length()).ok()?, node.null_count() != 0))
    };
    let part = |i: usize| {
        let part = (i < buffers.len()).then(|| buffers.get(i))?;
        let (start, len) = (
            u64::try_from(part.offset()).ok()?,
            u64::try_from(part.length()).ok()?,
        );
        let inside = start.checked_add(len).is_some_and(|end| end <= body.len);
        inside.then_some(Part {
            offset: body.offset + start,
            len,
        })
    };
    let (rows, rows_null) = node(cursor.node)?;
    let (items, items_null) = node(cursor.node + 1)?;
    if i64::try_from(rows).ok()? != table.length() {
        return None;
    }
    let fixed = matches!(schema.field(column).data_type(), DataType::FixedSizeList(..));
    let item = cursor.buffer + if fixed { 1 } else { 2 };
    Some(Batch {
        rows,
        codec,
        row_nulls: if rows_null {
            Some(part(cursor.buffer)?)
        } else {
            None
        },
        offsets: if fixed {
            None
        } else {
            Some(part(cursor.buffer + 1)?)
        },
        item_nulls: if items_null { Some(part(item)?) } else { None },
        values: part(item + 1)?,
        items,
    })
}

/// Counts the nodes and buffers of the columns before ours.
struct Cursor<I> {
    version: MetadataVersion,
    views: Option<I>,
    node: usize,
    buffer: usize,
}

impl<I: Iterator<Item = i64>> Cursor<I> {
    /// Passes over a column as the columnar format lays it out.
    fn skip(&mut self, data_type: &DataType) -> Option<()> {
        self.node += 1;
        let (buffers, children): (usize, Vec<&DataType>) = match data_type {
            DataType::Null => (0, vec![]),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => (3, vec![]),
            DataType::Utf8View | DataType::BinaryView => {
                (2 + usize::try_from(self.views.as_mut()?.next()?).ok()?, vec![])
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => {
                (2, vec![item.data_type()])
            }
            DataType::ListView(item) | DataType::LargeListView(item) => (3, vec![item.data_type()]),
            DataType::FixedSizeList(item, _) => (1, vec![item.data_type()]),
            DataType::Struct(fields) => (1, fields.iter().map(|field| field.data_type()).collect()),
            DataType::RunEndEncoded(ends, values) => (0, vec![ends.data_type(), values.data_type()]),
            DataType::Union(fields, mode) => {
                // unions had a validity buffer before version 5
                let validity = usize::from(self.version < MetadataVersion::V5);
                let own = if *mode == UnionMode::Dense { 2 } else { 1 };
                (
                    validity + own,
                    fields.iter().map(|(_, field)| field.data_type()).collect(),
                )
            }
            _ => (2, vec![]),
        };
        self.buffer = self.buffer.checked_add(buffers)?;
        children.into_iter().try_for_each(|child| self.skip(child))
    }
}
