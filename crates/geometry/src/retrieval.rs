//! Ranks of partners: the rule for ties, what ranks add up to, and what they are by chance.

use std::collections::BTreeMap;

use serde::Serialize;
use ts_rs::TS;

use crate::neighbours::Neighbour;

impl Neighbour {
    /// Whether it stands before `other` in a list: it is nearer, or as near with a lower index. A row of another item that stands
    /// before the nearest partner costs the partner a rank, so rows that are all alike find nothing by it.
    pub fn stands_before(&self, other: &Self) -> bool {
        self.cosine > other.cosine || self.cosine == other.cosine && self.index < other.index
    }
}

/// How often the right answer is among the first k, and the mean of 1/rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
pub struct Recall {
    /// Share of queries whose partner is found first.
    pub r1: f64,
    /// Among the first five.
    pub r5: f64,
    /// Among the first ten.
    pub r10: f64,
    /// Mean reciprocal rank.
    pub mrr: f64,
}

/// [`Recall`] of rows in random order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
pub struct RecallByChance {
    /// Share of queries whose partner is found first.
    pub r1: f64,
    /// Among the first five.
    pub r5: f64,
    /// Among the first ten.
    pub r10: f64,
}

/// Recall at `k` of a query in random order, with so many partners among `rows`: 1 − C(N−m, k)/C(N, k).
fn recall_by_chance(partners: u64, rows: u64, k: u64) -> f64 {
    let others = rows.saturating_sub(partners);
    let none = (0..k.min(rows)).map(|i| others.saturating_sub(i) as f64 / (rows - i) as f64);
    1.0 - none.product::<f64>()
}

impl RecallByChance {
    /// Of queries among `rows`; `partners` says how many queries have so many partners. NaN without any.
    pub fn of(partners: &BTreeMap<u64, u64>, rows: u64) -> Self {
        let queries: u64 = partners.values().sum();
        let [r1, r5, r10] = [1, 5, 10].map(|k| {
            let each = partners.iter();
            let found: f64 = each.map(|(&m, &n)| n as f64 * recall_by_chance(m, rows, k)).sum();
            found / queries as f64
        });
        Self { r1, r5, r10 }
    }
}

/// Ranks of partners, summed over queries.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ranks {
    queries: u64,
    /// Partners among the first, the first five and the first ten.
    within: [u64; 3],
    reciprocal: f64,
}

impl Ranks {
    /// Counts a query with so many rows of other items before its nearest partner.
    pub fn add(&mut self, before_partner: u64) {
        let rank = before_partner + 1;
        self.queries += 1;
        for (count, limit) in self.within.iter_mut().zip([1, 5, 10]) {
            *count += u64::from(rank <= limit);
        }
        self.reciprocal += 1.0 / rank as f64;
    }

    /// Shares of the queries; NaN without any.
    pub fn recall(&self) -> Recall {
        let queries = self.queries as f64;
        let [r1, r5, r10] = self.within.map(|count| count as f64 / queries);
        Recall {
            r1,
            r5,
            r10,
            mrr: self.reciprocal / queries,
        }
    }
}

impl FromIterator<u64> for Ranks {
    fn from_iter<I: IntoIterator<Item = u64>>(before_partners: I) -> Self {
        let mut ranks = Self::default();
        for before in before_partners {
            ranks.add(before);
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranks 1, 2, 6 and 20.
    #[test]
    fn shares_and_reciprocal_ranks_are_those_of_the_ranks() {
        let recall = [0, 1, 5, 19].into_iter().collect::<Ranks>().recall();
        assert_eq!([recall.r1, recall.r5, recall.r10], [0.25, 0.5, 0.75]);
        let mrr = (1.0 + 1.0 / 2.0 + 1.0 / 6.0 + 1.0 / 20.0) / 4.0;
        assert!((recall.mrr - mrr).abs() < 1e-15, "{} {mrr}", recall.mrr);
    }

    /// Counted over all orders of five rows, two of them partners: C(3,1)/C(5,1) miss with one row, and all find one within four.
    #[test]
    fn recall_by_chance_is_that_of_all_orders() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a} {b}");
        close(recall_by_chance(2, 5, 1), 2.0 / 5.0);
        close(recall_by_chance(2, 5, 2), 1.0 - 3.0 / 10.0);
        close(recall_by_chance(2, 5, 4), 1.0);
        close(recall_by_chance(1, 5, 10), 1.0);
        // three queries with one partner, one with five, among 100 rows
        let chance = RecallByChance::of(&BTreeMap::from([(1, 3), (5, 1)]), 100);
        close(chance.r1, (3.0 * 0.01 + 0.05) / 4.0);
        let none_of_five = (0..10)
            .map(|i| f64::from(95 - i) / f64::from(100 - i))
            .product::<f64>();
        close(chance.r10, (3.0 * 0.1 + 1.0 - none_of_five) / 4.0);
    }

    #[test]
    fn of_equally_near_rows_the_one_with_the_lower_index_comes_first() {
        let row = |cosine, index| Neighbour { cosine, index };
        assert!(row(0.5, 3).stands_before(&row(0.5, 4)));
        assert!(!row(0.5, 4).stands_before(&row(0.5, 4)));
        assert!(row(0.6, 9).stands_before(&row(0.5, 4)));
        assert!(!row(0.4, 1).stands_before(&row(0.5, 4)));
    }
}
