//! List columns as rows, both ways.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeListArray, LargeListArray, ListArray, PrimitiveArray,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, FieldRef, Schema};
use kernels::{Dtype, Rows};

use crate::error::{Place, ShardError};
use crate::resolve::{Role, listed};
use crate::shard::MAX_DIM;

/// How a list column stores its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// Every row has the width of the type.
    Fixed(usize),
    /// Row ends are stored, in 32 bits.
    Offsets32,
    /// Row ends are stored, in 64 bits.
    Offsets64,
}

/// What kind of rows a column holds; `None` when it holds something else.
pub(super) fn kind(data_type: &DataType) -> Option<(Lists, Dtype)> {
    let (lists, item) = match data_type {
        DataType::List(item) => (Lists::Offsets32, item),
        DataType::LargeList(item) => (Lists::Offsets64, item),
        DataType::FixedSizeList(item, dim) => (Lists::Fixed(usize::try_from(*dim).ok()?), item),
        _ => return None,
    };
    let dtype = match item.data_type() {
        DataType::Float16 => Dtype::F16,
        DataType::Float32 => Dtype::F32,
        DataType::Float64 => Dtype::F64,
        _ => return None,
    };
    Some((lists, dtype))
}

/// Index of the column called `selector`, or of the one that holds rows.
pub(super) fn choose(
    schema: &Schema,
    selector: Option<&str>,
    role: Role,
    place: &Place,
) -> Result<usize, ShardError> {
    let fitting: Vec<usize> = (0..schema.fields().len())
        .filter(|&i| kind(schema.field(i).data_type()).is_some())
        .collect();
    let names: Vec<String> = fitting.iter().map(|&i| schema.field(i).name().clone()).collect();
    let all = || {
        listed(
            &schema
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect::<Vec<_>>(),
        )
    };
    match selector {
        Some(name) => match (
            names.iter().position(|n| n == name),
            schema.column_with_name(name),
        ) {
            (Some(i), _) => Ok(fitting[i]),
            (None, Some((_, field))) => {
                let reason = format!(
                    "column #{name} is of type {}, no list of floats",
                    field.data_type()
                );
                Err(ShardError::unsupported(place, reason))
            }
            (None, None) => Err(ShardError::bad_selector(
                place,
                format!("has no column #{name}; it holds {}", all()),
            )),
        },
        None if names.is_empty() => {
            let reason = format!(
                "holds no column with lists of f16, f32 or f64; its columns are {}",
                all()
            );
            Err(ShardError::unsupported(place, reason))
        }
        None => Ok(fitting[role.choose(&names, place)?]),
    }
}

pub(super) fn check_dim(dim: usize, place: &Place) -> Result<usize, ShardError> {
    if dim == 0 || dim > MAX_DIM {
        return Err(ShardError::bad_format(
            place,
            format!("cannot have rows of {dim} columns"),
        ));
    }
    Ok(dim)
}

/// Copies rows `range` of a list column into `out`; `first` is the shard's index of row 0 of the array.
pub(super) fn copy_rows(
    array: &dyn Array,
    range: Range<usize>,
    dim: usize,
    out: &mut [u8],
    place: &Place,
    first: u64,
) -> Result<(), ShardError> {
    if let Some(row) = range.clone().find(|&row| array.is_null(row)) {
        return Err(ShardError::bad_row(place, first + row as u64, "is null"));
    }
    let (values, start) = match array.data_type() {
        DataType::List(_) => {
            let list = downcast::<ListArray>(array, place)?;
            (
                list.values(),
                check_widths(list.value_offsets(), &range, dim, place, first)?,
            )
        }
        DataType::LargeList(_) => {
            let list = downcast::<LargeListArray>(array, place)?;
            (
                list.values(),
                check_widths(list.value_offsets(), &range, dim, place, first)?,
            )
        }
        _ => {
            let list = downcast::<FixedSizeListArray>(array, place)?;
            (list.values(), list.value_offset_at(range.start))
        }
    };
    let components = range.len() * dim;
    if let Some(nulls) = values.nulls().filter(|nulls| nulls.null_count() > 0)
        && let Some(i) = (0..components).find(|&i| nulls.is_null(start + i))
    {
        let row = first + (range.start + i / dim) as u64;
        return Err(ShardError::bad_row(
            place,
            row,
            format!("column {} is null", i % dim),
        ));
    }
    let bytes = match values.data_type() {
        DataType::Float16 => primitive_bytes::<Float16Type>(values, place)?,
        DataType::Float32 => primitive_bytes::<Float32Type>(values, place)?,
        _ => primitive_bytes::<Float64Type>(values, place)?,
    };
    let size = out.len() / components.max(1);
    out.copy_from_slice(&bytes[start * size..][..out.len()]);
    Ok(())
}

