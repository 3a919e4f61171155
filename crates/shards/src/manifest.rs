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

/// The files that a folder lists, in its order; `None` where it lists nothing.
///
/// # Errors
/// `BAD_SELECTOR` for a `DatasetDict` of several splits, `UNSUPPORTED` for a table whose log is not read, `BAD_FORMAT` for a
/// list that contradicts the folder, `NOT_FOUND` for a file that is listed and not there.
pub(crate) fn listed_files(folder: &Path) -> Result<Option<Vec<PathBuf>>, ShardError> {
    for (mark, what, way) in LOGGED {
        if folder.join(mark).exists() {
            let reason =
                format!("is {what}, whose log says which files count; write a plain copy with {way}");
            return Err(ShardError::unsupported(&Place::from(folder), reason));
        }
    }
    if let Some(dict) = json::<Splits>(&folder.join("dataset_dict.json"))? {
        return split_of(folder, &dict.splits).map(Some);
    }
    if let Some(state) = json::<State>(&folder.join("state.json"))? {
        return state.files(folder).map(Some);
    }
    if folder.join("dataset_info.json").is_file() {
        return cached(folder).map(Some);
    }
    of_parquet_metadata(folder)
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

fn split_of(folder: &Path, splits: &[String]) -> Result<Vec<PathBuf>, ShardError> {
    let place = Place::from(folder);
    if let [only] = splits {
        let split = inside(folder, only)?;
        return listed_files(&split)?
            .ok_or_else(|| ShardError::bad_format(&Place::from(split.as_path()), "has no state.json"));
    }
    let ways: Vec<String> = splits
        .iter()
        .map(|split| folder.join(split).display().to_string())
        .collect();
    let reason = format!(
        "is a DatasetDict, whose splits are not put together; name {}",
        ways.join(" or ")
    );
    Err(ShardError::bad_selector(&place, reason))
}

/// What `Dataset.save_to_disk` says of its files.
#[derive(Deserialize)]
struct State {
    #[serde(rename = "_data_files")]
    files: Option<Vec<StateFile>>,
    #[serde(rename = "_indices_files", alias = "_indices_data_files")]
    indices: Option<Value>,
}

#[derive(Deserialize)]
struct StateFile {
    filename: String,
}

impl State {
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

/// Refuses files that count the parts of several sets in their names, as the splits of a data set from the Hugging Face hub do:
/// `train-00000-of-00002.parquet` beside `test-00000-of-00001.parquet`; and files of one set some of whose parts are not there.
pub(crate) fn refuse_several_sets(folder: &Path, files: &[PathBuf]) -> Result<(), ShardError> {
    refuse_several_splits(folder, files)?;
    let Some(parts) = files.iter().map(|path| part_of(path)).collect::<Option<Vec<_>>>() else {
        return Ok(());
    };
    let sets: BTreeSet<(&str, &str)> = parts.iter().map(|part| (&*part.set, &*part.of)).collect();
    let ways: Vec<String> = sets
        .iter()
        .map(|(name, parts)| folder.join(format!("{name}-*-of-{parts}*")).display().to_string())
        .collect();
    let whole = parts.first().and_then(|part| part.of.parse::<usize>().ok());
    let there: BTreeSet<&str> = parts.iter().map(|part| &*part.number).collect();
    let reason = match whole {
        _ if sets.len() > 1 => format!(
            "holds parts of several sets, which are not put together; choose one by a glob, {}",
            ways.join(" or ")
        ),
        Some(whole) if there.len() < whole => format!(
            "holds {} of the {whole} parts that its files count in their names; add the others, or choose those by a glob, {}",
            there.len(),
            ways.join(" or ")
        ),
        _ => return Ok(()),
    };
    Err(ShardError::bad_selector(&Place::from(folder), reason))
}

/// Refuses files every one of which says its split in its name, where they say several: `train.parquet` beside `test.parquet`.
fn refuse_several_splits(folder: &Path, files: &[PathBuf]) -> Result<(), ShardError> {
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    let Some(words) = files
        .iter()
        .map(|path| split_in(&stem(path)?))
        .collect::<Option<Vec<_>>>()
    else {
        return Ok(());
    };
    let splits: BTreeSet<&str> = words.iter().map(|(split, _)| *split).collect();
    if splits.len() < 2 {
        return Ok(());
    }
    let words: BTreeSet<String> = words.into_iter().map(|(_, word)| word).collect();
    let ways: Vec<String> = words
        .iter()
        .map(|word| folder.join(format!("*{word}*")).display().to_string())
        .collect();
    let reason = format!(
        "holds several splits of a data set, which are not put together; choose one by a glob, {}",
        ways.join(" or ")
    );
    Err(ShardError::bad_selector(&Place::from(folder), reason))
}

/// The split that a name says, and the word that says it, as Hugging Face's loaders find them.
fn split_in(name: &str) -> Option<(&'static str, String)> {
    let mut words = name.split(|letter: char| !letter.is_alphabetic());
    words.find_map(|word| {
        let split = match word {
            "train" | "training" => "train",
            "validation" | "valid" | "val" | "dev" => "validation",
            "test" | "testing" | "eval" | "evaluation" => "test",
            _ => return None,
        };
        Some((split, word.to_owned()))
    })
}

/// A file that counts itself as a part of a set, as in `train-00000-of-00002.parquet`.
struct Part {
    set: String,
    number: String,
    of: String,
}

fn part_of(path: &Path) -> Option<Part> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (head, of) = stem.rsplit_once("-of-")?;
    let (set, number) = head.rsplit_once('-')?;
    (digits(number) && digits(of)).then(|| Part {
        set: set.to_owned(),
        number: number.to_owned(),
        of: of.to_owned(),
    })
}

/// Files of a folder in Hugging Face's cache: those of one split, without what `map` and the like have left.
fn cached(folder: &Path) -> Result<Vec<PathBuf>, ShardError> {
    let mut files = containers_in(folder)?;
    files.retain(|path| !named(path).starts_with("cache-"));
    let info: Value = json(&folder.join("dataset_info.json"))?.unwrap_or_default();
    let splits: Vec<&String> = info["splits"]
        .as_object()
        .into_iter()
        .flat_map(|splits| splits.keys())
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
    let filled: Vec<&&String> = splits
        .iter()
        .filter(|split| files.iter().any(|path| of_split(split, path)))
        .collect();
    if filled.len() > 1 {
        let glob = |split: &&&String| folder.join(format!("*{split}*")).display().to_string();
        let ways: Vec<String> = filled.iter().map(glob).collect();
        let reason = format!(
            "holds several splits of a data set; choose one by a glob, {}",
            ways.join(" or ")
        );
        return Err(ShardError::bad_selector(&Place::from(folder), reason));
    }
    Ok(files)
}

/// The files whose row groups `_metadata` describes, each with as many rows as it says.
fn of_parquet_metadata(folder: &Path) -> Result<Option<Vec<PathBuf>>, ShardError> {
    let list = folder.join("_metadata");
    if !list.is_file() {
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
        let reason = format!("lists {name:?}, which is no file below it");
        return Err(ShardError::bad_format(&Place::from(folder), reason));
    }
    Ok(folder.join(path))
}

fn there(path: PathBuf) -> Result<PathBuf, ShardError> {
    if path.is_file() {
        return Ok(path);
    }
    Err(ShardError::NotFound {
        place: Place::from(path.as_path()),
    })
}

/// What a JSON file holds; `None` where there is none.
fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, ShardError> {
    if !path.is_file() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_side_by_side_and_sets_with_missing_parts_are_refused() {
        let found = |names: &[&str]| {
            let files: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            refuse_several_sets(Path::new("data"), &files).map_err(|error| error.to_string())
        };
        found(&["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]).unwrap();
        // some writers count from one
        found(&["part-1-of-2.npy", "part-2-of-2.npy"]).unwrap();
        let error = found(&["part-00000-of-00004.npy", "part-00003-of-00004.npy"]).unwrap_err();
        assert!(error.contains("2 of the 4 parts"), "{error}");
        // names that neither count parts nor say a split say nothing
        found(&["a_0.npy", "b_0.npy"]).unwrap();
        found(&["train.parquet", "more.parquet"]).unwrap();
        found(&["train-0.parquet", "train_1.parquet", "training.parquet"]).unwrap();
        found(&["testimony_0.npy", "trains_0.npy"]).unwrap();
        for names in [
            ["train.parquet", "test-00000-of-00001.parquet"],
            ["train_0.npy", "val_0.npy"],
            ["coco.train.arrow", "coco.DEV.arrow"],
        ] {
            let error = found(&names).unwrap_err();
            assert!(error.contains("several splits"), "{error}");
        }
        let error = found(&["train.parquet", "test.parquet"]).unwrap_err();
        assert!(error.contains("data/*test* or data/*train*"), "{error}");
        let error = found(&["train-00000-of-00002.parquet", "test-00000-of-00001.parquet"]).unwrap_err();
        assert!(error.contains("data/*test* or data/*train*"), "{error}");
        // two writes of one set
        found(&["part-00000-of-00002.npy", "part-00000-of-00003.npy"]).unwrap_err();
    }
}
