//! What a container of rows can do, and how one is named.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::Dtype;
use serde::{Deserialize, Serialize};

use crate::buffer::Buffer;
use crate::error::{Place, ShardError};
use crate::foreign;
use crate::input::Input;
use crate::pickle::Index;
use crate::resolve::Role;

/// More columns than any embedding has: a header that claims more is nonsense, and a block of such rows would not fit.
pub(crate) const MAX_DIM: usize = 1 << 20;

/// How rows of a container may be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any range at any time from any thread at full speed.
    Random,
    /// Ranges in order; when reading, going back restarts the decoder.
    Sequential,
}

/// Rows of one file, or of one part of a file.
pub trait Shard: Send + Sync {
    /// Number of rows.
    fn rows(&self) -> u64;
    /// Number of columns.
    fn dim(&self) -> usize;
    /// Storage type of the components.
    fn dtype(&self) -> Dtype;
    /// How ranges may be read.
    fn access(&self) -> Access;
    /// Reads rows `first..first + count` into `buf`, which is resized: row-major, native byte order, stored type.
    /// Rows that are null, of another width or otherwise cannot be given are NaN, and [`Buffer::faults`] says why.
    ///
    /// # Panics
    /// When the range exceeds the rows.
    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError>;
}

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
    fn is_certain(self, start: &[u8]) -> bool {
        matches!(self, Self::Npy | Self::Npz | Self::Parquet) || start.starts_with(b"ARROW1")
    }
}

/// Where a shard is and what it holds; cheap to clone and to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardRef {
    /// The file.
    pub path: PathBuf,
    /// Column, tensor, npz key, or leading index of a 3-D npy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
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

/// The index of a pickle: dear to make, of no meaning elsewhere, and no part of what a reference says.
#[derive(Clone, Default)]
pub(crate) struct Known(Option<Arc<Index>>);

impl PartialEq for Known {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "index" } else { "nothing" })
    }
}

impl ShardRef {
    /// Looks at a file's header. With no selector the file must hold one array of rows only.
    pub fn probe(path: impl AsRef<Path>, selector: Option<&str>) -> Result<Self, ShardError> {
        Self::probe_as(path.as_ref(), selector, Role::Other)
    }

    /// Like `probe`; among several arrays of rows the role chooses.
    pub(crate) fn probe_as(path: &Path, selector: Option<&str>, role: Role) -> Result<Self, ShardError> {
        let input = Input::open(path)?;
        let format = format_of(path, &input)?;
        let bytes = input.len();
        let ask = Ask {
            selector,
            role,
            ..Ask::default()
        };
        let opened = open_input(input, format, &ask)?;
        Ok(Self {
            path: path.to_path_buf(),
            selector: opened.selector,
            format,
            rows: opened.shard.rows(),
            dim: opened.shard.dim(),
            dtype: opened.shard.dtype(),
            bytes,
            name: path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            listed: false,
            known: Known(opened.index),
        })
    }

    /// Opens the shard, which must still be what the reference says.
    pub fn open(&self) -> Result<Box<dyn Shard>, ShardError> {
        let ask = Ask {
            selector: self.selector.as_deref(),
            dim: Some(self.dim),
            known: self.known.0.as_ref(),
            ..Ask::default()
        };
        let shard = open_input(Input::open(&self.path)?, self.format, &ask)?.shard;
        if self.rows == 0 && shard.rows() == 0 {
            return Ok(Box::new(Empty {
                dim: self.dim,
                dtype: self.dtype,
            }));
        }
        let found = (shard.rows(), shard.dim(), shard.dtype());
        if found != (self.rows, self.dim, self.dtype) {
            let (rows, dim, dtype) = found;
            let reason = format!(
                "has changed: {} × {} {} before, {rows} × {dim} {} now",
                self.rows,
                self.dim,
                self.dtype.name(),
                dtype.name()
            );
            return Err(ShardError::bad_format(&Place::from(self.path.as_path()), reason));
        }
        Ok(shard)
    }
}

/// What is asked of a container.
#[derive(Default)]
pub(crate) struct Ask<'a> {
    /// Column, tensor, key or leading index.
    pub selector: Option<&'a str>,
    /// Chooses where there is no selector.
    pub role: Role,
    /// Columns, where they are known from the other rows of the source.
    pub dim: Option<usize>,
    /// Index of an earlier opening.
    pub known: Option<&'a Arc<Index>>,
}

/// An opened shard with the selector that leads to it. A width of 0 is one that no row says.
pub(crate) struct Opened {
    pub shard: Box<dyn Shard>,
    pub selector: Option<String>,
    /// Of a pickle.
    pub index: Option<Arc<Index>>,
}

impl Opened {
    /// A container that holds no row, and so has no width of its own.
    pub fn empty() -> Self {
        Self {
            shard: Box::new(Empty {
                dim: 0,
                dtype: Dtype::F32,
            }),
            selector: None,
            index: None,
        }
    }
}

/// No rows.
struct Empty {
    dim: usize,
    dtype: Dtype,
}

impl Shard for Empty {
    fn rows(&self) -> u64 {
        0
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn access(&self) -> Access {
        Access::Random
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        Ok(())
    }
}

fn open_input(input: Input, format: Format, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    match format {
        Format::Npy => crate::npy::open(input, ask.selector),
        Format::Npz => crate::npz::open(input, ask.selector, ask.role),
        Format::Parquet => crate::table::open_parquet(input, ask),
        Format::Arrow => crate::table::open_arrow(input, ask),
        Format::Safetensors => crate::safetensors::open(&input, ask.selector, ask.role),
        Format::Pickle => crate::pickle::open(input, ask.selector, ask.known),
    }
}

/// The format of a file by its name, which its first bytes must not contradict, or else by those.
pub(crate) fn format_of(path: &Path, input: &Input) -> Result<Format, ShardError> {
    let start = input.bytes_at(0, input.len().min(foreign::LOOKED_AT))?;
    let found = Format::from_magic(&start);
    let named = Format::from_path(path);
    let contradicts = |what: &str| named != found || found.is_none() || what == foreign::PYTORCH;
    if let Some(kind) = foreign::kind_of(&start, path).filter(|(what, _)| contradicts(what)) {
        return Err(foreign::refused(input.place(), &kind));
    }
    match (named, found) {
        (Some(named), Some(found)) if named == found || !found.is_certain(&start) => Ok(named),
        (Some(named), Some(found)) => {
            let reason = format!(
                "is named as {} and holds {}; rename it",
                named.name(),
                found.name()
            );
            Err(ShardError::bad_format(input.place(), reason))
        }
        (Some(named), None) => Ok(named),
        (None, Some(found)) => Ok(found),
        (None, None) => {
            let names = Format::ALL.map(Format::name).join(", ");
            Err(ShardError::bad_format(
                input.place(),
                format!("is none of {names}"),
            ))
        }
    }
}

/// Bytes of `count` rows.
///
/// # Panics
/// When the range exceeds the rows.
pub(crate) fn range_bytes(shard: &dyn Shard, first: u64, count: usize) -> usize {
    assert!(
        first
            .checked_add(count as u64)
            .is_some_and(|end| end <= shard.rows()),
        "rows {first}..{first}+{count} exceed the {} rows of the shard",
        shard.rows()
    );
    count * shard.dim() * shard.dtype().size()
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
