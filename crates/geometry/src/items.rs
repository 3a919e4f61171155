//! Rows that are one item, and what an item adds to the noise of a mean.

use std::sync::Arc;

use crate::Moments;

/// Which rows of two sides in groups are one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Items {
    /// All rows of a group: it was given by ids, or is of equal rows of one side.
    Groups,
    /// Rows that are equal bit for bit, where such rows have joined pairs to groups: for every row of a side the first one that
    /// equals it; absent where all of the side differ.
    EqualRows([Option<Arc<Vec<u32>>>; 2]),
}

impl Items {
    /// Σ m² over the items that some rows of a group are of, each m times: what independent items add to the variance of a sum.
    fn squared(&self, side: usize, rows: &[u32]) -> f64 {
        let all = rows.len() as f64;
        let of_side = match self {
            Self::Groups => return all * all,
            Self::EqualRows(sides) => sides[side].as_ref(),
        };
        let Some(items) = of_side.filter(|_| rows.len() > 1) else {
            return all;
        };
        let mut found: Vec<u32> = rows.iter().map(|&row| items[row as usize]).collect();
        found.sort_unstable();
        found
            .chunk_by(|a, b| a == b)
            .map(|same| (same.len() as f64).powi(2))
            .sum()
    }

    /// What some rows of a group add to the variance of the mean of their side, where the rows of an item have all of their variance
    /// in common.
    pub fn variance(&self, side: usize, rows: &[u32], of: &Moments) -> f64 {
        let all = of.rows() as f64;
        self.squared(side, rows) / (all * all) * of.trace()
    }
}

/// Groups of one size that tell as much of the noise as groups whose shares in it are `variances`, (Σv)²/Σv².
pub fn effective_groups(variances: impl Iterator<Item = f64>) -> f64 {
    let (sum, squares) = variances.fold((0.0, 0.0), |(sum, squares), v| (sum + v, squares + v * v));
    sum * sum / squares
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs 0, 1 and 2 have three images, or two, and one text.
    #[test]
    fn rows_of_a_joined_group_are_of_their_own_items() {
        let texts = Some(Arc::new(vec![0, 0, 0, 3]));
        let squares = |items: &Items| [0, 1].map(|side| items.squared(side, &[0, 1, 2]));
        assert_eq!(squares(&Items::EqualRows([None, texts.clone()])), [3.0, 9.0]);
        let images = Some(Arc::new(vec![0, 1, 0, 3]));
        assert_eq!(squares(&Items::EqualRows([images, texts])), [5.0, 9.0]);
        assert_eq!(squares(&Items::Groups), [9.0, 9.0]);
    }
}
