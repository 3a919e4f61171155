//! Ids of rows, and records, read from tables and pickles.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use modality_gap_shards::{ForeignKind, IdColumn, Ids, Records, foreign_kind};
use napi::bindgen_prelude::{ClassInstance, Object};
use napi::{Env, Result};
use napi_derive::napi;

use crate::cancel::CancelToken;
use crate::promise::promised_until;

/// A file of ids being read.
#[napi]
pub struct NativeIds {
    ids: Arc<Mutex<Ids>>,
}

#[napi]
impl NativeIds {
    /// Opens a parquet or Arrow file or a pickle; the column of ids is the one named, or the first of `usual` that is there;
    /// `captions` may be long.
    #[napi(ts_return_type = "Promise<types.Outcome<NativeIds>>")]
    pub fn open<'env>(
        env: &'env Env,
        path: String,
        column: Option<String>,
        usual: Vec<String>,
        captions: bool,
        token: Option<ClassInstance<'env, CancelToken>>,
    ) -> Result<Object<'env>> {
        promised_until(env, token, move || {
            let usual: Vec<&str> = usual.iter().map(String::as_str).collect();
            let column = IdColumn {
                name: column.as_deref(),
                usual: &usual,
                captions,
            };
            let ids = Ids::open(Path::new(&path), &column)?;
            Ok(Self {
                ids: Arc::new(Mutex::new(ids)),
            })
        })
    }

    /// Some more ids; none after the last.
    #[napi(ts_return_type = "Promise<types.Outcome<string[]>>")]
    pub fn next<'env>(
        &self,
        env: &'env Env,
        token: Option<ClassInstance<'env, CancelToken>>,
    ) -> Result<Object<'env>> {
        let ids = Arc::clone(&self.ids);
        promised_until(env, token, move || {
            let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(ids.next_batch()?.unwrap_or_default())
        })
    }
}

/// A parquet file whose rows are read as records.
#[napi]
pub struct NativeRecords {
    records: Arc<Mutex<Records>>,
}

#[napi]
impl NativeRecords {
    /// Opens the columns of these names, those that there are.
    #[napi(ts_return_type = "Promise<types.Outcome<NativeRecords>>")]
    pub fn open<'env>(
        env: &'env Env,
        path: String,
        columns: Vec<String>,
        token: Option<ClassInstance<'env, CancelToken>>,
    ) -> Result<Object<'env>> {
        promised_until(env, token, move || {
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            let records = Records::open(Path::new(&path), &columns)?;
            Ok(Self {
                records: Arc::new(Mutex::new(records)),
            })
        })
    }

    /// Some more records, each a JSON text; none after the last.
    #[napi(ts_return_type = "Promise<types.Outcome<string[]>>")]
    pub fn next<'env>(
        &self,
        env: &'env Env,
        token: Option<ClassInstance<'env, CancelToken>>,
    ) -> Result<Object<'env>> {
        let records = Arc::clone(&self.records);
        promised_until(env, token, move || {
            let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(records.next_batch()?.unwrap_or_default())
        })
    }
}

/// What a file is that holds no text of records.
#[napi(object)]
pub struct FileKind {
    /// Such as `gzip-compressed data`.
    pub what: String,
    /// What to do with it, such as `unpack it first`.
    pub advice: Option<String>,
}

/// What a file is that holds no text of records, as its first bytes tell; null where they do not.
#[napi(ts_return_type = "Promise<types.Outcome<FileKind | null>>")]
pub fn kind_of_file<'env>(
    env: &'env Env,
    path: String,
    token: Option<ClassInstance<'env, CancelToken>>,
) -> Result<Object<'env>> {
    promised_until(env, token, move || {
        let kind = foreign_kind(Path::new(&path))?;
        Ok(kind.map(|ForeignKind { what, advice }| FileKind {
            what,
            advice: advice.map(str::to_owned),
        }))
    })
}
