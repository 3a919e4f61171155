//! All rows of sources that cannot be used: counted, the first of them with their reasons.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use modality_gap_geometry::{BadRow, BadRowReason, Map, Policy};
use modality_gap_shards::Fault;

use crate::error::{RowAtFault, RowReason};
use crate::moments::reason_of;
use crate::scan::{Block, Work, Worker, scan};
use crate::{Control, OnBadRow, RowSet, TaskError};

/// Bad rows that an error names.
const NAMED: usize = 20;

/// Bad rows of one source; at most `most` of them are held.
pub(crate) struct BadRows {
    most: usize,
    count: u64,
    /// By shard and row.
    first: BTreeMap<(usize, u64), RowReason>,
}

/// Bad rows of one block: row of the shard and reason.
pub(crate) type OfBlock = Vec<(u64, RowReason)>;

impl BadRows {
    pub fn naming(most: usize) -> Self {
        Self {
            most,
            count: 0,
            first: BTreeMap::new(),
        }
    }

    /// What is wrong with the bad rows of a block that starts at row `first` of its shard.
    pub fn of_block(first: u64, bad: &[BadRow], faults: &[(usize, Fault)]) -> OfBlock {
        bad.iter()
            .map(|bad| (first + bad.row as u64, reason_of(bad, faults)))
            .collect()
    }

    /// Adds those of a block of shard `index`; blocks may come in any order.
    pub fn add(&mut self, index: usize, of_block: OfBlock) {
        self.count += of_block.len() as u64;
        for (row, reason) in of_block {
            self.first.insert((index, row), reason);
            if self.first.len() > self.most {
                self.first.pop_last();
            }
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Shard, row and reason, in order.
    pub fn first(&self) -> impl Iterator<Item = (usize, u64, RowReason)> {
        self.first
            .iter()
            .map(|(&(index, row), &reason)| (index, row, reason))
    }
}

/// Rows that are searched for bad ones.
pub(crate) struct Searched<'a> {
    pub rows: &'a RowSet,
    pub policy: Policy,
    /// Which rows of a step they are.
    pub side: Option<&'static str>,
}

impl<'a> Searched<'a> {
    /// Those of `sources` whose bad rows stop a job.
    pub fn strict(sources: impl IntoIterator<Item = &'a RowSet>) -> Vec<Self> {
        let strict = sources
            .into_iter()
            .filter(|rows| rows.options.on_bad_row == OnBadRow::Error);
        let searched = |rows: &'a RowSet| Self {
            rows,
            policy: rows.policy(),
            side: None,
        };
        strict.map(searched).collect()
    }
}

/// The error of a bad row with all others beside it; any other error is given back.
pub(crate) fn with_all_bad_rows(error: TaskError, among: &[Searched<'_>], control: &Control) -> TaskError {
    let (file, at, reason) = match &error {
        TaskError::BadRow { file, row, reason }
        | TaskError::TrackedRow {
            file, row, reason, ..
        } => (file, *row, *reason),
        _ => return error,
    };
    // what one strategy makes of a row says nothing of the rows themselves
    if reason == RowReason::Value(BadRowReason::NoDirection) {
        return error;
    }
    match first_of(among, control) {
        Ok((first, count)) => {
            let named = first.iter().any(|row| row.row == at && row.file == *file);
            if count < 2 || !(named || count as usize > first.len()) {
                return error;
            }
            let tracked = matches!(error, TaskError::TrackedRow { .. });
            TaskError::BadRows {
                first,
                count,
                tracked,
            }
        }
        Err(TaskError::Cancelled) => TaskError::Cancelled,
        Err(_) => error,
    }
}

impl TaskError {
    /// Of bad rows in memory, at least one.
    pub fn of_rows(bad: &[BadRow]) -> Self {
        let first: Vec<RowAtFault> = bad
            .iter()
            .take(NAMED)
            .map(|bad| RowAtFault {
                file: None,
                side: None,
                row: bad.row as u64,
                reason: RowReason::Value(bad.reason),
            })
            .collect();
        match &first[..] {
            [one] => Self::BadRow {
                file: None,
                row: one.row,
                reason: one.reason,
            },
            _ => Self::BadRows {
                first,
                count: bad.len() as u64,
                tracked: false,
            },
        }
    }
}

/// The first bad rows of all sources in their order, and the number of all.
fn first_of(among: &[Searched<'_>], control: &Control) -> Result<(Vec<RowAtFault>, u64), TaskError> {
    let (mut first, mut count) = (Vec::new(), 0);
    for &Searched { rows, policy, side } in among {
        let search = Search {
            map: Map::identity(rows.dim, policy),
            found: Mutex::new(BadRows::naming(NAMED)),
        };
        scan(rows, &search, control, "bad rows")?;
        let found = search.found.into_inner().expect("no worker panicked");
        count += found.count();
        // rows in memory have no file to tell two sources apart
        let label = || rows.options.label.clone().filter(|_| among.len() > 1);
        let named = found.first().map(|(index, row, reason)| RowAtFault {
            file: rows.parts[index].file().map(Path::to_path_buf),
            side: match (side, rows.parts[index].file()) {
                (Some(side), _) => Some(side.to_owned()),
                (None, Some(_)) => None,
                (None, None) => label(),
            },
            row,
            reason,
        });
        first.extend(named);
    }
    first.truncate(NAMED);
    Ok((first, count))
}

struct Search {
    map: Map,
    found: Mutex<BadRows>,
}

impl Work for Search {
    type Open = usize;
    type Item = OfBlock;

    fn open(&self, index: usize) -> Result<Option<usize>, TaskError> {
        Ok(Some(index))
    }

    fn block(&self, _: &usize, block: &Block<'_>, worker: &mut Worker) -> Result<OfBlock, TaskError> {
        let mut bad = Vec::new();
        self.map.prepare(block.rows, 0, &mut worker.scratch, &mut bad);
        Ok(BadRows::of_block(block.first, &bad, block.faults))
    }

    fn fold(&self, &index: &usize, found: OfBlock) -> Result<(), TaskError> {
        self.found.lock().expect("no worker panicked").add(index, found);
        Ok(())
    }

    fn close(&self, _: usize, _: usize) -> Result<(), TaskError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_held_in_order_whatever_order_they_come_in() {
        let zero = RowReason::Value(BadRowReason::ZeroLength);
        let mut found = BadRows::naming(3);
        found.add(1, vec![(7, zero)]);
        found.add(0, vec![(512, zero), (600, zero)]);
        found.add(0, vec![(3, zero)]);
        assert_eq!(found.count(), 4);
        let first: Vec<_> = found.first().map(|(index, row, _)| (index, row)).collect();
        assert_eq!(first, [(0, 3), (0, 512), (0, 600)]);
    }
}
