//! Rows of a parquet list column, decoded in order, row group after row group.

use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use kernels::Dtype;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::chunks::Chunks;
use super::columns::{self, Lists, Wanted, Width};
use super::pages::{check_pages, failed, guarded};
use crate::buffer::Buffer;
use crate::error::{Place, ShardError};
use crate::fault::Fault;
use crate::input::Input;
use crate::known::Known;
use crate::pooled::{pooled, split};
use crate::rows::{Access, Ask, Opened, Shard, range_bytes};

/// Bytes of rows that are decoded at once.
const BATCH_BYTES: usize = 4 << 20;

struct ParquetShard {
    input: Input,
    chunks: Chunks,
    metadata: ArrowReaderMetadata,
    column: usize,
    /// First row of each row group, and the number of all rows.
    starts: Vec<u64>,
    width: Width,
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

/// Rows that are looked at for their width: the first batch, and a longer one where that says none.
const WIDTH_ROWS: [usize; 2] = [64, 8192];

/// Opens the column that is asked for, or the one that holds rows.
pub(crate) fn open(input: Input, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    let metadata = read_metadata(&input)?;
    let starts = group_starts(&metadata, input.place())?;
    let wanted = Wanted {
        selector: ask.selector,
        role: ask.role,
        tensors: ask.pool.is_some(),
        nested: ask.pool.is_some(),
    };
    let chosen = columns::choose(metadata.schema(), wanted, input.place());
    if chosen.is_err() && starts[starts.len() - 1] == 0 {
        return Ok(Opened::empty());
    }
    let column = chosen?;
    let name = metadata.schema().field(column).name().clone();
    check_compression(&metadata, &name, input.place())?;
    let checked = check_pages(&input, &metadata, |field| field == column)?;
    let field = metadata.schema().field(column);
    let mut states = ask.pool.and_then(|_| columns::states(field));
    let nested = columns::nested(field.data_type()).filter(|_| ask.pool.is_some());
    let kind = nested
        .map(|dtype| (Lists::Offsets32, dtype))
        .or(columns::kind(field.data_type()));
    let (lists, dtype) = kind.ok_or_else(|| ShardError::bad_format(input.place(), "has no list column"))?;
    let mut shard = ParquetShard {
        chunks: checked.chunks(&input),
        input,
        metadata,
        column,
        starts,
        width: Width { dim: 0, state: None },
        dtype,
        decoder: Mutex::new(None),
    };
    let place = shard.input.place();
    let (dim, state) = match (lists, ask.dim) {
        _ if nested.is_some() => guarded(place, || shard.usual_width())?,
        (Lists::Fixed(dim), _) | (_, Some(dim)) => (dim, None),
        _ => guarded(place, || shard.usual_width())?,
    };
    let dim = columns::check_dim(dim, place)?;
    if let Some(state) = state {
        if dim % state != 0 {
            return Err(ShardError::bad_format(
                place,
                format!("has lists of states that are not of {state} columns each"),
            ));
        }
        states = Some(((dim / state) as u64, state));
    }
    shard.width = Width { dim, state };
    let shard: Box<dyn Shard> = Box::new(shard);
    Ok(Opened {
        shard: match states {
            None => shard,
            Some((each, dim)) => pooled(split(shard, dim), ask.pool.map(|pool| (each, pool))),
        },
        selector: Some(name),
        known: Known::default(),
    })
}

/// Reads the footer.
pub(super) fn read_metadata(input: &Input) -> Result<ArrowReaderMetadata, ShardError> {
    load_metadata(input, ArrowReaderOptions::new())
}

pub(super) fn load_metadata(
    input: &Input,
    options: ArrowReaderOptions,
) -> Result<ArrowReaderMetadata, ShardError> {
    let metadata = guarded(input.place(), || {
        ArrowReaderMetadata::load(&Chunks::footer(input), options).map_err(|e| failed(input.place(), &e))
    })?;
    check_begin(input, &metadata)?;
    Ok(metadata)
}

/// Refuses a file behind another one: the footer, which counts from the file's own start, would find the pages of the first.
fn check_begin(input: &Input, metadata: &ArrowReaderMetadata) -> Result<(), ShardError> {
    const MAGIC: &[u8; 4] = b"PAR1";
    let Some(trailer) = input.len().checked_sub(8) else {
        return Ok(());
    };
    let len = input.bytes_at(trailer, 4)?;
    let footer = trailer.checked_sub(u64::from(u32::from_le_bytes([len[0], len[1], len[2], len[3]])));
    let ends = |chunk: &ColumnChunkMetaData| {
        let first = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let parts = [
            (
                Some(first.min(chunk.data_page_offset())),
                Some(chunk.compressed_size()),
            ),
            (
                chunk.column_index_offset(),
                chunk.column_index_length().map(i64::from),
            ),
            (
                chunk.offset_index_offset(),
                chunk.offset_index_length().map(i64::from),
            ),
            (
                chunk.bloom_filter_offset(),
                chunk.bloom_filter_length().map(i64::from),
            ),
        ];
        parts.map(|(at, len)| at.zip(len).and_then(|(at, len)| at.checked_add(len)))
    };
    let groups = metadata.metadata().row_groups().iter();
    let last = groups
        .flat_map(RowGroupMetaData::columns)
        .flat_map(ends)
        .flatten()
        .max();
    let last = last.map_or(MAGIC.len() as u64, |last| u64::try_from(last).unwrap_or(0));
    let begin = footer.and_then(|footer| footer.checked_sub(last)).unwrap_or(0);
    if begin == 0 || input.bytes_at(begin, MAGIC.len() as u64)? != MAGIC {
        return Ok(());
    }
    let reason = format!(
        "holds {begin} bytes of another parquet file before this one; write all rows into one file, or one file each"
    );
    Err(ShardError::bad_format(input.place(), reason))
}

/// Rows of a parquet file, by its footer.
pub(crate) fn parquet_rows(input: &Input) -> Result<u64, ShardError> {
    let starts = group_starts(&read_metadata(input)?, input.place())?;
    Ok(starts[starts.len() - 1])
}

/// The files whose row groups a data set's `_metadata` describes, in order, each with its rows.
pub(crate) fn listed_in_footer(input: &Input) -> Result<Vec<(String, u64)>, ShardError> {
    let bad = |reason: &str| ShardError::bad_format(input.place(), reason);
    let mut files: Vec<(String, u64)> = Vec::new();
    for group in read_metadata(input)?.metadata().row_groups() {
        let name = group.columns().first().and_then(|column| column.file_path());
        let name = name.ok_or_else(|| bad("describes row groups without naming their files"))?;
        let rows =
            u64::try_from(group.num_rows()).map_err(|_| bad("describes an impossible number of rows"))?;
        match files.iter_mut().rev().find(|(file, _)| file == name) {
            Some((_, total)) => *total = total.saturating_add(rows),
            None => files.push((name.to_owned(), rows)),
        }
    }
    Ok(files)
}

fn check_compression(metadata: &ArrowReaderMetadata, column: &str, place: &Place) -> Result<(), ShardError> {
    for group in metadata.metadata().row_groups() {
        for chunk in group.columns() {
            let ours = chunk
                .column_path()
                .parts()
                .first()
                .is_some_and(|part| part == column);
            if ours && matches!(chunk.compression(), Compression::LZO) {
                let reason = format!(
                    "column #{column} is compressed by {:?}; write it with zstd, snappy, gzip, lz4, brotli or none",
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
    /// The width of most of the first rows, and of most states of them where lists are in lists; 0 where none of them says any.
    fn usual_width(&self) -> Result<(usize, Option<usize>), ShardError> {
        let place = self.input.place();
        for rows in WIDTH_ROWS {
            let mut batches = self
                .builder(0, rows)
                .with_limit(rows)
                .build()
                .map_err(|e| failed(place, &e))?;
            let Some(batch) = batches.next() else { break };
            let batch = batch.map_err(|e| failed(place, &e))?;
            let column = batch.column(0);
            if let Some(width) = columns::usual_width(columns::widths(column, place)?) {
                let state = if columns::nested(column.data_type()).is_some() {
                    columns::usual_width(columns::widths(columns::inner(column, place)?, place)?)
                } else {
                    None
                };
                return Ok((width, state));
            }
        }
        Ok((0, None))
    }

    fn builder(&self, group: usize, batch_rows: usize) -> ParquetRecordBatchReaderBuilder<Chunks> {
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.chunks.clone(), self.metadata.clone());
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
        let batch_rows = (BATCH_BYTES / (self.width.dim * self.dtype.size()).max(1)).clamp(1, 8192);
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

    fn decode(&self, decoder: &mut Decoder, mut bytes: &mut [u8]) -> Result<Vec<(usize, Fault)>, ShardError> {
        let (mut faults, mut done) = (Vec::new(), 0);
        let place = self.input.place();
        let row_bytes = self.width.dim * self.dtype.size();
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
            columns::copy_rows(
                decoder.batch.column(0),
                range,
                self.width,
                here,
                place,
                done,
                &mut faults,
            )?;
            decoder.used += n;
            decoder.row += n as u64;
            done += n;
            bytes = rest;
        }
        Ok(faults)
    }
}

impl Shard for ParquetShard {
    fn rows(&self) -> u64 {
        self.starts[self.starts.len() - 1]
    }

    fn dim(&self) -> usize {
        self.width.dim
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
        let (decoder, faults) = guarded(self.input.place(), || {
            let mut decoder = taken.map_or_else(|| self.start(first), Ok)?;
            let faults = self.decode(&mut decoder, buf.as_bytes_mut())?;
            Ok((decoder, faults))
        })?;
        buf.spoil(self.dtype, self.width.dim, faults);
        if decoder.row < self.rows() {
            *slot = Some(decoder);
        }
        Ok(())
    }
}
