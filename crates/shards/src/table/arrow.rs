//! Rows of an Arrow IPC list column.
//!
//! Uncompressed batches are read by position, straight from the values buffer; compressed ones are decoded in order.

use std::sync::{Mutex, PoisonError};

use kernels::Dtype;

use super::columns::{self, Lists, wrong_width};
use super::scan::{self, Batch};
use super::stream::{Codec, Part, Stream};
use crate::buffer::{Buffer, swap_bytes};
use crate::error::ShardError;
use crate::input::Input;
use crate::resolve::Role;
use crate::shard::{Access, Opened, Shard, range_bytes};

struct ArrowShard {
    input: Input,
    batches: Vec<Batch>,
    /// First row of each batch, and the number of all rows.
    starts: Vec<u64>,
    lists: Lists,
    dim: usize,
    dtype: Dtype,
    decoder: Mutex<Option<Decoder>>,
}

/// Open streams of one compressed batch.
struct Decoder {
    batch: usize,
    /// The row of the batch that comes next.
    row: u64,
    values: Stream,
    offsets: Option<Stream>,
    /// Where that row starts in the values.
    start: u64,
}

/// Rows of an Arrow IPC file or stream in memory: those of `column`, or of the only column that holds rows.
///
/// # Errors
/// `BAD_FORMAT`, `UNSUPPORTED` and `BAD_SELECTOR` as for a file.
pub fn memory_arrow(bytes: Vec<u8>, column: Option<&str>) -> Result<Box<dyn Shard>, ShardError> {
    Ok(open(Input::memory(bytes), column, Role::Other)?.shard)
}

/// Opens the column called `selector`, or the one that holds rows.
pub(crate) fn open(input: Input, selector: Option<&str>, role: Role) -> Result<Opened, ShardError> {
    let choose = |schema: &_| columns::choose(schema, selector, role, input.place());
    let (schema, column, batches) = scan::scan(&input, choose)?;
    let field = schema.field(column);
    let Some((lists, dtype)) = columns::kind(field.data_type()) else {
        return Err(ShardError::bad_format(input.place(), "has no list column"));
    };
    let mut starts = vec![0_u64];
    for batch in &batches {
        let next = starts[starts.len() - 1].checked_add(batch.rows);
        starts.push(next.ok_or_else(|| ShardError::bad_format(input.place(), "promises too many rows"))?);
    }
    let mut shard = ArrowShard {
        input,
        batches,
        starts,
        lists,
        dim: 0,
        dtype,
        decoder: Mutex::new(None),
    };
    let dim = match lists {
        Lists::Fixed(dim) => dim,
        _ => shard.first_width()?,
    };
    shard.dim = columns::check_dim(dim, shard.input.place())?;
    shard.check_sizes()?;
    Ok(Opened {
        shard: Box::new(shard),
        selector: Some(field.name().clone()),
        index: None,
    })
}

impl ArrowShard {
    fn first_width(&self) -> Result<usize, ShardError> {
        let place = self.input.place();
        let Some(batch) = self.batches.iter().find(|batch| batch.rows > 0) else {
            return Err(ShardError::empty(place, "there is no row"));
        };
        self.check_nulls(batch, 0, 1, 0)?;
        let ends = self.offsets(batch, 0, 1)?;
        let width = ends[1]
            .checked_sub(ends[0])
            .and_then(|width| usize::try_from(width).ok());
        width.ok_or_else(|| ShardError::bad_format(place, "has rows that end before they start"))
    }

    /// The values of an uncompressed batch must cover its rows before a block is sized by them.
    fn check_sizes(&self) -> Result<(), ShardError> {
        for batch in &self.batches {
            let items = batch.rows.checked_mul(self.dim as u64);
            let bytes = batch.items.checked_mul(self.dtype.size() as u64);
            let enough = items
                .is_some_and(|items| items <= batch.items || self.lists != Lists::Fixed(self.dim))
                && bytes.is_some_and(|bytes| bytes <= batch.values.len || batch.codec != Codec::Plain);
            if !enough {
                return Err(ShardError::bad_format(
                    self.input.place(),
                    "has a batch with fewer values than rows",
                ));
            }
        }
        Ok(())
    }

