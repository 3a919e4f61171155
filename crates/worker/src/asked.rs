//! The command line and the task that it names.

use std::io::{BufRead, Read};

use modality_gap_tasks::TaskError;

pub(crate) const USAGE: &str = "usage: modality-gap-worker [--threads N] [--tied] TASK

Runs one shard task and prints its receipt. TASK is a JSON file, - for stdin, or the JSON itself.
  --threads N  threads (default: all cores)
  --tied       end when stdin ends, so that no task outlives the process that started it; the task on stdin is then one line";

/// Most bytes of a task.
const MAX_TASK: u64 = 64_000_000;

/// What the command line asks for.
pub(crate) struct Asked {
    /// Threads, 0 for one per core.
    pub threads: usize,
    /// Whether it ends with stdin.
    pub tied: bool,
    /// The task, its file, or `-`.
    pub task: String,
}

/// Nothing where the arguments make no sense.
pub(crate) fn asked(arguments: &[String]) -> Option<Asked> {
    let mut asked = Asked {
        threads: 0,
        tied: false,
        task: String::new(),
    };
    let mut left = arguments.iter();
    while let Some(argument) = left.next() {
        match argument.as_str() {
            "--threads" => asked.threads = left.next()?.parse().ok()?,
            "--tied" => asked.tied = true,
            option if option.starts_with("--") => return None,
            task if asked.task.is_empty() => task.clone_into(&mut asked.task),
            _ => return None,
        }
    }
    (!asked.task.is_empty()).then_some(asked)
}

/// The JSON of the task.
pub(crate) fn text_of(Asked { task, tied, .. }: &Asked) -> Result<String, TaskError> {
    if task.trim_start().starts_with('{') {
        return Ok(task.clone());
    }
    let mut text = String::new();
    let read = match task.as_str() {
        "-" if *tied => std::io::stdin().lock().take(MAX_TASK).read_line(&mut text),
        "-" => std::io::stdin().take(MAX_TASK).read_to_string(&mut text),
        file => std::fs::File::open(file).and_then(|file| file.take(MAX_TASK).read_to_string(&mut text)),
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(TaskError::BadOption(format!("{task}: {error}"))),
    }
}
