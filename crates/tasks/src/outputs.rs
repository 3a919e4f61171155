//! Where the shards of a result go.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use modality_gap_shards::{
    Dtype, Format, Layout, ShardError, copy_metadata, output_name, remove_all_litter, remove_litter,
};

use crate::moments::WorkFolder;
use crate::rowset::default_format;
use crate::{Part, RowSet, TaskError};

/// Options of everything that writes shards; absent options take the documented default.
#[derive(Debug, Clone, Default)]
pub struct OutputOptions {
    /// Folder, or the file itself when it names one and the source is a single shard.
    pub out: PathBuf,
    /// Storage type; the input's by default.
    pub dtype: Option<Dtype>,
    /// Container format; the input's by default.
    pub format: Option<Format>,
    /// Whether files are synced to the disk before they get their name; yes by default.
    pub sync: Option<bool>,
    /// Whether shards that are there and whole are kept.
    pub resume: bool,
}

/// Folder for receipts beside the outputs.
pub(crate) const RUN_FOLDER: &str = "_run";

/// A file to write, beside the receipt it will have.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub path: PathBuf,
    pub format: Format,
    pub dtype: Dtype,
}

/// The outputs of `source` under `options.out`, shard by shard. `folder` is a sub-folder that keeps two sides apart.
pub(crate) fn targets(
    source: &RowSet,
    options: &OutputOptions,
    folder: Option<&str>,
) -> Result<Vec<Target>, TaskError> {
    let single = source.parts.len() == 1 && folder.is_none() && Format::from_path(&options.out).is_some();
    let base = match (&source.layout, folder) {
        (Layout::ClipRetrieval { .. }, _) => options.out.join(clip_folder(source)),
        (_, Some(folder)) => options.out.join(folder),
        _ => options.out.clone(),
    };
    let mut taken = HashSet::new();
    let mut targets = Vec::with_capacity(source.parts.len());
    for (index, part) in source.parts.iter().enumerate() {
        let format = options
            .format
            .or(if single {
                Format::from_path(&options.out)
            } else {
                None
            })
            .unwrap_or_else(|| default_format(part));
        let path = if single {
            options.out.clone()
        } else {
            let name = match part {
                Part::File(shard) => output_name(shard, format),
                Part::Memory(_) => format!("rows.{}", format.extensions()[0]),
            };
            // two inputs of one name from different folders, or two parts of one file
            let free = if taken.insert(name.clone()) {
                name
            } else {
                format!("{index}-{name}")
            };
            base.join(free)
        };
        targets.push(Target {
            path,
            format,
            dtype: options.dtype.unwrap_or_else(|| part.dtype()),
        });
    }
    remove_litter(targets.iter().map(|target| target.path.as_path()));
    if let Some(run) = run_folder(options) {
        remove_all_litter(&run);
    }
    let inputs: HashSet<PathBuf> = source
        .files()
        .iter()
        .filter_map(|file| file.canonicalize().ok())
        .collect();
    for target in &targets {
        if target
            .path
            .canonicalize()
            .is_ok_and(|path| inputs.contains(&path))
        {
            let path = target.path.display();
            return Err(TaskError::BadOption(format!(
                "{path}: the output would replace its input; choose another folder"
            )));
        }
        if let Some(parent) = target
            .path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            std::fs::create_dir_all(parent).map_err(|source| ShardError::WriteFailed {
                place: parent.into(),
                source,
            })?;
        }
    }
    Ok(targets)
}

/// Where the receipts of a folder of outputs are kept; a single file is done again instead.
pub(crate) fn run_folder(options: &OutputOptions) -> Option<PathBuf> {
    let is_file = Format::from_path(&options.out).is_some() && !options.out.is_dir();
    (!is_file).then(|| options.out.join(RUN_FOLDER))
}

/// Where the states of finished shards are kept beside the outputs.
pub(crate) fn work_folder(options: &OutputOptions) -> Option<WorkFolder> {
    run_folder(options).map(|path| WorkFolder {
        path,
        resume: options.resume,
    })
}

/// What a run makes before its first output, to be removed when bad input ends it there.
pub(crate) struct Traces {
    run: Option<PathBuf>,
    out: Option<PathBuf>,
}

impl Traces {
    /// To be asked before the run makes anything; what stands there already belongs to an earlier run.
    pub(crate) fn before(options: &OutputOptions) -> Self {
        let missing = |path: PathBuf| Some(path).filter(|path| !path.exists());
        Self {
            run: run_folder(options).and_then(missing),
            out: missing(options.out.clone()),
        }
    }

    /// Removes the states of a run that failed, and the folder for its output where it holds nothing else. A stopped
    /// run keeps its states, for it can be resumed. What cannot be removed does no harm: the failure itself is what
    /// the caller has to see.
    pub(crate) fn sweep(&self, error: &TaskError) {
        if matches!(error, TaskError::Cancelled) {
            return;
        }
        if let Some(run) = &self.run {
            let _ = std::fs::remove_dir_all(run);
        }
        if let Some(out) = &self.out {
            let _ = std::fs::remove_dir(out);
        }
    }
}

/// Metadata of a clip-retrieval folder, less the rows dropped from each shard; a single file of rows has no place for it.
pub(crate) fn carry_metadata(
    source: &RowSet,
    out: &Path,
    dropped: &[Vec<u64>],
) -> Result<Vec<PathBuf>, TaskError> {
    let Layout::ClipRetrieval { metadata, .. } = &source.layout else {
        return Ok(Vec::new());
    };
    if out.is_file() {
        return Ok(Vec::new());
    }
    let folder = out.join("metadata");
    if !metadata.is_empty() {
        std::fs::create_dir_all(&folder).map_err(|source| ShardError::WriteFailed {
            place: folder.as_path().into(),
            source,
        })?;
    }
    let mut written = Vec::new();
    for (file, dropped) in metadata.iter().zip(dropped) {
        let Some(name) = file.file_name() else { continue };
        let to = folder.join(name);
        remove_litter([to.as_path()]);
        if to.canonicalize().ok() != file.canonicalize().ok() {
            copy_metadata(file, &to, dropped)?;
            written.push(to);
        }
    }
    Ok(written)
}

/// `img_emb` or `text_emb`, as the input has it.
fn clip_folder(source: &RowSet) -> PathBuf {
    let folder = source
        .parts
        .first()
        .and_then(|part| part.file()?.parent()?.file_name());
    folder.map_or_else(|| PathBuf::from("text_emb"), PathBuf::from)
}

/// The storage type of an option.
pub(crate) fn dtype_named(name: &str) -> Result<Dtype, TaskError> {
    Dtype::from_name(name)
        .ok_or_else(|| TaskError::BadOption(format!("dtype '{name}' is none of f16, bf16, f32, f64")))
}

/// The container format of an option.
pub(crate) fn format_named(name: &str) -> Result<Format, TaskError> {
    Format::from_name(name).ok_or_else(|| {
        TaskError::BadOption(format!(
            "format '{name}' is none of {}",
            Format::ALL.map(Format::name).join(", ")
        ))
    })
}
