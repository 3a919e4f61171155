//! Ranks of partners: the rule for ties, and what ranks add up to.

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

    #[test]
    fn of_equally_near_rows_the_one_with_the_lower_index_comes_first() {
        let row = |cosine, index| Neighbour { cosine, index };
        assert!(row(0.5, 3).stands_before(&row(0.5, 4)));
        assert!(!row(0.5, 4).stands_before(&row(0.5, 4)));
        assert!(row(0.6, 9).stands_before(&row(0.5, 4)));
        assert!(!row(0.4, 1).stands_before(&row(0.5, 4)));
    }
}
