//! Bytes read by position: a file, an object in a store, or memory.
//!
//! Files are never mapped: one that another program shortens is an error here, not a crash.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use stores::{Kind, Object, Uri};

use crate::error::{Place, ShardError};

/// Below this rate a read did not come from the page cache, and asking for the next block ahead pays.
const CACHED_BYTES_PER_SECOND: u128 = 1 << 30;

/// Length, time of the last change, and what a store calls the content.
pub type Stamp = (u64, Option<SystemTime>, Option<String>);

/// Bytes of known length that any thread may read at any position; cheap to clone.
#[derive(Debug, Clone)]
pub struct Input {
    place: Place,
    /// Where a part begins in its file.
    base: u64,
    len: u64,
    modified: Option<SystemTime>,
    bytes: Bytes,
}

#[derive(Debug, Clone)]
enum Bytes {
    File(Arc<File>),
    Object(Arc<Object>),
    Memory(Arc<Vec<u8>>),
}

impl Input {
    /// Opens a regular file; pipes and devices have no positions and are refused before they can block.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNREADABLE` or `BAD_FORMAT` with the path.
    pub fn open(path: &Path) -> Result<Self, ShardError> {
        let place = Place::from(path);
        if let Some(uri) = Uri::of(path) {
            return Self::open_object(place, &uri);
        }
        let metadata = std::fs::metadata(path).map_err(|e| ShardError::from_read(&place, e))?;
        if metadata.is_dir() {
            let source = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(ShardError::Unreadable { place, source });
        }
        if !metadata.is_file() {
            return Err(ShardError::bad_format(&place, "is not a regular file"));
        }
        let file = File::open(path).map_err(|e| ShardError::from_read(&place, e))?;
        Ok(Self {
            place,
            base: 0,
            len: metadata.len(),
            modified: metadata.modified().ok(),
            bytes: Bytes::File(Arc::new(file)),
        })
    }

    /// An object; a folder of objects is refused as one of files is.
    fn open_object(place: Place, uri: &Uri) -> Result<Self, ShardError> {
        let object = match Object::open(uri) {
            Ok(object) => object,
            Err(error) => {
                let folder = error.kind() == Kind::NotFound && stores::is_folder(uri).unwrap_or(false);
                let source = if folder {
                    io::ErrorKind::IsADirectory.into()
                } else {
                    io::Error::from(error)
                };
                return Err(ShardError::from_read(&place, source));
            }
        };
        Ok(Self {
            place,
            base: 0,
            len: object.len(),
            modified: Some(object.modified()),
            bytes: Bytes::Object(Arc::new(object)),
        })
    }

    /// All bytes of a regular file that has at most `most` of them.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::read_at`]; nothing is allocated for a longer file.
    pub fn whole(path: &Path, most: u64) -> Result<Vec<u8>, ShardError> {
        let input = Self::open(path)?;
        if input.len > most {
            let reason = format!("has {} bytes; at most {most} are read", input.len);
            return Err(ShardError::bad_format(&input.place, reason));
        }
        input.bytes_at(0, input.len)
    }

    /// Bytes that stand in memory.
    pub fn memory(bytes: Vec<u8>) -> Self {
        Self {
            place: Place::MEMORY,
            base: 0,
            len: bytes.len() as u64,
            modified: None,
            bytes: Bytes::Memory(Arc::new(bytes)),
        }
    }

