//! Files that appear whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use stores::{Uri, is_remote};
use tempfile::NamedTempFile;

use crate::error::ShardError;

/// End of a temporary file's name, `.NAME.XXXXXX.tmp`.
const SUFFIX: &str = ".tmp";
/// Letters and digits by chance in that name.
const CHANCE: usize = 6;

/// A temporary file beside its target: renamed into place on commit, removed when dropped before. It is locked while its process
/// lives, so that [`remove_litter`] can tell it from what a killed process has left.
/// What will be an object is written to a file without a name first, and sent on commit: stores take bytes in order.
#[derive(Debug)]
pub struct AtomicFile {
    draft: Draft,
    target: PathBuf,
}

#[derive(Debug)]
enum Draft {
    Beside(NamedTempFile),
    Apart(File, Uri),
}

impl AtomicFile {
    /// Starts a file that will be called `path`; its folder must exist.
    ///
    /// # Errors
    /// `WRITE_FAILED` with the target's name.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, ShardError> {
        let target = path.as_ref().to_path_buf();
        if let Some(uri) = Uri::of(&target) {
            let draft = Draft::Apart(tempfile::tempfile().map_err(|e| failed(&target, e))?, uri);
            return Ok(Self { draft, target });
        }
        let name = target
            .file_name()
            .ok_or_else(|| failed(&target, io::ErrorKind::InvalidInput.into()))?;
        let folder = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // the dot hides it from readers that list the folder meanwhile
        let prefix = format!(".{}.", name.to_string_lossy());
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(SUFFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        loop {
            let file = builder
                .tempfile_in(folder)
                .map_err(|e| failed(&target, plain(e)))?;
            // who clears up takes a file without a lock for that of a dead process: one it was faster at is made again
            match file.as_file().try_lock() {
                Err(TryLockError::WouldBlock) => {}
                _ if file.path().exists() => {
                    let draft = Draft::Beside(file);
                    return Ok(Self { draft, target });
                }
                _ => {}
            }
        }
    }

    /// The final name.
    pub fn path(&self) -> &Path {
        &self.target
    }

    /// The open temporary file.
    pub fn file(&self) -> &File {
        match &self.draft {
            Draft::Beside(file) => file.as_file(),
            Draft::Apart(file, _) => file,
        }
    }

    /// Reserves `bytes`, so that a full disk is found before the work and not after it.
    ///
    /// # Errors
    /// `WRITE_FAILED` when there is no room.
    pub fn reserve(&self, bytes: u64) -> Result<(), ShardError> {
        reserve(self.file(), bytes).map_err(|e| failed(&self.target, e))
    }

    /// Writes all of `bytes` at byte `offset`; any thread, any order.
    ///
    /// # Errors
    /// `WRITE_FAILED` with the system's reason.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), ShardError> {
        write_all_at(self.file(), bytes, offset).map_err(|e| failed(&self.target, e))
    }

    /// Gives the file its name; with `sync` only after its bytes and then its name are on the disk. An object is complete before
    /// it has its name, whatever `sync`.
    ///
    /// # Errors
    /// `WRITE_FAILED`; the temporary file is then gone and an earlier file of that name still stands.
    pub fn commit(self, sync: bool) -> Result<(), ShardError> {
        self.publish(sync, true)
    }

    /// As [`Self::commit`], of a file that replaces nothing unless it may: another job may have written one of that name meanwhile.
    /// Of a store this is asked just before.
    ///
    /// # Errors
    /// `BAD_OPTION` where something stands, and those of [`Self::commit`].
    pub fn publish(self, sync: bool, replace: bool) -> Result<(), ShardError> {
        let Self { draft, target } = self;
        let exists = || ShardError::Exists {
            place: target.as_path().into(),
        };
        let file = match draft {
            Draft::Beside(file) => file,
            Draft::Apart(file, uri) => {
                if !replace && crate::storage::exists(&target) {
                    return Err(exists());
                }
                let len = file.metadata().map_err(|e| failed(&target, e))?.len();
                return stores::put_file(&uri, &file, len).map_err(|e| failed(&target, e.into()));
            }
        };
        if sync {
            file.as_file().sync_all().map_err(|e| failed(&target, e))?;
        }
        if replace {
            file.persist(&target).map_err(|e| failed(&target, e.error))?;
        } else if let Err(refused) = file.persist_noclobber(&target) {
            if target.symlink_metadata().is_ok() {
                return Err(exists());
            }
            // some file systems know no such renaming
            let file = refused.file;
            file.persist(&target).map_err(|e| failed(&target, e.error))?;
        }
        if sync {
            sync_folder(&target).map_err(|e| failed(&target, e))?;
        }
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl io::Seek for AtomicFile {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file().seek(to)
    }
}

