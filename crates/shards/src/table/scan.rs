//! The record batches of an Arrow IPC file or stream and where the buffers of one column lie in them.
//!
//! Only messages are read, never bodies. A file is a stream between two magic words, so both are scanned alike and
//! the footer is not needed.

use arrow_ipc::{CompressionType, Message, MessageHeader, MetadataVersion, RecordBatch};
use arrow_schema::{DataType, Schema, UnionMode};

use super::stream::{Codec, Part};
use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::input::Input;

const MAGIC: &[u8; 6] = b"ARROW1";
const CONTINUATION: u32 = u32::MAX;
/// Far above any schema; a message is read into memory.
const MAX_MESSAGE: u64 = 64 << 20;
/// Most bytes that one compressed buffer may stand for.
const MAX_BUFFER: i64 = 4 << 30;

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

/// Position of the first message: after the magic word of a file, or at the start of a stream.
pub(super) fn stream_start(input: &Input) -> Result<u64, ShardError> {
    let start = input.bytes_at(0, input.len().min(8))?;
    if start.starts_with(b"FEA1") {
        let reason = "is a Feather file of version 1; write it as version 2 or as Arrow IPC";
        return Err(ShardError::unsupported(input.place(), reason));
    }
    if !start.starts_with(MAGIC) {
        return Ok(0);
    }
    let end = input.bytes_at(input.len().saturating_sub(6), input.len().min(6))?;
    if input.len() < 16 || end != MAGIC {
        return Err(ShardError::bad_format(
            input.place(),
            "is truncated: the Arrow magic word at its end is missing",
        ));
    }
    // some writers pad the magic word to 64 bytes with zeros, which no message starts with
    let mut padding = [0; 64];
    let len = input.len().min(64) as usize;
    input.read_at(0, &mut padding[..len])?;
    let zeros = padding[8..len]
        .chunks_exact(8)
        .take_while(|word| word.iter().all(|&b| b == 0))
        .count();
    Ok(8 + 8 * zeros as u64)
}

/// Reads the schema and, with `choose` naming the column, the batches.
pub(super) fn scan(
    input: &Input,
    choose: impl FnOnce(&Schema) -> Result<usize, ShardError>,
) -> Result<(Schema, usize, Vec<Batch>), ShardError> {
    let mut messages = Messages {
        input,
        at: stream_start(input)?,
        buffer: Buffer::new(),
    };
    let bad = |reason: String| ShardError::bad_format(input.place(), reason);
    let (schema, column, version) = {
        let (message, _) = messages
            .next()?
            .ok_or_else(|| bad("is no Arrow IPC data".to_owned()))?;
        let table = message
            .header_as_schema()
            .ok_or_else(|| bad("does not start with an Arrow schema".to_owned()))?;
        if table.endianness() != arrow_ipc::Endianness::Little {
            return Err(ShardError::unsupported(
                input.place(),
                "is Arrow data in big-endian order",
            ));
        }
        let schema =
            arrow_ipc::convert::try_fb_to_schema(table).map_err(|e| bad(format!("has a bad schema: {e}")))?;
        let column = choose(&schema)?;
        (schema, column, message.version())
    };
    let mut batches = Vec::new();
    while let Some((message, body)) = messages.next()? {
        let dictionary = message
            .header_as_dictionary_batch()
            .and_then(|dictionary| dictionary.data());
        if let Some(table) = message.header_as_record_batch().or(dictionary) {
            check_lengths(input, &table, body)?;
        }
        if let Some(table) = message.header_as_record_batch() {
            let batch = locate(&schema, column, version, &table, body);
            batches.push(batch.ok_or_else(|| bad(format!("record batch {} makes no sense", batches.len())))?);
        } else if message.header_type() == MessageHeader::Schema {
            return Err(bad("has a second schema".to_owned()));
        }
    }
    Ok((schema, column, batches))
}

/// The lengths that compressed buffers promise, because decoders reserve memory by them.
fn check_lengths(input: &Input, table: &RecordBatch<'_>, body: Part) -> Result<(), ShardError> {
    let Some(buffers) = table.buffers().filter(|_| table.compression().is_some()) else {
        return Ok(());
    };
    for buffer in buffers {
        let inside = u64::try_from(buffer.offset())
            .ok()
            .filter(|_| buffer.length() >= 8);
        if let Some(at) = inside.and_then(|offset| body.offset.checked_add(offset)) {
            let mut len = [0; 8];
            input.read_at(at, &mut len)?;
            if i64::from_le_bytes(len) > MAX_BUFFER {
                return Err(ShardError::bad_format(
                    input.place(),
                    "promises an impossible length of a buffer",
                ));
            }
        }
    }
    Ok(())
}

/// The messages of a stream, with the places of their bodies.
struct Messages<'a> {
    input: &'a Input,
    at: u64,
    buffer: Buffer,
}

impl Messages<'_> {
    fn next(&mut self) -> Result<Option<(Message<'_>, Part)>, ShardError> {
        let bad = |reason: &str| ShardError::bad_format(self.input.place(), reason);
        if self.at == self.input.len() {
            return Ok(None);
        }
        let mut len = self.word()?;
        if len == CONTINUATION {
            len = self.word()?;
        }
        if len == 0 {
            return Ok(None);
        }
        let len = u64::from(len);
        if len > MAX_MESSAGE || self.at + len > self.input.len() {
            return Err(bad("is truncated or no Arrow IPC data: a message exceeds it"));
        }
        // the verifier wants aligned bytes, which this buffer has
        self.buffer.resize(len as usize);
        self.input.read_at(self.at, self.buffer.as_bytes_mut())?;
        self.at += len;
        let message = arrow_ipc::root_as_message(self.buffer.as_bytes())
            .map_err(|_| ShardError::bad_format(self.input.place(), "holds an invalid Arrow message"))?;
        let body = Part {
            offset: self.at,
            len: u64::try_from(message.bodyLength()).unwrap_or(u64::MAX),
        };
        self.at = self
            .at
            .checked_add(body.len)
            .filter(|&end| end <= self.input.len())
            .ok_or_else(|| {
                ShardError::bad_format(
                    self.input.place(),
                    "is truncated: the body of an Arrow message exceeds it",
                )
            })?;
        Ok(Some((message, body)))
    }

    fn word(&mut self) -> Result<u32, ShardError> {
        let mut word = [0; 4];
        self.input.read_at(self.at, &mut word)?;
        self.at += 4;
        Ok(u32::from_le_bytes(word))
    }
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
