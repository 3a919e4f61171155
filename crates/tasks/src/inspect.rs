//! What is in a source, before anything is done with it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use modality_gap_geometry::{Map, Moments, Policy};
use serde_json::{Value, json};

use crate::moments::reason_of;
use crate::scan::{Block, Work, Worker, scan};
use crate::{Control, Part, RowSet, TaskError};

/// Bad rows named when nothing is said.
const DEFAULT_BAD_ROWS: usize = 10;
/// Lengths within this of one are unit up to half-precision rounding.
const UNIT: f64 = 2e-3;

/// Rows, width, type, lengths and bad rows of `input`; bad rows never stop it.
pub fn inspect_job(input: &RowSet, bad_rows: Option<usize>, control: &Control) -> Result<Value, TaskError> {
    let map = Map::identity(input.dim, Policy::Unit);
    let look = Look {
        input,
        map: &map,
        found: Mutex::new(Vec::new()),
        total: Mutex::new(Moments::new(input.dim, true)),
    };
    scan(input, &look, control, "inspect")?;
    let mut bad = look.found.into_inner().expect("no worker panicked");
    bad.sort();
    let moments = look.total.into_inner().expect("no worker panicked");
    let lengths = moments.lengths();
    let any = moments.rows() > 0;
    let starts = input.starts();
    let named = bad
        .iter()
        .take(bad_rows.unwrap_or(DEFAULT_BAD_ROWS))
        .map(|(shard, row, file, reason)| {
            let mut value = json!({ "row": row, "reason": reason, "index": starts[*shard] + row });
            if let Some(file) = file {
                value["file"] = json!(file);
            }
            value
        });
    Ok(json!({
        "dim": input.dim,
        "rows": input.rows(),
        "dtype": input.dtype().name(),
        "format": input.format_name(),
        "layout": input.layout_name(),
        "shards": input.parts.iter().map(shard).collect::<Vec<_>>(),
        "norms": any.then(|| json!({
            "min": lengths.min,
            "max": lengths.max,
            "mean": lengths.sum / moments.rows() as f64,
        })),
        "unit": any && (lengths.min - 1.0).abs() <= UNIT && (lengths.max - 1.0).abs() <= UNIT,
        "badRows": { "count": bad.len(), "first": named.collect::<Vec<_>>() },
    }))
}

fn shard(part: &Part) -> Value {
    match part {
        Part::File(shard) => {
            let mut value = json!({ "path": shard.path, "rows": shard.rows, "dtype": shard.dtype.name() });
            if let Some(selector) = &shard.selector {
                value["selector"] = json!(selector);
            }
            value
        }
        Part::Memory(shard) => json!({ "rows": shard.rows(), "dtype": shard.dtype().name() }),
    }
}

type Found = (usize, u64, Option<PathBuf>, String);

struct Look<'a> {
    input: &'a RowSet,
    map: &'a Map,
    found: Mutex<Vec<Found>>,
    total: Mutex<Moments>,
}

impl Work for Look<'_> {
    type Open = usize;
    type Item = (Moments, Vec<Found>);

    fn open(&self, index: usize) -> Result<Option<usize>, TaskError> {
        Ok(Some(index))
    }

    fn block(&self, &index: &usize, block: &Block<'_>, worker: &mut Worker) -> Result<Self::Item, TaskError> {
        let mut bad = Vec::new();
        let moments = Moments::of_block(block.rows, block.first, self.map, &mut worker.scratch, &mut bad);
        let file = self.input.parts[index].file().map(Path::to_path_buf);
        let found = bad.iter().map(|bad| {
            (
                index,
                block.first + bad.row as u64,
                file.clone(),
                reason_of(bad, block.faults).to_string(),
            )
        });
        Ok((moments, found.collect()))
    }

    fn fold(&self, _: &usize, (moments, found): Self::Item) -> Result<(), TaskError> {
        self.total.lock().expect("no worker panicked").merge(&moments);
        self.found.lock().expect("no worker panicked").extend(found);
        Ok(())
    }

    fn close(&self, _: usize, _: usize) -> Result<(), TaskError> {
        Ok(())
    }
}
