//! Laws across the edges of blocks of 512 rows and of shards, and of jobs that stop there.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use modality_gap_geometry::{Aligner, FitOptions, Map, Policy};
use modality_gap_shards::Dtype;
use modality_gap_tasks::{
    BLOCK_ROWS, CancelToken, Control, FitJob, MeasureJob, MeasurePart, OnBadRow, OutputOptions, Progress,
    RowSet, Selection, Split, TaskError, WorkFolder, align_job, convert_job, count, fit_job, measure_job,
    transform_job,
};
use modality_gap_testing::side_rows;
use serde_json::json;

const DIM: usize = 12;

fn rows(n: usize, seed: u64) -> Vec<f32> {
    side_rows(n, DIM, seed)
}

fn shards(folder: &Path, rows: &[f32], cuts: &[usize]) -> RowSet {
    shards_with(folder, rows, cuts, OnBadRow::Error)
}

fn shards_with(folder: &Path, rows: &[f32], cuts: &[usize], on_bad_row: OnBadRow) -> RowSet {
    common::shards(folder, DIM, rows, cuts, on_bad_row)
}

fn quiet() -> Control {
    Control::quiet(2).unwrap()
}

fn job(options: serde_json::Value) -> FitJob {
    FitJob {
        options: serde_json::from_value::<FitOptions>(options).unwrap(),
        ..FitJob::default()
    }
}

fn output(out: PathBuf) -> OutputOptions {
    OutputOptions {
        out,
        sync: Some(false),
        ..OutputOptions::default()
    }
}

/// The rows of a transformed source as they are stored, shard after shard, without the headers of npy files.
fn transformed(source: &RowSet, aligner: &Aligner, out: &Path) -> Vec<u8> {
    transform_job(source, aligner, false, &output(out.to_path_buf()), &quiet()).unwrap();
    let file = |i: usize| fs::read(out.join(format!("rows_{i}.npy")));
    (0..)
        .map_while(|i| file(i).ok())
        .flat_map(|bytes| bytes[128..].to_vec())
        .collect()
}

fn values(bytes: &[u8]) -> Vec<f32> {
    let words = bytes.chunks_exact(4);
    words
        .map(|word| f32::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

#[test]
fn a_row_has_its_noise_whatever_file_and_block_it_stands_in() {
    let folder = tempfile::tempdir().unwrap();
    let text = rows(1_300, 4);
    let one = shards(&folder.path().join("one"), &text, &[]);
    let two = shards(&folder.path().join("two"), &text, &[700]);
    let target = shards(&folder.path().join("image"), &rows(900, 2), &[]);
    let fit = |sigma: f64| {
        let options = json!({ "method": "c3", "noise": sigma, "noiseSeed": 9, "renormalize": false });
        fit_job(&target, &one, &job(options), &quiet()).unwrap().0
    };
    let (noisy, still) = (fit(0.1), fit(0.0));
    let whole = transformed(&one, &noisy, &folder.path().join("a"));
    assert!(whole == transformed(&two, &noisy, &folder.path().join("b")));
    let (noisy, still) = (
        values(&whole),
        values(&transformed(&one, &still, &folder.path().join("c"))),
    );
    let noise = |row: usize| -> Vec<f32> {
        let range = row * DIM..(row + 1) * DIM;
        noisy[range.clone()]
            .iter()
            .zip(&still[range])
            .map(|(a, b)| a - b)
            .collect()
    };
    // 88 is 600 counted from its block; twelve numbers of deviation 0.1 never agree to 0.01 by chance
    for (row, other) in [(600, 88), (512, 0), (1_024, 512), (700, 0)] {
        let (one, two) = (noise(row), noise(other));
        let apart = one.iter().zip(&two).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) > 0.01, "rows {row} and {other}");
    }
}

