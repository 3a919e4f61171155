//! One file of a model, read by position.

use std::path::{Path, PathBuf};

use modality_gap_shards::{Input, InputReader, ShardError};
pub(crate) use modality_gap_weights::finite;

use crate::{Result, RevisionError};

/// An open file whose faults are named after it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    file: PathBuf,
    input: Input,
}

impl Source {
    pub fn open(file: &Path) -> Result<Self> {
        let input = Input::open(file).map_err(|error| of_shard(file, error))?;
        Ok(Self {
            file: file.to_owned(),
            input,
        })
    }

    /// Bytes that stand in memory, for tests of thousands of files.
    #[cfg(test)]
    pub fn memory(bytes: &[u8]) -> Self {
        Self {
            file: "memory".into(),
            input: Input::memory(bytes.to_vec()),
        }
    }

    pub fn input(&self) -> &Input {
        &self.input
    }

    pub fn len(&self) -> u64 {
        self.input.len()
    }

    /// `len` bytes from `offset`; nothing is allocated when the file ends before.
    pub fn bytes(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let bytes = self.input.bytes_at(offset, len);
        bytes.map_err(|error| of_shard(&self.file, error))
    }

    /// Fills `buffer` from `offset`.
    pub fn fill(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let read = self.input.read_at(offset, buffer);
        read.map_err(|error| of_shard(&self.file, error))
    }

    /// The bytes up to `end` as a stream.
    pub fn reader(&self, end: u64) -> InputReader {
        self.input.reader(0, end)
    }

    pub fn bad(&self, reason: impl Into<String>) -> RevisionError {
        bad(&self.file, reason)
    }

    pub fn of_shard(&self, error: ShardError) -> RevisionError {
        of_shard(&self.file, error)
    }
}

pub(crate) fn bad(file: &Path, reason: impl Into<String>) -> RevisionError {
    RevisionError::BadModel {
        file: file.to_owned(),
        reason: reason.into(),
    }
}

/// A container's fault as a model's.
fn of_shard(file: &Path, error: ShardError) -> RevisionError {
    let file = file.to_owned();
    match error {
        ShardError::NotFound { .. } => RevisionError::NotFound { file },
        ShardError::Unreadable { source, .. } => RevisionError::Unreadable { file, source },
        ShardError::BadFormat { reason, .. } => RevisionError::BadModel { file, reason },
        other => RevisionError::BadModel {
            file,
            reason: other.to_string(),
        },
    }
}

/// The text of a small file, or `None` when it is not there.
pub(crate) fn text_if_there(file: &Path) -> Result<Option<String>> {
    Ok(modality_gap_weights::text_if_there(file)?)
}

/// The text of a small file.
pub(crate) fn text(file: &Path) -> Result<String> {
    Ok(modality_gap_weights::text(file)?)
}
