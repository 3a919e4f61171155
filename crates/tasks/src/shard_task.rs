//! One shard task from a description: what any scheduler runs.

use std::path::{Path, PathBuf};

use modality_gap_geometry::{Aligner, Frame, Map, Moments, Policy};
use modality_gap_shards::{Claim, Layout, Pool, Reading, Role, ShardRef, storage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::bad_rows::{Searched, with_all_bad_rows};
use crate::carry::{NotCarried, if_any, not_carried};
use crate::claimed::claim_of;
use crate::moments::count;
use crate::outputs::{OutputOptions, dtype_named, format_named, run_folder, targets, work_folder};
use crate::pass::{PassedShard, run_pass};
use crate::receipt::{Writing, hash_bytes, read_result, write_result};
use crate::transform::{MapJob, write_mapped};
use crate::{Control, OnBadRow, Part, ReadOptions, RowSet, Selection, Split, TaskError};

/// Version of the description.
const VERSION: u32 = 1;

/// One file of rows, or one part of a file.
#[derive(Debug, Clone, Deserialize, Serialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct TaskShard {
    /// The file.
    pub path: PathBuf,
    /// The column, tensor, key or leading index to take.
    #[serde(default)]
    pub selector: Option<String>,
    /// How several states of a row become one. @defaultValue such shards are refused
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub pool: Option<Pool>,
}

/// A shard task: a pure function of one shard and small parameters.
#[derive(Debug, Clone, Deserialize, Serialize, TS, JsonSchema)]
#[serde(tag = "task", rename_all = "lowercase", deny_unknown_fields)]
#[ts(optional_fields)]
pub enum TaskSpec {
    /// Counts one shard: n, mean and trace, as a state that can be merged with others.
    #[serde(rename_all = "camelCase")]
    Moments {
        /// Version of this description.
        #[ts(type = "1")]
        version: u32,
        /// The rows to count.
        shard: TaskShard,
        /// Aligner file whose map the rows go through first.
        #[serde(default)]
        through: Option<PathBuf>,
        /// Whether rows are scaled to unit length. @defaultValue `true`
        #[serde(default)]
        normalize: Option<bool>,
        /// What to do with bad rows. @defaultValue `'error'`
        #[serde(default)]
        #[ts(as = "Option<OnBadRow>", optional)]
        on_bad_row: OnBadRow,
        /// File of the state.
        out: PathBuf,
    },
    /// Moves the rows of one shard with an aligner.
    #[serde(rename_all = "camelCase")]
    Transform {
        /// Version of this description.
        #[ts(type = "1")]
        version: u32,
        /// The rows to move.
        shard: TaskShard,
        /// Aligner file.
        aligner: PathBuf,
        /// What to do with bad rows. @defaultValue `'error'`
        #[serde(default)]
        #[ts(as = "Option<OnBadRow>", optional)]
        on_bad_row: OnBadRow,
        /// Storage type of the output. @defaultValue that of the input
        #[serde(default)]
        #[ts(type = "'f16' | 'bf16' | 'f32' | 'f64'", optional)]
        dtype: Option<String>,
        /// Container of the output. @defaultValue that of the input
        #[serde(default)]
        #[ts(type = "ReadFormat", optional)]
        format: Option<String>,
        /// Folder of the output.
        out: PathBuf,
    },
    /// Merges states in the order given, as if one pass had counted all their rows.
    #[serde(rename_all = "camelCase")]
    Merge {
        /// Version of this description.
        #[ts(type = "1")]
        version: u32,
        /// Files of the states, in shard order.
        #[ts(type = "readonly string[]")]
        states: Vec<PathBuf>,
        /// File of the merged state.
        out: PathBuf,
    },
    /// Works on shards of a pass of a distributed job; those that are done are left as they are.
    Pass {
        /// Version of this description.
        #[ts(type = "1")]
        version: u32,
        /// The manifest of the pass.
        manifest: PathBuf,
        /// Indices of the shards.
        #[ts(type = "readonly number[]")]
        shards: Vec<usize>,
        /// A file that ends tasks which find it; it is written when a shard fails for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<PathBuf>,
    },
}

/// What a finished shard task says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "task", rename_all = "lowercase")]
#[ts(optional_fields)]
pub enum TaskReceipt {
    /// A shard was counted.
    Moments {
        /// Version of the description it was run from.
        version: u32,
        /// The file that was read.
        shard: PathBuf,
        /// Rows counted.
        rows: u64,
        /// Bad rows left out.
        dropped: u64,
        /// The state.
        #[serde(flatten)]
        state: StateFile,
    },
    /// The rows of a shard were moved.
    #[serde(rename_all = "camelCase")]
    Transform {
        /// Version of the description it was run from.
        version: u32,
        /// The file that was read.
        shard: PathBuf,
        /// Rows written.
        rows: u64,
        /// Bad rows left out, by their index in the shard.
        dropped: Vec<u64>,
        /// The file written.
        output: PathBuf,
        /// What stood beside the rows and was not carried along; absent where all was.
        #[serde(skip_serializing_if = "Option::is_none")]
        not_carried: Option<Vec<NotCarried>>,
    },
    /// States were merged.
    Merge {
        /// Version of the description it was run from.
        version: u32,
        /// How many states were merged.
        states: usize,
        /// Rows that they count together.
        rows: u64,
        /// The merged state.
        #[serde(flatten)]
        state: StateFile,
    },
    /// Shards of a pass were worked on.
    Pass {
        /// Version of the description it was run from.
        version: u32,
        /// The manifest of the pass.
        manifest: PathBuf,
        /// Hash of the parameters of the pass.
        params: String,
        /// The shards.
        shards: Vec<PassedShard>,
        /// Whether it ended early, for another task has failed for good.
        stopped: bool,
    },
}

