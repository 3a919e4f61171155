//! How long freed memory is kept: a while as a rule, longer while a training runs, and no longer than that when all is done.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::border::{give_back_memory, keep_freed_memory};

/// Freed memory goes back to the system after this time, and at the latest so long after the last job.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// The same while a training runs: longer than a step of most, which frees what it holds and would spend a tenth to a fifth of
/// its time on fresh pages.
const KEPT_FOR_TRAINING: Duration = Duration::from_mins(1);

/// While jobs run without a pause, all freed memory goes back after this time: pages that a thread keeps because it frees others
/// again and again would add up.
const BETWEEN_RETURNS: Duration = Duration::from_secs(20);

struct Use {
    jobs: usize,
    trainings: usize,
    /// When all freed memory went back the last time, or the first job began.
    returned: Option<Instant>,
    /// Whether a thread waits to give memory back.
    waiting: bool,
}

static USE: Mutex<Use> = Mutex::new(Use {
    jobs: 0,
    trainings: 0,
    returned: None,
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
    if with(Use::is_return_due) {
        give_back_memory();
    }
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

impl Use {
    /// Whether freed memory has been kept long enough; the next return is due that much later.
    fn is_return_due(&mut self) -> bool {
        let now = Instant::now();
        let due = now.duration_since(*self.returned.get_or_insert(now)) >= BETWEEN_RETURNS;
        if due {
            self.returned = Some(now);
        }
        due
    }
}

fn with<T>(work: impl FnOnce(&mut Use) -> T) -> T {
    work(&mut USE.lock().unwrap_or_else(PoisonError::into_inner))
}
