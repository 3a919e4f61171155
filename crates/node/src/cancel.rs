//! How JavaScript stops what runs.

use modality_gap_tasks::CancelToken as Token;
use napi_derive::napi;

/// Stops a job within a block of rows; the end of the environment does so, too.
#[napi]
pub struct CancelToken {
    pub(crate) token: Token,
}

#[napi]
impl CancelToken {
    /// A token that nobody has cancelled.
    #[napi(constructor)]
    #[must_use]
    #[allow(clippy::new_without_default, reason = "only JavaScript makes one")]
    pub fn new() -> Self {
        Self {
            token: crate::environment::token(),
        }
    }

    /// Asks the job to stop.
    #[napi]
    pub fn cancel(&self) {
        self.token.cancel();
    }
}
