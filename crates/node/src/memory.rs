//! How long freed memory is kept: a while as a rule, longer while a training runs, and no longer than that when all is done.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::border::{give_back_memory, keep_freed_memory};

/// Freed memory goes back to the system after this time, and at the latest so long after the last job.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// The same while a training runs: longer than a step of most, which frees what it holds and would spend a tenth to a fifth of
/// its time on fresh pages.
const KEPT_FOR_TRAINING: Duration = Duration::from_mins(1);

struct Use {
    jobs: usize,
    trainings: usize,
    /// Whether a thread waits to give memory back.
    waiting: bool,
}

static USE: Mutex<Use> = Mutex::new(Use {
    jobs: 0,
    trainings: 0,
    waiting: false,
});

/// Freed memory is kept longer for as long as this lives.
pub(crate) struct Training(());

impl Training {
    pub fn begin() -> Self {
        with(|now| {
            now.trainings += 1;
            keep_freed_memory(KEPT_FOR_TRAINING);
        });
        Self(())
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        with(|now| {
            now.trainings -= 1;
            if now.trainings == 0 {
                keep_freed_memory(KEPT_FOR);
            }
        });
    }
}

/// Tells that freed memory is not kept long.
pub(crate) fn start() {
    keep_freed_memory(KEPT_FOR);
}

/// Runs a job, then waits a while on its thread; when nothing runs by then, all freed memory goes back to the system, for the
/// allocator itself looks at it only when memory is asked for or freed.
pub(crate) fn during_job(job: impl FnOnce()) {
    with(|now| now.jobs += 1);
    job();
    let waits = with(|now| {
        now.jobs -= 1;
        let waits = now.jobs == 0 && !now.waiting;
        now.waiting |= waits;
        waits
    });
    if waits {
        std::thread::sleep(KEPT_FOR);
        let rests = with(|now| {
            now.waiting = false;
            now.jobs == 0 && now.trainings == 0
        });
        if rests {
            give_back_memory();
        }
    }
}

fn with<T>(work: impl FnOnce(&mut Use) -> T) -> T {
    work(&mut USE.lock().unwrap_or_else(PoisonError::into_inner))
}
