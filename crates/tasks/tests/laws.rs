//! Laws that jobs over shards keep.

mod common;

use std::fs;
use std::path::Path;

use common::open;
use modality_gap_geometry::{FitOptions, Map, Moments, Policy, Verdict};
use modality_gap_tasks::{
    CancelToken, Control, FitJob, InspectJob, OnBadRow, OutputOptions, RowSet, Selection, Split, TaskError,
    TaskReceipt, TaskSpec, WorkFolder, align_job, count, fit_job, inspect_job, run_task, transform_job,
};
use modality_gap_testing::side_rows;

const DIM: usize = 33;

fn rows(n: usize, seed: u64) -> Vec<f32> {
    side_rows(n, DIM, seed)
}

fn shards(folder: &Path, rows: &[f32], cuts: &[usize]) -> RowSet {
    common::shards(folder, DIM, rows, cuts, OnBadRow::Error)
}

fn moments(source: &RowSet, threads: usize) -> Moments {
    let map = Map::identity(DIM, Policy::Unit);
    count(
        source,
        &map,
        Selection::ALL,
        &Control::quiet(threads).unwrap(),
        "moments",
        None,
    )
    .unwrap()
    .fit
}

#[test]
fn threads_do_not_change_a_bit() {
    let folder = tempfile::tempdir().unwrap();
    let source = shards(folder.path(), &rows(5_000, 3), &[1, 700, 2_500]);
    let one = moments(&source, 1);
    assert_eq!(one.rows(), 5_000);
    for threads in [2, 3, 8] {
        assert_eq!(
            moments(&source, threads).to_bytes(),
            one.to_bytes(),
            "{threads} threads"
        );
    }
}

/// Shards end in any order when several are read at once.
#[test]
fn inspected_lengths_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let cuts: Vec<usize> = (1..40).map(|i| i * 97 + i % 7 * 13).collect();
    let source = shards(folder.path(), &rows(5_000, 4), &cuts);
    let mean = |threads| {
        let report = inspect_job(&source, &InspectJob::default(), &Control::quiet(threads).unwrap()).unwrap();
        report.norms.expect("usable rows").mean
    };
    let one = mean(1);
    for _ in 0..20 {
        assert_eq!(mean(8).to_bits(), one.to_bits());
    }
}

/// Another split merges other partial sums: a few roundings of a mean below one.
#[test]
fn another_split_agrees_to_rounding() {
    let folder = tempfile::tempdir().unwrap();
    let all = rows(4_000, 5);
    let whole = moments(&shards(&folder.path().join("a"), &all, &[]), 2);
    let cut = moments(
        &shards(&folder.path().join("b"), &all, &[3, 511, 1_024, 3_999]),
        2,
    );
    assert_eq!(whole.rows(), cut.rows());
    let size = whole.mean().iter().map(|m| m * m).sum::<f64>().sqrt();
    for (a, b) in whole.mean().iter().zip(cut.mean()) {
        assert!((a - b).abs() <= 1e-13 * size, "{a} {b}");
    }
    assert!((whole.trace() / cut.trace() - 1.0).abs() <= 1e-13);
}

/// Shards counted by tasks in any place and merged in order are the state of a local pass, bit for bit.
#[test]
fn tasks_and_a_local_pass_give_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let source = shards(&folder.path().join("in"), &rows(3_000, 11), &[800, 2_000]);
    let control = Control::quiet(2).unwrap();
    let state = |i: usize| folder.path().join(format!("{i}.state"));
    for (i, file) in source.files().iter().enumerate().rev() {
        let spec = serde_json::json!({ "version": 1, "task": "moments", "shard": { "path": file }, "out": state(i) });
        let spec: TaskSpec = serde_json::from_value(spec).unwrap();
        let receipt = run_task(&spec, &control).unwrap();
        let TaskReceipt::Moments { rows, .. } = receipt else {
            panic!("a task that counts");
        };
        assert_eq!(rows, source.parts[i].rows());
    }
    let out = folder.path().join("merged");
    let spec = serde_json::json!({ "version": 1, "task": "merge", "states": [state(0), state(1), state(2)], "out": out });
    run_task(&serde_json::from_value(spec).unwrap(), &control).unwrap();
    assert_eq!(fs::read(out).unwrap(), moments(&source, 3).to_bytes());
}

#[test]
fn a_damaged_state_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.state");
    fs::write(&path, b"not a state").unwrap();
    let spec = serde_json::json!({ "version": 1, "task": "merge", "states": [path], "out": folder.path().join("out") });
    let error = run_task(
        &serde_json::from_value(spec).unwrap(),
        &Control::quiet(1).unwrap(),
    )
    .unwrap_err();
    assert_eq!(error.code(), "BAD_RECEIPT");
    assert_eq!(error.file(), Some(path.as_path()));
}

