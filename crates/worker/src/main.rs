//! Runs one shard task where there is no Node: the JSON of a task in, the JSON of its receipt out.
//!
//! Exit codes: 0 done, 1 failed for good, 2 wrong usage, 75 failed in a way that another attempt may mend, 130 stopped. A failure is one
//! line of JSON on stderr, with code, message, file and row.

mod asked;

use std::io::Write;
use std::process::ExitCode;

use modality_gap_tasks::{CancelToken, Control, Failure, TaskError, TaskSpec, run_task};

use crate::asked::{Asked, USAGE, asked, text_of};

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
/// `EX_TEMPFAIL` of sysexits.
const TRY_AGAIN: u8 = 75;
const STOPPED: u8 = 130;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        return print(USAGE);
    }
    if arguments == ["--version"] {
        return print(env!("CARGO_PKG_VERSION"));
    }
    let Some(asked) = asked(&arguments) else {
        return fail(WRONG_USAGE, USAGE);
    };
    match run(&asked) {
        Ok(receipt) => print(&receipt),
        Err(error) => {
            let code = match &error {
                TaskError::Cancelled => STOPPED,
                error if error.is_transient() => TRY_AGAIN,
                _ => FAILED,
            };
            let failure = serde_json::to_string(&Failure::of(&error)).expect("plain data");
            fail(code, &failure)
        }
    }
}

fn run(asked: &Asked) -> Result<String, TaskError> {
    let text = text_of(asked)?;
    let spec: TaskSpec =
        serde_json::from_str(&text).map_err(|error| TaskError::BadOption(format!("not a task: {error}")))?;
    let cancel = CancelToken::default();
    if asked.tied {
        let cancel = cancel.clone();
        std::thread::spawn(move || {
            // whatever comes, only the end counts
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            cancel.cancel();
        });
    }
    let control = Control::new(asked.threads, cancel.clone(), None)?;
    let receipt = run_task(&spec, &control).map_err(|error| {
        // requests to a store end when the task is asked to stop
        if cancel.is_cancelled() {
            TaskError::Cancelled
        } else {
            error
        }
    })?;
    Ok(serde_json::to_string(&receipt).expect("plain data"))
}

fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(TRY_AGAIN),
    }
}

fn fail(code: u8, text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(code)
}
