//! Rows of pickled records.
//!
//! Opening makes one pass that notes where each row's bytes lie; reading then goes by position. Rows that are not
//! bytes in the file (protocol 2 writes them as text, lists hold numbers) are decoded in order instead.

use std::sync::{Arc, Mutex, PoisonError};

use kernels::Dtype;

use super::index::Index;
use super::machine::{Keep, Machine, no_records};
use super::value::{At, Row, Shape, Value, row};
use crate::buffer::{Buffer, swap_bytes};
use crate::error::ShardError;
use crate::fault::Fault;
use crate::input::Input;
use crate::known::Known;
use crate::rows::{Access, MAX_DIM, Opened, Shard, range_bytes};

/// The published name of the rows.
const DEFAULT_KEY: &str = "embed";
/// Bytes that are read at once to gather rows with captions between them.
const SPAN_BYTES: u64 = 256 << 10;

struct PickleShard {
    input: Input,
    key: String,
    index: Arc<Index>,
    decoder: Mutex<Option<Decoder>>,
}

/// Records that are looked at for what most rows are.
const SHAPE_RECORDS: u64 = 1000;

struct Decoder {
    machine: Machine,
    /// The row that comes next.
    row: u64,
}

/// Opens the list of records; `selector` is the key of the rows, `known` the index of an earlier opening.
pub(crate) fn open(
    input: Input,
    selector: Option<&str>,
    known: Option<&Known>,
) -> Result<Opened, ShardError> {
    let key = selector.unwrap_or(DEFAULT_KEY).to_owned();
    let index = match known.and_then(Known::get::<Index>) {
        Some(index) if index.stamp == input.stamp() => index,
        _ => match Index::build(&input, &key)? {
            Some(index) => Arc::new(index),
            None => return Ok(Opened::empty()),
        },
    };
    let shard = PickleShard {
        input,
        key,
        index: index.clone(),
        decoder: Mutex::new(None),
    };
    Ok(Opened {
        shard: Box::new(shard),
        selector: selector.map(str::to_owned),
        known: Known::of(index),
    })
}

impl Index {
    /// The index of a list; `None` when it is empty.
    fn build(input: &Input, key: &str) -> Result<Option<Self>, ShardError> {
        let Some(shape) = usual_shape(input, key)? else {
            return Ok(None);
        };
        if shape.dim > MAX_DIM {
            return Err(ShardError::bad_format(
                input.place(),
                format!("has rows of {} columns", shape.dim),
            ));
        }
        let mut decoder = Decoder::new(input, key)?;
        let (mut offsets, mut faults) = (Some(Vec::new()), Vec::new());
        while let Some(next) = decoder.next()? {
            match (checked(next, shape), &mut offsets) {
                (Ok(Row::Raw(offset)), Some(offsets)) => offsets.push(offset),
                (Ok(_), _) => offsets = None,
                (Err(fault), offsets) => {
                    faults.push((decoder.row - 1, fault));
                    if let Some(offsets) = offsets {
                        offsets.push(offsets.last().copied().unwrap_or(0));
                    }
                }
            }
        }
        Ok(Some(Self {
            stamp: input.stamp(),
            shape,
            rows: decoder.row,
            offsets,
            faults,
        }))
    }
}

