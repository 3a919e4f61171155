//! Files of a folder.

use std::path::{Path, PathBuf};

use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::natural;

/// Regular files of a folder but hidden ones, in natural order.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>, ShardError> {
    let place = Place::from(folder);
    let failed = |e| ShardError::from_read(&place, e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.is_file() {
            files.push(path);
        }
    }
    sort(&mut files);
    Ok(files)
}

/// Containers in a folder by what their names end in, in natural order.
pub(crate) fn containers_in(folder: &Path) -> Result<Vec<PathBuf>, ShardError> {
    let mut files = files_in(folder)?;
    files.retain(|path| Format::from_path(path).is_some());
    Ok(files)
}

/// Sorts paths in natural order.
pub(crate) fn sort(files: &mut [PathBuf]) {
    files.sort_by(|a, b| natural::compare(&a.to_string_lossy(), &b.to_string_lossy()));
}
