//! Rows of a parquet list column, decoded in order, row group after row group.

use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use bytes::Bytes;
use kernels::Dtype;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::columns::{self, Lists};
use crate::buffer::Buffer;
use crate::error::{Place, ShardError};
use crate::input::{Input, InputReader};
use crate::resolve::Role;
use crate::shard::{Access, Opened, Shard, range_bytes};

/// Bytes of rows that are decoded at once.
const BATCH_BYTES: usize = 4 << 20;

struct ParquetShard {
    input: Input,
    metadata: ArrowReaderMetadata,
    column: usize,
    /// First row of each row group, and the number of all rows.
    starts: Vec<u64>,
    dim: usize,
    dtype: Dtype,
    decoder: Mutex<Option<Decoder>>,
}

struct Decoder {
    batches: ParquetRecordBatchReader,
    batch: RecordBatch,
    /// Rows of `batch` that have been given.
    used: usize,
    /// The row that comes next.
    row: u64,
}

/// Opens the column called `selector`, or the one that holds rows.
pub(crate) fn open(input: Input, selector: Option<&str>, role: Role) -> Result<Opened, ShardError> {
    let metadata = read_metadata(&input)?;
    let column = columns::choose(metadata.schema(), selector, role, input.place())?;
    let name = metadata.schema().field(column).name().clone();
    check_compression(&metadata, &name, input.place())?;
    let starts = group_starts(&metadata, input.place())?;
    let kind = columns::kind(metadata.schema().field(column).data_type());
    let (lists, dtype) = kind.ok_or_else(|| ShardError::bad_format(input.place(), "has no list column"))?;
    let mut shard = ParquetShard {
        input,
        metadata,
        column,
        starts,
        dim: 0,
        dtype,
        decoder: Mutex::new(None),
    };
    let dim = match lists {
        Lists::Fixed(dim) => dim,
        _ => guarded(shard.input.place(), || shard.first_width())?,
    };
    shard.dim = columns::check_dim(dim, shard.input.place())?;
    Ok(Opened {
        shard: Box::new(shard),
        selector: Some(name),
        index: None,
    })
}

/// Reads the footer.
pub(super) fn read_metadata(input: &Input) -> Result<ArrowReaderMetadata, ShardError> {
    guarded(input.place(), || {
        ArrowReaderMetadata::load(&Chunks(input.clone()), ArrowReaderOptions::new())
            .map_err(|e| failed(input.place(), &e))
    })
}

/// Runs the parquet crate's decoder, which panics on some damaged files: that is an error of the file like any other.
pub(super) fn guarded<T>(
    place: &Place,
    decode: impl FnOnce() -> Result<T, ShardError>,
) -> Result<T, ShardError> {
    // what the closure borrows is dropped or replaced after a failure, so no broken state is seen
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(failed(place, &"its pages are damaged")))
}

/// Rows of a parquet file, by its footer.
pub(crate) fn parquet_rows(input: &Input) -> Result<u64, ShardError> {
    let starts = group_starts(&read_metadata(input)?, input.place())?;
    Ok(starts[starts.len() - 1])
}

pub(super) fn failed(place: &Place, error: &dyn std::fmt::Display) -> ShardError {
    ShardError::bad_format(place, format!("is no valid parquet file: {error}"))
}

fn check_compression(metadata: &ArrowReaderMetadata, column: &str, place: &Place) -> Result<(), ShardError> {
    for group in metadata.metadata().row_groups() {
        for chunk in group.columns() {
            let ours = chunk
                .column_path()
                .parts()
                .first()
                .is_some_and(|part| part == column);
            if ours && matches!(chunk.compression(), Compression::BROTLI(_) | Compression::LZO) {
                let reason = format!(
                    "column #{column} is compressed by {:?}; write it with snappy, gzip, lz4, zstd or none",
                    chunk.compression()
                );
                return Err(ShardError::unsupported(place, reason));
            }
        }
    }
    Ok(())
}

/// First row of each row group, and the number of all rows.
pub(super) fn group_starts(metadata: &ArrowReaderMetadata, place: &Place) -> Result<Vec<u64>, ShardError> {
    let mut starts = vec![0_u64];
    for group in metadata.metadata().row_groups() {
        let last = starts[starts.len() - 1];
        let next = u64::try_from(group.num_rows())
            .ok()
            .and_then(|rows| last.checked_add(rows));
        starts.push(next.ok_or_else(|| failed(place, &"a row group has an impossible number of rows"))?);
    }
    Ok(starts)
}

