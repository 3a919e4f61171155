//! A decoder of the Llama family: loss with gradients, losses alone, and hidden rows for generation.
//!
//! Batches are rows without padding: sequences stand one after the other, and only attention knows where each begins.
//! A training step runs the blocks once and walks back through them, block by block; what a block kept is freed before the
//! next is walked, and a block that was not kept for lack of memory is run again. Nothing is computed for a frozen weight.

mod batch;
mod block;
mod load;
mod model;
mod names;
mod parts;
mod prefix;
mod sweep;
mod weights;

pub use batch::Batch;
pub use load::Keep;
pub use model::{Lm, Tuning};
pub use prefix::KvCache;
pub use sweep::{Found, StepOptions};
pub use weights::Weights;

pub(crate) use names::{qkv_names, up_names};
pub(crate) use parts::{Adapter, Leaves, Projection, Slot, Values};
