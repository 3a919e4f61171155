//! Zip archives of `NumPy` arrays.

mod checked;
mod deflated;
mod ends;
mod member;
mod read;
mod stored;
mod write;

pub(crate) use read::{names, open};
pub(crate) use write::NpzWriter;
