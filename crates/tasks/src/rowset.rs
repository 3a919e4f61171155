//! Opened rows: the shards of one source and how their rows are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use modality_gap_geometry::Policy;
use modality_gap_shards::{
    Dtype, Format, Layout, Pool, Reading, Shard, ShardError, ShardRef, Wanted, resolve, storage,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::TaskError;

/// What to do with a row that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnBadRow {
    /// Stop, naming it.
    #[default]
    Error,
    /// Leave it out, and count it.
    Drop,
}

/// How rows are read; absent options take the documented default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadOptions {
    /// What to do with a bad row; stop by default.
    pub on_bad_row: OnBadRow,
    /// Whether rows are scaled to unit length; yes by default.
    pub normalize: Option<bool>,
    /// What the rows are, for messages.
    pub label: Option<String>,
    /// Columns of plain bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dim: Option<usize>,
    /// Storage type of plain bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "'f16' | 'bf16' | 'f32' | 'f64'", optional)]
    pub dtype: Option<String>,
    /// How the states of a row become one, where it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
}

impl ReadOptions {
    fn reading(&self) -> Result<Reading, TaskError> {
        let named = |name: &str| {
            let unknown =
                || TaskError::BadOption(format!("unknown dtype `{name}`; expected f16, bf16, f32 or f64"));
            Dtype::from_name(name).ok_or_else(unknown)
        };
        Ok(Reading {
            dim: self.dim,
            dtype: self.dtype.as_deref().map(named).transpose()?,
            pool: self.pool,
        })
    }
}

/// One part of a source.
#[derive(Clone)]
pub enum Part {
    /// A file, or a part of one.
    File(ShardRef),
    /// Rows in memory.
    Memory(Arc<dyn Shard>),
}

impl Part {
    /// Rows.
    pub fn rows(&self) -> u64 {
        match self {
            Self::File(shard) => shard.rows,
            Self::Memory(shard) => shard.rows(),
        }
    }

    /// Storage type.
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::File(shard) => shard.dtype,
            Self::Memory(shard) => shard.dtype(),
        }
    }

    /// The file, unless the rows stand in memory.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(shard) => Some(&shard.path),
            Self::Memory(_) => None,
        }
    }

    pub(crate) fn open(&self) -> Result<Arc<dyn Shard>, ShardError> {
        match self {
            Self::File(shard) => shard.open().map(Arc::from),
            Self::Memory(shard) => Ok(Arc::clone(shard)),
        }
    }
}

/// Where a part stands in the source that it was taken from.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Its index among the parts.
    pub index: usize,
    /// Index of its first row.
    pub start: u64,
}

/// Rows of one width in one or many parts.
#[derive(Clone)]
pub struct RowSet {
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// Columns.
    pub dim: usize,
    /// Folder layout, for outputs.
    pub layout: Layout,
    /// Folders that were named and read as a whole.
    pub folders: Vec<PathBuf>,
    /// How rows are read.
    pub options: ReadOptions,
    /// The group of each row, where rows belong together; equal keys of two sources mean one group.
    pub keys: Option<Arc<Vec<u32>>>,
    /// Where the parts stand in the source that they were taken from; absent where they are all of it.
    pub places: Option<Vec<Place>>,
}

