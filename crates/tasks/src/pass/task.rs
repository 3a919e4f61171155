//! Tasks of a pass: some shards of a manifest, worked on one after another by whoever was given them.

use std::path::Path;

use modality_gap_shards::storage;
use rayon::prelude::*;

use super::ledger::{CollectReport, PassedShard, checked};
use super::manifest::{Manifest, PassKind};
use crate::receipt::write_state;
use crate::{Control, Failure, TaskError, covariance, inspect, moments, transform};

/// What a task of a pass has done.
pub(crate) struct Passed {
    pub params: String,
    pub shards: Vec<PassedShard>,
    /// Whether another task has failed for good, so that this one ended early.
    pub stopped: bool,
}

/// Works on `shards` of the manifest; those that have a receipt that holds are left as they are. Where `stop` stands, nothing is done;
/// it is written when a shard fails in a way that another attempt would not mend.
pub(crate) fn run_pass(
    file: &Path,
    shards: &[usize],
    stop: Option<&Path>,
    control: &Control,
) -> Result<Passed, TaskError> {
    let manifest = Manifest::read(file)?;
    let mut passed = Passed {
        params: manifest.params.clone(),
        shards: Vec::with_capacity(shards.len()),
        stopped: false,
    };
    let worker = Worker::of(&manifest)?;
    for &shard in shards {
        if stop.is_some_and(storage::is_file) {
            passed.stopped = true;
            break;
        }
        match worker.work_on(shard, control) {
            Ok(done) => passed.shards.push(done),
            Err(error) => {
                if let Some(stop) = stop.filter(|_| !error.is_transient()) {
                    write_state(
                        stop,
                        &serde_json::to_vec(&Failure::of(&error)).expect("plain data"),
                    )?;
                }
                return Err(error);
            }
        }
    }
    Ok(passed)
}

/// Looks at the receipts of shards of a manifest, all unless some are named, and at what tasks have said of them.
pub(crate) fn collect(
    file: &Path,
    shards: Option<&[usize]>,
    reported: Option<&[PassedShard]>,
    control: &Control,
) -> Result<CollectReport, TaskError> {
    let manifest = Manifest::read(file)?;
    let worker = Worker::of(&manifest)?;
    let all: Vec<usize> = (0..manifest.shards.len()).collect();
    let looked = control.pool().install(|| {
        let look = |&shard: &usize| {
            control.cancel.check()?;
            Ok((shard, worker.look_at(shard, control)))
        };
        shards
            .unwrap_or(&all)
            .par_iter()
            .map(look)
            .collect::<Result<Vec<_>, TaskError>>()
    });
    Ok(checked(&manifest, looked?, reported))
}

struct Worker<'a> {
    manifest: &'a Manifest,
    map: modality_gap_geometry::Map,
    keys: Option<std::sync::Arc<Vec<u32>>>,
}

impl<'a> Worker<'a> {
    fn of(manifest: &'a Manifest) -> Result<Self, TaskError> {
        Ok(Self {
            manifest,
            map: manifest.map()?,
            keys: manifest.groups()?,
        })
    }

    fn work_on(&self, shard: usize, control: &Control) -> Result<PassedShard, TaskError> {
        let opened = self.manifest.open(shard, self.keys.as_ref())?;
        let receipt = match self.manifest.kind {
            PassKind::Moments => moments::one_shard(self.manifest, &self.map, &opened, control)?,
            PassKind::Inspect => inspect::one_shard(self.manifest, &self.map, &opened, control)?,
            PassKind::Covariance => covariance::one_shard(self.manifest, &self.map, &opened, control)?,
            PassKind::Transform => transform::one_shard(self.manifest, &self.map, &opened, control)?,
        };
        Ok(PassedShard::of(shard, &receipt))
    }

    fn look_at(&self, shard: usize, control: &Control) -> Result<PassedShard, String> {
        let opened = self.manifest.open(shard, self.keys.as_ref());
        let opened = opened.map_err(|error| error.to_string())?;
        let receipt = match self.manifest.kind {
            PassKind::Moments => moments::receipt_of(self.manifest, &self.map, &opened),
            PassKind::Inspect => inspect::receipt_of(self.manifest, &self.map, &opened),
            PassKind::Covariance => covariance::receipt_of(self.manifest, &self.map, &opened),
            PassKind::Transform => transform::receipt_of(self.manifest, &self.map, &opened, control),
        };
        receipt.map(|receipt| PassedShard::of(shard, &receipt))
    }
}

impl PassedShard {
    fn of(shard: usize, receipt: &crate::Receipt) -> Self {
        Self {
            shard,
            file: receipt.input.path.clone(),
            rows: receipt.rows,
            dropped: receipt.dropped.len() as u64,
            hash: receipt.hash.clone(),
        }
    }
}
