//! Container formats by their names, endings and first bytes.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Container formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `NumPy` array.
    Npy,
    /// Zip archive of `NumPy` arrays.
    Npz,
    /// Parquet file with a list column.
    Parquet,
    /// Arrow IPC file or stream with a list column.
    Arrow,
    /// safetensors file.
    Safetensors,
    /// Pickled list of `{id, caption | image_path, embed}` records.
    Pickle,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Npy,
        Self::Npz,
        Self::Parquet,
        Self::Arrow,
        Self::Safetensors,
        Self::Pickle,
    ];

    /// The name used in options and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Safetensors => "safetensors",
            Self::Pickle => "pickle",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// File name endings, without the dot; the first is the one that is written.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Npy => &["npy"],
            Self::Npz => &["npz"],
            Self::Parquet => &["parquet", "pq"],
            Self::Arrow => &["arrow", "arrows", "ipc", "feather"],
            Self::Safetensors => &["safetensors"],
            Self::Pickle => &["pkl", "pickle"],
        }
    }

    /// The format that a file name's ending stands for.
    pub fn from_path(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|format| format.extensions().contains(&ending.as_str()))
    }

    /// The format of the first bytes of a file.
    pub(crate) fn from_magic(start: &[u8]) -> Option<Self> {
        match start {
            // first, because a length may begin like a pickle
            [_, _, _, _, 0, 0, 0, 0, b'{', ..] => Some(Self::Safetensors),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some(Self::Npy),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(Self::Npz),
            [b'P', b'A', b'R', b'1', ..] => Some(Self::Parquet),
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => Some(Self::Arrow),
            [0x80, 2..=5, ..] => Some(Self::Pickle),
            _ => None,
        }
    }

    /// Whether first bytes that look like this format are those of no other by chance.
    pub(crate) fn is_certain(self, start: &[u8]) -> bool {
        matches!(self, Self::Npy | Self::Npz | Self::Parquet) || start.starts_with(b"ARROW1")
    }
}