fn downcast<'a, T: 'static>(array: &'a dyn Array, place: &Place) -> Result<&'a T, ShardError> {
    let wrong = || ShardError::bad_format(place, "has a column of another type than its schema says");
    array.as_any().downcast_ref().ok_or_else(wrong)
}

fn primitive_bytes<'a, T: ArrowPrimitiveType>(
    values: &'a ArrayRef,
    place: &Place,
) -> Result<&'a [u8], ShardError> {
    Ok(downcast::<PrimitiveArray<T>>(values, place)?
        .values()
        .inner()
        .as_slice())
}

/// Where the rows start in the values, when all have one width.
fn check_widths<O: Copy + Into<i64>>(
    offsets: &[O],
    range: &Range<usize>,
    dim: usize,
    place: &Place,
    first: u64,
) -> Result<usize, ShardError> {
    for row in range.clone() {
        let width = offsets[row + 1].into() - offsets[row].into();
        if usize::try_from(width) != Ok(dim) {
            return Err(wrong_width(place, first + row as u64, width, dim));
        }
    }
    let start = usize::try_from(offsets[range.start].into());
    start.map_err(|_| ShardError::bad_format(place, "has rows outside of its values"))
}

pub(super) fn wrong_width(place: &Place, row: u64, width: i64, dim: usize) -> ShardError {
    ShardError::bad_row(
        place,
        row,
        format!("has {width} columns, the rows before it {dim}"),
    )
}

/// A list column of the given type, which must fit the rows.
pub(super) fn array(
    data_type: &DataType,
    rows: Rows<'_>,
    dim: usize,
) -> Result<ArrayRef, arrow_schema::ArrowError> {
    let count = rows.len() / dim;
    let bytes = Buffer::from(rows.as_bytes());
    let len = rows.len();
    let values: ArrayRef = match rows {
        Rows::F16(_) | Rows::Bf16(_) => Arc::new(PrimitiveArray::<Float16Type>::new(
            ScalarBuffer::new(bytes, 0, len),
            None,
        )),
        Rows::F32(_) => Arc::new(PrimitiveArray::<Float32Type>::new(
            ScalarBuffer::new(bytes, 0, len),
            None,
        )),
        Rows::F64(_) => Arc::new(PrimitiveArray::<Float64Type>::new(
            ScalarBuffer::new(bytes, 0, len),
            None,
        )),
    };
    let lengths = std::iter::repeat_n(dim, count);
    Ok(match data_type {
        DataType::List(item) => Arc::new(ListArray::try_new(
            item.clone(),
            OffsetBuffer::from_lengths(lengths),
            values,
            None,
        )?),
        DataType::LargeList(item) => Arc::new(LargeListArray::try_new(
            item.clone(),
            OffsetBuffer::from_lengths(lengths),
            values,
            None,
        )?),
        DataType::FixedSizeList(item, size) => {
            Arc::new(FixedSizeListArray::try_new(item.clone(), *size, values, None)?)
        }
        other => unreachable!("{other} is no list"),
    })
}

/// The component type of a storage type; `None` for bf16, which tables do not know.
pub(super) fn item_type(dtype: Dtype) -> Option<DataType> {
    match dtype {
        Dtype::F16 => Some(DataType::Float16),
        Dtype::F32 => Some(DataType::Float32),
        Dtype::F64 => Some(DataType::Float64),
        Dtype::Bf16 => None,
    }
}

/// The same list type over other components.
pub(super) fn with_item(data_type: &DataType, item: DataType, dim: i32) -> DataType {
    let field = |old: &FieldRef| Arc::new(old.as_ref().clone().with_data_type(item));
    match data_type {
        DataType::List(old) => DataType::List(field(old)),
        DataType::LargeList(old) => DataType::LargeList(field(old)),
        DataType::FixedSizeList(old, _) => DataType::FixedSizeList(field(old), dim),
        other => other.clone(),
    }
}
