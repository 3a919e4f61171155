//! PyTorch's files: a zip of a pickle and of the tensors' bytes.
//!
//! The reader follows the pickle as data and never runs anything. It knows the few globals that a dictionary of tensors
//! is made of; any other is an error that names it, as with `torch.load(weights_only=True)`. The one that comes with
//! candle copies what a file repeats, so that a small file can fill the memory.

mod machine;
mod read;
#[cfg(test)]
mod tests;

pub use read::read_torch;
