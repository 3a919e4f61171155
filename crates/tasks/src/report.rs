//! Pieces that the reports of several jobs share (names: README, JSON results).

use modality_gap_geometry::{Aligner, GapOfFit, Moments};
use serde_json::{Map, Value, json};

use crate::{RowSet, TaskError};

/// Peak resident memory of this process in bytes, where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// `{target: …, source: …}` under the modalities' own names.
pub(crate) fn by_name(aligner: &Aligner, target: Value, source: Value) -> Value {
    let mut map = Map::new();
    map.insert(aligner.info().target.name.clone(), target);
    map.insert(aligner.info().source.name.clone(), source);
    Value::Object(map)
}

pub(crate) fn lengths(moments: &Moments) -> Value {
    let lengths = moments.lengths();
    json!({ "min": lengths.min, "max": lengths.max })
}

/// The gap of a fit; in sample, for the same rows made the fit.
pub(crate) fn gap(gap: &GapOfFit, stored: Option<f64>) -> Value {
    let mut value = serde_json::to_value(gap).expect("plain data");
    value["inSample"] = json!(true);
    if let Some(stored) = stored {
        value["stored"] = json!(stored);
    }
    value
}

pub(crate) fn check_names(target: &RowSet, source: &RowSet) -> Result<(), TaskError> {
    source.check_dim(target.dim, &format!("{} rows", target.label()))
}
