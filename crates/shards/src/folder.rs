//! Files of a folder.

use std::path::{Path, PathBuf};

use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::input::Input;
use crate::natural;
use crate::safetensors::Header;
use crate::storage::{self, Entry};

/// Folder of the receipts of a job, beside its outputs.
pub const RUN_FOLDER: &str = "_run";

/// Regular files of a folder but hidden ones, in natural order.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>, ShardError> {
    let place = Place::from(folder);
    let found = storage::entries(folder).map_err(|e| ShardError::from_read(&place, e))?;
    // a link to nothing is a missing file, which is named when it is opened
    let is_file = |entry: &Entry| entry.is_file || storage::leads_nowhere(&entry.path);
    let shown = found
        .into_iter()
        .filter(|entry| is_file(entry) && !begins_with(&entry.path, "."));
    let mut files: Vec<PathBuf> = shown.map(|entry| entry.path).collect();
    sort(&mut files);
    Ok(files)
}

/// Containers in a folder by what their names end in, in natural order, but those that readers of tables ignore, and aligners. Text stands
/// beside other containers to describe them, plain bytes may be anything, and JSON documents describe all kinds of things: the
/// former count where there is nothing else, the latter never.
pub(crate) fn containers_in(folder: &Path) -> Result<Vec<PathBuf>, ShardError> {
    Ok(containers_among(files_in(folder)?))
}

/// The same of any files.
pub(crate) fn containers_among(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.retain(|path| {
        Format::from_path(path).is_some_and(|format| format != Format::Json)
            && !is_ignored(path)
            && !is_aligner(path)
    });
    let is_common = |path: &PathBuf| Format::from_path(path).is_some_and(Format::is_common);
    if !files.iter().all(is_common) {
        files.retain(|path| !is_common(path));
    }
    files
}

/// Whether readers of data sets (Spark, pyarrow) ignore a table: its name begins with `_`, as what is not finished has it.
pub(crate) fn is_ignored(path: &Path) -> bool {
    let table = matches!(Format::from_path(path), Some(Format::Parquet | Format::Arrow));
    table && begins_with(path, "_")
}

/// Whether a file is the aligner that `align` has written beside its rows, by its name and what it says of itself.
pub(crate) fn is_aligner(path: &Path) -> bool {
    let named = path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name == "aligner.safetensors" || name.ends_with(".aligner.safetensors")
    });
    let header = || Header::read(&Input::open(path)?);
    named && header().is_ok_and(|header| header.own_kind().is_some())
}

/// Whether a file is one that a job holds, or has left, beside its outputs: a lock, or what is not complete.
pub(crate) fn is_of_writer(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && [".lock", ".tmp"].iter().any(|ending| name.ends_with(ending))
}

/// Whether a file stands in the folder of receipts of a job.
pub(crate) fn is_of_run(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == RUN_FOLDER)
}

fn begins_with(path: &Path, start: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(start))
}

/// Folders in a folder but hidden ones, in natural order.
pub(crate) fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, ShardError> {
    let place = Place::from(folder);
    let found = storage::entries(folder).map_err(|e| ShardError::from_read(&place, e))?;
    let shown = found
        .into_iter()
        .filter(|entry| entry.is_folder && !begins_with(&entry.path, "."));
    let mut folders: Vec<PathBuf> = shown.map(|entry| entry.path).collect();
    sort(&mut folders);
    Ok(folders)
}

/// Folders in a folder, or in those, that hold containers; neither hidden ones nor those of logs and metadata.
pub(crate) fn folders_with_containers(folder: &Path) -> Result<Vec<PathBuf>, ShardError> {
    /// A data set has a folder for each value of a few columns.
    const MAX_DEPTH: usize = 4;
    let mut found = Vec::new();
    let mut waiting = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        let place = Place::from(folder.as_path());
        for Entry { path, is_folder, .. } in
            storage::entries(&folder).map_err(|e| ShardError::from_read(&place, e))?
        {
            let passed = [".", "_"].iter().any(|start| begins_with(&path, start));
            let metadata = path.file_name().is_some_and(|name| name == "metadata");
            // a link could lead back up
            if passed || metadata || !is_folder || path.is_symlink() {
                continue;
            }
            if !containers_in(&path)?.is_empty() {
                found.push(path);
            } else if depth < MAX_DEPTH {
                waiting.push((path, depth + 1));
            }
        }
    }
    sort(&mut found);
    Ok(found)
}

/// Sorts paths in natural order.
pub(crate) fn sort(files: &mut [PathBuf]) {
    files.sort_by(|a, b| natural::compare(&a.to_string_lossy(), &b.to_string_lossy()));
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn links_to_folders_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let rows = root.path().join("a");
        std::fs::create_dir(&rows).unwrap();
        std::fs::write(rows.join("x.npy"), b"").unwrap();
        // back up, and to the same rows again
        std::os::unix::fs::symlink(root.path(), root.path().join("b")).unwrap();
        std::os::unix::fs::symlink(&rows, root.path().join("c")).unwrap();
        assert_eq!(super::folders_with_containers(root.path()).unwrap(), [rows]);
    }
}