#[test]
fn a_bad_row_is_named_by_file_and_row_or_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut values = rows(2_000, 7);
    values[1_234 * DIM + 5] = f32::NAN;
    values[1_700 * DIM..1_701 * DIM].fill(0.0);
    shards(folder.path(), &values, &[1_000]);
    let stop = open(folder.path(), OnBadRow::Error);
    let map = Map::identity(DIM, Policy::Unit);
    for threads in [1, 4] {
        let control = Control::quiet(threads).unwrap();
        let error = count(&stop, &map, Selection::ALL, &control, "moments", None).unwrap_err();
        assert_eq!(
            (error.code(), error.row(), error.column()),
            ("BAD_ROW", Some(234), Some(5))
        );
        assert!(error.file().unwrap().ends_with("rows_1.npy"));
    }
    let drop = open(folder.path(), OnBadRow::Drop);
    let counted = count(
        &drop,
        &map,
        Selection::ALL,
        &Control::quiet(2).unwrap(),
        "moments",
        None,
    )
    .unwrap();
    assert_eq!(counted.dropped, [vec![], vec![234, 700]]);
    assert_eq!(counted.fit.rows(), 1_998);
    let report = inspect_job(&drop, &InspectJob::default(), &Control::quiet(2).unwrap()).unwrap();
    assert_eq!(report.bad_rows.count, 2);
    assert_eq!(report.bad_rows.first[0].row, 234);
}

#[test]
fn dropped_rows_are_missing_from_the_output_and_the_others_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut values = rows(1_500, 9);
    values[600 * DIM] = f32::INFINITY;
    values[1_499 * DIM] = f32::NAN;
    let clean: Vec<f32> = values
        .chunks(DIM)
        .filter(|row| row[0].is_finite())
        .flatten()
        .copied()
        .collect();
    let target = shards(&folder.path().join("image"), &rows(1_000, 2), &[]);
    shards(&folder.path().join("text"), &values, &[]);
    let text = open(&folder.path().join("text"), OnBadRow::Drop);
    let clean = shards(&folder.path().join("clean"), &clean, &[]);
    let control = Control::quiet(2).unwrap();
    let job = FitJob::default();
    let align = |source: &RowSet, name: &str| {
        let out = folder.path().join(name);
        let output = OutputOptions {
            out: out.clone(),
            sync: Some(false),
            ..OutputOptions::default()
        };
        align_job(&target, source, &job, &output, &control).unwrap();
        fs::read(out.join("rows_0.npy")).unwrap()
    };
    let (dropped, clean) = (align(&text, "a"), align(&clean, "b"));
    assert_eq!(dropped.len(), clean.len());
    // dropping cuts the block sums elsewhere: the rows agree to the last bits of f32
    for (a, b) in dropped[128..].chunks(4).zip(clean[128..].chunks(4)) {
        let value = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
        assert!((value(a) - value(b)).abs() <= 1e-7, "{} {}", value(a), value(b));
    }
}

#[test]
fn resuming_redoes_only_what_is_missing_or_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let target = shards(&folder.path().join("image"), &rows(1_000, 2), &[]);
    let source = shards(&folder.path().join("text"), &rows(3_000, 4), &[1_000, 2_000]);
    let out = folder.path().join("out");
    let align = |resume: bool| {
        let output = OutputOptions {
            out: out.clone(),
            resume,
            sync: Some(false),
            ..OutputOptions::default()
        };
        align_job(
            &target,
            &source,
            &FitJob::default(),
            &output,
            &Control::quiet(2).unwrap(),
        )
        .unwrap()
        .1
    };
    let first = align(false);
    let path = |i: usize| out.join(format!("rows_{i}.npy"));
    let bytes = [0, 1, 2].map(|i| fs::read(path(i)).unwrap());
    let stamp = fs::metadata(path(0)).unwrap().modified().unwrap();
    fs::remove_file(path(1)).unwrap();
    let mut damaged = bytes[2].clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(path(2), damaged).unwrap();
    let second = align(true);
    for (i, bytes) in bytes.iter().enumerate() {
        assert!(fs::read(path(i)).unwrap() == *bytes, "shard {i}");
    }
    assert_eq!(
        fs::metadata(path(0)).unwrap().modified().unwrap(),
        stamp,
        "a finished shard is left alone"
    );
    assert_eq!(
        first.gap, second.gap,
        "the report does not depend on what was resumed"
    );
}

#[test]
fn states_of_a_changed_shard_are_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let source = shards(&folder.path().join("in"), &rows(1_000, 4), &[]);
    let work = WorkFolder {
        path: folder.path().join("work"),
        resume: true,
    };
    let map = Map::identity(DIM, Policy::Unit);
    let counted = |source: &RowSet| {
        count(
            source,
            &map,
            Selection::ALL,
            &Control::quiet(1).unwrap(),
            "moments",
            Some(&work),
        )
        .unwrap()
        .fit
    };
    let before = counted(&source);
    let changed = shards(&folder.path().join("in"), &rows(1_000, 5), &[]);
    let after = counted(&changed);
    assert_ne!(before.to_bytes(), after.to_bytes());
    assert_eq!(after.to_bytes(), moments(&changed, 1).to_bytes());
}

