//! Which rows a fit has seen, in a few kilobytes: the smallest hashes of its rows.

/// Hashes kept, at most: two sides take 16 KiB of an aligner's file.
const KEPT: usize = 1024;
/// Share of either set of rows from which the sets are called the same sample.
const SAME: f64 = 0.05;

/// The smallest distinct hashes of a set of rows, ascending: all of them where there are few, otherwise a sample of the rows by
/// their hash, in which every other set of rows can be looked up.
///
/// # References
/// Broder 1997 (bottom-k sketches).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowSketch(Vec<u64>);

impl RowSketch {
    /// Of the rows with these hashes, in any order.
    pub fn of(hashes: impl IntoIterator<Item = u64>) -> Self {
        let mut kept: Vec<u64> = Vec::new();
        for hash in hashes {
            kept.push(hash);
            if kept.len() >= 16 * KEPT {
                smallest(&mut kept);
            }
        }
        smallest(&mut kept);
        Self(kept)
    }

    /// From the file of an aligner; `None` unless ascending and few.
    pub(crate) fn read(hashes: Vec<u64>) -> Option<Self> {
        let ascending = hashes.windows(2).all(|pair| pair[0] < pair[1]);
        (ascending && hashes.len() <= KEPT).then_some(Self(hashes))
    }

    /// The hashes, ascending.
    pub fn hashes(&self) -> &[u64] {
        &self.0
    }

    /// Whether rows with these hashes are the sketched ones to a part that matters: a superset, a subset, or those very rows.
    pub fn shares_rows_with(&self, hashes: impl IntoIterator<Item = u64>) -> bool {
        let Some(&largest) = self.0.last() else {
            return false;
        };
        let limit = if self.0.len() < KEPT { u64::MAX } else { largest };
        let mut within: Vec<u64> = hashes.into_iter().filter(|&hash| hash <= limit).collect();
        within.sort_unstable();
        within.dedup();
        let found = within.iter().filter(|hash| self.0.binary_search(hash).is_ok());
        let found = found.count() as f64;
        found > 0.0 && found >= SAME * (within.len().min(self.0.len())) as f64
    }
}

fn smallest(hashes: &mut Vec<u64>) {
    hashes.sort_unstable();
    hashes.dedup();
    hashes.truncate(KEPT);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Subsets and supersets of ten thousand rows, beside rows of which one in a hundred is the same.
    #[test]
    fn supersets_and_subsets_are_recognised() {
        let rows = |range: std::ops::Range<u64>| range.map(crate::mix);
        let fitted = RowSketch::of(rows(0..10_000));
        assert_eq!(fitted.hashes().len(), KEPT);
        for range in [0..10_000, 0..200_000, 3_000..3_500] {
            assert!(fitted.shares_rows_with(rows(range.clone())), "{range:?}");
        }
        assert!(!fitted.shares_rows_with(rows(10_000..20_000)));
        assert!(!fitted.shares_rows_with(rows(9_990..11_000)));
        let few = RowSketch::of(rows(0..50));
        assert!(few.shares_rows_with(rows(0..20)) && !few.shares_rows_with(rows(50..90)));
        assert!(!RowSketch::default().shares_rows_with(rows(0..5)));
    }
}
