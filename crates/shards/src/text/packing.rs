//! Text of a file, unpacked while it is read.

use std::io::{BufReader, ErrorKind, Read};

use flate2::read::MultiGzDecoder;

use crate::error::{Place, ShardError};
use crate::input::Input;

/// How a file of text is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// The longest distance that a Zstandard frame may refer back, as in the `zstd` program without `--long`.
const MAX_WINDOW_LOG: u32 = 27;

/// Times the packed size that the unpacked text may have, as for packed records, and what every text may have beyond.
const MOST_UNPACKED: u64 = 200;
const MORE_UNPACKED: u64 = 64 << 20;

impl Packing {
    pub fn of(input: &Input) -> Result<Self, ShardError> {
        let start = input.bytes_at(0, input.len().min(4))?;
        Ok(match start[..] {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            _ => Self::Plain,
        })
    }

    /// The text from its beginning; of plain files from byte `start`.
    pub fn stream(self, input: &Input, start: u64) -> Result<Box<dyn Read + Send>, ShardError> {
        let bytes = input.reader(start, input.len());
        Ok(match self {
            Self::Plain => Box::new(bytes),
            Self::Gzip => {
                let decoder = MultiGzDecoder::new(BufReader::with_capacity(64 << 10, bytes));
                Box::new(Bounded::of(decoder, input.len()))
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(bytes)
                    .map_err(|error| ShardError::from_read(input.place(), error))?;
                decoder
                    .window_log_max(MAX_WINDOW_LOG)
                    .map_err(|error| ShardError::from_read(input.place(), error))?;
                Box::new(Bounded::of(decoder, input.len()))
            }
        })
    }
}

/// Unpacked text up to so many bytes: numbers and captions shrink to a twentieth at most, and a small file must not keep a
/// machine busy.
struct Bounded<R> {
    reader: R,
    room: u64,
}

impl<R: Read> Bounded<R> {
    fn of(reader: R, packed: u64) -> Self {
        Self {
            reader,
            room: MOST_UNPACKED.saturating_mul(packed).saturating_add(MORE_UNPACKED),
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.reader.read(buf)?;
        self.room = self.room.checked_sub(n as u64).ok_or_else(|| {
            let reason = format!(
                "it has more than {MOST_UNPACKED} times its size; unpack it first where that is right"
            );
            std::io::Error::new(ErrorKind::InvalidData, reason)
        })?;
        Ok(n)
    }
}

/// The error of a text that cannot be read or unpacked.
pub(super) fn unread(place: &Place, error: std::io::Error) -> ShardError {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::Other => {
            ShardError::bad_format(place, format!("cannot be unpacked: {error}"))
        }
        _ => ShardError::from_read(place, error),
    }
}
