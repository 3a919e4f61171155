//! Files that are no containers of rows and no damage either: named as what they are, with what to do.

use std::fmt;
use std::path::Path;

use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::input::Input;

/// First bytes of a file that are looked at.
pub(crate) const LOOKED_AT: u64 = 1024;

const SAVE: &str = "save its rows as npy, parquet, Arrow or safetensors";
const UNPACK: &str = "unpack it first";

/// Beginnings of files, what they are, and what to do.
const MAGIC: [(&[u8], &str, &str); 29] = [
    (b"\x1f\x8b", "gzip-compressed data", UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data", UNPACK),
    (b"\x04\x22\x4d\x18", "LZ4-compressed data", UNPACK),
    (b"BZh", "bzip2-compressed data", UNPACK),
    (b"\xfd7zXZ\0", "xz-compressed data", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"SQLite format 3\0", "an SQLite database", SAVE),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", SAVE),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file", SAVE),
    (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", PYTORCH, SAVE_TENSOR),
    (b"GGUF", "a GGUF model", SAVE),
    (b"ORC", "an ORC file", SAVE),
    (b"Obj\x01", "an Avro file", SAVE),
    (b"IxF", "a FAISS index", SAVE_INDEX),
    (b"Ixf", "a FAISS index", SAVE_INDEX),
    (b"IxM", "a FAISS index", SAVE_INDEX),
    (b"IwF", "a FAISS index", SAVE_INDEX),
    (b"IHN", "a FAISS index", SAVE_INDEX),
    (b"\x89PNG\r\n", "a picture", EMBED),
    (b"\xff\xd8\xff", "a picture", EMBED),
    (b"GIF8", "a picture", EMBED),
    (b"RIFF", "a picture or a sound", EMBED),
    (b"%PDF", "a PDF document", EMBED),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, not the file itself",
        "run git lfs pull",
    ),
    (b"<!", MARKUP, "fetch the file again"),
    (b"<?xml", MARKUP, "fetch the file again"),
    (b"<html", MARKUP, "fetch the file again"),
    (b"<HTML", MARKUP, "fetch the file again"),
];
const MARKUP: &str = "HTML or XML, perhaps the error page of a download";
pub(crate) const PYTORCH: &str = "a PyTorch file";
const SAVE_TENSOR: &str = "save the tensor with numpy.save or safetensors.torch.save_file";
const SAVE_INDEX: &str = "save index.reconstruct_n(0, index.ntotal) with numpy.save";
const EMBED: &str = "embed it first, with `modality-gap encoder embed`";

/// What a file is and what to do with it; `None` where the first bytes do not tell.
pub(crate) fn kind_of(start: &[u8], path: &Path) -> Option<(String, &'static str)> {
    let known = |what: &str, advice: &'static str| Some((what.to_owned(), advice));
    if let Some((_, what, advice)) = MAGIC.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return known(what, advice);
    }
    if start.get(257..262) == Some(b"ustar") {
        return known(
            "a tar archive",
            "unpack it, or give it to `modality-gap encoder embed`",
        );
    }
    if start.starts_with(b"PK\x03\x04") {
        let name = start.get(30..).unwrap_or_default();
        let len = start
            .get(26..28)
            .map_or(0, |len| usize::from(len[0]) | usize::from(len[1]) << 8);
        let name = name.get(..len).unwrap_or(name);
        return if name.ends_with(b"data.pkl") {
            known(PYTORCH, SAVE_TENSOR)
        } else if name == b"[Content_Types].xml" {
            known("an Office document", SAVE)
        } else {
            None
        };
    }
    // the oldest pickles are text
    if Format::from_path(path) == Some(Format::Pickle) {
        return None;
    }
    text_kind(text_of(start)?).map(|(what, advice)| (what.to_owned(), advice))
}

