//! The columns beside the rows, read in step with them.

use std::io::BufReader;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

use super::messages::is_file;
use super::pages::{Budget, check_pages, decoded_bytes, guarded};
use super::parquet::read_metadata;
use super::scan;
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::input::Input;
use crate::shard_ref::ShardRef;

/// Rows that are decoded at once: captions may be long.
const BATCH_ROWS: usize = 1024;
/// Columns beside the rows at most: each is decoded and encoded in memory of its own.
const MAX_COLUMNS: usize = 2048;

/// Decoded batches of some columns.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// The other columns of a table, without the dropped rows.
pub(crate) struct Companions {
    /// Schema of the whole table.
    pub schema: SchemaRef,
    /// Index of the column of rows in it; `None` when all columns are companions.
    pub vector: Option<usize>,
    /// Metadata of a parquet file, for its layout.
    pub parquet: Option<ArrowReaderMetadata>,
    place: Place,
    batches: Option<Batches>,
    batch: RecordBatch,
    used: usize,
    /// Index in the table of the row that comes next.
    row: u64,
    dropped: std::iter::Peekable<std::vec::IntoIter<u64>>,
    budget: Budget,
}

impl Companions {
    /// The companions of `like`'s rows; `None` when it is not a table.
    pub fn of(like: &ShardRef, dropped: &[u64]) -> Result<Option<Self>, ShardError> {
        let input = match like.format {
            Format::Parquet | Format::Arrow => Input::open(&like.path)?,
            _ => return Ok(None),
        };
        let vector = |schema: &SchemaRef| {
            let name = like.selector.as_deref().unwrap_or_default();
            schema
                .index_of(name)
                .map_err(|e| ShardError::bad_selector(input.place(), e.to_string()))
        };
        if like.format == Format::Parquet {
            let metadata = read_metadata(&input)?;
            let vector = vector(metadata.schema())?;
            return Self::of_parquet(&input, metadata, Some(vector), dropped).map(Some);
        }
        // the scan checks every length that the reader below allocates by
        let (schema, column, _) = scan::scan(&input, |schema| vector(&Arc::new(schema.clone())))?;
        let others: Vec<usize> = (0..schema.fields().len()).filter(|&i| i != column).collect();
        let batches = if others.is_empty() {
            None
        } else {
            Some(arrow_batches(&input, others)?)
        };
        Ok(Some(Self::new(
            Arc::new(schema),
            Some(column),
            None,
            &input,
            batches,
            dropped,
        )))
    }

    /// Every column of a parquet file but `vector`.
    pub fn of_parquet(
        input: &Input,
        metadata: ArrowReaderMetadata,
        vector: Option<usize>,
        dropped: &[u64],
    ) -> Result<Self, ShardError> {
        let schema = metadata.schema().clone();
        let others: Vec<usize> = (0..schema.fields().len())
            .filter(|&i| Some(i) != vector)
            .collect();
        if others.len() > MAX_COLUMNS {
            let reason = format!(
                "has {} columns beside its rows; {MAX_COLUMNS} at most are carried along: write it with fewer",
                others.len()
            );
            return Err(ShardError::unsupported(input.place(), reason));
        }
        let batches: Option<Batches> = if others.is_empty() {
            None
        } else {
            let checked = check_pages(input, &metadata, |field| Some(field) != vector)?;
            let chunks = checked.chunks(input);
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), others.iter().copied());
            let rows = checked.batch_rows(BATCH_ROWS);
            let reader = builder.with_projection(mask).with_batch_size(rows).build();
            Some(Box::new(reader.map_err(|e| bad(input.place(), &e))?))
        };
        Ok(Self::new(schema, vector, Some(metadata), input, batches, dropped))
    }

    fn new(
        schema: SchemaRef,
        vector: Option<usize>,
        parquet: Option<ArrowReaderMetadata>,
        input: &Input,
        batches: Option<Batches>,
        dropped: &[u64],
    ) -> Self {
        let batch = RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty()));
        let dropped = Vec::from(dropped).into_iter().peekable();
        Self {
            schema,
            vector,
            parquet,
            place: input.place().clone(),
            batches,
            batch,
            used: 0,
            row: 0,
            dropped,
            budget: Budget::of(input.len()),
        }
    }

    /// The other columns of the next `count` rows that are kept.
    pub fn take(&mut self, mut count: usize) -> Result<Vec<ArrayRef>, ShardError> {
        if self.batches.is_none() {
            return Ok(Vec::new());
        }
        let mut parts = Vec::new();
        while count > 0 {
            self.refill()?;
            if self.dropped.next_if_eq(&self.row).is_some() {
                self.advance(1);
                continue;
            }
            let until_dropped = self.dropped.peek().map_or(u64::MAX, |&row| row - self.row);
            let left = self.batch.num_rows() - self.used;
            let n = count
                .min(left)
                .min(usize::try_from(until_dropped).unwrap_or(usize::MAX));
            parts.push(self.batch.slice(self.used, n));
            self.advance(n);
            count -= n;
        }
        let Some(first) = parts.first() else {
            return Ok(Vec::new());
        };
        let joined = concat_batches(&first.schema(), &parts).map_err(|e| bad(&self.place, &e))?;
        Ok(joined.columns().to_vec())
    }

    fn advance(&mut self, rows: usize) {
        self.used += rows;
        self.row += rows as u64;
    }

    fn refill(&mut self) -> Result<(), ShardError> {
        while self.used == self.batch.num_rows() {
            let batches = &mut self.batches;
            let next = guarded(&self.place, || Ok(batches.as_mut().and_then(Iterator::next)))?;
            let ended = || ShardError::bad_format(&self.place, "its other columns end before its rows");
            self.batch = next.ok_or_else(ended)?.map_err(|e| bad(&self.place, &e))?;
            self.budget.take(decoded_bytes(&self.batch), &self.place)?;
            self.used = 0;
        }
        Ok(())
    }
}

/// Some columns of an Arrow file or stream whose lengths were checked by a scan.
pub(super) fn arrow_batches(input: &Input, columns: Vec<usize>) -> Result<Batches, ShardError> {
    let bytes = BufReader::new(input.reader(0, input.len()));
    let failed = |error: ArrowError| bad(input.place(), &error);
    Ok(if is_file(input)? {
        Box::new(FileReader::try_new(bytes, Some(columns)).map_err(failed)?)
    } else {
        Box::new(StreamReader::try_new(bytes, Some(columns)).map_err(failed)?)
    })
}

fn bad(place: &Place, error: &dyn std::fmt::Display) -> ShardError {
    ShardError::bad_format(place, format!("its other columns cannot be read: {error}"))
}
