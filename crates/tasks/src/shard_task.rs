//! One shard task from a description: what any scheduler runs.

use std::path::{Path, PathBuf};

use modality_gap_geometry::{Aligner, Frame, Map, Moments, Policy};
use modality_gap_shards::{Claim, Layout, Pool, Reading, Role, ShardRef, storage};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bad_rows::{Searched, with_all_bad_rows};
use crate::moments::count;
use crate::outputs::{
    OutputOptions, claim_of, dtype_named, format_named, if_any, not_carried, run_folder, targets, work_folder,
};
use crate::receipt::{hash_bytes, read_result, write_result};
use crate::transform::{MapJob, write_mapped};
use crate::{Control, OnBadRow, Part, ReadOptions, RowSet, Selection, Split, TaskError};

/// Version of the description.
const VERSION: u32 = 1;

/// A shard of a task.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskShard {
    /// File.
    pub path: PathBuf,
    /// Part of it.
    #[serde(default)]
    pub selector: Option<String>,
    /// How the states of a row become one, where it has several.
    #[serde(default)]
    pub pool: Option<Pool>,
}

/// A pure function of one shard and small parameters.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "task", rename_all = "lowercase", deny_unknown_fields)]
pub enum TaskSpec {
    /// Moments of one shard, possibly through an aligner.
    #[serde(rename_all = "camelCase")]
    Moments {
        /// Version of this description.
        version: u32,
        /// The shard.
        shard: TaskShard,
        /// Aligner whose map the rows go through first.
        #[serde(default)]
        through: Option<PathBuf>,
        /// Whether rows are scaled to unit length; yes by default.
        #[serde(default)]
        normalize: Option<bool>,
        /// What to do with bad rows.
        #[serde(default)]
        on_bad_row: OnBadRow,
        /// File of the state.
        out: PathBuf,
    },
    /// One shard transformed by an aligner.
    #[serde(rename_all = "camelCase")]
    Transform {
        /// Version of this description.
        version: u32,
        /// The shard.
        shard: TaskShard,
        /// Aligner file.
        aligner: PathBuf,
        /// What to do with bad rows.
        #[serde(default)]
        on_bad_row: OnBadRow,
        /// Storage type of the output.
        #[serde(default)]
        dtype: Option<String>,
        /// Container format of the output.
        #[serde(default)]
        format: Option<String>,
        /// Folder of the output.
        out: PathBuf,
    },
    /// States merged in the order given.
    #[serde(rename_all = "camelCase")]
    Merge {
        /// Version of this description.
        version: u32,
        /// Files of the states, in shard order.
        states: Vec<PathBuf>,
        /// File of the merged state.
        out: PathBuf,
    },
}

/// Runs the task; the value is its receipt.
pub fn run_task(spec: &TaskSpec, control: &Control) -> Result<Value, TaskError> {
    let (TaskSpec::Moments { version, .. }
    | TaskSpec::Transform { version, .. }
    | TaskSpec::Merge { version, .. }) = spec;
    if *version != VERSION {
        return Err(TaskError::BadOption(format!(
            "task version {version} is not {VERSION}, the one this package runs"
        )));
    }
    match spec {
        TaskSpec::Moments {
            shard,
            through,
            normalize,
            on_bad_row,
            out,
            ..
        } => {
            let source = one_shard(shard, *on_bad_row, *normalize)?;
            claim_state(&claim_of(&[&source]), out)?;
            let map = match through {
                Some(path) => load_aligner(path)?.map().clone(),
                None => Map::identity(source.dim, source.policy()),
            };
            source.check_dim(map.dim(), "the aligner's rows")?;
            let counted = count(&source, &map, Split::default().into(), control, "moments", None)
                .map_err(|error| with_all_bad_rows(error, &Searched::strict([&source]), control))?;
            state_written(out, &counted.fit, counted.dropped_rows(), shard)
        }
        TaskSpec::Merge { states, out, .. } => {
            let mut merged: Option<Moments> = None;
            for path in states {
                let state = Moments::from_bytes(&read_result(path)?)
                    .map_err(|error| TaskError::state(path, &error))?;
                match &mut merged {
                    None => merged = Some(state),
                    Some(merged) if merged.dim() == state.dim() && merged.unit() == state.unit() => {
                        merged.merge(&state);
                    }
                    Some(_) => {
                        let reason =
                            "counts rows of another width or reading than the states before it".to_owned();
                        return Err(TaskError::BadReceipt {
                            file: path.clone(),
                            reason,
                        });
                    }
                }
            }
            let merged = merged.ok_or_else(|| TaskError::BadOption("no states to merge".to_owned()))?;
            let bytes = merged.to_bytes();
            claim_state(&Claim::reading(states.iter().map(PathBuf::as_path), []), out)?;
            write_result(out, &bytes, true)?;
            Ok(json!({
                "version": VERSION, "task": "merge", "states": states.len(), "rows": merged.rows(),
                "output": out, "bytes": bytes.len(), "hash": format!("{:032x}", hash_bytes(&bytes)),
            }))
        }
        TaskSpec::Transform {
            shard,
            aligner,
            on_bad_row,
            dtype,
            format,
            out,
            ..
        } => {
            let aligner = load_aligner(aligner)?;
            let source = one_shard(shard, *on_bad_row, None)?;
            source.check_dim(aligner.dim(), "the aligner's rows")?;
            let options = OutputOptions {
                out: out.clone(),
                dtype: dtype.as_deref().map(dtype_named).transpose()?,
                format: format.as_deref().map(format_named).transpose()?,
                sync: None,
                resume: true,
                overwrite: false,
            };
            // a task may be run again, and the tasks of other shards write beside it
            let again = run_folder(&options).is_some_and(|run| storage::is_folder(&run));
            for target in targets(&source, &options, None) {
                claim_of(&[&source]).check(&target.path, again)?;
            }
            transform_shard(&source, &aligner, &options, control)
                .map_err(|error| with_all_bad_rows(error, &Searched::strict([&source]), control))
        }
    }
}

