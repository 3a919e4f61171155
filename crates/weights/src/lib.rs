//! Tensors of model files by name: safetensors, its parts with their index, and PyTorch's files.
//!
//! Every file is taken for hostile: sizes are compared with the file before anything is allocated, and nothing in a file
//! is run. Safetensors are read by position, one tensor at a time.

mod error;
mod files;
mod finite;
mod store;
mod torch;

pub use error::{Result, WeightsError};
pub use files::{WeightFiles, text, text_if_there};
pub use finite::finite;
pub use store::Store;
pub use torch::read_torch;