impl ParquetShard {
    fn first_width(&self) -> Result<usize, ShardError> {
        use arrow_array::Array;
        let place = self.input.place();
        if self.rows() == 0 {
            return Err(ShardError::empty(place, "there is no row"));
        }
        let batch = self
            .builder(0, 1)
            .with_limit(1)
            .build()
            .map_err(|e| failed(place, &e))?
            .next();
        let batch = batch
            .ok_or_else(|| failed(place, &"the first row is missing"))?
            .map_err(|e| failed(place, &e))?;
        let lists = batch.column(0);
        if lists.is_empty() || lists.is_null(0) {
            return Err(ShardError::bad_row(place, 0, "is null"));
        }
        let any = lists.as_any();
        let width = any
            .downcast_ref::<arrow_array::ListArray>()
            .map(|list| list.value(0).len());
        let width = width.or_else(|| {
            any.downcast_ref::<arrow_array::LargeListArray>()
                .map(|l| l.value(0).len())
        });
        width.ok_or_else(|| failed(place, &"its column is no list"))
    }

    fn builder(&self, group: usize, batch_rows: usize) -> ParquetRecordBatchReaderBuilder<Chunks> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
            Chunks(self.input.clone()),
            self.metadata.clone(),
        );
        let mask = ProjectionMask::roots(builder.parquet_schema(), [self.column]);
        let groups = (group..self.starts.len() - 1).collect();
        builder
            .with_projection(mask)
            .with_row_groups(groups)
            .with_batch_size(batch_rows)
    }

    fn start(&self, first: u64) -> Result<Decoder, ShardError> {
        let group = self
            .starts
            .partition_point(|&start| start <= first)
            .saturating_sub(1);
        let group = group.min(self.starts.len().saturating_sub(2));
        let batch_rows = (BATCH_BYTES / (self.dim * self.dtype.size())).clamp(1, 8192);
        let builder = self
            .builder(group, batch_rows)
            .with_offset((first - self.starts[group]) as usize);
        let batches = builder.build().map_err(|e| failed(self.input.place(), &e))?;
        let batch = RecordBatch::new_empty(arrow_array::RecordBatchReader::schema(&batches));
        Ok(Decoder {
            batches,
            batch,
            used: 0,
            row: first,
        })
    }

    fn decode(&self, decoder: &mut Decoder, mut bytes: &mut [u8]) -> Result<(), ShardError> {
        let place = self.input.place();
        let row_bytes = self.dim * self.dtype.size();
        while !bytes.is_empty() {
            if decoder.used == decoder.batch.num_rows() {
                let next = decoder
                    .batches
                    .next()
                    .ok_or_else(|| failed(place, &"it ends before its last row"))?;
                decoder.batch = next.map_err(|e| failed(place, &e))?;
                decoder.used = 0;
            }
            let n = (bytes.len() / row_bytes).min(decoder.batch.num_rows() - decoder.used);
            let (here, rest) = bytes.split_at_mut(n * row_bytes);
            let range = decoder.used..decoder.used + n;
            let first = decoder.row - decoder.used as u64;
            columns::copy_rows(decoder.batch.column(0), range, self.dim, here, place, first)?;
            decoder.used += n;
            decoder.row += n as u64;
            bytes = rest;
        }
        Ok(())
    }
}

impl Shard for ParquetShard {
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
        Access::Sequential
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        if count == 0 {
            return Ok(());
        }
        let mut slot = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        // taken out, so that a failed read leaves no half-read decoder behind
        let taken = slot.take().filter(|decoder| decoder.row == first);
        let decoder = guarded(self.input.place(), || {
            let mut decoder = taken.map_or_else(|| self.start(first), Ok)?;
            self.decode(&mut decoder, buf.as_bytes_mut())?;
            Ok(decoder)
        })?;
        if decoder.row < self.rows() {
            *slot = Some(decoder);
        }
        Ok(())
    }
}

/// An input as the parquet crate reads one; every reader has a position of its own.
#[derive(Debug, Clone)]
pub(super) struct Chunks(pub Input);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<InputReader>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(self.0.reader(start, self.0.len())))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self
            .0
            .bytes_at(start, length as u64)
            .map_err(|e| ParquetError::External(Box::new(e)))?;
        Ok(bytes.into())
    }
}
