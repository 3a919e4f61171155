//! Zip archives whose members are read by position, as `NumPy` and `PyTorch` write them.

mod checked;
mod ends;
mod kind;
mod member;

pub(crate) use checked::{Check, Checked, compare};
pub(crate) use kind::Kind;
pub(crate) use member::{Member, find, members};
