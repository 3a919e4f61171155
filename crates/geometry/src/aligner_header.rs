//! What bytes have to be before an aligner is read from them: one rule, which `src/aligner-header.ts` follows word for word.
//!
//! The header is read as plain JSON, in which the last of two equal keys counts, `1e2` is a whole number and numbers beyond 2⁵³ are none.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

/// Files beyond this are not aligners: 4096 columns and a thousand offsets take 33 MB.
const MAX_BYTES: usize = 1 << 30;
/// Headers beyond this are none of ours.
const MAX_HEADER: u64 = 1 << 24;
/// Deepest nesting of JSON.
const MAX_DEPTH: usize = 32;
/// Largest whole number that every reader holds exactly.
const MAX_SAFE: u64 = (1 << 53) - 1;
/// Size that no number of a map has; squares and products of larger ones could overflow.
const LARGEST: f64 = 1e15;

/// Why bytes are not an aligner that this package can use.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum AlignerFileError {
    /// Not a well-formed safetensors file, or not ours.
    #[error("not an aligner file: {0}")]
    Malformed(String),
    /// Written by a later package.
    #[error(
        "aligner format version {found} is newer than {known}, the newest this package reads; update modality-gap"
    )]
    Newer {
        /// Version in the file.
        found: u64,
        /// Newest version known.
        known: u32,
    },
}

/// An opened file: its tensors lie end to end over the data.
pub(crate) struct Header<'a> {
    /// What the metadata tells, its numbers whole where they can be.
    pub info: Value,
    entries: BTreeMap<String, Entry>,
    data: &'a [u8],
}

struct Entry {
    dtype: String,
    shape: Vec<u64>,
    range: [u64; 2],
}

impl<'a> Header<'a> {
    pub fn read(bytes: &'a [u8], key: &str) -> Result<Self, AlignerFileError> {
        if bytes.len() > MAX_BYTES {
            return Err(malformed(format!("{} bytes are too many", bytes.len())));
        }
        let (length, rest) = bytes
            .split_first_chunk::<8>()
            .ok_or_else(|| malformed("it is too short for a header"))?;
        let length = u64::from_le_bytes(*length);
        if length > rest.len() as u64 || length > MAX_HEADER {
            return Err(malformed("its header is longer than the file"));
        }
        let (header, data) = rest.split_at(length as usize);
        let mut header = object(header, "its header")?;
        let metadata = header.remove("__metadata__");
        let text = metadata.as_ref().and_then(|metadata| metadata.get(key)?.as_str());
        let text = text.ok_or_else(|| malformed(format!("it has no `{key}` metadata")))?;
        let info = Value::Object(object(text.as_bytes(), "its metadata")?);
        let entries = entries_of(header)?;
        check_coverage(&entries, data.len() as u64)?;
        Ok(Self { info, entries, data })
    }

    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The values of an f64 tensor of that shape, none of them beyond [`LARGEST`].
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, AlignerFileError> {
        let shape: Vec<u64> = shape.iter().map(|&side| side as u64).collect();
        let words = self.words(name, "F64", Some(&shape))?;
        let values: Vec<f64> = words.map(f64::from_bits).collect();
        match values.iter().find(|value| !usable(**value)) {
            Some(value) => Err(malformed(format!(
                "tensor `{name}` holds {value}, which is not a number of a map"
            ))),
            None => Ok(values),
        }
    }

    /// The values of a u64 tensor of one dimension.
    pub fn hashes(&self, name: &str) -> Result<Vec<u64>, AlignerFileError> {
        Ok(self.words(name, "U64", None)?.collect())
    }

