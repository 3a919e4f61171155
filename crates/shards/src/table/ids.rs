//! One column of a table as ids: texts and whole numbers, exactly as they are.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::columns;
use super::companions::{Batches, arrow_batches};
use super::pages::{Budget, check_pages, guarded};
use super::parquet::load_metadata;
use super::scan;
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::id_column::IdColumn;
use crate::input::Input;

/// Ids that are decoded and given at once.
const BATCH_ROWS: usize = 4096;
/// Bytes of ids that are given at once, and of one of them.
const BATCH_BYTES: usize = 16 << 20;
const MAX_ID: usize = 1 << 16;

/// The ids of a parquet or Arrow file, batch by batch.
pub(crate) struct TableIds {
    place: Place,
    name: String,
    batches: Batches,
    batch: Option<Values>,
    row: u64,
    budget: Budget,
}

/// A batch, and how many of its ids were given; a dictionary is looked up id by id, for its texts may be long.
struct Values {
    array: ArrayRef,
    dictionary: Option<(ArrayRef, Vec<usize>)>,
    used: usize,
}

impl Values {
    fn of(array: &ArrayRef) -> Self {
        let dictionary = array.as_any_dictionary_opt();
        Self {
            array: array.clone(),
            dictionary: dictionary.map(|found| (found.values().clone(), found.normalized_keys())),
            used: 0,
        }
    }

    fn id(&self, i: usize) -> Result<String, String> {
        match &self.dictionary {
            Some(_) if self.array.is_null(i) => Err(NULL.to_owned()),
            Some((values, keys)) => id_at(values.as_ref(), keys[i]),
            None => id_at(self.array.as_ref(), i),
        }
    }
}

impl TableIds {
    pub fn open(input: &Input, format: Format, column: &IdColumn<'_>) -> Result<Self, ShardError> {
        let place = input.place().clone();
        let (name, batches) = if format == Format::Parquet {
            // types as parquet knows them: no dictionaries, no views
            let metadata = load_metadata(input, ArrowReaderOptions::new().with_skip_arrow_metadata(true))?;
            let (index, name) = choose(metadata.schema(), column, &place)?;
            (name, parquet_column(input, metadata, index)?)
        } else {
            let (schema, _) = scan::checked(input)?;
            let (index, name) = choose(&schema, column, &place)?;
            (name, arrow_batches(input, vec![index])?)
        };
        Ok(Self {
            place,
            name,
            batches,
            batch: None,
            row: 0,
            budget: Budget::of(input.len()),
        })
    }

    /// The next ids, or `None` after the last.
    pub fn next(&mut self) -> Result<Option<Vec<String>>, ShardError> {
        loop {
            if let Some(values) = &mut self.batch {
                let left = values.array.len() - values.used;
                let (mut ids, mut bytes) = (Vec::with_capacity(left.min(BATCH_ROWS)), 0);
                while values.used < values.array.len() && ids.len() < BATCH_ROWS && bytes < BATCH_BYTES {
                    let id = values.id(values.used).map_err(|reason| {
                        let reason = format!("{} of row {} {reason}", self.name, self.row);
                        ShardError::bad_record(&self.place, self.row, reason)
                    })?;
                    bytes += id.len();
                    ids.push(id);
                    values.used += 1;
                    self.row += 1;
                }
                self.budget.take(bytes, &self.place)?;
                if !ids.is_empty() {
                    return Ok(Some(ids));
                }
            }
            let batches = &mut self.batches;
            let Some(batch) = guarded(&self.place, || Ok(batches.next()))? else {
                return Ok(None);
            };
            let failed = |error| {
                let reason = format!("column #{} cannot be read: {error}", self.name);
                ShardError::bad_format(&self.place, reason)
            };
            let batch: RecordBatch = batch.map_err(failed)?;
            self.batch = Some(guarded(&self.place, || Ok(Values::of(batch.column(0))))?);
        }
    }
}

fn choose(schema: &Schema, column: &IdColumn<'_>, place: &Place) -> Result<(usize, String), ShardError> {
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let position = |wanted: &str| names.iter().position(|name| *name == wanted);
    let found = match column.name {
        Some(name) => position(name),
        None => column.usual.iter().find_map(|name| position(name)),
    };
    let Some(index) = found else {
        return Err(column.missing(place, &names));
    };
    columns::only_of_its_name(schema, names[index], place)?;
    Ok((index, names[index].to_owned()))
}

fn parquet_column(input: &Input, metadata: ArrowReaderMetadata, index: usize) -> Result<Batches, ShardError> {
    let checked = check_pages(input, &metadata, |field| field == index)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(checked.chunks(input), metadata);
    let mask = ProjectionMask::roots(builder.parquet_schema(), [index]);
    let reader = builder
        .with_projection(mask)
        .with_batch_size(checked.batch_rows(BATCH_ROWS));
    let reader = guarded(input.place(), || {
        let reader = reader.build();
        reader.map_err(|e| ShardError::bad_format(input.place(), format!("its ids cannot be read: {e}")))
    })?;
    Ok(Box::new(reader))
}

const NO_ID: &str = "is neither text nor number";
const NULL: &str = "is null";

/// The id in row `i`, or what is wrong with it.
fn id_at(array: &dyn Array, i: usize) -> Result<String, String> {
    if array.is_null(i) {
        return Err(NULL.to_owned());
    }
    Ok(match array.data_type() {
        DataType::Utf8 => text(array.as_string::<i32>().value(i))?,
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(i))?,
        DataType::Utf8View => text(array.as_string_view().value(i))?,
        DataType::Binary => of_bytes(array.as_binary::<i32>().value(i))?,
        DataType::LargeBinary => of_bytes(array.as_binary::<i64>().value(i))?,
        DataType::BinaryView => of_bytes(array.as_binary_view().value(i))?,
        DataType::FixedSizeBinary(16) => uuid(array.as_fixed_size_binary().value(i)),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(i).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(i).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(i).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(i).to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(i).to_string(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(i).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(i).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(i).to_string(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(i),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(i),
        DataType::Float16 => float_id(array.as_primitive::<Float16Type>().value(i).to_f64())?,
        DataType::Float32 => float_id(array.as_primitive::<Float32Type>().value(i).into())?,
        DataType::Float64 => float_id(array.as_primitive::<Float64Type>().value(i))?,
        _ => return Err(NO_ID.to_owned()),
    })
}

fn of_bytes(bytes: &[u8]) -> Result<String, String> {
    text(std::str::from_utf8(bytes).map_err(|_| NO_ID.to_owned())?)
}

fn text(id: &str) -> Result<String, String> {
    let bytes = id.len();
    if bytes > MAX_ID {
        return Err(format!("has {bytes} bytes; an id has at most {MAX_ID}"));
    }
    Ok(id.to_owned())
}

fn uuid(bytes: &[u8]) -> String {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [0..4, 4..6, 6..8, 8..10, 10..16]
        .map(|part| hex[part].concat())
        .join("-")
}

/// A float that stands for a whole number, as pandas makes of integers beside nulls; beyond 2⁵³ it stands for several.
pub(crate) fn float_id(value: f64) -> Result<String, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !value.is_finite() {
        return Err(NO_ID.to_owned());
    }
    if value.abs() >= EXACT {
        let reason = format!(
            "is the float {value}, which stands for several whole numbers; write ids as integers or text"
        );
        return Err(reason);
    }
    Ok(format!("{}", value + 0.0))
}
