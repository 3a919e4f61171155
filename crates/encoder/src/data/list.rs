//! Lists of pairs: jsonl, csv, tar files in the WebDataset layout, and folders with one of them or with images and captions.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use modality_gap_shards::card_with_files;
use serde_json::{Map, Value};

use super::folder::{Files, leads_out, plain, unnamed_images};
use super::names::{
    CAPTION_KEYS, IMAGE_KEYS, IMAGEFOLDER_KEY, bad, captions_of, ending, no_empty_caption, splits_of, text_of,
};
use super::{BadPairs, ImagePlace, Pair, TRAIN, table, webdataset};
use crate::error::{EncoderError, Result};

/// Lists that a folder may hold, as in the `imagefolder` layout.
const LISTS: [&str; 4] = ["pairs.jsonl", "metadata.jsonl", "captions.jsonl", "metadata.csv"];
/// Most bytes of one record of a list.
const MAX_RECORD: u64 = 64 << 20;

/// Reads the pairs of every path, in order. Paths of images are relative to the list that names them, and lead out of its
/// folder only if `outside` is set. Pairs that cannot be used go to `bad_pairs`.
///
/// # Errors
/// A list that cannot be read as a whole, or holds no pair.
pub fn read_pairs(paths: &[PathBuf], outside: bool, bad_pairs: &mut BadPairs) -> Result<Vec<Pair>> {
    let mut reader = Reader {
        outside,
        bad_pairs,
        named: BTreeSet::new(),
    };
    let mut pairs = Vec::new();
    for path in paths {
        pairs.extend(reader.read_one(path)?);
    }
    if pairs.is_empty() && reader.bad_pairs.found().count == 0 {
        let file = paths.first().cloned().unwrap_or_default();
        return Err(EncoderError::BadData {
            file,
            row: None,
            reason: "it holds no pairs".to_owned(),
        });
    }
    Ok(pairs)
}

struct Reader<'a> {
    outside: bool,
    bad_pairs: &'a mut BadPairs,
    /// Images that records have named, also those whose record is bad.
    named: BTreeSet<PathBuf>,
}

