//! A bound on the bytes of all pictures that are held at a time.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes that pictures may hold together; a larger one waits until it is alone.
const ROOM: u64 = 512 << 20;

static HELD: Mutex<u64> = Mutex::new(0);
static RETURNED: Condvar = Condvar::new();

/// Bytes that are held until it is dropped.
pub(super) struct Held(u64);

/// Waits until there is room for `bytes`. Who holds bytes waits for nothing, so this ends.
pub(super) fn hold(bytes: u64) -> Held {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    while *held > 0 && held.saturating_add(bytes) > ROOM {
        held = RETURNED.wait(held).unwrap_or_else(PoisonError::into_inner);
    }
    *held = held.saturating_add(bytes);
    Held(bytes)
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        *held -= self.0;
        drop(held);
        RETURNED.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn pictures_of_many_threads_stay_within_the_room() {
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..16_u64 {
                let (now, most) = (&now, &most);
                scope.spawn(move || {
                    for round in 0..50_u64 {
                        let bytes = (1 + (thread * 7 + round * 13) % 40) * (ROOM / 64);
                        let _held = hold(bytes);
                        let sum = now.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        most.fetch_max(sum, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        let most = most.load(Ordering::SeqCst);
        assert!(most > 0 && most <= ROOM, "{most}");
        // one that is larger than all the room goes alone
        drop(hold(ROOM * 3));
    }
}
