//! One pass over a source: its moments under a map, shard by shard.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use modality_gap_geometry::{BadRow, Map, Moments};
use modality_gap_shards::{Fault, refuse_link, remove_all_litter};
use rayon::prelude::*;
use serde::Serialize;
use twox_hash::XxHash3_64;

use crate::error::RowReason;
use crate::pass::{Manifest, Opened, PassKind, Plan, settle};
use crate::receipt::{
    Input, Receipt, WorkFolder, groups_hash, hash_bytes, params_hash, read_result, write_state,
};
use crate::row_hash::hashes_of;
use crate::scan::{Block, Work, Worker, scan};
use crate::{Control, OnBadRow, Part, RowSet, Sample, Selection, Split, TaskError};

/// What a pass has counted.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Moments of the rows of the fit.
    pub fit: Moments,
    /// Moments of the rows held out.
    pub held: Moments,
    /// Rows left out, per shard.
    pub dropped: Vec<Vec<u64>>,
    /// Hash of the stored bits of each row; empty when it was not asked for.
    pub hashes: Vec<u64>,
}

impl Counted {
    /// Rows left out in all shards.
    pub fn dropped_rows(&self) -> u64 {
        self.dropped.iter().map(|rows| rows.len() as u64).sum()
    }
}

/// Rows up to which equal ones are looked for: 24 bytes of memory each.
const HASHED_ROWS: u64 = 4_000_000;

/// As [`count`], with a hash of the bits of each row, where there are not too many.
pub(crate) fn count_hashed(
    source: &RowSet,
    map: &Map,
    selection: Selection<'_>,
    control: &Control,
    stage: &str,
    work: Option<&WorkFolder>,
) -> Result<Counted, TaskError> {
    let mut pass = Pass::new(source, map, selection, work);
    pass.hashed = source.rows() <= HASHED_ROWS;
    pass.run(control, stage)
}

/// Counts one shard of a manifest, unless that has been done, and gives its receipt.
pub(crate) fn one_shard(
    manifest: &Manifest,
    map: &Map,
    opened: &Opened,
    control: &Control,
) -> Result<Receipt, TaskError> {
    let work = work_of(manifest);
    let pass = Pass::of_manifest(manifest, map, opened, &work);
    manifest.check_params(&pass.params)?;
    scan(&opened.source, &pass, control, &manifest.stage)?;
    pass.receipt(0).map_err(|reason| TaskError::BadReceipt {
        file: manifest.shards[opened.source.place(0)].input.path.clone(),
        reason,
    })
}

/// The receipt of a shard of a manifest, with its states checked.
pub(crate) fn receipt_of(manifest: &Manifest, map: &Map, opened: &Opened) -> Result<Receipt, String> {
    let work = work_of(manifest);
    let pass = Pass::of_manifest(manifest, map, opened, &work);
    pass.restore(0)?;
    pass.receipt(0)
}

fn work_of(manifest: &Manifest) -> WorkFolder {
    WorkFolder {
        path: manifest.folder.clone(),
        resume: true,
    }
}

/// Moments of `source` after `map`.
pub fn count(
    source: &RowSet,
    map: &Map,
    selection: Selection<'_>,
    control: &Control,
    stage: &str,
    work: Option<&WorkFolder>,
) -> Result<Counted, TaskError> {
    Pass::new(source, map, selection, work).run(control, stage)
}

/// What is wrong with a bad row of a block, as its container says it where it could not give the row.
pub(crate) fn reason_of(bad: &BadRow, faults: &[(usize, Fault)]) -> RowReason {
    match faults.binary_search_by_key(&bad.row, |fault| fault.0) {
        Ok(at) => RowReason::Stored(faults[at].1),
        Err(_) => RowReason::Value(bad.reason),
    }
}

/// The error of a bad row of a block.
pub(crate) fn bad_row(part: &Part, block: &Block<'_>, bad: &BadRow) -> TaskError {
    TaskError::BadRow {
        file: part.file().map(Path::to_path_buf),
        row: block.first + bad.row as u64,
        reason: reason_of(bad, block.faults),
    }
}

struct Pass<'a> {
    source: &'a RowSet,
    map: &'a Map,
    selection: Selection<'a>,
    work: Option<&'a WorkFolder>,
    hashed: bool,
    params: String,
    /// First row of each shard in the whole source.
    starts: Vec<u64>,
    shards: Vec<Mutex<ShardCount>>,
}

struct ShardCount {
    fit: Moments,
    held: Moments,
    dropped: Vec<u64>,
    hashes: Vec<u64>,
}

/// What states depend on beside the shard and the map.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    task: &'static str,
    split: Split,
    subset: Sample,
    exclude: &'a [u64],
    on_bad_row: OnBadRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<String>,
}

