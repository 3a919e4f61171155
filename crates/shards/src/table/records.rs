//! Rows of a parquet file as JSON objects, for text: numbers exactly, no bytes.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::{Map, Value, json};

use super::columns;
use super::companions::Batches;
use super::pages::{Budget, check_pages, decoded_bytes, guarded};
use super::parquet::load_metadata;
use crate::error::{Place, ShardError};
use crate::input::Input;
use crate::role::listed;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1024;

/// Some columns of a parquet file, row by row.
pub struct Records {
    place: Place,
    batches: Batches,
    /// Rows that were given already.
    before: u64,
    budget: Budget,
}

impl Records {
    /// Opens the columns of these names, those that there are.
    ///
    /// # Errors
    /// `BAD_SELECTOR` when there is none of them, and those of reading a footer.
    pub fn open(path: &std::path::Path, names: &[&str]) -> Result<Self, ShardError> {
        let input = Input::open(path)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = load_metadata(&input, options)?;
        let fields = metadata.schema().fields();
        let wanted: Vec<usize> = (0..fields.len())
            .filter(|&i| names.contains(&fields[i].name().as_str()))
            .collect();
        if wanted.is_empty() {
            let found: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
            let reason = format!(
                "none of its columns {} is one of a record: {}",
                listed(&found),
                names.join(", ")
            );
            return Err(ShardError::bad_selector(input.place(), reason));
        }
        for &i in &wanted {
            columns::only_of_its_name(metadata.schema(), fields[i].name(), input.place())?;
        }
        let checked = check_pages(&input, &metadata, |field| wanted.contains(&field))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(checked.chunks(&input), metadata);
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let builder = builder
            .with_projection(mask)
            .with_batch_size(checked.batch_rows(BATCH_ROWS));
        let reader = guarded(input.place(), || {
            let reader = builder.build();
            reader.map_err(|e| ShardError::bad_format(input.place(), format!("cannot be read: {e}")))
        })?;
        Ok(Self {
            place: input.place().clone(),
            batches: Box::new(reader),
            before: 0,
            budget: Budget::of(input.len()),
        })
    }

    /// The next rows as JSON, one text for each; `None` after the last.
    ///
    /// # Errors
    /// `BAD_FORMAT` where the file is damaged, or a column holds what is not text, number, list or object; pictures may
    /// be bytes.
    pub fn next_batch(&mut self) -> Result<Option<Vec<String>>, ShardError> {
        let batches = &mut self.batches;
        let Some(batch) = guarded(&self.place, || Ok(batches.next()))? else {
            return Ok(None);
        };
        let batch: RecordBatch =
            batch.map_err(|e| ShardError::bad_format(&self.place, format!("cannot be read: {e}")))?;
        self.budget.take(decoded_bytes(&batch), &self.place)?;
        let schema = batch.schema();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            self.check(field, column.as_ref())?;
        }
        self.before += batch.num_rows() as u64;
        let record = |row| {
            let pairs = schema.fields().iter().zip(batch.columns());
            let object: Map<String, Value> = pairs
                .map(|(field, column)| (field.name().clone(), cell(field, column.as_ref(), row)))
                .collect();
            Value::Object(object).to_string()
        };
        Ok(Some((0..batch.num_rows()).map(record).collect()))
    }

    /// Refuses values of a type that would be passed over in silence.
    fn check(&self, field: &Field, column: &dyn Array) -> Result<(), ShardError> {
        let (name, kind) = (field.name(), field.data_type());
        if is_known(kind) || PICTURES.contains(&name.as_str()) {
            return Ok(());
        }
        let Some(row) = (0..column.len()).find(|&row| !column.is_null(row)) else {
            return Ok(());
        };
        let row = self.before + row as u64;
        let reason = format!(
            "record {row}: the column {name} is of the type {kind}, which is neither text nor number; store it as text"
        );
        Err(ShardError::bad_format(&self.place, reason))
    }
}

/// How the column of a picture may be called: bytes in it are passed over.
const PICTURES: [&str; 2] = ["image", "images"];

/// What stands in a cell; a picture without a name is one whose bytes were passed over.
fn cell(field: &Field, column: &dyn Array, row: usize) -> Value {
    let bytes = matches!(
        field.data_type(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    );
    if bytes && !column.is_null(row) {
        return json!({ "bytes": null });
    }
    value_at(column, row)
}

/// Whether values of a type are found by [`value_at`].
fn is_known(kind: &DataType) -> bool {
    use DataType::{
        Boolean, Decimal128, Decimal256, FixedSizeList, Float16, Float32, Float64, Int8, Int16, Int32, Int64,
        LargeList, LargeUtf8, List, Null, Struct, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    match kind {
        Null | Boolean | Utf8 | LargeUtf8 | Utf8View | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16
        | UInt32 | UInt64 | Decimal128(..) | Decimal256(..) | Float16 | Float32 | Float64 | Struct(_) => true,
        List(item) | LargeList(item) | FixedSizeList(item, _) => is_known(item.data_type()),
        _ => false,
    }
}

/// What stands in row `i`; null for bytes of pictures and other things that are not text.
fn value_at(array: &dyn Array, i: usize) -> Value {
    if array.is_null(i) {
        return Value::Null;
    }
    let all = |items: &dyn Array| Value::Array((0..items.len()).map(|i| value_at(items, i)).collect());
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(i).into(),
        DataType::Utf8 => array.as_string::<i32>().value(i).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(i).into(),
        DataType::Utf8View => array.as_string_view().value(i).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(i).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(i).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(i).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(i).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(i).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(i).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(i).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(i).into(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(i).into(),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(i).into(),
        DataType::Float16 => array.as_primitive::<Float16Type>().value(i).to_f64().into(),
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(i)).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(i).into(),
        DataType::List(_) => all(array.as_list::<i32>().value(i).as_ref()),
        DataType::LargeList(_) => all(array.as_list::<i64>().value(i).as_ref()),
        DataType::FixedSizeList(..) => all(array.as_fixed_size_list().value(i).as_ref()),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let pairs = fields.iter().zip(columns);
            Value::Object(
                pairs
                    .map(|(field, column)| (field.name().clone(), value_at(column.as_ref(), i)))
                    .collect(),
            )
        }
        _ => Value::Null,
    }
}
