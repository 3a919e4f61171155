//! Opened rows, on disk or copied from a caller's array.

use std::sync::Arc;

use half::{bf16, f16};
use modality_gap_kernels::Rows;
use modality_gap_shards::{Fault, Shard, memory_arrow, memory_rows};
use modality_gap_tasks::{EmbeddingsInfo, OpenSpec, ReadOptions, RowSet, TaskError};
use napi::bindgen_prelude::{ClassInstance, Object};
use napi::{Env, Result};
use napi_derive::napi;
use serde_json::Value;

use crate::border::{Failure, Outcome};
use crate::cancel::CancelToken;
use crate::environment::Held;
use crate::promise::{plain, promised_until, read};
use crate::weight::{Handle, ReportedBytes, Weighs, rows_bytes, weighed};

/// Opened rows; a cheap handle that jobs share.
#[napi(custom_finalize)]
pub struct Source {
    rows: Held<RowSet>,
    bytes: usize,
    reported: ReportedBytes,
}

weighed!(Source);

impl Weighs for Source {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn reported(&self) -> &ReportedBytes {
        &self.reported
    }

    fn register(&self) {
        self.rows.register();
    }
}

impl Source {
    fn of(rows: RowSet) -> Handle<Self> {
        Handle(Self {
            bytes: rows_bytes(&rows),
            rows: Held::new(rows),
            reported: ReportedBytes::default(),
        })
    }

    /// The rows, unless they were released.
    pub(crate) fn rows(&self) -> Result<Arc<RowSet>> {
        let gone = || napi::Error::from_reason("the rows were released");
        self.rows.get().ok_or_else(gone)
    }
}

#[napi]
impl Source {
    /// Opens files, folders, globs and lists of them, off the event loop.
    #[napi(ts_return_type = "Promise<types.Outcome<Source>>")]
    pub fn open<'env>(
        env: &'env Env,
        #[napi(ts_arg_type = "types.OpenSpec & types.Given<types.ReadOptions>")] spec: Value,
        token: Option<ClassInstance<'env, CancelToken>>,
    ) -> Result<Object<'env>> {
        promised_until(env, token, move || {
            let spec: OpenSpec = read(spec)?;
            Ok(Self::of(spec.open()?))
        })
    }

    /// Copies f32 rows; `faults` are rows that could not be given, three numbers each: see `faults_of`.
    #[napi(catch_unwind, ts_return_type = "types.Outcome<Source>")]
    pub fn from_f32(
        rows: &[f32],
        dim: u32,
        #[napi(ts_arg_type = "types.Given<types.ReadOptions>")] options: Value,
        faults: Option<&[u32]>,
    ) -> Outcome<Handle<Source>> {
        from_rows(Rows::F32(rows), dim, options, faults)
    }

    /// Copies f64 rows, likewise.
    #[napi(catch_unwind, ts_return_type = "types.Outcome<Source>")]
    pub fn from_f64(
        rows: &[f64],
        dim: u32,
        #[napi(ts_arg_type = "types.Given<types.ReadOptions>")] options: Value,
        faults: Option<&[u32]>,
    ) -> Outcome<Handle<Source>> {
        from_rows(Rows::F64(rows), dim, options, faults)
    }

    /// Copies half-precision rows, given as bits.
    #[napi(catch_unwind, ts_return_type = "types.Outcome<Source>")]
    pub fn from_f16(
        bits: &[u16],
        dim: u32,
        #[napi(ts_arg_type = "types.Given<types.ReadOptions>")] options: Value,
    ) -> Outcome<Handle<Source>> {
        let rows: Vec<f16> = bits.iter().map(|&bits| f16::from_bits(bits)).collect();
        from_rows(Rows::F16(&rows), dim, options, None)
    }

    /// Copies bfloat16 rows, given as bits.
    #[napi(catch_unwind, ts_return_type = "types.Outcome<Source>")]
    pub fn from_bf16(
        bits: &[u16],
        dim: u32,
        #[napi(ts_arg_type = "types.Given<types.ReadOptions>")] options: Value,
    ) -> Outcome<Handle<Source>> {
        let rows: Vec<bf16> = bits.iter().map(|&bits| bf16::from_bits(bits)).collect();
        from_rows(Rows::Bf16(&rows), dim, options, None)
    }

    /// Copies Arrow IPC bytes.
    #[napi(catch_unwind, ts_return_type = "types.Outcome<Source>")]
    pub fn from_arrow(
        ipc: &[u8],
        column: Option<String>,
        #[napi(ts_arg_type = "types.Given<types.ReadOptions>")] options: Value,
    ) -> Outcome<Handle<Source>> {
        let shard = memory_arrow(ipc.to_vec(), column.as_deref()).map_err(TaskError::from);
        in_memory(shard, options).into()
    }

    /// The same rows with the group of each: one number per row, equal for rows that belong together.
    #[napi(catch_unwind, ts_return_type = "types.Outcome<Source>")]
    pub fn grouped(&self, keys: &[u32]) -> Result<Outcome<Handle<Source>>> {
        let rows = self.rows()?.grouped(keys.to_vec());
        Ok(rows.map(Self::of).into())
    }

    /// Lets go of the rows now, not when JavaScript gets round to it; jobs that run keep theirs.
    #[napi(catch_unwind)]
    pub fn release(&self, env: Env) -> Result<()> {
        self.rows.release();
        self.reported.report(env, 0)
    }

    /// Rows, width, type, format and shards.
    #[napi(ts_return_type = "types.EmbeddingsInfo")]
    pub fn info(&self) -> Result<Value> {
        Ok(plain(EmbeddingsInfo::of(&*self.rows()?)))
    }
}

/// Rows that could not be given: index, kind (0 null, 1 a null component, 2 another width) and the column or width.
fn faults_of(faults: &[u32], dim: usize) -> Vec<(u64, Fault)> {
    let fault = |fault: &[u32; 3]| {
        let [row, kind, number] = *fault;
        let number = number as usize;
        let fault = match kind {
            0 => Fault::Null,
            1 => Fault::NullComponent { column: number },
            _ => Fault::Width {
                found: number,
                expected: dim,
            },
        };
        (u64::from(row), fault)
    };
    faults.as_chunks::<3>().0.iter().map(fault).collect()
}

fn from_rows(rows: Rows<'_>, dim: u32, options: Value, faults: Option<&[u32]>) -> Outcome<Handle<Source>> {
    let dim = dim as usize;
    if dim == 0 || rows.is_empty() || !rows.len().is_multiple_of(dim) {
        let text = format!("{} values are not whole rows of {dim} columns", rows.len());
        return Outcome::Failed(Failure::new("BAD_SHAPE", &text));
    }
    let faults = faults_of(faults.unwrap_or_default(), dim);
    let shard = memory_rows(rows, dim, faults).map_err(TaskError::from);
    in_memory(shard, options).into()
}

fn in_memory(
    shard: std::result::Result<Box<dyn Shard>, TaskError>,
    options: Value,
) -> std::result::Result<Handle<Source>, TaskError> {
    let options = read_options(options)?;
    Ok(Source::of(RowSet::memory(Arc::from(shard?), options)))
}

fn read_options(options: Value) -> std::result::Result<ReadOptions, TaskError> {
    read(options)
}
