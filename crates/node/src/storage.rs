//! Objects in stores, for what TypeScript reads itself; files of the system it opens with Node.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use modality_gap_shards::{Input, storage};
use napi::bindgen_prelude::{Buffer, ClassInstance, Object};
use napi::{Env, Result};
use napi_derive::napi;

use crate::cancel::CancelToken;
use crate::environment::Held;
use crate::promise::promised_until;

/// What stands at a name.
#[napi(object)]
pub struct FoundPlace {
    /// Whether it is a folder.
    pub folder: bool,
    /// Bytes of a file.
    pub size: f64,
    /// Time of its last change in milliseconds since 1970.
    pub modified: f64,
    /// What a store calls this content.
    pub tag: Option<String>,
}

/// What stands at a name; null for nothing.
#[napi(ts_return_type = "Promise<types.Outcome<FoundPlace | null>>")]
pub fn find_place<'env>(
    env: &'env Env,
    path: String,
    token: Option<ClassInstance<'env, CancelToken>>,
) -> Result<Object<'env>> {
    promised_until(env, token, move || {
        let found = storage::find(&PathBuf::from(path))?;
        Ok(found.map(|(_, seen)| FoundPlace {
            folder: seen.is_none(),
            size: seen.as_ref().map_or(0.0, |seen| seen.len as f64),
            modified: milliseconds(seen.as_ref().map(|seen| seen.modified)),
            tag: seen.and_then(|seen| seen.tag),
        }))
    })
}

/// Names in a folder, in order.
#[napi(ts_return_type = "Promise<types.Outcome<string[]>>")]
pub fn names_in_folder<'env>(
    env: &'env Env,
    folder: String,
    token: Option<ClassInstance<'env, CancelToken>>,
) -> Result<Object<'env>> {
    promised_until(env, token, move || Ok(storage::names(&PathBuf::from(folder))?))
}

/// An object whose bytes are read by position.
#[napi]
pub struct NativeObject {
    input: Held<Input>,
    found: FoundPlace,
}

#[napi]
impl NativeObject {
    /// Opens an object; all bytes are of the content that it has now.
    #[napi(ts_return_type = "Promise<types.Outcome<NativeObject>>")]
    pub fn open<'env>(
        env: &'env Env,
        path: String,
        token: Option<ClassInstance<'env, CancelToken>>,
    ) -> Result<Object<'env>> {
        promised_until(env, token, move || {
            let input = Input::open(&PathBuf::from(path))?;
            let (len, modified, tag) = input.stamp();
            let found = FoundPlace {
                folder: false,
                size: len as f64,
                modified: milliseconds(modified),
                tag,
            };
            Ok(Self {
                input: Held::new(input),
                found,
            })
        })
    }

    /// What it is.
    #[napi]
    pub fn info(&self) -> FoundPlace {
        FoundPlace {
            tag: self.found.tag.clone(),
            ..self.found
        }
    }

    /// Up to `length` bytes from `start`, fewer at its end.
    #[napi(ts_return_type = "Promise<types.Outcome<Buffer>>")]
    pub fn read<'env>(
        &self,
        env: &'env Env,
        start: f64,
        length: u32,
        token: Option<ClassInstance<'env, CancelToken>>,
    ) -> Result<Object<'env>> {
        let gone = || napi::Error::from_reason("the object was closed");
        let input: Arc<Input> = self.input.get().ok_or_else(gone)?;
        promised_until(env, token, move || {
            #[allow(clippy::cast_sign_loss, reason = "what is below zero becomes zero")]
            let start = start as u64;
            let length = u64::from(length).min(input.len().saturating_sub(start));
            Ok(Buffer::from(input.bytes_at(start, length)?))
        })
    }

    /// Lets go of it; reads on their way end as they would.
    #[napi]
    pub fn release(&self) {
        self.input.release();
    }
}

fn milliseconds(time: Option<SystemTime>) -> f64 {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0.0, |since| since.as_millis() as f64)
}
