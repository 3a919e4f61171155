//! Receipts of embedded shards: what was embedded, by what, and the hashes of what was written.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use modality_gap_shards::{Input, RUN_FOLDER};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twox_hash::XxHash3_128;

use crate::data::{Dropped, ImagePlace, Pair};
use crate::error::{EncoderError, Result};

/// Bytes that are hashed at a time.
const BLOCK: usize = 1 << 20;
/// Most bytes of a receipt.
const MAX_BYTES: u64 = 256 << 20;

/// What a finished shard leaves behind in `_run/`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    version: u32,
    /// Hash of everything that the rows depend on.
    inputs: String,
    /// Hash of each file, by its path below the output folder.
    outputs: BTreeMap<PathBuf, String>,
    /// Rows that were written on each side.
    pub rows: usize,
    /// Pairs that were left out.
    #[serde(default)]
    pub dropped: Dropped,
}

impl Receipt {
    /// A receipt for files that were just written below `out`.
    pub fn of(inputs: String, out: &Path, files: &[PathBuf], rows: usize, dropped: Dropped) -> Result<Self> {
        let outputs = files
            .iter()
            .map(|file| Ok((file.clone(), hash_file(&out.join(file))?)));
        Ok(Self {
            version: 1,
            inputs,
            outputs: outputs.collect::<Result<_>>()?,
            rows,
            dropped,
        })
    }

    /// Where the receipt of shard `index` lies.
    pub fn path(out: &Path, index: usize) -> PathBuf {
        out.join(RUN_FOLDER).join(format!("embed_{index}.json"))
    }

    /// The receipt of shard `index` below `out` if it is finished: made from the same inputs, and every file as it was
    /// written.
    pub fn holds(out: &Path, index: usize, inputs: &str, files: &[PathBuf]) -> Option<Self> {
        let found = Self::read(&Self::path(out, index)).filter(|found| found.inputs == inputs)?;
        let expected = Self::of(inputs.to_owned(), out, files, found.rows, found.dropped.clone()).ok()?;
        (expected == found).then_some(found)
    }

    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&Input::whole(path, MAX_BYTES).ok()?).ok()
    }
}

/// Hash of an encoder's files, of the prompt and of how rows are stored: what all shards of a job share.
pub(crate) fn job_hash(encoder: &Path, full: bool, prompt: Option<&str>) -> Result<String> {
    let mut files = Vec::new();
    if encoder.is_dir() {
        files_below(encoder, 1, &mut files)?;
        files.sort();
    } else {
        files.push(encoder.to_owned());
    }
    let files = files.iter().map(|file| stamp(file)).collect::<Result<Vec<_>>>()?;
    Ok(hash(&json!([files, full, prompt])))
}

/// Files of a folder, and of its folders, in which sentence-transformers keeps its modules.
fn files_below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |error| EncoderError::reading(folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            files.push(path);
        } else if depth > 0 && path.is_dir() {
            files_below(&path, depth - 1, files)?;
        }
    }
    Ok(())
}

/// Hash of what the rows of a shard depend on: the job, and its pairs with the files of their images.
pub(crate) fn inputs_hash(job: &str, pairs: &[&Pair]) -> Result<String> {
    let pairs = pairs.iter().map(|pair| {
        let place = match &pair.image {
            // a file that is not there is found out when it is read
            ImagePlace::File(file) => stamp(file).unwrap_or(json!(file)),
            ImagePlace::Tar {
                file, offset, bytes, ..
            } => json!([stamp(file)?, offset, bytes]),
        };
        Ok(json!([place, pair.captions, pair.split, pair.fields]))
    });
    Ok(hash(&json!([job, pairs.collect::<Result<Vec<_>>>()?])))
}

/// Path, size and time of the last change.
fn stamp(file: &Path) -> Result<Value> {
    let metadata = fs::metadata(file).map_err(|error| EncoderError::reading(file, error))?;
    Ok(json!([file, metadata.len(), modified(&metadata)]))
}

fn modified(metadata: &Metadata) -> Option<String> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_nanos().to_string())
}

fn hash(value: &Value) -> String {
    format!("{:032x}", XxHash3_128::oneshot(value.to_string().as_bytes()))
}

fn hash_file(path: &Path) -> Result<String> {
    let failed = |error| EncoderError::reading(path, error);
    let input = Input::open(path)?;
    let mut file = input.reader(0, input.len());
    let mut hasher = XxHash3_128::new();
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block).map_err(failed)? {
            0 => return Ok(format!("{:032x}", hasher.finish_128())),
            bytes => hasher.write(&block[..bytes]),
        }
    }
}
