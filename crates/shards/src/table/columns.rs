//! List columns as rows, both ways.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeListArray, LargeListArray, ListArray, PrimitiveArray,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field, FieldRef, Schema};
use kernels::{Dtype, Rows};
use serde::Deserialize;

use crate::error::{Place, ShardError};
use crate::fault::Fault;
use crate::role::{Role, listed};
use crate::rows::MAX_DIM;

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
    let (lists, item) = list(data_type)?;
    let dtype = match item.data_type() {
        DataType::Float16 => Dtype::F16,
        DataType::Float32 => Dtype::F32,
        DataType::Float64 => Dtype::F64,
        _ => return None,
    };
    Some((lists, dtype))
}

fn list(data_type: &DataType) -> Option<(Lists, &FieldRef)> {
    Some(match data_type {
        DataType::List(item) => (Lists::Offsets32, item),
        DataType::LargeList(item) => (Lists::Offsets64, item),
        DataType::FixedSizeList(item, dim) => (Lists::Fixed(usize::try_from(*dim).ok()?), item),
        _ => return None,
    })
}

/// The storage type of a column of lists of lists.
pub(super) fn nested(data_type: &DataType) -> Option<Dtype> {
    let (_, item) = list(data_type)?;
    Some(kind(item.data_type())?.1)
}

/// Which columns are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub selector: Option<&'a str>,
    pub role: Role,
    /// Whether columns of tensors hold rows, too, whose states are pooled.
    pub tensors: bool,
    /// Whether lists of lists do.
    pub nested: bool,
}

/// Index of the column called `selector`, or of the one that holds rows.
pub(super) fn choose(schema: &Schema, wanted: Wanted<'_>, place: &Place) -> Result<usize, ShardError> {
    let Wanted { selector, role, .. } = wanted;
    let fits = |field: &Field| {
        let rows = kind(field.data_type()).is_some();
        let flat = match tensor(field) {
            None => rows,
            Some(_) => rows && wanted.tensors && states(field).is_some(),
        };
        flat || wanted.nested && nested(field.data_type()).is_some()
    };
    let fitting: Vec<usize> = (0..schema.fields().len())
        .filter(|&i| fits(schema.field(i)))
        .collect();
    let names: Vec<String> = fitting.iter().map(|&i| schema.field(i).name().clone()).collect();
    let all = |say: fn(&Field) -> String| {
        let fields = schema.fields().iter();
        listed(&fields.map(|field| say(field.as_ref())).collect::<Vec<_>>())
    };
    let chosen = match selector {
        Some(name) => match (
            names.iter().position(|n| n == name),
            schema.column_with_name(name),
        ) {
            (Some(i), _) => Ok(fitting[i]),
            (None, Some((_, field))) => {
                let reason = format!("column #{}, no list of floats", described(field));
                Err(ShardError::unsupported(place, reason))
            }
            (None, None) => Err(ShardError::bad_selector(
                place,
                format!(
                    "has no column #{name}; it holds {}",
                    all(|field| field.name().clone())
                ),
            )),
        },
        None if names.is_empty() => {
            let reason = format!(
                "holds no column with lists of f16, f32 or f64; its columns are {}",
                all(described)
            );
            Err(ShardError::unsupported(place, reason))
        }
        None => Ok(fitting[role.choose(&names, place)?]),
    }?;
    only_of_its_name(schema, schema.field(chosen).name(), place)?;
    Ok(chosen)
}

/// Refuses a column whose name others have, too: which one is meant cannot be said.
///
/// # Errors
/// `BAD_SELECTOR` with the name.
pub(super) fn only_of_its_name(schema: &Schema, name: &str, place: &Place) -> Result<(), ShardError> {
    let count = schema
        .fields()
        .iter()
        .filter(|field| field.name() == name)
        .count();
    if count <= 1 {
        return Ok(());
    }
    let reason = format!("has {count} columns of the name {name}; rename them, so that one can be chosen");
    Err(ShardError::bad_selector(place, reason))
}

/// Names of the columns but one.
pub(super) fn others(schema: &Schema, column: usize) -> Vec<String> {
    let fields = schema.fields().iter().enumerate();
    fields
        .filter(|(i, _)| *i != column)
        .map(|(_, field)| field.name().clone())
        .collect()
}

/// Arrow's `fixed_shape_tensor`.
#[derive(Deserialize)]
struct Tensor {
    shape: Vec<u64>,
    /// Order of the axes in the storage, where it is another one.
    permutation: Option<Vec<usize>>,
}

