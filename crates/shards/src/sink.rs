//! Where encoders write.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::atomic::AtomicFile;
use crate::error::ShardError;

/// A buffered atomic file that remembers why writing failed.
///
/// Encoders wrap or print the system's errors; after the first one the sink swallows what they still write while
/// they are dropped, and the `Failure` has the reason.
#[derive(Debug)]
pub(crate) struct Sink {
    file: BufWriter<AtomicFile>,
    failure: Failure,
}

/// The first error of a sink, kept outside of the encoder that owns the sink.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    path: PathBuf,
    first: Arc<Mutex<Option<io::Error>>>,
    failed: Arc<std::sync::atomic::AtomicBool>,
}

impl Sink {
    pub fn create(path: &Path) -> Result<(Self, Failure), ShardError> {
        let file = BufWriter::with_capacity(256 << 10, AtomicFile::create(path)?);
        let failure = Failure {
            path: path.to_path_buf(),
            first: Arc::default(),
            failed: Arc::default(),
        };
        Ok((
            Self {
                file,
                failure: failure.clone(),
            },
            failure,
        ))
    }

    /// Renames the file into place and gives its size.
    pub fn commit(self, sync: bool) -> Result<u64, ShardError> {
        let path = self.failure.path.clone();
        let file = self
            .file
            .into_inner()
            .map_err(|e| ShardError::from_write(&path, e.into_error()))?;
        let bytes = file
            .file()
            .metadata()
            .map_err(|e| ShardError::from_write(&path, e))?
            .len();
        file.commit(sync)?;
        Ok(bytes)
    }

    fn guard<T>(
        &mut self,
        idle: T,
        work: impl FnOnce(&mut BufWriter<AtomicFile>) -> io::Result<T>,
    ) -> io::Result<T> {
        use std::sync::atomic::Ordering;
        if self.failure.failed.load(Ordering::Relaxed) {
            return Ok(idle);
        }
        work(&mut self.file).map_err(|error| {
            self.failure.failed.store(true, Ordering::Relaxed);
            let kind = error.kind();
            *self.failure.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            kind.into()
        })
    }
}

impl Failure {
    /// The error of an encoder: the system's reason when the sink failed, the encoder's own otherwise.
    pub fn explain(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ShardError {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        ShardError::from_write(&self.path, first.unwrap_or_else(|| io::Error::other(error)))
    }
}

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.guard(buf.len(), |file| file.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.guard((), BufWriter::flush)
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.guard(0, |file| file.seek(to))
    }
}
