//! Where the shards of a result go.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use modality_gap_shards::{
    Claim, Dtype, FolderLock, Format, Input, Layout, RUN_FOLDER, RUN_LOCK, ShardError, copy_metadata,
    is_remote, left_behind, natural_order, output_name, refuse_link, remove_all_litter, remove_litter,
    storage,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::receipt::WorkFolder;
use crate::receipt::{canonical_json, hash_bytes, write_state};
use crate::rowset::default_format;
use crate::{Part, ReadOptions, RowSet, TaskError};

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
const METADATA: &str = "metadata";

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

fn make_folder(folder: &Path) -> Result<(), ShardError> {
    storage::make_folder(folder).map_err(|source| ShardError::WriteFailed {
        place: folder.into(),
        source,
    })
}

/// The right to write the outputs of a job. A folder of outputs holds a note of the job that writes there, so that a run that
/// was cut short is distinguished from the result of another one.
pub(crate) struct Claimed {
    run: Option<PathBuf>,
    job: String,
    outputs: Vec<PathBuf>,
    traces: Traces,
    /// Whether no job has left a note there.
    first: bool,
    claim: Claim,
    /// Whether what stands there may be replaced.
    replaces: bool,
    /// Held while the job runs, so that no other one writes there.
    locks: Vec<FolderLock>,
}

/// What the note says.
#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    job: String,
    finished: bool,
}

/// Name of that note.
const NOTE: &str = "job.json";
/// Most bytes of a note.
const MAX_NOTE: u64 = 1 << 20;

impl Claimed {
    /// To be asked before the long work. `sources` are read, `outputs` written; `job` says all that the outputs depend on beside
    /// the rows.
    ///
    /// # Errors
    /// As [`Claim::check`] gives them; `BAD_OPTION` for two outputs of one path, and where another job is at work.
    pub(crate) fn new(
        sources: &[&RowSet],
        outputs: Vec<PathBuf>,
        options: &OutputOptions,
        job: &impl Serialize,
    ) -> Result<Self, TaskError> {
        let claim = claim_of(sources);
        let read: Vec<_> = sources.iter().map(|source| places(source)).collect();
        let stored = (options.dtype.map(Dtype::name), options.format.map(Format::name));
        let job = canonical_json(&(job, read, stored));
        let job = format!("{:032x}", hash_bytes(job.as_bytes()));
        let run = run_folder(options);
        run.as_deref().map_or(Ok(()), refuse_link)?;
        let before = run.as_deref().and_then(noted);
        let own = match (&before, &run) {
            (Some((same, finished)), _) => *same == job && (options.resume || !finished),
            // a folder of before has no note, but receipts
            (None, Some(run)) => options.resume && holds_receipts(run),
            (None, None) => false,
        };
        let mut paths = HashSet::new();
        if let Some(twice) = outputs.iter().find(|output| !paths.insert(output.as_path())) {
            return Err(TaskError::BadOption(format!(
                "{}: two outputs of the job would have this path; rename the file of rows that it comes from",
                twice.display()
            )));
        }
        if run.is_none() {
            check_file_name(options, &outputs)?;
        }
        let mut claimed = Self {
            run,
            job,
            outputs,
            traces: Traces::before(options),
            first: before.is_none(),
            claim,
            replaces: own || options.overwrite,
            locks: Vec::new(),
        };
        claimed.check()?;
        if let Some(run) = claimed.run.clone().filter(|run| !is_remote(run)) {
            claimed.lock_folder(&run, &options.out)?;
            if noted(&run) != before {
                return Err(ShardError::at_work(&options.out).into());
            }
            claimed.check()?;
        } else {
            claimed.lock_files(false)?;
        }
        Ok(claimed)
    }

    fn check(&self) -> Result<(), TaskError> {
        for output in &self.outputs {
            self.claim.check(output, self.replaces)?;
        }
        Ok(())
    }