impl Reader<'_> {
    fn read_one(&mut self, path: &Path) -> Result<Vec<Pair>> {
        let metadata = fs::metadata(path).map_err(|error| EncoderError::reading(path, error))?;
        if metadata.is_dir() {
            return self.read_folder(path);
        }
        let reason = match ending(path).as_str() {
            _ if !metadata.is_file() => "it is not a regular file".to_owned(),
            "jsonl" | "ndjson" => return self.read_jsonl(path),
            "csv" => return self.read_csv(path),
            "tar" => return webdataset::read(path, self.bad_pairs),
            other => format!("a list of pairs ends in .jsonl, .csv or .tar, not in .{other}"),
        };
        Err(EncoderError::BadData {
            file: path.to_owned(),
            row: None,
            reason,
        })
    }

    fn read_folder(&mut self, folder: &Path) -> Result<Vec<Pair>> {
        if let Some(card) = card_with_files(folder)? {
            return Err(EncoderError::BadData {
                file: card,
                row: None,
                reason: "it says which files are of which split (`configs`), which is not followed for images and captions; name the \
                         list, the archives or the folder of one split"
                    .to_owned(),
            });
        }
        let lists: Vec<&str> = LISTS
            .into_iter()
            .filter(|name| folder.join(name).is_file())
            .collect();
        match lists[..] {
            [] => {}
            [list] => return self.read_listed(folder, list),
            _ => {
                return Err(EncoderError::BadData {
                    file: folder.to_owned(),
                    row: None,
                    reason: format!("it holds several lists: name one of {}", lists.join(", ")),
                });
            }
        }
        let files = Files::of(folder, &LISTS, self.bad_pairs)?;
        files.check(folder, &LISTS)?;
        if files.tars.is_empty() {
            return files.pairs(folder, self.outside, self.bad_pairs);
        }
        let root = if self.outside {
            None
        } else {
            folder.canonicalize().ok()
        };
        let splits = splits_of(folder, &files.tars, |tar| tar.to_string_lossy().into_owned());
        let mut pairs = Vec::new();
        for (tar, split) in files.tars.iter().zip(splits) {
            if leads_out(root.as_deref(), tar) {
                return Err(EncoderError::BadData {
                    file: tar.clone(),
                    row: None,
                    reason: format!("it is a link to a file outside of its folder; {ALLOW}"),
                });
            }
            let mut found = webdataset::read(tar, self.bad_pairs)?;
            for pair in &mut found {
                split.clone_into(&mut pair.split);
            }
            pairs.append(&mut found);
        }
        Ok(pairs)
    }

    /// The pairs of a folder's list; images of the folder that it does not name are bad pairs.
    fn read_listed(&mut self, folder: &Path, list: &str) -> Result<Vec<Pair>> {
        let pairs = self.read_one(&folder.join(list))?;
        for image in unnamed_images(folder, list, &LISTS, &self.named)? {
            let reason = format!(
                "no record of {list} names it; name it there, or give the list itself, {}",
                folder.join(list).display()
            );
            self.bad_pairs.add(EncoderError::BadData {
                file: image,
                row: None,
                reason,
            })?;
        }
        Ok(pairs)
    }

    fn read_jsonl(&mut self, path: &Path) -> Result<Vec<Pair>> {
        let failed = |error| EncoderError::reading(path, error);
        let mut file = BufReader::new(webdataset::open(path)?);
        let mut pairs = Vec::new();
        let mut line = Vec::new();
        for row in 0.. {
            line.clear();
            // and the end of the line
            let read = file.by_ref().take(MAX_RECORD + 2).read_until(b'\n', &mut line);
            let read = read.map_err(failed)?;
            if read == 0 {
                break;
            }
            let record = line.strip_suffix(b"\n").unwrap_or(&line);
            if record.strip_suffix(b"\r").unwrap_or(record).len() as u64 > MAX_RECORD {
                return Err(bad(path, row, &format!("it has more than {MAX_RECORD} bytes")));
            }
            let start = if row == 0 { b"\xef\xbb\xbf".as_slice() } else { &[] };
            let text = line.strip_prefix(start).unwrap_or(&line);
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let pair = serde_json::from_slice(text)
                .map_err(|error| bad(path, row, &error.to_string()))
                .and_then(|fields| self.pair_of(fields, path, row));
            pairs.extend(self.bad_pairs.keep(pair)?);
        }
        Ok(pairs)
    }

    fn read_csv(&mut self, path: &Path) -> Result<Vec<Pair>> {
        let mut bytes = Vec::new();
        let read = webdataset::open(path)?.read_to_end(&mut bytes);
        read.map_err(|error| EncoderError::reading(path, error))?;
        let text = text_of(bytes).map_err(|reason| EncoderError::BadData {
            file: path.to_owned(),
            row: None,
            reason,
        })?;
        let mut records = table::records(&text).into_iter();
        let header = records.next().unwrap_or_default();
        if let Some(name) = twice(&header) {
            return Err(EncoderError::BadData {
                file: path.to_owned(),
                row: None,
                reason: format!("its header has the column {name} twice; rename one"),
            });
        }
        let mut pairs = Vec::new();
        for (row, record) in records.enumerate() {
            let pair = if record.len() == header.len() {
                let values = record.into_iter().map(Value::String);
                let fields = header.iter().cloned().zip(values).collect();
                self.pair_of(fields, path, row)
            } else {
                let reason = format!("{} columns where the header has {}", record.len(), header.len());
                Err(bad(path, row, &reason))
            };
            pairs.extend(self.bad_pairs.keep(pair)?);
        }
        Ok(pairs)
    }

    fn pair_of(&mut self, mut fields: Map<String, Value>, list: &Path, row: usize) -> Result<Pair> {
        let image = image_of(&mut fields, list).map_err(|reason| bad(list, row, &reason))?;
        let folder = list.parent().unwrap_or(Path::new(""));
        self.named.insert(plain(&folder.join(&image)));
        let captions = captions_of(&mut fields).ok_or_else(|| {
            let reason = format!("it has no caption; one of {} holds it", CAPTION_KEYS.join(", "));
            bad(list, row, &reason)
        })?;
        no_empty_caption(&captions).map_err(|reason| bad(list, row, &reason))?;
        let split = match fields.remove("split") {
            Some(Value::String(split)) if !split.is_empty() => split,
            _ => TRAIN.to_owned(),
        };
        if !self.outside && !is_inside(folder, Path::new(&image)) {
            let reason = format!("{image} lies outside of the folder of this list; {ALLOW}");
            return Err(bad(list, row, &reason));
        }
        if !self.outside && is_link_out(folder, &folder.join(&image)) {
            let reason = format!("{image} is a link to a file outside of the folder of this list; {ALLOW}");
            return Err(bad(list, row, &reason));
        }
        Ok(Pair {
            image: ImagePlace::File(folder.join(image)),
            captions,
            split,
            fields,
        })
    }
}

