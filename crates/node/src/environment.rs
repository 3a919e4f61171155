//! What belongs to one environment of Node, the main thread or a worker: its end cancels the jobs that it started.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use modality_gap_tasks::CancelToken;
use napi::bindgen_prelude::{Object, retain_current_module_for_unload_safety};
use napi::{Env, Result};
use napi_derive::napi;

thread_local! {
    /// Cancelled when the environment of this thread ends; Node runs each on a thread of its own.
    static ENDING: RefCell<CancelToken> = RefCell::default();
    /// What its end releases.
    static HELD: RefCell<Vec<Weak<dyn Release>>> = const { RefCell::new(Vec::new()) };
}

/// What can be released before its handle is.
trait Release {
    fn release(&self);
}

/// What a handle of JavaScript holds: released with the handle, when it is disposed of, or when its environment ends, for an
/// environment that ends in the middle of a job does not finalise its handles.
pub(crate) struct Held<T>(Arc<Slot<T>>);

struct Slot<T>(Mutex<Option<Arc<T>>>);

impl<T: Send + Sync + 'static> Held<T> {
    /// Made on any thread; [`Held::register`] ties it to the environment.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Slot(Mutex::new(Some(Arc::new(value))))))
    }

    /// The value, unless it was released.
    pub fn get(&self) -> Option<Arc<T>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Releases it; jobs that run keep theirs.
    pub fn release(&self) {
        self.0.release();
    }

    /// Lets the end of the calling environment release it.
    pub fn register(&self) {
        let slot: Arc<dyn Release> = Arc::clone(&self.0) as Arc<dyn Release>;
        HELD.with_borrow_mut(|held| {
            if held.len() == held.capacity() {
                held.retain(|slot| slot.strong_count() > 0);
            }
            held.push(Arc::downgrade(&slot));
        });
    }
}

impl<T> Release for Slot<T> {
    fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Runs in every environment that loads the addon.
#[napi(module_exports)]
pub fn entered(_exports: Object<'_>, env: Env) -> Result<()> {
    // Node closes the library when the last environment that loaded it ends. Threads of jobs would then run unmapped code, and
    // what napi keeps for the next environment would be gone (napi takes this reference only with the first promise).
    retain_current_module_for_unload_safety();
    let ending = CancelToken::default();
    ENDING.set(ending.clone());
    env.add_env_cleanup_hook(ending, |ending| {
        ending.cancel();
        for slot in HELD.take().iter().filter_map(Weak::upgrade) {
            slot.release();
        }
    })?;
    Ok(())
}

/// A token that is also cancelled when the calling environment ends.
pub(crate) fn token() -> CancelToken {
    ENDING.with_borrow(CancelToken::child)
}
