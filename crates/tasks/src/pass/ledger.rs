//! The ledger of a pass: every shard has one receipt that holds, and nothing else is counted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use modality_gap_shards::without_secrets;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::manifest::{Manifest, Plan, sum_of_shard};
use super::pending::{PendingPass, Refused};
use crate::{Control, TaskError};

/// What a task says of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct PassedShard {
    /// Index of the shard.
    pub shard: usize,
    /// The file read.
    pub file: PathBuf,
    /// Rows counted or written.
    pub rows: u64,
    /// Bad rows and others left out.
    pub dropped: u64,
    /// Hash of the result, as the receipt has it.
    pub hash: String,
}

/// The state of a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct CollectReport {
    /// What the pass is for.
    pub stage: String,
    /// Hash of the parameters of the pass.
    pub params: String,
    /// Shards of the pass.
    pub shards: usize,
    /// Shards, of those asked about, that have a receipt that holds.
    pub done: usize,
    /// Rows of the pass.
    pub rows: u64,
    /// Whether every shard asked about is done, once.
    pub whole: bool,
    /// What is not, or was refused.
    pub refused: Vec<Refused>,
}

impl Plan<'_> {
    /// Takes up what tasks have left of each shard, as `restore` reads it.
    ///
    /// # Errors
    /// Pending, with a manifest, where `restore` says of some shards why there is nothing that can be used.
    pub(crate) fn take_up<T: Send>(
        &self,
        control: &Control,
        restore: impl Fn(usize) -> Result<T, String> + Send + Sync,
    ) -> Result<Vec<T>, TaskError> {
        control.cancel.check()?;
        let shards = 0..self.source.parts.len();
        let found: Vec<_> = control
            .pool()
            .install(|| shards.into_par_iter().map(restore).collect());
        let whole = self.settle(found)?;
        let rows = self.source.rows();
        control.stage(self.stage, rows).add(rows);
        Ok(whole)
    }

    /// What was found of every shard; pending where something was refused.
    pub(crate) fn settle<T>(&self, found: Vec<Result<T, String>>) -> Result<Vec<T>, TaskError> {
        let parts = &self.source.parts;
        let (mut whole, mut refused) = (Vec::with_capacity(found.len()), Vec::new());
        for (shard, result) in found.into_iter().enumerate() {
            match result {
                Ok(result) => whole.push(result),
                Err(reason) => refused.push(Refused {
                    shard,
                    file: parts[shard].file().map(PathBuf::from).unwrap_or_default(),
                    reason,
                }),
            }
        }
        if refused.is_empty() {
            return Ok(whole);
        }
        let (manifest, described) = self.write()?;
        Err(TaskError::Pending(Box::new(PendingPass {
            stage: self.stage.to_owned(),
            manifest,
            params: self.params.to_owned(),
            shards: described.shards.len(),
            rows: described.rows,
            missing: refused.iter().map(|refused| parts[refused.shard].rows()).sum(),
            refused,
        })))
    }
}

/// Compares what tasks have reported with the manifest and with the receipts that were found, by index of the shard.
pub(crate) fn checked(
    manifest: &Manifest,
    found: Vec<(usize, Result<PassedShard, String>)>,
    reported: Option<&[PassedShard]>,
) -> CollectReport {
    let name = |shard: usize| {
        manifest
            .shards
            .get(shard)
            .map(|shard| without_secrets(&shard.input.path))
    };
    let mut refused = Vec::new();
    let mut refuse = |shard: usize, file: Option<PathBuf>, reason: String| {
        let file = file.or_else(|| name(shard)).unwrap_or_default();
        refused.push(Refused { shard, file, reason });
    };
    let asked = found.len();
    let mut done = BTreeMap::new();
    let mut sum = 0_u128;
    for (shard, result) in found {
        match result {
            Ok(passed) => {
                sum = sum.wrapping_add(sum_of_shard(shard, &manifest.shards[shard].input));
                done.insert(shard, passed);
            }
            Err(reason) => refuse(shard, None, reason),
        }
    }
    let mut times: BTreeMap<usize, u64> = BTreeMap::new();
    for passed in reported.into_iter().flatten() {
        let shard = passed.shard;
        *times.entry(shard).or_default() += 1;
        match (name(shard), done.get(&shard)) {
            (Some(file), _) if file != passed.file => {
                let reason = format!("the result is of another file than shard {shard} of the manifest");
                refuse(shard, Some(passed.file.clone()), reason);
            }
            (None, _) => {
                let reason = format!("the manifest has no shard {shard}");
                refuse(shard, Some(passed.file.clone()), reason);
            }
            (Some(_), Some(receipt)) if receipt != passed => {
                refuse(shard, None, "the result is not that of its receipt".to_owned());
            }
            _ => {}
        }
    }
    for (&shard, &count) in times.iter().filter(|(_, count)| **count > 1) {
        refuse(shard, None, format!("its result was given {count} times"));
    }
    if reported.is_some() {
        for &shard in done.keys().filter(|shard| !times.contains_key(shard)) {
            refuse(shard, None, "no result was given of it".to_owned());
        }
    }
    let all = asked < manifest.shards.len() || format!("{sum:032x}") == manifest.sum;
    let whole = refused.is_empty() && all;
    CollectReport {
        stage: manifest.stage.clone(),
        params: manifest.params.clone(),
        shards: manifest.shards.len(),
        done: done.len(),
        rows: manifest.rows,
        whole,
        refused,
    }
}
