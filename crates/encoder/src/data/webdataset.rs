//! Tar files in the WebDataset layout, by the rule of the package webdataset: the key of a sample ends at the first point
//! of the name behind its last slash, folders are a part of it, and what follows the point says what a member is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use modality_gap_shards::{foreign_kind, is_about_the_archive, not_a_file, sample_key};
use serde_json::{Map, Value};

use super::names::{
    IMAGE_ENDINGS, bad, captions_of, ending, is_member, is_other_image, no_empty_caption, other_image,
    text_of,
};
use super::{BadPairs, ImagePlace, Pair, TRAIN};
use crate::error::{EncoderError, Result};

/// Most bytes of a caption's or record's member.
const MAX_TEXT: u64 = 16 << 20;

/// Members of one key; those of a kind that there may be one of only are all kept, to be named.
#[derive(Default)]
pub(super) struct Sample {
    images: Vec<Member<ImagePlace>>,
    texts: Vec<Member<String>>,
    records: Vec<Member<Map<String, Value>>>,
    /// Images of a kind that is not read.
    others: Vec<String>,
    /// What is wrong with a member.
    faults: Vec<String>,
}

struct Member<T> {
    name: String,
    /// What stands between the key and the ending, such as `0` in `v1.0.jpg`.
    middle: String,
    value: T,
}

/// The pairs of a tar file in the order of their first members; images stay in it.
///
/// # Errors
/// A tar file that is damaged or continues behind its end. Samples that are not a pair go to `bad_pairs`.
pub(super) fn read(path: &Path, bad_pairs: &mut BadPairs) -> Result<Vec<Pair>> {
    let file = open(path)?;
    let failed = |row: usize, error: io::Error| {
        // of another kind from its first bytes on, it is not damaged
        let kind = foreign_kind(path).ok().flatten();
        match kind.filter(|kind| row == 0 && !kind.what.starts_with("a tar")) {
            Some(kind) => EncoderError::BadData {
                file: path.to_owned(),
                row: None,
                reason: format!("it is not a tar archive but {kind}"),
            },
            None => bad(path, row, &format!("damaged tar file: {error}")),
        }
    };
    let mut archive = tar::Archive::new(file);
    let mut samples: Vec<(String, Sample)> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    for (member, entry) in archive.entries().map_err(|error| failed(0, error))?.enumerate() {
        let mut entry = entry.map_err(|error| failed(member, error))?;
        let kind = entry.header().entry_type();
        let name = entry.path().map_err(|error| failed(member, error))?;
        let name = name.to_string_lossy().into_owned();
        if kind.is_dir() || is_about_the_archive(&name) {
            continue;
        }
        let other = not_a_file(kind);
        if other.is_some() && !is_member(&ending(Path::new(&name))) {
            continue;
        }
        let Some((key, suffix)) = sample_key(&name) else {
            let reason = format!(
                "the member {name} has no key: its name {}",
                if name.rsplit('/').next().is_some_and(|base| base.starts_with('.')) {
                    "begins with a point, as what macOS adds to an archive"
                } else {
                    "has no ending"
                }
            );
            bad_pairs.add(bad(path, member, &reason))?;
            continue;
        };
        let at = *index.entry(key.to_owned()).or_insert_with(|| {
            samples.push((key.to_owned(), Sample::default()));
            samples.len() - 1
        });
        if let Some(other) = other {
            samples[at].1.fault(format!(
                "{name} is {other}; archives with the files themselves are read: pack them with tar --dereference --hard-dereference"
            ));
            continue;
        }
        let place = ImagePlace::Tar {
            file: path.to_owned(),
            name: name.clone(),
            offset: entry.raw_file_position(),
            bytes: entry.size(),
        };
        samples[at].1.take(&name, suffix, place, &mut entry);
    }
    ends_here(path, archive.into_inner())?;
    let mut pairs = Vec::with_capacity(samples.len());
    for (row, (key, sample)) in samples.into_iter().enumerate() {
        let pair = sample.pair(&key).map_err(|reason| bad(path, row, &reason));
        pairs.extend(bad_pairs.keep(pair)?);
    }
    Ok(pairs)
}

impl Sample {
    /// Notes what is wrong with a member.
    pub fn fault(&mut self, reason: String) {
        self.faults.push(reason);
    }

    /// Whether it is JSON by itself, without a caption.
    pub fn is_record_without_caption(&self) -> bool {
        let beside = self.images.len() + self.texts.len() + self.others.len();
        let captioned =
            |record: &Member<Map<String, Value>>| captions_of(&mut record.value.clone()).is_some();
        let json = |fault: &String| {
            let name = fault.split_once(':').map_or("", |(name, _)| name);
            ending(Path::new(name)) == "json"
        };
        beside == 0 && self.faults.iter().all(json) && !self.records.iter().any(captioned)
    }