    /// Reads rows of one batch by position.
    fn read_plain(&self, index: usize, first: u64, bytes: &mut [u8]) -> Result<(), ShardError> {
        let (batch, count) = (&self.batches[index], self.count(bytes));
        self.check_nulls(batch, first, count, self.starts[index])?;
        let start = match self.lists {
            Lists::Fixed(dim) => first * dim as u64,
            _ => self.check_widths(
                &self.offsets(batch, first, count)?,
                self.starts[index] + first,
                batch,
            )?,
        };
        self.check_item_nulls(batch, start, count, self.starts[index] + first)?;
        self.input
            .read_ahead_at(batch.values.offset + start * self.dtype.size() as u64, bytes)
    }

    /// Decodes rows of one compressed batch.
    fn read_coded(&self, index: usize, first: u64, bytes: &mut [u8]) -> Result<(), ShardError> {
        let (batch, count) = (&self.batches[index], self.count(bytes));
        self.check_nulls(batch, first, count, self.starts[index])?;
        let mut slot = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        // taken out, so that a failed read leaves no half-read decoder behind
        let mut decoder = match slot.take() {
            Some(decoder) if decoder.batch == index && decoder.row <= first => decoder,
            _ => self.start(index)?,
        };
        if let Some(stream) = &mut decoder.offsets {
            let width = self.offset_bytes();
            // the end of the row before was read as the start of the next one, save for the first row
            let known = u64::from(decoder.row == first && first > 0);
            let mut ends = vec![0; (count + 1 - known as usize) * width];
            stream.read(&self.input, (first + known) * width as u64, &mut ends)?;
            let known = (known == 1).then_some(decoder.start.cast_signed());
            let ends: Vec<i64> = known.into_iter().chain(parse_offsets(&ends, width)).collect();
            decoder.start = self.check_widths(&ends, self.starts[index] + first, batch)?;
        } else {
            decoder.start = first * self.dim as u64;
        }
        self.check_item_nulls(batch, decoder.start, count, self.starts[index] + first)?;
        decoder
            .values
            .read(&self.input, decoder.start * self.dtype.size() as u64, bytes)?;
        decoder.start += (count * self.dim) as u64;
        decoder.row = first + count as u64;
        *slot = Some(decoder);
        Ok(())
    }

    fn start(&self, index: usize) -> Result<Decoder, ShardError> {
        let batch = &self.batches[index];
        let open = |part| Stream::open(&self.input, part, batch.codec);
        let offsets = batch.offsets.map(open).transpose()?;
        Ok(Decoder {
            batch: index,
            row: 0,
            values: open(batch.values)?,
            offsets,
            start: 0,
        })
    }

    fn count(&self, bytes: &[u8]) -> usize {
        bytes.len() / (self.dim * self.dtype.size())
    }

    fn offset_bytes(&self) -> usize {
        if self.lists == Lists::Offsets64 { 8 } else { 4 }
    }

    /// The `count + 1` row ends around rows `first..first + count` of a batch.
    fn offsets(&self, batch: &Batch, first: u64, count: usize) -> Result<Vec<i64>, ShardError> {
        let width = self.offset_bytes();
        let part = batch.offsets.unwrap_or(batch.values);
        let mut bytes = vec![0; (count + 1) * width];
        self.read_part(batch, part, first.saturating_mul(width as u64), &mut bytes)?;
        Ok(parse_offsets(&bytes, width).collect())
    }

    /// Bytes at `at` of a buffer, which must hold them.
    fn read_part(&self, batch: &Batch, part: Part, at: u64, bytes: &mut [u8]) -> Result<(), ShardError> {
        if batch.codec != Codec::Plain {
            return Stream::open(&self.input, part, batch.codec)?.read(&self.input, at, bytes);
        }
        if at
            .checked_add(bytes.len() as u64)
            .is_none_or(|end| end > part.len)
        {
            return Err(ShardError::bad_format(
                self.input.place(),
                "has a buffer shorter than its rows",
            ));
        }
        self.input.read_at(part.offset + at, bytes)
    }