const ALLOW: &str = "the option allowOutsideImages (--allow-outside-images) reads it";

/// The image that a record names. In the lists of an `imagefolder` this is its `file_name`; elsewhere it has one name.
fn image_of(fields: &mut Map<String, Value>, list: &Path) -> std::result::Result<String, String> {
    let name = list.file_name().unwrap_or_default().to_string_lossy();
    let mut named: Vec<(&str, String)> = Vec::new();
    for key in IMAGE_KEYS {
        if let Some(Value::String(image)) = fields.get(key) {
            named.push((key, image.clone()));
        }
    }
    if name.starts_with("metadata.") {
        named.sort_by_key(|(key, _)| *key != IMAGEFOLDER_KEY);
        named.truncate(1);
    }
    match &named[..] {
        [] => Err(format!(
            "it names no image; one of {} does",
            IMAGE_KEYS.join(", ")
        )),
        [(key, image), rest @ ..] => {
            if let Some((other, second)) = rest.iter().find(|(_, other)| other != image) {
                return Err(format!(
                    "it names two images, {image} as {key} and {second} as {other}; keep one of the two"
                ));
            }
            fields.remove(*key);
            Ok(image.clone())
        }
    }
}

/// Whether a file of a list in `folder` is a link that leads out of it.
fn is_link_out(folder: &Path, image: &Path) -> bool {
    let here = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    leads_out(here.canonicalize().ok().as_deref(), image)
}

/// A name that stands twice.
fn twice(names: &[String]) -> Option<&String> {
    let mut seen = BTreeSet::new();
    names.iter().find(|name| !seen.insert(name.as_str()))
}

/// Whether a path that a list in `folder` names stays in that folder, by its words alone.
fn is_inside(folder: &Path, image: &Path) -> bool {
    let within = if image.is_absolute() {
        let Ok(folder) = std::path::absolute(folder) else {
            return false;
        };
        match image.strip_prefix(folder) {
            Ok(rest) => rest.to_owned(),
            Err(_) => return false,
        }
    } else {
        image.to_owned()
    };
    let mut depth = 0_i64;
    for part in within.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_leads_out_of_its_folder_by_words_only_if_it_says_so() {
        let folder = std::env::temp_dir();
        for (image, inside) in [
            ("a.png", true),
            ("./sub/a.png", true),
            ("sub/../a.png", true),
            ("../a.png", false),
            ("sub/../../a.png", false),
            ("/etc/hostname", false),
        ] {
            assert_eq!(is_inside(&folder, Path::new(image)), inside, "{image}");
        }
        assert!(is_inside(&folder, &folder.join("a.png")));
        assert!(!is_inside(&folder, &folder.join("../a.png")));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_list() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.png"), "").unwrap();
        for (name, text) in [
            ("pairs.jsonl", "{\"image\": \"a.png\", \"caption\": \"a fox\"}\n"),
            ("pairs.csv", "image,caption\na.png,a fox\n"),
        ] {
            let list = folder.path().join(name);
            fs::write(&list, format!("\u{feff}{text}")).unwrap();
            let mut bad = BadPairs::default();
            let pairs = read_pairs(&[list], false, &mut bad).unwrap();
            assert_eq!(pairs.len(), 1, "{name}");
            assert_eq!(pairs[0].captions, ["a fox"], "{name}");
        }
    }

    /// `datasets.load_dataset` would take the files of one split only.
    #[test]
    fn a_card_that_lists_files_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("pairs.jsonl", "{\"image\": \"a.png\", \"caption\": \"a\"}\n");
        write("a.png", "");
        let read = || {
            let mut bad = BadPairs::default();
            read_pairs(&[folder.path().to_owned()], false, &mut bad).map(|pairs| pairs.len())
        };
        write(
            "README.md",
            "---\nlicense: mit\nconfigs:\n- config_name: default\n---\n# Pairs\n",
        );
        assert_eq!(read().unwrap(), 1, "a card without files says nothing");
        for says in [
            "data_files:\n  - split: train\n    path: pairs.jsonl",
            "data_dir: below",
        ] {
            write(
                "README.md",
                &format!("---\nconfigs:\n- config_name: default\n  {says}\n---\n"),
            );
            let error = read().unwrap_err().to_string();
            assert!(
                error.contains("README.md") && error.contains("configs"),
                "{error}"
            );
        }
    }
}
