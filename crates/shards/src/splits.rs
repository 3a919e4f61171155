//! Splits and parts of a data set, by what names of files and folders say, as Hugging Face's loaders take them
//! (`datasets.data_files`: `{split}-00000-of-00001`, folders named by a split, words such as `train` and `val` in names).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::{Place, ShardError};
use crate::folder::{containers_in, folders_in};

/// What a loader takes for each split.
const WORDS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "val", "dev"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];

/// Files of one split among `files`: those that say its name, or else another word for it.
///
/// # Errors
/// `BAD_SELECTOR` where no file says a split, or none this one.
pub(crate) fn files_of_split(
    files: Vec<PathBuf>,
    wanted: &str,
    place: &Place,
) -> Result<Vec<PathBuf>, ShardError> {
    let labels: Vec<Option<String>> = files.iter().map(|path| split_of_file(path)).collect();
    let exact = labels.iter().flatten().any(|label| label == wanted);
    let is_wanted = |label: &str| {
        if exact {
            label == wanted
        } else {
            is_word_for(label, wanted)
        }
    };
    let both = files.into_iter().zip(&labels);
    let found = both.filter(|(_, label)| label.as_deref().is_some_and(is_wanted));
    let found: Vec<PathBuf> = found.map(|(path, _)| path).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let said: BTreeSet<String> = labels.into_iter().flatten().collect();
    Err(if said.is_empty() {
        no_splits(place, wanted)
    } else {
        no_split(place, wanted, &said)
    })
}

/// The folder in `folder` that its name makes the split, if there is one.
///
/// # Errors
/// `BAD_SELECTOR` for several, for one beside files of the same split, and where folders are other splits and there is nothing else.
pub(crate) fn folder_of_split(folder: &Path, wanted: &str) -> Result<Option<PathBuf>, ShardError> {
    let folders = folders_in(folder)?;
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let mut found: Vec<&PathBuf> = folders.iter().filter(|path| name(path) == wanted).collect();
    if found.is_empty() {
        let says = |path: &Path| split_of_name(&name(path));
        found = folders
            .iter()
            .filter(|path| says(path).is_some_and(|split| is_word_for(split, wanted)))
            .collect();
    }
    let place = Place::from(folder);
    let files = containers_in(folder)?;
    let Some(first) = found.first() else {
        let mut others = folders.iter().map(|path| name(path));
        let all_say_splits = others.all(|name| split_of_name(&name).is_some());
        if files.is_empty() && !folders.is_empty() && all_say_splits {
            return Err(no_split(&place, wanted, folders.iter().map(|path| name(path))));
        }
        return Ok(None);
    };
    let beside = files_of_split(files, wanted, &place).unwrap_or_default();
    let all: Vec<String> = found
        .iter()
        .map(|path| path.as_path())
        .chain(beside.iter().map(PathBuf::as_path))
        .map(|path| path.display().to_string())
        .collect();
    if all.len() > 1 {
        let reason = format!(
            "says of several places that they are its split {wanted:?}; name one of them, {}",
            all.join(" or ")
        );
        return Err(ShardError::bad_selector(&place, reason));
    }
    Ok(Some((*first).clone()))
}

/// A split that is not there, beside those that are.
pub(crate) fn no_split<T: AsRef<str>>(
    place: &Place,
    wanted: &str,
    there: impl IntoIterator<Item = T>,
) -> ShardError {
    let there: Vec<String> = there.into_iter().map(|split| split.as_ref().to_owned()).collect();
    let reason = format!("has no split {wanted:?}; expected {}", there.join(" or "));
    ShardError::bad_selector(place, reason)
}

/// A split of what has none.
pub(crate) fn no_splits(place: &Place, wanted: &str) -> ShardError {
    let reason = format!(
        "says nothing of splits, so that {wanted:?} chooses nothing; leave the split out, or name files"
    );
    ShardError::bad_selector(place, reason)
}

/// Several splits where none is chosen; `words` say them in the names of files.
pub(crate) fn several_splits<T: AsRef<str>, W: AsRef<str>>(
    folder: &Path,
    splits: impl IntoIterator<Item = T>,
    words: impl IntoIterator<Item = W>,
) -> ShardError {
    let names: Vec<String> = splits
        .into_iter()
        .map(|split| split.as_ref().to_owned())
        .collect();
    let glob = |word: W| folder.join(format!("*{}*", word.as_ref())).display().to_string();
    let ways: Vec<String> = words.into_iter().map(glob).collect();
    let reason = format!(
        "holds several splits of a data set, which are not put together; choose one by the option split ({}) or by a glob, {}",
        names.join(", "),
        ways.join(" or ")
    );
    ShardError::bad_selector(&Place::from(folder), reason)
}

