//! Tables, written in order: parquet and Arrow IPC files.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::writer::FileWriter;
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use kernels::{Dtype, Rows};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::columns;
use super::companions::Companions;
use super::parquet::{group_starts, read_metadata};
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::input::Input;
use crate::rows::Access;
use crate::sink::{Failure, Sink};
use crate::writer::{OutputSpec, ShardWriter, check_range};

/// Name of the column when no input gives one.
const DEFAULT_COLUMN: &str = "embedding";
/// Bytes of rows in a row group when no input gives a size, and four times that the most: a group is held in memory.
const GROUP_BYTES: u64 = 32 << 20;
/// Components that are encoded at once: the parquet encoder holds each f16 as an object of its own.
const BATCH_COMPONENTS: usize = 1 << 16;
/// Components of one Arrow batch: row ends must fit 32 bits.
const ARROW_BATCH_COMPONENTS: usize = 1 << 28;

pub(crate) struct TableWriter {
    state: Mutex<State>,
    failure: Failure,
    dim: usize,
    dtype: Dtype,
    rows: u64,
}

struct State {
    table: Table,
    companions: Option<Companions>,
    vector: usize,
    next: u64,
}

/// An encoder with its schema and the rows of its coming row groups.
struct Table {
    encoder: Encoder,
    schema: SchemaRef,
    groups: VecDeque<u64>,
}

enum Encoder {
    Parquet(Box<ArrowWriter<Sink>>),
    Arrow(Box<FileWriter<Sink>>),
}

impl TableWriter {
    pub fn create(spec: &OutputSpec) -> Result<Self, ShardError> {
        let Some(item) = columns::item_type(spec.dtype) else {
            let reason = format!(
                "{} files hold no bf16; choose f16, f32 or f64",
                spec.format.name()
            );
            return Err(ShardError::unsupported(&Place::from(spec.path.as_path()), reason));
        };
        // a table without rows may lack their column, too
        let like = spec
            .like
            .as_ref()
            .filter(|like| like.rows > 0 || like.selector.is_some());
        let companions = match like {
            Some(like) => Companions::of(like, &spec.dropped)?,
            None => None,
        };
        let (schema, vector) = schema(spec, item, companions.as_ref());
        let metadata = companions
            .as_ref()
            .and_then(|companions| companions.parquet.as_ref());
        let groups = groups(spec, metadata)?;
        let (sink, failure) = Sink::create(&spec.path)?;
        let encoder = match spec.format {
            Format::Arrow => {
                let writer = FileWriter::try_new(sink, &schema).map_err(|e| failure.explain(e))?;
                Encoder::Arrow(Box::new(writer))
            }
            _ => Encoder::parquet(sink, &failure, &schema, Some(vector), metadata)?,
        };
        let state = State {
            table: Table {
                encoder,
                schema,
                groups,
            },
            companions,
            vector,
            next: 0,
        };
        Ok(Self {
            state: Mutex::new(state),
            failure,
            dim: spec.dim,
            dtype: spec.dtype,
            rows: spec.rows,
        })
    }
}

/// The schema of `like` with the rows' new type, or one column alone.
fn schema(spec: &OutputSpec, item: DataType, companions: Option<&Companions>) -> (SchemaRef, usize) {
    let width = i32::try_from(spec.dim).expect("a width is checked when an output is created");
    if let Some(Companions {
        schema,
        vector: Some(vector),
        ..
    }) = companions
    {
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        let old = &fields[*vector];
        let list = columns::with_item(old.data_type(), item, width);
        let mut field = old.as_ref().clone().with_data_type(list);
        if columns::states(old).is_some() {
            // pooled rows are not tensors of that shape any more
            field.metadata_mut().remove(EXTENSION_TYPE_NAME_KEY);
            field.metadata_mut().remove(EXTENSION_TYPE_METADATA_KEY);
        }
        fields[*vector] = Arc::new(field);
        return (
            Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())),
            *vector,
        );
    }
    let list = DataType::new_fixed_size_list(item, width, true);
    (
        Arc::new(Schema::new(vec![Field::new(DEFAULT_COLUMN, list, false)])),
        0,
    )
}

