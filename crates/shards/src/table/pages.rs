//! What the pages of a parquet column promise, looked at before any is decoded: decoders reserve memory by it.
//!
//! A few bytes may stand for gigabytes: a page of zeros, a row of a billion components, a long text that a dictionary holds
//! once and a thousand rows refer to, a compressed page that is longer than its header says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type;
use parquet::column::page::{Page as DecodedPage, PageReader};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::chunks::{Chunks, Packed, Packing, Pieces};
use super::thrift::Page;
use crate::error::{Place, ShardError};
use crate::growth::{GROWTH, grows};
use crate::input::Input;

/// Bytes of rows that are decoded at once.
const BATCH: u64 = 16 << 20;
/// Bytes of a page and of a value, unless the file itself has more.
const MAX_PAGE: u64 = 128 << 20;
const MAX_VALUE: u64 = 64 << 20;
/// Far above any page header, which may hold the least and the greatest value.
const MAX_HEADER: u64 = 1 << 20;

/// Encodings that a dictionary decides, and the one in which a value repeats what stands in the one before.
const DICTIONARY: [i64; 2] = [2, 8];
const DELTA_BYTE_ARRAY: i64 = 7;

/// What the columns of a file may still become: texts of a dictionary are repeated row by row.
pub(super) struct Budget {
    left: u64,
}

impl Budget {
    /// Of a file of `len` bytes, by the rule for small ones.
    pub fn of(len: u64) -> Self {
        let [(times, spare), _] = GROWTH;
        Self {
            left: len.saturating_mul(times).saturating_add(spare),
        }
    }

    /// # Errors
    /// `BAD_FORMAT` when nothing is left.
    pub fn take(&mut self, bytes: usize, place: &Place) -> Result<(), ShardError> {
        let left = self.left.checked_sub(bytes as u64);
        self.left = left.ok_or_else(|| {
            let reason = format!("grows to more than {} times the file", GROWTH[0].0);
            ShardError::bad_format(place, reason)
        })?;
        Ok(())
    }
}

/// Bytes of decoded rows; texts that a dictionary holds count where they stand, not in each row.
pub(super) fn decoded_bytes(batch: &RecordBatch) -> usize {
    let bytes = |array: &dyn Array| array.to_data().get_slice_memory_size().unwrap_or_default();
    let columns = batch.columns().iter();
    columns
        .map(|column| match column.as_any_dictionary_opt() {
            Some(dictionary) => bytes(dictionary.keys()),
            None => bytes(column.as_ref()),
        })
        .sum()
}

/// Columns whose pages are what they should be.
pub(super) struct Checked {
    /// Bytes of one row of all columns, at the most where its pages say so and else as an average.
    row_bytes: u64,
    packed: Packed,
}

impl Checked {
    /// The file, whose pages are looked into where they may be longer than their headers say.
    pub fn chunks(&self, input: &Input) -> Chunks {
        Chunks::new(input.clone(), self.packed.clone())
    }

    /// Rows to decode at once, at most `usual`.
    pub fn batch_rows(&self, usual: usize) -> usize {
        let fitting = BATCH / self.row_bytes.max(1);
        usize::try_from(fitting).unwrap_or(usual).clamp(1, usual)
    }
}

/// Looks at the pages of some columns, by their index among the fields of the schema.
///
/// # Errors
/// `BAD_FORMAT` for pages that lie outside of the file, contradict the footer, or grow beyond what a file may.
pub(super) fn check_pages(
    input: &Input,
    metadata: &ArrowReaderMetadata,
    wanted: impl Fn(usize) -> bool,
) -> Result<Checked, ShardError> {
    let len = input.len();
    let schema = metadata.parquet_schema();
    let mut packed = Pieces::new();
    let mut rows = vec![0; schema.num_columns()];
    for group in metadata.metadata().row_groups() {
        for (leaf, chunk) in group.columns().iter().enumerate() {
            if !wanted(schema.get_column_root_idx(leaf)) {
                continue;
            }
            let bad = |reason: String| {
                failed(
                    input.place(),
                    &format!("its column {} {reason}", chunk.column_path()),
                )
            };
            let pages = Pages::of(input, chunk, &mut packed)?;
            let column = schema.column(leaf);
            let width = match column.physical_type() {
                Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(column.type_length()).unwrap_or_default(),
                Type::BYTE_ARRAY => 0,
                _ => 8,
            };
            // four bytes a value, which lists and numbers take at the least
            let least = if width > 8 { width } else { 4 };
            let unpacked = pages.bytes.max(pages.values.saturating_mul(least));
            if let Some(reason) = grows(len, unpacked) {
                return Err(bad(reason));
            }
            if pages.largest > MAX_PAGE.max(len) {
                return Err(bad(format!("has a page of {} bytes", pages.largest)));
            }
            let entry = if column.physical_type() == Type::BYTE_ARRAY && pages.has_dictionary {
                longest_entry(input, chunk, &packed)?
            } else {
                width
            };
            let value = entry.max(pages.value);
            if value > MAX_VALUE.max(len) {
                return Err(bad(format!(
                    "holds values of {value} bytes; {MAX_VALUE} at most are read"
                )));
            }
            let row = if column.max_rep_level() > 0 {
                // a row may take all of a page
                pages.values_of_page.saturating_mul(entry).max(pages.largest_data)
            } else {
                value
            };
            rows[leaf] = row.max(rows[leaf]);
        }
    }
    let mut row_bytes = rows.into_iter().fold(0, u64::saturating_add);
    for (i, field) in metadata.schema().fields().iter().enumerate() {
        if wanted(i) {
            let least = fixed_bytes(field.data_type());
            if least > MAX_VALUE.max(len) {
                let reason = format!("its column {} has rows of {least} bytes", field.name());
                return Err(failed(input.place(), &reason));
            }
            row_bytes = row_bytes.max(least);
        }
    }
    Ok(Checked {
        row_bytes,
        packed: Arc::new(packed),
    })
}

