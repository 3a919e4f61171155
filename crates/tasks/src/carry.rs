//! What stands beside rows: taken along to the outputs, or named as lost.

use std::path::{Path, PathBuf};

use modality_gap_shards::{
    Layout, ShardError, copy_metadata, left_behind, refuse_link, remove_litter, storage,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::outputs::{METADATA, OutputOptions, Target, make_folder, run_folder};
use crate::{Part, RowSet, TaskError};

/// What stands beside rows that were read, and is in no file that was written: its format or place does not hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[ts(optional_fields)]
pub struct NotCarried {
    /// Columns, keys, arrays, tensors or files.
    pub names: Vec<String>,
    /// The first file that held them; absent for rows from memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// How many files did.
    pub files: u64,
}

/// What stands beside the rows of `source` and goes into none of the outputs that `written` names: columns, keys, arrays and
/// metadata that their formats or places do not hold. One entry for all files that lose the same.
pub(crate) fn not_carried(
    source: &RowSet,
    written: &[Target],
    options: &OutputOptions,
) -> Result<Vec<NotCarried>, TaskError> {
    let mut losses: Vec<NotCarried> = Vec::new();
    let mut lose = |names: Vec<String>, file: Option<&Path>| {
        if names.is_empty() {
            return;
        }
        match losses.iter_mut().find(|lost| lost.names == names) {
            Some(lost) => lost.files += 1,
            None => losses.push(NotCarried {
                names,
                file: file.map(Path::to_path_buf),
                files: 1,
            }),
        }
    };
    for (part, target) in source.parts.iter().zip(written) {
        let names = match part {
            Part::File(shard) => left_behind(shard, target.format)?,
            Part::Memory(shard) => shard.beside(),
        };
        lose(names, part.file());
    }
    if let (Layout::ClipRetrieval { metadata, .. }, None) = (&source.layout, run_folder(options)) {
        for file in metadata {
            let name = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            lose(vec![format!("{METADATA}/{name}")], Some(file));
        }
    }
    Ok(losses)
}

/// How a report has it: absent where nothing was lost.
pub(crate) fn if_any(losses: Vec<NotCarried>) -> Option<Vec<NotCarried>> {
    (!losses.is_empty()).then_some(losses)
}

/// Metadata of a clip-retrieval folder, less the rows dropped from each shard; a single file of rows has no place for it.
pub(crate) fn carry_metadata(
    source: &RowSet,
    out: &Path,
    dropped: &[Vec<u64>],
) -> Result<Vec<PathBuf>, TaskError> {
    let Layout::ClipRetrieval { metadata, .. } = &source.layout else {
        return Ok(Vec::new());
    };
    if storage::is_file(out) {
        return Ok(Vec::new());
    }
    let folder = out.join(METADATA);
    refuse_link(&folder)?;
    if !metadata.is_empty() {
        make_folder(&folder)?;
    }
    let mut written = Vec::new();
    for (file, dropped) in metadata.iter().zip(dropped) {
        let Some(name) = file.file_name() else { continue };
        let to = folder.join(name);
        remove_litter([to.as_path()]);
        copy_metadata(file, &to, dropped)?;
        written.push(to);
    }
    Ok(written)
}

/// The metadata files that [`carry_metadata`] will write.
///
/// # Errors
/// `UNREADABLE` for a link that leads out of the folder: what somebody else put there is not to spread a file of the reader's.
pub(crate) fn metadata_targets(source: &RowSet, options: &OutputOptions) -> Result<Vec<PathBuf>, TaskError> {
    let Layout::ClipRetrieval { root, metadata } = &source.layout else {
        return Ok(Vec::new());
    };
    if run_folder(options).is_none() {
        return Ok(Vec::new());
    }
    let root = storage::canonical(root).unwrap_or_else(|_| root.clone());
    for file in metadata {
        if storage::canonical(file).is_ok_and(|place| !place.starts_with(&root)) {
            let reason = "it is a link out of its folder, and what it points to is not taken along; put a copy there, or name the file of rows";
            return Err(ShardError::Unreadable {
                place: file.as_path().into(),
                source: std::io::Error::other(reason),
            }
            .into());
        }
    }
    let folder = options.out.join(METADATA);
    let names = metadata.iter().filter_map(|file| file.file_name());
    Ok(names.map(|name| folder.join(name)).collect())
}
