//! Where the records of a text begin and end.

use std::io::{ErrorKind, Read};

use memchr::{memchr, memchr2};

use super::packing::unread;
use crate::cells::{Cells, is_blank};
use crate::error::{Place, ShardError};

/// Longest record: a row of the most columns there may be, with 24 bytes for each number, and a text beside it.
const MAX_RECORD: usize = 64 << 20;

/// How a text holds its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// One on each line.
    Lines,
    /// Rows of a table, whose quoted cells may hold line ends.
    Table { delimiter: u8 },
    /// Elements of a JSON array, the text being that behind its bracket.
    Array,
    /// The text is one record.
    Whole,
}

impl Cut {
    /// The record without the blanks around it, of a table without those behind it: a tab may separate cells, and what stands
    /// before a quote says whether it opens one.
    fn trim(self, record: &[u8]) -> &[u8] {
        let Self::Table { delimiter } = self else {
            return record.trim_ascii();
        };
        let is_blank = |byte: &u8| *byte != delimiter && byte.is_ascii_whitespace();
        let end = record.iter().rposition(|byte| !is_blank(byte));
        &record[..end.map_or(0, |last| last + 1)]
    }
}

/// A record that cannot be read, by its number.
pub(super) fn bad_record(place: &Place, row: u64, reason: &str) -> ShardError {
    ShardError::bad_record(place, row, format!("row {row} {reason}"))
}

/// The records of a text, one after another, through a window of it.
pub(super) struct Records {
    reader: Box<dyn Read + Send>,
    cut: Cut,
    window: Vec<u8>,
    /// Bytes of the window that are read, and the first that no record has had.
    filled: usize,
    at: usize,
    /// Position of the window in the text.
    offset: u64,
    /// Whether the text, or its array, has ended.
    ended: bool,
    /// Whether a record has been given.
    begun: bool,
}

/// A record in the window of [`Records`], with its position in the text.
pub(super) struct Record<'a> {
    pub bytes: &'a [u8],
    pub offset: u64,
}

const FIRST_WINDOW: usize = 256 << 10;

impl Records {
    /// Records of `reader`, whose first byte stands at `offset` of the text.
    pub fn new(reader: Box<dyn Read + Send>, offset: u64, cut: Cut) -> Self {
        Self {
            reader,
            cut,
            window: vec![0; FIRST_WINDOW],
            filled: 0,
            at: 0,
            offset,
            ended: false,
            begun: false,
        }
    }

    /// The next record that is not blank; `None` after the last.
    pub fn next(&mut self, place: &Place) -> Result<Option<Record<'_>>, ShardError> {
        loop {
            let Some((start, end)) = self.bounds(place)? else {
                return Ok(None);
            };
            let bytes = &self.window[start..end];
            let trimmed = self.cut.trim(bytes);
            if trimmed.is_empty() {
                if self.cut == Cut::Array && (self.begun || !self.ended) {
                    return Err(ShardError::bad_format(
                        place,
                        "is not JSON: an element of its array is empty",
                    ));
                }
                continue;
            }
            let before = trimmed.as_ptr().addr() - bytes.as_ptr().addr();
            let (start, len) = (start + before, trimmed.len());
            self.begun = true;
            return Ok(Some(Record {
                bytes: &self.window[start..start + len],
                offset: self.offset + start as u64,
            }));
        }
    }

    /// The first record that has something in its cells, with its position: a spreadsheet may have lines without any above a table.
    pub fn first(&mut self, place: &Place) -> Result<Option<(Vec<u8>, u64)>, ShardError> {
        let cut = self.cut;
        while let Some(record) = self.next(place)? {
            let empty = matches!(cut, Cut::Table { delimiter } if is_blank(record.bytes, delimiter));
            if !empty {
                return Ok(Some((record.bytes.to_vec(), record.offset)));
            }
        }
        Ok(None)
    }

    /// The last byte behind the bracket that closes an array, blanks aside.
    pub fn last_byte(mut self, place: &Place) -> Result<Option<u8>, ShardError> {
        let mut last = None;
        loop {
            let rest = self.window[self.at..self.filled].trim_ascii();
            last = rest.last().copied().or(last);
            self.at = self.filled;
            if !self.fill(place)? {
                return Ok(last);
            }
        }
    }

    /// The next record with the blanks around it.
    fn bounds(&mut self, place: &Place) -> Result<Option<(usize, usize)>, ShardError> {
        if self.ended {
            return Ok(None);
        }
        let mut finder = Finder::new(self.cut);
        let mut looked = self.at;
        loop {
            if let Some((end, last)) = finder.find(&self.window[looked..self.filled]) {
                let (start, end) = (self.at, looked + end);
                self.at = end + 1;
                self.ended = last;
                return Ok(Some((start, end)));
            }
            looked = self.filled - self.at;
            if !self.fill(place)? {
                let start = self.at;
                (self.at, self.ended) = (self.filled, true);
                if self.cut == Cut::Array {
                    return Err(ShardError::bad_format(
                        place,
                        "is not JSON: its array is not closed",
                    ));
                }
                return Ok((start < self.filled).then_some((start, self.filled)));
            }
            looked += self.at;
        }
    }

    /// Reads on, with the bytes that no record has had at the beginning of the window; `false` at the end of the text.
    fn fill(&mut self, place: &Place) -> Result<bool, ShardError> {
        self.window.copy_within(self.at..self.filled, 0);
        self.offset += self.at as u64;
        (self.filled, self.at) = (self.filled - self.at, 0);
        if self.filled == self.window.len() {
            if self.filled > MAX_RECORD + 1 {
                let reason = format!(
                    "holds a record of more than {MAX_RECORD} bytes at byte {}, which no row of numbers needs",
                    self.offset
                );
                return Err(ShardError::bad_format(place, reason));
            }
            // two more, for the end of the longest line
            self.window.resize((2 * self.filled).min(MAX_RECORD + 2), 0);
        }
        loop {
            match self.reader.read(&mut self.window[self.filled..]) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    self.filled += n;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unread(place, error)),
            }
        }
    }
}

