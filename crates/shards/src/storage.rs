//! What stands where: on the file system, or in a store of objects. A folder of objects is what their names have in common; it is
//! there when one of them is, and is never made or removed itself.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use stores::{Expect, Kind, Uri};

use crate::error::ShardError;

/// A file that was looked at and not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Bytes.
    pub len: u64,
    /// Time of the last change.
    pub modified: SystemTime,
    /// What a store calls this content.
    pub tag: Option<String>,
}

/// What a folder holds.
#[derive(Debug)]
pub(crate) struct Entry {
    pub path: PathBuf,
    pub is_file: bool,
    pub is_folder: bool,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A file, or an object.
    File,
    /// A folder, or what names of objects have in common.
    Folder,
}

/// What stands at `path`, links followed.
pub(crate) fn what(path: &Path) -> io::Result<What> {
    let Some(uri) = Uri::of(path) else {
        let folder = std::fs::metadata(path)?.is_dir();
        return Ok(if folder { What::Folder } else { What::File });
    };
    if stores::object(&uri)?.is_some() {
        Ok(What::File)
    } else if stores::is_folder(&uri)? {
        Ok(What::Folder)
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Whether a regular file stands there.
pub fn is_file(path: &Path) -> bool {
    match Uri::of(path) {
        Some(uri) => matches!(stores::object(&uri), Ok(Some(_))),
        None => path.is_file(),
    }
}

/// Whether a folder stands there.
pub fn is_folder(path: &Path) -> bool {
    match Uri::of(path) {
        Some(uri) => stores::is_folder(&uri).unwrap_or(false),
        None => path.is_dir(),
    }
}

/// Whether anything stands there.
pub fn exists(path: &Path) -> bool {
    match Uri::of(path) {
        Some(_) => is_file(path) || is_folder(path),
        None => path.exists(),
    }
}

/// The file at `path`, a folder as [`What::Folder`], or nothing.
///
/// # Errors
/// `UNREADABLE`.
pub fn find(path: &Path) -> Result<Option<(What, Option<Seen>)>, ShardError> {
    let found = match look(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => what(path).map(|what| (what, None)),
        Ok(_) if path.is_dir() => Ok((What::Folder, None)),
        other => other.map(|seen| (What::File, Some(seen))),
    };
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other
            .map(Some)
            .map_err(|error| ShardError::from_read(&path.into(), error)),
    }
}

/// The file at `path`.
///
/// # Errors
/// Those of the system or the store, `NotFound` among them.
pub fn look(path: &Path) -> io::Result<Seen> {
    if let Some(uri) = Uri::of(path) {
        let known = stores::object(&uri)?.ok_or(io::ErrorKind::NotFound)?;
        return Ok(Seen {
            len: known.len,
            modified: known.modified,
            tag: known.tag,
        });
    }
    let found = std::fs::metadata(path)?;
    Ok(Seen {
        len: found.len(),
        modified: found.modified()?,
        tag: None,
    })
}

/// Names in a folder, in order.
///
/// # Errors
/// `NOT_FOUND`, `UNREADABLE`; a folder of objects is there when it holds one.
pub fn names(folder: &Path) -> Result<Vec<String>, ShardError> {
    let found = entries(folder).and_then(|found| match (found.is_empty(), Uri::of(folder)) {
        (true, Some(uri)) if !stores::is_folder(&uri)? => Err(io::ErrorKind::NotFound.into()),
        _ => Ok(found),
    });
    let found = found.map_err(|error| ShardError::from_read(&folder.into(), error))?;
    let name = |entry: Entry| Some(entry.path.file_name()?.to_string_lossy().into_owned());
    let mut names: Vec<String> = found.into_iter().filter_map(name).collect();
    names.sort();
    Ok(names)
}

/// What a folder holds, in no order; links are followed.
pub(crate) fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    if let Some(uri) = Uri::of(folder) {
        let found = stores::entries(&uri)?.into_iter().map(|entry| Entry {
            path: entry.path,
            is_file: !entry.folder,
            is_folder: entry.folder,
        });
        return Ok(found.collect());
    }
    let of = |entry: io::Result<std::fs::DirEntry>| {
        let path = entry?.path();
        Ok(Entry {
            is_file: path.is_file(),
            is_folder: path.is_dir(),
            path,
        })
    };
    std::fs::read_dir(folder)?.map(of).collect()
}

