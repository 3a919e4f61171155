//! Steps of a training run, from opened rows into a tracker, and the tracker's state on disk.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use modality_gap_geometry::tracker::{GroupedBy, PairGroups, Record};
use modality_gap_geometry::{
    BadRowReason, Frame, Items, Policy, RowBlocks, Source, TrackError, TrackStep, Tracker,
    TrackerOptionError, TrackerOptions,
};
use modality_gap_kernels::{Dtype, Rows};
use modality_gap_shards::{Buffer, Fault};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::bad_rows::{Searched, with_all_bad_rows};
use crate::error::RowReason;
use crate::groups::{classes, joined};
use crate::receipt::{Writing, read_result, write_result};
use crate::row_hash::hashes_of;
use crate::rowset::OnBadRow;
use crate::walk::{Joined, Stored};
use crate::{CancelToken, Control, Part, RowSet, TaskError};

/// A step as it crosses the border, beside its rows.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct StepSpec {
    /// The trainer's step.
    pub step: u64,
    /// What each source is.
    #[ts(type = "readonly ('image' | 'text' | 'gradImage' | 'gradText' | 'batchImage' | 'batchText')[]")]
    pub names: Vec<String>,
    /// Threads; one for each core by default.
    pub threads: Option<usize>,
}

/// Options of a tracker, and how far it is.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TrackerInfo {
    /// How the run is followed.
    pub options: TrackerOptions,
    /// The last step that was recorded; null before the first.
    pub last_step: Option<u64>,
}

