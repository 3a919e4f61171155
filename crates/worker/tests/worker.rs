//! The executable as schedulers start it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use modality_gap_geometry::Moments;

fn worker(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modality-gap-worker"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// f32 rows as a NumPy array.
fn npy(path: &Path, rows: &[[f32; 2]]) {
    let header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, 2), }}",
        rows.len()
    );
    let padded = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(padded.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_task_given_as_text_or_file_leaves_its_state_and_prints_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, out) = (folder.path().join("rows.npy"), folder.path().join("state"));
    npy(&rows, &[[3.0, 4.0], [0.0, 2.0]]);
    let task = format!(r#"{{"task":"moments","version":1,"shard":{{"path":{rows:?}}},"out":{out:?}}}"#);
    let done = worker(&["--threads", "1", &task]);
    assert!(done.status.success(), "{done:?}");
    let receipt: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(receipt["rows"], 2);
    let state = Moments::from_bytes(&std::fs::read(&out).unwrap()).unwrap();
    // the mean of (0.6, 0.8) and (0, 1)
    assert!((state.mean()[0] - 0.3).abs() + (state.mean()[1] - 0.9).abs() < 1e-15);
    let file = folder.path().join("task.json");
    std::fs::write(&file, &task).unwrap();
    assert_eq!(worker(&[file.to_str().unwrap()]).stdout, done.stdout);
}

#[test]
fn failures_say_what_and_whether_to_try_again() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, out) = (folder.path().join("rows.npy"), folder.path().join("state"));
    npy(&rows, &[[3.0, 4.0], [f32::NAN, 2.0]]);
    let task =
        |out: &Path| format!(r#"{{"task":"moments","version":1,"shard":{{"path":{rows:?}}},"out":{out:?}}}"#);
    let bad = worker(&[&task(&out)]);
    assert_eq!(bad.status.code(), Some(1));
    let failure: serde_json::Value = serde_json::from_slice(&bad.stderr).unwrap();
    assert_eq!(
        (&failure["code"], &failure["row"]),
        (&"BAD_ROW".into(), &1.into())
    );
    assert!(!out.exists());
    npy(&rows, &[[3.0, 4.0]]);
    // a file stands where the folder should be made
    let blocked = worker(&[&task(&rows.join("state"))]);
    assert_eq!(blocked.status.code(), Some(75), "{blocked:?}");
    for usage in [&[][..], &["--colour", "x"], &["a", "b"]] {
        assert_eq!(worker(usage).status.code(), Some(2));
    }
    assert_eq!(worker(&["{}"]).status.code(), Some(1));
}

#[test]
fn a_tied_task_ends_with_its_starter() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, out) = (folder.path().join("rows.npy"), folder.path().join("state"));
    npy(&rows, &vec![[3.0, 4.0]; 400_000]);
    let task = format!(r#"{{"task":"moments","version":1,"shard":{{"path":{rows:?}}},"out":{out:?}}}"#);
    let mut child = Command::new(env!("CARGO_BIN_EXE_modality-gap-worker"))
        .args(["--threads", "1", "--tied", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{task}").unwrap();
    drop(stdin);
    let ended = child.wait().unwrap().code();
    // it may have been faster than its starter's end; what it leaves is whole or not there
    assert!(matches!(ended, Some(130 | 0)), "{ended:?}");
    assert_eq!(ended == Some(0), out.exists());
}
