//! An opened object: bytes by position, of one content.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::blocks::{self, BLOCK, Found};
use crate::connect::{connection, key_of};
use crate::error::StoreError;
use crate::fetch::{Content, Origin};
use crate::runtime::{runtime, wait};
use crate::uri::Uri;

/// Bytes that opening brings along: headers, and small files whole.
const START: u64 = 64 << 10;
/// Most blocks of one request.
const RUN: u64 = 8;
/// Most blocks that are asked for ahead of a reader that goes forward.
const AHEAD: u64 = 32;
/// Most requests for blocks at a time, of all objects.
static REQUESTS: Semaphore = Semaphore::const_new(16);

/// An object whose bytes any thread may read at any position. All bytes are of the content that it had when it was opened.
#[derive(Debug)]
pub struct Object {
    id: u64,
    origin: Arc<Origin>,
    content: Arc<Content>,
    start: Bytes,
    pace: Mutex<Pace>,
}

/// How the object is read.
#[derive(Debug, Default)]
struct Pace {
    /// The block that was read last.
    last: u64,
    /// Blocks to ask for ahead.
    ahead: u64,
    /// The end of what was asked for.
    end: u64,
}

impl Object {
    /// Opens an object.
    ///
    /// # Errors
    /// `NotFound`, `Denied` and those of the network.
    pub fn open(uri: &Uri) -> Result<Self, StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let connected = connection(uri)?;
        let origin = Arc::new(Origin {
            uri: uri.clone(),
            store: connected.store,
            signed: connected.signed,
            key: key_of(uri)?,
        });
        let asked = Arc::clone(&origin);
        let (content, start) = wait(async move { asked.opening(START).await })?;
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            origin,
            content: Arc::new(content),
            start,
            pace: Mutex::default(),
        })
    }

    /// Its length.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> u64 {
        self.content.len
    }

    /// What tells this content from another: the store's tag, if it gives one.
    pub fn tag(&self) -> Option<&str> {
        self.content.tag.as_deref()
    }

    /// Time of the last change.
    pub fn modified(&self) -> SystemTime {
        self.content.modified
    }

    /// Fills `buf` from byte `offset`.
    ///
    /// # Errors
    /// `Changed`, `UnexpectedEof` as an error of the store for bytes past the end, and those of the network.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreError> {
        if buf.is_empty() {
            return Ok(());
        }
        let end = offset + buf.len() as u64;
        if let Some(known) = self.start.get(offset as usize..end as usize) {
            buf.copy_from_slice(known);
            return Ok(());
        }
        let last = (end - 1) / BLOCK;
        for block in offset / BLOCK..=last {
            let bytes = self.block(block, last)?;
            let from = offset.max(block * BLOCK);
            let until = end.min(block * BLOCK + bytes.len() as u64);
            let place = (from - offset) as usize..(until - offset) as usize;
            let part = (from - block * BLOCK) as usize..(until - block * BLOCK) as usize;
            buf[place].copy_from_slice(&bytes[part]);
        }
        Ok(())
    }

    /// A block, of a read that reaches to block `last`.
    fn block(&self, block: u64, last: u64) -> Result<Bytes, StoreError> {
        self.ask(self.wanted(block, last))?;
        loop {
            match blocks::wait_for(self.id, block)? {
                Found::Bytes(bytes) => return Ok(bytes),
                Found::Missing => {
                    self.again(block);
                    self.ask(self.wanted(block, last))?;
                }
            }
        }
    }

    /// What was asked for from `block` on has been dropped for other blocks.
    fn again(&self, block: u64) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.last = block;
        pace.end = block;
    }

    /// What to ask for when `block` is read: it, the rest of the read, and more where the reader goes forward.
    fn wanted(&self, block: u64, last: u64) -> Range<u64> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if block == pace.last + 1 || (block > pace.last && block < pace.end) {
            pace.ahead = (pace.ahead * 2).clamp(1, AHEAD);
        } else if block > pace.last || block + AHEAD < pace.last {
            pace.ahead = 0;
            pace.end = 0;
        }
        if block > pace.last || pace.end == 0 {
            pace.last = block;
        }
        let blocks = self.content.len.div_ceil(BLOCK);
        let rest = (last + 1).min(block + AHEAD);
        let mut end = rest.max(block + 1 + pace.ahead);
        if pace.ahead >= RUN {
            // whole requests, not one block each time
            end = rest.max(end - end % RUN);
        }
        let end = end.min(blocks);
        let from = if pace.end > block {
            pace.end.min(end)
        } else {
            block
        };
        pace.end = pace.end.max(end);
        from..end
    }

    /// Asks for those of `blocks` that nobody has asked for.
    fn ask(&self, blocks: Range<u64>) -> Result<(), StoreError> {
        let missing = blocks::claim(self.id, blocks);
        for run in missing
            .chunk_by(|a, b| a + 1 == *b)
            .flat_map(|run| run.chunks(RUN as usize))
        {
            let (id, run) = (self.id, run.to_vec());
            let (origin, content) = (Arc::clone(&self.origin), Arc::clone(&self.content));
            runtime()?.spawn(async move {
                let _place = REQUESTS.acquire().await;
                let from = run[0] * BLOCK;
                let end = ((run[0] + run.len() as u64) * BLOCK).min(content.len);
                let result = origin.range_of(&content, from..end).await;
                let parts = result.map(|bytes| {
                    let part = |index: usize| {
                        let start = index * BLOCK as usize;
                        bytes.slice(start..bytes.len().min(start + BLOCK as usize))
                    };
                    (0..run.len()).map(part).collect()
                });
                blocks::arrived(id, &run, &parts);
            });
        }
        Ok(())
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        blocks::forget(self.id);
    }
}
