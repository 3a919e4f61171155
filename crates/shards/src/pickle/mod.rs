//! The published pickles: a list of `{id, caption | image_path, embed}` records, `embed` a one-dimensional array.
//!
//! The reader follows the pickle opcodes but never runs anything: of all globals it knows the few that arrays and
//! NumPy's scalars are made of, and any other is an error that names it. Strings and arrays stay in the file; only their
//! places are kept.

mod call;
mod columns;
mod cursor;
mod frame;
mod ids;
mod index;
mod machine;
mod memo;
mod published;
mod read;
mod scalar;
mod value;
mod write;

pub(crate) use ids::PickleIds;
pub use published::{PUBLISHED_END, published_records, published_start};
pub(crate) use read::{keys, open};
pub(crate) use write::{PickleWriter, takes_column};