/// Removes what killed processes have left of the files `paths`: temporary files beside them that nobody holds any more. What
/// cannot be looked at stays.
pub fn remove_litter<'a>(paths: impl IntoIterator<Item = &'a Path>) {
    let mut folders: BTreeMap<&Path, BTreeSet<String>> = BTreeMap::new();
    for path in paths {
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
            let name = name.to_string_lossy().into_owned();
            folders.entry(folder).or_default().insert(name);
        }
    }
    // what is not complete is not an object
    folders.retain(|folder, _| !is_remote(folder));
    for (folder, names) in folders {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let is_ours = entry
                .file_name()
                .to_str()
                .and_then(target_name)
                .is_some_and(|name| names.contains(name));
            // a link is none of ours, and is not followed
            if is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                remove_unheld(&entry.path());
            }
        }
    }
}

/// Removes what killed processes have left in a folder of our own, whatever it was to be called, and in those below it.
pub fn remove_all_litter(folder: &Path) {
    if is_remote(folder) {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            remove_all_litter(&entry.path());
        } else if kind.is_file() && entry.file_name().to_str().and_then(target_name).is_some() {
            remove_unheld(&entry.path());
        }
    }
}

/// The name that a temporary file was to get.
fn target_name(name: &str) -> Option<&str> {
    let (target, chance) = name.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let by_chance = chance.len() == CHANCE && chance.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (by_chance && !target.is_empty()).then_some(target)
}

fn remove_unheld(path: &Path) {
    let Ok(file) = File::options().write(true).open(path) else {
        return;
    };
    if file.try_lock().is_ok() {
        // held until the name is gone: who has just made the file gets the lock after that, and makes another; somebody else may
        // clear up as well
        let _ = std::fs::remove_file(path);
    }
}

fn failed(target: &Path, source: io::Error) -> ShardError {
    ShardError::from_write(target, source)
}

/// Without the name of the temporary file, which means nothing to the user.
fn plain(error: io::Error) -> io::Error {
    match error
        .get_ref()
        .and_then(|inner| inner.source())
        .and_then(|e| e.downcast_ref::<io::Error>())
    {
        Some(inner) => inner
            .raw_os_error()
            .map_or_else(|| inner.kind().into(), io::Error::from_raw_os_error),
        None => error,
    }
}

#[cfg(target_os = "linux")]
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::io::Errno;
    if bytes == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        // some file systems cannot reserve; there a full disk shows while writing
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => file.set_len(bytes),
        other => other.map_err(Into::into),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(bytes)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = &bytes[n..];
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(target: &Path) -> io::Result<()> {
    let folder = target
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Windows keeps names in a journal of its own and opens no folders as files.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
fn sync_folder(_target: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_new_files_of_one_name_the_first_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let [first, second] = ["first", "second"].map(|text| {
            let mut file = AtomicFile::create(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        });
        first.publish(true, false).unwrap();
        let error = second.publish(true, false).unwrap_err();
        assert!(matches!(error, ShardError::Exists { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(names(folder.path()), ["rows"]);
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_dropped_file_leaves_nothing_and_the_old_one_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npy");
        std::fs::write(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(file);
        assert_eq!(names(folder.path()), ["out.npy"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn commit_replaces_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npy");
        std::fs::write(&path, b"old").unwrap();
        for sync in [true, false] {
            let file = AtomicFile::create(&path).unwrap();
            file.reserve(3).unwrap();
            file.write_at(0, b"new").unwrap();
            file.commit(sync).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"new");
            assert_eq!(names(folder.path()), ["out.npy"]);
        }
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_a_living_one_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npy");
        let living = AtomicFile::create(&path).unwrap();
        for litter in [
            ".out.npy.AbC123.tmp",
            ".other.npy.AbC123.tmp",
            ".out.npy.short.tmp",
            "out.npy.AbC123.tmp",
        ] {
            std::fs::write(folder.path().join(litter), b"half").unwrap();
        }
        remove_litter([path.as_path()]);
        assert_eq!(names(folder.path()).len(), 4);
        assert!(!folder.path().join(".out.npy.AbC123.tmp").exists());
        remove_all_litter(folder.path());
        assert_eq!(names(folder.path()).len(), 3);
        living.commit(false).unwrap();
        assert!(path.is_file());
    }

    #[test]
    fn files_that_are_begun_while_others_clear_up_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npy");
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..1000 {
                        remove_litter([path.as_path()]);
                        AtomicFile::create(&path).unwrap().commit(false).unwrap();
                    }
                });
            }
        });
        assert_eq!(names(folder.path()), ["out.npy"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent").join("out.npy");
        let error = AtomicFile::create(&path).unwrap_err();
        assert_eq!(error.code(), "WRITE_FAILED");
        assert_eq!(error.path(), Some(path.as_path()));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_the_file_as_the_umask_says() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plain"), b"").unwrap();
        AtomicFile::create(folder.path().join("ours"))
            .unwrap()
            .commit(false)
            .unwrap();
        let mode = |name| {
            std::fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("ours"), mode("plain"));
    }
}
