//! Folders that say themselves which of their files are the data set: what they list is read, and nothing else.
//!
//! Hugging Face's `save_to_disk` lists its files in `state.json` (a `map` leaves others beside them), its cache says so by
//! names, and writers of parquet data sets leave a `_metadata` file. Tables whose log only their own libraries read are
//! refused.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Place, ShardError};
use crate::folder::containers_in;
use crate::input::Input;
use crate::splits::{files_of_split, no_split, no_splits, several_splits};
use crate::storage;
use crate::table::{listed_in_footer, parquet_rows};

/// Far above any such file.
const MAX_JSON: u64 = 64 << 20;

/// Folders in which another library keeps the list of files, and what writes a plain copy.
const LOGGED: [(&str, &str, &str); 4] = [
    (
        "_delta_log",
        "a Delta table",
        "DeltaTable(folder).to_pyarrow_table()",
    ),
    (".hoodie", "a Hudi table", "its own reader"),
    (
        "_versions",
        "a Lance data set",
        "lance.dataset(folder).to_table()",
    ),
    (
        "metadata/version-hint.text",
        "an Iceberg table",
        "pyiceberg's to_arrow()",
    ),
];

/// The files that a folder lists, in its order, of one split where one is asked for; `None` where it lists nothing.
///
/// # Errors
/// `BAD_SELECTOR` for a `DatasetDict` of several splits and for a split that is not there, `UNSUPPORTED` for a table whose log is not read, `BAD_FORMAT` for a
/// list that contradicts the folder, `NOT_FOUND` for a file that is listed and not there.
pub(crate) fn listed_files(folder: &Path, split: Option<&str>) -> Result<Option<Vec<PathBuf>>, ShardError> {
    for (mark, what, way) in LOGGED {
        if storage::exists(&folder.join(mark)) {
            let reason =
                format!("is {what}, whose log says which files count; write a plain copy with {way}");
            return Err(ShardError::unsupported(&Place::from(folder), reason));
        }
    }
    if let Some(dict) = json::<Splits>(&folder.join("dataset_dict.json"))? {
        return split_of(folder, &dict.splits, split).map(Some);
    }
    if let Some(state) = json::<State>(&folder.join("state.json"))? {
        if let Some(split) = split {
            state.check_split(split, folder)?;
        }
        return state.files(folder).map(Some);
    }
    if storage::is_file(&folder.join("dataset_info.json")) {
        return cached(folder, split).map(Some);
    }
    let files = of_parquet_metadata(folder)?;
    match (files, split) {
        (Some(files), Some(split)) => files_of_split(files, split, &Place::from(folder)).map(Some),
        (files, _) => Ok(files),
    }
}

/// A file that its folder's `state.json` leaves out, among others that it lists: a glob took what a `map` has left.
pub(crate) fn unlisted_beside_listed(files: &[PathBuf]) -> Result<Option<&PathBuf>, ShardError> {
    for folder in files
        .iter()
        .filter_map(|file| file.parent())
        .collect::<BTreeSet<_>>()
    {
        let Some(listed) = json::<State>(&folder.join("state.json"))? else {
            continue;
        };
        let listed: BTreeSet<PathBuf> = listed.files(folder)?.into_iter().collect();
        let (inside, outside): (Vec<&PathBuf>, Vec<&PathBuf>) = files
            .iter()
            .filter(|file| file.parent() == Some(folder))
            .partition(|file| listed.contains(*file));
        if !inside.is_empty() && !outside.is_empty() {
            return Ok(Some(outside[0]));
        }
    }
    Ok(None)
}

#[derive(Deserialize)]
struct Splits {
    splits: Vec<String>,
}

fn split_of(folder: &Path, splits: &[String], wanted: Option<&str>) -> Result<Vec<PathBuf>, ShardError> {
    let place = Place::from(folder);
    let only = match (splits, wanted) {
        (_, Some(wanted)) => {
            let found = splits.iter().find(|split| *split == wanted);
            found.ok_or_else(|| no_split(&place, wanted, splits))?
        }
        ([only], None) => only,
        _ => {
            let ways: Vec<String> = splits
                .iter()
                .map(|split| folder.join(split).display().to_string())
                .collect();
            let reason = format!(
                "is a DatasetDict, whose splits are not put together; choose one by the option split ({}), or name {}",
                splits.join(", "),
                ways.join(" or ")
            );
            return Err(ShardError::bad_selector(&place, reason));
        }
    };
    let split = inside(folder, only)?;
    listed_files(&split, None)?
        .ok_or_else(|| ShardError::bad_format(&Place::from(split.as_path()), "has no state.json"))
}

/// What `Dataset.save_to_disk` says of its files.
#[derive(Deserialize)]
struct State {
    #[serde(rename = "_data_files")]
    files: Option<Vec<StateFile>>,
    #[serde(rename = "_indices_files", alias = "_indices_data_files")]
    indices: Option<Value>,
    #[serde(rename = "_split")]
    split: Option<String>,
}

