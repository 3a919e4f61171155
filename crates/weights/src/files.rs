//! Which files of a folder hold the weights, in the order in which `transformers` looks for them.

use std::path::{Path, PathBuf};

use modality_gap_shards::{Input, ShardError};

use crate::{Result, WeightsError};

/// Most bytes of a text file of a model; tokenizers of 250,000 tokens have 35 MB.
const MAX_TEXT: u64 = 256 << 20;

/// The files that hold the weights of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightFiles {
    /// Safetensors: one file, or the parts of an index.
    Safetensors {
        /// What to name in errors: the file, or the index.
        name: PathBuf,
        /// The files.
        parts: Vec<PathBuf>,
    },
    /// PyTorch's files, likewise.
    Torch {
        /// What to name in errors: the file, or the index.
        name: PathBuf,
        /// The files.
        parts: Vec<PathBuf>,
    },
}

impl WeightFiles {
    /// `model.safetensors`, the parts of `model.safetensors.index.json`, `pytorch_model.bin`, the parts of
    /// `pytorch_model.bin.index.json`: the first that is there. A whole file goes before an index beside it.
    ///
    /// # Errors
    /// `NotFound` names the first of these files; an index that is damaged or names files outside of its folder.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        type Make = fn(PathBuf, Vec<PathBuf>) -> WeightFiles;
        let kinds: [(&str, Make); 2] = [
            ("model.safetensors", |name, parts| Self::Safetensors {
                name,
                parts,
            }),
            ("pytorch_model.bin", |name, parts| Self::Torch { name, parts }),
        ];
        for (name, make) in kinds {
            let whole = folder.join(name);
            if whole.is_file() {
                return Ok(make(whole.clone(), vec![whole]));
            }
            let index = folder.join(format!("{name}.index.json"));
            if let Some(text) = text_if_there(&index)? {
                let parts = parts(folder, &text).map_err(|reason| WeightsError::bad(&index, reason))?;
                return Ok(make(index, parts));
            }
        }
        Err(WeightsError::NotFound {
            file: folder.join(kinds[0].0),
        })
    }
}

/// The files that an index names, each once, all inside the folder.
fn parts(folder: &Path, index: &str) -> std::result::Result<Vec<PathBuf>, String> {
    let index: serde_json::Value = serde_json::from_str(index).map_err(|error| error.to_string())?;
    let map = index["weight_map"].as_object().ok_or("it has no weight_map")?;
    let mut names = Vec::with_capacity(map.len());
    for (tensor, file) in map {
        let file = file
            .as_str()
            .ok_or_else(|| format!("weight_map names no file for {tensor}"))?;
        if file.contains(['/', '\\']) || Path::new(file).is_absolute() {
            return Err("it names files outside of its folder".to_owned());
        }
        names.push(file);
    }
    names.sort_unstable();
    names.dedup();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The text of a small file, or `None` when it is not there. A byte order mark is not part of it.
///
/// # Errors
/// `Unreadable`, or `Bad` when it is not UTF-8, no regular file or longer than any such file is.
pub fn text_if_there(file: &Path) -> Result<Option<String>> {
    let input = match Input::open(file) {
        Err(ShardError::NotFound { .. }) => return Ok(None),
        other => other.map_err(|error| WeightsError::of_shard(file, error))?,
    };
    let len = input.len();
    if len > MAX_TEXT {
        return Err(WeightsError::bad(
            file,
            format!("has {len} bytes, at most {MAX_TEXT} are read"),
        ));
    }
    let bytes = input
        .bytes_at(0, len)
        .map_err(|error| WeightsError::of_shard(file, error))?;
    let text = String::from_utf8(bytes).map_err(|_| WeightsError::bad(file, "it is not UTF-8"))?;
    Ok(Some(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }))
}

/// The text of a small file.
///
/// # Errors
/// As [`text_if_there`], and `NotFound`.
pub fn text(file: &Path) -> Result<String> {
    text_if_there(file)?.ok_or_else(|| WeightsError::NotFound {
        file: file.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_kind_that_is_there_is_taken_and_a_whole_file_before_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        assert!(matches!(
            WeightFiles::in_folder(folder.path()),
            Err(WeightsError::NotFound { .. })
        ));
        let index = r#"{"weight_map": {"a": "p1", "b": "p2", "c": "p1"}}"#;
        let mut expected = Vec::new();
        for (name, text) in [
            ("pytorch_model.bin.index.json", index),
            ("pytorch_model.bin", ""),
            ("model.safetensors.index.json", index),
            ("model.safetensors", ""),
        ] {
            std::fs::write(place(name), text).unwrap();
            let parts = if text.is_empty() {
                vec![place(name)]
            } else {
                vec![place("p1"), place("p2")]
            };
            let name = place(name);
            expected.push(if name.to_string_lossy().contains("safetensors") {
                WeightFiles::Safetensors { name, parts }
            } else {
                WeightFiles::Torch { name, parts }
            });
            assert_eq!(
                &WeightFiles::in_folder(folder.path()).unwrap(),
                expected.last().unwrap()
            );
        }
    }

    #[test]
    fn an_index_that_leads_elsewhere_or_nowhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("model.safetensors.index.json");
        for (text, said) in [
            (r#"{"weight_map": {"a": "../b"}}"#, "outside of its folder"),
            (r#"{"weight_map": {"a": "/b"}}"#, "outside of its folder"),
            (r#"{"weight_map": {"a": 1}}"#, "no file for a"),
            ("{}", "no weight_map"),
            ("", "EOF"),
        ] {
            std::fs::write(&index, text).unwrap();
            let error = WeightFiles::in_folder(folder.path()).unwrap_err();
            assert!(error.to_string().contains(said), "{said}: {error}");
        }
    }
}
