//! PyTorch's files: a zip of a pickle and of the tensors' bytes.
//!
//! The reader follows the pickle as data and never runs anything. It knows the few globals that tensors, dictionaries and
//! lists are made of; any other is an error that names it, as with `torch.load(weights_only=True)`.

mod file;
mod ids;
mod machine;
mod rows;
#[cfg(test)]
mod tests;

pub use file::{TorchFile, TorchTensor};
pub(crate) use ids::TorchIds;
pub(crate) use rows::{beside, open, row};
