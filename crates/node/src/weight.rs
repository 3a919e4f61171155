//! Native memory behind JavaScript's small handles: it is reported to the engine, so that it collects them in time.
//!
//! Handles are finalised between turns of the event loop only, so `openEmbeddings` yields to the loop from time to time.

use std::cell::Cell;
use std::path::Path;

use modality_gap_tasks::{Part, RowSet};
use napi::{Env, Result};

/// Bytes that were reported to the engine.
#[derive(Default)]
pub struct ReportedBytes(Cell<usize>);

impl ReportedBytes {
    /// Tells the engine what is held now; 0 takes everything back.
    pub fn report(&self, env: Env, bytes: usize) -> Result<()> {
        let change =
            i64::try_from(bytes).unwrap_or(i64::MAX) - i64::try_from(self.0.get()).unwrap_or(i64::MAX);
        if change != 0 {
            env.adjust_external_memory(change)?;
            self.0.set(bytes);
        }
        Ok(())
    }
}

/// A class that holds memory which the engine does not see.
pub trait Weighs {
    /// Bytes, about.
    fn bytes(&self) -> usize;
    /// What was reported to the engine; its finaliser takes it back.
    fn reported(&self) -> &ReportedBytes;
    /// Lets the end of the environment release what is held.
    fn register(&self) {}
}

/// A value of such a class on its way to JavaScript.
pub struct Handle<T>(pub T);

/// A class's finaliser takes back what was reported to the engine.
macro_rules! weighed {
    ($class:ty) => {
        impl napi::bindgen_prelude::ObjectFinalize for $class {
            fn finalize(self, env: napi::Env) -> napi::Result<()> {
                crate::weight::Weighs::reported(&self).report(env, 0)
            }
        }
    };
}
pub(crate) use weighed;

/// Bytes of the rows that stand in memory.
pub(crate) fn rows_bytes(rows: &RowSet) -> usize {
    let bytes = |part: &Part| match part {
        Part::File(_) => 0,
        Part::Memory(shard) => {
            let rows = usize::try_from(shard.rows()).unwrap_or(usize::MAX);
            rows.saturating_mul(shard.dim() * shard.dtype().size())
        }
    };
    rows.parts.iter().map(bytes).sum()
}

/// Bytes of a file, or of the files of a folder.
pub(crate) fn files_bytes(path: &Path) -> usize {
    let size = |meta: std::io::Result<std::fs::Metadata>| {
        let meta = meta.ok().filter(std::fs::Metadata::is_file);
        meta.map_or(0, |meta| usize::try_from(meta.len()).unwrap_or(usize::MAX))
    };
    match std::fs::read_dir(path) {
        Ok(files) => files.flatten().map(|file| size(file.metadata())).sum(),
        Err(_) => size(path.metadata()),
    }
}
