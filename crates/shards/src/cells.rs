//! Cells of tables in text.

use std::borrow::Cow;

/// Whether a byte of a table stands in a quoted cell: quotes open at the start of a cell only.
#[derive(Default)]
pub(crate) struct Cells {
    quoted: bool,
    /// A quote inside of a quoted cell, which may be the first of two.
    closing: bool,
    /// Within an unquoted cell.
    begun: bool,
}

impl Cells {
    /// Passes one byte; whether it stands in a quoted cell.
    pub fn pass(&mut self, byte: u8) -> bool {
        if self.closing {
            self.closing = false;
            if byte == b'"' {
                return true;
            }
            self.quoted = false;
        }
        match byte {
            b'"' if self.quoted => self.closing = true,
            b'"' if !self.begun => (self.quoted, self.begun) = (true, true),
            _ if self.quoted => {}
            b',' | b';' | b'\t' | b'\n' => self.begun = false,
            _ => self.begun = true,
        }
        self.quoted
    }
}

/// Cells of a record, quotes taken off.
pub(crate) fn cells(record: &[u8], delimiter: u8) -> Vec<Cow<'_, [u8]>> {
    let (mut found, mut start, mut quotes) = (Vec::new(), 0, Cells::default());
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

/// Whether text follows the closing quote of a cell.
pub(crate) fn is_misquoted(record: &[u8]) -> bool {
    if !record.contains(&b'"') {
        return false;
    }
    let mut quotes = Cells::default();
    record.iter().any(|&byte| {
        let closing = quotes.closing;
        quotes.pass(byte);
        closing && !matches!(byte, b'"' | b',' | b';' | b'\t' | b'\r' | b'\n' | b' ')
    })
}

/// The delimiter that the first record has most of, outside of quotes and brackets.
pub(crate) fn delimiter(first: &[u8]) -> u8 {
    const DELIMITERS: [u8; 3] = [b'\t', b';', b','];
    let count = |within: bool| {
        let (mut counts, mut quotes, mut depth) = ([0_usize; 3], Cells::default(), 0_usize);
        for &byte in first {
            if quotes.pass(byte) {
                continue;
            }
            match byte {
                b'[' | b'(' => depth += 1,
                b']' | b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            let at = DELIMITERS.iter().position(|&delimiter| delimiter == byte);
            if let Some(at) = at.filter(|_| within || depth == 0) {
                counts[at] += 1;
            }
        }
        counts
    };
    let outside = count(false);
    let counts = if outside == [0; 3] { count(true) } else { outside };
    let most = (0..3).max_by_key(|&at| counts[at]);
    most.map_or(b',', |at| DELIMITERS[at])
}
