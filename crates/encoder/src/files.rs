//! Files and folders of outputs.

use std::fs;
use std::path::Path;

use modality_gap_nn::NnError;
use modality_gap_shards::{AtomicFile, remove_litter};

use crate::error::Result;

/// Writes a file as a whole or not at all; what a killed process has left of it goes first.
pub(crate) fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    remove_litter([file]);
    let out = AtomicFile::create(file)?;
    out.write_at(0, bytes)?;
    Ok(out.commit(true)?)
}

pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    let failed = |source| NnError::Write {
        file: folder.to_owned(),
        source,
    };
    Ok(fs::create_dir_all(folder).map_err(failed)?)
}
