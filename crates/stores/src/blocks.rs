//! Blocks of objects in memory: one cache for the process, with a limit.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::error::StoreError;
use crate::runtime::{LOOK, stopped};

/// Bytes of a block.
pub(crate) const BLOCK: u64 = 1 << 20;
/// Most bytes of blocks that are kept; those that are used longest ago go first.
const KEPT: usize = 96 << 20;

/// Object and block in it.
type Name = (u64, u64);

enum Slot {
    /// A request for it is on its way.
    Asked,
    Here {
        bytes: Bytes,
        used: u64,
    },
    Failed(StoreError),
}

#[derive(Default)]
struct Blocks {
    slots: BTreeMap<Name, Slot>,
    /// Blocks that are here, by their last use.
    by_use: BTreeMap<u64, Name>,
    bytes: usize,
    clock: u64,
}

static BLOCKS: Mutex<Option<Blocks>> = Mutex::new(None);
static ARRIVED: Condvar = Condvar::new();

/// What waiting for a block gives.
pub(crate) enum Found {
    Bytes(Bytes),
    /// Nobody has asked for it, or it was dropped for others.
    Missing,
}

fn with<T>(guard: &mut MutexGuard<'_, Option<Blocks>>, work: impl FnOnce(&mut Blocks) -> T) -> T {
    work(guard.get_or_insert_default())
}

fn lock() -> MutexGuard<'static, Option<Blocks>> {
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks those of `blocks` as asked for that nobody has asked for, and gives them.
pub(crate) fn claim(object: u64, blocks: std::ops::Range<u64>) -> Vec<u64> {
    with(&mut lock(), |all| {
        let free = |all: &Blocks, block: &u64| !all.slots.contains_key(&(object, *block));
        let missing: Vec<u64> = blocks.filter(|block| free(all, block)).collect();
        for &block in &missing {
            all.slots.insert((object, block), Slot::Asked);
        }
        missing
    })
}

/// Waits for a block that was asked for.
pub(crate) fn wait_for(object: u64, block: u64) -> Result<Found, StoreError> {
    let name = (object, block);
    let mut guard = lock();
    loop {
        let seen = with(&mut guard, |all| match all.slots.get_mut(&name) {
            None => Some(Ok(Found::Missing)),
            Some(Slot::Asked) => None,
            Some(Slot::Failed(_)) => match all.slots.remove(&name) {
                // the next one who reads it asks again
                Some(Slot::Failed(error)) => Some(Err(error)),
                _ => None,
            },
            Some(Slot::Here { bytes, used }) => {
                all.clock += 1;
                all.by_use.remove(used);
                *used = all.clock;
                all.by_use.insert(all.clock, name);
                Some(Ok(Found::Bytes(bytes.clone())))
            }
        });
        if let Some(seen) = seen {
            return seen;
        }
        guard = ARRIVED
            .wait_timeout(guard, LOOK)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if stopped() {
            return Err(StoreError::stopped());
        }
    }
}

/// Keeps what a request for `blocks` brought, in their order. Those of an object that was closed meanwhile are not kept.
pub(crate) fn arrived(object: u64, blocks: &[u64], result: &Result<Vec<Bytes>, StoreError>) {
    with(&mut lock(), |all| {
        for (index, &block) in blocks.iter().enumerate() {
            let name = (object, block);
            if !matches!(all.slots.get(&name), Some(Slot::Asked)) {
                continue;
            }
            let slot = match result {
                Ok(found) => {
                    let bytes = found[index].clone();
                    all.clock += 1;
                    all.bytes += bytes.len();
                    all.by_use.insert(all.clock, name);
                    Slot::Here {
                        bytes,
                        used: all.clock,
                    }
                }
                Err(error) => Slot::Failed(error.clone()),
            };
            all.slots.insert(name, slot);
        }
        while all.bytes > KEPT {
            let Some((_, name)) = all.by_use.pop_first() else {
                break;
            };
            if let Some(Slot::Here { bytes, .. }) = all.slots.remove(&name) {
                all.bytes -= bytes.len();
            }
        }
    });
    ARRIVED.notify_all();
}

/// Drops all blocks of an object.
pub(crate) fn forget(object: u64) {
    with(&mut lock(), |all| {
        let names: Vec<Name> = all
            .slots
            .range((object, 0)..=(object, u64::MAX))
            .map(|(name, _)| *name)
            .collect();
        for name in names {
            if let Some(Slot::Here { bytes, used }) = all.slots.remove(&name) {
                all.bytes -= bytes.len();
                all.by_use.remove(&used);
            }
        }
    });
}
