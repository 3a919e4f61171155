//! The log of a training: one line of JSON for each update, continued where a checkpoint stands.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use modality_gap_shards::{Input, ShardError, refuse_link};
use serde::Deserialize;

use crate::error::{EncoderError, Result};
use crate::watch::Step;

/// The file in the output folder.
pub const LOG: &str = "log.jsonl";

/// Most bytes of a log that is continued.
const MAX_LOG: u64 = 1 << 30;

/// How every line begins: what an interruption cut short begins so, too.
const BEGINS: &str = "{\"step\":";

#[derive(Deserialize)]
struct Line {
    step: u64,
}

/// A log that lines are appended to.
pub(crate) struct TrainLog {
    path: PathBuf,
    /// Step and end in bytes of each line that was there.
    lines: Vec<(u64, u64)>,
    /// Opened with the first line, which says what is continued.
    file: Option<File>,
}

impl TrainLog {
    /// Reads the log at `path`, which need not be there.
    ///
    /// # Errors
    /// `BAD_FORMAT` for a file that is not a log of a training, by its record; `WRITE_FAILED` for a link.
    pub fn open(path: &Path) -> Result<Self> {
        refuse_link(path)?;
        let text = match Input::whole(path, MAX_LOG) {
            Ok(text) => text,
            Err(ShardError::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut lines = Vec::new();
        let mut rest = &text[..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let Ok(Line { step }) = serde_json::from_slice(&rest[..end]) else {
                return Err(foreign(path, lines.len()));
            };
            rest = &rest[end + 1..];
            lines.push((step, (text.len() - rest.len()) as u64));
        }
        if !rest.starts_with(BEGINS.as_bytes()) && !BEGINS.as_bytes().starts_with(rest) {
            return Err(foreign(path, lines.len()));
        }
        Ok(Self {
            path: path.to_owned(),
            lines,
            file: None,
        })
    }

    /// Appends the line of an update. Lines from that update on, of a run whose checkpoint came before them, are cut off.
    pub fn append(&mut self, step: &Step) -> Result<()> {
        let failed = |error| write_failed(&self.path, error);
        if self.file.is_none() {
            refuse_link(&self.path)?;
            let mut options = OpenOptions::new();
            let file = options
                .append(true)
                .create(true)
                .open(&self.path)
                .map_err(failed)?;
            let kept = self.lines.iter().take_while(|(before, _)| *before < step.step);
            file.set_len(kept.last().map_or(0, |&(_, end)| end))
                .map_err(failed)?;
            self.file = Some(file);
        }
        let mut line = serde_json::to_vec(step).expect("plain data");
        line.push(b'\n');
        let file = self.file.as_mut().expect("opened above");
        file.write_all(&line).map_err(failed)
    }

    /// Waits until the disk holds the lines, before a checkpoint says that they are there.
    pub fn flush(&self) -> Result<()> {
        let failed = |error| write_failed(&self.path, error);
        self.file
            .as_ref()
            .map_or(Ok(()), |file| file.sync_data().map_err(failed))
    }
}

fn write_failed(path: &Path, source: std::io::Error) -> EncoderError {
    ShardError::WriteFailed {
        place: path.into(),
        source,
    }
    .into()
}

fn foreign(path: &Path, line: usize) -> EncoderError {
    EncoderError::BadData {
        file: path.to_owned(),
        row: Some(line as u64),
        reason: "it is not a log of a training; choose another output".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn step(step: u64) -> Step {
        Step {
            step,
            total: 9,
            epoch: 1,
            loss: 0.5,
            accuracy: 0.5,
            temperature: 0.1,
            learning_rate: 1e-3,
            grad_norm: 1.0,
            seconds: 0.1,
        }
    }

    fn steps(path: &Path) -> Vec<u64> {
        let text = fs::read_to_string(path).unwrap();
        let step = |line| serde_json::from_str::<Line>(line).unwrap().step;
        text.lines().map(step).collect()
    }

    #[test]
    fn a_log_is_continued_without_gaps_or_doubles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOG);
        let mut log = TrainLog::open(&path).unwrap();
        (1..=5).for_each(|at| log.append(&step(at)).unwrap());
        let mut text = fs::read(&path).unwrap();
        text.extend(b"{\"step\":6,\"tot");
        fs::write(&path, &text).unwrap();
        let mut log = TrainLog::open(&path).unwrap();
        assert_eq!(
            fs::read(&path).unwrap(),
            text,
            "nothing is cut before there is a line to write"
        );
        (4..=6).for_each(|at| log.append(&step(at)).unwrap());
        log.flush().unwrap();
        assert_eq!(steps(&path), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_file_that_is_no_log_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOG);
        for text in ["a note", "a note\n", "{\"a\":1}\n", "{\"step\":1}\nnote\n"] {
            fs::write(&path, text).unwrap();
            assert_eq!(
                TrainLog::open(&path).err().unwrap().code(),
                "BAD_FORMAT",
                "{text}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
            let error = TrainLog::open(&folder.path().join("link")).err().unwrap();
            assert_eq!(error.code(), "WRITE_FAILED");
        }
    }
}