    /// The words of eight bytes of a tensor of that type and shape; without a shape of one dimension.
    fn words(
        &self,
        name: &str,
        dtype: &str,
        shape: Option<&[u64]>,
    ) -> Result<impl Iterator<Item = u64> + '_, AlignerFileError> {
        let entry = self.entries.get(name);
        let entry = entry.ok_or_else(|| malformed(format!("tensor `{name}` is missing")))?;
        let [from, to] = entry.range;
        let shape = shape.unwrap_or(entry.shape.get(..1).unwrap_or(&[]));
        let count = shape
            .iter()
            .try_fold(8_u64, |count, &side| count.checked_mul(side));
        let fits = entry.dtype == dtype && entry.shape == shape && count == Some(to - from);
        if !fits {
            let (found, shown) = (&entry.dtype, &entry.shape);
            return Err(malformed(format!(
                "tensor `{name}` is {found} {shown:?}, not {dtype} {shape:?}"
            )));
        }
        let bytes = self.data[from as usize..to as usize].chunks_exact(8);
        Ok(bytes.map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes"))))
    }
}

/// Whether a number may stand in a map.
pub(crate) fn usable(value: f64) -> bool {
    value.abs() <= LARGEST
}

pub(crate) fn malformed(reason: impl Into<String>) -> AlignerFileError {
    AlignerFileError::Malformed(reason.into())
}

/// A JSON object whose numbers are whole where they can be.
fn object(text: &[u8], what: &str) -> Result<Map<String, Value>, AlignerFileError> {
    let value: Value =
        serde_json::from_slice(text).map_err(|error| malformed(format!("{what} is not JSON: {error}")))?;
    match whole(value, 1)? {
        Value::Object(map) => Ok(map),
        _ => Err(malformed(format!("{what} is not a JSON object"))),
    }
}

fn whole(value: Value, depth: usize) -> Result<Value, AlignerFileError> {
    if depth > MAX_DEPTH {
        return Err(malformed(format!("its JSON is nested deeper than {MAX_DEPTH}")));
    }
    Ok(match value {
        Value::Number(number) => Value::Number(whole_number(number)),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| whole(item, depth + 1));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let entries = map.into_iter();
            let entries = entries.map(|(key, value)| whole(value, depth + 1).map(|value| (key, value)));
            Value::Object(entries.collect::<Result<_, _>>()?)
        }
        other => other,
    })
}

fn whole_number(number: Number) -> Number {
    let Some(value) = number.as_f64() else {
        return number;
    };
    if value.fract() == 0.0 && value.abs() <= MAX_SAFE as f64 {
        return Number::from(value as i64);
    }
    Number::from_f64(value).unwrap_or(number)
}

fn entries_of(header: Map<String, Value>) -> Result<BTreeMap<String, Entry>, AlignerFileError> {
    let counts = |value: Option<&Value>| -> Option<Vec<u64>> {
        value?.as_array()?.iter().map(Value::as_u64).collect()
    };
    let entry = |(name, value): (String, Value)| {
        let dtype = value.get("dtype").and_then(Value::as_str);
        let range = counts(value.get("data_offsets")).and_then(|range| <[u64; 2]>::try_from(range).ok());
        match (dtype, counts(value.get("shape")), range) {
            (Some(dtype), Some(shape), Some(range)) => {
                let dtype = dtype.to_owned();
                Ok((name, Entry { dtype, shape, range }))
            }
            _ => Err(malformed(format!("tensor `{name}` is not described"))),
        }
    };
    header.into_iter().map(entry).collect()
}

/// Tensors have to lie end to end over the whole data, as the format demands: no overlap, no hidden bytes.
fn check_coverage(entries: &BTreeMap<String, Entry>, length: u64) -> Result<(), AlignerFileError> {
    let mut ranges: Vec<[u64; 2]> = entries.values().map(|entry| entry.range).collect();
    ranges.sort_unstable();
    let mut end = 0;
    for [from, to] in ranges {
        if from != end || to < from {
            return Err(malformed("its tensors do not lie end to end"));
        }
        end = to;
    }
    if end != length {
        return Err(malformed(format!(
            "its tensors take {end} bytes, the file holds {length}"
        )));
    }
    Ok(())
}
