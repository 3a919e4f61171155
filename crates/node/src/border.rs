//! What needs `unsafe` at the border: answers as values, `{ ok }` or `{ error: { code, message, file, row, column, sample } }`,
//! results written into the caller's array, and the allocator's options.
#![allow(unsafe_code)]

use std::path::Path;
use std::time::Duration;

use modality_gap_encoder::EncoderError;
use modality_gap_revision::RevisionError;
use modality_gap_tasks::TaskError;
use napi::bindgen_prelude::{
    Float32ArraySlice, Float64ArraySlice, JsObjectValue, Object, ToNapiValue, Uint16ArraySlice,
};
use napi::sys;
use napi::{Env, Result};

use crate::weight::{Handle, Weighs};

/// The result of a call, or why there is none.
pub enum Outcome<T> {
    /// The result.
    Ok(T),
    /// Why there is none.
    Failed(Failure),
}

/// What goes into `error`.
#[derive(Debug)]
pub struct Failure(Box<modality_gap_tasks::Failure>);

impl Failure {
    /// A failure that only the border can meet.
    pub fn new(code: &str, message: &str) -> Self {
        Self::at(code, message, None)
    }

    /// A panic that the guard has caught.
    pub fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "unknown".to_owned());
        Self::new("PANIC", &format!("internal error, please report it: {text}"))
    }

    fn at(code: &str, message: &str, file: Option<&Path>) -> Self {
        Self(Box::new(modality_gap_tasks::Failure {
            code: code.to_owned(),
            message: message.to_owned(),
            file: file.map(|file| file.to_string_lossy().into_owned()),
            row: None,
            column: None,
            sample: None,
        }))
    }
}

impl From<TaskError> for Failure {
    fn from(error: TaskError) -> Self {
        Self(Box::new(modality_gap_tasks::Failure::of(&error)))
    }
}

impl From<EncoderError> for Failure {
    fn from(error: EncoderError) -> Self {
        let mut failure = Self::at(error.code(), &error.to_string(), error.file());
        failure.0.row = error.row();
        failure
    }
}

impl From<RevisionError> for Failure {
    fn from(error: RevisionError) -> Self {
        let mut failure = Self::at(error.code(), &error.to_string(), error.file());
        failure.0.sample = error.sample().map(str::to_owned);
        failure
    }
}

impl<T, E: Into<Failure>> From<std::result::Result<T, E>> for Outcome<T> {
    fn from(result: std::result::Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Failed(error.into()),
        }
    }
}

impl<T: ToNapiValue> ToNapiValue for Outcome<T> {
    unsafe fn to_napi_value(env: sys::napi_env, outcome: Self) -> Result<sys::napi_value> {
        match outcome {
            Self::Ok(value) => {
                let mut object = Object::new(&Env::from_raw(env))?;
                object.set_named_property("ok", value)?;
                // SAFETY: `env` is the environment this call came from, and the object was made in it.
                unsafe { Object::to_napi_value(env, object) }
            }
            // SAFETY: as above; the environment is passed on unchanged.
            Self::Failed(failure) => unsafe { Failure::to_napi_value(env, failure) },
        }
    }
}

impl ToNapiValue for Failure {
    unsafe fn to_napi_value(env: sys::napi_env, failure: Self) -> Result<sys::napi_value> {
        let mut object = Object::new(&Env::from_raw(env))?;
        object.set_named_property("error", serde_json::to_value(*failure.0).expect("plain data"))?;
        // SAFETY: `env` is the environment this call came from, and the object was made in it.
        unsafe { Object::to_napi_value(env, object) }
    }
}

impl<T: Weighs + ToNapiValue> ToNapiValue for Handle<T> {
    unsafe fn to_napi_value(env: sys::napi_env, Handle(value): Self) -> Result<sys::napi_value> {
        value.reported().report(Env::from_raw(env), value.bytes())?;
        value.register();
        // SAFETY: `env` is the environment this call came from, passed on unchanged.
        unsafe { T::to_napi_value(env, value) }
    }
}

/// Runs `write` from the caller's rows into the caller's `out`; rows that share memory with it are copied first.
macro_rules! write_into {
    ($name:ident, $array:ident, $element:ty) => {
        pub(crate) fn $name<R>(
            rows: &$array<'_>,
            out: &mut $array<'_>,
            write: impl FnOnce(&[$element], &mut [$element]) -> R,
        ) -> R {
            let (from, to) = (rows.as_ref().as_ptr_range(), out.as_ref().as_ptr_range());
            let copied = (from.start < to.end && to.start < from.end).then(|| rows.as_ref().to_vec());
            // SAFETY: JavaScript runs nothing during this synchronous call, and `rows` is not used below when the
            // two views share memory, so this is the only reference to it.
            let target = unsafe { out.as_mut() };
            match copied {
                Some(copied) => write(&copied, target),
                None => write(rows.as_ref(), target),
            }
        }
    };
}

write_into!(write_f32, Float32ArraySlice, f32);
write_into!(write_f64, Float64ArraySlice, f64);
write_into!(write_u16, Uint16ArraySlice, u16);

/// Place of `purge_delay` among the options of mimalloc 2 and 3; the binding has no name for it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Tells the allocator how long it keeps freed memory, unless the environment does (`MIMALLOC_PURGE_DELAY`).
pub fn keep_freed_memory(time: Duration) {
    let milliseconds = std::ffi::c_long::try_from(time.as_millis()).unwrap_or(std::ffi::c_long::MAX);
    // SAFETY: sets a number in a table, at a place that exists
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, milliseconds) }
}

/// Gives all freed memory back to the system now.
pub fn give_back_memory() {
    // SAFETY: has no preconditions
    unsafe { libmimalloc_sys::mi_collect(true) }
}
