//! What is in a source, before anything is done with it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use modality_gap_geometry::{Lengths, Map, Moments, Policy};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::bad_rows::{BadRows as Found, OfBlock};
use crate::pass::{Asks, Manifest, Opened, PassKind, Plan};
use crate::receipt::{Receipt, WorkFolder, params_hash};
use crate::scan::{Block, Work, Worker, scan};
use crate::source_info::{EmbeddingsInfo, ShardInfo};
use crate::states::{OfShard, States};
use crate::{Control, RowSet, Selection, TaskError};

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

impl InspectReport {
    /// Names the files as `rows` does, the same rows by other paths.
    #[must_use]
    pub(crate) fn naming(mut self, rows: &RowSet) -> Self {
        let starts = rows.starts();
        let file = |shard: usize| rows.parts[shard].file().map(Path::to_path_buf);
        for (shard, info) in self.info.shards.iter_mut().enumerate() {
            info.path = file(shard);
        }
        for bad in &mut self.bad_rows.first {
            bad.file = file(starts.partition_point(|&start| start <= bad.index) - 1);
        }
        self
    }
}

/// How a source is looked at.
#[derive(Debug, Clone, Default)]
pub struct InspectJob {
    /// How many bad rows are named; 10 by default.
    pub bad_rows: Option<usize>,
    /// Where the states of shards are kept that are looked at elsewhere.
    pub work: Option<WorkFolder>,
}

/// Rows, width, type, lengths and bad rows of `input`; bad rows never stop it.
pub fn inspect_job(input: &RowSet, job: &InspectJob, control: &Control) -> Result<InspectReport, TaskError> {
    let map = Map::identity(input.dim, Policy::Unit);
    let look = Look::new(
        input,
        &map,
        job.bad_rows.unwrap_or(DEFAULT_BAD_ROWS),
        job.work.as_ref(),
    );
    let named = look.named;
    let seen = look.run(control)?;
    let (mut rows, mut lengths) = (0, Lengths::NONE);
    let (mut count, mut first) = (0, Vec::new());
    let starts = input.starts();
    for (shard, seen) in seen.into_iter().enumerate() {
        rows += seen.rows;
        lengths.merge(&seen.lengths);
        count += seen.bad.count;
        let left = named - first.len();
        first.extend(seen.bad.first.into_iter().take(left).map(|(row, reason)| BadRow {
            file: input.parts[shard].file().map(Path::to_path_buf),
            row,
            index: starts[shard] + row,
            reason,
        }));
    }
    let any = rows > 0;
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
        bad_rows: BadRows { count, first },
    })
}

/// Looks at one shard of a manifest, unless that has been done, and gives its receipt.
pub(crate) fn one_shard(
    manifest: &Manifest,
    map: &Map,
    opened: &Opened,
    control: &Control,
) -> Result<Receipt, TaskError> {
    let work = manifest.work();
    let look = Look::of_manifest(manifest, map, opened, &work)?;
    manifest.check_params(&look.params)?;
    scan(&opened.source, &look, control, &manifest.stage)?;
    manifest.receipt(opened, look.receipt(0))
}

/// The receipt of a shard of a manifest, with its state checked.
pub(crate) fn receipt_of(manifest: &Manifest, map: &Map, opened: &Opened) -> Result<Receipt, String> {
    let work = manifest.work();
    let look = Look::of_manifest(manifest, map, opened, &work).map_err(|error| error.to_string())?;
    look.restore(0).map(|(receipt, _)| receipt)
}

/// What was seen of a shard.
struct Seen {
    /// Usable rows and their lengths.
    rows: u64,
    lengths: Lengths,
    bad: BadOfShard,
}

/// Bad rows of a shard: how many, and the first with their reasons.
struct BadOfShard {
    count: u64,
    first: Vec<(u64, String)>,
}

/// The state of a shard as a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenFile {
    version: u32,
    rows: u64,
    /// Bits of the shortest length, the longest and the sum of all.
    lengths: [u64; 3],
    bad: u64,
    first: Vec<(u64, String)>,
}

impl Seen {
    fn to_bytes(&self) -> Vec<u8> {
        let Lengths { min, max, sum } = self.lengths;
        let file = SeenFile {
            version: 1,
            rows: self.rows,
            lengths: [min, max, sum].map(f64::to_bits),
            bad: self.bad.count,
            first: self.bad.first.clone(),
        };
        serde_json::to_vec(&file).expect("plain data")
    }

