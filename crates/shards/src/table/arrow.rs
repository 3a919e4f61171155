//! Rows of an Arrow IPC list column.
//!
//! Uncompressed batches are read by position, straight from the values buffer; compressed ones are decoded in order.

use std::sync::{Mutex, PoisonError};

use kernels::Dtype;

use super::columns::{self, Lists, Wanted};
use super::scan::{self, Batch};
use super::stream::{Codec, Part, Stream};
use crate::buffer::{Buffer, swap_bytes};
use crate::error::{Place, ShardError};
use crate::fault::Fault;
use crate::input::Input;
use crate::known::Known;
use crate::pooled::{pooled, split};
use crate::rows::{Access, Ask, Opened, Shard, range_bytes};

struct ArrowShard {
    input: Input,
    batches: Vec<Batch>,
    /// First row of each batch, and the number of all rows.
    starts: Vec<u64>,
    lists: Lists,
    dim: usize,
    dtype: Dtype,
    /// Names of the other columns.
    others: Vec<String>,
    decoder: Mutex<Option<Decoder>>,
}

/// Open streams of one compressed batch.
struct Decoder {
    batch: usize,
    /// The row of the batch that comes next.
    row: u64,
    values: Stream,
    offsets: Option<Stream>,
    /// Where the row before it ends in the values.
    end: i64,
}

/// Rows that cannot be given, by their index in a read.
type Faults = Vec<(usize, Fault)>;

/// Rows of an Arrow IPC file or stream in memory: those of `column`, or of the only column that holds rows.
///
/// # Errors
/// `BAD_FORMAT`, `UNSUPPORTED` and `BAD_SELECTOR` as for a file.
pub fn memory_arrow(bytes: Vec<u8>, column: Option<&str>) -> Result<Box<dyn Shard>, ShardError> {
    let ask = Ask {
        selector: column,
        ..Ask::default()
    };
    let opened = open(Input::memory(bytes), &ask)?;
    match opened.shard.rows() {
        0 => Err(ShardError::empty(&Place::MEMORY, "there is no row")),
        _ if opened.shard.dim() == 0 => Err(ShardError::bad_row(
            &Place::MEMORY,
            0,
            "is null or empty, as are the rows after it",
        )),
        _ => Ok(opened.shard),
    }
}

/// Components that rows of a block may have beyond their width, all together: some are too long.
const MOST_STRAY: u64 = 1 << 27;
/// Rows that are looked at for their width, in the batches that they begin in.
const WIDTH_ROWS: u64 = 8192;

/// Opens the column that is asked for, or the one that holds rows.
pub(crate) fn open(input: Input, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    let (schema, rows) = scan::checked(&input)?;
    let wanted = Wanted {
        selector: ask.selector,
        role: ask.role,
        tensors: ask.pool.is_some(),
        nested: false,
    };
    let chosen = columns::choose(&schema, wanted, input.place());
    if chosen.is_err() && rows == 0 {
        return Ok(Opened::empty());
    }
    let column = chosen?;
    let (schema, column, batches) = scan::scan(&input, |_| Ok(column))?;
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
        others: columns::others(&schema, column),
        decoder: Mutex::new(None),
    };
    let dim = match (lists, ask.dim) {
        (Lists::Fixed(dim), _) | (_, Some(dim)) => dim,
        _ => shard.usual_width()?,
    };
    shard.dim = columns::check_dim(dim, shard.input.place())?;
    shard.check_sizes()?;
    let shard: Box<dyn Shard> = Box::new(shard);
    Ok(Opened {
        shard: match columns::states(field) {
            None => shard,
            Some((each, dim)) => pooled(split(shard, dim), ask.pool.map(|pool| (each, pool))),
        },
        selector: Some(field.name().clone()),
        known: Known::default(),
    })
}

