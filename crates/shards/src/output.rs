//! Writing shards.

use std::path::Path;

use crate::atomic::AtomicFile;
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::input::Input;
use crate::metadata::{Kind, copy_text_without};
use crate::npy::NpyWriter;
use crate::npz::NpzWriter;
use crate::pickle::PickleWriter;
use crate::rows::MAX_DIM;
use crate::shard_ref::ShardRef;
use crate::table::{TableWriter, copy_without};
use crate::text::JsonLines;
use crate::vecs::VectorWriter;
use crate::writer::{OutputSpec, ShardWriter};

/// Starts an output.
///
/// # Errors
/// `UNSUPPORTED` when the format cannot hold the storage type, `WRITE_FAILED` when there is no room or no folder,
/// and those of reading `like`.
///
/// # Panics
/// When the rows of `like` less the dropped ones are not the promised rows.
pub fn create(spec: &OutputSpec) -> Result<Box<dyn ShardWriter>, ShardError> {
    assert!(
        (1..=MAX_DIM).contains(&spec.dim),
        "rows have 1 to {MAX_DIM} columns"
    );
    assert!(spec.dropped.is_sorted(), "dropped rows are sorted");
    if let Some(like) = &spec.like {
        assert_eq!(
            like.rows - spec.dropped.len() as u64,
            spec.rows,
            "rows kept of {}",
            like.name
        );
    }
    Ok(match spec.format {
        Format::Npy => Box::new(NpyWriter::create(spec)?),
        Format::Npz => Box::new(NpzWriter::create(spec)?),
        Format::Parquet | Format::Arrow => Box::new(TableWriter::create(spec)?),
        Format::Safetensors => Box::new(crate::safetensors::create(spec)?),
        Format::Pickle => Box::new(PickleWriter::create(spec)?),
        Format::Jsonl => Box::new(JsonLines::create(spec)?),
        Format::Fvecs => Box::new(VectorWriter::create(spec)?),
        Format::Json | Format::Csv | Format::Torch | Format::Tar | Format::Raw => {
            let reason = format!(
                "{} is read and not written; choose {}",
                spec.format.name(),
                Format::written_names()
            );
            return Err(ShardError::unsupported(&Place::from(spec.path.as_path()), reason));
        }
    })
}

/// File name of the output made of `shard`: its own, with the ending of `format` where that is another one.
pub fn output_name(shard: &ShardRef, format: Format) -> String {
    let name = Path::new(&shard.name);
    let found = Format::from_path(name);
    if found == Some(format) && format.is_written_as(name) {
        return shard.name.clone();
    }
    let mut stem = name;
    // packed text has two endings
    while found.is_some() && Format::from_path(stem).is_some() {
        stem = Path::new(stem.file_stem().unwrap_or_default());
    }
    format!("{}.{}", stem.to_string_lossy(), format.extensions()[0])
}

/// Writes the metadata file `from` as `to` without the dropped rows; atomic.
///
/// # Errors
/// Those of reading the one and writing the other; `UNSUPPORTED` when rows were dropped and it is neither
/// parquet nor text of records.
pub fn copy_metadata(from: &Path, to: &Path, dropped: &[u64]) -> Result<(), ShardError> {
    if dropped.is_empty() {
        return copy(from, to);
    }
    let input = Input::open(from)?;
    match Kind::of(from) {
        Some(Kind::Parquet) => copy_without(&input, to, dropped),
        Some(Kind::Text(kind)) => copy_text_without(&input, to, kind, dropped),
        _ => Err(ShardError::unsupported(
            input.place(),
            "is neither parquet nor text, so rows cannot be left out of it",
        )),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), ShardError> {
    const CHUNK: u64 = 1 << 20;
    let input = Input::open(from)?;
    let file = AtomicFile::create(to)?;
    let mut chunk = vec![0; CHUNK as usize];
    for start in (0..input.len()).step_by(CHUNK as usize) {
        let chunk = &mut chunk[..CHUNK.min(input.len() - start) as usize];
        input.read_at(start, chunk)?;
        file.write_at(start, chunk)?;
    }
    file.commit(true)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use kernels::Dtype;

    use super::*;
    use crate::known::Known;

    fn named(name: &str) -> ShardRef {
        ShardRef {
            path: PathBuf::from(name),
            selector: None,
            pool: None,
            format: Format::Npy,
            rows: 1,
            dim: 1,
            dtype: Dtype::F16,
            bytes: 2,
            name: name.to_owned(),
            listed: false,
            known: Known::default(),
        }
    }

    #[test]
    fn an_output_keeps_its_name_and_changes_its_ending_only_with_the_format() {
        assert_eq!(output_name(&named("img_emb_0.npy"), Format::Npy), "img_emb_0.npy");
        assert_eq!(
            output_name(&named("img_emb_0.npy"), Format::Pickle),
            "img_emb_0.pkl"
        );
        assert_eq!(output_name(&named("a.b.pickle"), Format::Pickle), "a.b.pickle");
        assert_eq!(output_name(&named("a.b.pickle"), Format::Npz), "a.b.npz");
        assert_eq!(output_name(&named("rows.v1"), Format::Npy), "rows.v1.npy");
        assert_eq!(output_name(&named("a.jsonl.gz"), Format::Jsonl), "a.jsonl");
        assert_eq!(output_name(&named("a.b.csv.zst"), Format::Npy), "a.b.npy");
        assert_eq!(output_name(&named("a.bvecs"), Format::Fvecs), "a.fvecs");
        assert_eq!(output_name(&named("a.fvecs"), Format::Fvecs), "a.fvecs");
        assert_eq!(output_name(&named("a.ndjson"), Format::Jsonl), "a.ndjson");
    }
}