/// The aligner of a file.
pub fn load_aligner(path: &Path) -> Result<Aligner, TaskError> {
    Aligner::from_bytes(&read_result(path)?).map_err(|error| TaskError::Aligner {
        file: Some(path.to_path_buf()),
        error,
    })
}

/// The reference frame of a file.
pub(crate) fn load_frame(path: &Path) -> Result<Frame, TaskError> {
    Frame::from_bytes(&read_result(path)?).map_err(|error| TaskError::Frame {
        file: path.to_path_buf(),
        error,
    })
}

/// Writes an aligner's file: temporary file, synced, renamed.
pub fn save_aligner(aligner: &Aligner, path: &Path) -> Result<(), TaskError> {
    write_result(path, &aligner.to_bytes(), true)
}

/// A state may be replaced by that of the same task, run again; anything else may not.
fn claim_state(claim: &Claim, out: &Path) -> Result<(), TaskError> {
    let is_state = || read_result(out).is_ok_and(|bytes| Moments::from_bytes(&bytes).is_ok());
    let replace = storage::is_file(out) && is_state();
    Ok(claim.check(out, replace)?)
}

fn transform_shard(
    source: &RowSet,
    aligner: &Aligner,
    options: &OutputOptions,
    control: &Control,
) -> Result<Value, TaskError> {
    let identity = Map::identity(source.dim, Policy::Unit);
    let work = work_folder(options);
    let dropped = match source.options.on_bad_row {
        OnBadRow::Error => vec![Vec::new()],
        OnBadRow::Drop => {
            count(
                source,
                &identity,
                Split::default().into(),
                control,
                "check",
                work.as_ref(),
            )?
            .dropped
        }
    };
    let job = MapJob {
        source,
        map: aligner.map(),
        dropped: dropped.clone(),
        options,
        selection: Selection::ALL,
        folder: None,
        receipts: true,
    };
    let losses = not_carried(source, &targets(source, options, None), options)?;
    let written = write_mapped(&job, control, "transform")?;
    let mut report = json!({
        "version": VERSION, "task": "transform", "shard": source.files().first(),
        "rows": written.stored.rows(), "dropped": dropped[0], "output": written.outputs.first(),
    });
    if let Some(losses) = if_any(losses) {
        report["notCarried"] = json!(losses);
    }
    Ok(report)
}

fn one_shard(shard: &TaskShard, on_bad_row: OnBadRow, normalize: Option<bool>) -> Result<RowSet, TaskError> {
    let reading = Reading {
        pool: shard.pool,
        ..Reading::default()
    };
    let probed = ShardRef::probe_as(&shard.path, shard.selector.as_deref(), Role::Other, reading)?;
    let options = ReadOptions {
        on_bad_row,
        normalize,
        pool: shard.pool,
        ..ReadOptions::default()
    };
    Ok(RowSet {
        dim: probed.dim,
        parts: vec![Part::File(probed)],
        layout: Layout::Files,
        folders: Vec::new(),
        options,
        keys: None,
    })
}

fn state_written(
    out: &PathBuf,
    state: &Moments,
    dropped: u64,
    shard: &TaskShard,
) -> Result<Value, TaskError> {
    let bytes = state.to_bytes();
    write_result(out, &bytes, true)?;
    Ok(json!({
        "version": VERSION, "task": "moments", "shard": shard.path, "rows": state.rows(), "dropped": dropped,
        "output": out, "bytes": bytes.len(), "hash": format!("{:032x}", hash_bytes(&bytes)),
    }))
}