#[test]
fn a_cancelled_job_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let target = shards(&folder.path().join("image"), &rows(2_000, 2), &[]);
    let source = shards(&folder.path().join("text"), &rows(60_000, 4), &[]);
    let token = CancelToken::default();
    let stop = token.clone();
    let on_progress = move |progress: modality_gap_tasks::Progress| {
        if progress.stage == "transform text" {
            stop.cancel();
        }
    };
    let control = Control::new(2, token, Some(Box::new(on_progress))).unwrap();
    let out = folder.path().join("out");
    let output = OutputOptions {
        out: out.clone(),
        ..OutputOptions::default()
    };
    let error = align_job(&target, &source, &FitJob::default(), &output, &control).unwrap_err();
    assert!(matches!(error, TaskError::Cancelled), "{error}");
    let left: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["_run"], "receipts for a resume, and no half file");
}

/// Rows of one distribution that the fit has not seen stay near the floor that is printed beside them.
#[test]
fn held_out_rows_are_judged_against_their_own_floor() {
    let folder = tempfile::tempdir().unwrap();
    let target = shards(&folder.path().join("image"), &rows(20_000, 2), &[]);
    let source = shards(&folder.path().join("text"), &rows(20_000, 4), &[7_000]);
    let job = FitJob {
        split: Split {
            holdout: 0.3,
            seed: 1,
        },
        ..FitJob::default()
    };
    let (aligner, report) = fit_job(&target, &source, &job, &Control::quiet(2).unwrap()).unwrap();
    let held = report.gap.held.unwrap();
    let (after, floor) = (held.after.unwrap(), held.floor);
    assert!(after < 2.0 * floor, "{after} {floor}");
    assert!(
        after > report.gap.after.unwrap(),
        "held-out rows are never closer than those of the fit"
    );
    let fitted = aligner.info().source.rows;
    assert!((13_000..15_000).contains(&fitted), "{fitted}");
}

#[test]
fn new_rows_of_the_same_kind_fit_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let target = shards(&folder.path().join("image"), &rows(2_000, 2), &[]);
    let source = shards(&folder.path().join("text"), &rows(4_000, 4), &[]);
    let control = Control::quiet(2).unwrap();
    let (aligner, _) = fit_job(&target, &source, &FitJob::default(), &control).unwrap();
    let verdict = |input: &RowSet, name: &str| {
        let output = OutputOptions {
            out: folder.path().join(name),
            sync: Some(false),
            ..OutputOptions::default()
        };
        let report = transform_job(input, &aligner, false, &output, &control).unwrap();
        report.fits.unwrap().verdict
    };
    let same = shards(&folder.path().join("same"), &rows(1_000, 4 + DIM as u64), &[]);
    let other = shards(&folder.path().join("other"), &rows(1_000, 6), &[]);
    assert_eq!(verdict(&same, "a"), Verdict::Fits);
    assert_eq!(verdict(&other, "b"), Verdict::Drifted);
}

#[test]
fn centering_moves_both_sides_and_writes_both() {
    let folder = tempfile::tempdir().unwrap();
    let target = shards(&folder.path().join("image"), &rows(900, 2), &[]);
    let source = shards(&folder.path().join("text"), &rows(800, 4), &[]);
    let options: FitOptions = serde_json::from_value(serde_json::json!({ "method": "centering" })).unwrap();
    let output = OutputOptions {
        out: folder.path().join("out"),
        sync: Some(false),
        ..OutputOptions::default()
    };
    let job = FitJob {
        options,
        ..FitJob::default()
    };
    let (_, report) = align_job(&target, &source, &job, &output, &Control::quiet(2).unwrap()).unwrap();
    // both means are zero up to the rounding of sums of about a thousand terms
    assert!(report.gap.after.unwrap() < 1e-15);
    for side in ["image", "text"] {
        assert!(output.out.join(side).join("rows_0.npy").is_file(), "{side}");
    }
}

#[test]
fn an_output_never_replaces_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let source = shards(&folder.path().join("text"), &rows(800, 4), &[]);
    let target = shards(&folder.path().join("image"), &rows(900, 2), &[]);
    let output = OutputOptions {
        out: folder.path().join("text"),
        ..OutputOptions::default()
    };
    let error = align_job(
        &target,
        &source,
        &FitJob::default(),
        &output,
        &Control::quiet(1).unwrap(),
    )
    .unwrap_err();
    assert_eq!(error.code(), "BAD_OPTION");
}
