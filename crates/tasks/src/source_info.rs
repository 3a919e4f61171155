//! What is known of opened rows without reading them, and how they are opened.

use std::path::PathBuf;

use modality_gap_shards::{Layout, Role, Wanted};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Part, ReadOptions, RowSet, TaskError};

/// What is opened, and how it is read.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct OpenSpec {
    /// Files, folders, globs and lists of them.
    #[ts(type = "readonly string[]")]
    paths: Vec<String>,
    /// Which side of a pair they are.
    #[ts(type = "'image' | 'text' | 'other'", optional)]
    role: Option<String>,
    /// The split of a data set to take.
    #[ts(optional)]
    split: Option<String>,
    #[serde(flatten)]
    #[ts(skip)]
    options: ReadOptions,
}

impl OpenSpec {
    /// Opens the rows.
    pub fn open(self) -> Result<RowSet, TaskError> {
        let role = match self.role.as_deref() {
            Some("image") => Role::Image,
            Some("text") => Role::Text,
            _ => Role::Other,
        };
        let wanted = Wanted {
            role,
            split: self.split.as_deref(),
            ..Wanted::default()
        };
        RowSet::open(&self.paths, wanted, self.options)
    }
}

/// One file of rows, or one part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(optional_fields)]
pub struct ShardInfo {
    /// Its path; absent for rows in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The column, tensor, key or leading index that was picked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Storage type of its components.
    #[ts(type = "'f16' | 'bf16' | 'f32' | 'f64'")]
    pub dtype: &'static str,
    /// The file of metadata that describes its rows, in a clip-retrieval folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<PathBuf>,
}

impl ShardInfo {
    pub(crate) fn of(part: &Part) -> Self {
        let (path, selector) = match part {
            Part::File(shard) => (Some(shard.path.clone()), shard.selector.clone()),
            Part::Memory(_) => (None, None),
        };
        Self {
            path,
            selector,
            rows: part.rows(),
            dtype: part.dtype().name(),
            metadata: None,
        }
    }
}

/// What is known of opened rows without reading them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(optional_fields)]
pub struct EmbeddingsInfo {
    /// Number of rows.
    pub rows: u64,
    /// Columns of a row.
    pub dim: usize,
    /// Storage type of a component.
    #[ts(type = "'f16' | 'bf16' | 'f32' | 'f64'")]
    pub dtype: &'static str,
    /// Container, or `'memory'`.
    #[ts(type = "ReadFormat | 'memory'")]
    pub format: &'static str,
    /// Whether the files stand in a clip-retrieval folder with metadata beside them.
    #[ts(type = "'files' | 'clip-retrieval' | 'memory'")]
    pub layout: &'static str,
    /// The files in reading order; empty for rows in memory.
    pub shards: Vec<ShardInfo>,
    /// The label they were opened with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl EmbeddingsInfo {
    /// What is known of `rows`.
    pub fn of(rows: &RowSet) -> Self {
        let metadata = match &rows.layout {
            Layout::ClipRetrieval { metadata, .. } => metadata.as_slice(),
            Layout::Files => &[],
        };
        let described = |(i, part): (usize, &Part)| {
            part.file()?;
            Some(ShardInfo {
                metadata: metadata.get(i).cloned(),
                ..ShardInfo::of(part)
            })
        };
        Self {
            rows: rows.rows(),
            dim: rows.dim,
            dtype: rows.dtype().name(),
            format: rows.format_name(),
            layout: rows.layout_name(),
            shards: rows.parts.iter().enumerate().filter_map(described).collect(),
            label: rows.options.label.clone(),
        }
    }
}