    /// Reads the state of a shard of so many rows, of whose bad ones at most `named` are named.
    fn from_bytes(bytes: &[u8], rows: u64, named: usize) -> Result<Self, String> {
        let file: SeenFile = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let SeenFile { bad, first, .. } = file;
        let sorted = first.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let within = first.last().is_none_or(|(row, _)| *row < rows);
        let all = file.rows.checked_add(bad) == Some(rows) && first.len() as u64 == bad.min(named as u64);
        if file.version != 1 || !(sorted && within && all) {
            return Err("its state counts other rows than its receipt".to_owned());
        }
        let [min, max, sum] = file.lengths.map(f64::from_bits);
        Ok(Self {
            rows: file.rows,
            lengths: Lengths { min, max, sum },
            bad: BadOfShard { count: bad, first },
        })
    }
}

/// What states depend on beside the shard.
#[derive(Serialize)]
struct Params {
    task: &'static str,
    named: usize,
}

struct Look<'a> {
    source: &'a RowSet,
    map: &'a Map,
    named: usize,
    params: String,
    work: Option<&'a WorkFolder>,
    /// Rows, lengths and bad rows by shard: shards end in any order, and sums are taken in that of the shards.
    shards: Vec<Mutex<(u64, Lengths, Found)>>,
}

impl<'a> Look<'a> {
    fn new(source: &'a RowSet, map: &'a Map, named: usize, work: Option<&'a WorkFolder>) -> Self {
        let nothing = |_| Mutex::new((0, Lengths::NONE, Found::naming(named)));
        let params = Params {
            task: "inspect",
            named,
        };
        Self {
            source,
            map,
            named,
            params: params_hash(&params, &map.to_bytes()),
            work,
            shards: source.parts.iter().map(nothing).collect(),
        }
    }

    fn of_manifest(
        manifest: &Manifest,
        map: &'a Map,
        opened: &'a Opened,
        work: &'a WorkFolder,
    ) -> Result<Self, TaskError> {
        let named = manifest.named.ok_or_else(|| {
            TaskError::BadOption(
                "a manifest of an inspection does not say how many bad rows are named".to_owned(),
            )
        })?;
        Ok(Self::new(&opened.source, map, named, Some(work)))
    }

    fn run(self, control: &Control) -> Result<Vec<Seen>, TaskError> {
        const STAGE: &str = "inspect";
        let Some(states) = self
            .states()
            .filter(|_| control.is_distributed() && self.source.in_files())
        else {
            scan(self.source, &self, control, STAGE)?;
            return Ok((0..self.shards.len()).map(|index| self.seen(index)).collect());
        };
        states.tidy()?;
        let plan = Plan {
            kind: PassKind::Inspect,
            stage: STAGE,
            params: &self.params,
            source: self.source,
            map: self.map,
            selection: Selection::ALL,
            folder: &states.work.path,
            asks: Asks {
                named: Some(self.named),
                ..Asks::default()
            },
        };
        plan.take_up(control, |index| Ok(self.restore(index)?.1))
    }

    fn seen(&self, index: usize) -> Seen {
        let shard = self.shards[index].lock().expect("no worker panicked");
        let (rows, lengths, found) = &*shard;
        let first = found.first().map(|(_, row, reason)| (row, reason.to_string()));
        Seen {
            rows: *rows,
            lengths: *lengths,
            bad: BadOfShard {
                count: found.count(),
                first: first.collect(),
            },
        }
    }

    fn states(&self) -> Option<States<'_>> {
        self.work.map(|work| States {
            task: "inspect",
            params: &self.params,
            work,
            source: self.source,
        })
    }

    fn receipt(&self, index: usize) -> Result<Receipt, String> {
        self.states().ok_or("no folder keeps receipts")?.earlier(index)
    }

    /// What was seen before.
    ///
    /// # Errors
    /// Why that cannot be used.
    fn restore(&self, index: usize) -> Result<(Receipt, Seen), String> {
        let states = self.states().ok_or("no folder keeps receipts")?;
        let receipt = states.earlier(index)?;
        let mut seen = None;
        states.read(index, &receipt, &[STATE], |_, bytes| {
            seen = Some(Seen::from_bytes(&bytes, receipt.rows, self.named)?);
            Ok(())
        })?;
        let seen = seen.ok_or("it has no state")?;
        if receipt.rows != self.source.parts[index].rows() {
            return Err("its receipt counts other rows than the shard has".to_owned());
        }
        Ok((receipt, seen))
    }
}

/// Ending of the file of a state.
const STATE: &str = "seen.json";

impl Work for Look<'_> {
    type Open = usize;
    type Item = (u64, Lengths, OfBlock);

    fn open(&self, index: usize) -> Result<Option<usize>, TaskError> {
        // only tasks elsewhere keep states
        Ok(self.restore(index).is_err().then_some(index))
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
        shard.2.add(index, found);
        Ok(())
    }

    fn close(&self, index: usize, _: usize) -> Result<(), TaskError> {
        let Some(states) = self.states() else {
            return Ok(());
        };
        let of = OfShard {
            rows: self.source.parts[index].rows(),
            dropped: Vec::new(),
        };
        states.write(index, of, [(STATE, self.seen(index).to_bytes())])
    }
}
