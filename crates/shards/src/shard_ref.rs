//! Where a shard is and what it holds.

use std::path::PathBuf;

use kernels::Dtype;
use serde::{Deserialize, Serialize};

use crate::format::Format;
use crate::known::Known;
use crate::pool::Pool;

/// Where a shard is and what it holds; cheap to clone and to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardRef {
    /// The file.
    pub path: PathBuf,
    /// Column, tensor, npz key, or leading index of a 3-D npy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// How the states of a row become one, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Container format.
    pub format: Format,
    /// Number of rows.
    pub rows: u64,
    /// Number of columns.
    pub dim: usize,
    /// Storage type.
    #[serde(with = "dtype_name")]
    pub dtype: Dtype,
    /// Size of the file.
    pub bytes: u64,
    /// File name for the output made of this shard, unique in its source.
    pub name: String,
    /// Whether a folder or a glob gave the file, not the user by its name.
    #[serde(skip)]
    pub listed: bool,
    /// What `probe` found out and `open` need not find again.
    #[serde(skip)]
    pub(crate) known: Known,
}

/// How files are read that do not say everything themselves, or hold more than rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reading {
    /// Columns of plain bytes.
    pub dim: Option<usize>,
    /// Storage type of plain bytes.
    pub dtype: Option<Dtype>,
    /// How the states of a row become one, where it has several.
    pub pool: Option<Pool>,
}

/// Serialises a storage type by its name.
pub mod dtype_name {
    use kernels::Dtype;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the name.
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
    pub fn serialize<S: Serializer>(dtype: &Dtype, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(dtype.name())
    }

    /// Reads the name.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Dtype, D::Error> {
        let name = String::deserialize(deserializer)?;
        Dtype::from_name(&name).ok_or_else(|| D::Error::custom(format!("no storage type is called {name:?}")))
    }
}
