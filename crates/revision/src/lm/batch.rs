//! What a step is given.

use std::sync::Arc;

use candle_core::Tensor;

/// Sequences of tokens and soft tokens, one after the other, and what is to be predicted.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Every position: token `id`, or row `id` of what the projector gives (`true`).
    pub rows: Arc<[(bool, u32)]>,
    /// Where each sequence begins, and the number of rows at the end.
    pub starts: Arc<[usize]>,
    /// Embeddings that the projector takes, k × dim.
    pub embeddings: Tensor,
    /// Rows whose next token is to be predicted.
    pub asked: Arc<[u32]>,
    /// The token after each of them.
    pub targets: Vec<u32>,
}
