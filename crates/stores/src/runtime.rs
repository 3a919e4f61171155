//! The runtime, and how blocking threads wait for it.

use std::cell::RefCell;
use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::error::{Kind, StoreError};

/// Requests wait for the network, so few threads serve many of them.
const THREADS: usize = 2;
/// How often a waiting thread looks whether it is asked to stop.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

thread_local! {
    static STOP: RefCell<Option<Box<dyn Fn() -> bool>>> = const { RefCell::new(None) };
}

/// What this thread waits for from now on ends when `asked` says so.
pub fn stop_when(asked: impl Fn() -> bool + 'static) {
    STOP.with_borrow_mut(|stop| *stop = Some(Box::new(asked)));
}

/// Whether this thread is asked to stop.
pub(crate) fn stopped() -> bool {
    STOP.with_borrow(|stop| stop.as_ref().is_some_and(|asked| asked()))
}

/// The runtime of the process; its threads know nothing of Node and end with the process.
pub(crate) fn runtime() -> Result<&'static Runtime, StoreError> {
    static RUNTIME: OnceLock<Result<Runtime, StoreError>> = OnceLock::new();
    let built = RUNTIME.get_or_init(|| {
        // somebody else in this process may have chosen one
        let _ = rustls::crypto::ring::default_provider().install_default();
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(4)
            .thread_name("modality-gap-net")
            .enable_all()
            .build()
            .map_err(|error| StoreError::new(Kind::Other, format!("no thread for the network: {error}")))
    });
    built.as_ref().map_err(Clone::clone)
}

/// Waits for `work`, which ends when this thread is asked to stop.
pub(crate) fn wait<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let (done, waiting) = sync_channel(1);
    let task = runtime()?.spawn(async move {
        // nobody listens where the thread was stopped
        let _ = done.send(work.await);
    });
    loop {
        match waiting.recv_timeout(LOOK) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if stopped() => {
                task.abort();
                return Err(StoreError::stopped());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(StoreError::new(Kind::Other, "the request was dropped"));
            }
        }
    }
}
