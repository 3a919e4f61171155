//! What a folder of objects holds.

use std::path::PathBuf;

/// An object or a folder of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its URI.
    pub path: PathBuf,
    /// Whether objects stand below it.
    pub folder: bool,
    /// Bytes of an object.
    pub len: u64,
}
