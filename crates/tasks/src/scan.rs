//! The scan: blocks of rows on a fixed grid, worked on by many threads, folded in shard and block order.
//!
//! Blocks start at multiples of [`BLOCK_ROWS`] within their shard and results are folded in order, so the number of
//! threads changes nothing. Workers take the next block of the next shard, so many small shards and one huge shard
//! keep them equally busy; at most a few blocks per thread are in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use modality_gap_geometry::Scratch;
use modality_gap_kernels::Rows;
use modality_gap_shards::{Access, Buffer, Fault, Shard};

use crate::control::{Control, Stage};
use crate::{RowSet, TaskError};

/// Rows of a block: small enough to stay in a core's cache, large enough to read well.
pub const BLOCK_ROWS: u64 = 512;
/// Finished blocks per thread that may wait for an earlier one.
const AHEAD: u64 = 4;

/// What a scan does with the blocks of each shard.
pub(crate) trait Work: Sync {
    /// What a shard needs while its blocks are worked on.
    type Open: Send + Sync;
    /// The result of a block.
    type Item: Send;

    /// Prepares shard `index`; `None` skips it.
    fn open(&self, index: usize) -> Result<Option<Self::Open>, TaskError>;
    /// Works on one block, on any thread.
    fn block(
        &self,
        open: &Self::Open,
        block: &Block<'_>,
        scratch: &mut Worker,
    ) -> Result<Self::Item, TaskError>;
    /// Takes a result; called in block order.
    fn fold(&self, open: &Self::Open, item: Self::Item) -> Result<(), TaskError>;
    /// Ends a shard whose blocks have all been folded.
    fn close(&self, index: usize, open: Self::Open) -> Result<(), TaskError>;
}

/// A block of one shard.
pub(crate) struct Block<'a> {
    pub first: u64,
    pub rows: Rows<'a>,
    /// Rows of the block that their container could not give; they are NaN.
    pub faults: &'a [(usize, Fault)],
}

/// Buffers of one thread, reused between blocks.
#[derive(Default)]
pub(crate) struct Worker {
    pub scratch: Scratch,
    pub out: Buffer,
}

struct Slot<O, I> {
    index: usize,
    reader: Arc<dyn Shard>,
    blocks: u64,
    open: O,
    fold: Mutex<Fold<I>>,
    folded: Condvar,
    next: Mutex<u64>,
}

struct Fold<I> {
    next: u64,
    waiting: BTreeMap<u64, I>,
}

struct State<O, I> {
    shard: usize,
    current: Option<Arc<Slot<O, I>>>,
    /// The failure that comes first in shard and block order.
    failure: Option<((usize, u64), TaskError)>,
}

/// Runs `work` over all blocks of `source` on the job's threads.
pub(crate) fn scan<W: Work>(
    source: &RowSet,
    work: &W,
    control: &Control,
    stage: &str,
) -> Result<(), TaskError> {
    control.cancel.check()?;
    let stage = control.stage(stage, source.rows());
    let state = Mutex::new(State {
        shard: 0,
        current: None,
        failure: None,
    });
    let scan = Scan {
        source,
        work,
        control,
        stage,
        state,
    };
    control.pool().broadcast(|_| scan.work_on_blocks());
    let state = scan.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.failure.map_or(Ok(()), |(_, error)| Err(error))
}

struct Scan<'a, W: Work> {
    source: &'a RowSet,
    work: &'a W,
    control: &'a Control,
    stage: Stage<'a>,
    state: Mutex<State<W::Open, W::Item>>,
}

