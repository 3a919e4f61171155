//! Rows that belong together: the captions of one image, a row that stands in a file more than once.
//!
//! Rows of a group are not independent, so hold-outs, halves and noise are those of groups. A group is known by ids, or
//! by rows that are equal bit for bit.

use std::sync::Arc;

use modality_gap_geometry::{Items, PairsOfFit};

use crate::moments::Counted;
use crate::pairing::check_pairs;
use crate::row_hash::UNUSABLE;
use crate::{RowSet, TaskError};

/// Pairs that groups may make at most; more come of an id that is none.
const MOST_PAIRS: u64 = 100_000_000;
/// Share of a side that one row repeated over and over may take; beyond, the rows are not a sample at all.
const COLLAPSED: u64 = 4;

/// How groups came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// By an id of each row.
    Ids,
    /// By rows that are equal bit for bit.
    EqualRows,
}

/// Which row belongs to which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// Rows are not paired.
    None,
    /// Row i of one side with row i of the other.
    Index,
    /// Every row with all rows of its group on the other side.
    Groups,
}

/// The groups of two sources.
#[derive(Debug, Clone)]
pub(crate) struct Grouping {
    pub known: Option<Known>,
    pub pairing: Pairing,
    /// Whether equal keys on both sides are one group.
    pub shared: bool,
    /// Which rows of a group are one item.
    pub items: Items,
    /// Rows that repeat an earlier row of their group bit for bit, sorted; by ids they are one item and counted once.
    pub repeats: [Vec<u64>; 2],
}

/// Sources in pairs by index of which one has groups: the partners have the same.
pub(crate) fn with_partners(sources: &[RowSet], paired: bool) -> Vec<RowSet> {
    let mut sources = sources.to_vec();
    if let [left, right] = sources.as_mut_slice()
        && paired
        && left.rows() == right.rows()
    {
        let keys = left.keys.clone().or_else(|| right.keys.clone());
        left.keys = left.keys.take().or_else(|| keys.clone());
        right.keys = right.keys.take().or(keys);
    }
    sources
}

impl Grouping {
    /// How an aligner's file says that rows belong together.
    pub fn pairs_of_fit(&self) -> Option<PairsOfFit> {
        match self.pairing {
            Pairing::None => None,
            Pairing::Index => Some(PairsOfFit::Rows),
            Pairing::Groups => Some(PairsOfFit::Groups),
        }
    }

    /// What the sources say of themselves, before any row is read.
    pub fn declared(sources: [&RowSet; 2], paired: bool) -> Result<Self, TaskError> {
        let [left, right] = sources;
        let ids = left.keys.is_some() && right.keys.is_some();
        let pairing = match (paired, ids) {
            (false, _) => Pairing::None,
            (true, true) => Pairing::Groups,
            (true, false) => Pairing::Index,
        };
        if pairing == Pairing::Index {
            check_pairs(left, right)?;
        }
        if pairing == Pairing::Groups {
            check_ids(left, right)?;
        }
        Ok(Self {
            known: (left.keys.is_some() || right.keys.is_some()).then_some(Known::Ids),
            pairing,
            shared: ids || paired,
            items: Items::Groups,
            repeats: [Vec::new(), Vec::new()],
        })
    }

    /// What a first pass over the rows adds. Without ids `sources` get the groups of equal rows. True when rows have to
    /// be counted again.
    pub fn observe(&mut self, sources: &mut [RowSet; 2], counted: &[Counted; 2], splits: bool) -> bool {
        if self.known == Some(Known::Ids) {
            for (side, source) in sources.iter().enumerate() {
                self.repeats[side] = repeats(source, &counted[side].hashes);
            }
            return self.repeats.iter().any(|rows| !rows.is_empty());
        }
        let classes = [0, 1].map(|side| classes(&counted[side].hashes));
        if self.pairing == Pairing::Index {
            if let Some(keys) = joined(&classes) {
                let keys = Arc::new(keys);
                for source in sources.iter_mut() {
                    source.keys = Some(Arc::clone(&keys));
                }
                self.known = Some(Known::EqualRows);
                self.items = Items::EqualRows(classes.map(|rows| rows.map(Arc::new)));
            }
        } else {
            for (source, keys) in sources.iter_mut().zip(classes) {
                if let Some(keys) = keys {
                    source.keys = Some(Arc::new(keys));
                    self.known = Some(Known::EqualRows);
                }
            }
        }
        splits && self.known.is_some()
    }
}

/// Refuses ids that pair nothing, or nearly everything with everything.
fn check_ids(left: &RowSet, right: &RowSet) -> Result<(), TaskError> {
    let sizes = [left, right].map(|source| Members::of(source, |_| true));
    let keys = sizes[0].keys().min(sizes[1].keys());
    let pairs = (0..keys).map(|key| {
        let [a, b] = [0, 1].map(|side: usize| sizes[side].rows(key as u64).len() as u64);
        a * b
    });
    match pairs.sum::<u64>() {
        0 => Err(TaskError::BadOption(format!(
            "no id of {} stands among those of {}; give ids of the same kind on both sides",
            left.name(),
            right.name()
        ))),
        many if many > MOST_PAIRS => Err(TaskError::BadOption(format!(
            "the ids make {many} pairs of {} and {} rows; name a column that tells the items apart",
            left.rows(),
            right.rows()
        ))),
        _ => Ok(()),
    }
}

