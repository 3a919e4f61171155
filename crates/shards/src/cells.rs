//! Cells of tables in text.

use std::borrow::Cow;
use std::io::{self, BufReader, Read};

/// What separates cells, in the order of preference where a record has as many of one as of another.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// Bytes of a record that are looked at for the delimiter.
const LOOKED_AT: usize = 64 << 20;

/// Which bytes of a table stand in quoted cells: quotes open at the start of a cell only.
#[derive(Default)]
pub(crate) struct Cells {
    /// `None`: any of [`DELIMITERS`].
    delimiter: Option<u8>,
    state: State,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum State {
    /// Before the first byte of a cell.
    #[default]
    Start,
    Unquoted,
    Quoted,
    /// Behind a quote within a quoted cell, which may be the first of two.
    Quote,
    /// Behind a quoted cell and blanks.
    Closed,
    /// Behind a quoted cell and something else.
    Misquoted,
}

impl Cells {
    pub fn of(delimiter: u8) -> Self {
        Self {
            delimiter: Some(delimiter),
            state: State::Start,
        }
    }

    /// Passes bytes without a quote, none of them quoted.
    pub fn pass_plain(&mut self, bytes: &[u8]) {
        match bytes.last() {
            Some(&last) if self.delimits(last) => self.state = State::Start,
            Some(_) => self.state = State::Unquoted,
            None => {}
        }
    }

    fn delimits(&self, byte: u8) -> bool {
        byte == b'\n'
            || match self.delimiter {
                Some(delimiter) => byte == delimiter,
                None => DELIMITERS.contains(&byte),
            }
    }

    /// Passes one byte; whether it stands in a quoted cell.
    pub fn pass(&mut self, byte: u8) -> bool {
        let delimits = self.delimits(byte);
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::Quote,
            (State::Quoted, _) | (State::Quote | State::Start, b'"') => State::Quoted,
            _ if delimits => State::Start,
            (State::Quote | State::Closed, b' ' | b'\t' | b'\r') => State::Closed,
            (State::Quote | State::Closed | State::Misquoted, _) => State::Misquoted,
            (State::Start | State::Unquoted, _) => State::Unquoted,
        };
        matches!(self.state, State::Quoted | State::Quote)
    }
}

/// Cells of a record, quotes taken off.
pub(crate) fn cells(record: &[u8], delimiter: u8) -> Vec<Cow<'_, [u8]>> {
    if !record.contains(&b'"') {
        return record.split(|&byte| byte == delimiter).map(Cow::from).collect();
    }
    let (mut found, mut start, mut quotes) = (Vec::new(), 0, Cells::of(delimiter));
    for (at, &byte) in record.iter().enumerate() {
        if !quotes.pass(byte) && byte == delimiter {
            found.push(unquoted(&record[start..at]));
            start = at + 1;
        }
    }
    found.push(unquoted(&record[start..]));
    found
}

fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some([b'"', inner @ .., b'"']) = Some(cell.trim_ascii_end()) else {
        return cell.into();
    };
    if !inner.contains(&b'"') {
        return inner.into();
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        out.push(byte);
        if byte == b'"' {
            // the first of two
            bytes.next();
        }
    }
    out.into()
}

/// Whether a record holds delimiters and blanks only.
pub(crate) fn is_blank(record: &[u8], delimiter: u8) -> bool {
    record
        .iter()
        .all(|&byte| byte == delimiter || byte.is_ascii_whitespace())
}

/// Whether text follows the closing quote of a cell, or a quoted cell has no end.
pub(crate) fn is_misquoted(record: &[u8], delimiter: u8) -> bool {
    if !record.contains(&b'"') {
        return false;
    }
    let mut cells = Cells::of(delimiter);
    let misquoted = record.iter().any(|&byte| {
        cells.pass(byte);
        cells.state == State::Misquoted
    });
    misquoted || cells.state == State::Quoted
}

/// The delimiter of a table, by its first record that has one.
pub(crate) fn delimiter_of(reader: impl Read) -> io::Result<u8> {
    let (mut record, mut cells, mut records) = (Vec::new(), Cells::default(), 0);
    for byte in BufReader::new(reader).bytes() {
        let byte = byte?;
        record.push(byte);
        if record.len() == LOOKED_AT {
            break;
        }
        if cells.pass(byte) || byte != b'\n' {
            continue;
        }
        let is_blank = record
            .iter()
            .all(|byte| byte.is_ascii_whitespace() || DELIMITERS.contains(byte));
        match delimiter(&record).filter(|_| !is_blank) {
            Some(found) => return Ok(found),
            None if records == 2 => break,
            // a name, or a cell, has no delimiter
            None => records += usize::from(!is_blank),
        }
        record.clear();
    }
    Ok(delimiter(&record).unwrap_or(b','))
}

/// The delimiter that a record has most of outside of quotes and brackets; of a list only, one that is not in it.
fn delimiter(record: &[u8]) -> Option<u8> {
    let (mut outside, mut within) = ([0_usize; 3], [0_usize; 3]);
    let (mut cells, mut depth) = (Cells::default(), 0_usize);
    for &byte in record {
        if cells.pass(byte) {
            continue;
        }
        match byte {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(at) = DELIMITERS.iter().position(|&delimiter| delimiter == byte) {
            let counts = if depth == 0 { &mut outside } else { &mut within };
            counts[at] += 1;
        }
    }
    if outside == [0; 3] && depth == 0 {
        let free = DELIMITERS.into_iter().zip(within).find(|&(_, count)| count == 0);
        return free.filter(|_| within != [0; 3]).map(|(delimiter, _)| delimiter);
    }
    let counts = if outside == [0; 3] { within } else { outside };
    // the last of equals is the greatest
    let most = (0..3).rev().max_by_key(|&at| counts[at])?;
    (counts[most] > 0).then_some(DELIMITERS[most])
}
