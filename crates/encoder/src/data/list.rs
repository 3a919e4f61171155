//! Lists of pairs: jsonl, csv, tar files in the WebDataset layout, and folders with one of them or with text files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{ImagePlace, Pair, TRAIN, table, webdataset};
use crate::error::{EncoderError, Result};

/// Names of the columns that may hold the image's path and the caption, the first that is there counts.
const IMAGE_KEYS: [&str; 5] = ["image", "image_path", "file_name", "filepath", "path"];
const CAPTION_KEYS: [&str; 5] = ["captions", "caption", "text", "title", "label"];
/// Endings of images that the decoder knows.
pub(super) const IMAGE_ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];
/// Lists that a folder may hold, as in the `imagefolder` layout.
const LISTS: [&str; 4] = ["pairs.jsonl", "metadata.jsonl", "captions.jsonl", "metadata.csv"];

/// Reads the pairs of every path, in order. Paths of images are relative to the list that names them.
///
/// # Errors
/// The list and the record that cannot be used; nothing is left out silently.
pub fn read_pairs(paths: &[PathBuf]) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for path in paths {
        pairs.extend(read_one(path)?);
    }
    if pairs.is_empty() {
        let file = paths.first().cloned().unwrap_or_default();
        return Err(EncoderError::BadData {
            file,
            row: None,
            reason: "it holds no pairs".to_owned(),
        });
    }
    Ok(pairs)
}

fn read_one(path: &Path) -> Result<Vec<Pair>> {
    if fs::metadata(path)
        .map_err(|error| EncoderError::reading(path, error))?
        .is_dir()
    {
        return read_folder(path);
    }
    match ending(path).as_str() {
        "jsonl" | "ndjson" => read_jsonl(path),
        "csv" => read_csv(path),
        "tar" => webdataset::read(path),
        other => {
            let reason = format!("a list of pairs ends in .jsonl, .csv or .tar, not in .{other}");
            Err(EncoderError::BadData {
                file: path.to_owned(),
                row: None,
                reason,
            })
        }
    }
}

fn read_folder(folder: &Path) -> Result<Vec<Pair>> {
    if let Some(list) = LISTS
        .iter()
        .map(|name| folder.join(name))
        .find(|list| list.is_file())
    {
        return read_one(&list);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| EncoderError::reading(folder, error))? {
        files.push(
            entry
                .map_err(|error| EncoderError::reading(folder, error))?
                .path(),
        );
    }
    files.sort();
    let of = |wanted: &[&str]| -> Vec<PathBuf> {
        files
            .iter()
            .filter(|file| wanted.contains(&ending(file).as_str()))
            .cloned()
            .collect()
    };
    let tars = of(&["tar"]);
    if !tars.is_empty() {
        return tars
            .iter()
            .map(|tar| webdataset::read(tar))
            .collect::<Result<Vec<_>>>()
            .map(|all| all.concat());
    }
    of(&IMAGE_ENDINGS).into_iter().map(with_text_file).collect()
}

/// The caption is the text file of the same name.
fn with_text_file(image: PathBuf) -> Result<Pair> {
    let text = image.with_extension("txt");
    let caption = fs::read_to_string(&text).map_err(|error| EncoderError::reading(&text, error))?;
    Ok(Pair {
        image: ImagePlace::File(image),
        captions: vec![caption.trim().to_owned()],
        split: TRAIN.to_owned(),
        fields: Map::new(),
    })
}

fn read_jsonl(path: &Path) -> Result<Vec<Pair>> {
    let file = fs::File::open(path).map_err(|error| EncoderError::reading(path, error))?;
    let mut pairs = Vec::new();
    for (row, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| EncoderError::reading(path, error))?;
        if line.trim().is_empty() {
            continue;
        }
        let fields = serde_json::from_str(&line).map_err(|error| bad(path, row, &error.to_string()))?;
        pairs.push(pair_of(fields, path, row)?);
    }
    Ok(pairs)
}

fn read_csv(path: &Path) -> Result<Vec<Pair>> {
    let text = fs::read_to_string(path).map_err(|error| EncoderError::reading(path, error))?;
    let mut records = table::records(&text).into_iter();
    let header = records.next().unwrap_or_default();
    let pairs = records.enumerate().map(|(row, record)| {
        if record.len() != header.len() {
            let reason = format!("{} columns where the header has {}", record.len(), header.len());
            return Err(bad(path, row, &reason));
        }
        let fields = header
            .iter()
            .cloned()
            .zip(record.into_iter().map(Value::String))
            .collect();
        pair_of(fields, path, row)
    });
    pairs.collect()
}

fn pair_of(mut fields: Map<String, Value>, list: &Path, row: usize) -> Result<Pair> {
    let image = IMAGE_KEYS.iter().find_map(|key| fields.remove(*key));
    let Some(Value::String(image)) = image else {
        return Err(bad(
            list,
            row,
            &format!("it names no image; one of {} does", IMAGE_KEYS.join(", ")),
        ));
    };
    let captions = captions_of(&mut fields).ok_or_else(|| {
        bad(
            list,
            row,
            &format!("it has no caption; one of {} holds it", CAPTION_KEYS.join(", ")),
        )
    })?;
    let split = match fields.remove("split") {
        Some(Value::String(split)) if !split.is_empty() => split,
        _ => TRAIN.to_owned(),
    };
    let image = list.parent().unwrap_or(Path::new("")).join(image);
    Ok(Pair {
        image: ImagePlace::File(image),
        captions,
        split,
        fields,
    })
}

/// One caption or several.
pub(super) fn captions_of(fields: &mut Map<String, Value>) -> Option<Vec<String>> {
    let captions: Vec<String> = match CAPTION_KEYS.iter().find_map(|key| fields.remove(*key))? {
        Value::String(caption) => vec![caption],
        Value::Array(captions) => captions
            .into_iter()
            .map(|caption| caption.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    (!captions.is_empty()).then_some(captions)
}

/// The ending of a name in lower case.
pub(super) fn ending(path: &Path) -> String {
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
}

pub(super) fn bad(file: &Path, row: usize, reason: &str) -> EncoderError {
    EncoderError::BadData {
        file: file.to_owned(),
        row: Some(row as u64),
        reason: reason.to_owned(),
    }
}