impl ArrowShard {
    /// The width of most of the first rows; 0 where none of them says any.
    fn usual_width(&self) -> Result<usize, ShardError> {
        let mut widths = Vec::new();
        for batch in self.batches.iter().filter(|batch| batch.rows > 0) {
            let count = batch.rows.min(WIDTH_ROWS) as usize;
            let ends = self.offsets(batch, 0, count)?;
            let null = self.nulls(batch, batch.row_nulls, 0, count)?;
            let width = |(row, pair): (usize, &[i64])| {
                let width = usize::try_from(pair[1].saturating_sub(pair[0])).unwrap_or(0);
                if null(row) { 0 } else { width }
            };
            widths.extend(ends.windows(2).enumerate().map(width));
            if widths.len() as u64 >= WIDTH_ROWS {
                break;
            }
        }
        Ok(columns::usual_width(widths).unwrap_or(0))
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
    fn read_plain(&self, index: usize, first: u64, bytes: &mut [u8]) -> Result<Faults, ShardError> {
        let (batch, count) = (&self.batches[index], self.count(bytes));
        let ends = match self.lists {
            Lists::Fixed(_) => None,
            _ => Some(self.offsets(batch, first, count)?),
        };
        let (starts, faults) = self.places(batch, first, count, ends.as_deref())?;
        self.each_run(&starts, &faults, bytes, |start, bytes| {
            let offset = batch.values.offset + start * self.dtype.size() as u64;
            self.input.read_ahead_at(offset, bytes)
        })?;
        Ok(faults)
    }

    /// Decodes rows of one compressed batch.
    fn read_coded(&self, index: usize, first: u64, bytes: &mut [u8]) -> Result<Faults, ShardError> {
        let (batch, count) = (&self.batches[index], self.count(bytes));
        let mut slot = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        // taken out, so that a failed read leaves no half-read decoder behind
        let mut decoder = match slot.take() {
            Some(decoder) if decoder.batch == index && decoder.row <= first => decoder,
            _ => self.start(index)?,
        };
        let mut ends = None;
        if let Some(stream) = &mut decoder.offsets {
            let width = self.offset_bytes();
            // the end of the row before was read as the start of the next one, save for the first row
            let known = u64::from(decoder.row == first && first > 0);
            let mut more = vec![0; (count + 1 - known as usize) * width];
            stream.read(&self.input, (first + known) * width as u64, &mut more)?;
            let known = (known == 1).then_some(decoder.end);
            let all: Vec<i64> = known.into_iter().chain(parse_offsets(&more, width)).collect();
            decoder.end = all[count];
            ends = Some(all);
        }
        let (starts, faults) = self.places(batch, first, count, ends.as_deref())?;
        let values = &mut decoder.values;
        self.each_run(&starts, &faults, bytes, |start, bytes| {
            values.read(&self.input, start * self.dtype.size() as u64, bytes)
        })?;
        decoder.row = first + count as u64;
        *slot = Some(decoder);
        Ok(faults)
    }

    /// Where each row starts in the values, and the rows that cannot be given.
    fn places(
        &self,
        batch: &Batch,
        first: u64,
        count: usize,
        ends: Option<&[i64]>,
    ) -> Result<(Vec<u64>, Faults), ShardError> {
        let dim = self.dim as u64;
        let outside = || ShardError::bad_format(self.input.place(), "has rows outside of its values");
        let span = |row: usize| match ends {
            None => Ok(((first + row as u64) * dim, self.dim)),
            Some(ends) => {
                let start = u64::try_from(ends[row]).ok();
                let width = usize::try_from(ends[row + 1].saturating_sub(ends[row])).ok();
                start.zip(width).ok_or_else(outside)
            }
        };
        let spans = (0..count).map(span).collect::<Result<Vec<_>, _>>()?;
        let row_null = self.nulls(batch, batch.row_nulls, first, count)?;
        let from = spans.iter().map(|span| span.0).min().unwrap_or(0);
        let to = spans
            .iter()
            .map(|span| span.0.saturating_add(span.1 as u64))
            .max()
            .unwrap_or(0);
        // rows lie one behind the other, so that what is asked of the validity below is bounded
        if to > batch.items || to - from > (count * self.dim) as u64 + MOST_STRAY {
            return Err(outside());
        }
        let item_null = self.nulls(batch, batch.item_nulls, from, (to - from) as usize)?;
        let fault = |(row, &(start, width)): (usize, &(u64, usize))| {
            let at = (start - from) as usize;
            let fault = if row_null(row) {
                Some(Fault::Null)
            } else if width != self.dim {
                Some(Fault::Width {
                    found: width,
                    expected: self.dim,
                })
            } else if batch.item_nulls.is_none() {
                None
            } else {
                let null = (0..width).find(|&column| item_null(at + column));
                null.map(|column| Fault::NullComponent { column })
            };
            fault.map(|fault| (row, fault))
        };
        let faults = spans.iter().enumerate().filter_map(fault).collect();
        Ok((spans.into_iter().map(|span| span.0).collect(), faults))
    }

    /// Gives `read` every run of good rows that lie one behind the other: where it starts, and where it goes.
    fn each_run(
        &self,
        starts: &[u64],
        faults: &[(usize, Fault)],
        bytes: &mut [u8],
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), ShardError>,
    ) -> Result<(), ShardError> {
        let row_bytes = self.dim * self.dtype.size();
        let mut bad = faults.iter().map(|fault| fault.0).peekable();
        let mut row = 0;
        while row < starts.len() {
            if bad.next_if_eq(&row).is_some() {
                row += 1;
                continue;
            }
            let until = bad.peek().copied().unwrap_or(starts.len());
            let follows = |&next: &usize| starts[next] == starts[row] + ((next - row) * self.dim) as u64;
            let end = row + (row..until).take_while(follows).count();
            read(starts[row], &mut bytes[row * row_bytes..end * row_bytes])?;
            row = end;
        }
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
            end: 0,
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

    /// Whether entries of a validity buffer, counted from `first`, are null.
    fn nulls(
        &self,
        batch: &Batch,
        part: Option<Part>,
        first: u64,
        count: usize,
    ) -> Result<impl Fn(usize) -> bool + use<>, ShardError> {
        let from = first / 8;
        let mut bits = Vec::new();
        if let Some(part) = part.filter(|_| count > 0) {
            bits.resize(((first + count as u64).div_ceil(8) - from) as usize, 0_u8);
            self.read_part(batch, part, from, &mut bits)?;
        }
        Ok(move |i: usize| {
            let at = first + i as u64;
            let byte = bits.get((at / 8 - from) as usize);
            byte.is_some_and(|byte| byte >> (at % 8) & 1 == 0)
        })
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
        let mut faults = Vec::new();
        while !bytes.is_empty() {
            let index = self.starts.partition_point(|&start| start <= row) - 1;
            let here = (self.starts[index + 1] - row).min((bytes.len() / row_bytes) as u64);
            let (out, rest) = bytes.split_at_mut(here as usize * row_bytes);
            let found = match self.batches[index].codec {
                Codec::Plain => self.read_plain(index, row - self.starts[index], out)?,
                _ => self.read_coded(index, row - self.starts[index], out)?,
            };
            let before = (row - first) as usize;
            faults.extend(found.into_iter().map(|(row, fault)| (before + row, fault)));
            row += here;
            bytes = rest;
        }
        if cfg!(target_endian = "big") {
            swap_bytes(self.dtype, buf.as_bytes_mut());
        }
        buf.spoil(self.dtype, self.dim, faults);
        Ok(())
    }

    fn beside(&self) -> Vec<String> {
        self.others.clone()
    }
}
