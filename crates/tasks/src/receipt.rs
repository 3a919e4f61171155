//! Receipts: what a shard task has done, so that nothing finished is done again.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use modality_gap_shards::{
    AtomicFile, Buffer, Format, Shard, ShardError, refuse_link, remove_litter, storage, without_secrets,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use twox_hash::XxHash3_128;

use crate::scan::BLOCK_ROWS;
use crate::{Control, Part, RowSet, TaskError};

/// Most bytes of a receipt.
const MAX_BYTES: u64 = 256 << 20;
/// Most bytes of an aligner, a frame or a state: the largest have a few matrices of 8192 × 8192.
const MAX_RESULT_BYTES: u64 = 4 << 30;

/// Where the states of finished shards are kept, and whether to use those that are there.
#[derive(Debug, Clone)]
pub struct WorkFolder {
    /// The folder.
    pub path: PathBuf,
    /// Whether finished shards are taken from it.
    pub resume: bool,
}

/// What identifies the bytes a task has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Input {
    /// File of the shard.
    pub path: PathBuf,
    /// Part of the file, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// What the file does not say of its rows: columns and storage type of plain bytes, how states become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<String>,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Time of its last change, in nanoseconds since 1970.
    pub modified: u64,
    /// What a store of objects calls its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl Input {
    /// Of a part that stands in a file.
    pub(crate) fn of(part: &Part) -> Option<Self> {
        let Part::File(shard) = part else { return None };
        let seen = storage::look(&shard.path).ok()?;
        let modified = seen.modified.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            path: shard.path.clone(),
            selector: shard.selector.clone(),
            read_as: match (shard.format, shard.pool) {
                (Format::Raw, _) => Some(format!("{}:{}", shard.dim, shard.dtype.name())),
                (_, pool) => pool.map(|pool| pool.name().to_owned()),
            },
            rows: shard.rows,
            bytes: seen.len,
            modified: u64::try_from(modified.as_nanos()).ok()?,
            tag: seen.tag,
        })
    }

    /// As a receipt keeps it: a signature in an address is a secret, and another one is as good.
    pub(crate) fn kept(self) -> Self {
        Self {
            path: without_secrets(&self.path),
            ..self
        }
    }
}

/// What a finished shard task leaves behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Version of this layout.
    pub version: u32,
    /// `moments`, `inspect`, `covariance` or `transform`.
    pub task: String,
    /// Hash of everything but the shard that the result depends on.
    pub params: String,
    /// The shard read.
    pub input: Input,
    /// Rows counted or written.
    pub rows: u64,
    /// Rows left out, by their index in the shard.
    pub dropped: Vec<u64>,
    /// The result: a file beside the receipt, or the output shard.
    pub output: PathBuf,
    /// Bytes of the result's file.
    pub bytes: u64,
    /// XXH3-128 of a state's bytes, or of an output's rows, block by block.
    pub hash: String,
}

impl Receipt {
    /// Reads the receipt at `path`.
    ///
    /// # Errors
    /// Why there is none that is about these inputs and params.
    pub(crate) fn find(path: &Path, task: &str, params: &str, input: &Input) -> Result<Self, String> {
        let text = modality_gap_shards::Input::whole(path, MAX_BYTES).map_err(|error| match error {
            ShardError::NotFound { .. } => "it has no receipt".to_owned(),
            error => format!("its receipt cannot be read: {error}"),
        })?;
        let receipt: Self = serde_json::from_slice(&text)
            .map_err(|error| format!("its receipt {} is damaged: {error}", path.display()))?;
        let refused = |reason: &str| Err(format!("its receipt {} {reason}", path.display()));
        if receipt.version != 1 {
            return refused("has another version");
        }
        if receipt.task != task || receipt.params != params {
            return refused("is of another pass");
        }
        let input = input.clone().kept();
        if receipt.input.path != input.path || receipt.input.selector != input.selector {
            return refused("is of another shard");
        }
        if receipt.input != input {
            return refused("is stale: the shard has changed since");
        }
        if !storage::look(&receipt.output).is_ok_and(|seen| seen.len == receipt.bytes) {
            return refused("names a result that is missing or has another size");
        }
        Ok(receipt)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), TaskError> {
        let json = serde_json::to_vec_pretty(self).expect("plain data");
        write_state(path, &json)
    }
}

