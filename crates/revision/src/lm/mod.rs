//! A decoder of the Llama family: loss with gradients, losses alone, and hidden rows for generation.
//!
//! Batches are rows without padding: sequences stand one after the other, and only attention knows where each begins.
//! A training step runs the blocks once and walks back through them, block by block; what a block kept is freed before the
//! next is walked, and a block that was not kept for lack of memory is run again. Nothing is computed for a frozen weight.

mod block;
mod load;
mod parts;
mod prefix;
mod sweep;

use modality_gap_nn::Real;

pub use load::{Keep, Weights};
pub use prefix::KvCache;
pub use sweep::{Batch, Found, StepOptions};

pub(crate) use load::{qkv_names, up_names};
pub(crate) use parts::{Adapter, Leaves, Projection, Slot, Values};

use crate::LmConfig;
use block::{Block, Shared};
use parts::Matrix;

/// What of a language model learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning {
    /// Nothing, or adapters that are added later.
    Frozen,
    /// All of it.
    Full,
}

/// A language model.
#[derive(Debug, Clone)]
pub struct Lm<T> {
    config: LmConfig,
    embedding: Values,
    blocks: Vec<Block>,
    norm: Values,
    head: Matrix,
    shared: Shared<T>,
}

impl<T: Real> Lm<T> {
    /// Its shapes.
    pub fn config(&self) -> &LmConfig {
        &self.config
    }

    pub(crate) fn blocks_mut(&mut self) -> &mut [Block] {
        &mut self.blocks
    }
}
