//! What is in a source, before anything is done with it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use modality_gap_geometry::{Lengths, Map, Moments, Policy};
use serde::Serialize;
use ts_rs::TS;

use crate::bad_rows::{BadRows as Found, OfBlock};
use crate::scan::{Block, Work, Worker, scan};
use crate::source_info::{EmbeddingsInfo, ShardInfo};
use crate::{Control, RowReason, RowSet, TaskError};

/// Bad rows named when nothing is said.
const DEFAULT_BAD_ROWS: usize = 10;
/// Lengths within this of one are unit up to half-precision rounding.
const UNIT: f64 = 2e-3;

/// Lengths of rows as they are stored, with their mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
pub struct MeanNorms {
    /// The shortest.
    pub min: f64,
    /// The longest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
}

/// A row that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(optional_fields)]
pub struct BadRow {
    /// The file; absent for rows from memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Index in the file.
    pub row: u64,
    /// Index in all files together.
    pub index: u64,
    /// Why it cannot be used.
    pub reason: String,
}

/// Rows that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct BadRows {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<BadRow>,
}

/// What a set of rows looks like.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct InspectReport {
    /// What was known before any row was read.
    #[serde(flatten)]
    pub info: EmbeddingsInfo,
    /// Lengths of the usable rows as they are stored, and their mean; null when no row is usable.
    pub norms: Option<MeanNorms>,
    /// Whether every usable row has length one up to the rounding of its storage type.
    pub unit: bool,
    /// Rows that cannot be used: how many, and the first of them.
    #[ts(inline)]
    pub bad_rows: BadRows,
}

/// Rows, width, type, lengths and bad rows of `input`; bad rows never stop it.
pub fn inspect_job(
    input: &RowSet,
    bad_rows: Option<usize>,
    control: &Control,
) -> Result<InspectReport, TaskError> {
    let map = Map::identity(input.dim, Policy::Unit);
    let look = Look {
        map: &map,
        found: Mutex::new(Found::naming(bad_rows.unwrap_or(DEFAULT_BAD_ROWS))),
        shards: input
            .parts
            .iter()
            .map(|_| Mutex::new((0, Lengths::NONE)))
            .collect(),
    };
    scan(input, &look, control, "inspect")?;
    let bad = look.found.into_inner().expect("no worker panicked");
    let (mut rows, mut lengths) = (0, Lengths::NONE);
    for shard in look.shards {
        let (of_shard, its_lengths) = shard.into_inner().expect("no worker panicked");
        rows += of_shard;
        lengths.merge(&its_lengths);
    }
    let any = rows > 0;
    let starts = input.starts();
    let named = |(shard, row, reason): (usize, u64, RowReason)| BadRow {
        file: input.parts[shard].file().map(Path::to_path_buf),
        row,
        index: starts[shard] + row,
        reason: reason.to_string(),
    };
    Ok(InspectReport {
        info: EmbeddingsInfo {
            shards: input.parts.iter().map(ShardInfo::of).collect(),
            label: None,
            ..EmbeddingsInfo::of(input)
        },
        norms: any.then(|| MeanNorms {
            min: lengths.min,
            max: lengths.max,
            mean: lengths.sum / rows as f64,
        }),
        unit: any && (lengths.min - 1.0).abs() <= UNIT && (lengths.max - 1.0).abs() <= UNIT,
        bad_rows: BadRows {
            count: bad.count(),
            first: bad.first().map(named).collect(),
        },
    })
}

struct Look<'a> {
    map: &'a Map,
    found: Mutex<Found>,
    /// Rows and lengths by shard: shards end in any order, and sums are taken in that of the shards.
    shards: Vec<Mutex<(u64, Lengths)>>,
}

impl Work for Look<'_> {
    type Open = usize;
    type Item = (u64, Lengths, OfBlock);

    fn open(&self, index: usize) -> Result<Option<usize>, TaskError> {
        Ok(Some(index))
    }

    fn block(&self, _: &usize, block: &Block<'_>, worker: &mut Worker) -> Result<Self::Item, TaskError> {
        let mut bad = Vec::new();
        let moments = Moments::of_block(block.rows, block.first, self.map, &mut worker.scratch, &mut bad);
        let found = Found::of_block(block.first, &bad, block.faults);
        Ok((moments.rows(), moments.lengths(), found))
    }

    fn fold(&self, &index: &usize, (rows, lengths, found): Self::Item) -> Result<(), TaskError> {
        let mut shard = self.shards[index].lock().expect("no worker panicked");
        shard.0 += rows;
        shard.1.merge(&lengths);
        self.found.lock().expect("no worker panicked").add(index, found);
        Ok(())
    }

    fn close(&self, _: usize, _: usize) -> Result<(), TaskError> {
        Ok(())
    }
}
