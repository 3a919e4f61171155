//! Ids in a file, one for each row, in their order.

use std::path::Path;

use crate::error::ShardError;
use crate::format::Format;
use crate::id_column::IdColumn;
use crate::input::Input;
use crate::pickle::PickleIds;
use crate::shard::format_of;
use crate::table::TableIds;
use crate::text::TextIds;
use crate::torch::TorchIds;
use crate::webdataset::TarIds;

/// A reader of ids. Whole numbers and texts are given exactly, as text.
pub struct Ids(Reader);

enum Reader {
    Table(TableIds),
    Pickle(Box<PickleIds>),
    Text(Box<TextIds>),
    Torch(TorchIds),
    Tar(TarIds),
}

impl Ids {
    /// Opens a parquet or Arrow file, a pickled list of records, text of JSON or a table with a header, a
    /// `PyTorch` file with ids beside its tensors, or a tar archive of samples.
    ///
    /// # Errors
    /// `BAD_SELECTOR` without such a column, `UNSUPPORTED` for another format, and those of reading a header.
    pub fn open(path: &Path, column: &IdColumn<'_>) -> Result<Self, ShardError> {
        let input = Input::open(path)?;
        Ok(Self(match format_of(path, &input)? {
            format @ (Format::Parquet | Format::Arrow) => {
                Reader::Table(TableIds::open(&input, format, column)?)
            }
            format @ (Format::Json | Format::Jsonl | Format::Csv) => {
                Reader::Text(Box::new(TextIds::open(&input, format, column)?))
            }
            Format::Torch => Reader::Torch(TorchIds::open(&input, column)?),
            Format::Tar => Reader::Tar(TarIds::open(&input)?),
            Format::Pickle => Reader::Pickle(Box::new(PickleIds::open(input, column)?)),
            other @ (Format::Npy | Format::Npz | Format::Safetensors | Format::Fvecs | Format::Raw) => {
                let reason = format!(
                    "is {}, which holds no ids; name a file that has them",
                    other.name()
                );
                return Err(ShardError::unsupported(input.place(), reason));
            }
        }))
    }

    /// The next ids, or `None` after the last.
    ///
    /// # Errors
    /// `BAD_FORMAT` with the row of a value that is neither text nor whole number.
    pub fn next_batch(&mut self) -> Result<Option<Vec<String>>, ShardError> {
        loop {
            let batch = match &mut self.0 {
                Reader::Table(ids) => ids.next(),
                Reader::Pickle(ids) => ids.next(),
                Reader::Text(ids) => ids.next(),
                Reader::Torch(ids) => Ok(ids.next()),
                Reader::Tar(ids) => Ok(ids.next()),
            }?;
            // a batch of an Arrow file may hold no rows
            if batch.as_ref().is_none_or(|ids| !ids.is_empty()) {
                return Ok(batch);
            }
        }
    }
}