impl<'a> Pass<'a> {
    fn new(source: &'a RowSet, map: &'a Map, selection: Selection<'a>, work: Option<&'a WorkFolder>) -> Self {
        let starts = source.starts();
        let empty = || Moments::new(map.dim(), map.gives_unit_rows());
        let shard = |_: &Part| {
            Mutex::new(ShardCount {
                fit: empty(),
                held: empty(),
                dropped: Vec::new(),
                hashes: Vec::new(),
            })
        };
        let params = Params {
            task: "moments",
            split: selection.split,
            subset: selection.subset,
            exclude: selection.exclude,
            on_bad_row: source.options.on_bad_row,
            groups: groups_hash(source),
        };
        let params = params_hash(&params, &map.to_bytes());
        Self {
            source,
            map,
            selection,
            work,
            hashed: false,
            params,
            starts,
            shards: source.parts.iter().map(shard).collect(),
        }
    }

    fn of_manifest(manifest: &'a Manifest, map: &'a Map, opened: &'a Opened, work: &'a WorkFolder) -> Self {
        Self {
            hashed: manifest.hashed,
            ..Self::new(&opened.source, map, manifest.selection(), Some(work))
        }
    }

    fn run(mut self, control: &Control, stage: &str) -> Result<Counted, TaskError> {
        if let Some(work) = self.work {
            let states = work.path.join(&self.params);
            refuse_link(&states)?;
            remove_all_litter(&states);
        }
        match self
            .work
            .filter(|_| control.is_distributed() && self.source.in_files())
        {
            Some(work) => self.take_up(work, control, stage)?,
            None => scan(self.source, &self, control, stage)?,
        }
        let mut counted = Counted {
            fit: self.empty(),
            held: self.empty(),
            dropped: Vec::new(),
            hashes: Vec::new(),
        };
        for shard in self.shards {
            let shard = shard.into_inner().expect("no worker panicked");
            counted.fit.merge(&shard.fit);
            counted.held.merge(&shard.held);
            counted.dropped.push(shard.dropped);
            counted.hashes.extend(shard.hashes);
        }
        Ok(counted)
    }

    /// Takes up what tasks have counted elsewhere.
    fn take_up(&mut self, work: &WorkFolder, control: &Control, stage: &str) -> Result<(), TaskError> {
        control.cancel.check()?;
        let shards = 0..self.source.parts.len();
        let pass = &*self;
        let found: Vec<_> = control
            .pool()
            .install(|| shards.into_par_iter().map(|index| pass.restore(index)).collect());
        let plan = Plan {
            kind: PassKind::Moments,
            stage,
            params: &self.params,
            source: self.source,
            map: self.map,
            selection: self.selection,
            hashed: self.hashed,
            sync: None,
            folder: &work.path,
            outputs: None,
        };
        self.shards = settle(&plan, found)?.into_iter().map(Mutex::new).collect();
        control.stage(stage, self.source.rows()).add(self.source.rows());
        Ok(())
    }

    fn empty(&self) -> Moments {
        Moments::new(self.map.dim(), self.map.gives_unit_rows())
    }

    /// Receipt, state of the fit's rows, state of the rows held out, and hashes of all rows.
    fn files(&self, folder: &Path, index: usize) -> [PathBuf; 4] {
        // both sides of a fit are read under the same map first
        let place = self.source.parts[index].file().unwrap_or(Path::new(""));
        let place = XxHash3_64::oneshot(place.as_os_str().as_encoded_bytes());
        let index = self.source.place(index);
        let stem = folder.join(&self.params).join(format!("{index:06}-{place:016x}"));
        ["json", "fit.safetensors", "held.safetensors", "rows"].map(|ending| stem.with_extension(ending))
    }

    fn receipt(&self, index: usize) -> Result<Receipt, String> {
        let work = self.work.ok_or("no folder keeps receipts")?;
        let [receipt, ..] = self.files(&work.path, index);
        let input = Input::of(&self.source.parts[index]).ok_or("its file cannot be looked at")?;
        Receipt::find(&receipt, "moments", &self.params, &input)
    }