/// Rows of one step; what was not given is absent.
#[derive(Clone, Copy)]
pub struct StepRows<'a> {
    /// Probe pairs, image and text.
    pub probe: [&'a RowSet; 2],
    /// Gradients, of image and text embeddings.
    pub gradients: [Option<&'a RowSet>; 2],
    /// Embeddings of the batch that the gradients come from.
    pub batch: [Option<&'a RowSet>; 2],
}

impl<'a> StepRows<'a> {
    /// All rows with their names; only those of the probe need a length.
    fn searched(&self) -> Vec<Searched<'a>> {
        let ([image, text], [grad_image, grad_text]) = (self.probe, self.gradients);
        let [batch_image, batch_text] = self.batch;
        let all = [
            (Some(image), Policy::Unit, "image"),
            (Some(text), Policy::Unit, "text"),
            (grad_image, Policy::Raw, "gradImage"),
            (grad_text, Policy::Raw, "gradText"),
            (batch_image, Policy::Raw, "batchImage"),
            (batch_text, Policy::Raw, "batchText"),
        ];
        let searched = |(rows, policy, side): (Option<&'a RowSet>, _, _)| {
            Some(Searched {
                rows: rows?,
                policy,
                side: Some(side),
            })
        };
        all.into_iter().filter_map(searched).collect()
    }
}

/// A tracker of a run.
pub fn new_tracker(options: TrackerOptions) -> Result<Tracker, TaskError> {
    Tracker::new(options).map_err(|error| TaskError::BadOption(error.to_string()))
}

/// Records a step; on an error the tracker is as it was before.
pub fn track_step(
    tracker: &mut Tracker,
    step: u64,
    rows: &StepRows<'_>,
    control: &Control,
) -> Result<Record, TaskError> {
    *tracker = with_groups(tracker, rows.probe, &control.cancel)?;
    let reader = |rows: &RowSet| Reader::open(rows, &control.cancel);
    let optional = |rows: Option<&RowSet>| rows.map(reader).transpose();
    let [mut image, mut text] = [reader(rows.probe[0])?, reader(rows.probe[1])?];
    let mut gradients = [optional(rows.gradients[0])?, optional(rows.gradients[1])?];
    let mut batch = [optional(rows.batch[0])?, optional(rows.batch[1])?];
    let fed = TrackStep {
        step,
        probe: [&mut image, &mut text],
        gradients: sources(&mut gradients),
        batch: sources(&mut batch),
    };
    control
        .pool()
        .install(|| tracker.push(fed))
        .map_err(|error| with_all_bad_rows(placed(error, rows), &rows.searched(), control))
}

/// The tracker with the items of its probe pairs: those that the rows bring along, or else, at the first step, those of rows
/// that are equal bit for bit. Two pairs share an item when they share the image's or the text's.
fn with_groups(tracker: &Tracker, probe: [&RowSet; 2], cancel: &CancelToken) -> Result<Tracker, TaskError> {
    let (by, classes) = if probe.iter().any(|rows| rows.keys.is_some()) {
        let first_of = |rows: &&RowSet| rows.keys.as_ref().map(|keys| first_rows(keys));
        (GroupedBy::Ids, probe.each_ref().map(first_of))
    } else if tracker.last_step().is_none() && tracker.groups().is_none() {
        let classes = [0, 1].map(|side: usize| equal_rows(probe[side], cancel));
        let [image, text] = classes;
        (GroupedBy::EqualRows, [image?, text?])
    } else {
        return Ok(tracker.clone());
    };
    if let [Some(image), Some(text)] = &classes
        && image.len() != text.len()
    {
        // the step is refused for what it is
        return Ok(tracker.clone());
    }
    let bad = |error: TrackerOptionError| TaskError::BadOption(error.to_string());
    let keys = joined(&classes);
    let items = match by {
        GroupedBy::Ids => Items::Groups,
        GroupedBy::EqualRows => Items::EqualRows(classes.map(|rows| rows.map(Arc::new))),
    };
    let groups = match (&keys, by) {
        (None, _) => None,
        (Some(keys), _) => match PairGroups::new(by, keys, items) {
            // rows that are all the same are refused for that
            Err(_) if by == GroupedBy::EqualRows => None,
            found => found.map_err(bad)?,
        },
    };
    tracker.grouped(groups).map_err(bad)
}

/// For every key the first row that has it.
fn first_rows(keys: &[u32]) -> Vec<u32> {
    let mut first = HashMap::new();
    let rows = keys.iter().enumerate();
    rows.map(|(row, key)| *first.entry(key).or_insert(row as u32))
        .collect()
}

/// For every row the first one that equals it; `None` when all differ.
fn equal_rows(rows: &RowSet, cancel: &CancelToken) -> Result<Option<Vec<u32>>, TaskError> {
    const BLOCK: u64 = 1024;
    let mut reader = Reader::open(rows, cancel)?;
    let (mut hashes, mut block, mut first) = (Vec::new(), Vec::new(), 0);
    while first < reader.rows {
        let count = BLOCK.min(reader.rows - first);
        reader.read(first, count as usize, &mut block)?;
        hashes.extend(hashes_of(Rows::F64(&block), rows.dim, |_| true));
        first += count;
    }
    Ok(classes(&hashes))
}

fn sources<'r>(readers: &'r mut [Option<Reader<'_>>; 2]) -> [Option<Source<'r, TaskError>>; 2] {
    let [image, text] = readers;
    [image, text].map(|reader| reader.as_mut().map(|reader| reader as Source<'r, TaskError>))
}

/// Rows of a source, checked for a request to stop at every block.
struct Reader<'a> {
    joined: Joined,
    stored: Stored,
    rows: u64,
    dim: usize,
    dtype: Dtype,
    cancel: &'a CancelToken,
}

impl<'a> Reader<'a> {
    fn open(rows: &RowSet, cancel: &'a CancelToken) -> Result<Self, TaskError> {
        if rows.options.on_bad_row == OnBadRow::Drop {
            let text = "a tracker needs every row; open its rows without onBadRow 'drop'";
            return Err(TaskError::BadOption(text.to_owned()));
        }
        Ok(Self {
            joined: Joined::open(rows),
            stored: Stored::default(),
            rows: rows.rows(),
            dim: rows.dim,
            dtype: rows.dtype(),
            cancel,
        })
    }
}

impl RowBlocks for Reader<'_> {
    type Error = TaskError;

    fn rows(&self) -> u64 {
        self.rows
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn read(&mut self, first: u64, count: usize, out: &mut Vec<f64>) -> Result<(), TaskError> {
        self.cancel.check()?;
        Ok(self.joined.read(first, count, &mut self.stored, out)?)
    }
}

/// The error with the file and the row in it.
fn placed(error: TrackError<TaskError>, rows: &StepRows<'_>) -> TaskError {
    let text = error.to_string();
    match error {
        TrackError::Read(error) => error,
        TrackError::BadRow { side, row, reason } => bad_row(side, row, reason, rows),
        TrackError::WidthMismatch {
            side,
            found,
            expected,
        } => TaskError::WidthMismatch {
            what: format!("{side} rows"),
            found,
            against: "the tracker's rows".to_owned(),
            expected,
        },
        TrackError::NotPaired { image, text } => TaskError::NotPaired {
            left_name: "image".to_owned(),
            left: image,
            right_name: "text".to_owned(),
            right: text,
        },
        TrackError::Groups { ids, pairs } => TaskError::NotPaired {
            left_name: "ids".to_owned(),
            left: ids,
            right_name: "the probe".to_owned(),
            right: pairs,
        },
        TrackError::TooFewRows { .. } | TrackError::NoSpread => TaskError::TooFewRows(text),
        TrackError::Numeric(_) => TaskError::Numeric(text),
        _ => TaskError::BadOption(text),
    }
}

fn bad_row(side: &'static str, row: u64, reason: BadRowReason, rows: &StepRows<'_>) -> TaskError {
    let of = match side {
        "image" => Some(rows.probe[0]),
        "text" => Some(rows.probe[1]),
        "gradImage" => rows.gradients[0],
        "gradText" => rows.gradients[1],
        "batchImage" => rows.batch[0],
        _ => rows.batch[1],
    };
    let (mut file, mut within) = (None, row);
    let mut reason = RowReason::Value(reason);
    if let Some(of) = of {
        let starts = of.starts();
        let part = starts.partition_point(|&start| start <= row) - 1;
        file = of.parts[part].file().map(Path::to_path_buf);
        within = row - starts[part];
        if let Some(fault) = fault_of(&of.parts[part], within) {
            reason = RowReason::Stored(fault);
        }
    }
    TaskError::TrackedRow {
        file,
        side,
        row: within,
        reason,
    }
}

/// Why a container cannot give a row; nothing where it can, or can no longer be read.
fn fault_of(part: &Part, row: u64) -> Option<Fault> {
    let mut buffer = Buffer::new();
    part.open().ok()?.read(row, 1, &mut buffer).ok()?;
    buffer.faults().first().map(|&(_, fault)| fault)
}

/// Reads a tracker's state.
pub fn load_tracker(path: &Path) -> Result<Tracker, TaskError> {
    tracker_from_bytes(&read_result(path)?, Some(path.to_path_buf()))
}

/// A tracker from the bytes of its state; `file` is where they stood.
pub fn tracker_from_bytes(bytes: &[u8], file: Option<PathBuf>) -> Result<Tracker, TaskError> {
    Tracker::from_bytes(bytes).map_err(|error| TaskError::State { file, error })
}

/// Writes a tracker's state, perhaps in place of an older file: temporary file, synced, renamed.
pub fn save_tracker(tracker: &Tracker, path: &Path, replace: bool) -> Result<(), TaskError> {
    write_result(path, &tracker.to_bytes(), Writing { sync: true, replace })
}

/// Writes a frame's file, perhaps in place of an older one: temporary file, synced, renamed.
pub fn save_frame(frame: &Frame, path: &Path, replace: bool) -> Result<(), TaskError> {
    write_result(path, &frame.to_bytes(), Writing { sync: true, replace })
}