/// Files whose names fit a pattern.
pub(crate) fn matching(pattern: &str, options: glob::MatchOptions) -> Result<Vec<PathBuf>, Unmatched> {
    let Some(base) = stores::glob_base(Path::new(pattern)) else {
        let found = glob::glob_with(pattern, options)?;
        let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| {
            let path = error.path().to_path_buf();
            Unmatched::Unreadable(path, error.into())
        })?;
        let named = before_wildcard(pattern);
        let wanted = |path: &PathBuf| (path.is_file() || leads_nowhere(path)) && !turns_back(path, named);
        return Ok(found.into_iter().filter(wanted).collect());
    };
    if !stores::has_wildcard(Path::new(pattern)) {
        return Ok(Vec::new());
    }
    let fitting = glob::Pattern::new(pattern)?;
    let options = glob::MatchOptions {
        require_literal_separator: true,
        ..options
    };
    let below = stores::tree(&base).map_err(|error| Unmatched::Unreadable(base.path(), error.into()))?;
    let paths = below.into_iter().map(|entry| entry.path);
    Ok(paths
        .filter(|path| fitting.matches_path_with(path, options))
        .collect())
}

/// Whether a path is a link to nothing.
pub(crate) fn leads_nowhere(path: &Path) -> bool {
    path.is_symlink() && !path.exists()
}

/// The folders of a pattern that it names without a wildcard.
fn before_wildcard(pattern: &str) -> &Path {
    let end = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    let last = pattern[..end].rfind(std::path::is_separator).unwrap_or(0);
    let named = Path::new(&pattern[..last]);
    // paths that fit a pattern come without it
    named.strip_prefix(".").unwrap_or(named)
}

/// Whether a path goes, below `named`, through a link to a folder above it, so that its file has a shorter path as well.
fn turns_back(path: &Path, named: &Path) -> bool {
    let below = path.ancestors().skip(1).take_while(|folder| *folder != named);
    below.filter(|folder| folder.is_symlink()).any(|folder| {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new(".")).canonicalize();
        matches!((folder.canonicalize(), above), (Ok(to), Ok(above)) if above.starts_with(&to))
    })
}

/// Why a pattern gives no files.
pub(crate) enum Unmatched {
    Pattern(glob::PatternError),
    Unreadable(PathBuf, io::Error),
}

impl From<glob::PatternError> for Unmatched {
    fn from(error: glob::PatternError) -> Self {
        Self::Pattern(error)
    }
}

/// The path without links, where it exists; names of objects have none.
///
/// # Errors
/// Those of the system.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    match Uri::of(path) {
        Some(uri) => Ok(uri.path()),
        None => path.canonicalize(),
    }
}

/// Makes a folder and those above it.
///
/// # Errors
/// Those of the system.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if stores::is_remote(folder) {
        return Ok(());
    }
    std::fs::create_dir_all(folder)
}

/// Writes a small object where none stands: of several that try, one succeeds.
///
/// # Errors
/// `BAD_OPTION` where one stands, `WRITE_FAILED`.
pub fn create(path: &Path, bytes: Vec<u8>) -> Result<(), ShardError> {
    let failed = |error| ShardError::from_write(path, error);
    let uri = Uri::of(path).ok_or_else(|| failed(io::ErrorKind::Unsupported.into()))?;
    stores::put(&uri, bytes, Expect::Nothing).map_err(|error| match error.kind() {
        Kind::Exists => ShardError::Exists { place: path.into() },
        _ => failed(error.into()),
    })
}

/// Removes a file.
///
/// # Errors
/// Those of the system or the store.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match Uri::of(path) {
        Some(uri) => Ok(stores::remove(&uri)?),
        None => std::fs::remove_file(path),
    }
}

/// Removes a folder that holds nothing.
///
/// # Errors
/// Those of the system.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    if stores::is_remote(folder) {
        return Ok(());
    }
    std::fs::remove_dir(folder)
}

/// Removes a folder with all that it holds.
///
/// # Errors
/// Those of the system or the store.
pub fn remove_tree(folder: &Path) -> io::Result<()> {
    match Uri::of(folder) {
        Some(uri) => Ok(stores::remove_tree(&uri)?),
        None => std::fs::remove_dir_all(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.npy");
        std::fs::write(&file, b"").unwrap();
        let nothing = folder.path().join("absent");
        for (path, expected) in [
            (folder.path(), [false, true, true]),
            (file.as_path(), [true, false, true]),
            (nothing.as_path(), [false, false, false]),
        ] {
            let found = [is_file(path), is_folder(path), exists(path)];
            assert_eq!(found, expected, "{}", path.display());
        }
    }
}
