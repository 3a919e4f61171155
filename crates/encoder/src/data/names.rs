//! Names of files and of fields that lists of pairs use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use modality_gap_shards::split_of_name;
use serde_json::{Map, Value};

use super::TRAIN;
use crate::error::EncoderError;

/// Names of the columns that may hold the image's path and the caption, the first that is there counts.
pub(super) const IMAGE_KEYS: [&str; 5] = ["image", "image_path", "file_name", "filepath", "path"];
/// The one that the lists of an `imagefolder` go by.
pub(super) const IMAGEFOLDER_KEY: &str = "file_name";
pub(super) const CAPTION_KEYS: [&str; 5] = ["captions", "caption", "text", "title", "label"];
/// Endings of images that the decoder knows.
pub(super) const IMAGE_ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];
/// Endings of images that it does not know.
const OTHER_IMAGE_ENDINGS: [&str; 16] = [
    "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2", "ppm", "pgm", "svg", "ico", "jfif",
    "jpe", "apng",
];

/// Whether an ending is that of an image that is not read.
pub(super) fn is_other_image(ending: &str) -> bool {
    OTHER_IMAGE_ENDINGS.contains(&ending)
}

/// Whether files of an ending belong to pairs: images, captions and records.
pub(super) fn is_member(ending: &str) -> bool {
    IMAGE_ENDINGS.contains(&ending)
        || is_other_image(ending)
        || ["txt", "caption", "text", "json"].contains(&ending)
}

/// What is said of an image that is not read.
pub(super) fn other_image(name: &str) -> String {
    format!("{name} is of a kind that is not read; PNG, JPEG and WebP are: convert it")
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

/// Refuses a caption without a letter: it describes no image, and stands where one is missing.
pub(super) fn no_empty_caption(captions: &[String]) -> Result<(), String> {
    match captions.iter().position(|caption| caption.trim().is_empty()) {
        Some(_) if captions.len() == 1 => Err("its caption is empty".to_owned()),
        Some(at) => Err(format!("caption {at} of its {} is empty", captions.len())),
        None => Ok(()),
    }
}

/// The split of each file below a folder by the words of its place in it: `train/` beside `test/`. Where the files do not
/// say several, all are of the training.
pub(super) fn splits_of(
    folder: &Path,
    files: &[PathBuf],
    words: impl Fn(&Path) -> String,
) -> Vec<&'static str> {
    let split = |file: &PathBuf| split_of_name(&words(file.strip_prefix(folder).unwrap_or(file)));
    let said: Vec<Option<&str>> = files.iter().map(split).collect();
    let several = said.iter().flatten().collect::<BTreeSet<_>>().len() > 1;
    said.into_iter()
        .map(|split| split.filter(|_| several).unwrap_or(TRAIN))
        .collect()
}

/// The ending of a name in lower case.
pub(super) fn ending(path: &Path) -> String {
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
}

/// A text as its file holds it: UTF-8, without a byte order mark and without blanks around it.
pub(super) fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("it is text in UTF-16; save it in UTF-8: iconv -f utf-16 -t utf-8".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8 from byte {at} on; if it is Latin-1, convert it: iconv -f latin1 -t utf8")
    })?;
    Ok(text.trim_start_matches('\u{feff}').trim().to_owned())
}

pub(super) fn bad(file: &Path, row: usize, reason: &str) -> EncoderError {
    EncoderError::BadData {
        file: file.to_owned(),
        row: Some(row as u64),
        reason: reason.to_owned(),
    }
}
