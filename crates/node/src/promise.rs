//! Work on threads of its own, guarded against panics, and what such work reads and calls.

use std::panic::{AssertUnwindSafe, catch_unwind};

use modality_gap_tasks::TaskError;
use napi::bindgen_prelude::{ClassInstance, Function, JsValuesTupleIntoVec, Object, ToNapiValue};
use napi::threadsafe_function::ThreadsafeFunction;
use napi::{Env, Result, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::border::{Failure, Outcome};
use crate::cancel::CancelToken;
use crate::memory::during_job;

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

/// As [`promised`], of work that waits for stores and stops when `token` is cancelled.
pub(crate) fn promised_until<'env, T: ToNapiValue + Send + 'static>(
    env: &'env Env,
    token: Option<ClassInstance<'env, CancelToken>>,
    work: impl FnOnce() -> std::result::Result<T, TaskError> + Send + 'static,
) -> Result<Object<'env>> {
    let Some(token) = token.map(|token| token.token.clone()) else {
        return promised(env, work);
    };
    promised(env, move || {
        let asked = token.clone();
        modality_gap_shards::stop_when(move || asked.is_cancelled());
        work().map_err(|error| token.or_cancelled(error))
    })
}

/// What crosses the border as a plain object.
pub(crate) fn plain(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("plain data")
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
pub(crate) fn whole(value: &mut Value) {
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
