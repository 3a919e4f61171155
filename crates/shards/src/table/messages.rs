//! The messages of an Arrow IPC file or stream, one at a time, with the places of their bodies.

use arrow_ipc::{Block, Message, MetadataVersion};
use arrow_schema::Schema;

use super::stream::Part;
use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::input::Input;

const MAGIC: &[u8; 6] = b"ARROW1";
/// The magic word of a file with its padding.
const MAGIC_BYTES: u64 = 8;
const CONTINUATION: u32 = u32::MAX;
/// Far above any schema or footer; a message is read into memory.
const MAX_MESSAGE: u64 = 64 << 20;

/// Zeros that may stand behind the end of a stream.
const MAX_PADDING: u64 = 64;
/// Bytes of the mark that may stand between the last batch and the footer.
const END_MARKS: [u64; 3] = [8, 4, 0];

/// What an Arrow IPC file or stream begins with.
pub(super) struct Container<'a> {
    pub schema: Schema,
    pub version: MetadataVersion,
    /// Dictionaries and batches; those of a file in the order of its footer.
    pub messages: Messages<'a>,
}

/// Whether an input is an Arrow file, which has a footer, and not a stream.
pub(super) fn is_file(input: &Input) -> Result<bool, ShardError> {
    let start = input.bytes_at(0, input.len().min(8))?;
    if start.starts_with(b"FEA1") {
        let reason = "is a Feather file of version 1; write it as version 2 or as Arrow IPC";
        return Err(ShardError::unsupported(input.place(), reason));
    }
    Ok(start.starts_with(MAGIC))
}

/// Reads the schema.
pub(super) fn container(input: &Input) -> Result<Container<'_>, ShardError> {
    if is_file(input)? {
        return of_footer(input);
    }
    let mut messages = Messages {
        input,
        buffer: Buffer::new(),
        places: Places::Stream(0),
    };
    let bad = |reason: &str| ShardError::bad_format(input.place(), reason);
    let (message, _) = messages.next()?.ok_or_else(|| bad("is not Arrow IPC data"))?;
    let table = message
        .header_as_schema()
        .ok_or_else(|| bad("does not start with an Arrow schema"))?;
    let (schema, version) = (schema_of(input, table)?, message.version());
    Ok(Container {
        schema,
        version,
        messages,
    })
}

fn of_footer(input: &Input) -> Result<Container<'_>, ShardError> {
    let bad = |reason: &str| ShardError::bad_format(input.place(), reason);
    let tail = input.bytes_at(input.len().saturating_sub(10), input.len().min(10))?;
    if input.len() < 18 || !tail.ends_with(MAGIC) {
        return Err(bad("is truncated: the Arrow magic word at its end is missing"));
    }
    let len = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
    let start = input.len().checked_sub(10 + u64::from(len));
    let start = start.filter(|_| u64::from(len) <= MAX_MESSAGE);
    let start = start.ok_or_else(|| bad("promises a footer of an impossible length"))?;
    // the verifier wants aligned bytes, which this buffer has
    let mut buffer = Buffer::new();
    buffer.resize(len as usize);
    input.read_at(start, buffer.as_bytes_mut())?;
    let footer =
        arrow_ipc::root_as_footer(buffer.as_bytes()).map_err(|_| bad("has an invalid Arrow footer"))?;
    let schema = footer
        .schema()
        .ok_or_else(|| bad("has no schema in its footer"))?;
    let schema = schema_of(input, schema)?;
    let blocks = footer.dictionaries().into_iter().chain(footer.recordBatches());
    let blocks: Vec<Block> = blocks.flat_map(|blocks| blocks.iter().copied()).collect();
    check_begin(input, &blocks, start)?;
    Ok(Container {
        schema,
        version: footer.version(),
        messages: Messages {
            input,
            buffer: Buffer::new(),
            places: Places::Blocks(blocks.into_iter()),
        },
    })
}