/// The file of a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct StateFile {
    /// The file written.
    output: PathBuf,
    /// Its bytes.
    bytes: usize,
    /// XXH3-128 of its bytes, in hexadecimal.
    hash: String,
}

/// Runs the task and says what it has done.
pub fn run_task(spec: &TaskSpec, control: &Control) -> Result<TaskReceipt, TaskError> {
    let (TaskSpec::Moments { version, .. }
    | TaskSpec::Transform { version, .. }
    | TaskSpec::Merge { version, .. }
    | TaskSpec::Pass { version, .. }) = spec;
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
            Ok(TaskReceipt::Moments {
                version: VERSION,
                shard: shard.path.clone(),
                rows: counted.fit.rows(),
                dropped: counted.dropped_rows(),
                state: state_written(out, &counted.fit)?,
            })
        }
        TaskSpec::Merge { states, out, .. } => merge_states(states, out),
        TaskSpec::Pass {
            manifest,
            shards,
            stop,
            ..
        } => {
            let passed = run_pass(manifest, shards, stop.as_deref(), control)?;
            Ok(TaskReceipt::Pass {
                version: VERSION,
                manifest: manifest.clone(),
                params: passed.params,
                shards: passed.shards,
                stopped: passed.stopped,
            })
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

/// Merges states in the order given.
fn merge_states(states: &[PathBuf], out: &Path) -> Result<TaskReceipt, TaskError> {
    let mut merged: Option<Moments> = None;
    for path in states {
        let state =
            Moments::from_bytes(&read_result(path)?).map_err(|error| TaskError::state(path, &error))?;
        match &mut merged {
            None => merged = Some(state),
            Some(merged) if merged.dim() == state.dim() && merged.unit() == state.unit() => {
                merged.merge(&state);
            }
            Some(_) => {
                let reason = "counts rows of another width or reading than the states before it".to_owned();
                return Err(TaskError::BadReceipt {
                    file: path.clone(),
                    reason,
                });
            }
        }
    }
    let merged = merged.ok_or_else(|| TaskError::BadOption("no states to merge".to_owned()))?;
    claim_state(&Claim::reading(states.iter().map(PathBuf::as_path), []), out)?;
    Ok(TaskReceipt::Merge {
        version: VERSION,
        states: states.len(),
        rows: merged.rows(),
        state: state_written(out, &merged)?,
    })
}

/// What tasks of the pass of `manifest` have said of shards.
pub(crate) fn passed_shards(manifest: &Path, results: &[TaskReceipt]) -> Result<Vec<PassedShard>, TaskError> {
    let mut shards = Vec::new();
    for result in results {
        match result {
            TaskReceipt::Pass {
                manifest: of,
                shards: passed,
                ..
            } if of == manifest => shards.extend_from_slice(passed),
            _ => {
                return Err(TaskError::BadReceipt {
                    file: manifest.to_path_buf(),
                    reason: "a result is of another manifest, or of no pass".to_owned(),
                });
            }
        }
    }
    Ok(shards)
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

/// Writes an aligner's file, perhaps in place of an older one: temporary file, synced, renamed.
pub fn save_aligner(aligner: &Aligner, path: &Path, replace: bool) -> Result<(), TaskError> {
    write_result(path, &aligner.to_bytes(), Writing { sync: true, replace })
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
) -> Result<TaskReceipt, TaskError> {
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
    let rows = written.stored.rows();
    // one shard is one file, and so is what is written of it
    let [shard, output] = [source.files(), written.outputs].map(|mut files| files.swap_remove(0));
    Ok(TaskReceipt::Transform {
        version: VERSION,
        shard,
        rows,
        dropped: dropped.into_iter().next().unwrap_or_default(),
        output,
        not_carried: if_any(losses),
    })
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
        places: None,
    })
}

fn state_written(out: &Path, state: &Moments) -> Result<StateFile, TaskError> {
    let bytes = state.to_bytes();
    let writing = Writing {
        sync: true,
        replace: true,
    };
    write_result(out, &bytes, writing)?;
    Ok(StateFile {
        output: out.to_path_buf(),
        bytes: bytes.len(),
        hash: format!("{:032x}", hash_bytes(&bytes)),
    })
}
