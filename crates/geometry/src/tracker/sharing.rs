//! How much pairs of one item have in common.

/// Pairs that are not independent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sharing {
    /// How many pairs items have, and how many items have so many.
    pub sizes: Vec<(u64, u64)>,
    /// Part of the variance that the pairs of an item have in common, in U and in V.
    pub shares: [f64; 2],
}