/// What a file's name says of its split: the name of the set whose parts it counts, or a word in it.
fn split_of_file(path: &Path) -> Option<String> {
    if let Some(Part { set, .. }) = part_of(path) {
        let plain = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
        if set.chars().all(plain) {
            return Some(set);
        }
    }
    split_of_name(&path.file_stem()?.to_string_lossy()).map(str::to_owned)
}

/// Whether both are words for one split.
pub(crate) fn is_word_for(label: &str, wanted: &str) -> bool {
    let split = split_of_word(&label.to_lowercase());
    split.is_some() && split == split_of_word(&wanted.to_lowercase())
}

fn split_of_word(word: &str) -> Option<&'static str> {
    let found = WORDS.iter().find(|(_, words)| words.contains(&word));
    found.map(|(split, _)| *split)
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
            "holds parts of several sets, which are not put together; choose one by the option split ({}) or by a glob, {}",
            sets.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
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
    let names: BTreeSet<String> = files.iter().filter_map(|path| split_of_file(path)).collect();
    let words: BTreeSet<&String> = words.iter().map(|(_, word)| word).collect();
    Err(several_splits(folder, names, words))
}

/// The split, `train`, `validation` or `test`, that a name says by the words in it.
pub fn split_of_name(name: &str) -> Option<&'static str> {
    split_in(&name.to_lowercase()).map(|(split, _)| split)
}

/// The split that a name in lower case says, and the word that says it.
fn split_in(name: &str) -> Option<(&'static str, String)> {
    let mut words = name.split(|letter: char| !letter.is_alphabetic());
    words.find_map(|word| split_of_word(word).map(|split| (split, word.to_owned())))
}

/// A file that counts itself as a part of a set, as in `train-00000-of-00002.parquet` or `train-00000-of-00002-9d3f.parquet`.
struct Part {
    set: String,
    number: String,
    of: String,
}

fn part_of(path: &Path) -> Option<Part> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (head, of) = stem.rsplit_once("-of-")?;
    let of = of.split_once('-').map_or(of, |(of, _)| of);
    let (set, number) = head.rsplit_once('-')?;
    (digits(number) && digits(of)).then(|| Part {
        set: set.to_owned(),
        number: number.to_owned(),
        of: of.to_owned(),
    })
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

    /// Names as in the docstrings of `datasets.data_files`, and what it takes for each split.
    #[test]
    fn a_split_is_what_names_say() {
        let chosen = |names: &[&str], wanted: &str| {
            let files = names.iter().map(PathBuf::from).collect();
            let place = Place::from(Path::new("data"));
            let found = files_of_split(files, wanted, &place).map_err(|error| error.to_string())?;
            Ok::<_, String>(
                found
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect::<Vec<_>>(),
            )
        };
        let sharded = [
            "train-00000-of-00002.parquet",
            "train-00001-of-00002.parquet",
            "random-00000-of-00001-9d3f2a.parquet",
            "train_sft-00000-of-00001.parquet",
        ];
        assert_eq!(chosen(&sharded, "train").unwrap(), sharded[..2]);
        assert_eq!(chosen(&sharded, "random").unwrap(), sharded[2..3]);
        assert_eq!(chosen(&sharded, "train_sft").unwrap(), sharded[3..]);
        let error = chosen(&sharded, "test").unwrap_err();
        assert!(error.contains("expected random or train or train_sft"), "{error}");
        let plain = ["coco_train_0.npy", "coco_val_0.npy", "coco-EVAL.npy", "other.npy"];
        assert_eq!(chosen(&plain, "train").unwrap(), plain[..1]);
        for word in ["val", "validation", "dev"] {
            assert_eq!(chosen(&plain, word).unwrap(), plain[1..2], "{word}");
        }
        assert_eq!(chosen(&plain, "test").unwrap(), plain[2..3]);
        // not a part of a word, and no expression
        for wanted in ["trai", "train[:10%]", "train+test", "all", "*"] {
            let error = chosen(&plain, wanted).unwrap_err();
            assert!(error.contains("expected test or train or validation"), "{error}");
        }
        let error = chosen(&["testimony.npy", "a.npy"], "test").unwrap_err();
        assert!(error.contains("says nothing of splits"), "{error}");
        // the name itself comes before other words for it
        let both = ["val-00000-of-00001.parquet", "validation-00000-of-00001.parquet"];
        assert_eq!(chosen(&both, "validation").unwrap(), both[1..]);
        assert_eq!(chosen(&both, "val").unwrap(), both[..1]);
        assert_eq!(chosen(&both, "dev").unwrap(), both);
    }
}
