//! Zip archives whose members are read by position, as `NumPy` and `PyTorch` write them.

mod checked;
mod ends;
mod member;

pub(crate) use checked::{Check, Checked, compare};
pub(crate) use member::{Kind, Member, find, members};
