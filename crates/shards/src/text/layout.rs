//! What the records of a text are and where they begin.

use std::io::Read;

use super::document::first_value;
use super::packing::{Packing, unread};
use super::records::{Cut, Records};
use crate::cells::delimiter_of;
use crate::error::{Place, ShardError};
use crate::input::Input;
use crate::role::listed;

/// How services call the array of their answers, and exports that of their records.
const USUAL_ARRAYS: [&str; 12] = [
    "data",
    "embeddings",
    "float",
    "rows",
    "records",
    "results",
    "items",
    "vectors",
    "points",
    "predictions",
    "documents",
    "objects",
];

/// Where the records of a text stand.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub packing: Packing,
    cut: Cut,
    /// Position of the first record in the unpacked text.
    pub start: u64,
    /// Whether the records stand in an array within an object.
    pub nested: bool,
}

impl Layout {
    /// The records of a table, its header among them, and what separates their cells.
    pub fn of_table(input: &Input) -> Result<(Self, u8), ShardError> {
        let mut layout = Self::of_text(input)?;
        let mut reader = layout.packing.stream(input, 0)?;
        skip(&mut reader, layout.start, input.place())?;
        let delimiter = delimiter_of(reader).map_err(|error| unread(input.place(), error))?;
        layout.cut = Cut::Table { delimiter };
        Ok((layout, delimiter))
    }

    fn of_text(input: &Input) -> Result<Self, ShardError> {
        let packing = Packing::of(input)?;
        Ok(Self {
            packing,
            cut: Cut::Whole,
            start: text_start(packing, input)?,
            nested: false,
        })
    }

    /// Lines, the elements of an array, or one record, beside what the selector says behind the array.
    pub fn of_json<'s>(
        input: &Input,
        selector: Option<&'s str>,
    ) -> Result<(Self, Option<&'s str>), ShardError> {
        let place = input.place();
        let mut layout = Self::of_text(input)?;
        let mut reader = layout.packing.stream(input, 0)?;
        skip(&mut reader, layout.start, place)?;
        let first = first_value(reader, place)?;
        let named = |path: &[String]| selector.is_some_and(|name| behind(name, path).is_some());
        let usual = first.arrays.iter().any(|(path, _)| is_usual(path));
        // where it holds a row itself, its other arrays are beside it
        let records = match selector {
            _ if !first.row => !first.arrays.is_empty(),
            Some(_) => first.arrays.iter().any(|(path, _)| named(path)),
            None => usual,
        };
        if first.followed {
            layout.cut = Cut::Lines;
        } else if first.row && records && selector.is_none() {
            let names: Vec<String> = first.arrays.iter().map(|(path, _)| path.join(".")).collect();
            let reason = format!(
                "holds numbers of its own and arrays of records, {}; choose one, or the key of the numbers",
                listed(&names)
            );
            return Err(ShardError::bad_selector(place, reason));
        } else if records {
            let (path, offset) = chosen_array(&first.arrays, selector, place)?;
            layout.cut = Cut::Array;
            layout.start += offset;
            layout.nested = !path.is_empty();
            let rest = selector
                .filter(|_| layout.nested)
                .and_then(|name| behind(name, &path))
                .or(selector);
            return Ok((layout, rest.filter(|rest| !rest.is_empty())));
        }
        Ok((layout, selector))
    }

    /// The records from a position in the text.
    pub fn records(&self, input: &Input, offset: u64) -> Result<Records, ShardError> {
        let reader = match self.packing {
            Packing::Plain => self.packing.stream(input, offset)?,
            Packing::Gzip | Packing::Zstd => {
                let mut reader = self.packing.stream(input, 0)?;
                skip(&mut reader, offset, input.place())?;
                reader
            }
        };
        Ok(Records::new(reader, offset, self.cut))
    }

    /// Looks at what follows the last record.
    ///
    /// # Errors
    /// `BAD_FORMAT` where an array, or the document around it, does not end as it should.
    pub fn check_end(&self, records: Records, place: &Place) -> Result<(), ShardError> {
        if self.cut != Cut::Array {
            return Ok(());
        }
        match (self.nested, records.last_byte(place)?) {
            (false, None) | (true, Some(b'}')) => Ok(()),
            (false, Some(_)) => Err(ShardError::bad_format(
                place,
                "is not JSON: something follows its array",
            )),
            (true, _) => Err(ShardError::bad_format(place, "is not JSON: it is truncated")),
        }
    }
}

/// Bytes before the text: a byte order mark.
fn text_start(packing: Packing, input: &Input) -> Result<u64, ShardError> {
    let mut start = Vec::new();
    let read = packing.stream(input, 0)?.take(3).read_to_end(&mut start);
    read.map_err(|error| unread(input.place(), error))?;
    match start[..] {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(ShardError::unsupported(
            input.place(),
            "is text in UTF-16; save it in UTF-8",
        )),
        [0xef, 0xbb, 0xbf] => Ok(3),
        _ => Ok(0),
    }
}

fn skip(reader: &mut impl Read, bytes: u64, place: &Place) -> Result<(), ShardError> {
    let skipped = std::io::copy(&mut reader.take(bytes), &mut std::io::sink());
    let skipped = skipped.map_err(|error| unread(place, error))?;
    if skipped == bytes {
        Ok(())
    } else {
        Err(ShardError::bad_format(place, "has changed while it was read"))
    }
}

/// The array of records in a document.
fn chosen_array(
    arrays: &[(Vec<String>, u64)],
    selector: Option<&str>,
    place: &Place,
) -> Result<(Vec<String>, u64), ShardError> {
    let named = selector.and_then(|name| {
        let fitting = arrays.iter().filter(|(path, _)| behind(name, path).is_some());
        fitting.max_by_key(|(path, _)| path.len())
    });
    let mut fitting = arrays.iter().filter(|(path, _)| is_usual(path));
    let chosen = named.or_else(|| match (arrays, fitting.next(), fitting.next()) {
        ([only], ..) | (_, Some(only), None) => Some(only),
        _ => None,
    });
    chosen.cloned().ok_or_else(|| {
        let names: Vec<String> = arrays.iter().map(|(path, _)| path.join(".")).collect();
        let reason = format!("holds several arrays of records; choose one: {}", listed(&names));
        ShardError::bad_selector(place, reason)
    })
}

fn is_usual(path: &[String]) -> bool {
    path.last().is_none_or(|key| USUAL_ARRAYS.contains(&key.as_str()))
}

/// What a selector says behind a path: the keys of the rows, or nothing. `None` when it does not begin with the path.
fn behind<'s>(selector: &'s str, path: &[String]) -> Option<&'s str> {
    let rest = selector.strip_prefix(path.join(".").as_str())?;
    rest.strip_prefix('.')
        .or(Some(rest).filter(|rest| rest.is_empty()))
}
