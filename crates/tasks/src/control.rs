//! Progress, cancellation and threads of a job.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::TaskError;

/// Progress is reported at most this often.
const EVERY: Duration = Duration::from_millis(50);

/// A request to stop, shared between whoever may ask and the job.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    own: Arc<AtomicBool>,
    /// A wider request, which this one follows.
    wider: Option<Arc<AtomicBool>>,
}

impl CancelToken {
    /// A token of its own that is cancelled with this one, too.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            own: Arc::default(),
            wider: Some(Arc::clone(&self.own)),
        }
    }

    /// Asks the job to stop within a few blocks.
    pub fn cancel(&self) {
        self.own.store(true, Ordering::Relaxed);
    }

    /// The error of a call that was asked to stop, for its requests to a store end with one of theirs; else `error`.
    pub fn or_cancelled(&self, error: TaskError) -> TaskError {
        match error {
            TaskError::Shard(_) if self.is_cancelled() => TaskError::Cancelled,
            error => error,
        }
    }

    /// Whether somebody has asked.
    pub fn is_cancelled(&self) -> bool {
        let asked = |request: &Arc<AtomicBool>| request.load(Ordering::Relaxed);
        asked(&self.own) || self.wider.as_ref().is_some_and(asked)
    }

    pub(crate) fn check(&self) -> Result<(), TaskError> {
        if self.is_cancelled() {
            Err(TaskError::Cancelled)
        } else {
            Ok(())
        }
    }
}

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// What is being done: `moments image`, `centroid 1`, `transform`, …
    pub stage: String,
    /// Rows done in this stage.
    pub rows: u64,
    /// Rows of this stage.
    pub total: u64,
    /// Seconds since the job began.
    pub seconds: f64,
}

/// What a job runs with.
pub struct Control {
    /// The request to stop.
    pub cancel: CancelToken,
    on_progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
    pool: rayon::ThreadPool,
    started: Instant,
    distributed: bool,
}

impl Control {
    /// `threads` 0 means one per core.
    pub fn new(
        threads: usize,
        cancel: CancelToken,
        on_progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
    ) -> Result<Self, TaskError> {
        let asked = cancel.clone();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .start_handler(move |_| {
                let asked = asked.clone();
                modality_gap_shards::stop_when(move || asked.is_cancelled());
            })
            .thread_name(|i| format!("modality-gap-{i}"))
            .build()
            .map_err(|error| TaskError::BadOption(format!("{threads} threads cannot be started: {error}")))?;
        Ok(Self {
            cancel,
            on_progress,
            pool,
            started: Instant::now(),
            distributed: false,
        })
    }

    /// For a job whose passes over shards are worked on elsewhere.
    #[must_use]
    pub fn distributed(self, distributed: bool) -> Self {
        Self { distributed, ..self }
    }

    /// Whether the passes over shards are worked on elsewhere.
    pub fn is_distributed(&self) -> bool {
        self.distributed
    }

    /// Without progress, on `threads` threads.
    pub fn quiet(threads: usize) -> Result<Self, TaskError> {
        Self::new(threads, CancelToken::default(), None)
    }

    /// The job's own threads.
    pub fn pool(&self) -> &rayon::ThreadPool {
        &self.pool
    }

    /// Seconds since the job began.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub(crate) fn stage(&self, name: &str, total: u64) -> Stage<'_> {
        Stage {
            control: self,
            name: name.to_owned(),
            total,
            done: AtomicU64::new(0),
            reported: Mutex::new(None),
        }
    }
}

pub(crate) struct Stage<'a> {
    control: &'a Control,
    name: String,
    total: u64,
    done: AtomicU64,
    reported: Mutex<Option<Instant>>,
}

impl Stage<'_> {
    /// Counts rows, and tells whoever listens unless that was done just now.
    pub(crate) fn add(&self, rows: u64) {
        let done = self.done.fetch_add(rows, Ordering::Relaxed) + rows;
        let Some(tell) = &self.control.on_progress else {
            return;
        };
        let due = match self.reported.try_lock() {
            Ok(mut reported) => {
                let due = done == self.total || reported.is_none_or(|at| at.elapsed() >= EVERY);
                if due {
                    *reported = Some(Instant::now());
                }
                due
            }
            Err(_) => false,
        };
        if due {
            tell(Progress {
                stage: self.name.clone(),
                rows: done,
                total: self.total,
                seconds: self.control.seconds(),
            });
        }
    }
}