/// The shape of a column of tensors that are not rows: with more than one length above one.
fn tensor(field: &Field) -> Option<Tensor> {
    let metadata = field.metadata();
    if metadata.get(EXTENSION_TYPE_NAME_KEY)? != "arrow.fixed_shape_tensor" {
        return None;
    }
    let tensor: Tensor = serde_json::from_str(metadata.get(EXTENSION_TYPE_METADATA_KEY)?).ok()?;
    let long = tensor.shape.iter().filter(|&&length| length != 1).count();
    (long > 1).then_some(tensor)
}

/// How many states a row of tensors has, and their columns; `None` for tensors that are not states.
pub(super) fn states(field: &Field) -> Option<(u64, usize)> {
    let Tensor { shape, permutation } = tensor(field)?;
    if permutation.is_some_and(|order| !order.is_sorted()) {
        return None;
    }
    let long: Vec<u64> = shape.into_iter().filter(|&length| length != 1).collect();
    let [states, dim] = long[..] else { return None };
    let width = states.checked_mul(dim)?;
    match kind(field.data_type()) {
        Some((Lists::Fixed(all), _)) if all as u64 == width && dim > 0 => Some((states, dim as usize)),
        _ => None,
    }
}

const STATES: &str = "token states or several rows: pool them, --pool mean, first or last (lists of lists in parquet only), or \
                      split them first";

/// A column with its type in the words of those who write it, and what to do where rows are hidden in it.
fn described(field: &Field) -> String {
    if let Some(Tensor { shape, .. }) = tensor(field) {
        return format!("{} of tensors of shape {shape:?} ({STATES})", field.name());
    }
    let advice = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            match item.data_type() {
                inner if list(inner).is_some() => {
                    return format!("{} of type {} ({STATES})", field.name(), field.data_type());
                }
                kind if kind.is_integer() => " (whole numbers: scale them back to floats)",
                DataType::Decimal128(..) | DataType::Decimal256(..) => " (decimals: cast them to floats)",
                _ => "",
            }
        }
        DataType::Binary | DataType::LargeBinary => " (bytes: numpy.frombuffer)",
        _ => "",
    };
    format!("{} of type {}{advice}", field.name(), field.data_type())
}