/// Another cut merges other partial sums: some roundings of 1e-16 of means below one, and of a gap of some 1e-2.
#[test]
fn rows_held_out_are_the_same_however_the_source_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (image, text) = (rows(1_300, 2), rows(1_300, 4));
    let split = Split {
        holdout: 0.4,
        seed: 5,
    };
    let fit = |name: &str, cuts: &[usize]| {
        let place = |side: &str| folder.path().join(name).join(side);
        let sides = [("image", &image), ("text", &text)].map(|(side, rows)| shards(&place(side), rows, cuts));
        let job = FitJob {
            split,
            ..FitJob::default()
        };
        fit_job(&sides[0], &sides[1], &job, &quiet()).unwrap()
    };
    let (one, report) = fit("one", &[]);
    for (name, cuts) in [("two", &[700][..]), ("more", &[1, 513, 1_025])] {
        let (cut, cut_report) = fit(name, cuts);
        assert_eq!(cut.info().source.rows, one.info().source.rows);
        assert_eq!(cut.info().target.rows, one.info().target.rows);
        let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart(cut.source_mean(), one.source_mean()) < 1e-14);
        assert!(apart(cut.target_mean(), one.target_mean()) < 1e-14);
        let [one, cut] = [&report, &cut_report].map(|report| report.gap.held.clone().unwrap());
        for (what, a, b) in [
            ("before", one.before, cut.before),
            ("after", one.after.unwrap(), cut.after.unwrap()),
            ("floor", one.floor, cut.floor),
        ] {
            assert!((a - b).abs() < 1e-12, "{what}: {a} {b}");
        }
    }
}

/// Bad rows at both ends of blocks and of shards: what is written are the others, to the bit.
#[test]
fn rows_dropped_at_the_edges_of_blocks_leave_the_others_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = rows(1_700, 4);
    let bad = [0, 511, 512, 1_024, 1_399, 1_400, 1_699];
    let clean: Vec<f32> = text
        .chunks(DIM)
        .enumerate()
        .filter(|(row, _)| !bad.contains(row))
        .flat_map(|(_, row)| row.to_vec())
        .collect();
    for row in bad {
        text[row * DIM + row % DIM] = f32::NAN;
    }
    let target = shards(&folder.path().join("image"), &rows(900, 2), &[]);
    // five of the bad rows stand in the first shard
    let clean = shards(&folder.path().join("clean"), &clean, &[1_395]);
    let (aligner, _) = fit_job(&target, &clean, &FitJob::default(), &quiet()).unwrap();
    let dropping = shards_with(&folder.path().join("text"), &text, &[1_400], OnBadRow::Drop);
    let (kept, expected) = (
        transformed(&dropping, &aligner, &folder.path().join("a")),
        transformed(&clean, &aligner, &folder.path().join("b")),
    );
    assert_eq!(kept.len(), (1_700 - bad.len()) * DIM * 4);
    assert!(kept == expected);
}

/// The row is that of the input, whatever was dropped before it in its block and in others.
#[test]
fn a_value_beyond_the_storage_type_is_named_by_its_row_in_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let dropped = [3, 500, 512, 600];
    for beyond in [2, 4, 499, 511, 513, 599, 601, 700] {
        let mut values = rows(900, 4);
        for row in dropped {
            values[row * DIM] = f32::NAN;
        }
        // the largest f16 is 65,504
        values[beyond * DIM + 1] = 7e4;
        let place = folder.path().join(format!("{beyond}"));
        let source = shards_with(&place.join("in"), &values, &[], OnBadRow::Drop);
        let half = OutputOptions {
            dtype: Some(Dtype::F16),
            ..output(place.join("out"))
        };
        let error = convert_job(&source, &half, &quiet()).unwrap_err();
        assert_eq!(error.row(), Some(beyond as u64), "{error}");
        assert!(error.file().unwrap().ends_with("rows_0.npy"));
    }
}

/// Stops when a stage that begins with `stage` shows its first progress; gives what was shown from there on.
fn stopping(stage: &'static str) -> (Control, Arc<Mutex<Vec<Progress>>>) {
    let (token, shown) = (CancelToken::default(), Arc::new(Mutex::new(Vec::new())));
    let (stop, seen) = (token.clone(), Arc::clone(&shown));
    let listen = move |progress: Progress| {
        if progress.stage.starts_with(stage) {
            stop.cancel();
        }
        if stop.is_cancelled() {
            seen.lock().unwrap().push(progress);
        }
    };
    (Control::new(1, token, Some(Box::new(listen))).unwrap(), shown)
}

