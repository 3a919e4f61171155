//! Rows that are one item, and what an item adds to the noise of a mean.

use std::sync::Arc;

use crate::Moments;
use crate::gap::ENOUGH_GROUPS;

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

/// The fewest of the largest groups, by index, without which the noise of the others is judged: none where that of all is. `None` where
/// those few would hold more than half of the rows of a side.
///
/// `variances` are the shares of the groups in the noise, `rows` their rows on each side. The choice depends on sizes only, so the others
/// have no gap where the population has none.
pub fn dominating_groups(variances: &[f64], rows: &[[f64; 2]]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..variances.len()).collect();
    order.sort_by(|&a, &b| variances[b].total_cmp(&variances[a]).then(a.cmp(&b)));
    let (mut sum, mut squares, mut fewest) = (0.0, 0.0, order.len());
    for (i, &group) in order.iter().enumerate().rev() {
        let v = variances[group];
        sum += v;
        squares += v * v;
        if sum * sum >= ENOUGH_GROUPS * squares {
            fewest = i;
        }
    }
    order.truncate(fewest);
    let held = |side: usize, of: &mut dyn Iterator<Item = &[f64; 2]>| of.map(|rows| rows[side]).sum::<f64>();
    let most = |side: usize| {
        let few = held(side, &mut order.iter().map(|&group| &rows[group]));
        few > held(side, &mut rows.iter()) / 2.0
    };
    (!most(0) && !most(1)).then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_groups_dominate() {
        let of = |sizes: &[f64]| {
            let variances: Vec<f64> = sizes.iter().map(|c| c * c).collect();
            let rows: Vec<[f64; 2]> = sizes.iter().map(|&c| [c, 2.0 * c]).collect();
            dominating_groups(&variances, &rows)
        };
        let singles = vec![1.0; 40];
        assert_eq!(of(&singles), Some(vec![]));
        assert_eq!(of(&[&[30.0, 20.0][..], &singles].concat()), None);
        // (40 + 144 + 400)²/(40 + 144² + 400²) = 1.9, without the largest (40 + 144)²/(40 + 144²) = 1.6
        assert_eq!(of(&[&[12.0, 20.0][..], &singles].concat()), Some(vec![1, 0]));
        // (40 + 4)²/(40 + 16) = 35
        assert_eq!(of(&[&singles[..], &[2.0, 9.0][..]].concat()), Some(vec![41]));
        assert_eq!(of(&[1.0; 8]), None);
        assert_eq!(of(&[]), Some(vec![]));
    }

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
