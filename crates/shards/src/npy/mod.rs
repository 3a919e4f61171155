//! `NumPy` arrays: two dimensions, or one leading index of three.

pub(crate) mod header;
mod read;
mod write;

pub(crate) use read::{array, open};
pub(crate) use write::{NpyWriter, header_bytes};