/// A pass that ends is always shown with all of its rows, so one that stopped never is.
#[test]
fn a_job_stops_within_a_pass_over_covariances_and_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let image = shards(&folder.path().join("image"), &rows(8_000, 2), &[]);
    let text = shards(&folder.path().join("text"), &rows(8_000, 4), &[3_000]);
    for (part, stage, paired) in [
        (MeasurePart::Causes, "covariance", false),
        (MeasurePart::Causes, "pairs", true),
    ] {
        let job = MeasureJob {
            paired,
            parts: Some(vec![part]),
            ..MeasureJob::default()
        };
        let (control, shown) = stopping(stage);
        let error = measure_job(&image, &text, &job, None, &control).unwrap_err();
        assert!(matches!(error, TaskError::Cancelled), "{stage}: {error}");
        let shown = shown.lock().unwrap();
        assert!(!shown.is_empty(), "{stage} was not reached");
        for Progress {
            stage, rows, total, ..
        } in shown.iter()
        {
            assert!(*rows <= BLOCK_ROWS && rows < total, "{stage}: {rows} of {total}");
        }
    }
}

/// Every file under `folder` with its time of change set to a day ago; asked again, it says which were left alone.
fn aged(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(aged(&path));
        } else {
            let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_hours(24))
                .unwrap();
            files.push(path);
        }
    }
    files.sort();
    files
}

fn is_old(path: &Path) -> bool {
    let age = SystemTime::now().duration_since(fs::metadata(path).unwrap().modified().unwrap());
    age.unwrap() > Duration::from_hours(1)
}

#[test]
fn a_job_that_was_stopped_keeps_the_states_of_its_fit_and_resumes_from_them() {
    let folder = tempfile::tempdir().unwrap();
    let target = shards(&folder.path().join("image"), &rows(1_000, 2), &[]);
    let source = shards(&folder.path().join("text"), &rows(3_000, 4), &[1_000, 2_000]);
    let expected = output(folder.path().join("whole"));
    align_job(&target, &source, &FitJob::default(), &expected, &quiet()).unwrap();
    let mut out = output(folder.path().join("out"));
    let (control, _) = stopping("centroid 1");
    let error = align_job(&target, &source, &FitJob::default(), &out, &control).unwrap_err();
    assert!(matches!(error, TaskError::Cancelled), "{error}");
    let mut states = aged(&out.out.join("_run"));
    states.retain(|state| !state.ends_with("job.json"));
    // receipt, two states and hashes of rows of one shard of images and of three of texts
    assert_eq!(states.len(), 16, "{states:?}");
    out.resume = true;
    align_job(&target, &source, &FitJob::default(), &out, &quiet()).unwrap();
    for state in &states {
        assert!(is_old(state), "{} was counted again", state.display());
    }
    for i in 0..3 {
        let [a, b] = [&expected, &out].map(|each| fs::read(each.out.join(format!("rows_{i}.npy"))).unwrap());
        assert!(a == b, "shard {i}");
    }
    // a failure that no resume mends leaves nothing
    let mut bad = rows(1_000, 4);
    bad[700 * DIM] = f32::NAN;
    let bad = shards(&folder.path().join("bad"), &bad, &[]);
    let failed = output(folder.path().join("failed"));
    let error = align_job(&target, &bad, &FitJob::default(), &failed, &quiet()).unwrap_err();
    assert_eq!(error.code(), "BAD_ROW");
    assert!(!failed.out.exists());
}

/// The last bytes of a state are numbers: whichever is changed, the state is not the one that its receipt names.
#[test]
fn a_state_whose_bytes_have_changed_is_counted_anew() {
    let folder = tempfile::tempdir().unwrap();
    let source = shards(&folder.path().join("in"), &rows(1_600, 4), &[600]);
    let map = Map::identity(DIM, Policy::Unit);
    let counted = |resume: bool| {
        let work = WorkFolder {
            path: folder.path().join("work"),
            resume,
        };
        let found = count(&source, &map, Selection::ALL, &quiet(), "moments", Some(&work)).unwrap();
        (found.fit.to_bytes(), found.held.to_bytes())
    };
    let expected = counted(false);
    let states = aged(&folder.path().join("work"));
    assert_eq!(states.len(), 6);
    assert!(counted(true) == expected);
    assert!(states.iter().all(|state| is_old(state)), "whole states are taken");
    for state in states
        .iter()
        .filter(|state| state.extension().is_some_and(|end| end == "safetensors"))
    {
        let mut bytes = fs::read(state).unwrap();
        let at = bytes.len() - 3;
        bytes[at] ^= 1;
        fs::write(state, &bytes).unwrap();
        aged(&folder.path().join("work"));
        assert!(counted(true) == expected, "{}", state.display());
        assert!(!is_old(state), "{} was taken", state.display());
    }
}
