//! Whether outputs may be written where they are to go: nothing is replaced unless the caller asks for it, a source never.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use stores::is_remote;

use crate::error::ShardError;
use crate::storage;

/// What a job reads, which it must not write into.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    files: HashSet<PathBuf>,
    /// Device and number of each file: hard links have other names.
    numbers: HashSet<(u64, u64)>,
    folders: Vec<PathBuf>,
}

impl Claim {
    /// Of a job that reads `files`, and all of `folders`.
    pub fn reading<'a>(
        files: impl IntoIterator<Item = &'a Path>,
        folders: impl IntoIterator<Item = &'a Path>,
    ) -> Self {
        let mut claim = Self::default();
        for file in files {
            claim.files.extend(storage::canonical(file).ok());
            claim
                .numbers
                .extend(file.metadata().ok().and_then(|meta| number(&meta)));
        }
        let folders = folders.into_iter();
        claim
            .folders
            .extend(folders.filter_map(|folder| storage::canonical(folder).ok()));
        claim
    }

    /// Of a job that reads these files, too.
    #[must_use]
    pub fn and(self, files: &[PathBuf]) -> Self {
        let more = Self::reading(files.iter().map(PathBuf::as_path), []);
        Self {
            files: self.files.into_iter().chain(more.files).collect(),
            numbers: self.numbers.into_iter().chain(more.numbers).collect(),
            folders: self.folders,
        }
    }

    /// Refuses `target` where it is, or lies among, what is read, where it is not a regular file, and, unless `replace`, where
    /// anything stands.
    ///
    /// # Errors
    /// `BAD_OPTION` for a source and where something stands, `WRITE_FAILED` for a folder or device.
    pub fn check(&self, target: &Path, replace: bool) -> Result<(), ShardError> {
        if let (true, Ok(uri)) = (is_remote(target), storage::canonical(target)) {
            return self.check_object(target, &uri, replace);
        }
        let found = target.metadata().ok();
        let is_read = target.canonicalize().is_ok_and(|path| self.files.contains(&path))
            || found
                .as_ref()
                .and_then(number)
                .is_some_and(|number| self.numbers.contains(&number));
        if is_read {
            return Err(misplaced(target, REPLACES));
        }
        let place = resolved(target);
        if self.folders.iter().any(|folder| place.starts_with(folder)) {
            return Err(misplaced(target, AMONG));
        }
        let Ok(own) = target.symlink_metadata() else {
            return Ok(());
        };
        let kind = own.file_type();
        if !kind.is_file() && !kind.is_symlink() {
            let what = if kind.is_dir() {
                "a folder"
            } else {
                "no regular file"
            };
            return Err(ShardError::from_write(
                target,
                io::Error::other(format!("{what} stands there")),
            ));
        }
        if replace {
            return Ok(());
        }
        Err(ShardError::Exists { place: target.into() })
    }

    /// The same of an object, which has one name only.
    fn check_object(&self, target: &Path, uri: &Path, replace: bool) -> Result<(), ShardError> {
        if self.files.contains(uri) {
            return Err(misplaced(target, REPLACES));
        }
        if self.folders.iter().any(|folder| uri.starts_with(folder)) {
            return Err(misplaced(target, AMONG));
        }
        if replace {
            return Ok(());
        }
        match storage::look(target) {
            Ok(_) => Err(ShardError::Exists { place: target.into() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(ShardError::from_write(target, error)),
        }
    }
}

const REPLACES: &str = "the output would replace its input; choose another one";
const AMONG: &str = "the output would stand in the folder of its input; choose another one";

fn misplaced(target: &Path, reason: &str) -> ShardError {
    ShardError::Misplaced {
        place: target.into(),
        reason: reason.to_owned(),
    }
}

/// Refuses a link: a folder that was received may hold links to its reader's own folders.
///
/// # Errors
/// `WRITE_FAILED` with the link.
pub fn refuse_link(path: &Path) -> Result<(), ShardError> {
    if path.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
        let reason =
            "it is a link, and nothing is written through links; remove it, or choose another output";
        return Err(ShardError::from_write(path, io::Error::other(reason)));
    }
    Ok(())
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut missing: Vec<OsString> = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        if let Ok(found) = existing.canonicalize() {
            return missing.iter().rev().fold(found, |path, name| path.join(name));
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name.to_owned());
                existing = parent;
            }
            _ => return absolute,
        }
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have none")]
fn number(meta: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn number(_meta: &Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_never_replaced_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("rows")).unwrap();
        std::fs::write(at("rows/a.npy"), b"a").unwrap();
        std::fs::write(at("b.npy"), b"b").unwrap();
        let (rows, file, lone) = (at("rows"), at("rows/a.npy"), at("b.npy"));
        let claim = Claim::reading([file.as_path(), lone.as_path()], [rows.as_path()]);
        std::fs::hard_link(at("b.npy"), at("hard.npy")).unwrap();
        let mut own = vec![
            at("b.npy"),
            at("rows/a.npy"),
            at("rows/new/c.npy"),
            at("./b.npy"),
            at("rows/../b.npy"),
        ];
        #[cfg(unix)]
        {
            own.push(at("hard.npy"));
            std::os::unix::fs::symlink(at("b.npy"), at("soft.npy")).unwrap();
            std::os::unix::fs::symlink(at("rows"), at("soft")).unwrap();
            own.extend([at("soft.npy"), at("soft/new.npy")]);
        }
        for target in own {
            for replace in [true, false] {
                let error = claim.check(&target, replace).unwrap_err();
                assert_eq!(error.code(), "BAD_OPTION", "{}", target.display());
            }
        }
        assert!(claim.check(&at("c.npy"), false).is_ok());
        assert!(claim.check(&at("rows2/c.npy"), false).is_ok());
    }

    #[test]
    fn what_stands_there_is_replaced_only_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.npy");
        std::fs::write(&file, b"a").unwrap();
        let claim = Claim::default();
        assert_eq!(claim.check(&file, false).unwrap_err().code(), "BAD_OPTION");
        assert!(claim.check(&file, true).is_ok());
        assert_eq!(
            claim.check(folder.path(), true).unwrap_err().code(),
            "WRITE_FAILED"
        );
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(folder.path().join("gone"), &link).unwrap();
            assert_eq!(claim.check(&link, false).unwrap_err().code(), "BAD_OPTION");
            assert_eq!(refuse_link(&link).unwrap_err().code(), "WRITE_FAILED");
            assert_eq!(
                claim.check(Path::new("/dev/null"), true).unwrap_err().code(),
                "WRITE_FAILED"
            );
        }
    }
}
