//! Covariances as a pass: one state a shard, merged in the order of the shards.
//!
//! Every shard is counted from nothing, block by block, so a sum has the same bits whether its shards were counted here or elsewhere.

mod firsts;
mod into_halves;

use std::ops::Range;

use modality_gap_geometry::{Covariance, Map, StorageNoise, StoredRows};
use modality_gap_kernels::dot;
use rayon::prelude::*;
use serde::Serialize;

use self::firsts::Firsts;
pub(crate) use self::into_halves::{IntoHalves, Sorted};
use crate::control::Stage;
use crate::mapper::{Blocks, MappedBlock};
use crate::pass::{Asks, CovarianceRows, Manifest, Opened, PassKind, Plan};
use crate::receipt::{Receipt, WorkFolder, groups_hash, hash_bytes, params_hash};
use crate::split::{quarter, quarter_by};
use crate::states::{OfShard, States};
use crate::{Control, OnBadRow, RowSet, Sample, Selection, Split, TaskError};

/// Endings of the files of a state: of quarters, of the first rows of groups, of what rows are stored with.
const QUARTERED: [&str; 6] = [
    "quarter0.safetensors",
    "quarter1.safetensors",
    "quarter2.safetensors",
    "quarter3.safetensors",
    "first.safetensors",
    "stored.safetensors",
];
/// The same where rows are in no groups.
const UNGROUPED: [&str; 5] = [
    QUARTERED[0],
    QUARTERED[1],
    QUARTERED[2],
    QUARTERED[3],
    QUARTERED[5],
];
/// Of all rows together.
const TOGETHER: [&str; 1] = ["covariance.safetensors"];

/// What is counted of the rows of a source.
pub(crate) struct Pass<'a> {
    source: &'a RowSet,
    map: &'a Map,
    center: &'a [f64],
    /// The rows left out are all those that cannot be used, too, where the first rows of groups are asked for.
    selection: Selection<'a>,
    rows: CovarianceRows,
    /// Quarters of rows by their index, where something else than the rows decides them.
    quarters: Option<&'a [u8]>,
    params: String,
}

/// What a pass has counted: a covariance by quarter and of the first rows of groups, or one of all rows.
pub(crate) struct Total {
    pub covariances: Vec<Covariance>,
    pub storage: StorageNoise,
}

/// What was counted of a shard.
struct State {
    covariances: Vec<Covariance>,
    stored: Option<StoredRows>,
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
    groups: Option<String>,
    rows: CovarianceRows,
    center: String,
}

impl<'a> Pass<'a> {
    pub fn new(
        source: &'a RowSet,
        map: &'a Map,
        center: &'a [f64],
        selection: Selection<'a>,
        rows: CovarianceRows,
    ) -> Self {
        let bytes: Vec<u8> = center.iter().flat_map(|v| v.to_le_bytes()).collect();
        let params = Params {
            task: "covariance",
            split: selection.split,
            subset: selection.subset,
            exclude: selection.exclude,
            on_bad_row: source.options.on_bad_row,
            groups: groups_hash(source),
            rows,
            center: format!("{:032x}", hash_bytes(&bytes)),
        };
        Self {
            source,
            map,
            center,
            selection,
            rows,
            quarters: None,
            params: params_hash(&params, &map.to_bytes()),
        }
    }

    /// With the quarter of each row by its index; such a pass is counted here.
    pub fn in_quarters(self, quarters: Option<&'a [u8]>) -> Self {
        Self { quarters, ..self }
    }

    /// Counts all shards, or takes up what was counted of them elsewhere.
    pub fn run(&self, work: Option<&WorkFolder>, control: &Control, stage: &str) -> Result<Total, TaskError> {
        let elsewhere = control.is_distributed() && self.source.in_files() && self.quarters.is_none();
        let mut total = Totals::default();
        if let Some(work) = work.filter(|_| elsewhere) {
            self.take_up(work, &mut total, control, stage)?;
        } else {
            let stage = control.stage(stage, self.source.rows());
            let mut counting = Counting::of(self);
            for shard in 0..self.source.parts.len() {
                total.add(counting.shard(shard, control, &stage)?, control);
            }
        }
        Ok(total.finish(self))
    }

