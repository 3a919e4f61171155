//! What the pages of a parquet column promise, looked at before any is decoded: decoders reserve memory by it.
//!
//! A few bytes may stand for gigabytes: a page of zeros, a row of a billion components, a long text that a dictionary holds
//! once and a thousand rows refer to.

use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::metadata::ColumnChunkMetaData;

use crate::error::{Place, ShardError};
use crate::input::Input;

/// How many times its own size a file may grow, besides `SPARE`.
const MOST_TIMES: u64 = 1000;
const SPARE: u64 = 64 << 20;
/// Far above any page header, which may hold the least and the greatest value.
const MAX_HEADER: u64 = 1 << 20;
/// Deepest nesting of a header.
const MAX_DEPTH: u8 = 8;

/// Most bytes that a file of `len` bytes may stand for.
pub(super) fn most_bytes(len: u64) -> u64 {
    len.saturating_mul(MOST_TIMES).saturating_add(SPARE)
}

/// Looks at the pages of some columns, by their index among the fields of the schema; gives the bytes of the largest
/// dictionary.
///
/// # Errors
/// `BAD_FORMAT` for pages that lie outside of the file, contradict the footer, or grow beyond a thousand times the file.
pub(super) fn check_pages(
    input: &Input,
    metadata: &ArrowReaderMetadata,
    wanted: impl Fn(usize) -> bool,
) -> Result<u64, ShardError> {
    let most = most_bytes(input.len());
    let schema = metadata.parquet_schema();
    let mut largest = 0;
    for group in metadata.metadata().row_groups() {
        for (leaf, chunk) in group.columns().iter().enumerate() {
            if !wanted(schema.get_column_root_idx(leaf)) {
                continue;
            }
            let pages = Pages::of(input, chunk)?;
            let grows = || {
                let reason = format!(
                    "its column {} grows to more than {MOST_TIMES} times the file",
                    chunk.column_path()
                );
                failed(input.place(), &reason)
            };
            // four bytes a value, which lists and numbers take at the least
            if pages.bytes.max(pages.values.saturating_mul(4)) > most {
                return Err(grows());
            }
            largest = largest.max(pages.dictionary);
        }
    }
    Ok(largest)
}

/// Rows to decode at once, at most `usual`, when each may refer to the largest text of a dictionary.
pub(super) fn batch_rows(usual: usize, dictionary: u64) -> usize {
    let fitting = SPARE / dictionary.max(1);
    usize::try_from(fitting).unwrap_or(usual).clamp(1, usual)
}

/// Sums over the pages of a column chunk.
#[derive(Default)]
struct Pages {
    bytes: u64,
    values: u64,
    dictionary: u64,
}

impl Pages {
    fn of(input: &Input, chunk: &ColumnChunkMetaData) -> Result<Self, ShardError> {
        let bad = |reason: &str| failed(input.place(), &reason);
        let number = |n: i64| u64::try_from(n).map_err(|_| bad("a column has an impossible place"));
        let first = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let mut at = number(first.min(chunk.data_page_offset()))?;
        let end = at.checked_add(number(chunk.compressed_size())?);
        let end = end.filter(|&end| end <= input.len());
        let end = end.ok_or_else(|| bad("a column lies outside of it"))?;
        let values = number(chunk.num_values())?;
        let mut sums = Self::default();
        while at < end && sums.values < values {
            let bytes = input.bytes_at(at, MAX_HEADER.min(512).min(end - at))?;
            let (page, len) = if let Some(read) = Page::read(&bytes) {
                read
            } else {
                let bytes = input.bytes_at(at, MAX_HEADER.min(end - at))?;
                Page::read(&bytes).ok_or_else(|| bad("a page has no valid header"))?
            };
            sums.bytes = sums.bytes.saturating_add(page.bytes);
            if page.dictionary {
                sums.dictionary = sums.dictionary.max(page.bytes);
            } else {
                sums.values = sums.values.saturating_add(page.values);
            }
            at = at.saturating_add(len).saturating_add(page.stored);
        }
        if sums.values > values {
            return Err(bad("its pages hold more values than its footer says"));
        }
        Ok(sums)
    }
}