impl RowSet {
    /// Opens files, folders, globs and lists of them (the SRC of the command line).
    pub fn open<'a>(
        paths: &[String],
        wanted: impl Into<Wanted<'a>>,
        options: ReadOptions,
    ) -> Result<Self, TaskError> {
        let wanted = Wanted {
            reading: options.reading()?,
            ..wanted.into()
        };
        let source = resolve(paths, wanted)?;
        let mut folders: Vec<PathBuf> = paths
            .iter()
            .map(PathBuf::from)
            .filter(|path| storage::is_folder(path))
            .collect();
        if let Layout::ClipRetrieval { root, .. } = &source.layout {
            folders.push(root.clone());
        }
        let parts = source.shards.into_iter().map(Part::File).collect();
        Ok(Self {
            parts,
            dim: source.dim,
            layout: source.layout,
            folders,
            options,
            keys: None,
            places: None,
        })
    }

    /// Rows in memory.
    pub fn memory(shard: Arc<dyn Shard>, options: ReadOptions) -> Self {
        Self {
            dim: shard.dim(),
            parts: vec![Part::Memory(shard)],
            layout: Layout::Files,
            folders: Vec::new(),
            options,
            keys: None,
            places: None,
        }
    }

    /// The same rows with the group of each: `keys` has one number per row.
    pub fn grouped(&self, keys: Vec<u32>) -> Result<Self, TaskError> {
        if keys.len() as u64 != self.rows() {
            return Err(TaskError::BadOption(format!(
                "{} ids for {} {}",
                keys.len(),
                self.rows(),
                self.label()
            )));
        }
        Ok(Self {
            keys: Some(Arc::new(keys)),
            ..self.clone()
        })
    }

    /// The group of a row; a row that belongs to none is its own.
    pub(crate) fn key(&self, row: u64) -> u64 {
        self.keys
            .as_ref()
            .map_or(row, |keys| u64::from(keys[row as usize]))
    }

    /// Rows in all parts.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(Part::rows).sum()
    }

    /// Index of each part's first row in the whole source.
    pub(crate) fn starts(&self) -> Vec<u64> {
        if let Some(places) = &self.places {
            return places.iter().map(|place| place.start).collect();
        }
        let mut next = 0;
        let first = |part: &Part| {
            let start = next;
            next += part.rows();
            start
        };
        self.parts.iter().map(first).collect()
    }

    /// Index of a part in the whole source.
    pub(crate) fn place(&self, part: usize) -> usize {
        self.places.as_ref().map_or(part, |places| places[part].index)
    }

    /// Whether the rows are all in files, where other processes find them.
    pub(crate) fn in_files(&self) -> bool {
        self.parts.iter().all(|part| part.file().is_some())
    }

    /// The same rows by paths that hold in any working directory.
    pub(crate) fn absolute(mut self) -> Self {
        for part in &mut self.parts {
            if let Part::File(shard) = part {
                shard.path = absolute(&shard.path);
            }
        }
        self
    }

    /// Storage type of the first part.
    pub fn dtype(&self) -> Dtype {
        self.parts.first().map_or(Dtype::F32, Part::dtype)
    }

    /// Rows of each storage type, in the order in which the types first occur.
    pub fn stored(&self) -> Vec<(Dtype, u64)> {
        let mut stored: Vec<(Dtype, u64)> = Vec::new();
        for part in self.parts.iter().filter(|part| part.rows() > 0) {
            match stored.iter_mut().find(|(dtype, _)| *dtype == part.dtype()) {
                Some((_, rows)) => *rows += part.rows(),
                None => stored.push((part.dtype(), part.rows())),
            }
        }
        stored
    }

    /// How statistics read the rows.
    pub fn policy(&self) -> Policy {
        if self.options.normalize.unwrap_or(true) {
            Policy::Unit
        } else {
            Policy::Raw
        }
    }

    /// What the rows are, for messages.
    pub fn label(&self) -> &str {
        self.options.label.as_deref().unwrap_or("rows")
    }

    /// What tells these rows from others in a message: their label, or else their file or folder.
    pub(crate) fn name(&self) -> String {
        let last = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name);
            name.map(|name| name.to_string_lossy().into_owned())
        };
        let place = match (&self.parts[..], &self.options.label) {
            (_, Some(label)) => return label.clone(),
            ([one], None) => last(one.file()),
            (parts, None) => {
                let folder = parts.first().and_then(Part::file).and_then(Path::parent);
                last(folder).map(|folder| format!("{folder}/"))
            }
        };
        place.unwrap_or_else(|| self.label().to_owned())
    }

    /// The container format, or `memory`.
    pub fn format_name(&self) -> &'static str {
        match self.parts.first() {
            Some(Part::File(shard)) => shard.format.name(),
            _ => "memory",
        }
    }

    /// The folder layout's name.
    pub fn layout_name(&self) -> &'static str {
        match (&self.layout, self.parts.first()) {
            (_, Some(Part::Memory(_))) => "memory",
            (Layout::ClipRetrieval { .. }, _) => "clip-retrieval",
            _ => "files",
        }
    }

    /// Files of all parts.
    pub fn files(&self) -> Vec<PathBuf> {
        self.parts
            .iter()
            .filter_map(|part| part.file().map(Path::to_path_buf))
            .collect()
    }

    /// The error where `other` should have as many rows and has not.
    pub(crate) fn not_paired_with(&self, other: &Self) -> TaskError {
        TaskError::NotPaired {
            left_name: self.name(),
            left: self.rows(),
            right_name: other.name(),
            right: other.rows(),
        }
    }

    pub(crate) fn check_dim(&self, expected: usize, against: &str) -> Result<(), TaskError> {
        if self.dim == expected {
            return Ok(());
        }
        let what = format!("{} rows", self.label());
        Err(TaskError::WidthMismatch {
            what,
            found: self.dim,
            against: against.to_owned(),
            expected,
        })
    }
}

/// The path in any working directory; that of an object is so already.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    if modality_gap_shards::is_remote(path) {
        return path.to_path_buf();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The format that outputs of `part` take when nothing is said.
pub(crate) fn default_format(part: &Part) -> Format {
    match part {
        Part::File(shard) if shard.format.is_written() => shard.format,
        Part::File(_) | Part::Memory(_) => Format::Npy,
    }
}
