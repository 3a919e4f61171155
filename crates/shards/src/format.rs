//! Container formats by their names, endings and first bytes.

use std::path::Path;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Endings of packed text.
const PACKED: [&str; 2] = ["gz", "zst"];

/// Container formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[ts(rename = "ReadFormat")]
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
    /// JSON records, one on each line.
    Jsonl,
    /// `fvecs`, and its relatives, which are read only.
    Fvecs,
    /// JSON array of records or rows, or a document with one. Read only.
    Json,
    /// Table of comma-separated values. Read only.
    Csv,
    /// `PyTorch` file of a tensor, or of a dictionary or list of tensors. Read only.
    Torch,
    /// Tar archive of samples in the `WebDataset` layout, one array each. Read only.
    Tar,
    /// Components and nothing else: columns and storage type are given. Read only.
    Raw,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 13] = [
        Self::Npy,
        Self::Npz,
        Self::Parquet,
        Self::Arrow,
        Self::Safetensors,
        Self::Pickle,
        Self::Jsonl,
        Self::Fvecs,
        Self::Json,
        Self::Csv,
        Self::Torch,
        Self::Tar,
        Self::Raw,
    ];

    /// Whether it is written, too.
    pub const fn is_written(self) -> bool {
        !matches!(self, Self::Json | Self::Csv | Self::Torch | Self::Tar | Self::Raw)
    }

    /// Formats that are written, too.
    pub fn written() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|format| format.is_written())
    }

    /// Names of the formats that are written, with commas.
    pub fn written_names() -> String {
        let names: Vec<&str> = Self::written().map(Self::name).collect();
        names.join(", ")
    }

    /// Whether a file of that name is written as this format: not packed, and in the layout that is written.
    pub(crate) fn is_written_as(self, name: &Path) -> bool {
        let ending = name
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        match self {
            Self::Fvecs => !self.extensions()[1..].contains(&ending.as_str()),
            _ => !PACKED.contains(&ending.as_str()),
        }
    }

    /// Whether other files of a folder that hold no rows may be of it: it counts where no other container is there.
    pub(crate) const fn is_common(self) -> bool {
        self.is_text() || matches!(self, Self::Raw)
    }

    /// Whether it is text, which may be packed.
    pub(crate) const fn is_text(self) -> bool {
        matches!(self, Self::Jsonl | Self::Json | Self::Csv)
    }

    /// The name used in options and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Safetensors => "safetensors",
            Self::Pickle => "pickle",
            Self::Jsonl => "jsonl",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Fvecs => "fvecs",
            Self::Torch => "torch",
            Self::Tar => "tar",
            Self::Raw => "raw",
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
            Self::Jsonl => &["jsonl", "ndjson"],
            Self::Json => &["json"],
            Self::Csv => &["csv", "tsv"],
            Self::Fvecs => &["fvecs", "bvecs", "fbin", "u8bin", "i8bin"],
            Self::Torch => &["pt", "pth"],
            Self::Tar => &["tar"],
            Self::Raw => &["bin", "raw", "dat", "memmap", "f32", "f16"],
        }
    }

    /// The format that a file name's ending stands for; packed text has a second one.
    pub fn from_path(path: &Path) -> Option<Self> {
        let path = &stores::without_query(path);
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        if PACKED.contains(&ending.as_str()) {
            let unpacked = Path::new(path.file_stem()?);
            let packed = unpacked
                .extension()
                .is_some_and(|inner| !inner.eq_ignore_ascii_case(&ending));
            return Self::from_path(unpacked).filter(|format| packed && format.is_text());
        }
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
            [b'P', b'K', 3, 4, ..] if first_member(start).is_some_and(|name| name.ends_with(b"data.pkl")) => {
                Some(Self::Torch)
            }
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(Self::Npz),
            _ if start.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            [b'P', b'A', b'R', b'1', ..] => Some(Self::Parquet),
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => Some(Self::Arrow),
            [0x80, 2..=5, ..] => Some(Self::Pickle),
            _ => None,
        }
    }

    /// Whether first bytes that look like this format are those of no other by chance.
    pub(crate) fn is_certain(self, start: &[u8]) -> bool {
        matches!(
            self,
            Self::Npy | Self::Npz | Self::Parquet | Self::Torch | Self::Tar
        ) || start.starts_with(b"ARROW1")
    }
}

/// Name of the first member of a zip archive, as far as it is there.
pub(crate) fn first_member(start: &[u8]) -> Option<&[u8]> {
    let len = start.get(26..28)?;
    let name = start.get(30..)?;
    let len = usize::from(len[0]) | usize::from(len[1]) << 8;
    Some(name.get(..len).unwrap_or(name))
}