    /// Where the bytes are.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Length when it was opened.
    #[allow(
        clippy::len_without_is_empty,
        reason = "a file is asked how long it is, never whether it is empty"
    )]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The `len` bytes from `start`, which must lie inside, as an input of their own.
    pub(crate) fn part(&self, start: u64, len: u64) -> Self {
        assert!(
            start.checked_add(len).is_some_and(|end| end <= self.len),
            "a part lies inside"
        );
        Self {
            base: self.base + start,
            len,
            ..self.clone()
        }
    }

    /// Where a part begins in its file.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// What tells this content of the file from another: length, time of the last change, and a store's own name of it.
    pub fn stamp(&self) -> Stamp {
        let tag = match &self.bytes {
            Bytes::Object(object) => object.tag().map(str::to_owned),
            Bytes::File(_) | Bytes::Memory(_) => None,
        };
        (self.len, self.modified, tag)
    }

    /// Fills `buf` from byte `offset`.
    ///
    /// # Errors
    /// `UNREADABLE`, or `BAD_FORMAT` when the file ends before.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ShardError> {
        self.read_exact(offset, buf).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => {
                ShardError::bad_format(&self.place, self.ended(offset, buf.len()))
            }
            io::ErrorKind::InvalidData => ShardError::bad_format(&self.place, e.to_string()),
            _ => ShardError::Unreadable {
                place: self.place.clone(),
                source: e,
            },
        })
    }

    /// Like `read_at`, and asks the system for the `buf.len()` bytes after it when this read was slow.
    pub(crate) fn read_ahead_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ShardError> {
        let start = Instant::now();
        self.read_at(offset, buf)?;
        if slower_than_memory(buf.len(), start.elapsed()) {
            self.prefetch(offset + buf.len() as u64, buf.len() as u64);
        }
        Ok(())
    }

    /// `len` bytes from `offset`, which must lie inside the file: the length may come from a header.
    ///
    /// # Errors
    /// As [`Self::read_at`]; nothing is allocated then.
    pub fn bytes_at(&self, offset: u64, len: u64) -> Result<Vec<u8>, ShardError> {
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(ShardError::bad_format(
                &self.place,
                self.ended(offset, usize::try_from(len).unwrap_or(usize::MAX)),
            ));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// A reader of the bytes `start..end`, with a position of its own.
    pub fn reader(&self, start: u64, end: u64) -> InputReader {
        InputReader {
            input: self.clone(),
            start,
            end: end.min(self.len),
            at: start,
        }
    }

    fn ended(&self, offset: u64, wanted: usize) -> String {
        let now = match &self.bytes {
            Bytes::File(file) => file.metadata().map_or(self.len, |m| m.len()),
            Bytes::Object(object) => object.len(),
            Bytes::Memory(bytes) => bytes.len() as u64,
        };
        let len = self.base + self.len;
        if now < len {
            format!("shrank from {len} to {now} bytes while it was read")
        } else {
            format!("is truncated: {wanted} bytes are expected at byte {offset}, and the file ends at {now}")
        }
    }

    fn read_exact(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let offset = self
            .base
            .checked_add(offset)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        match &self.bytes {
            Bytes::File(file) => read_exact_at(file, buf, offset),
            Bytes::Object(object) => {
                let end = offset.checked_add(buf.len() as u64);
                if end.is_none_or(|end| end > object.len()) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(object.read_at(offset, buf)?)
            }
            Bytes::Memory(bytes) => {
                let from = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get(start..)?.get(..buf.len()));
                buf.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn prefetch(&self, offset: u64, len: u64) {
        if let (Bytes::File(file), Some(len)) = (&self.bytes, std::num::NonZeroU64::new(len)) {
            // a hint only: a file system that knows none reads as before
            let _ = rustix::fs::fadvise(
                &**file,
                self.base + offset,
                Some(len),
                rustix::fs::Advice::WillNeed,
            );
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unused_self)]
    fn prefetch(&self, _offset: u64, _len: u64) {}
}

fn slower_than_memory(bytes: usize, elapsed: Duration) -> bool {
    bytes as u128 * 1_000_000_000 < elapsed.as_nanos() * CACHED_BYTES_PER_SECOND
}

#[cfg(unix)]
fn read_exact_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buf, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buf = &mut buf[n..];
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A part of an input as a stream.
#[derive(Debug)]
pub struct InputReader {
    input: Input,
    start: u64,
    end: u64,
    at: u64,
}

impl Read for InputReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let n = left.min(buf.len());
        self.input.read_exact(self.at, &mut buf[..n])?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for InputReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(offset) => self.start.checked_add(offset),
            SeekFrom::End(offset) => self.end.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at
            .filter(|&at| at >= self.start)
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at - self.start)
    }
}
