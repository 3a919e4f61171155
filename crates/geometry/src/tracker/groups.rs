//! Probe pairs that share an item, such as the captions of one image: they are not independent.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::TrackerOptionError;
use crate::Moments;
use crate::items::Items;

/// How it is known which pairs belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum GroupedBy {
    /// By an id of each pair.
    Ids,
    /// By rows that are equal bit for bit.
    EqualRows,
}

/// The item of each probe pair, the same at every step.
#[derive(Debug, Clone, PartialEq)]
pub struct PairGroups {
    by: GroupedBy,
    /// Items numbered by first appearance; what equal rows have joined counts as one.
    keys: Vec<u32>,
    count: u32,
    /// Which rows of either side are one.
    rows: Items,
}

impl PairGroups {
    /// Of the pairs' keys, equal ones meaning one item, and of the rows that are one on either side; `None` when every pair has an item
    /// of its own.
    pub fn new(by: GroupedBy, keys: &[u32], rows: Items) -> Result<Option<Self>, TrackerOptionError> {
        let mut numbers = std::collections::HashMap::new();
        let numbered = keys.iter().map(|key| {
            let next = numbers.len() as u32;
            *numbers.entry(key).or_insert(next)
        });
        let keys: Vec<u32> = numbered.collect();
        let count = keys.iter().max().map_or(0, |last| last + 1);
        if count == 1 && keys.len() > 1 {
            return Err(TrackerOptionError::of(
                "all probe pairs have one id; a spread needs at least 2",
            ));
        }
        Ok((count as usize != keys.len()).then_some(Self {
            by,
            keys,
            count,
            rows,
        }))
    }

    /// How they are known.
    pub fn by(&self) -> GroupedBy {
        self.by
    }

    /// Number of the item of each pair.
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// Rows of either side that are one.
    pub(super) fn rows(&self) -> &Items {
        &self.rows
    }

    /// Share of each item in the noise of a difference of means; `of` the moments of both sides.
    pub(super) fn variances(&self, of: &[Moments; 2]) -> Vec<f64> {
        let mut pairs = vec![Vec::new(); self.count as usize];
        for (pair, &key) in (0..).zip(&self.keys) {
            pairs[key as usize].push(pair);
        }
        let variance = |pairs: &Vec<u32>| {
            [0, 1]
                .map(|side| self.rows.variance(side, pairs, &of[side]))
                .iter()
                .sum()
        };
        pairs.iter().map(variance).collect()
    }

    /// Pairs of each item.
    pub(super) fn pairs(&self) -> Vec<u32> {
        let mut pairs = vec![0; self.count as usize];
        for &key in &self.keys {
            pairs[key as usize] += 1;
        }
        pairs
    }

    /// Items.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many pairs items have, and how many items have so many; the former ascending.
    pub(super) fn sizes(&self) -> Vec<(u64, u64)> {
        let mut sizes = std::collections::BTreeMap::new();
        for size in self.pairs() {
            *sizes.entry(u64::from(size)).or_insert(0) += 1;
        }
        sizes.into_iter().collect()
    }
}