/// A page as its header describes it.
#[derive(Default)]
struct Page {
    /// Bytes in the file, and when they are unpacked.
    stored: u64,
    bytes: u64,
    /// Values, levels of nulls and of empty lists included.
    values: u64,
    dictionary: bool,
}

impl Page {
    /// Reads a header in Thrift's compact protocol; gives its length, too. `None` where the bytes end before or make no sense.
    fn read(bytes: &[u8]) -> Option<(Self, u64)> {
        let mut thrift = Thrift { bytes, at: 0 };
        let mut page = Self::default();
        let mut field = 0;
        while let kind @ 1.. = thrift.field(&mut field)? {
            match (field, kind) {
                (2, INT32) => page.bytes = u64::try_from(thrift.int()?).ok()?,
                (3, INT32) => page.stored = u64::try_from(thrift.int()?).ok()?,
                // the headers of data pages, old and new, and of a dictionary begin with the number of values
                (5 | 7 | 8, STRUCT) => {
                    page.dictionary = field == 7;
                    let mut inner = 0;
                    while let kind @ 1.. = thrift.field(&mut inner)? {
                        if (inner, kind) == (1, INT32) {
                            page.values = u64::try_from(thrift.int()?).ok()?;
                        } else {
                            thrift.skip(kind, 0)?;
                        }
                    }
                }
                _ => thrift.skip(kind, 0)?,
            }
        }
        Some((page, thrift.at as u64))
    }
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const INT8: u8 = 3;
const INT16: u8 = 4;
const INT32: u8 = 5;
const INT64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// Thrift's compact protocol, as far as page headers need it.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn int(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The kind of the next field, whose number is left in `field`; 0 ends the struct.
    fn field(&mut self, field: &mut i64) -> Option<u8> {
        let head = self.byte()?;
        if head == 0 {
            return Some(0);
        }
        *field = match head >> 4 {
            0 => self.int()?,
            delta => *field + i64::from(delta),
        };
        Some(head & 0xf)
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind {
            TRUE | FALSE => {}
            INT8 => self.at += 1,
            INT16 | INT32 | INT64 => _ = self.varint()?,
            DOUBLE => self.at += 8,
            BINARY => {
                let len = usize::try_from(self.varint()?).ok()?;
                self.at = self.at.checked_add(len)?;
            }
            LIST | SET => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    count => count.into(),
                };
                for _ in 0..count {
                    // a truth value in a list takes a byte
                    match head & 0xf {
                        TRUE | FALSE => self.at += 1,
                        kind => self.skip(kind, depth + 1)?,
                    }
                    if self.at > self.bytes.len() {
                        return None;
                    }
                }
            }
            STRUCT => {
                let mut field = 0;
                while let kind @ 1.. = self.field(&mut field)? {
                    self.skip(kind, depth + 1)?;
                }
            }
            _ => return None,
        }
        (self.at <= self.bytes.len()).then_some(())
    }
}

pub(super) fn failed(place: &Place, error: &dyn std::fmt::Display) -> ShardError {
    ShardError::bad_format(place, format!("is no valid parquet file: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_one_that_is_cut_anywhere_is_not() {
        // type 0, 300 bytes unpacked, 200 stored, a data page of 7 values with encodings and statistics
        let header = [
            0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x90, 0x03, 0x2c, 0x15, 0x0e, 0x15, 0x00, 0x15, 0x06, 0x15,
            0x06, 0x1c, 0x18, 0x02, b'a', b'b', 0x00, 0x00, 0x00,
        ];
        let (page, len) = Page::read(&header).unwrap();
        assert_eq!(
            (page.bytes, page.stored, page.values, page.dictionary),
            (300, 200, 7, false)
        );
        assert_eq!(len, header.len() as u64);
        for cut in 0..header.len() {
            assert!(Page::read(&header[..cut]).is_none(), "{cut}");
        }
        assert!(Page::read(&[0xff; 64]).is_none());
        assert!(Page::read(&[0x1c; 64]).is_none(), "nested without end");
    }
}