impl<W: Work> Scan<'_, W> {
    fn work_on_blocks(&self) {
        let mut worker = Worker::default();
        let mut buffer = Buffer::new();
        let _release = ReleaseOnPanic(self);
        while let Some(slot) = self.current() {
            let Some(block) = self.take(&slot, &mut buffer) else {
                continue;
            };
            let at = (slot.index, block);
            if let Err(error) = self.one_block(slot, block, &buffer, &mut worker) {
                self.fail(at, error);
            }
        }
    }

    /// The shard to take a block from; opens the next one when the last is used up.
    fn current(&self) -> Option<Arc<Slot<W::Open, W::Item>>> {
        let mut state = self.lock();
        loop {
            if state.failure.is_some() {
                return None;
            }
            if let Some(slot) = &state.current {
                return Some(Arc::clone(slot));
            }
            let index = state.shard;
            let part = self.source.parts.get(index)?;
            state.shard += 1;
            let opened = self
                .control
                .cancel
                .check()
                .and_then(|()| self.work.open(index))
                .and_then(|open| {
                    let Some(open) = open else {
                        self.stage.add(part.rows());
                        return Ok(None);
                    };
                    let reader = part.open()?;
                    Ok(Some((reader, open)))
                });
            match opened {
                Err(error) => {
                    state.failure = Some(((index, 0), error));
                    return None;
                }
                Ok(None) => {}
                Ok(Some((reader, open))) => {
                    let blocks = reader.rows().div_ceil(BLOCK_ROWS);
                    if blocks == 0 {
                        if let Err(error) = self.work.close(index, open) {
                            state.failure = Some(((index, 0), error));
                        }
                        continue;
                    }
                    state.current = Some(Arc::new(Slot {
                        index,
                        reader,
                        blocks,
                        open,
                        fold: Mutex::new(Fold {
                            next: 0,
                            waiting: BTreeMap::new(),
                        }),
                        folded: Condvar::new(),
                        next: Mutex::new(0),
                    }));
                }
            }
        }
    }

    /// Reads the slot's next block; `None` when it has none left, or when reading failed.
    fn take(&self, slot: &Arc<Slot<W::Open, W::Item>>, buffer: &mut Buffer) -> Option<u64> {
        let mut next = guard(&slot.next);
        let block = *next;
        if block == slot.blocks {
            drop(next);
            let mut state = self.lock();
            if state
                .current
                .as_ref()
                .is_some_and(|current| Arc::ptr_eq(current, slot))
            {
                state.current = None;
            }
            return None;
        }
        *next += 1;
        // a decoder gives its blocks in order, so it is read while the order is held
        let held = match slot.reader.access() {
            Access::Sequential => Some(next),
            Access::Random => {
                drop(next);
                None
            }
        };
        let first = block * BLOCK_ROWS;
        let count = BLOCK_ROWS.min(slot.reader.rows() - first) as usize;
        let read = self
            .control
            .cancel
            .check()
            .and_then(|()| slot.reader.read(first, count, buffer).map_err(TaskError::from));
        drop(held);
        match read {
            Ok(()) => Some(block),
            Err(error) => {
                self.fail((slot.index, block), error);
                None
            }
        }
    }

    fn one_block(
        &self,
        slot: Arc<Slot<W::Open, W::Item>>,
        block: u64,
        buffer: &Buffer,
        worker: &mut Worker,
    ) -> Result<(), TaskError> {
        let rows = buffer.rows(slot.reader.dtype());
        let count = (rows.len() / self.source.dim) as u64;
        let item = self.work.block(
            &slot.open,
            &Block {
                first: block * BLOCK_ROWS,
                rows,
                faults: buffer.faults(),
            },
            worker,
        )?;
        let done = self.fold_in_order(&slot, block, item)?;
        self.stage.add(count);
        if done {
            let mut state = self.lock();
            if state
                .current
                .as_ref()
                .is_some_and(|current| Arc::ptr_eq(current, &slot))
            {
                state.current = None;
            }
            drop(state);
            self.close(slot)?;
        }
        Ok(())
    }

    /// Folds what is in order; true when that was the shard's last block.
    fn fold_in_order(
        &self,
        slot: &Slot<W::Open, W::Item>,
        block: u64,
        item: W::Item,
    ) -> Result<bool, TaskError> {
        let mut fold = guard(&slot.fold);
        let ahead = AHEAD * self.control.pool().current_num_threads() as u64;
        while block > fold.next + ahead {
            if self.lock().failure.is_some() {
                return Ok(false);
            }
            let waited = slot.folded.wait_timeout(fold, Duration::from_millis(20));
            fold = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        fold.waiting.insert(block, item);
        loop {
            let next = fold.next;
            let Some(item) = fold.waiting.remove(&next) else {
                break;
            };
            self.work.fold(&slot.open, item)?;
            fold.next += 1;
        }
        slot.folded.notify_all();
        Ok(fold.next == slot.blocks)
    }

    fn close(&self, slot: Arc<Slot<W::Open, W::Item>>) -> Result<(), TaskError> {
        let mut slot = slot;
        // other workers let go of the slot as soon as they see that it has no block left
        let slot = loop {
            match Arc::try_unwrap(slot) {
                Ok(slot) => break slot,
                Err(shared) => {
                    slot = shared;
                    std::thread::yield_now();
                }
            }
        };
        self.work.close(slot.index, slot.open)
    }

    fn fail(&self, at: (usize, u64), error: TaskError) {
        let mut state = self.lock();
        if state.failure.as_ref().is_none_or(|(first, _)| at < *first) {
            state.failure = Some((at, error));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<W::Open, W::Item>> {
        guard(&self.state)
    }
}

/// Lets the other workers go when one panics, for they may wait for its block.
struct ReleaseOnPanic<'a, 'b, W: Work>(&'a Scan<'b, W>);

impl<W: Work> Drop for ReleaseOnPanic<'_, '_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail((0, 0), TaskError::Cancelled);
        }
    }
}

/// A panic elsewhere is reported by the border; the data behind the lock is no longer used then.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use modality_gap_shards::memory_rows;

    use super::*;
    use crate::ReadOptions;

    /// Its first block ends only when the third has begun, so that the second is done before it.
    struct LateFirst {
        third: Mutex<bool>,
        begun: Condvar,
        folded: Mutex<Vec<u64>>,
    }

    impl Work for LateFirst {
        type Open = ();
        type Item = u64;

        fn open(&self, _: usize) -> Result<Option<()>, TaskError> {
            Ok(Some(()))
        }

        fn block(&self, (): &(), block: &Block<'_>, _: &mut Worker) -> Result<u64, TaskError> {
            let index = block.first / BLOCK_ROWS;
            let mut third = guard(&self.third);
            if index == 2 {
                *third = true;
                self.begun.notify_all();
            }
            while index == 0 && !*third {
                third = self.begun.wait(third).unwrap();
            }
            Ok(index)
        }

        fn fold(&self, (): &(), item: u64) -> Result<(), TaskError> {
            guard(&self.folded).push(item);
            Ok(())
        }

        fn close(&self, _: usize, (): ()) -> Result<(), TaskError> {
            Ok(())
        }
    }

    #[test]
    fn blocks_are_folded_in_order_whichever_is_done_first() {
        let rows = vec![1.0_f32; 6 * BLOCK_ROWS as usize];
        let shard = memory_rows(Rows::F32(&rows), 1, Vec::new()).unwrap();
        let source = RowSet::memory(Arc::from(shard), ReadOptions::default());
        let work = LateFirst {
            third: Mutex::default(),
            begun: Condvar::new(),
            folded: Mutex::default(),
        };
        scan(&source, &work, &Control::quiet(2).unwrap(), "blocks").unwrap();
        assert_eq!(*guard(&work.folded), [0, 1, 2, 3, 4, 5]);
    }
}