fn text_kind(text: &str) -> Option<(&'static str, &'static str)> {
    const RECORDS: &str = "rows of numbers are read from npy, parquet, Arrow, safetensors, npz and pickles";
    let trimmed = text.trim_start_matches('\u{feff}').trim_start();
    let coco = ["\"annotations\"", "\"images\"", "\"licenses\"", "\"info\""];
    if trimmed.starts_with('{') && coco.iter().filter(|key| text.contains(**key)).count() >= 2 {
        return Some((
            "JSON of COCO's annotations",
            "bring its annotations into a list of {id, image, caption}",
        ));
    }
    if trimmed.starts_with(['{', '[']) {
        return Some(("JSON text", RECORDS));
    }
    let first = trimmed.lines().next()?;
    if first.contains('\t') {
        return Some(("a table of text separated by tabs", RECORDS));
    }
    first
        .contains(',')
        .then_some(("a table of text separated by commas", RECORDS))
}

/// The bytes as text, without a character that was cut in two.
fn text_of(start: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let plain = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n');
    (!text.is_empty() && text.chars().all(plain)).then_some(text)
}

/// Whether text of JSON or a table begins like that kind, packed or not.
pub(crate) fn may_be_text(what: &str) -> bool {
    let packed = ["gzip-compressed data", "zstd-compressed data"].contains(&what);
    packed || what == "JSON text" || what.starts_with("a table of text")
}

/// The error of a file of such a kind.
pub(crate) fn refused(place: &Place, (what, advice): &(String, &'static str)) -> ShardError {
    ShardError::unsupported(place, format!("is {what}; {advice}"))
}

/// What a file is that holds no text of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKind {
    /// Such as `gzip-compressed data`.
    pub what: String,
    /// What to do with it, such as `unpack it first`.
    pub advice: Option<&'static str>,
}

impl fmt::Display for ForeignKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, advice } = self;
        match advice {
            Some(advice) => write!(f, "{what}; {advice}"),
            None => f.write_str(what),
        }
    }
}

/// What a file is, where its first bytes tell that it is no text of records.
///
/// # Errors
/// `NOT_FOUND` or `UNREADABLE` with the path.
pub fn foreign_kind(path: &Path) -> Result<Option<ForeignKind>, ShardError> {
    let input = Input::open(path)?;
    let start = input.bytes_at(0, input.len().min(LOOKED_AT))?;
    let known = || {
        let what = format!("a file of format {}", Format::from_magic(&start)?.name());
        Some(ForeignKind { what, advice: None })
    };
    let kind = kind_of(&start, path).filter(|(what, _)| !what.starts_with("JSON text"));
    let kind = kind.map(|(what, advice)| ForeignKind {
        what,
        advice: Some(advice),
    });
    Ok(kind.or_else(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_named() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let torch = [
            b"PK\x03\x04".as_slice(),
            &[0; 22],
            &[16, 0, 0, 0],
            b"archive/data.pkl",
        ]
        .concat();
        let cases: [(&[u8], &str, &str); 9] = [
            (b"\x1f\x8b\x08", "a.jsonl.gz", "gzip"),
            (&tar, "a.tar", "tar archive"),
            (&torch, "a.pt", "PyTorch"),
            (b"SQLite format 3\0\x10", "a.db", "SQLite"),
            (
                b"{\"info\": {}, \"licenses\": [], \"images\": [",
                "captions.json",
                "COCO",
            ),
            (b"[{\"id\": 1}]", "a.json", "JSON text"),
            ("\u{feff}{\"id\": \"\u{e9}".as_bytes(), "a.jsonl", "JSON text"),
            (b"id,caption\r\n1,a", "a.csv", "commas"),
            (b"<!DOCTYPE html>", "a.npy", "HTML"),
        ];
        for (start, name, what) in cases {
            let (found, _) = kind_of(start, Path::new(name)).expect(name);
            assert!(found.contains(what), "{name}: {found}");
        }
        for start in [
            b"\x93NUMPY\x01\0".as_slice(),
            b"PAR1",
            b"",
            b"a caption",
            b"\0\x01",
        ] {
            assert_eq!(kind_of(start, Path::new("a")), None, "{start:?}");
        }
    }
}