/// Looks for the end of one record in pieces of the text.
struct Finder {
    cut: Cut,
    cells: Cells,
    /// Whether the record has had a quote.
    has_quotes: bool,
    depth: u32,
    quoted: bool,
    escaped: bool,
}

impl Finder {
    fn new(cut: Cut) -> Self {
        Self {
            cut,
            cells: match cut {
                Cut::Table { delimiter } => Cells::of(delimiter),
                _ => Cells::default(),
            },
            has_quotes: false,
            depth: 0,
            quoted: false,
            escaped: false,
        }
    }

    /// The byte that ends the record, and whether no other can follow.
    fn find(&mut self, piece: &[u8]) -> Option<(usize, bool)> {
        match self.cut {
            Cut::Lines => memchr(b'\n', piece).map(|at| (at, false)),
            Cut::Table { .. } => self.row(piece),
            Cut::Array => self.element(piece),
            Cut::Whole => None,
        }
    }

    fn row(&mut self, piece: &[u8]) -> Option<(usize, bool)> {
        let mut start = 0;
        if !self.has_quotes {
            match memchr2(b'\n', b'"', piece) {
                Some(at) if piece[at] == b'\n' => return Some((at, false)),
                found => {
                    start = found.unwrap_or(piece.len());
                    self.cells.pass_plain(&piece[..start]);
                    self.has_quotes = found.is_some();
                }
            }
        }
        let end = |&byte: &u8| !self.cells.pass(byte) && byte == b'\n';
        let at = piece[start..].iter().position(end)?;
        Some((start + at, false))
    }

    fn element(&mut self, piece: &[u8]) -> Option<(usize, bool)> {
        let mut at = 0;
        while at < piece.len() {
            if self.escaped {
                self.escaped = false;
            } else if self.quoted {
                at += memchr2(b'"', b'\\', &piece[at..])?;
                self.escaped = piece[at] == b'\\';
                self.quoted = self.escaped;
            } else {
                match piece[at] {
                    b'"' => self.quoted = true,
                    b'[' | b'{' => self.depth += 1,
                    b']' if self.depth == 0 => return Some((at, true)),
                    b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                    b',' if self.depth == 0 => return Some((at, false)),
                    _ => {}
                }
            }
            at += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_record_of_the_most_bytes_is_read_and_one_of_more_refused() {
        let lines = |len: usize, end: &str| {
            let record = format!("[{}1]{end}[2]", " ".repeat(len - 3));
            let mut records = Records::new(Box::new(Cursor::new(record)), 0, Cut::Lines);
            let place = Place::from(Path::new("rows.jsonl"));
            let first = records
                .next(&place)
                .map(|found| found.map(|record| record.bytes.len()));
            let second = first
                .is_ok()
                .then(|| records.next(&place).unwrap().unwrap().bytes.len());
            (first.map_err(|error| error.to_string()), second)
        };
        for end in ["\n", "\r\n"] {
            assert_eq!(lines(MAX_RECORD, end), (Ok(Some(MAX_RECORD)), Some(3)));
        }
        let (refused, _) = lines(MAX_RECORD + 2, "\n");
        assert!(
            refused
                .unwrap_err()
                .contains("a record of more than 67108864 bytes at byte 0")
        );
    }
}
