//! What a distributed job waits for.

use std::path::PathBuf;

use serde::Serialize;
use ts_rs::TS;

/// A shard whose result cannot be used yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Refused {
    /// Index of the shard.
    pub shard: usize,
    /// Its file.
    pub file: PathBuf,
    /// Why.
    pub reason: String,
}

/// A pass that waits for tasks to be run elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct PendingPass {
    /// What the pass is for.
    pub stage: String,
    /// The manifest, which tasks are run from.
    pub manifest: PathBuf,
    /// Hash of the parameters of the pass.
    pub params: String,
    /// Shards of the pass.
    pub shards: usize,
    /// Rows of the pass.
    pub rows: u64,
    /// Rows of the shards that are still to be worked on.
    pub missing: u64,
    /// Those shards.
    pub refused: Vec<Refused>,
}
