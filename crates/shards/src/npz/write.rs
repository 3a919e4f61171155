//! Npz archives with one stored member, written in order.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use kernels::{Dtype, Rows};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::error::ShardError;
use crate::format::Format;
use crate::npy::header_bytes;
use crate::rows::Access;
use crate::sink::{Failure, Sink};
use crate::writer::{OutputSpec, ShardWriter, check_range};

/// The name `numpy.savez` gives to an array without one.
const DEFAULT_KEY: &str = "arr_0";

pub(crate) struct NpzWriter {
    state: Mutex<State>,
    failure: Failure,
    dim: usize,
    dtype: Dtype,
    rows: u64,
}

struct State {
    archive: ZipWriter<Sink>,
    next: u64,
}

impl NpzWriter {
    pub fn create(spec: &OutputSpec) -> Result<Self, ShardError> {
        let OutputSpec { dim, dtype, rows, .. } = *spec;
        let header = header_bytes(spec)?;
        let key = match &spec.like {
            Some(like) if like.format == Format::Npz => like.selector.as_deref().unwrap_or(DEFAULT_KEY),
            _ => DEFAULT_KEY,
        };
        let (sink, failure) = Sink::create(&spec.path)?;
        let mut archive = ZipWriter::new(sink);
        // sizes of 4 GiB and more need zip64, which NumPy's own archives always use
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(true);
        archive
            .start_file(format!("{key}.npy"), options)
            .map_err(|e| failure.explain(e))?;
        archive.write_all(&header).map_err(|e| failure.explain(e))?;
        Ok(Self {
            state: Mutex::new(State { archive, next: 0 }),
            failure,
            dim,
            dtype,
            rows,
        })
    }
}

impl ShardWriter for NpzWriter {
    fn access(&self) -> Access {
        Access::Sequential
    }

    fn write(&self, first: u64, rows: Rows<'_>) -> Result<(), ShardError> {
        let count = check_range(rows, self.dtype, self.dim, first, self.rows);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.next, first, "rows come in order");
        state.next += count;
        state
            .archive
            .write_all(rows.as_bytes())
            .map_err(|e| self.failure.explain(e))
    }

    fn finish(self: Box<Self>, sync: bool) -> Result<u64, ShardError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.next, self.rows, "every row is written once");
        state
            .archive
            .finish()
            .map_err(|e| self.failure.explain(e))?
            .commit(sync)
    }
}
