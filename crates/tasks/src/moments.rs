//! One pass over a source: its moments under a map, shard by shard.

use std::path::Path;
use std::sync::Mutex;

use modality_gap_geometry::{BadRow, Map, Moments};
use modality_gap_shards::Fault;
use serde::Serialize;

use crate::error::RowReason;
use crate::pass::{Asks, Manifest, Opened, PassKind, Plan};
use crate::receipt::{Receipt, WorkFolder, groups_hash, params_hash};
use crate::row_hash::hashes_of;
use crate::scan::{Block, Work, Worker, scan};
use crate::states::{OfShard, States};
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
    let work = manifest.work();
    let pass = Pass::of_manifest(manifest, map, opened, &work);
    manifest.check_params(&pass.params)?;
    scan(&opened.source, &pass, control, &manifest.stage)?;
    manifest.receipt(
        opened,
        pass.states().map_or_else(no_folder, |states| states.receipt(0)),
    )
}

/// The receipt of a shard of a manifest, with its states checked.
pub(crate) fn receipt_of(manifest: &Manifest, map: &Map, opened: &Opened) -> Result<Receipt, String> {
    let work = manifest.work();
    let pass = Pass::of_manifest(manifest, map, opened, &work);
    pass.restore(0).map(|(receipt, _)| receipt)
}

fn no_folder<T>() -> Result<T, String> {
    Err("no folder keeps receipts".to_owned())
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
        let params = Params {
            task: "moments",
            split: selection.split,
            subset: selection.subset,
            exclude: selection.exclude,
            on_bad_row: source.options.on_bad_row,
            groups: groups_hash(source),
        };
        let params = params_hash(&params, &map.to_bytes());
        let mut pass = Self {
            source,
            map,
            selection,
            work,
            hashed: false,
            params,
            starts,
            shards: Vec::new(),
        };
        let nothing = |_: &Part| Mutex::new(pass.nothing());
        pass.shards = source.parts.iter().map(nothing).collect();
        pass
    }

    fn of_manifest(manifest: &'a Manifest, map: &'a Map, opened: &'a Opened, work: &'a WorkFolder) -> Self {
        Self {
            hashed: manifest.hashed,
            ..Self::new(&opened.source, map, manifest.selection(), Some(work))
        }
    }

    fn run(mut self, control: &Control, stage: &str) -> Result<Counted, TaskError> {
        if let Some(states) = self.states() {
            states.tidy()?;
        }
        match self
            .work
            .filter(|_| control.is_distributed() && self.source.in_files())
        {
            Some(work) => {
                let plan = Plan {
                    kind: PassKind::Moments,
                    stage,
                    params: &self.params,
                    source: self.source,
                    map: self.map,
                    selection: self.selection,
                    folder: &work.path,
                    asks: Asks {
                        hashed: self.hashed,
                        ..Asks::default()
                    },
                };
                let shards = plan.take_up(control, |index| Ok(self.restore(index)?.1))?;
                self.shards = shards.into_iter().map(Mutex::new).collect();
            }
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

    fn empty(&self) -> Moments {
        Moments::new(self.map.dim(), self.map.gives_unit_rows())
    }

    fn nothing(&self) -> ShardCount {
        ShardCount {
            fit: self.empty(),
            held: self.empty(),
            dropped: Vec::new(),
            hashes: Vec::new(),
        }
    }

    fn states(&self) -> Option<States<'_>> {
        self.work.map(|work| States {
            task: "moments",
            params: &self.params,
            work,
            source: self.source,
        })
    }

    /// States of the fit's rows and of the rows held out, and hashes of all rows.
    fn endings(&self) -> &'static [&'static str] {
        let all = &["fit.safetensors", "held.safetensors", "rows"];
        if self.hashed { all } else { &all[..2] }
    }

    /// What was counted before.
    ///
    /// # Errors
    /// Why that cannot be used.
    fn restore(&self, index: usize) -> Result<(Receipt, ShardCount), String> {
        let Some(states) = self.states() else {
            return no_folder();
        };
        let receipt = states.earlier(index)?;
        let mut shard = self.nothing();
        states.read(index, &receipt, self.endings(), |state, bytes| {
            let moments = || Moments::from_bytes(&bytes).map_err(|error| error.to_string());
            match state {
                0 => shard.fit = moments()?,
                1 => shard.held = moments()?,
                _ => {
                    let hashes = bytes.chunks_exact(8);
                    let hashes =
                        hashes.map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
                    shard.hashes = hashes.collect();
                }
            }
            Ok(())
        })?;
        let usable = [&shard.fit, &shard.held]
            .iter()
            .all(|m| m.dim() == self.map.dim() && m.unit() == self.empty().unit());
        if !usable || shard.fit.rows() + shard.held.rows() != receipt.rows {
            return Err("its states count other rows than its receipt".to_owned());
        }
        shard.dropped.clone_from(&receipt.dropped);
        Ok((receipt, shard))
    }
}

impl Work for Pass<'_> {
    type Open = usize;
    type Item = ([Moments; 2], Vec<u64>, Vec<u64>);

    fn open(&self, index: usize) -> Result<Option<usize>, TaskError> {
        let Ok((_, restored)) = self.restore(index) else {
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
        let Some(states) = self.states() else {
            return Ok(());
        };
        let shard = self.shards[index].lock().expect("no worker panicked");
        let of = OfShard {
            rows: shard.fit.rows() + shard.held.rows(),
            dropped: shard.dropped.clone(),
        };
        let hashes = || shard.hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let bytes = self.endings().iter().enumerate().map(|(state, &ending)| {
            let bytes = match state {
                0 => shard.fit.to_bytes(),
                1 => shard.held.to_bytes(),
                _ => hashes(),
            };
            (ending, bytes)
        });
        states.write(index, of, bytes)
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
