//! Metadata beside the rows of a clip-retrieval folder: which file describes which shard, and of how many rows.

mod text;

use std::path::{Path, PathBuf};

pub(crate) use self::text::{TextKind, copy_without as copy_text_without};
use crate::error::{Place, ShardError};
use crate::folder::files_in;
use crate::input::Input;
use crate::shard_names::{numbers_of, same_numbers, shard_keys};
use crate::shard_ref::ShardRef;
use crate::storage;
use crate::table::{arrow_rows, parquet_rows};

/// What a metadata file is, by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Parquet,
    Arrow,
    Text(TextKind),
}

impl Kind {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "parquet" | "pq" => Self::Parquet,
            "arrow" | "arrows" | "ipc" | "feather" => Self::Arrow,
            "json" | "jsonl" | "ndjson" => Self::Text(TextKind::Json),
            "csv" | "tsv" => Self::Text(TextKind::Table),
            "txt" => Self::Text(TextKind::Lines),
            _ => return None,
        })
    }
}

/// The metadata file of each shard in `root/metadata`, found by the numbers or names that both have; none where there is no
/// such folder or it is empty. Files of further shards may lie beside them.
///
/// # Errors
/// `BAD_FORMAT` when a shard has no file, or one of another number of rows; `UNSUPPORTED` for files whose rows cannot be
/// counted.
pub(crate) fn metadata_of(root: &Path, shards: &[ShardRef]) -> Result<Vec<PathBuf>, ShardError> {
    let folder = root.join("metadata");
    if !storage::is_folder(&folder) {
        return Ok(Vec::new());
    }
    let mut files = files_in(&folder)?;
    // such names belong to those who write tables, as _SUCCESS and _metadata
    files.retain(|file| !name_of(file).starts_with('_'));
    if files.is_empty() {
        return Ok(files);
    }
    let matched = matched(&folder, &files, shards)?;
    for (file, shard) in matched.iter().zip(shards) {
        let rows = rows_in(file)?;
        if rows != shard.rows {
            let shard_name = shard.path.display();
            let reason = format!("describes {rows} rows, but {shard_name} has {}", shard.rows);
            return Err(ShardError::bad_format(&Place::from(file.as_path()), reason));
        }
    }
    Ok(matched)
}

fn matched(folder: &Path, files: &[PathBuf], shards: &[ShardRef]) -> Result<Vec<PathBuf>, ShardError> {
    let file_names: Vec<String> = files.iter().map(|file| name_of(file)).collect();
    let shard_names: Vec<String> = shards.iter().map(|shard| name_of(&shard.path)).collect();
    let missing = |shard: &str| {
        let shown: Vec<&str> = file_names.iter().map(String::as_str).take(5).collect();
        let more = if file_names.len() > shown.len() {
            ", …"
        } else {
            ""
        };
        let reason = format!(
            "holds {} files for {} embedding shards, and none for {shard}, by the numbers or names in their names: {}{more}",
            file_names.len(),
            shard_names.len(),
            shown.join(", ")
        );
        ShardError::bad_format(&Place::from(folder), reason)
    };
    match (&shard_names[..], &file_names[..]) {
        ([shard], [file]) if same_numbers(shard, file) => Ok(files.to_vec()),
        ([shard], [_]) => Err(missing(shard)),
        ([shard], _) => {
            let numbers = numbers_of(shard);
            let keys = shard_keys(&file_names);
            let mut fitting = files
                .iter()
                .zip(keys)
                .filter(|(_, key)| numbers.split(' ').any(|number| number == key));
            match (fitting.next(), fitting.next()) {
                (Some((file, _)), None) => Ok(vec![file.clone()]),
                _ => Err(missing(shard)),
            }
        }
        ([first, ..], [_]) => Err(missing(first)),
        _ => {
            let keys = shard_keys(&file_names);
            let find = |(key, shard): (String, &String)| {
                let at = keys.iter().position(|other| *other == key);
                at.map(|at| files[at].clone()).ok_or_else(|| missing(shard))
            };
            shard_keys(&shard_names)
                .into_iter()
                .zip(&shard_names)
                .map(find)
                .collect()
        }
    }
}

/// Rows that a metadata file describes.
fn rows_in(path: &Path) -> Result<u64, ShardError> {
    let input = Input::open(path)?;
    match Kind::of(path) {
        Some(Kind::Parquet) => parquet_rows(&input),
        Some(Kind::Arrow) => arrow_rows(&input),
        Some(Kind::Text(kind)) => text::count(&input, kind),
        None => Err(ShardError::unsupported(
            input.place(),
            "is not metadata whose rows can be counted: parquet, arrow, json, jsonl, csv, tsv or txt",
        )),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