/// What most of the first rows are; `None` when the list is empty.
fn usual_shape(input: &Input, key: &str) -> Result<Option<Shape>, ShardError> {
    let mut decoder = Decoder::new(input, key)?;
    let (mut counts, mut first_fault) = (Vec::<(Shape, u64)>::new(), None);
    while decoder.row < SHAPE_RECORDS || counts.is_empty() {
        match decoder.next()? {
            None => break,
            Some(Err(fault)) => _ = first_fault.get_or_insert(fault),
            Some(Ok((_, shape))) => match counts.iter_mut().find(|(other, _)| *other == shape) {
                Some((_, count)) => *count += 1,
                None => counts.push((shape, 1)),
            },
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max();
    let usual = counts.into_iter().find(|(_, count)| Some(*count) == most);
    let place = input.place();
    match (usual, first_fault) {
        (Some((shape, _)), _) => Ok(Some(shape)),
        (None, None) => Ok(None),
        (None, Some(Fault::Missing)) => {
            let keys = first_keys(input, key)?;
            let reason =
                format!("no record has {key:?}; the first has {keys}: choose the key of the rows, #key");
            Err(ShardError::bad_selector(place, reason))
        }
        (None, Some(Fault::NoRecord)) => Err(no_records(input, "a list of something else than dictionaries")),
        (None, Some(fault)) => Err(ShardError::bad_row(place, 0, fault.to_string())),
    }
}

/// The keys of the first record, for a message.
fn first_keys(input: &Input, key: &str) -> Result<String, ShardError> {
    const MOST: usize = 20;
    let names: Vec<String> = keys_of(input, key, 1)?
        .iter()
        .take(MOST)
        .map(|name| format!("{name:?}"))
        .collect();
    Ok(if names.is_empty() {
        "no keys of text".to_owned()
    } else {
        names.join(", ")
    })
}

/// Keys of the first records but that of the rows, which is `selector` or the usual one.
pub(crate) fn keys(input: &Input, selector: Option<&str>) -> Result<Vec<String>, ShardError> {
    let key = selector.unwrap_or(DEFAULT_KEY);
    let mut names = keys_of(input, key, SHAPE_RECORDS)?;
    names.retain(|name| name != key);
    Ok(names)
}

/// The keys of so many records, in the order in which they come.
pub(super) fn keys_of(input: &Input, key: &str, records: u64) -> Result<Vec<String>, ShardError> {
    const LONGEST: u32 = 200;
    let mut machine = Machine::new(input.clone(), key, Keep::All)?;
    let mut names = Vec::new();
    for _ in 0..records {
        let Some(record) = machine.next()? else { break };
        for (name, _) in record.pairs {
            if let Value::Text(at, _) = name
                && at.len <= LONGEST
            {
                let bytes = input.bytes_at(at.offset, at.len.into())?;
                let name = String::from_utf8_lossy(&bytes).into_owned();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    Ok(names)
}

/// The row, when it is like the others.
fn checked(next: Result<(Row, Shape), Fault>, usual: Shape) -> Result<Row, Fault> {
    let (row, shape) = next.map_err(|fault| match fault {
        // an empty row does not know how wide the others are
        Fault::Width { found: 0, .. } => Fault::Width {
            found: 0,
            expected: usual.dim,
        },
        other => other,
    })?;
    if shape.dim != usual.dim {
        return Err(Fault::Width {
            found: shape.dim,
            expected: usual.dim,
        });
    }
    if shape == usual {
        Ok(row)
    } else {
        Err(Fault::OtherType)
    }
}

/// A row with its shape, or why it cannot be given.
type Decoded = Result<(Row, Shape), Fault>;

impl Decoder {
    fn new(input: &Input, key: &str) -> Result<Self, ShardError> {
        Ok(Self {
            machine: Machine::new(input.clone(), key, Keep::Rows)?,
            row: 0,
        })
    }

    /// The next row, or why it cannot be given; `None` after the last.
    fn next(&mut self) -> Result<Option<Decoded>, ShardError> {
        let Some(record) = self.machine.next()? else {
            return Ok(None);
        };
        self.row += 1;
        Ok(Some(row(record, &self.machine.descrs)))
    }
}

impl PickleShard {
    /// Gathers rows by position, several of them with one read where they lie close together.
    fn gather(&self, offsets: &[u64], bytes: &mut [u8]) -> Result<(), ShardError> {
        let row_bytes = self.index.shape.dim * self.index.shape.dtype.size();
        let mut span = Vec::new();
        let mut row = 0;
        while row < offsets.len() {
            let start = offsets[row];
            let near = |offset: u64| offset >= start && offset - start + row_bytes as u64 <= SPAN_BYTES;
            let mut count = offsets[row..]
                .iter()
                .take_while(|&&offset| near(offset))
                .count()
                .max(1);
            let len = |count: usize| {
                (offsets[row..row + count].iter().max().unwrap_or(&start) - start) as usize + row_bytes
            };
            if len(count) > 2 * count * row_bytes {
                count = 1;
            }
            let out = &mut bytes[row * row_bytes..(row + count) * row_bytes];
            if count == 1 {
                self.input.read_at(start, out)?;
            } else {
                span.resize(len(count), 0);
                self.input.read_at(start, &mut span)?;
                for (out, offset) in out.chunks_exact_mut(row_bytes).zip(&offsets[row..]) {
                    out.copy_from_slice(&span[(offset - start) as usize..][..row_bytes]);
                }
            }
            row += count;
        }
        Ok(())
    }

    fn decode(&self, first: u64, bytes: &mut [u8]) -> Result<(), ShardError> {
        let mut slot = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        // taken out, so that a failed read leaves no half-read decoder behind
        let mut decoder = match slot.take() {
            Some(decoder) if decoder.row <= first => decoder,
            _ => Decoder::new(&self.input, &self.key)?,
        };
        let changed = || ShardError::bad_format(self.input.place(), "has changed while it was read");
        while decoder.row < first {
            let _ = decoder.next()?.ok_or_else(changed)?;
        }
        for out in bytes.chunks_exact_mut(self.index.shape.dim * self.index.shape.dtype.size()) {
            match checked(decoder.next()?.ok_or_else(changed)?, self.index.shape) {
                Ok(Row::Raw(offset)) => self.input.read_at(offset, out)?,
                Ok(Row::Text(at)) => decode_text(&self.input, at, out, decoder.row - 1)?,
                Ok(Row::Numbers(numbers)) => out.copy_from_slice(bytemuck::cast_slice(&numbers)),
                // the index knows it already
                Err(_) => {}
            }
        }
        *slot = Some(decoder);
        Ok(())
    }
}

/// Bytes from the code points of UTF-8 text.
pub(super) fn decode_text(input: &Input, at: At, out: &mut [u8], row: u64) -> Result<(), ShardError> {
    let text = input.bytes_at(at.offset, at.len.into())?;
    let bytes = latin1(&text).filter(|bytes| bytes.len() == out.len());
    let Some(bytes) = bytes else {
        let reason = format!(
            "row {row}: the text of its array does not stand for {} bytes",
            out.len()
        );
        return Err(ShardError::bad_format(input.place(), reason));
    };
    out.copy_from_slice(&bytes);
    Ok(())
}

/// The code points of UTF-8 text as bytes; `None` when one is above 255.
pub(super) fn latin1(text: &[u8]) -> Option<Vec<u8>> {
    std::str::from_utf8(text)
        .ok()?
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}

impl Shard for PickleShard {
    fn rows(&self) -> u64 {
        self.index.rows
    }

    fn dim(&self) -> usize {
        self.index.shape.dim
    }

    fn dtype(&self) -> Dtype {
        self.index.shape.dtype
    }

    fn access(&self) -> Access {
        if self.index.offsets.is_some() {
            Access::Random
        } else {
            Access::Sequential
        }
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        match &self.index.offsets {
            Some(offsets) => self.gather(
                &offsets[first as usize..first as usize + count],
                buf.as_bytes_mut(),
            )?,
            None => self.decode(first, buf.as_bytes_mut())?,
        }
        if self.index.shape.swapped {
            swap_bytes(self.index.shape.dtype, buf.as_bytes_mut());
        }
        let faults = &self.index.faults;
        let from = faults.partition_point(|&(row, _)| row < first);
        let here = faults[from..]
            .iter()
            .take_while(|&&(row, _)| row < first + count as u64);
        let here = here
            .map(|&(row, fault)| ((row - first) as usize, fault))
            .collect();
        buf.spoil(self.index.shape.dtype, self.index.shape.dim, here);
        Ok(())
    }
}
