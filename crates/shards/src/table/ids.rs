//! One column of a table as ids: texts and whole numbers, exactly as they are.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema};
use arrow_select::take::take;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::columns;
use super::companions::{Batches, arrow_batches};
use super::pages::{batch_rows, check_pages};
use super::parquet::{Chunks, guarded, load_metadata};
use super::scan;
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::id_column::IdColumn;
use crate::input::Input;

/// Ids that are decoded at once.
const BATCH_ROWS: usize = 4096;

/// The ids of a parquet or Arrow file, batch by batch.
pub(crate) struct TableIds {
    place: Place,
    name: String,
    batches: Batches,
    row: u64,
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
            row: 0,
        })
    }

    /// The next ids, or `None` after the last.
    pub fn next(&mut self) -> Result<Option<Vec<String>>, ShardError> {
        let batches = &mut self.batches;
        let Some(batch) = guarded(&self.place, || Ok(batches.next()))? else {
            return Ok(None);
        };
        let batch: RecordBatch = batch.map_err(|error| {
            ShardError::bad_format(
                &self.place,
                format!("column #{} cannot be read: {error}", self.name),
            )
        })?;
        let array = plain(batch.column(0)).map_err(|error| {
            ShardError::bad_format(
                &self.place,
                format!("column #{} cannot be read: {error}", self.name),
            )
        })?;
        let array = array.as_ref();
        let mut ids = Vec::with_capacity(array.len());
        for i in 0..array.len() {
            let id = id_at(array, i).map_err(|reason| {
                let reason = format!("{} of row {} {reason}", self.name, self.row + i as u64);
                ShardError::bad_record(&self.place, self.row + i as u64, reason)
            })?;
            ids.push(id);
        }
        self.row += array.len() as u64;
        Ok(Some(ids))
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
    let dictionary = check_pages(input, &metadata, |field| field == index)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(Chunks(input.clone()), metadata);
    let mask = ProjectionMask::roots(builder.parquet_schema(), [index]);
    let reader = builder
        .with_projection(mask)
        .with_batch_size(batch_rows(BATCH_ROWS, dictionary));
    let reader = guarded(input.place(), || {
        let reader = reader.build();
        reader.map_err(|e| ShardError::bad_format(input.place(), format!("its ids cannot be read: {e}")))
    })?;
    Ok(Box::new(reader))
}

/// The values themselves, where a column refers to a dictionary of them.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.as_any_dictionary_opt() {
        Some(dictionary) => take(dictionary.values(), dictionary.keys(), None),
        None => Ok(array.clone()),
    }
}

const NO_ID: &str = "is neither text nor number";

/// The id in row `i`, or what is wrong with it.
fn id_at(array: &dyn Array, i: usize) -> Result<String, String> {
    if array.is_null(i) {
        return Err("is null".to_owned());
    }
    Ok(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(i).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(i).to_owned(),
        DataType::Utf8View => array.as_string_view().value(i).to_owned(),
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
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| NO_ID.to_owned())
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