    /// Takes a member of this name, whose content is read where it is text.
    pub fn take(&mut self, name: &str, suffix: &str, place: ImagePlace, content: &mut impl Read) {
        let kind = ending(Path::new(name));
        let middle = suffix
            .rsplit_once('.')
            .map_or(String::new(), |(middle, _)| middle.to_lowercase());
        let name = name.to_owned();
        match kind.as_str() {
            image if IMAGE_ENDINGS.contains(&image) => self.images.push(Member {
                name,
                middle,
                value: place,
            }),
            "txt" | "caption" | "text" => match text_member(content) {
                Ok(value) => self.texts.push(Member { name, middle, value }),
                Err(reason) => self.faults.push(format!("{name}: {reason}")),
            },
            "json" => {
                let record = text_member(content)
                    .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
                match record {
                    Ok(value) => self.records.push(Member { name, middle, value }),
                    Err(reason) => self.faults.push(format!("{name}: {reason}")),
                }
            }
            other if is_other_image(other) => self.others.push(name),
            _ => {}
        }
    }

    /// The pair that it is, or why it is none.
    pub fn pair(mut self, key: &str) -> std::result::Result<Pair, String> {
        if let Some(fault) = self.faults.first() {
            return Err(fault.clone());
        }
        let image = one(key, "images", &mut self.images)?;
        let text = one(key, "captions", &mut self.texts)?;
        let record = one(key, "records", &mut self.records)?;
        let Some(image) = image else {
            return Err(match self.others.first() {
                Some(name) => other_image(name),
                None => format!("{key} has no image"),
            });
        };
        for (name, middle) in [
            text.as_ref().map(|text| (&text.name, &text.middle)),
            record.as_ref().map(|record| (&record.name, &record.middle)),
        ]
        .into_iter()
        .flatten()
        {
            if *middle != image.middle {
                return Err(format!(
                    "{} and {name} have one key, {key}, and differ behind it; {RENAME}",
                    image.name
                ));
            }
        }
        let mut fields = record.map_or(Map::new(), |record| record.value);
        if let Some(text) = text {
            // img2dataset writes the caption into both
            if let Some(recorded) = captions_of(&mut fields.clone())
                && !recorded.iter().any(|caption| caption.trim() == text.value.trim())
            {
                return Err(format!(
                    "{} holds another caption than the .json of its key, {key}; keep one of the two",
                    text.name
                ));
            }
            fields.insert("caption".to_owned(), Value::String(text.value));
            fields.remove("captions");
        }
        let captions = captions_of(&mut fields).ok_or_else(|| {
            format!(
                "{key} has no caption: neither a .txt nor a caption in a .json stands beside {}",
                image.name
            )
        })?;
        no_empty_caption(&captions)?;
        Ok(Pair {
            image: image.value,
            captions,
            split: TRAIN.to_owned(),
            fields,
        })
    }
}

const RENAME: &str =
    "a key ends at the first point of the name: rename the members, 22.00.jpg to 22_00.jpg for example";

/// The only member of its kind.
fn one<T>(
    key: &str,
    kind: &str,
    members: &mut Vec<Member<T>>,
) -> std::result::Result<Option<Member<T>>, String> {
    match &members[..] {
        [first, second, ..] if first.name == second.name => Err(format!(
            "{} stands in it {} times; an archive that was appended to holds old and new members: write it anew",
            first.name,
            members.len()
        )),
        [first, second, ..] => Err(format!(
            "{} and {} are two {kind} of one key, {key}; {RENAME}",
            first.name, second.name
        )),
        _ => Ok(members.pop()),
    }
}

fn text_member(content: &mut impl Read) -> std::result::Result<String, String> {
    let bytes = bounded(content).map_err(|error| error.to_string())?;
    text_of(bytes)
}

/// Opens a regular file: a pipe or device has no end.
pub(super) fn open(path: &Path) -> Result<File> {
    let failed = |error| EncoderError::reading(path, error);
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(EncoderError::BadData {
            file: path.to_owned(),
            row: None,
            reason: "it is not a regular file".to_owned(),
        });
    }
    File::open(path).map_err(failed)
}

/// The bytes of a text, which has an end.
pub(super) fn bounded(content: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = content.take(MAX_TEXT + 1).read_to_end(&mut bytes)?;
    if read as u64 > MAX_TEXT {
        let reason = format!("a caption has at most {MAX_TEXT} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(bytes)
}

/// Refuses what stands behind the end of the archive: two archives one after the other are read as the first alone.
fn ends_here(path: &Path, mut file: File) -> Result<()> {
    let failed = |error| EncoderError::reading(path, error);
    let end = file.stream_position().map_err(failed)?;
    let mut block = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut block).map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        if block[..read].iter().any(|&byte| byte != 0) {
            return Err(EncoderError::BadData {
                file: path.to_owned(),
                row: None,
                reason: format!(
                    "the archive ends at byte {end}, and more follows: two archives were put one behind the other; \
                     give them one by one, or join them with tar --concatenate"
                ),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// img2dataset writes the caption of a sample into its .txt and its .json.
    #[test]
    fn the_caption_of_a_text_stands_for_those_of_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("00000.tar");
        let mut archive = tar::Builder::new(File::create(&path).unwrap());
        for (name, content) in [
            ("000.png", "picture"),
            ("000.txt", "a fox"),
            (
                "000.json",
                "{\"captions\": [\"a fox\", \"a red fox\"], \"width\": 3}",
            ),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, name, content.as_bytes())
                .unwrap();
        }
        archive.finish().unwrap();
        drop(archive);
        let pairs = read(&path, &mut BadPairs::default()).unwrap();
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].captions, ["a fox"]);
        assert_eq!(pairs[0].fields.keys().collect::<Vec<_>>(), ["width"]);
    }
}
