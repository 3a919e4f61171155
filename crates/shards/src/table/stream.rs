//! Bytes of one buffer of an Arrow record batch, in order, compressed or not.

use std::io::{self, Read};

use crate::error::ShardError;
use crate::input::Input;

/// How buffers of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Plain,
    Lz4,
    Zstd,
}

/// A buffer's place in the input, checked to lie inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub offset: u64,
    pub len: u64,
}

/// A reader of a buffer that knows how far it is.
pub(super) struct Stream {
    bytes: Box<dyn Read + Send>,
    at: u64,
}

impl Stream {
    /// Opens a compressed buffer: eight bytes of length, then the frame; a length of −1 means stored bytes.
    pub fn open(input: &Input, part: Part, codec: Codec) -> Result<Self, ShardError> {
        let end = part.offset + part.len;
        if codec == Codec::Plain {
            return Ok(Self {
                bytes: Box::new(input.reader(part.offset, end)),
                at: 0,
            });
        }
        if part.len == 0 {
            return Ok(Self {
                bytes: Box::new(io::empty()),
                at: 0,
            });
        }
        let mut len = [0; 8];
        if part.len < len.len() as u64 {
            return Err(ShardError::bad_format(
                input.place(),
                "has a compressed buffer without a length",
            ));
        }
        input.read_at(part.offset, &mut len)?;
        let frame = input.reader(part.offset + len.len() as u64, end);
        let bytes: Box<dyn Read + Send> = match (i64::from_le_bytes(len), codec) {
            (-1, _) => Box::new(frame),
            (_, Codec::Lz4) => Box::new(lz4_flex::frame::FrameDecoder::new(frame)),
            _ => Box::new(zstd::Decoder::new(frame).map_err(|e| failed(input, &e))?),
        };
        Ok(Self { bytes, at: 0 })
    }

    /// Passes over bytes up to position `to` and fills `bytes`; the position must not lie behind.
    pub fn read(&mut self, input: &Input, to: u64, bytes: &mut [u8]) -> Result<(), ShardError> {
        let skip = to - self.at;
        let skipped =
            io::copy(&mut self.bytes.by_ref().take(skip), &mut io::sink()).map_err(|e| failed(input, &e))?;
        if skipped < skip {
            return Err(failed(input, &io::ErrorKind::UnexpectedEof.into()));
        }
        self.bytes.read_exact(bytes).map_err(|e| failed(input, &e))?;
        self.at = to + bytes.len() as u64;
        Ok(())
    }
}

fn failed(input: &Input, error: &io::Error) -> ShardError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            ShardError::bad_format(input.place(), "is damaged: a buffer is shorter than its rows")
        }
        _ => ShardError::bad_format(input.place(), format!("is damaged: {error}")),
    }
}