    /// What was counted before.
    ///
    /// # Errors
    /// Why that cannot be used.
    fn restore(&self, index: usize) -> Result<ShardCount, String> {
        let work = self.work.filter(|work| work.resume);
        let work = work.ok_or("earlier results are not asked for")?;
        let [_, fit, held, rows] = self.files(&work.path, index);
        let receipt = self.receipt(index)?;
        let read = |file: &Path| read_result(file).map_err(|error| error.to_string());
        let (fit, held) = (read(&fit)?, read(&held)?);
        let hashes = if self.hashed { read(&rows)? } else { Vec::new() };
        if receipt.hash != hash_of_states(&fit, &held, &hashes) {
            return Err("its states are not those of its receipt".to_owned());
        }
        let state = |bytes: &[u8]| Moments::from_bytes(bytes).map_err(|error| error.to_string());
        let (fit, held) = (state(&fit)?, state(&held)?);
        let usable = [&fit, &held]
            .iter()
            .all(|m| m.dim() == self.map.dim() && m.unit() == self.empty().unit());
        if !usable || fit.rows() + held.rows() != receipt.rows {
            return Err("its states count other rows than its receipt".to_owned());
        }
        Ok(ShardCount {
            fit,
            held,
            dropped: receipt.dropped,
            hashes: hashes
                .chunks_exact(8)
                .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
                .collect(),
        })
    }
}

fn hash_of_states(fit: &[u8], held: &[u8], rows: &[u8]) -> String {
    let states = format!("{:032x}{:032x}", hash_bytes(fit), hash_bytes(held));
    if rows.is_empty() {
        states
    } else {
        format!("{states}{:032x}", hash_bytes(rows))
    }
}

impl Work for Pass<'_> {
    type Open = usize;
    type Item = ([Moments; 2], Vec<u64>, Vec<u64>);

    fn open(&self, index: usize) -> Result<Option<usize>, TaskError> {
        let Ok(restored) = self.restore(index) else {
            return Ok(Some(index));
        };
        *self.shards[index].lock().expect("no worker panicked") = restored;
        Ok(None)
    }

    fn block(&self, &index: &usize, block: &Block<'_>, worker: &mut Worker) -> Result<Self::Item, TaskError> {
        let mut bad = Vec::new();
        let start = self.starts[index] + block.first;
        self.map.prepare(block.rows, start, &mut worker.scratch, &mut bad);
        if let Some(first_bad) = bad.first()
            && self.source.options.on_bad_row == OnBadRow::Error
        {
            return Err(bad_row(&self.source.parts[index], block, first_bad));
        }
        let dropped = bad.iter().map(|bad| block.first + bad.row as u64).collect();
        let moments = self
            .selection
            .moments_of(self.source, start, block.rows, self.map, &worker.scratch);
        let hashes = if self.hashed {
            hashes_of(block.rows, self.map.dim(), |row| worker.scratch.counted(row))
        } else {
            Vec::new()
        };
        Ok((moments, dropped, hashes))
    }

    fn fold(&self, &index: &usize, ([fit, held], dropped, hashes): Self::Item) -> Result<(), TaskError> {
        let mut shard = self.shards[index].lock().expect("no worker panicked");
        shard.hashes.extend(hashes);
        shard.fit.merge(&fit);
        shard.held.merge(&held);
        shard.dropped.extend(dropped);
        Ok(())
    }

    fn close(&self, index: usize, _: usize) -> Result<(), TaskError> {
        let Some((work, input)) = self.work.zip(Input::of(&self.source.parts[index])) else {
            return Ok(());
        };
        let [receipt_file, fit_file, held_file, rows_file] = self.files(&work.path, index);
        let shard = self.shards[index].lock().expect("no worker panicked");
        let hashes: Vec<u8> = shard.hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        if self.hashed {
            write_state(&rows_file, &hashes)?;
        }
        let (fit, held) = (shard.fit.to_bytes(), shard.held.to_bytes());
        write_state(&fit_file, &fit)?;
        write_state(&held_file, &held)?;
        let receipt = Receipt {
            version: 1,
            task: "moments".to_owned(),
            params: self.params.clone(),
            input,
            rows: shard.fit.rows() + shard.held.rows(),
            dropped: shard.dropped.clone(),
            output: fit_file,
            bytes: fit.len() as u64,
            hash: hash_of_states(&fit, &held, &hashes),
        };
        receipt.write(&receipt_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::canonical_json;

    /// What receipts of earlier versions were hashed of.
    #[test]
    fn parameters_are_written_as_in_earlier_receipts() {
        let params = Params {
            task: "moments",
            split: Split {
                holdout: 0.25,
                seed: 3,
            },
            subset: Sample::ALL,
            exclude: &[1, 5],
            on_bad_row: OnBadRow::Drop,
            groups: None,
        };
        let written = canonical_json(&params);
        let subset = canonical_json(&Sample::ALL);
        assert_eq!(
            written,
            format!(
                r#"{{"exclude":[1,5],"onBadRow":"drop","split":{{"holdout":0.25,"seed":3}},"subset":{subset},"task":"moments"}}"#
            )
        );
        let grouped = Params {
            groups: Some("0a".to_owned()),
            ..params
        };
        assert!(canonical_json(&grouped).contains(r#""groups":"0a""#));
    }
}
