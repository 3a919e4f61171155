//! Zip archives of `NumPy` arrays.

mod deflated;
mod member;
mod read;
mod write;

pub(crate) use read::open;
pub(crate) use write::NpzWriter;
