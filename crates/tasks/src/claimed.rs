//! The right to write the outputs of a job.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use modality_gap_shards::{
    Claim, Dtype, FolderLock, Format, Input, RUN_LOCK, ShardError, is_remote, refuse_link, storage,
};
use serde::{Deserialize, Serialize};

use crate::outputs::{OutputOptions, Traces, make_folder, run_folder};
use crate::receipt::{canonical_json, hash_bytes, write_state};
use crate::{Part, ReadOptions, RowSet, TaskError};

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
