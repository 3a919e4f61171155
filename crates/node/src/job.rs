//! Jobs on threads of their own, guarded against panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use modality_gap_tasks::{
    CancelToken as Token, Control, Job, JobResult, Progress, RowSet, TaskError, run as run_job,
};
use napi::bindgen_prelude::{Buffer, ClassInstance, Function, JsValuesTupleIntoVec, Object, ToNapiValue};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status};
use napi_derive::napi;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::aligner::NativeAligner;
use crate::border::{Failure, Outcome};
use crate::memory::during_job;
use crate::source::Source;

/// Events that may wait for the event loop; what becomes of more is up to who calls.
const WAITING_EVENTS: usize = 8;

/// A listener that other threads may call; it does not keep the process alive.
pub(crate) type Listener<T> = ThreadsafeFunction<T, (), T, Status, false, true, WAITING_EVENTS>;

/// The listener that calls a function of JavaScript.
pub(crate) fn listener<T: JsValuesTupleIntoVec + 'static>(
    callback: Option<Function<'_, T, ()>>,
) -> Result<Option<Listener<T>>> {
    let build = |callback: Function<'_, T, ()>| {
        callback
            .build_threadsafe_function()
            .weak::<true>()
            .callee_handled::<false>()
            .max_queue_size::<WAITING_EVENTS>()
            .build()
    };
    callback.map(build).transpose()
}

/// Stops a job within a block of rows; the end of the environment does so, too.
#[napi]
pub struct CancelToken {
    pub(crate) token: Token,
}

#[napi]
impl CancelToken {
    /// A token that nobody has cancelled.
    #[napi(constructor)]
    #[must_use]
    #[allow(clippy::new_without_default, reason = "only JavaScript makes one")]
    pub fn new() -> Self {
        Self {
            token: crate::environment::token(),
        }
    }

    /// Asks the job to stop.
    #[napi]
    pub fn cancel(&self) {
        self.token.cancel();
    }
}

/// How far a stage is.
#[napi(object)]
pub struct ProgressEvent {
    /// What is being done.
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
    #[napi(ts_type = "any")]
    pub report: Value,
    /// The fitted aligner's file.
    pub aligner: Option<Buffer>,
}

/// Runs a job on threads of its own.
#[napi(ts_return_type = "Promise<any>")]
pub fn run<'env>(
    env: &'env Env,
    mut job: Value,
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
        let control = Control::new(job.threads(), token, tell)?;
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

/// A promise that `work`, on a thread of its own, will answer; a panic becomes an error.
pub(crate) fn promised<'env, T: ToNapiValue + Send + 'static, E: Into<Failure>>(
    env: &'env Env,
    work: impl FnOnce() -> std::result::Result<T, E> + Send + 'static,
) -> Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    let answer = move || {
        let outcome = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => Outcome::from(result),
            Err(payload) => Outcome::Failed(Failure::panicked(payload.as_ref())),
        };
        deferred.resolve(move |_| Ok(outcome));
    };
    std::thread::Builder::new()
        .name("modality-gap".to_owned())
        .spawn(|| during_job(answer))
        .map_err(|error| napi::Error::from_reason(format!("no thread could be started: {error}")))?;
    Ok(promise)
}

/// Reads an options object; an unknown or wrong option is named.
pub(crate) fn read<T: DeserializeOwned>(mut value: Value) -> std::result::Result<T, TaskError> {
    whole(&mut value);
    if let Value::Object(map) = &mut value {
        map.retain(|_, value| !value.is_null());
    }
    serde_json::from_value(value).map_err(|error| TaskError::BadOption(error.to_string()))
}

/// Makes integers of numbers that are whole: JavaScript's come as f64 from 2³² on.
fn whole(value: &mut Value) {
    /// Up to here an f64 holds every integer.
    const EXACT: f64 = 9_007_199_254_740_991.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            let wide = number.as_f64().unwrap_or(f64::NAN);
            if wide.trunc() == wide && wide.abs() <= EXACT {
                #[allow(clippy::cast_possible_truncation)]
                let integer = wide as i64;
                *number = integer.into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(whole),
        Value::Object(map) => map.values_mut().for_each(whole),
        _ => {}
    }
}
