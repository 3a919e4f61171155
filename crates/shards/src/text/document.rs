//! Whether a JSON text is one document or records on lines, and where a document holds its records.

use std::io::{BufRead, BufReader, Read};

use super::packing::unread;
use crate::error::{Place, ShardError};

/// Deepest nesting of a document.
const MAX_DEPTH: usize = 128;
/// Keys around an array of records.
const MAX_KEYS: usize = 3;
/// Longest key that is looked at.
const MAX_KEY: usize = 256;
/// Most arrays that are remembered.
const MAX_ARRAYS: usize = 64;

/// The first value of a JSON text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct First {
    /// Whether it is an array.
    pub array: bool,
    /// Whether it holds a row of numbers itself.
    pub row: bool,
    /// Arrays of objects or arrays within, by the keys that lead there, with the position behind their bracket.
    pub arrays: Vec<(Vec<String>, u64)>,
    /// Whether something follows it.
    pub followed: bool,
}

/// Looks at the first value of a text.
///
/// # Errors
/// Those of reading, and `BAD_FORMAT` for nonsense.
pub(super) fn first_value(reader: Box<dyn Read + Send>, place: &Place) -> Result<First, ShardError> {
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let (mut scan, mut offset) = (Scan::default(), 0);
    loop {
        let bytes = reader.fill_buf().map_err(|error| unread(place, error))?;
        if bytes.is_empty() {
            return Ok(scan.first);
        }
        for (at, &byte) in bytes.iter().enumerate() {
            scan.pass(byte, offset + at as u64)
                .map_err(|reason| ShardError::bad_format(place, reason))?;
            if scan.first.followed {
                return Ok(scan.first);
            }
        }
        offset += bytes.len() as u64;
        let len = bytes.len();
        reader.consume(len);
    }
}

#[derive(Default)]
struct Scan {
    first: First,
    levels: Vec<Level>,
    begun: bool,
    quoted: bool,
    escaped: bool,
    /// An array whose first byte is not yet seen, or only values that are null.
    opened: Option<u64>,
    /// Bytes of `null` at the beginning.
    null: usize,
}

/// An object or array that is open.
struct Level {
    object: bool,
    key: Vec<u8>,
    /// Whether the next text is a key.
    keys: bool,
}

impl Scan {
    fn pass(&mut self, byte: u8, offset: u64) -> Result<(), String> {
        if self.quoted {
            self.text(byte);
            return Ok(());
        }
        if byte.is_ascii_whitespace() {
            return Ok(());
        }
        if self.begun && self.levels.is_empty() {
            self.first.followed = true;
            return Ok(());
        }
        match self.opened.take() {
            Some(opened) if b"nul,".contains(&byte) => self.opened = Some(opened),
            Some(opened) => self.begins_with(byte, opened),
            None => {}
        }
        match byte {
            b'{' | b'[' => {
                if self.levels.len() == MAX_DEPTH {
                    return Err(format!("is nested deeper than {MAX_DEPTH} values"));
                }
                if !self.begun {
                    self.first.array = byte == b'[';
                }
                self.begun = true;
                if byte == b'[' {
                    self.opened = Some(offset + 1);
                }
                self.levels.push(Level {
                    object: byte == b'{',
                    key: Vec::new(),
                    keys: true,
                });
            }
            b'}' | b']' => _ = self.levels.pop(),
            b'"' => {
                self.quoted = true;
                if let Some(level) = self.levels.last_mut().filter(|level| level.object && level.keys) {
                    level.key.clear();
                }
            }
            b':' => self.set_keys(false),
            b',' => self.set_keys(true),
            _ if !self.begun && b"null".get(self.null) == Some(&byte) => {
                self.null += 1;
                // a line without a record
                self.first.followed = self.null == b"null".len();
            }
            _ if !self.begun => return Err("is not a JSON array or object".to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn set_keys(&mut self, keys: bool) {
        if let Some(level) = self.levels.last_mut() {
            level.keys = keys;
        }
    }

    fn text(&mut self, byte: u8) {
        if !self.escaped && byte == b'"' {
            self.quoted = false;
            return;
        }
        self.escaped = !self.escaped && byte == b'\\';
        if let Some(level) = self.levels.last_mut().filter(|level| level.object && level.keys)
            && level.key.len() < MAX_KEY
        {
            level.key.push(byte);
        }
    }

    /// The first byte within the array that was opened last.
    fn begins_with(&mut self, byte: u8, opened: u64) {
        let around = &self.levels[..self.levels.len() - 1];
        if around.len() > MAX_KEYS || around.iter().any(|level| !level.object) {
            return;
        }
        let path = around
            .iter()
            .map(|level| String::from_utf8_lossy(&level.key).into_owned());
        match byte {
            b'{' | b'[' if self.first.arrays.len() < MAX_ARRAYS => {
                self.first.arrays.push((path.collect(), opened));
            }
            b'-' | b'0'..=b'9' | b'N' | b'I' if around.len() <= 1 => self.first.row = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &'static str) -> First {
        first_value(Box::new(text.as_bytes()), &Place::MEMORY).unwrap()
    }

    fn arrays(text: &'static str) -> Vec<(String, &'static str)> {
        let first = look(text);
        let arrays = first.arrays.into_iter();
        arrays
            .map(|(path, at)| (path.join("."), &text[at as usize..]))
            .collect()
    }

    #[test]
    fn documents_are_told_from_lines() {
        assert!(look("{\"a\": [1]}\n{\"a\": [2]}").followed);
        assert!(look("[1, 2]\n[3, 4]").followed);
        let record = look("{\"id\": \"}{\", \"embedding\": [-1], \"tags\": [{}]}\n ");
        assert!(record.row && !record.followed && !record.array);
        let rows = look(" [[1, 2], [3, 4]]\n");
        assert!(rows.array && !rows.followed);
        assert!(look("null\n{\"a\": [1]}").followed);
    }

    #[test]
    fn arrays_of_records_are_found_by_their_keys() {
        let text = r#"{"object": "list", "data": [ {"embedding": [1]}], "usage": {"\"x": [[]]}}"#;
        assert_eq!(
            arrays(text),
            [
                (
                    "data".to_owned(),
                    r#" {"embedding": [1]}], "usage": {"\"x": [[]]}}"#
                ),
                (r#"usage.\"x"#.to_owned(), "[]]}}"),
            ]
        );
        assert_eq!(arrays("[[1], [2]]"), [(String::new(), "[1], [2]]")]);
        assert_eq!(arrays("[null, [2]]"), [(String::new(), "null, [2]]")]);
        assert_eq!(arrays("[null, null, 2]"), []);
    }

    #[test]
    fn nonsense_is_refused() {
        let error = |text: &'static str| {
            first_value(Box::new(text.as_bytes()), &Place::MEMORY)
                .unwrap_err()
                .code()
        };
        assert_eq!(error("hello"), "BAD_FORMAT");
        let deep: &'static str = String::leak("[".repeat(MAX_DEPTH + 1));
        assert_eq!(error(deep), "BAD_FORMAT");
    }
}
