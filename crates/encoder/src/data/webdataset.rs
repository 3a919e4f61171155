//! Tar files in the WebDataset layout: members of one name up to the first dot belong together.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use super::list::{IMAGE_ENDINGS, bad, captions_of, ending};
use super::{ImagePlace, Pair, TRAIN};
use crate::error::{EncoderError, Result};

#[derive(Default)]
struct Sample {
    image: Option<ImagePlace>,
    fields: Map<String, Value>,
}

/// The pairs of a tar file in the order of their first members; images stay in it.
pub(super) fn read(path: &Path) -> Result<Vec<Pair>> {
    let file = File::open(path).map_err(|error| EncoderError::reading(path, error))?;
    let mut archive = tar::Archive::new(file);
    let mut samples: Vec<(String, Sample)> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    let failed = |row: usize, error: std::io::Error| bad(path, row, &format!("damaged tar file: {error}"));
    for (member, entry) in archive.entries().map_err(|error| failed(0, error))?.enumerate() {
        let mut entry = entry.map_err(|error| failed(member, error))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry
            .path()
            .map_err(|error| failed(member, error))?
            .to_string_lossy()
            .into_owned();
        let key = key_of(&name);
        let at = *index.entry(key.clone()).or_insert_with(|| {
            samples.push((key, Sample::default()));
            samples.len() - 1
        });
        let sample = &mut samples[at].1;
        match ending(Path::new(&name)).as_str() {
            image if IMAGE_ENDINGS.contains(&image) => {
                let (offset, bytes) = (entry.raw_file_position(), entry.size());
                sample.image = Some(ImagePlace::Tar {
                    file: path.to_owned(),
                    name,
                    offset,
                    bytes,
                });
            }
            "txt" | "caption" | "text" => {
                let mut text = String::new();
                entry
                    .read_to_string(&mut text)
                    .map_err(|error| failed(member, error))?;
                sample
                    .fields
                    .insert("caption".to_owned(), Value::String(text.trim().to_owned()));
            }
            "json" => {
                let fields: Map<String, Value> = serde_json::from_reader(&mut entry)
                    .map_err(|error| bad(path, member, &format!("{name}: {error}")))?;
                for (key, value) in fields {
                    // a text file beside it has the last word
                    sample.fields.entry(key).or_insert(value);
                }
            }
            _ => {}
        }
    }
    samples
        .into_iter()
        .enumerate()
        .map(|(row, (key, sample))| pair_of(path, row, &key, sample))
        .collect()
}

fn pair_of(path: &Path, row: usize, key: &str, mut sample: Sample) -> Result<Pair> {
    let image = sample
        .image
        .ok_or_else(|| bad(path, row, &format!("{key} has no image")))?;
    let captions =
        captions_of(&mut sample.fields).ok_or_else(|| bad(path, row, &format!("{key} has no caption")))?;
    Ok(Pair {
        image,
        captions,
        split: TRAIN.to_owned(),
        fields: sample.fields,
    })
}

/// The folder and the name up to its first dot.
fn key_of(name: &str) -> String {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[base..].find('.').map_or(name.len(), |dot| base + dot);
    name[..dot].to_owned()
}