    fn lock_folder(&mut self, run: &Path, out: &Path) -> Result<(), TaskError> {
        const TRIES: usize = 5;
        for last in (1..=TRIES).map(|tried| tried == TRIES) {
            match make_folder(run).and_then(|()| FolderLock::of_job(&run.join(RUN_LOCK), out)) {
                // a job that has ended meanwhile has removed the folder
                Err(ShardError::WriteFailed { source, .. })
                    if !last && source.kind() == ErrorKind::NotFound => {}
                taken => {
                    self.locks.extend(taken?);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Locks outputs that are files of their own; folders that are missing are made only when the job begins to write.
    fn lock_files(&mut self, makes_folders: bool) -> Result<(), TaskError> {
        if self.run.is_some() {
            return Ok(());
        }
        for output in self.outputs.iter().filter(|output| !is_remote(output)) {
            let Some(name) = output.file_name() else { continue };
            let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty());
            if makes_folders {
                parent.map_or(Ok(()), make_folder)?;
            } else if parent.is_some_and(|parent| !parent.is_dir()) {
                continue;
            }
            let lock = output.with_file_name(format!(".{}.lock", name.to_string_lossy()));
            self.locks.extend(FolderLock::of_job(&lock, output)?);
        }
        self.check()
    }

    /// Notes the job, before its first output is written.
    ///
    /// # Errors
    /// `BAD_OPTION` where another job has begun to write to the same folder of a store since this one looked.
    pub(crate) fn begin(&mut self) -> Result<(), TaskError> {
        if self.locks.is_empty() {
            self.lock_files(true)?;
        }
        self.note(false)
    }

    /// Notes that all outputs are there.
    pub(crate) fn finish(&self) -> Result<(), TaskError> {
        self.note(true)
    }

    /// As [`Claimed::finish`] for a job that keeps no receipts: its note goes, too.
    pub(crate) fn finish_without_receipts(&self) {
        if let Some(run) = &self.run {
            let _ = storage::remove_file(&run.join(NOTE));
        }
    }

    /// Takes the note away when the job has failed before anything was written.
    pub(crate) fn sweep(&self, error: &TaskError) {
        if !self.outputs.iter().any(|output| storage::exists(output)) {
            self.traces.sweep(error);
        }
    }

    fn note(&self, finished: bool) -> Result<(), TaskError> {
        let Some(note) = self.run.as_ref().map(|run| run.join(NOTE)) else {
            return Ok(());
        };
        let said = Note {
            version: 1,
            job: self.job.clone(),
            finished,
        };
        let bytes = serde_json::to_vec(&said).expect("plain data");
        if self.first && !finished && is_remote(&note) {
            return Ok(storage::create(&note, bytes)?);
        }
        write_state(&note, &bytes)
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        self.locks.clear();
        if let Some(run) = self.run.as_ref().filter(|run| !is_remote(run)) {
            // it stays where it holds receipts, and so does an output with anything in it
            let _ = storage::remove_folder(run);
            let _ = self.traces.out.as_deref().map(storage::remove_folder);
        }
    }
}

/// Refuses an output with the name of a file of one format that would be several files, or of another format.
fn check_file_name(options: &OutputOptions, outputs: &[PathBuf]) -> Result<(), TaskError> {
    let out = &options.out;
    let Some(named) = Format::from_path(out) else {
        return Ok(());
    };
    let refused = |reason: String| Err(TaskError::BadOption(format!("{}: {reason}", out.display())));
    if outputs
        .iter()
        .any(|output| output != out && output.starts_with(out))
    {
        return refused("this is the name of one file, and several are written; name a folder".to_owned());
    }
    match options.format.filter(|&format| format != named) {
        None => Ok(()),
        Some(format) => refused(format!(
            "this is the name of a file of {}, and the format is to be {}; give it the ending .{}",
            named.name(),
            format.name(),
            format.extensions()[0]
        )),
    }
}

/// What a job reads, which it must not write into.
pub fn claim_of(sources: &[&RowSet]) -> Claim {
    let parts = sources.iter().flat_map(|source| &source.parts);
    let folders = sources.iter().flat_map(|source| &source.folders);
    Claim::reading(parts.filter_map(Part::file), folders.map(PathBuf::as_path))
}

/// Whether a folder of receipts holds any.
fn holds_receipts(run: &Path) -> bool {
    storage::names(run).is_ok_and(|names| names.iter().any(|name| name != RUN_LOCK))
}

/// The job that wrote below a folder of receipts, and whether it came to its end.
fn noted(run: &Path) -> Option<(String, bool)> {
    let note: Note = serde_json::from_slice(&Input::whole(&run.join(NOTE), MAX_NOTE).ok()?).ok()?;
    Some((note.job, note.finished))
}

/// Where a part of the rows comes from.
#[derive(Serialize)]
#[serde(untagged)]
enum PartPlace {
    File(PathBuf, Option<String>),
    Memory(&'static str, u64),
}

/// Where rows come from, however their paths are spelled; how they are read; their columns.
#[derive(Serialize)]
struct Places<'a>(Vec<PartPlace>, &'a ReadOptions, usize);

fn places(source: &RowSet) -> Places<'_> {
    let of = |part: &Part| match part {
        Part::File(shard) => PartPlace::File(
            storage::canonical(&shard.path).unwrap_or_else(|_| shard.path.clone()),
            shard.selector.clone(),
        ),
        Part::Memory(shard) => PartPlace::Memory("memory", shard.rows()),
    };
    Places(source.parts.iter().map(of).collect(), &source.options, source.dim)
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
    out: Option<PathBuf>,
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

/// What stands beside rows that were read, and is in no file that was written: its format or place does not hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[ts(optional_fields)]
pub struct NotCarried {
    /// Columns, keys, arrays, tensors or files.
    pub names: Vec<String>,
    /// The first file that held them; absent for rows from memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// How many files did.
    pub files: u64,
}

/// What stands beside the rows of `source` and goes into none of the outputs that `written` names: columns, keys, arrays and
/// metadata that their formats or places do not hold. One entry for all files that lose the same.
pub(crate) fn not_carried(
    source: &RowSet,
    written: &[Target],
    options: &OutputOptions,
) -> Result<Vec<NotCarried>, TaskError> {
    let mut losses: Vec<NotCarried> = Vec::new();
    let mut lose = |names: Vec<String>, file: Option<&Path>| {
        if names.is_empty() {
            return;
        }
        match losses.iter_mut().find(|lost| lost.names == names) {
            Some(lost) => lost.files += 1,
            None => losses.push(NotCarried {
                names,
                file: file.map(Path::to_path_buf),
                files: 1,
            }),
        }
    };
    for (part, target) in source.parts.iter().zip(written) {
        let names = match part {
            Part::File(shard) => left_behind(shard, target.format)?,
            Part::Memory(shard) => shard.beside(),
        };
        lose(names, part.file());
    }
    if let (Layout::ClipRetrieval { metadata, .. }, None) = (&source.layout, run_folder(options)) {
        for file in metadata {
            let name = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            lose(vec![format!("{METADATA}/{name}")], Some(file));
        }
    }
    Ok(losses)
}

/// How a report has it: absent where nothing was lost.
pub(crate) fn if_any(losses: Vec<NotCarried>) -> Option<Vec<NotCarried>> {
    (!losses.is_empty()).then_some(losses)
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
    if storage::is_file(out) {
        return Ok(Vec::new());
    }
    let folder = out.join(METADATA);
    refuse_link(&folder)?;
    if !metadata.is_empty() {
        make_folder(&folder)?;
    }
    let mut written = Vec::new();
    for (file, dropped) in metadata.iter().zip(dropped) {
        let Some(name) = file.file_name() else { continue };
        let to = folder.join(name);
        remove_litter([to.as_path()]);
        copy_metadata(file, &to, dropped)?;
        written.push(to);
    }
    Ok(written)
}

/// The metadata files that [`carry_metadata`] will write.
///
/// # Errors
/// `UNREADABLE` for a link that leads out of the folder: what somebody else put there is not to spread a file of the reader's.
pub(crate) fn metadata_targets(source: &RowSet, options: &OutputOptions) -> Result<Vec<PathBuf>, TaskError> {
    let Layout::ClipRetrieval { root, metadata } = &source.layout else {
        return Ok(Vec::new());
    };
    if run_folder(options).is_none() {
        return Ok(Vec::new());
    }
    let root = storage::canonical(root).unwrap_or_else(|_| root.clone());
    for file in metadata {
        if storage::canonical(file).is_ok_and(|place| !place.starts_with(&root)) {
            let reason = "it is a link out of its folder, and what it points to is not taken along; put a copy there, or name the file of rows";
            return Err(ShardError::Unreadable {
                place: file.as_path().into(),
                source: std::io::Error::other(reason),
            }
            .into());
        }
    }
    let folder = options.out.join(METADATA);
    let names = metadata.iter().filter_map(|file| file.file_name());
    Ok(names.map(|name| folder.join(name)).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What notes of earlier versions were hashed of.
    #[test]
    fn places_are_written_as_in_earlier_notes() {
        let options = ReadOptions::default();
        let file = PartPlace::File(PathBuf::from("a.npz"), Some("x".to_owned()));
        let places = Places(vec![file, PartPlace::Memory("memory", 3)], &options, 4);
        let options = canonical_json(&options);
        assert_eq!(
            canonical_json(&(("align", 2), [places], (None::<&str>, Some("npy")))),
            format!(r#"[["align",2],[[[["a.npz","x"],["memory",3]],{options},4]],[null,"npy"]]"#)
        );
        let note: Note = serde_json::from_str(r#"{"finished":true,"job":"0a","version":1}"#).unwrap();
        assert_eq!((note.job.as_str(), note.finished), ("0a", true));
    }
}
