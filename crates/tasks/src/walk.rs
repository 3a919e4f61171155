//! Blocks one after another, for work that uses all threads within a block.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use modality_gap_kernels::{Dtype, Rows, RowsMut, combine};
use modality_gap_shards::{Buffer, Fault, Shard, ShardError};

use crate::scan::BLOCK_ROWS;
use crate::{Control, Part, RowSet, TaskError};

/// Files that are held open at a time: a source may have more of them than a process may open.
const OPEN_SHARDS: usize = 16;

/// A source read as one long shard; its files are opened as they are needed.
pub(crate) struct Joined {
    parts: Vec<Part>,
    starts: Vec<u64>,
    dim: usize,
    /// Whether some of its rows are read only, so that a file is checked as a whole when it is opened.
    in_part: bool,
    /// Those read last, the latest at the end.
    open: Mutex<Vec<(usize, Arc<dyn Shard>)>>,
}

impl Joined {
    pub(crate) fn open(source: &RowSet) -> Self {
        Self {
            parts: source.parts.clone(),
            starts: source.starts(),
            dim: source.dim,
            in_part: false,
            open: Mutex::default(),
        }
    }

    /// A source of which some rows are read.
    pub(crate) fn in_part(source: &RowSet) -> Self {
        Self {
            in_part: true,
            ..Self::open(source)
        }
    }

    /// Reads rows `first..first + count` of the whole source, widened to f64.
    pub(crate) fn read(
        &self,
        first: u64,
        count: usize,
        stored: &mut Stored,
        out: &mut Vec<f64>,
    ) -> Result<(), ShardError> {
        self.fetch(first, count, stored)?;
        stored.widen(self.dim, out);
        Ok(())
    }

    /// Reads rows `first..first + count` of the whole source.
    pub(crate) fn fetch(&self, first: u64, count: usize, stored: &mut Stored) -> Result<(), ShardError> {
        stored.dtypes.clear();
        let (mut at, end) = (first, first + count as u64);
        let mut shard = self.starts.partition_point(|&start| start <= first) - 1;
        while at < end {
            let within = at - self.starts[shard];
            let take = (end - at).min(self.parts[shard].rows() - within);
            if take > 0 {
                let reader = self.shard(shard)?;
                reader.read(within, take as usize, stored.next(reader.dtype()))?;
                at += take;
            }
            shard += 1;
        }
        Ok(())
    }

    fn shard(&self, index: usize) -> Result<Arc<dyn Shard>, ShardError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.iter().position(|(other, _)| *other == index);
        let entry = if let Some(at) = found {
            open.remove(at)
        } else {
            let shard = self.parts[index].open()?;
            if self.in_part {
                shard.check()?;
            }
            (index, shard)
        };
        let shard = Arc::clone(&entry.1);
        if open.len() == OPEN_SHARDS {
            open.remove(0);
        }
        open.push(entry);
        Ok(shard)
    }
}

/// Rows of a range as they are stored, a piece for each file that they come from. Reused between ranges.
#[derive(Default)]
pub(crate) struct Stored {
    buffers: Vec<Buffer>,
    /// Types of the pieces in use.
    dtypes: Vec<Dtype>,
}

impl Stored {
    fn next(&mut self, dtype: Dtype) -> &mut Buffer {
        let at = self.dtypes.len();
        self.dtypes.push(dtype);
        if self.buffers.len() == at {
            self.buffers.push(Buffer::new());
        }
        &mut self.buffers[at]
    }

    /// Rows of the last file that could not be given, by their index among those read of it.
    pub(crate) fn faults(&self) -> &[(usize, Fault)] {
        match self.dtypes.len() {
            0 => &[],
            used => self.buffers[used - 1].faults(),
        }
    }

    /// The rows, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Rows<'_>> {
        let used = self.buffers.iter().zip(&self.dtypes);
        used.map(|(buffer, &dtype)| buffer.rows(dtype))
    }

    /// All rows in f64.
    fn widen(&self, dim: usize, out: &mut Vec<f64>) {
        out.clear();
        for rows in self.pieces() {
            let start = out.len();
            out.resize(start + rows.len(), 0.0);
            widen(rows, dim, &mut out[start..]);
        }
    }

    /// Row `i` in f64.
    pub(crate) fn row(&self, i: usize, out: &mut [f64]) {
        let mut at = i * out.len();
        for rows in self.pieces() {
            if at < rows.len() {
                return widen(rows.slice(at..at + out.len()), out.len(), out);
            }
            at -= rows.len();
        }
        panic!("row {i} was not read");
    }
}

fn widen(rows: Rows<'_>, dim: usize, out: &mut [f64]) {
    let ones = vec![1.0; rows.len() / dim];
    combine(rows, dim, &ones, &[], &[], RowsMut::F64(out));
}

/// Gives `body` every block of `source` in order, as f64 rows beside the index of the first.
pub(crate) fn walk(
    source: &RowSet,
    control: &Control,
    stage: &str,
    body: impl FnMut(u64, &mut Vec<f64>) -> Result<(), TaskError>,
) -> Result<(), TaskError> {
    walk_range(source, 0..source.rows(), control, stage, body)
}

/// As [`walk`], for the rows of a range.
pub(crate) fn walk_range(
    source: &RowSet,
    range: Range<u64>,
    control: &Control,
    stage: &str,
    mut body: impl FnMut(u64, &mut Vec<f64>) -> Result<(), TaskError>,
) -> Result<(), TaskError> {
    let joined = Joined::open(source);
    let end = range.end.min(source.rows());
    let stage = control.stage(stage, end.saturating_sub(range.start));
    let (mut stored, mut rows) = (Stored::default(), Vec::new());
    let mut first = range.start;
    while first < end {
        control.cancel.check()?;
        let count = BLOCK_ROWS.min(end - first);
        joined.read(first, count as usize, &mut stored, &mut rows)?;
        body(first, &mut rows)?;
        stage.add(count);
        first += count;
    }
    Ok(())
}
