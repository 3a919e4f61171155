//! Records of text files: lines, JSON lines, elements of a JSON array, rows of a table with a header.
//!
//! A byte order mark, carriage returns and blank lines are not part of any record. Only a few bytes are held at a time.

use std::io::{BufReader, Read, Write};
use std::path::Path;

use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};

use crate::cells::{Cells, delimiter_of};
use crate::error::ShardError;
use crate::input::{Input, InputReader};
use crate::sink::Sink;

/// How a text file holds its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// One on each line.
    Lines,
    /// JSON objects, one on each line, or the elements of an array.
    Json,
    /// Rows below a header, whose quoted cells may hold line ends.
    Table,
}

const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
/// Blanks at the beginning of a record that are kept; longer runs are cut.
const MAX_BLANKS: usize = 64 << 10;
const CHUNK: usize = 64 << 10;

/// Records in the file.
pub(super) fn count(input: &Input, kind: TextKind) -> Result<u64, ShardError> {
    if kind == TextKind::Json && first_byte(input)? == Some(b'[') {
        return elements(input);
    }
    let records = each_piece(input, kind, |_, _| Ok(()))?;
    Ok(records.saturating_sub(u64::from(kind == TextKind::Table)))
}

/// Writes the file `from` as `to` without the dropped records, which are sorted.
///
/// # Errors
/// `UNSUPPORTED` for a JSON array, and those of reading and writing.
pub(crate) fn copy_without(
    from: &Input,
    to: &Path,
    kind: TextKind,
    dropped: &[u64],
) -> Result<(), ShardError> {
    if kind == TextKind::Json && first_byte(from)? == Some(b'[') {
        let reason = "is one JSON array, so records cannot be left out of it; write JSON lines or parquet";
        return Err(ShardError::unsupported(from.place(), reason));
    }
    let (mut sink, failure) = Sink::create(to)?;
    let header = u64::from(kind == TextKind::Table);
    each_piece(from, kind, |record, bytes| {
        let row = record.checked_sub(header);
        if row.is_some_and(|row| dropped.binary_search(&row).is_ok()) {
            return Ok(());
        }
        sink.write_all(bytes).map_err(|e| failure.explain(e))
    })?;
    sink.commit(true)?;
    Ok(())
}

/// Gives `piece` the bytes of every record, in parts, with the record's number; gives the number of records.
fn each_piece(
    input: &Input,
    kind: TextKind,
    mut piece: impl FnMut(u64, &[u8]) -> Result<(), ShardError>,
) -> Result<u64, ShardError> {
    let mut reader = after_mark(input)?;
    let mut buffer = vec![0; CHUNK];
    let delimiter = if kind == TextKind::Table {
        let found = delimiter_of(after_mark(input)?);
        Some(found.map_err(|e| ShardError::from_read(input.place(), e))?)
    } else {
        None
    };
    let mut cells = delimiter.map(Cells::of);
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r') && delimiter != Some(byte);
    let (mut record, mut inside, mut blanks) = (0, false, Vec::new());
    loop {
        let n = reader
            .read(&mut buffer)
            .map_err(|e| ShardError::from_read(input.place(), e))?;
        if n == 0 {
            return Ok(record + u64::from(inside));
        }
        let mut start = 0;
        for (at, &byte) in buffer[..n].iter().enumerate() {
            let quoted = cells.as_mut().is_some_and(|cells| cells.pass(byte));
            if byte == b'\n' && !quoted {
                if inside {
                    piece(record, &buffer[start..=at])?;
                    record += 1;
                }
                (inside, start) = (false, at + 1);
                blanks.clear();
            } else if !inside && is_blank(byte) {
                if blanks.len() < MAX_BLANKS {
                    blanks.push(byte);
                }
                start = at + 1;
            } else if !inside {
                inside = true;
                piece(record, &blanks)?;
            }
        }
        if inside && start < n {
            piece(record, &buffer[start..n])?;
        }
    }
}

