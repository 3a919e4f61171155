//! Where the shards of a result go.

use std::path::{Path, PathBuf};

use modality_gap_shards::{
    Dtype, Format, Layout, RUN_FOLDER, ShardError, natural_order, output_name, refuse_link,
    remove_all_litter, remove_litter, storage,
};

use crate::receipt::WorkFolder;
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
    /// Whether what stands where the output goes may be replaced; only an unfinished run of the same job may otherwise.
    pub overwrite: bool,
}

/// Folder for metadata beside the outputs.
pub(crate) const METADATA: &str = "metadata";

/// A file to write, beside the receipt it will have.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub path: PathBuf,
    pub format: Format,
    pub dtype: Dtype,
}

/// The outputs of `source` under `options.out`, shard by shard. `folder` is a sub-folder that keeps two sides apart.
pub(crate) fn targets(source: &RowSet, options: &OutputOptions, folder: Option<&str>) -> Vec<Target> {
    let single = source.parts.len() == 1 && folder.is_none() && Format::from_path(&options.out).is_some();
    let base = match (&source.layout, folder) {
        (Layout::ClipRetrieval { .. }, _) => options.out.join(clip_folder(source)),
        (_, Some(folder)) => options.out.join(folder),
        _ => options.out.clone(),
    };
    let formats: Vec<Format> = source
        .parts
        .iter()
        .map(|part| {
            let named = single.then(|| Format::from_path(&options.out)).flatten();
            options.format.or(named).unwrap_or_else(|| default_format(part))
        })
        .collect();
    let names = if single {
        Vec::new()
    } else {
        names_in_order(source, &formats)
    };
    let of = |(index, part): (usize, &Part)| Target {
        path: names
            .get(index)
            .map_or_else(|| options.out.clone(), |name| base.join(name)),
        format: formats[index],
        dtype: options.dtype.unwrap_or_else(|| part.dtype()),
    };
    source.parts.iter().enumerate().map(of).collect()
}

/// File names of the outputs, in whose order the rows are read again: those of the inputs where they have it, otherwise with their
/// number before them.
fn names_in_order(source: &RowSet, formats: &[Format]) -> Vec<String> {
    let name = |(part, &format): (&Part, &Format)| match part {
        Part::File(shard) => output_name(shard, format),
        Part::Memory(_) => format!("rows.{}", format.extensions()[0]),
    };
    let names: Vec<String> = source.parts.iter().zip(formats).map(name).collect();
    if names.is_sorted_by(|a, b| natural_order(a, b).is_lt()) {
        return names;
    }
    let digits = (names.len() - 1).to_string().len();
    let numbered = names.iter().enumerate();
    numbered
        // counted parts would be of a set each
        .map(|(index, name)| format!("{index:0digits$}-{}", name.replace("-of-", "_of_")))
        .collect()
}

/// Makes ready to write `targets`: what killed runs have left of them goes, and their folders are made.
pub(crate) fn prepare(targets: &[Target], options: &OutputOptions) -> Result<(), TaskError> {
    if let Some(target) = targets.iter().find(|target| !target.format.is_written()) {
        return Err(TaskError::BadOption(format!(
            "{}: {} is read and not written; choose {}",
            target.path.display(),
            target.format.name(),
            Format::written_names()
        )));
    }
    remove_litter(targets.iter().map(|target| target.path.as_path()));
    if let Some(run) = run_folder(options) {
        refuse_link(&run)?;
        remove_all_litter(&run);
    }
    for target in targets {
        let folders = target.path.ancestors().skip(1);
        let inner = folders.take_while(|folder| **folder != *options.out && folder.starts_with(&options.out));
        inner.into_iter().try_for_each(refuse_link)?;
        if let Some(parent) = target
            .path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            make_folder(parent)?;
        }
    }
    Ok(())
}

/// Makes ready to write one of many outputs that other processes write beside it.
pub(crate) fn prepare_one(target: &Target) -> Result<(), TaskError> {
    remove_litter([target.path.as_path()]);
    target
        .path
        .parent()
        .map_or(Ok(()), |folder| Ok(make_folder(folder)?))
}

pub(crate) fn make_folder(folder: &Path) -> Result<(), ShardError> {
    storage::make_folder(folder).map_err(|source| ShardError::WriteFailed {
        place: folder.into(),
        source,
    })
}

/// Where the receipts of a folder of outputs are kept; a single file is done again instead.
pub(crate) fn run_folder(options: &OutputOptions) -> Option<PathBuf> {
    let is_file = Format::from_path(&options.out).is_some() && !storage::is_folder(&options.out);
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
    pub(crate) out: Option<PathBuf>,
}

impl Traces {
    /// To be asked before the run makes anything; what stands there already belongs to an earlier run.
    pub(crate) fn before(options: &OutputOptions) -> Self {
        let missing = |path: PathBuf| Some(path).filter(|path| !storage::exists(path));
        Self {
            run: run_folder(options).and_then(missing),
            out: missing(options.out.clone()),
        }
    }

    /// Removes the states of a run that failed, and the folder for its output where it holds nothing else. A stopped
    /// run keeps its states, for it can be resumed. What cannot be removed does no harm: the failure itself is what
    /// the caller has to see.
    pub(crate) fn sweep(&self, error: &TaskError) {
        if error.is_pause() {
            return;
        }
        if let Some(run) = &self.run {
            let _ = storage::remove_tree(run);
        }
        if let Some(out) = &self.out {
            let _ = storage::remove_folder(out);
        }
    }
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
    let found = Format::from_name(name).filter(|format| format.is_written());
    found.ok_or_else(|| {
        TaskError::BadOption(format!("format '{name}' is none of {}", Format::written_names()))
    })
}