/// Rows of each row group: those of the input less the dropped ones, cut where a group would not fit in memory.
fn groups(spec: &OutputSpec, metadata: Option<&ArrowReaderMetadata>) -> Result<VecDeque<u64>, ShardError> {
    let row_bytes = (spec.dim * spec.dtype.size()) as u64;
    let usual = (GROUP_BYTES / row_bytes).max(1);
    let Some(metadata) = metadata else {
        return Ok(cut(spec.rows, usual).collect());
    };
    let sizes = kept_groups(metadata, &spec.dropped, &Place::from(spec.path.as_path()))?;
    let most = usual * 4;
    Ok(sizes
        .into_iter()
        .flat_map(|rows| cut(rows, rows.div_ceil(rows.div_ceil(most).max(1)).max(1)))
        .collect())
}

fn cut(rows: u64, size: u64) -> impl Iterator<Item = u64> {
    (0..rows.div_ceil(size)).map(move |i| size.min(rows - i * size))
}

fn kept_groups(
    metadata: &ArrowReaderMetadata,
    dropped: &[u64],
    place: &Place,
) -> Result<Vec<u64>, ShardError> {
    let before = |row: u64| dropped.partition_point(|&d| d < row) as u64;
    let starts = group_starts(metadata, place)?;
    let kept = starts
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) - (before(pair[1]) - before(pair[0])));
    Ok(kept.filter(|&rows| rows > 0).collect())
}

impl Encoder {
    fn parquet(
        sink: Sink,
        failure: &Failure,
        schema: &SchemaRef,
        vector: Option<usize>,
        like: Option<&ArrowReaderMetadata>,
    ) -> Result<Self, ShardError> {
        let mut properties = WriterProperties::builder().set_max_row_group_row_count(None);
        if let Some(like) = like {
            properties = like_properties(properties, like);
        }
        if let Some(vector) = vector
            && let Some(path) = leaf(schema.field(vector))
        {
            // components repeat too seldom for a dictionary, and their bounds tell nothing
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
            if let Some(compression) = like.and_then(|like| compression_of(like, schema.field(vector).name()))
            {
                properties = properties.set_column_compression(path, compression);
            }
        }
        let writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties.build()));
        Ok(Self::Parquet(Box::new(writer.map_err(|e| failure.explain(e))?)))
    }

    fn write(&mut self, failure: &Failure, batch: &RecordBatch) -> Result<(), ShardError> {
        match self {
            Self::Parquet(writer) => writer.write(batch).map_err(|e| failure.explain(e)),
            Self::Arrow(writer) => writer.write(batch).map_err(|e| failure.explain(e)),
        }
    }

    fn end_group(&mut self, failure: &Failure) -> Result<(), ShardError> {
        match self {
            Self::Parquet(writer) => writer.flush().map_err(|e| failure.explain(e)),
            Self::Arrow(_) => Ok(()),
        }
    }

    fn finish(self, failure: &Failure) -> Result<Sink, ShardError> {
        match self {
            Self::Parquet(writer) => writer.into_inner().map_err(|e| failure.explain(e)),
            Self::Arrow(writer) => writer.into_inner().map_err(|e| failure.explain(e)),
        }
    }
}

/// Path of the components of a list column.
fn leaf(field: &Field) -> Option<ColumnPath> {
    let (DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)) =
        field.data_type()
    else {
        return None;
    };
    Some(ColumnPath::new(vec![
        field.name().clone(),
        "list".to_owned(),
        item.name().clone(),
    ]))
}

