//! Ids in text: the values of one key or column, record by record.

use std::borrow::Cow;

use super::header::{Shown, unmarked};
use super::layout::Layout;
use super::records::Records;
use super::table::MISQUOTED;
use super::{json, numbers};
use crate::cells::{cells, is_misquoted};
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::id_column::IdColumn;
use crate::input::Input;

/// Ids that are given at once.
const BATCH: usize = 4096;

/// The ids of a text.
pub(crate) struct TextIds {
    place: Place,
    records: Records,
    column: Column,
    name: String,
    row: u64,
}

enum Column {
    Key(Vec<String>),
    /// Cell of a record, of so many.
    Cell {
        at: usize,
        of: usize,
        delimiter: u8,
    },
}

impl TextIds {
    /// Opens the key or column that is named, or the first usual one that the first record has.
    ///
    /// # Errors
    /// `BAD_SELECTOR` without such a key, and those of reading.
    pub fn open(input: &Input, format: Format, column: &IdColumn<'_>) -> Result<Self, ShardError> {
        let place = input.place().clone();
        let (layout, delimiter) = if format == Format::Csv {
            let (layout, delimiter) = Layout::of_table(input)?;
            (layout, Some(delimiter))
        } else {
            (Layout::of_json(input, None)?.0, None)
        };
        let mut records = layout.records(input, layout.start)?;
        let Some((first, _)) = records.first(&place)? else {
            return Ok(Self {
                place,
                records,
                column: Column::Key(Vec::new()),
                name: String::new(),
                row: 0,
            });
        };
        let choose = |names: &[String]| -> Result<usize, ShardError> {
            let at = |wanted: &str| names.iter().position(|name| name == wanted);
            let found = match column.name {
                Some(name) => at(name),
                None => column.usual.iter().find_map(|name| at(name)),
            };
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            found.ok_or_else(|| column.missing(&place, &names))
        };
        let (found, name) = if let Some(delimiter) = delimiter {
            let first = unmarked(&first, &Shown::below(&first, delimiter), delimiter);
            let first = first.map_err(|reason| ShardError::bad_format(&place, reason))?;
            let names: Vec<String> = cells(first, delimiter)
                .iter()
                .map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned())
                .collect();
            let at = choose(&names)?;
            if names.iter().filter(|name| **name == names[at]).count() > 1 {
                let reason = format!("its header has the column {} twice; rename one", names[at]);
                return Err(ShardError::bad_selector(&place, reason));
            }
            let column = Column::Cell {
                at,
                of: names.len(),
                delimiter,
            };
            (column, names[at].clone())
        } else {
            // the first record is read again below
            records = layout.records(input, layout.start)?;
            let value: serde_json::Value = serde_json::from_slice(&json::with_words(&first, json::ANY))
                .map_err(|error| ShardError::bad_record(&place, 0, format!("row 0 is not JSON: {error}")))?;
            let Some(object) = value.as_object() else {
                return Err(ShardError::bad_record(
                    &place,
                    0,
                    "row 0 is not a JSON object with a key for its id; a list of ids is one id a line in a .txt",
                ));
            };
            let names: Vec<String> = object.keys().cloned().collect();
            let name = names[choose(&names)?].clone();
            (Column::Key(vec![name.clone()]), name)
        };
        Ok(Self {
            place,
            records,
            column: found,
            name,
            row: 0,
        })
    }

    /// The next ids, or `None` after the last.
    pub fn next(&mut self) -> Result<Option<Vec<String>>, ShardError> {
        let mut ids = Vec::new();
        while ids.len() < BATCH {
            let Some(record) = self.records.next(&self.place)? else {
                break;
            };
            let id = match &self.column {
                Column::Key(path) => of_json(record.bytes, path),
                Column::Cell { delimiter, .. } if is_misquoted(record.bytes, *delimiter) => {
                    Err(MISQUOTED.to_owned())
                }
                Column::Cell { at, of, delimiter } => of_cell(&cells(record.bytes, *delimiter), *at, *of),
            };
            ids.push(id.map_err(|reason| {
                let reason = format!("{} of row {} {reason}", self.name, self.row);
                ShardError::bad_record(&self.place, self.row, reason)
            })?);
            self.row += 1;
        }
        Ok(Some(ids).filter(|ids| !ids.is_empty()))
    }
}

fn of_cell(cells: &[Cow<'_, [u8]>], at: usize, of: usize) -> Result<String, String> {
    if cells.len() != of {
        return Err(format!(
            "is not to be found among {} cells, the header has {of}",
            cells.len()
        ));
    }
    if is_missing(cells[at].trim_ascii()) {
        return Err("is missing".to_owned());
    }
    let text = String::from_utf8(cells[at].to_vec());
    text.map_err(|_| "is not text in UTF-8".to_owned())
}

/// Whether a cell stands for no id: rows without one would be of one item.
fn is_missing(cell: &[u8]) -> bool {
    numbers::is_missing(cell) || cell.eq_ignore_ascii_case(b"nan")
}

fn of_json(record: &[u8], path: &[String]) -> Result<String, String> {
    let record = json::with_words(record, json::BEYOND);
    let value = json::value_at(&record, path)
        .map_err(|error| format!("cannot be read, the record is not JSON: {error}"))?;
    let no_id = || "is neither text nor whole number".to_owned();
    let value = value.ok_or("is missing")?;
    if value == b"\"\"" {
        return Err("is empty".to_owned());
    }
    if value.starts_with(b"\"") {
        return serde_json::from_slice(value).map_err(|_| no_id());
    }
    let text = std::str::from_utf8(value).map_err(|_| no_id())?;
    if text
        .strip_prefix('-')
        .unwrap_or(text)
        .bytes()
        .all(|byte| byte.is_ascii_digit())
    {
        // digits of any number of them, exactly
        return Ok(if text == "-0" {
            "0".to_owned()
        } else {
            text.to_owned()
        });
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => crate::table::float_id(number),
        _ => Err(no_id()),
    }
}