    /// Where the first of the rows starts in the values, when all have the shard's width.
    fn check_widths(&self, ends: &[i64], first: u64, batch: &Batch) -> Result<u64, ShardError> {
        for (row, pair) in ends.windows(2).enumerate() {
            let width = pair[1].saturating_sub(pair[0]);
            if usize::try_from(width) != Ok(self.dim) {
                return Err(wrong_width(
                    self.input.place(),
                    first + row as u64,
                    width,
                    self.dim,
                ));
            }
        }
        let inside = ends
            .last()
            .is_some_and(|&end| u64::try_from(end).is_ok_and(|end| end <= batch.items));
        let start = u64::try_from(ends[0]).ok().filter(|_| inside);
        start.ok_or_else(|| ShardError::bad_format(self.input.place(), "has rows outside of its values"))
    }

    fn check_nulls(&self, batch: &Batch, first: u64, count: usize, base: u64) -> Result<(), ShardError> {
        let Some(part) = batch.row_nulls else {
            return Ok(());
        };
        match self.first_null(batch, part, first, count as u64)? {
            Some(row) => Err(ShardError::bad_row(self.input.place(), base + row, "is null")),
            None => Ok(()),
        }
    }

    fn check_item_nulls(
        &self,
        batch: &Batch,
        start: u64,
        count: usize,
        first: u64,
    ) -> Result<(), ShardError> {
        let Some(part) = batch.item_nulls else {
            return Ok(());
        };
        match self.first_null(batch, part, start, (count * self.dim) as u64)? {
            Some(item) => {
                let (row, column) = ((item - start) / self.dim as u64, (item - start) % self.dim as u64);
                let reason = format!("column {column} is null");
                Err(ShardError::bad_row(self.input.place(), first + row, reason))
            }
            None => Ok(()),
        }
    }

    /// First position from `first` on whose validity bit is not set.
    fn first_null(
        &self,
        batch: &Batch,
        part: Part,
        first: u64,
        count: u64,
    ) -> Result<Option<u64>, ShardError> {
        if count == 0 {
            return Ok(None);
        }
        let from = first / 8;
        let mut bits = vec![0; ((first + count).div_ceil(8) - from) as usize];
        self.read_part(batch, part, from, &mut bits)?;
        Ok((first..first + count).find(|i| bits[(i / 8 - from) as usize] >> (i % 8) & 1 == 0))
    }
}

fn parse_offsets(bytes: &[u8], width: usize) -> impl Iterator<Item = i64> + '_ {
    bytes.chunks_exact(width).map(|offset| match *offset {
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => unreachable!("offsets have four or eight bytes"),
    })
}

impl Shard for ArrowShard {
    fn rows(&self) -> u64 {
        self.starts[self.starts.len() - 1]
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn access(&self) -> Access {
        let plain = self.batches.iter().all(|batch| batch.codec == Codec::Plain);
        if plain { Access::Random } else { Access::Sequential }
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        let row_bytes = self.dim * self.dtype.size();
        let (mut bytes, mut row) = (buf.as_bytes_mut(), first);
        while !bytes.is_empty() {
            let index = self.starts.partition_point(|&start| start <= row) - 1;
            let here = (self.starts[index + 1] - row).min((bytes.len() / row_bytes) as u64);
            let (out, rest) = bytes.split_at_mut(here as usize * row_bytes);
            match self.batches[index].codec {
                Codec::Plain => self.read_plain(index, row - self.starts[index], out)?,
                _ => self.read_coded(index, row - self.starts[index], out)?,
            }
            row += here;
            bytes = rest;
        }
        if cfg!(target_endian = "big") {
            swap_bytes(self.dtype, buf.as_bytes_mut());
        }
        Ok(())
    }
}