    /// Merges the states of shards that were counted elsewhere, one file at a time.
    fn take_up(
        &self,
        work: &WorkFolder,
        total: &mut Totals,
        control: &Control,
        stage: &str,
    ) -> Result<(), TaskError> {
        let states = self.states(work);
        states.tidy()?;
        let plan = Plan {
            kind: PassKind::Covariance,
            stage,
            params: &self.params,
            source: self.source,
            map: self.map,
            selection: self.selection,
            folder: &work.path,
            asks: Asks {
                covariance: Some((self.rows, self.center)),
                ..Asks::default()
            },
        };
        let receipts = plan.take_up(control, |shard| states.earlier(shard))?;
        let mut merged = Vec::with_capacity(receipts.len());
        for (shard, receipt) in receipts.iter().enumerate() {
            control.cancel.check()?;
            merged.push(self.read(&states, shard, receipt, |part| total.merge(part, control)));
        }
        plan.settle(merged)?;
        Ok(())
    }

    fn states<'s>(&'s self, work: &'s WorkFolder) -> States<'s> {
        States {
            task: "covariance",
            params: &self.params,
            work,
            source: self.source,
        }
    }

    fn endings(&self) -> &'static [&'static str] {
        match self.rows.quarters {
            None => &TOGETHER,
            Some(quarters) if quarters.grouped => &QUARTERED,
            Some(_) => &UNGROUPED,
        }
    }

    /// Gives `body` the parts of the state of a shard; they count the rows of its receipt.
    fn read(
        &self,
        states: &States<'_>,
        shard: usize,
        receipt: &Receipt,
        mut body: impl FnMut(StatePart),
    ) -> Result<(), String> {
        let endings = self.endings();
        let (counted, mut rows) = (self.counted(), 0);
        states.read(shard, receipt, endings, |state, bytes| {
            let failed = |error: modality_gap_geometry::ContainerError| error.to_string();
            if endings[state] == QUARTERED[5] {
                let read = StoredRows::from_bytes(&bytes, &self.nothing_stored(shard)).map_err(failed)?;
                body(StatePart::Stored(read));
                return Ok(());
            }
            let read = Covariance::from_bytes(&bytes, self.center, self.rows.precision());
            let covariance = read.map_err(failed)?;
            if state < counted {
                rows += covariance.rows();
            }
            body(StatePart::Covariance(state, covariance));
            Ok(())
        })?;
        if rows == receipt.rows {
            Ok(())
        } else {
            Err("its states count other rows than its receipt".to_owned())
        }
    }

    /// How many of the covariances count every row once together.
    fn counted(&self) -> usize {
        if self.rows.quarters.is_some() { 4 } else { 1 }
    }

    fn nothing_stored(&self, shard: usize) -> StoredRows {
        StoredRows::new(self.source.parts[shard].dtype(), self.source.dim)
    }

    /// Whether a row, usable or not, is one to count.
    fn takes(&self, row: u64) -> bool {
        let key = self.source.key(row);
        self.selection.subset.takes(key)
            && self.selection.split.held(key) == self.rows.held
            && !self.selection.excludes(row)
    }

    fn quarter(&self, index: u64, row: &[f64]) -> usize {
        match (self.rows.quarters, self.quarters) {
            (Some(quarters), _) if quarters.grouped => quarter(self.source.key(index)),
            (_, Some(quarters)) => quarters.get(index as usize).map_or(0, |&of| usize::from(of)),
            _ => quarter_by(dot(row, self.center)),
        }
    }
}