#[derive(Deserialize)]
struct StateFile {
    filename: String,
}

impl State {
    /// A data set that was saved without others is the split that it says.
    fn check_split(&self, wanted: &str, folder: &Path) -> Result<(), ShardError> {
        match &self.split {
            Some(split) if split == wanted => Ok(()),
            Some(split) => Err(no_split(
                &Place::from(folder),
                wanted,
                std::slice::from_ref(split),
            )),
            None => Err(no_splits(&Place::from(folder), wanted)),
        }
    }

    fn files(self, folder: &Path) -> Result<Vec<PathBuf>, ShardError> {
        let place = Place::from(folder.join("state.json").as_path());
        let chosen = self.indices.is_some_and(|indices| match indices {
            Value::Null => false,
            Value::Array(files) => !files.is_empty(),
            _ => true,
        });
        if chosen {
            let reason =
                "names a file of indices, which choose rows of its files; save dataset.flatten_indices()";
            return Err(ShardError::unsupported(&place, reason));
        }
        let files = self
            .files
            .ok_or_else(|| ShardError::bad_format(&place, "names no _data_files"))?;
        if files.is_empty() {
            return Err(ShardError::empty(&place, "lists no file"));
        }
        files
            .iter()
            .map(|StateFile { filename }| there(inside(folder, filename)?))
            .collect()
    }
}

/// Files of a folder in Hugging Face's cache: those of one split, without what `map` and the like have left.
fn cached(folder: &Path, wanted: Option<&str>) -> Result<Vec<PathBuf>, ShardError> {
    let mut files = containers_in(folder)?;
    files.retain(|path| !named(path).starts_with("cache-"));
    let info: Value = json(&folder.join("dataset_info.json"))?.unwrap_or_default();
    let splits: Vec<String> = info["splits"]
        .as_object()
        .into_iter()
        .flat_map(|splits| splits.keys().cloned())
        .collect();
    let of_split = |split: &str, path: &Path| {
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let stem = stem
            .split("-of-")
            .next()
            .unwrap_or_default()
            .trim_end_matches(|c: char| c.is_ascii_digit());
        let stem = stem.trim_end_matches('-');
        stem == split || stem.ends_with(&format!("-{split}"))
    };
    let filled: Vec<&String> = splits
        .iter()
        .filter(|split| files.iter().any(|path| of_split(split, path)))
        .collect();
    let place = Place::from(folder);
    match wanted {
        Some(wanted) if splits.is_empty() => return files_of_split(files, wanted, &place),
        Some(wanted) => {
            if !filled.iter().any(|split| *split == wanted) {
                return Err(no_split(&place, wanted, filled));
            }
            files.retain(|path| of_split(wanted, path));
        }
        None if filled.len() > 1 => return Err(several_splits(folder, &filled, &filled)),
        None => {}
    }
    Ok(files)
}

/// The files whose row groups `_metadata` describes, each with as many rows as it says.
fn of_parquet_metadata(folder: &Path) -> Result<Option<Vec<PathBuf>>, ShardError> {
    let list = folder.join("_metadata");
    if !storage::is_file(&list) {
        return Ok(None);
    }
    let mut files = Vec::new();
    for (name, rows) in listed_in_footer(&Input::open(&list)?)? {
        let file = there(inside(folder, &name)?)?;
        let found = parquet_rows(&Input::open(&file)?)?;
        if found != rows {
            let reason = format!("has {found} rows where {} lists {rows}", list.display());
            return Err(ShardError::bad_format(&Place::from(file.as_path()), reason));
        }
        files.push(file);
    }
    Ok(Some(files).filter(|files| !files.is_empty()))
}

fn named(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// A name that a list gives, which must stay below its folder.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, ShardError> {
    let path = Path::new(name);
    let below = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !below || name.is_empty() {
        let reason = format!("lists {name:?}, which is not a file below it");
        return Err(ShardError::bad_format(&Place::from(folder), reason));
    }
    Ok(folder.join(path))
}

fn there(path: PathBuf) -> Result<PathBuf, ShardError> {
    if storage::is_file(&path) {
        return Ok(path);
    }
    Err(ShardError::NotFound {
        place: Place::from(path.as_path()),
    })
}

/// What a JSON file holds; `None` where there is none.
fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, ShardError> {
    if !storage::is_file(path) {
        return Ok(None);
    }
    let input = Input::open(path)?;
    if input.len() > MAX_JSON {
        return Err(ShardError::bad_format(
            input.place(),
            "is longer than any such list",
        ));
    }
    let text = input.bytes_at(0, input.len())?;
    let value = serde_json::from_slice(&text);
    value
        .map(Some)
        .map_err(|error| ShardError::bad_format(input.place(), format!("cannot be read: {error}")))
}
