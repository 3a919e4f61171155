//! Folders of images with their captions beside them, by the rules that hold for archives: what has one name is one sample,
//! folders are a part of the name, and what is not a pair is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::names::{IMAGE_ENDINGS, ending, is_member, is_other_image, splits_of};
use super::webdataset::{Sample, open};
use super::{BadPairs, ImagePlace, Pair};
use crate::error::{EncoderError, Result};

/// Folders within folders that are looked into at most.
const MAX_DEPTH: usize = 32;

/// Files of a folder and of those in it, as far as they may belong to pairs.
#[derive(Default)]
pub(super) struct Files {
    pub tars: Vec<PathBuf>,
    /// Images, captions and records.
    members: Vec<PathBuf>,
    /// Lists of pairs in folders below.
    lists: Vec<PathBuf>,
    /// Lists under names, or of kinds, that are not looked for.
    others: Vec<PathBuf>,
}

impl Files {
    /// Collects the files, sorted by their paths; hidden ones belong to the system, save for images and captions, which are
    /// bad pairs as they are in an archive. `lists` are the names of lists.
    ///
    /// # Errors
    /// A folder that cannot be read, and a link to one.
    pub fn of(folder: &Path, lists: &[&str], bad_pairs: &mut BadPairs) -> Result<Self> {
        let mut files = Self::default();
        files.collect(folder, lists, 0, bad_pairs)?;
        for list in [
            &mut files.tars,
            &mut files.members,
            &mut files.lists,
            &mut files.others,
        ] {
            list.sort();
        }
        Ok(files)
    }

    fn collect(
        &mut self,
        folder: &Path,
        lists: &[&str],
        depth: usize,
        bad_pairs: &mut BadPairs,
    ) -> Result<()> {
        let failed = |error| EncoderError::reading(folder, error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let kind = ending(&path);
            let is_link = entry.file_type().map_err(failed)?.is_symlink();
            let hidden = name.starts_with('.');
            if path.is_dir() {
                if hidden {
                    continue;
                }
                if is_link || depth == MAX_DEPTH {
                    let reason = if is_link {
                        "it is a link to a folder, which is not followed; name the folder itself"
                    } else {
                        "it lies too deep in folders"
                    };
                    return Err(bad(&path, reason));
                }
                self.collect(&path, lists, depth + 1, bad_pairs)?;
            } else if kind == "tar" && !hidden {
                self.tars.push(path);
            } else if depth > 0 && lists.contains(&&*name) {
                self.lists.push(path);
            } else if is_other_list(&path) {
                self.others.push(path);
            } else if is_member(&kind) && hidden {
                let reason =
                    "it has no name of its own: it begins with a point, as what macOS adds to a folder";
                bad_pairs.add(bad(&path, reason))?;
            } else if is_member(&kind) {
                self.members.push(path);
            }
        }
        Ok(())
    }

    /// Refuses what cannot be distinguished: archives beside images, and lists in folders below.
    pub fn check(&self, folder: &Path, lists: &[&str]) -> Result<()> {
        if let Some(list) = self.lists.first() {
            let reason = format!(
                "the folder in it with {} has a list of its own; name the folders one by one",
                list.display()
            );
            return Err(bad(folder, &reason));
        }
        if let Some(list) = self.others.first() {
            let reason = format!(
                "it may be the list of its folder, which is {}; name the file itself where it is csv or jsonl, write it so, or \
                 take it out",
                lists.join(", ")
            );
            return Err(bad(list, &reason));
        }
        let image = self
            .members
            .iter()
            .find(|file| IMAGE_ENDINGS.contains(&ending(file).as_str()));
        match (self.tars.first(), image) {
            (Some(tar), Some(image)) => {
                let reason = format!(
                    "it holds archives and images, {} and {}; name the archives, or the folder of the images",
                    tar.display(),
                    image.display()
                );
                Err(bad(folder, &reason))
            }
            _ => Ok(()),
        }
    }

    /// The pairs that images make with the captions and records of their names.
    pub fn pairs(self, folder: &Path, outside: bool, bad_pairs: &mut BadPairs) -> Result<Vec<Pair>> {
        let root = if outside { None } else { folder.canonicalize().ok() };
        let folders = |file: &Path| file.parent().unwrap_or(file).to_string_lossy().into_owned();
        let splits = splits_of(folder, &self.members, folders);
        let mut samples: Vec<(PathBuf, &str, Sample)> = Vec::new();
        let mut index: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for (file, split) in self.members.into_iter().zip(splits) {
            let at = *index.entry(file.with_extension("")).or_insert_with(|| {
                samples.push((file.clone(), split, Sample::default()));
                samples.len() - 1
            });
            let name = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if leads_out(root.as_deref(), &file) {
                samples[at].2.fault(format!(
                    "{name} is a link to a file outside of its folder; the option allowOutsideImages \
                     (--allow-outside-images) reads it"
                ));
                continue;
            }
            let content = open(&file);
            match content {
                Ok(mut content) => {
                    samples[at]
                        .2
                        .take(&name, "", ImagePlace::File(file.clone()), &mut content);
                }
                Err(error) => samples[at].2.fault(format!("{name}: {error}")),
            }
        }
        let mut pairs = Vec::with_capacity(samples.len());
        for (file, split, sample) in samples {
            // what is not a caption describes something else, such as the folder
            if sample.is_record_without_caption() {
                continue;
            }
            let key = file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let pair = sample.pair(&key).map_err(|reason| bad(&file, &reason));
            pairs.extend(bad_pairs.keep(pair)?.map(|pair| Pair {
                split: split.to_owned(),
                ..pair
            }));
        }
        Ok(pairs)
    }
}

/// The images of a folder and of those in it that its list does not name, sorted. Hidden files and linked folders are passed
/// over.
///
/// # Errors
/// A second list, or an archive, in a folder that has a list.
pub(super) fn unnamed_images(
    folder: &Path,
    list: &str,
    lists: &[&str],
    named: &BTreeSet<PathBuf>,
) -> Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        let failed = |error| EncoderError::reading(&inside, error);
        for entry in fs::read_dir(&inside).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ends = ending(&path);
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if ends == "tar" || (inside != folder && lists.contains(&&*name)) {
                let reason = format!(
                    "it holds the list {list}, and {} besides; name one of the two",
                    path.display()
                );
                return Err(bad(folder, &reason));
            } else if (IMAGE_ENDINGS.contains(&ends.as_str()) || is_other_image(&ends))
                && !named.contains(&plain(&path))
            {
                images.push(path);
            }
        }
    }
    images.sort();
    Ok(images)
}

/// The absolute path without `.` and `..`, by its words alone.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_default().components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// Whether a name is one that lists have elsewhere: `metadata.parquet`, `captions.csv`.
fn is_other_list(path: &Path) -> bool {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    ["metadata", "captions", "pairs"].contains(&&*stem)
        && ["csv", "tsv", "jsonl", "ndjson", "parquet", "arrow"].contains(&&*ending(path))
}

/// Whether a file is a link that leads out of a folder, which has no links in its path.
pub(super) fn leads_out(root: Option<&Path>, file: &Path) -> bool {
    let Some(root) = root else { return false };
    file.canonicalize().is_ok_and(|place| !place.starts_with(root))
}

fn bad(file: &Path, reason: &str) -> EncoderError {
    EncoderError::BadData {
        file: file.to_owned(),
        row: None,
        reason: reason.to_owned(),
    }
}
