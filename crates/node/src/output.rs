//! Files and folders that the TypeScript side writes, by the rules of those that are written here.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use modality_gap_shards::{
    AtomicFile, FolderLock, PUBLISHED_END, Points, ShardError, Taken, published_records, published_start,
    remove_all_litter, remove_litter,
};
use modality_gap_tasks::{RowSet, TaskError, claim_of};
use napi::bindgen_prelude::{Buffer, ClassInstance, Float32ArraySlice, Object, ObjectFinalize};
use napi::{Env, Result};
use napi_derive::napi;

use crate::cancel::CancelToken;
use crate::environment::Held;
use crate::promise::{promised, promised_until};
use crate::source::Source;

/// Refuses files that would replace something, unless they may, or that would stand among the files of `sources` or replace one
/// of `read`.
#[napi(ts_return_type = "Promise<types.Outcome<undefined>>")]
pub fn claim_files<'env>(
    env: &'env Env,
    files: Vec<String>,
    replace: bool,
    sources: Vec<ClassInstance<'_, Source>>,
    read: Vec<String>,
    token: Option<ClassInstance<'env, CancelToken>>,
) -> Result<Object<'env>> {
    let rows = sources
        .iter()
        .map(|source| source.rows())
        .collect::<Result<Vec<Arc<RowSet>>>>()?;
    let read: Vec<PathBuf> = read.into_iter().map(PathBuf::from).collect();
    promised_until(env, token, move || {
        let claim = claim_of(&rows.iter().map(Arc::as_ref).collect::<Vec<_>>()).and(&read);
        for file in files {
            claim.check(PathBuf::from(file).as_path(), replace)?;
        }
        Ok(())
    })
}

/// Removes temporary files of dead processes from a folder of our own.
#[napi(catch_unwind)]
pub fn remove_drafts(folder: String) {
    remove_all_litter(&PathBuf::from(folder));
}

/// A file that gets its name when it is complete; until then it goes with this handle.
#[napi(custom_finalize)]
pub struct NativeDraft {
    file: Held<Mutex<Option<AtomicFile>>>,
}

impl ObjectFinalize for NativeDraft {}

#[napi]
impl NativeDraft {
    /// Begins a file that will be called `path`; what dead processes have left of it goes.
    #[napi(factory, catch_unwind)]
    pub fn begin(path: String) -> Result<Self> {
        let path = PathBuf::from(path);
        remove_litter([path.as_path()]);
        let file = AtomicFile::create(&path).map_err(|error| napi::Error::from_reason(reason(&error)))?;
        let file = Held::new(Mutex::new(Some(file)));
        file.register();
        Ok(Self { file })
    }

    /// Appends bytes, off the event loop.
    #[napi(ts_return_type = "Promise<types.Outcome<undefined>>")]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "Uint8Array")] bytes: Buffer,
    ) -> Result<Object<'env>> {
        let file = self.held()?;
        let bytes = bytes.to_vec();
        promised(env, move || -> std::result::Result<(), TaskError> {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(file) = file.as_mut() else { return Ok(()) };
            let path = file.path().to_path_buf();
            file.write_all(&bytes).map_err(|source| {
                TaskError::from(ShardError::WriteFailed {
                    place: path.as_path().into(),
                    source,
                })
            })
        })
    }

    /// Gives the file its name, once the disk holds it, perhaps in place of an older one.
    #[napi(ts_return_type = "Promise<types.Outcome<undefined>>")]
    pub fn commit<'env>(&self, env: &'env Env, replace: bool) -> Result<Object<'env>> {
        let file = self.held()?;
        promised(env, move || -> std::result::Result<(), TaskError> {
            let file = file.lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(file.map_or(Ok(()), |file| file.publish(true, replace))?)
        })
    }

    /// Removes what was written, unless it has its name.
    #[napi]
    pub fn release(&self) {
        self.file.release();
    }

    fn held(&self) -> Result<Arc<Mutex<Option<AtomicFile>>>> {
        let gone = || napi::Error::from_reason("the file was released");
        self.file.get().ok_or_else(gone)
    }
}

fn reason(error: &ShardError) -> String {
    match error {
        ShardError::WriteFailed { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// A lock on a folder of this process' own, see [`FolderLock`].
#[napi(custom_finalize)]
pub struct NativeLock {
    lock: Held<FolderLock>,
}

impl ObjectFinalize for NativeLock {}

impl NativeLock {
    fn of(lock: FolderLock) -> Self {
        let lock = Held::new(lock);
        lock.register();
        Self { lock }
    }
}

#[napi]
impl NativeLock {
    /// The lock; `busy` when somebody alive has it, `unsupported` where the file system has none.
    #[napi(catch_unwind, ts_return_type = "NativeLock | 'busy' | 'unsupported'")]
    pub fn take(path: String, note: String) -> Result<napi::Either<Self, &'static str>> {
        match FolderLock::take(&PathBuf::from(path), &note) {
            Ok(Taken::Held(lock)) => Ok(napi::Either::A(Self::of(lock))),
            Ok(Taken::Busy) => Ok(napi::Either::B("busy")),
            Ok(Taken::Unsupported) => Ok(napi::Either::B("unsupported")),
            Err(error) => Err(napi::Error::from_reason(reason(&error))),
        }
    }

    /// Lets go of it.
    #[napi]
    pub fn release(&self) {
        self.lock.release();
    }
}

/// Points of a projection, one entry each in every list.
#[napi(object, object_to_js = false)]
pub struct PointColumns {
    /// First coordinates.
    pub x: Vec<f64>,
    /// Second coordinates.
    pub y: Vec<f64>,
    /// Modality of each.
    pub modality: Vec<String>,
    /// Index of each in its source.
    pub pair: Vec<i64>,
    /// Stage that each was drawn at.
    pub stage: Vec<String>,
    /// Indices of the neighbours of each in this table.
    pub ids: Vec<Vec<i64>>,
    /// Distances of these.
    pub distances: Vec<Vec<f64>>,
}

/// A parquet file of the points.
#[napi(catch_unwind)]
pub fn points_parquet(points: PointColumns) -> Result<Buffer> {
    let PointColumns {
        x,
        y,
        modality,
        pair,
        stage,
        ids,
        distances,
    } = points;
    let points = Points {
        x,
        y,
        modality,
        pair,
        stage,
        ids,
        distances,
    };
    let bytes = points.to_parquet();
    bytes
        .map(Buffer::from)
        .map_err(|error| napi::Error::from_reason(error.to_string()))
}

/// The beginning of a published pickle whose rows have so many columns.
#[napi(catch_unwind)]
pub fn published_pickle_start(columns: u32) -> Buffer {
    published_start(columns as usize).into()
}

/// Records of a published pickle: the values of `keys` record by record, and their rows.
#[napi(catch_unwind)]
pub fn published_pickle_records(
    keys: Vec<String>,
    texts: Vec<String>,
    rows: Float32ArraySlice<'_>,
) -> Buffer {
    published_records(&keys, &texts, &rows).into()
}

/// The end of a published pickle.
#[napi(catch_unwind)]
pub fn published_pickle_end() -> Buffer {
    PUBLISHED_END.to_vec().into()
}
