//! What is known of an archive before it is read.

/// What writes an archive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// What to do about an archive with other bytes around it.
    pub advice: &'static str,
    /// Members that are looked at.
    pub most: usize,
}
