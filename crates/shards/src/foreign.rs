//! Files that are not containers of rows and no damage either: named as what they are, with what to do.

use std::fmt;
use std::path::Path;

use crate::error::{Place, ShardError};
use crate::format::{Format, first_member};
use crate::input::Input;

/// First bytes of a file that are looked at.
pub(crate) const LOOKED_AT: u64 = 1024;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Compressed data, which may be text.
    Packed,
    /// JSON.
    Json,
    /// A table of text.
    Table,
    /// A container of rows that other readers take for something else, too.
    Container(Format),
    /// No container, however it is named.
    Never,
    /// No container, unless its first bytes are those of the format that its name stands for.
    Other,
}

/// What a file is, and what to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub sort: Sort,
    what: &'static str,
    advice: &'static str,
}

impl Foreign {
    const fn new(sort: Sort, what: &'static str, advice: &'static str) -> Self {
        Self { sort, what, advice }
    }

    const fn other(what: &'static str, advice: &'static str) -> Self {
        Self::new(Sort::Other, what, advice)
    }

    /// Whether the name of a text says that it is read.
    pub fn may_be_text(self) -> bool {
        matches!(self.sort, Sort::Packed | Sort::Json | Sort::Table)
    }
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.what, self.advice)
    }
}

const UNPACK: &str = "unpack it first";
const EMBED: &str = "embed it first, with `modality-gap encoder embed`";
const RECORDS: &str = "rows of numbers are read from npy, parquet, Arrow, safetensors, npz and pickles";
const FETCH: &str = "fetch the file again";

const SQLITE: Foreign = Foreign::other(
    "an SQLite database",
    "write its rows as parquet, with DuckDB or Python's sqlite3 (docs/formats.md has the line)",
);
const DUCKDB: Foreign = Foreign::other(
    "a DuckDB database",
    "write its rows as parquet: duckdb FILE \"copy (select id, embedding from items) to 'rows.parquet'\"",
);
const HDF5: Foreign = Foreign::other(
    "an HDF5 file",
    "save its rows as npy: numpy.save('rows.npy', h5py.File(FILE)['embeddings'][:])",
);
const MATLAB: Foreign = Foreign::other(
    "a MATLAB file",
    "save its rows as npy: numpy.save('rows.npy', scipy.io.loadmat(FILE)['embeddings'])",
);
const MATLAB_HDF5: Foreign = Foreign::other(
    "a MATLAB file",
    "save its rows as npy: numpy.save('rows.npy', h5py.File(FILE)['embeddings'][:].T)",
);
const ORC: Foreign = Foreign::other(
    "an ORC file",
    "write it as parquet: pyarrow.parquet.write_table(pyarrow.orc.read_table(FILE), 'rows.parquet')",
);
const AVRO: Foreign = Foreign::other(
    "an Avro file",
    "write it as parquet: polars.read_avro(FILE).write_parquet('rows.parquet')",
);
const FEATHER_1: Foreign = Foreign::other(
    "a file of Feather version 1",
    "write it anew: pyarrow.feather.write_feather(pyarrow.feather.read_table(FILE), 'rows.feather')",
);
const EXCEL: Foreign = Foreign::other(
    "an Office document",
    "write a sheet as parquet: pandas.read_excel(FILE).to_parquet('rows.parquet')",
);
const R_DATA: Foreign = Foreign::other(
    "a file of R",
    "write it as parquet from R: arrow::write_parquet(as.data.frame(readRDS(FILE)), 'rows.parquet')",
);
const TFRECORD: Foreign = Foreign::other(
    "a file of TensorFlow records",
    "save its rows as npy with tf.data.TFRecordDataset and numpy.save",
);
const FAISS: Foreign = Foreign::other(
    "a FAISS index",
    "save its rows as npy: numpy.save('rows.npy', index.reconstruct_n(0, index.ntotal))",
);
const USEARCH: Foreign = Foreign::other(
    "a USearch index",
    "save its rows as npy: i = usearch.index.Index.restore(FILE); numpy.save('rows.npy', i.get(sorted(i.keys)))",
);
const HNSWLIB: Foreign = Foreign::other(
    "an hnswlib index",
    "save its rows as npy: numpy.save('rows.npy', index.get_items(range(index.element_count)))",
);
const ANNOY: Foreign = Foreign::other(
    "an Annoy index",
    "save its rows as npy: numpy.save('rows.npy', [i.get_item_vector(n) for n in range(i.get_n_items())])",
);
const LANCE: Foreign = Foreign::other(
    "a Lance data set",
    "write its rows as parquet: pyarrow.parquet.write_table(lancedb.connect(FOLDER).open_table(NAME).to_arrow(), 'rows.parquet')",
);
const ZARR: Foreign = Foreign::other(
    "a Zarr array",
    "save its rows as npy: numpy.save('rows.npy', zarr.open(FOLDER)[:])",
);
const LMDB: Foreign = Foreign::other(
    "an LMDB database",
    "save its rows as npy, numpy.stack of numpy.frombuffer of its values",
);
const PICTURE: Foreign = Foreign::other("a picture", EMBED);
const MARKUP: Foreign = Foreign::other("HTML or XML, perhaps the error page of a download", FETCH);
const JSON: Foreign = Foreign::new(Sort::Json, "JSON text", RECORDS);