/// Compression and metadata of the input.
fn like_properties(
    mut properties: WriterPropertiesBuilder,
    like: &ArrowReaderMetadata,
) -> WriterPropertiesBuilder {
    if let Some(group) = like.metadata().row_groups().first() {
        for chunk in group.columns() {
            properties =
                properties.set_column_compression(chunk.column_path().clone(), known(chunk.compression()));
        }
    }
    // the writer puts the schema in place of this one
    let pairs = like.metadata().file_metadata().key_value_metadata();
    properties.set_key_value_metadata(pairs.cloned())
}

fn compression_of(like: &ArrowReaderMetadata, column: &str) -> Option<Compression> {
    let group = like.metadata().row_groups().first()?;
    let ours = group
        .columns()
        .iter()
        .find(|c| c.column_path().parts().first().is_some_and(|p| p == column))?;
    Some(known(ours.compression()))
}

/// What cannot be encoded here is written by zstd.
fn known(compression: Compression) -> Compression {
    match compression {
        Compression::LZO => Compression::ZSTD(parquet::basic::ZstdLevel::default()),
        other => other,
    }
}

impl Table {
    /// Rows that the coming batch may have at most.
    fn room(&self, dim: usize) -> usize {
        let components = match self.encoder {
            Encoder::Parquet(_) => BATCH_COMPONENTS,
            Encoder::Arrow(_) => ARROW_BATCH_COMPONENTS,
        };
        let group = self
            .groups
            .front()
            .map_or(usize::MAX, |&rows| usize::try_from(rows).unwrap_or(usize::MAX));
        group.min((components / dim).max(1))
    }

    fn write(&mut self, failure: &Failure, columns: Vec<ArrayRef>, rows: usize) -> Result<(), ShardError> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        self.encoder
            .write(failure, &batch.map_err(|e| failure.explain(e))?)?;
        if let Some(left) = self.groups.front_mut() {
            *left -= rows as u64;
            if *left == 0 {
                self.groups.pop_front();
                self.encoder.end_group(failure)?;
            }
        }
        Ok(())
    }
}

impl ShardWriter for TableWriter {
    fn access(&self) -> Access {
        Access::Sequential
    }

    fn write(&self, first: u64, rows: Rows<'_>) -> Result<(), ShardError> {
        let count = check_range(rows, self.dtype, self.dim, first, self.rows) as usize;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            table,
            companions,
            vector,
            next,
        } = &mut *state;
        assert_eq!(*next, first, "rows come in order");
        let mut done = 0;
        while done < count {
            let n = (count - done).min(table.room(self.dim));
            let block = rows.slice(done * self.dim..(done + n) * self.dim);
            let mut columns = match companions {
                Some(companions) => companions.take(n)?,
                None => Vec::new(),
            };
            let list = columns::array(table.schema.field(*vector).data_type(), block, self.dim);
            columns.insert(*vector, list.map_err(|e| self.failure.explain(e))?);
            table.write(&self.failure, columns, n)?;
            done += n;
        }
        *next += count as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, sync: bool) -> Result<u64, ShardError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.next, self.rows, "every row is written once");
        state.table.encoder.finish(&self.failure)?.commit(sync)
    }
}

/// Writes the parquet file `from` as `to` without the dropped rows.
pub(crate) fn copy_without(from: &Input, to: &Path, dropped: &[u64]) -> Result<(), ShardError> {
    const BLOCK: u64 = 4096;
    let metadata = read_metadata(from)?;
    let groups: VecDeque<u64> = kept_groups(&metadata, dropped, from.place())?.into();
    let mut companions = Companions::of_parquet(from, metadata.clone(), None, dropped)?;
    let (sink, failure) = Sink::create(to)?;
    let schema = companions.schema.clone();
    let encoder = Encoder::parquet(sink, &failure, &schema, None, Some(&metadata))?;
    let mut table = Table {
        encoder,
        schema,
        groups,
    };
    while let Some(&left) = table.groups.front() {
        let n = left.min(BLOCK) as usize;
        let columns = companions.take(n)?;
        table.write(&failure, columns, n)?;
    }
    table.encoder.finish(&failure)?.commit(true)?;
    Ok(())
}
