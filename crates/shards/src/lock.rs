//! A file that says who works in a folder. The system lets go of its lock when the process ends, however that comes: unlike a
//! number of a process, a lock cannot be taken for that of another one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::claim::refuse_link;
use crate::error::ShardError;

/// Name of a job's lock in its folder of receipts.
pub const RUN_LOCK: &str = "lock";

/// A lock that is held until it is dropped; its file goes with it.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    /// Held open for its lock.
    file: File,
}

/// How taking a lock ended.
#[derive(Debug)]
pub enum Taken {
    /// It is held now.
    Held(FolderLock),
    /// Somebody alive holds it.
    Busy,
    /// The file system has no locks.
    Unsupported,
}

impl FolderLock {
    /// The lock `path` of a job that writes to `output`; none where the file system has no locks.
    ///
    /// # Errors
    /// `BAD_OPTION` while another job holds it, `WRITE_FAILED`.
    pub fn of_job(path: &Path, output: &Path) -> Result<Option<Self>, ShardError> {
        match Self::take(path, "a job of modality-gap writes here\n")? {
            Taken::Held(lock) => Ok(Some(lock)),
            Taken::Busy => Err(ShardError::at_work(output)),
            Taken::Unsupported => {
                // made here, or by another job that could not hold it either
                if path.metadata().is_ok_and(|found| found.len() == 0) {
                    let _ = std::fs::remove_file(path);
                }
                Ok(None)
            }
        }
    }

    /// Takes the lock of the file `path`, which is made and filled with `note`, for people.
    ///
    /// # Errors
    /// `WRITE_FAILED`, also for a link.
    pub fn take(path: &Path, note: &str) -> Result<Taken, ShardError> {
        let failed = |error| ShardError::from_write(path, error);
        loop {
            refuse_link(path)?;
            let mut options = OpenOptions::new();
            let mut file = options
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(failed)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(Taken::Busy),
                Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(Taken::Unsupported),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Ok(()) => {}
            }
            // whoever held it before has removed the file, and another may stand there by now
            if is_at(&file, path) {
                let written = file.set_len(0).and_then(|()| file.write_all(note.as_bytes()));
                written.map_err(failed)?;
                return Ok(Taken::Held(Self {
                    path: path.to_path_buf(),
                    file,
                }));
            }
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // while it is held nobody else's can be meant, unless the file was removed meanwhile
        if is_at(&self.file, &self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether a file system has no locks; NFS without its daemon says so in a way of its own.
fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(target_os = "linux")]
    if error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let number = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
    let (own, there) = (file.metadata().map(number), path.metadata().map(number));
    matches!((own, there), (Ok(own), Ok(there)) if own == there)
}

/// Windows gives a name away only when the last handle has been closed.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_holds_a_lock_and_a_file_alone_holds_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        std::fs::write(&path, "left by a dead process").unwrap();
        let Taken::Held(first) = FolderLock::take(&path, "mine").unwrap() else {
            panic!("nobody held it");
        };
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert!(matches!(FolderLock::take(&path, "theirs").unwrap(), Taken::Busy));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        drop(first);
        assert!(!path.exists());
        assert!(matches!(FolderLock::take(&path, "next").unwrap(), Taken::Held(_)));
    }

    #[test]
    fn of_many_that_try_one_at_a_time_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let turn = || loop {
            if let Taken::Held(lock) = FolderLock::take(&path, "").unwrap() {
                assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                drop(lock);
                break;
            }
            std::thread::yield_now();
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..25).for_each(|_| turn()));
            }
        });
    }
}
