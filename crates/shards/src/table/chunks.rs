//! An input as the parquet crate reads one.
//!
//! Its decoders of gzip, brotli and LZ4 frames unpack a page to its end, whatever its header says, so that a megabyte may become a
//! gigabyte. Pages that could are unpacked once without being kept, before the crate has them.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::thrift::Page;
use crate::input::{Input, InputReader};

/// Bytes that a page may become without being looked into.
const UNSEEN: u64 = 128 << 20;

/// Codecs that stop at the end of the packed bytes only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Brotli,
    Lz4,
}

/// A page to look into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    packing: Packing,
    /// Bytes before what is packed.
    levels: u64,
    /// Bytes that it may become.
    most: u64,
}

/// Pages to look into, by where their bytes begin.
pub(super) type Pieces = HashMap<u64, Piece>;
/// The same, shared.
pub(super) type Packed = Arc<Pieces>;

impl Packing {
    pub fn of(compression: Compression) -> Option<Self> {
        match compression {
            Compression::GZIP(_) => Some(Self::Gzip),
            Compression::BROTLI(_) => Some(Self::Brotli),
            Compression::LZ4 => Some(Self::Lz4),
            _ => None,
        }
    }

    /// The page as one to look into, where it may become longer than what need not be seen.
    pub fn piece(self, page: &Page) -> Option<Piece> {
        // of a byte, by the format
        let times = match self {
            Self::Gzip => 1032,
            Self::Lz4 => 255,
            Self::Brotli => u64::MAX,
        };
        let packed = page.is_packed && page.stored.saturating_mul(times) > UNSEEN;
        packed.then_some(Piece {
            packing: self,
            levels: page.levels,
            most: page.bytes.saturating_sub(page.levels),
        })
    }

    /// Whether bytes become at most as many; those that are damaged do, up to where they are.
    fn fits(self, bytes: &[u8], most: u64) -> bool {
        let reader: Box<dyn Read + '_> = match self {
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
            Self::Brotli => Box::new(brotli::Decompressor::new(bytes, 1 << 12)),
            Self::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(bytes)),
        };
        let mut counted = Counted(0);
        // an error comes again when the page is read
        let _ = io::copy(&mut reader.take(most.saturating_add(1)), &mut counted);
        counted.0 <= most
    }
}

/// Counts what is written and keeps nothing.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An input as the parquet crate reads one; every reader has a position of its own.
#[derive(Debug, Clone)]
pub(super) struct Chunks {
    input: Input,
    packed: Packed,
}

impl Chunks {
    pub fn new(input: Input, packed: Packed) -> Self {
        Self { input, packed }
    }

    /// For the footer, in front of which no page is read.
    pub fn footer(input: &Input) -> Self {
        Self::new(input.clone(), Packed::default())
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.input.len()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<InputReader>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(self.input.reader(start, self.input.len())))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.input.bytes_at(start, length as u64);
        let bytes = bytes.map_err(|e| ParquetError::External(Box::new(e)))?;
        if let Some(piece) = self.packed.get(&start) {
            let packed = usize::try_from(piece.levels)
                .ok()
                .and_then(|levels| bytes.get(levels..));
            if !packed.is_some_and(|packed| piece.packing.fits(packed, piece.most)) {
                let reason = "a page is longer than its header says".to_owned();
                return Err(ParquetError::General(reason));
            }
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(packing: Packing, data: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Packing::Brotli => {
                let mut out = brotli::CompressorWriter::new(Vec::new(), 1 << 12, 1, 22);
                out.write_all(data).unwrap();
                out.into_inner()
            }
            Packing::Lz4 => {
                let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
        }
    }

    #[test]
    fn a_page_that_is_longer_than_its_header_says_is_found_and_a_damaged_one_is_left_to_its_reader() {
        let data = vec![7; 100_000];
        for packing in [Packing::Gzip, Packing::Brotli, Packing::Lz4] {
            let bytes = packed(packing, &data);
            assert!(packing.fits(&bytes, 100_000), "{packing:?}");
            assert!(!packing.fits(&bytes, 99_999), "{packing:?}");
            assert!(packing.fits(&bytes[..bytes.len() / 2], 100_000), "{packing:?}");
            assert!(packing.fits(b"no such thing", 0), "{packing:?}");
        }
        // members of gzip follow each other
        let twice = packed(Packing::Gzip, &data).repeat(2);
        assert!(!Packing::Gzip.fits(&twice, 100_000));
    }
}