/// Counts one shard of a manifest, unless that has been done, and gives its receipt.
pub(crate) fn one_shard(
    manifest: &Manifest,
    map: &Map,
    opened: &Opened,
    control: &Control,
) -> Result<Receipt, TaskError> {
    let (work, center) = (manifest.work(), manifest.center()?);
    let pass = of_manifest(manifest, map, &center, opened)?;
    manifest.check_params(&pass.params)?;
    let states = pass.states(&work);
    if let Ok(receipt) = checked(&pass, &states) {
        return Ok(receipt);
    }
    let stage = control.stage(&manifest.stage, opened.source.rows());
    let state = Counting::of(&pass).shard(0, control, &stage)?;
    let counted = state.covariances[..pass.counted()].iter();
    let of = OfShard {
        rows: counted.map(Covariance::rows).sum(),
        dropped: Vec::new(),
    };
    let State { covariances, stored } = state;
    // one after another, so that the bytes of one are held at a time
    let files = covariances.into_iter().map(|covariance| covariance.to_bytes());
    let files = files.chain(stored.into_iter().map(|stored| stored.to_bytes()));
    states.write(0, of, pass.endings().iter().copied().zip(files))?;
    manifest.receipt(opened, states.receipt(0))
}

/// The receipt of a shard of a manifest, with its states checked.
pub(crate) fn receipt_of(manifest: &Manifest, map: &Map, opened: &Opened) -> Result<Receipt, String> {
    let text = |error: TaskError| error.to_string();
    let (work, center) = (manifest.work(), manifest.center().map_err(text)?);
    let pass = of_manifest(manifest, map, &center, opened).map_err(text)?;
    checked(&pass, &pass.states(&work))
}

fn of_manifest<'a>(
    manifest: &'a Manifest,
    map: &'a Map,
    center: &'a [f64],
    opened: &'a Opened,
) -> Result<Pass<'a>, TaskError> {
    let rows = manifest.covariance.ok_or_else(|| {
        TaskError::BadOption("a manifest of covariances does not say which rows are counted".to_owned())
    })?;
    Ok(Pass::new(&opened.source, map, center, manifest.selection(), rows))
}

fn checked(pass: &Pass<'_>, states: &States<'_>) -> Result<Receipt, String> {
    let receipt = states.receipt(0)?;
    pass.read(states, 0, &receipt, |_| ())?;
    Ok(receipt)
}

/// A part of the state of a shard: a covariance by its place among them, or what rows are stored with.
enum StatePart {
    Covariance(usize, Covariance),
    Stored(StoredRows),
}

/// Merged states of the shards so far.
#[derive(Default)]
struct Totals {
    covariances: Vec<Covariance>,
    storage: Option<StorageNoise>,
}

impl Totals {
    fn add(&mut self, State { covariances, stored }: State, control: &Control) {
        for (place, covariance) in covariances.into_iter().enumerate() {
            self.merge(StatePart::Covariance(place, covariance), control);
        }
        if let Some(stored) = stored {
            self.merge(StatePart::Stored(stored), control);
        }
    }

    fn merge(&mut self, part: StatePart, control: &Control) {
        match part {
            StatePart::Covariance(place, covariance) => match self.covariances.get_mut(place) {
                Some(total) => control.pool().install(|| total.merge(&covariance)),
                None => self.covariances.push(covariance),
            },
            StatePart::Stored(stored) => {
                let storage = self
                    .storage
                    .get_or_insert_with(|| StorageNoise::new(stored.dim()));
                storage.add(&stored);
            }
        }
    }

    fn finish(mut self, pass: &Pass<'_>) -> Total {
        // a source may have no shard
        let states = pass.endings().len() - usize::from(pass.rows.quarters.is_some());
        self.covariances.resize_with(states, || {
            Covariance::about_in(pass.center, pass.rows.precision())
        });
        Total {
            covariances: self.covariances,
            storage: self.storage.unwrap_or_else(|| StorageNoise::new(pass.source.dim)),
        }
    }
}

/// Shards of a pass, counted one after another.
struct Counting<'p, 'a> {
    pass: &'p Pass<'a>,
    starts: Vec<u64>,
    blocks: Blocks<'a, 1>,
    firsts: Option<Firsts>,
}