/// Elements of a JSON array.
fn elements(input: &Input) -> Result<u64, ShardError> {
    struct Count;
    impl<'de> Visitor<'de> for Count {
        type Value = u64;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array of records")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
            let mut count = 0;
            while items.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
            Ok(count)
        }
    }
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(after_mark(input)?));
    let count = (&mut json)
        .deserialize_seq(Count)
        .and_then(|count| json.end().map(|()| count));
    count.map_err(|error| ShardError::bad_format(input.place(), format!("is not JSON: {error}")))
}

fn first_byte(input: &Input) -> Result<Option<u8>, ShardError> {
    let mut start = vec![0; CHUNK];
    let n = after_mark(input)?
        .read(&mut start)
        .map_err(|e| ShardError::from_read(input.place(), e))?;
    Ok(start[..n]
        .iter()
        .copied()
        .find(|byte| !byte.is_ascii_whitespace()))
}

/// The bytes after a byte order mark.
fn after_mark(input: &Input) -> Result<InputReader, ShardError> {
    let start = input.bytes_at(0, input.len().min(3))?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(ShardError::unsupported(
            input.place(),
            "is text in UTF-16; save it in UTF-8",
        ));
    }
    let skip = if start == BYTE_ORDER_MARK { 3 } else { 0 };
    Ok(input.reader(skip, input.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "\u{feff}id,caption\r\n1,\"a, \"\"quoted\"\"\nline\"\r\n2,an inch is 5\"\r\n\r\n3,c\r\n \r\n";

    fn counted(text: &str, kind: TextKind) -> u64 {
        count(&Input::memory(text.as_bytes().to_vec()), kind).unwrap()
    }

    #[test]
    fn marks_line_ends_and_blank_lines_are_no_records() {
        assert_eq!(counted(TABLE, TextKind::Table), 3);
        assert_eq!(
            counted("\u{feff}{\"a\": 1}\r\n\r\n  {\"a\": 2}\n\n", TextKind::Json),
            2
        );
        assert_eq!(counted("\u{feff} [{\"a\": [1]}, {}, 3]\r\n", TextKind::Json), 3);
        assert_eq!(counted("one\r\ntwo\r\n\r\n", TextKind::Lines), 2);
        assert_eq!(counted("one\ntwo", TextKind::Lines), 2);
        assert_eq!(counted("", TextKind::Table), 0);
        assert_eq!(
            counted(
                "id\tcaption\n\t\n \n1\ta;\"b\n\t\"two\nlines\"\n",
                TextKind::Table
            ),
            3
        );
    }

    #[test]
    fn records_are_left_out_whole() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("out.csv");
        copy_without(
            &Input::memory(TABLE.as_bytes().to_vec()),
            &to,
            TextKind::Table,
            &[0],
        )
        .unwrap();
        assert_eq!(
            std::fs::read_to_string(&to).unwrap(),
            "id,caption\r\n2,an inch is 5\"\r\n3,c\r\n"
        );
        let long = format!("{}\n{}\n", "x".repeat(3 * CHUNK), "y".repeat(2 * CHUNK));
        copy_without(&Input::memory(long.into_bytes()), &to, TextKind::Lines, &[0]).unwrap();
        assert_eq!(
            std::fs::read_to_string(&to).unwrap(),
            format!("{}\n", "y".repeat(2 * CHUNK))
        );
    }

    #[test]
    fn what_is_no_such_text_is_refused() {
        let error = |bytes: &[u8], kind| count(&Input::memory(bytes.to_vec()), kind).unwrap_err().code();
        assert_eq!(error(b"\xff\xfea\0", TextKind::Lines), "UNSUPPORTED");
        assert_eq!(error(b"[{}, {}", TextKind::Json), "BAD_FORMAT");
        assert_eq!(error(b"[{}] []", TextKind::Json), "BAD_FORMAT");
    }
}
