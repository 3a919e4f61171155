//! Rows of an npy array by position.

use kernels::Dtype;

use crate::buffer::{Buffer, swap_bytes};
use crate::error::ShardError;
use crate::input::Input;
use crate::known::Known;
use crate::rows::{Access, Opened, Shard, range_bytes};

use super::header::{self, Header};

/// Most bytes that are read at once for one column of a Fortran-ordered array.
const STRIP_BYTES: u64 = 1 << 20;

/// An array of rows inside a file, at a fixed position and not compressed.
pub(crate) struct NpyShard {
    input: Input,
    header: Header,
    /// Leading index of a three-dimensional array.
    lead: u64,
}

pub(crate) fn open(input: Input, selector: Option<&str>) -> Result<Opened, ShardError> {
    let header = header::read(&mut input.reader(0, input.len()), input.place())?;
    header.check_end(input.len(), "", input.place())?;
    let shard = NpyShard::new(input, header, selector)?;
    Ok(Opened {
        selector: selector.map(str::to_owned),
        shard: Box::new(shard),
        known: Known::default(),
    })
}

impl NpyShard {
    /// An array whose `header.data` is the absolute position of its first component.
    pub fn new(input: Input, header: Header, selector: Option<&str>) -> Result<Self, ShardError> {
        let end = header.data + header.bytes;
        if end > input.len() {
            let reason = format!(
                "is truncated: its header promises {end} bytes, there are {}",
                input.len()
            );
            return Err(ShardError::bad_format(input.place(), reason));
        }
        let (header, lead) = match selector {
            None => (header.flat(input.place())?, 0),
            Some(selector) => {
                let lead = leading_index(&input, &header, selector)?;
                (header, lead)
            }
        };
        Ok(Self { input, header, lead })
    }

    fn read_c_order(&self, first: u64, bytes: &mut [u8]) -> Result<(), ShardError> {
        let Header {
            rows,
            dim,
            dtype,
            data,
            ..
        } = self.header;
        let row = self.lead * rows + first;
        self.input
            .read_ahead_at(data + row * (dim * dtype.size()) as u64, bytes)
    }

    /// Gathers column by column: consecutive rows of a column lie `lead` components apart.
    fn read_fortran(&self, first: u64, count: usize, bytes: &mut [u8]) -> Result<(), ShardError> {
        let Header {
            rows,
            dim,
            dtype,
            data,
            lead,
            ..
        } = self.header;
        let size = dtype.size();
        let step = lead * size as u64;
        let strip_rows = (STRIP_BYTES / step).clamp(1, count.max(1) as u64) as usize;
        let mut strip = vec![0; (strip_rows - 1) * step as usize + size];
        for column in 0..dim {
            for start in (0..count).step_by(strip_rows) {
                let here = strip_rows.min(count - start);
                let strip = &mut strip[..(here - 1) * step as usize + size];
                let component = self.lead + lead * (first + start as u64 + rows * column as u64);
                self.input.read_at(data + component * size as u64, strip)?;
                for (i, value) in strip.chunks(step as usize).enumerate() {
                    let at = ((start + i) * dim + column) * size;
                    bytes[at..at + size].copy_from_slice(&value[..size]);
                }
            }
        }
        Ok(())
    }
}

/// The part of an array of three dimensions that a selector names.
fn leading_index(input: &Input, header: &Header, selector: &str) -> Result<u64, ShardError> {
    let exists = if header.three {
        match selector.parse().ok() {
            Some(index) if index < header.lead => return Ok(index),
            _ => format!(
                "the array has three dimensions: #0 to #{} choose one",
                header.lead.saturating_sub(1)
            ),
        }
    } else {
        "the array has two dimensions and takes no selector".to_owned()
    };
    let reason = format!("no part is called #{selector}; {exists}");
    Err(ShardError::bad_selector(input.place(), reason))
}

impl Shard for NpyShard {
    fn rows(&self) -> u64 {
        self.header.rows
    }

    fn dim(&self) -> usize {
        self.header.dim
    }

    fn dtype(&self) -> Dtype {
        self.header.dtype
    }

    fn access(&self) -> Access {
        Access::Random
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        let bytes = buf.as_bytes_mut();
        if self.header.fortran {
            self.read_fortran(first, count, bytes)?;
        } else {
            self.read_c_order(first, bytes)?;
        }
        if self.header.swapped {
            swap_bytes(self.header.dtype, bytes);
        }
        Ok(())
    }
}
