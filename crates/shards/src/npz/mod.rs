//! Zip archives of `NumPy` arrays.

mod deflated;
mod read;
mod write;

pub(crate) use read::{names, open};
pub(crate) use write::NpzWriter;