/// Beginnings of files.
const MAGIC: [(&[u8], Foreign); 33] = [
    (b"\x1f\x8b", packed("gzip-compressed data")),
    (b"\x28\xb5\x2f\xfd", packed("zstd-compressed data")),
    (b"\x04\x22\x4d\x18", Foreign::other("LZ4-compressed data", UNPACK)),
    (b"BZh", Foreign::other("bzip2-compressed data", UNPACK)),
    (b"\xfd7zXZ\0", Foreign::other("xz-compressed data", UNPACK)),
    (b"Rar!", Foreign::other("a RAR archive", UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Foreign::other("a 7z archive", UNPACK)),
    (b"SQLite format 3\0", SQLITE),
    (b"\x89HDF\r\n\x1a\n", HDF5),
    (b"MATLAB 5.0 MAT-file", MATLAB),
    (b"MATLAB 7.3 MAT-file", MATLAB_HDF5),
    (
        b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19",
        Foreign::new(
            Sort::Never,
            "a PyTorch file in the form before version 1.6",
            "save it anew: torch.save(torch.load(FILE), 'rows.pt')",
        ),
    ),
    (
        b"GGUF",
        Foreign::other(
            "a GGUF model",
            "save its rows as npy, parquet, Arrow or safetensors",
        ),
    ),
    (b"ORC", ORC),
    (b"Obj\x01", AVRO),
    (b"FEA1", FEATHER_1),
    (b"RDX", R_DATA),
    (b"IxF", FAISS),
    (b"Ixf", FAISS),
    (b"IxM", FAISS),
    (b"IwF", FAISS),
    (b"IHN", FAISS),
    (b"usearch", USEARCH),
    (b"\x89PNG\r\n", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF8", PICTURE),
    (b"RIFF", Foreign::other("a picture or a sound", EMBED)),
    (b"%PDF", Foreign::other("a PDF document", EMBED)),
    (
        b"version https://git-lfs",
        Foreign::other("a pointer of Git LFS, not the file itself", "run git lfs pull"),
    ),
    (b"<!", MARKUP),
    (b"<?xml", MARKUP),
    (b"<html", MARKUP),
    (b"<HTML", MARKUP),
];

const fn packed(what: &'static str) -> Foreign {
    Foreign::new(Sort::Packed, what, UNPACK)
}

/// Endings of the names of files and folders whose first bytes say little.
const ENDINGS: [(&str, Foreign); 21] = [
    ("duckdb", DUCKDB),
    ("sqlite", SQLITE),
    ("sqlite3", SQLITE),
    ("h5", HDF5),
    ("hdf5", HDF5),
    ("mat", MATLAB),
    ("orc", ORC),
    ("avro", AVRO),
    ("xlsx", EXCEL),
    ("rds", R_DATA),
    ("rdata", R_DATA),
    ("tfrecord", TFRECORD),
    ("tfrecords", TFRECORD),
    ("faiss", FAISS),
    ("usearch", USEARCH),
    ("hnsw", HNSWLIB),
    ("annoy", ANNOY),
    ("ann", ANNOY),
    ("lance", LANCE),
    ("zarr", ZARR),
    ("mdb", LMDB),
];

/// What the ending of a name says.
pub(crate) fn kind_of_name(path: &Path) -> Option<Foreign> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let found = ENDINGS.iter().find(|(name, _)| *name == ending);
    found.map(|&(_, foreign)| foreign)
}

/// What a file is and what to do with it; `None` where neither its first bytes nor its name tell.
pub(crate) fn kind_of(start: &[u8], path: &Path) -> Option<Foreign> {
    // what R packs is not text
    let by_name = kind_of_name(path);
    if let Some(&(_, foreign)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return by_name.filter(|_| foreign.sort == Sort::Packed).or(Some(foreign));
    }
    if start.get(8..12) == Some(b"DUCK") {
        return Some(DUCKDB);
    }
    match Format::from_magic(start) {
        Some(Format::Tar) => {
            let advice = "unpack it, or give it to `modality-gap encoder embed`";
            return Some(Foreign::new(
                Sort::Container(Format::Tar),
                "a tar archive",
                advice,
            ));
        }
        Some(Format::Torch) => {
            let advice = "save the tensor with numpy.save or safetensors.torch.save_file";
            return Some(Foreign::new(
                Sort::Container(Format::Torch),
                "a PyTorch file",
                advice,
            ));
        }
        Some(Format::Npz) if first_member(start) == Some(b"[Content_Types].xml") => return Some(EXCEL),
        _ => {}
    }
    if by_name.is_some() && Format::from_magic(start).is_none() {
        return by_name;
    }
    // the oldest pickles are text
    if Format::from_path(path) == Some(Format::Pickle) {
        return None;
    }
    text_kind(text_of(start)?)
}

fn text_kind(text: &str) -> Option<Foreign> {
    let trimmed = text.trim_start_matches('\u{feff}').trim_start();
    let coco = ["\"annotations\"", "\"images\"", "\"licenses\"", "\"info\""];
    if trimmed.starts_with('{') && coco.iter().filter(|key| text.contains(**key)).count() >= 2 {
        return Some(Foreign::other(
            "JSON of COCO's annotations",
            "bring its annotations into a list of {id, image, caption}",
        ));
    }
    if trimmed.starts_with(['{', '[']) {
        return Some(JSON);
    }
    let table = |what| Some(Foreign::new(Sort::Table, what, RECORDS));
    let first = trimmed.lines().next()?;
    if first.contains('\t') {
        return table("a table of text separated by tabs");
    }
    first
        .contains(',')
        .then(|| table("a table of text separated by commas"))
        .flatten()
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

/// The error of a file of such a kind.
pub(crate) fn refused(place: &Place, kind: Foreign) -> ShardError {
    ShardError::unsupported(place, format!("is {kind}"))
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

/// What a file is, where its first bytes tell that it is not text of records.
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
    let kind = kind_of(&start, path).filter(|kind| kind.sort != Sort::Json);
    let kind = kind.map(|kind| ForeignKind {
        what: kind.what.to_owned(),
        advice: Some(kind.advice),
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
        let cases: [(&[u8], &str, &str); 11] = [
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
            (b"01234567DUCK\x40\0", "a.db", "DuckDB"),
            (b"\x1f\x8b\x08", "a.rds", "file of R"),
        ];
        for (start, name, what) in cases {
            let found = kind_of(start, Path::new(name)).expect(name);
            assert!(found.to_string().contains(what), "{name}: {found}");
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
