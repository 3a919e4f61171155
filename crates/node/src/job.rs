//! Jobs over rows.

use std::sync::Arc;

use modality_gap_tasks::{Control, Job, JobResult, Progress, RowSet, TaskError, run as run_job};
use napi::bindgen_prelude::{Buffer, ClassInstance, Function, Object};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Result};
use napi_derive::napi;
use serde_json::Value;

use crate::aligner::NativeAligner;
use crate::cancel::CancelToken;
use crate::promise::{listener, promised, whole};
use crate::source::Source;

/// How far a job has come; sent at most a few times a second.
#[napi(object)]
pub struct ProgressEvent {
    /// What is being done, such as `'moments image'`, `'centroid 1'` or `'transform'`.
    pub stage: String,
    /// Rows done in this stage.
    pub rows: f64,
    /// Rows of this stage.
    pub total: f64,
    /// Seconds since the job began.
    pub seconds: f64,
}

/// What a job gives.
#[napi(object)]
pub struct Finished {
    /// The report, by the names of the JSON results.
    #[napi(ts_type = "unknown")]
    pub report: Value,
    /// The fitted aligner's file.
    pub aligner: Option<Buffer>,
}

/// Runs a job on threads of its own.
#[napi(
    ts_generic_types = "K extends types.Job['kind']",
    ts_return_type = "Promise<types.Outcome<{ report: types.Reports[K], aligner?: Uint8Array }>>"
)]
pub fn run<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "types.Job & { kind: K }")] mut job: Value,
    sources: Vec<ClassInstance<'env, Source>>,
    token: ClassInstance<'env, CancelToken>,
    on_progress: Option<Function<'env, ProgressEvent, ()>>,
    aligner: Option<ClassInstance<'env, NativeAligner>>,
) -> Result<Object<'env>> {
    let sources = sources
        .iter()
        .map(|source| source.rows())
        .collect::<Result<Vec<Arc<RowSet>>>>()?;
    let token = token.token.clone();
    let aligner = aligner.map(|aligner| Arc::clone(&aligner.aligner));
    let tell = listener(on_progress)?;
    let tell = tell.map(|tell| -> Box<dyn Fn(Progress) + Send + Sync> {
        Box::new(move |progress: Progress| {
            let Progress {
                stage,
                rows,
                total,
                seconds,
            } = progress;
            let event = ProgressEvent {
                stage,
                rows: rows as f64,
                total: total as f64,
                seconds,
            };
            // a full queue means that the event loop is busy; the next event will do
            let _ = tell.call(event, ThreadsafeFunctionCallMode::NonBlocking);
        })
    });
    promised(env, move || -> std::result::Result<Finished, TaskError> {
        assert!(job.get("kind").is_none_or(|kind| kind != "__panic"), "asked for");
        whole(&mut job);
        let job = Job::parse(job)?;
        let asked = token.clone();
        modality_gap_shards::stop_when(move || asked.is_cancelled());
        let control = Control::new(job.threads(), token, tell)?.distributed(job.is_distributed());
        let rows: Vec<RowSet> = sources.iter().map(|rows| RowSet::clone(rows)).collect();
        let JobResult { report, aligner } = run_job(&job, &rows, aligner.as_deref(), &control)?;
        Ok(Finished {
            report,
            aligner: aligner.map(|aligner| aligner.to_bytes().into()),
        })
    })
}

/// Version of the native code.
#[napi]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// What this machine gives the kernels.
#[napi(object)]
pub struct Supported {
    /// Instruction set in use.
    #[napi(ts_type = "'scalar' | 'avx2' | 'avx512'")]
    pub simd: String,
    /// Cores.
    pub threads: u32,
}

/// Instruction set and cores in use.
#[napi]
#[must_use]
pub fn supported() -> Supported {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Supported {
        simd: modality_gap_kernels::level().name().to_owned(),
        threads: threads as u32,
    }
}
