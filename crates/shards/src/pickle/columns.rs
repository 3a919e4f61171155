//! Columns of a table as values of pickled records.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{ArrowError, DataType};
use arrow_select::take::take;

use super::frame::Frame;

/// Whether values of a type have a place in a record: those that Python has without another library.
pub(super) fn fits(kind: &DataType) -> bool {
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            fits(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().all(|field| fits(field.data_type())),
        DataType::Dictionary(_, values) => !matches!(**values, DataType::Dictionary(..)) && fits(values),
        DataType::Null
        | DataType::Boolean
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => true,
        other => other.is_integer() || other.is_floating(),
    }
}

/// The values themselves, where a column refers to a dictionary of them.
pub(super) fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.as_any_dictionary_opt() {
        Some(dictionary) => take(dictionary.values(), dictionary.keys(), None),
        None => Ok(Arc::clone(array)),
    }
}

/// Writes what stands in row `i` of a column whose type fits.
pub(super) fn value(frame: &mut Frame, array: &ArrayRef, i: usize) -> Result<(), ArrowError> {
    if array.is_null(i) || matches!(array.data_type(), DataType::Null) {
        frame.op(b'N');
        return Ok(());
    }
    match array.data_type() {
        DataType::Boolean => frame.op(if array.as_boolean().value(i) { 0x88 } else { 0x89 }),
        DataType::Utf8 => frame.text(array.as_string::<i32>().value(i).as_bytes()),
        DataType::LargeUtf8 => frame.text(array.as_string::<i64>().value(i).as_bytes()),
        DataType::Utf8View => frame.text(array.as_string_view().value(i).as_bytes()),
        DataType::Binary => frame.bytes(array.as_binary::<i32>().value(i)),
        DataType::LargeBinary => frame.bytes(array.as_binary::<i64>().value(i)),
        DataType::BinaryView => frame.bytes(array.as_binary_view().value(i)),
        DataType::FixedSizeBinary(_) => frame.bytes(array.as_fixed_size_binary().value(i)),
        DataType::Int8 => frame.int(array.as_primitive::<Int8Type>().value(i).into()),
        DataType::Int16 => frame.int(array.as_primitive::<Int16Type>().value(i).into()),
        DataType::Int32 => frame.int(array.as_primitive::<Int32Type>().value(i).into()),
        DataType::Int64 => frame.int(array.as_primitive::<Int64Type>().value(i)),
        DataType::UInt8 => frame.int(array.as_primitive::<UInt8Type>().value(i).into()),
        DataType::UInt16 => frame.int(array.as_primitive::<UInt16Type>().value(i).into()),
        DataType::UInt32 => frame.int(array.as_primitive::<UInt32Type>().value(i).into()),
        DataType::UInt64 => frame.unsigned(array.as_primitive::<UInt64Type>().value(i)),
        DataType::Float16 => frame.float(array.as_primitive::<Float16Type>().value(i).to_f64()),
        DataType::Float32 => frame.float(array.as_primitive::<Float32Type>().value(i).into()),
        DataType::Float64 => frame.float(array.as_primitive::<Float64Type>().value(i)),
        DataType::List(_) => return list(frame, &array.as_list::<i32>().value(i)),
        DataType::LargeList(_) => return list(frame, &array.as_list::<i64>().value(i)),
        DataType::FixedSizeList(..) => return list(frame, &array.as_fixed_size_list().value(i)),
        DataType::Struct(fields) => {
            frame.ops(b"}(");
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                frame.text(field.name().as_bytes());
                value(frame, column, i)?;
            }
            frame.op(b'u');
        }
        DataType::Dictionary(..) => return value(frame, &plain(array)?, i),
        other => return Err(ArrowError::NotYetImplemented(format!("{other} in a pickle"))),
    }
    Ok(())
}

fn list(frame: &mut Frame, items: &ArrayRef) -> Result<(), ArrowError> {
    let items = plain(items)?;
    frame.ops(b"](");
    for i in 0..items.len() {
        value(frame, &items, i)?;
    }
    frame.op(b'e');
    Ok(())
}