/// The most frequent width of some rows, the first of those; null and empty rows say none.
pub(super) fn usual_width(widths: impl IntoIterator<Item = usize>) -> Option<usize> {
    let mut counts: Vec<(usize, usize)> = Vec::new();
    for width in widths.into_iter().filter(|&width| width > 0) {
        match counts.iter_mut().find(|(other, _)| *other == width) {
            Some((_, count)) => *count += 1,
            None => counts.push((width, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    counts
        .into_iter()
        .find(|(_, count)| *count == most)
        .map(|(width, _)| width)
}

/// A width that rows can have; 0 stands for one that no row says.
pub(super) fn check_dim(dim: usize, place: &Place) -> Result<usize, ShardError> {
    if dim > MAX_DIM {
        return Err(ShardError::bad_format(
            place,
            format!("cannot have rows of {dim} columns"),
        ));
    }
    Ok(dim)
}

/// Components of a row, and of each state where it has several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    pub dim: usize,
    pub state: Option<usize>,
}

/// Copies rows `range` of a list column into `out`; rows that cannot be given go into `faults`, by their index in `out`
/// plus `base`.
pub(super) fn copy_rows(
    array: &dyn Array,
    range: Range<usize>,
    Width { dim, state }: Width,
    out: &mut [u8],
    place: &Place,
    base: usize,
    faults: &mut Vec<(usize, Fault)>,
) -> Result<(), ShardError> {
    let Spans {
        values,
        rows: offsets,
        uneven,
    } = spans_of(array, range.clone(), state, place)?;
    let bytes = match values.data_type() {
        DataType::Float16 => primitive_bytes::<Float16Type>(values, place)?,
        DataType::Float32 => primitive_bytes::<Float32Type>(values, place)?,
        _ => primitive_bytes::<Float64Type>(values, place)?,
    };
    let size = out.len() / (range.len() * dim).max(1);
    let nulls = values.nulls().filter(|nulls| nulls.null_count() > 0);
    let first = offsets.first().map_or(0, |span| span.0);
    let whole = nulls.is_none()
        && uneven.is_empty()
        && array.nulls().is_none_or(|nulls| nulls.null_count() == 0)
        && offsets
            .iter()
            .enumerate()
            .all(|(i, &span)| span == (first + i * dim, dim));
    if whole {
        out.copy_from_slice(&bytes[first * size..][..out.len()]);
        return Ok(());
    }
    for (i, (row, &(start, width))) in range.zip(&offsets).enumerate() {
        let null = |at: usize| nulls.is_some_and(|nulls| nulls.is_null(start + at));
        let fault = if array.is_null(row) {
            Some(Fault::Null)
        } else if let Some(&(_, fault)) = uneven.iter().find(|&&(bad, _)| bad == i) {
            Some(fault)
        } else if width != dim {
            Some(Fault::Width {
                found: width,
                expected: dim,
            })
        } else {
            (0..dim)
                .find(|&at| null(at))
                .map(|column| Fault::NullComponent { column })
        };
        match fault {
            Some(fault) => faults.push((base + i, fault)),
            None => out[i * dim * size..][..dim * size].copy_from_slice(&bytes[start * size..][..dim * size]),
        }
    }
    Ok(())
}

/// The components of some rows of a column.
struct Spans<'a> {
    values: &'a ArrayRef,
    /// Start and width of each row.
    rows: Vec<(usize, usize)>,
    /// Rows with a state of another width, or none.
    uneven: Vec<(usize, Fault)>,
}

/// The components of rows `range`; those of lists in lists, whose states have `state` components, are those of all states.
fn spans_of<'a>(
    array: &'a dyn Array,
    range: Range<usize>,
    state: Option<usize>,
    place: &Place,
) -> Result<Spans<'a>, ShardError> {
    let (values, mut spans) = match array.data_type() {
        DataType::List(_) => {
            let list = downcast::<ListArray>(array, place)?;
            (list.values(), spans(list.value_offsets(), &range))
        }
        DataType::LargeList(_) => {
            let list = downcast::<LargeListArray>(array, place)?;
            (list.values(), spans(list.value_offsets(), &range))
        }
        _ => {
            let list = downcast::<FixedSizeListArray>(array, place)?;
            let width = usize::try_from(list.value_length()).unwrap_or(0);
            let span = |row: usize| (row * width, width);
            (list.values(), range.map(span).collect())
        }
    };
    let mut uneven = Vec::new();
    if list(values.data_type()).is_none() {
        return Ok(Spans {
            values,
            rows: spans,
            uneven,
        });
    }
    let from = spans.iter().map(|span| span.0).min().unwrap_or(0);
    let to = spans.iter().map(|span| span.0 + span.1).max().unwrap_or(from);
    let inner = spans_of(values.as_ref(), from..to, None, place)?;
    for (row, span) in spans.iter_mut().enumerate() {
        let states = &inner.rows[span.0 - from..span.0 + span.1 - from];
        let null = (span.0..span.0 + span.1).any(|at| values.is_null(at));
        let other = states
            .iter()
            .find(|&&(_, width)| state.is_some_and(|state| width != state));
        if null {
            uneven.push((row, Fault::Null));
        } else if let (Some(&(_, found)), Some(expected)) = (other, state) {
            uneven.push((row, Fault::Width { found, expected }));
        }
        let start = states.first().map_or(0, |first| first.0);
        let end = states.last().map_or(start, |last| last.0 + last.1);
        *span = (start, end - start);
    }
    Ok(Spans {
        values: inner.values,
        rows: spans,
        uneven,
    })
}

/// Start and width of each row of a list column, which arrow has checked.
fn spans<O: Copy + Into<i64>>(offsets: &[O], range: &Range<usize>) -> Vec<(usize, usize)> {
    let at = |i: usize| usize::try_from(offsets[i].into()).unwrap_or(0);
    range
        .clone()
        .map(|row| (at(row), at(row + 1).saturating_sub(at(row))))
        .collect()
}

/// Widths of the rows of a list column; 0 for null ones.
pub(super) fn widths(array: &dyn Array, place: &Place) -> Result<Vec<usize>, ShardError> {
    let spans = spans_of(array, 0..array.len(), None, place)?.rows;
    let width = |(row, (_, width)): (usize, (usize, usize))| if array.is_null(row) { 0 } else { width };
    Ok(spans.into_iter().enumerate().map(width).collect())
}

/// The states of a column of lists of lists.
pub(super) fn inner<'a>(array: &'a dyn Array, place: &Place) -> Result<&'a ArrayRef, ShardError> {
    Ok(match array.data_type() {
        DataType::List(_) => downcast::<ListArray>(array, place)?.values(),
        DataType::LargeList(_) => downcast::<LargeListArray>(array, place)?.values(),
        _ => downcast::<FixedSizeListArray>(array, place)?.values(),
    })
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
        other => unreachable!("{other} is not a list"),
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