/// Refuses a file behind another one: the footer, which counts from the file's own start, would find the batches of the first.
fn check_begin(input: &Input, blocks: &[Block], footer: u64) -> Result<(), ShardError> {
    let end_of = |block: &Block| {
        let end = u64::try_from(block.offset())
            .ok()?
            .checked_add(u64::try_from(block.metaDataLength()).ok()?)?;
        end.checked_add(u64::try_from(block.bodyLength()).ok()?)
    };
    // without a batch the schema, behind the magic word, is the last message
    let schema = input.bytes_at(MAGIC_BYTES, 8)?;
    let word = |at: usize| u32::from_le_bytes([schema[at], schema[at + 1], schema[at + 2], schema[at + 3]]);
    let schema_end = match word(0) {
        CONTINUATION => MAGIC_BYTES + 8 + u64::from(word(4)),
        len => MAGIC_BYTES + 4 + u64::from(len),
    };
    let end = blocks.iter().filter_map(end_of).max().unwrap_or(schema_end);
    for mark in END_MARKS {
        let begin = footer
            .checked_sub(mark)
            .and_then(|at| at.checked_sub(end))
            .unwrap_or(0);
        if begin > 0 && input.bytes_at(begin, MAGIC.len() as u64)? == MAGIC {
            let reason = format!(
                "holds {begin} bytes of another Arrow file before this one; write all batches into one file, or one file each"
            );
            return Err(ShardError::bad_format(input.place(), reason));
        }
    }
    Ok(())
}

fn schema_of(input: &Input, table: arrow_ipc::Schema<'_>) -> Result<Schema, ShardError> {
    if table.endianness() != arrow_ipc::Endianness::Little {
        return Err(ShardError::unsupported(
            input.place(),
            "is Arrow data in big-endian order",
        ));
    }
    arrow_ipc::convert::try_fb_to_schema(table)
        .map_err(|e| ShardError::bad_format(input.place(), format!("has a bad schema: {e}")))
}

/// The messages that are still to come.
pub(super) struct Messages<'a> {
    input: &'a Input,
    buffer: Buffer,
    places: Places,
}

enum Places {
    /// Position of the next message of a stream.
    Stream(u64),
    /// The messages of a file.
    Blocks(std::vec::IntoIter<Block>),
}

impl Messages<'_> {
    pub fn next(&mut self) -> Result<Option<(Message<'_>, Part)>, ShardError> {
        let (at, end) = match &mut self.places {
            Places::Stream(at) => (*at, self.input.len()),
            Places::Blocks(blocks) => {
                let Some(block) = blocks.next() else {
                    return Ok(None);
                };
                let at = u64::try_from(block.offset()).ok();
                let end = at.zip(u64::try_from(block.metaDataLength()).ok());
                let end = end.and_then(|(at, len)| at.checked_add(len));
                at.zip(end)
                    .filter(|&(_, end)| end <= self.input.len())
                    .ok_or_else(|| self.bad("has a footer that points outside of it"))?
            }
        };
        if at == end {
            return Ok(None);
        }
        let mut at = at;
        let mut len = self.word(&mut at)?;
        if len == CONTINUATION {
            len = self.word(&mut at)?;
        }
        if len == 0 {
            if let Places::Stream(_) = self.places {
                self.check_end(at)?;
            }
            return Ok(None);
        }
        let len = u64::from(len);
        if len > MAX_MESSAGE || at + len > end {
            return Err(self.bad("is truncated or no Arrow IPC data: a message exceeds it"));
        }
        self.buffer.resize(len as usize);
        self.input.read_at(at, self.buffer.as_bytes_mut())?;
        let start = match self.places {
            Places::Stream(_) => at + len,
            // what a footer says of a message may hold padding
            Places::Blocks(_) => end,
        };
        let message = arrow_ipc::root_as_message(self.buffer.as_bytes())
            .map_err(|_| ShardError::bad_format(self.input.place(), "holds an invalid Arrow message"))?;
        let body = Part {
            offset: start,
            len: u64::try_from(message.bodyLength()).unwrap_or(u64::MAX),
        };
        let end = start.checked_add(body.len).filter(|&end| end <= self.input.len());
        let end = end.ok_or_else(|| {
            let reason = "is truncated: the body of an Arrow message exceeds it";
            ShardError::bad_format(self.input.place(), reason)
        })?;
        if let Places::Stream(at) = &mut self.places {
            *at = end;
        }
        Ok(Some((message, body)))
    }

    /// Checks that nothing stands behind the end of a stream but padding.
    fn check_end(&self, end: u64) -> Result<(), ShardError> {
        let more = self.input.len() - end;
        if more <= MAX_PADDING && self.input.bytes_at(end, more)?.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let reason = format!(
            "holds {more} more bytes behind the end of its stream, as several streams in one file leave them; \
             write all batches into one stream, or one file each"
        );
        Err(self.bad(&reason))
    }

    fn bad(&self, reason: &str) -> ShardError {
        ShardError::bad_format(self.input.place(), reason)
    }

    fn word(&self, at: &mut u64) -> Result<u32, ShardError> {
        let mut word = [0; 4];
        self.input.read_at(*at, &mut word)?;
        *at += 4;
        Ok(u32::from_le_bytes(word))
    }
}
