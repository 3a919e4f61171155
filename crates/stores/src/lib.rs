//! Objects in stores: S3, Google Cloud Storage, Azure, the web and the Hugging Face hub.
//!
//! The rest of the project works on blocking threads. This crate has the one asynchronous runtime of the process, and calls that
//! wait for it. A call ends early when the thread that makes it is asked to stop, see [`stop_when`].

mod blocks;
mod connect;
mod credentials;
mod entry;
mod environment;
mod error;
mod fetch;
mod hub;
mod list;
mod object;
mod runtime;
mod uri;
mod write;

pub use entry::Entry;
pub use error::{Kind, StoreError};
pub use list::{Known, entries, glob_base, has_wildcard, is_folder, object, tree};
pub use object::Object;
pub use runtime::stop_when;
pub use uri::{Uri, is_remote, without_query, without_secrets};
pub use write::{Expect, put, put_file, remove, remove_tree};