/// Writes a file of a folder of receipts, which may have been received with links in it.
pub(crate) fn write_state(path: &Path, bytes: &[u8]) -> Result<(), TaskError> {
    path.parent().map_or(Ok(()), refuse_link)?;
    write_file(
        path,
        bytes,
        Writing {
            sync: false,
            replace: true,
        },
    )
}

/// How a small file gets its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writing {
    /// Only after its bytes and then its name are on the disk.
    pub sync: bool,
    /// In place of what has that name.
    pub replace: bool,
}

/// Writes a small file whole: temporary file, renamed; its folder is made when missing.
fn write_file(path: &Path, bytes: &[u8], writing: Writing) -> Result<(), TaskError> {
    use std::io::Write;
    let failed = |source| ShardError::WriteFailed {
        place: path.into(),
        source,
    };
    if let Some(folder) = path.parent() {
        storage::make_folder(folder).map_err(failed)?;
    }
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(failed)?;
    file.publish(writing.sync, writing.replace)?;
    Ok(())
}

/// Writes a file that stands for itself; what a killed process has left of it goes first.
pub(crate) fn write_result(path: &Path, bytes: &[u8], writing: Writing) -> Result<(), TaskError> {
    remove_litter([path]);
    write_file(path, bytes, writing)
}

/// The bytes of an aligner, a frame or a state.
pub(crate) fn read_result(path: &Path) -> Result<Vec<u8>, TaskError> {
    Ok(modality_gap_shards::Input::whole(path, MAX_RESULT_BYTES)?)
}

pub(crate) fn hash_bytes(bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot(bytes)
}

/// Hash of rows from the hashes of their blocks, in order.
#[derive(Default)]
pub(crate) struct RowsHash(XxHash3_128);

impl RowsHash {
    pub(crate) fn add(&mut self, block: u128) {
        self.0.write(&block.to_le_bytes());
    }

    pub(crate) fn finish(&self) -> String {
        format!("{:032x}", self.0.finish_128())
    }
}

/// Hash of the rows of an output, read back block by block in the grid it was written in.
pub(crate) fn hash_of_rows(shard: &dyn Shard, control: &Control) -> Result<String, TaskError> {
    let mut hash = RowsHash::default();
    let mut buffer = Buffer::new();
    let mut first = 0;
    while first < shard.rows() {
        control.cancel.check()?;
        let count = BLOCK_ROWS.min(shard.rows() - first);
        shard.read(first, count as usize, &mut buffer)?;
        hash.add(hash_bytes(buffer.rows(shard.dtype()).as_bytes()));
        first += count;
    }
    Ok(hash.finish())
}

/// Hash of the groups of a source's rows, where there are any.
pub(crate) fn groups_hash(source: &RowSet) -> Option<String> {
    let keys = source.keys.as_ref()?;
    let mut hasher = XxHash3_128::new();
    for key in keys.iter() {
        hasher.write(&key.to_le_bytes());
    }
    Some(format!("{:032x}", hasher.finish_128()))
}

/// Hash of the parameters of a task, from their JSON and from the bytes of an aligner.
pub(crate) fn params_hash(params: &impl Serialize, aligner: &[u8]) -> String {
    let mut hasher = XxHash3_128::new();
    hasher.write(canonical_json(params).as_bytes());
    hasher.write(aligner);
    format!("{:032x}", hasher.finish_128())
}

/// JSON whose keys stand in one order, whatever that of the fields: what identities are hashed of.
pub(crate) fn canonical_json(value: &impl Serialize) -> String {
    serde_json::to_value(value).expect("plain data").to_string()
}
