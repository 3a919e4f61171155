//! Headers of parquet pages, in Thrift's compact protocol, without what their readers do not need.

/// Deepest nesting of a header.
const MAX_DEPTH: u8 = 8;

/// A page as its header describes it.
pub(super) struct Page {
    /// Bytes in the file, and when they are unpacked.
    pub stored: u64,
    pub bytes: u64,
    /// Values, levels of nulls and of empty lists included.
    pub values: u64,
    pub dictionary: bool,
    /// Number of the encoding in the format's list.
    pub encoding: i64,
    /// Bytes before what is compressed.
    pub levels: u64,
    pub is_packed: bool,
}

impl Page {
    /// Reads a header in Thrift's compact protocol; gives its length, too. `None` where the bytes end before or make no sense.
    pub fn read(bytes: &[u8]) -> Option<(Self, u64)> {
        let mut thrift = Thrift { bytes, at: 0 };
        let mut page = Self {
            stored: 0,
            bytes: 0,
            values: 0,
            dictionary: false,
            encoding: 0,
            levels: 0,
            is_packed: true,
        };
        let (mut field, mut headers) = (0, 0);
        while let kind @ 1.. = thrift.field(&mut field)? {
            match (field, kind) {
                (2, INT32) => page.bytes = u64::try_from(thrift.int()?).ok()?,
                (3, INT32) => page.stored = u64::try_from(thrift.int()?).ok()?,
                // the headers of data pages, old and new, and of a dictionary
                (5 | 7 | 8, STRUCT) => {
                    page.dictionary = field == 7;
                    page.inner(&mut thrift, field == 8)?;
                    headers += 1;
                }
                _ => thrift.skip(kind, 0)?,
            }
        }
        // of two headers a reader takes the one that the type of the page names
        (headers < 2).then_some((page, thrift.at as u64))
    }

    fn inner(&mut self, thrift: &mut Thrift<'_>, is_new: bool) -> Option<()> {
        let mut field = 0;
        while let kind @ 1.. = thrift.field(&mut field)? {
            match (field, kind) {
                (1, INT32) => self.values = u64::try_from(thrift.int()?).ok()?,
                (2, INT32) if !is_new => self.encoding = thrift.int()?,
                (4, INT32) if is_new => self.encoding = thrift.int()?,
                (5 | 6, INT32) if is_new => {
                    self.levels = self.levels.checked_add(u64::try_from(thrift.int()?).ok()?)?;
                }
                (7, TRUE | FALSE) if is_new => self.is_packed = kind == TRUE,
                _ => thrift.skip(kind, 0)?,
            }
        }
        Some(())
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
            (
                page.bytes,
                page.stored,
                page.values,
                page.dictionary,
                page.encoding
            ),
            (300, 200, 7, false, 0)
        );
        assert_eq!(len, header.len() as u64);
        for cut in 0..header.len() {
            assert!(Page::read(&header[..cut]).is_none(), "{cut}");
        }
        // the same as a new page: levels of 4 and 6 bytes, values in deltas and not compressed
        let new = [
            0x15, 0x06, 0x15, 0xd8, 0x04, 0x15, 0x90, 0x03, 0x5c, 0x15, 0x0e, 0x15, 0x00, 0x15, 0x0e, 0x15,
            0x0e, 0x15, 0x08, 0x15, 0x0c, 0x12, 0x00, 0x00,
        ];
        let (page, len) = Page::read(&new).unwrap();
        assert_eq!(
            (page.values, page.encoding, page.levels, page.is_packed),
            (7, 7, 10, false)
        );
        assert_eq!(len, new.len() as u64);
        // a header of both kinds
        let both = [&header[..header.len() - 1], &[0x3c], &new[9..]].concat();
        assert!(Page::read(&both).is_none());
        assert!(Page::read(&[0xff; 64]).is_none());
        assert!(Page::read(&[0x1c; 64]).is_none(), "nested without end");
    }
}