/// Bytes of a row by its type alone, which a null takes, too.
fn fixed_bytes(kind: &DataType) -> u64 {
    match kind {
        DataType::FixedSizeList(item, length) => {
            fixed_bytes(item.data_type()).saturating_mul(u64::try_from(*length).unwrap_or_default())
        }
        DataType::FixedSizeBinary(length) => u64::try_from(*length).unwrap_or_default(),
        DataType::Struct(fields) => fields
            .iter()
            .map(|field| fixed_bytes(field.data_type()))
            .fold(0, u64::saturating_add),
        _ => kind.primitive_width().unwrap_or(1) as u64,
    }
}

/// The longest text of a column's dictionary, with its length.
fn longest_entry(input: &Input, chunk: &ColumnChunkMetaData, packed: &Pieces) -> Result<u64, ShardError> {
    guarded(input.place(), || {
        let bad = |error: &dyn std::fmt::Display| failed(input.place(), error);
        let chunks = Chunks::new(input.clone(), Arc::new(packed.clone()));
        let pages = SerializedPageReader::new(Arc::new(chunks), chunk, 0, None);
        let page = pages.and_then(|mut pages| pages.get_next_page());
        let Some(DecodedPage::DictionaryPage { buf, .. }) = page.map_err(|e| bad(&e))? else {
            return Err(bad(&"its dictionary is not its first page"));
        };
        let (mut rest, mut longest) = (buf.as_ref(), 0);
        while let Some((len, behind)) = rest.split_first_chunk() {
            let len = u32::from_le_bytes(*len);
            longest = longest.max(4 + u64::from(len));
            let Some(behind) = behind.get(len as usize..) else {
                return Err(bad(&"its dictionary is cut"));
            };
            rest = behind;
        }
        Ok(longest)
    })
}

/// Sums over the pages of a column chunk.
#[derive(Default)]
struct Pages {
    bytes: u64,
    values: u64,
    has_dictionary: bool,
    /// Bytes of the largest page, and of the largest that is not a dictionary.
    largest: u64,
    largest_data: u64,
    /// Most values of a page.
    values_of_page: u64,
    /// Bytes of a value that stands in a data page itself: the greatest average of a page.
    value: u64,
}

impl Pages {
    fn of(input: &Input, chunk: &ColumnChunkMetaData, packed: &mut Pieces) -> Result<Self, ShardError> {
        let bad = |reason: &str| failed(input.place(), &reason);
        let number = |n: i64| u64::try_from(n).map_err(|_| bad("a column has an impossible place"));
        let first = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let mut at = number(first.min(chunk.data_page_offset()))?;
        let end = at.checked_add(number(chunk.compressed_size())?);
        let end = end.filter(|&end| end <= input.len());
        let end = end.ok_or_else(|| bad("a column lies outside of it"))?;
        let values = number(chunk.num_values())?;
        let packing = Packing::of(chunk.compression());
        let mut sums = Self::default();
        let mut first = true;
        while at < end && sums.values < values {
            let bytes = input.bytes_at(at, MAX_HEADER.min(512).min(end - at))?;
            let (page, len) = if let Some(read) = Page::read(&bytes) {
                read
            } else {
                let bytes = input.bytes_at(at, MAX_HEADER.min(end - at))?;
                Page::read(&bytes).ok_or_else(|| bad("a page has no valid header"))?
            };
            if page.dictionary && !first {
                return Err(bad("its dictionary is not its first page"));
            }
            first = false;
            sums.count(&page);
            at = at.saturating_add(len);
            if let Some(piece) = packing.and_then(|packing| packing.piece(&page)) {
                packed.insert(at, piece);
            }
            at = at.saturating_add(page.stored);
        }
        if sums.values > values {
            return Err(bad("its pages hold more values than its footer says"));
        }
        Ok(sums)
    }

    fn count(&mut self, page: &Page) {
        self.bytes = self.bytes.saturating_add(page.bytes);
        self.largest = self.largest.max(page.bytes);
        if page.dictionary {
            self.has_dictionary = true;
            return;
        }
        self.values = self.values.saturating_add(page.values);
        self.values_of_page = self.values_of_page.max(page.values);
        if DICTIONARY.contains(&page.encoding) {
            return;
        }
        self.largest_data = self.largest_data.max(page.bytes);
        let value = if page.encoding == DELTA_BYTE_ARRAY {
            page.bytes
        } else {
            page.bytes.div_ceil(page.values.max(1))
        };
        self.value = self.value.max(value);
    }
}

/// Runs the parquet crate's decoder, which panics on some damaged files: that is an error of the file like any other.
pub(super) fn guarded<T>(
    place: &Place,
    decode: impl FnOnce() -> Result<T, ShardError>,
) -> Result<T, ShardError> {
    // what the closure borrows is dropped or replaced after a failure, so no broken state is seen
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(failed(place, &"its pages are damaged")))
}

pub(super) fn failed(place: &Place, error: &dyn std::fmt::Display) -> ShardError {
    ShardError::bad_format(place, format!("is not a valid parquet file: {error}"))
}
