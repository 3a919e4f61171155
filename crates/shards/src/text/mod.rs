//! Rows in text: JSON lines, JSON arrays, answers of embedding services, tables of comma-separated values; plain, gzip or
//! Zstandard.
//!
//! Numbers are read as f32. Opening makes one pass that counts the records; plain files are then read at any place from any
//! thread, packed ones in order.

mod document;
mod header;
mod ids;
mod index;
mod json;
mod layout;
mod names;
mod numbered;
mod numbers;
mod packing;
mod plan;
mod records;
mod table;
mod write;

use std::sync::{Arc, Mutex, PoisonError};

use kernels::Dtype;

pub(crate) use self::ids::TextIds;
use self::index::Index;
use self::packing::Packing;
use self::records::{Records, bad_record};
pub(crate) use self::write::JsonLines;
use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::fault::Fault;
use crate::format::Format;
use crate::input::Input;
use crate::known::Known;
use crate::rows::{Access, Ask, Opened, Shard, range_bytes};

struct TextShard {
    input: Input,
    index: Arc<Index>,
    /// Of a packed text.
    decoder: Mutex<Option<Decoder>>,
}

/// Opens the rows of a text.
pub(crate) fn open(input: Input, format: Format, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    let index = match ask.known.and_then(Known::get::<Index>) {
        Some(index) if index.is_of(&input) => index,
        _ => match Index::build(&input, format, ask)? {
            Some(index) => Arc::new(index),
            None => return Ok(Opened::empty()),
        },
    };
    Ok(Opened {
        selector: index.selector().map(str::to_owned),
        known: Known::of(index.clone()),
        shard: Box::new(TextShard {
            input,
            index,
            decoder: Mutex::new(None),
        }),
    })
}

/// Names of what stands beside the rows in a text.
pub(crate) fn beside(
    input: &Input,
    format: Format,
    selector: Option<&str>,
) -> Result<Vec<String>, ShardError> {
    let ask = Ask {
        selector,
        ..Ask::default()
    };
    plan::beside(input, format, &ask)
}

/// Reads records in order.
struct Decoder {
    records: Records,
    /// The record that comes next.
    row: u64,
}

impl TextShard {
    fn decode(
        &self,
        decoder: &mut Decoder,
        first: u64,
        out: &mut [f32],
    ) -> Result<Vec<(usize, Fault)>, ShardError> {
        let place = self.input.place();
        let changed = || ShardError::bad_format(place, "has changed while it was read");
        while decoder.row < first {
            decoder.records.next(place)?.ok_or_else(changed)?;
            decoder.row += 1;
        }
        let (mut faults, mut row) = (Vec::new(), Vec::with_capacity(self.index.dim));
        for (i, out) in out.chunks_exact_mut(self.index.dim).enumerate() {
            let record = decoder.records.next(place)?.ok_or_else(changed)?;
            row.clear();
            let read = self.index.plan.row(record.bytes, &mut row);
            let read = read.map_err(|reason| bad_record(place, decoder.row, &reason))?;
            decoder.row += 1;
            match read {
                Ok(()) if row.len() == out.len() => out.copy_from_slice(&row),
                Ok(()) => faults.push((
                    i,
                    Fault::Width {
                        found: row.len(),
                        expected: out.len(),
                    },
                )),
                Err(fault) => faults.push((i, fault)),
            }
        }
        Ok(faults)
    }
}

impl Shard for TextShard {
    fn rows(&self) -> u64 {
        self.index.rows
    }

    fn dim(&self) -> usize {
        self.index.dim
    }

    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn access(&self) -> Access {
        match self.index.plan.layout.packing {
            Packing::Plain => Access::Random,
            Packing::Gzip | Packing::Zstd => Access::Sequential,
        }
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        if count == 0 {
            return Ok(());
        }
        let out = bytemuck::cast_slice_mut(buf.as_bytes_mut());
        let faults = if let Some((row, offset)) = self.index.mark(first) {
            let records = self.index.plan.layout.records(&self.input, offset)?;
            self.decode(&mut Decoder { records, row }, first, out)?
        } else {
            let mut slot = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
            // taken out, so that a failed read leaves no half-read decoder behind
            let mut decoder = match slot.take() {
                Some(decoder) if decoder.row <= first => decoder,
                _ => {
                    let layout = &self.index.plan.layout;
                    let records = layout.records(&self.input, layout.start)?;
                    Decoder { records, row: 0 }
                }
            };
            let faults = self.decode(&mut decoder, first, out)?;
            *slot = Some(decoder);
            faults
        };
        buf.spoil(Dtype::F32, self.index.dim, faults);
        Ok(())
    }
}