impl<'p, 'a> Counting<'p, 'a> {
    fn of(pass: &'p Pass<'a>) -> Self {
        let grouped = pass.rows.quarters.is_some_and(|quarters| quarters.grouped);
        Self {
            pass,
            starts: pass.source.starts(),
            blocks: Blocks::of([pass.source], [pass.map]),
            firsts: grouped.then(|| Firsts::of(pass.source)),
        }
    }

    fn shard(&mut self, shard: usize, control: &Control, stage: &Stage<'_>) -> Result<State, TaskError> {
        let start = self.starts[shard];
        let range = start..start + self.pass.source.parts[shard].rows();
        if self.pass.rows.quarters.is_some() {
            self.in_quarters(shard, range, control, stage)
        } else {
            self.together(range, control, stage)
        }
    }

    fn together(
        &mut self,
        range: Range<u64>,
        control: &Control,
        stage: &Stage<'_>,
    ) -> Result<State, TaskError> {
        let pass = self.pass;
        let mut covariance = Covariance::about_in(pass.center, pass.rows.precision());
        let take = |_, row| pass.takes(row);
        self.blocks.each(range, take, control, stage, |[blocks]| {
            let each = blocks.iter().flat_map(|block| block.each().map(|(_, row)| row));
            let rows: Vec<&[f64]> = each.collect();
            control.pool().install(|| covariance.accumulate_each(&rows));
        })?;
        Ok(State {
            covariances: vec![covariance],
            stored: None,
        })
    }

    fn in_quarters(
        &mut self,
        shard: usize,
        range: Range<u64>,
        control: &Control,
        stage: &Stage<'_>,
    ) -> Result<State, TaskError> {
        let pass = self.pass;
        let firsts = self.firsts.as_mut();
        let firsts = firsts.map(|firsts| firsts.within(range.clone(), |row| pass.takes(row)));
        let is_first = |row: u64| {
            firsts
                .as_ref()
                .is_some_and(|firsts| firsts.binary_search(&row).is_ok())
        };
        let one_of_each = pass.rows.quarters.is_some_and(|quarters| quarters.one_of_each);
        let take = |_, row| pass.takes(row) && (!one_of_each || firsts.is_none() || is_first(row));
        let mut halves = IntoHalves::about(pass.center, firsts.is_some(), pass.rows.precision());
        let mut stored = pass.nothing_stored(shard);
        self.blocks.each(range, take, control, stage, |[blocks]| {
            let quarters_of = |block: &MappedBlock<'_>| -> Vec<usize> {
                block
                    .each()
                    .map(|(index, row)| pass.quarter(index, row))
                    .collect()
            };
            let of_block = |block: &MappedBlock<'_>| {
                let mut of_block = pass.nothing_stored(shard);
                add_stored(&mut of_block, block, pass.map.gives_unit_rows());
                (quarters_of(block), of_block)
            };
            let found: Vec<(Vec<usize>, StoredRows)> = control
                .pool()
                .install(|| blocks.par_iter().map(of_block).collect());
            let all = blocks.iter().zip(&found);
            let rows = all.flat_map(|(block, (quarters, _))| {
                block.each().zip(quarters).map(|((index, row), &quarter)| Sorted {
                    quarter,
                    first: is_first(index),
                    row,
                })
            });
            halves.count(rows, control);
            for (_, of_block) in &found {
                stored.merge(of_block);
            }
        })?;
        let IntoHalves { quarters, first } = halves;
        Ok(State {
            covariances: quarters.into_iter().chain(first).collect(),
            stored: Some(stored),
        })
    }
}

/// Counts what the rows of a block of one shard are stored with; where `unit`, they are scaled to length one afterwards.
fn add_stored(stored: &mut StoredRows, block: &MappedBlock<'_>, unit: bool) {
    let mut row = vec![0.0; stored.dim()];
    for &i in &block.mapper.kept {
        block.stored.row(i, &mut row);
        stored.add(&row, unit);
    }
}

#[cfg(test)]
mod tests;
