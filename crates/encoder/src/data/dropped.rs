//! Pairs that were left out.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Pairs that are named one by one; the others are counted.
pub const SHOWN: usize = 20;

/// Pairs that were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "DroppedPairs")]
pub struct Dropped {
    /// How many.
    pub count: u64,
    /// What is wrong with the first [`SHOWN`].
    pub first: Vec<String>,
}

impl Dropped {
    /// Counts those of `other` behind its own.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        let room = SHOWN - self.first.len().min(SHOWN);
        self.first.extend(other.first.iter().take(room).cloned());
    }
}