/// For every row the first row with the same hash; `None` when all differ, or when one row is most of them.
pub(crate) fn classes(hashes: &[u64]) -> Option<Vec<u32>> {
    let mut order: Vec<u32> = (0..u32::try_from(hashes.len()).ok()?).collect();
    order.sort_unstable_by_key(|&row| (hashes[row as usize], row));
    let mut classes = vec![0; hashes.len()];
    let (mut largest, mut size, mut equal) = (0_u64, 0_u64, false);
    let mut first = u32::MAX;
    for &row in &order {
        let same = first != u32::MAX
            && hashes[row as usize] != UNUSABLE
            && hashes[first as usize] == hashes[row as usize];
        if same {
            size += 1;
            equal = true;
        } else {
            (first, size) = (row, 1);
        }
        largest = largest.max(size);
        classes[row as usize] = first;
    }
    (equal && largest * COLLAPSED <= hashes.len() as u64).then_some(classes)
}

/// Groups of pairs: two pairs are in one when they share the image or the text, directly or through others.
pub(crate) fn joined(classes: &[Option<Vec<u32>>; 2]) -> Option<Vec<u32>> {
    let given: Vec<&Vec<u32>> = classes.iter().flatten().collect();
    let rows = given.first()?.len();
    let mut parent: Vec<u32> = (0..rows as u32).collect();
    for classes in given {
        for (row, &first) in classes.iter().enumerate() {
            let (a, b) = (root(&mut parent, row as u32), root(&mut parent, first));
            // the lower index stays the key, so that a row in no group keeps its own
            parent[a.max(b) as usize] = a.min(b);
        }
    }
    Some((0..rows as u32).map(|row| root(&mut parent, row)).collect())
}

/// The least row that `row` is joined with; paths are halved on the way.
fn root(parent: &mut [u32], mut row: u32) -> u32 {
    while parent[row as usize] != row {
        parent[row as usize] = parent[parent[row as usize] as usize];
        row = parent[row as usize];
    }
    row
}

/// Rows of `source` that equal an earlier row of the same group, sorted.
fn repeats(source: &RowSet, hashes: &[u64]) -> Vec<u64> {
    let Some(keys) = source.keys.as_ref().filter(|keys| keys.len() == hashes.len()) else {
        return Vec::new();
    };
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    let place = |row: u32| (keys[row as usize], hashes[row as usize]);
    order.sort_unstable_by_key(|&row| (place(row), row));
    let mut repeats: Vec<u64> = order
        .windows(2)
        .filter(|pair| hashes[pair[1] as usize] != UNUSABLE && place(pair[0]) == place(pair[1]))
        .map(|pair| u64::from(pair[1]))
        .collect();
    repeats.sort_unstable();
    repeats
}

/// Rows dropped from either of two paired sources, by their index in the whole source.
pub(crate) fn dropped_rows(sources: [&RowSet; 2], counted: &[Counted; 2]) -> Vec<u64> {
    let mut rows: Vec<u64> = sources
        .iter()
        .zip(counted)
        .flat_map(|(source, counted)| {
            let per_shard = counted.dropped.iter().zip(source.starts());
            per_shard.flat_map(|(rows, start)| rows.iter().map(move |row| start + row))
        })
        .collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// The rows of each group of a source.
pub(crate) struct Members {
    /// Where the rows of a key begin in `rows`.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Members {
    /// Of the rows that `take` takes. A source without keys has every row by itself.
    pub fn of(source: &RowSet, take: impl Fn(u64) -> bool) -> Self {
        let taken = || (0..source.rows()).filter(|&row| take(row));
        let keys = taken().map(|row| source.key(row) as usize + 1).max().unwrap_or(0);
        let mut starts = vec![0_u32; keys + 1];
        for row in taken() {
            starts[source.key(row) as usize + 1] += 1;
        }
        for key in 0..keys {
            starts[key + 1] += starts[key];
        }
        let mut next = starts.clone();
        let mut rows = vec![0_u32; starts[keys] as usize];
        for row in taken() {
            let at = &mut next[source.key(row) as usize];
            rows[*at as usize] = row as u32;
            *at += 1;
        }
        Self { starts, rows }
    }

    /// One more than the largest key.
    pub fn keys(&self) -> usize {
        self.starts.len() - 1
    }

    /// Rows of a group, ascending.
    pub fn rows(&self, key: u64) -> &[u32] {
        let key = key as usize;
        if key + 1 >= self.starts.len() {
            return &[];
        }
        &self.rows[self.starts[key] as usize..self.starts[key + 1] as usize]
    }

    /// Groups with a row.
    pub fn groups(&self) -> u64 {
        self.starts.windows(2).filter(|pair| pair[0] < pair[1]).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_are_one_class_and_unusable_ones_are_none() {
        assert_eq!(classes(&[5, 6, 7, 8, 9]), None);
        assert_eq!(
            classes(&[5, 6, 5, UNUSABLE, UNUSABLE, 6, 7, 8]),
            Some(vec![0, 1, 0, 3, 4, 1, 6, 7])
        );
        // rows that are nearly all the same are not a sample
        assert_eq!(classes(&[5, 5, 5, 6]), None);
    }

    /// Rows 0 and 2 share an image, 2 and 3 a text; 1 stays alone.
    #[test]
    fn pairs_that_share_a_side_are_one_group() {
        let groups = joined(&[Some(vec![0, 1, 0, 3, 4]), Some(vec![0, 1, 2, 2, 4])]);
        assert_eq!(groups, Some(vec![0, 1, 0, 0, 4]));
        assert_eq!(joined(&[None, None]), None);
    }
}
