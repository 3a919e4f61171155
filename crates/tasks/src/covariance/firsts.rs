//! The first row of each group, shard by shard.

use std::ops::Range;
use std::sync::Arc;

use crate::RowSet;

/// Rows that are the first of their group among those taken, found in the order of the rows.
pub(super) struct Firsts {
    /// Absent where every row is a group by itself.
    keys: Option<Arc<Vec<u32>>>,
    seen: Vec<bool>,
    at: u64,
}

impl Firsts {
    pub fn of(source: &RowSet) -> Self {
        let keys = source.keys.clone();
        let most = keys.as_ref().and_then(|keys| keys.iter().max().copied());
        Self {
            keys,
            seen: vec![false; most.map_or(0, |most| most as usize + 1)],
            at: 0,
        }
    }

    /// Those of a range, ascending; it begins where the last one has ended, or later.
    pub fn within(&mut self, range: Range<u64>, take: impl Fn(u64) -> bool) -> Vec<u64> {
        let Some(keys) = &self.keys else {
            return range.filter(|&row| take(row)).collect();
        };
        let mut firsts = Vec::new();
        for row in self.at..range.end {
            let seen = &mut self.seen[keys[row as usize] as usize];
            if !*seen && take(row) {
                *seen = true;
                if row >= range.start {
                    firsts.push(row);
                }
            }
        }
        self.at = range.end;
        firsts
    }
}

#[cfg(test)]
mod tests {
    use modality_gap_kernels::Rows;
    use modality_gap_shards::memory_rows;

    use super::*;
    use crate::ReadOptions;

    /// Row 1 is not taken, so that row 4 is the first of its group; a later range knows of the rows before it.
    #[test]
    fn a_shard_knows_the_groups_of_the_shards_before_it() {
        let shard = memory_rows(Rows::F32(&[1.0; 7]), 1, Vec::new()).unwrap();
        let rows = RowSet::memory(Arc::from(shard), ReadOptions::default());
        let grouped = rows.grouped(vec![0, 1, 0, 2, 1, 2, 3]).unwrap();
        let take = |row: u64| row != 1;
        let mut firsts = Firsts::of(&grouped);
        assert_eq!(firsts.within(0..3, take), [0]);
        assert_eq!(firsts.within(3..7, take), [3, 4, 6]);
        assert_eq!(Firsts::of(&grouped).within(4..7, take), [4, 6]);
        assert_eq!(Firsts::of(&rows).within(0..3, take), [0, 2]);
    }
}
