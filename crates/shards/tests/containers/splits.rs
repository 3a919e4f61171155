//! Splits of data sets as `datasets` gives them: make_splits.py.

use std::path::Path;

use modality_gap_shards::{Dtype, Pool, Reading, Role, ShardError, Wanted, resolve};
use serde_json::Value;

use crate::common::{fixture, read};

/// The first component of each row of a split.
pub(crate) fn rows(path: &Path, split: Option<&str>) -> Result<Vec<f64>, ShardError> {
    let wanted = Wanted {
        split,
        ..Wanted::default()
    };
    rows_of(path, wanted)
}

/// The first component of each row.
fn rows_of(path: &Path, wanted: Wanted<'_>) -> Result<Vec<f64>, ShardError> {
    let source = resolve(&[path.to_str().unwrap().to_owned()], wanted)?;
    let mut all = Vec::new();
    for shard in &source.shards {
        let found = read(shard.open()?.as_ref(), 0, shard.rows as usize)?;
        all.extend(found.chunks(source.dim).map(|row| row[0]));
    }
    Ok(all)
}

fn refused(path: &Path, split: Option<&str>) -> String {
    let error = rows(path, split).unwrap_err();
    assert_eq!(error.code(), "BAD_SELECTOR", "{error}");
    error.to_string()
}

#[test]
fn every_split_has_the_rows_that_the_library_gives() {
    let expected: Value =
        serde_json::from_slice(&std::fs::read(fixture("splits/expected.json")).unwrap()).unwrap();
    for (layout, splits) in expected.as_object().unwrap() {
        let folder = fixture("splits").join(layout);
        for (split, right) in splits.as_object().unwrap() {
            let right: Vec<f64> = serde_json::from_value(right.clone()).unwrap();
            assert_eq!(rows(&folder, Some(split)).unwrap(), right, "{layout} {split}");
        }
        let error = refused(&folder, Some("holdout"));
        let names: Vec<&String> = splits.as_object().unwrap().keys().collect();
        // the library's name for the folder dev is validation
        let named = names
            .iter()
            .all(|name| error.contains(name.as_str()) || layout == "folders");
        assert!(named && error.contains("expected"), "{error}");
    }
}

#[test]
fn files_and_globs_are_taken_by_their_names() {
    let words = fixture("splits/words");
    let all = words.join("*.parquet");
    assert_eq!(rows(&all, Some("val")).unwrap(), [30.0, 31.0]);
    assert_eq!(rows(&words.join("eval.parquet"), Some("test")).unwrap(), [20.0]);
    let error = refused(&words.join("eval.parquet"), Some("train"));
    assert!(error.contains("expected test"), "{error}");
    let error = refused(&words.join("testimony.parquet"), Some("test"));
    assert!(error.contains("says nothing of splits"), "{error}");
    let parts = fixture("splits/hub/data/*");
    assert_eq!(rows(&parts, Some("random")).unwrap().len(), 4);
}

#[test]
fn without_a_choice_several_splits_are_refused() {
    for folder in ["saved", "hub/data"] {
        let error = refused(&fixture("splits").join(folder), None);
        assert!(error.contains("option split"), "{error}");
    }
    assert_eq!(rows(&fixture("splits/one-split"), None).unwrap().len(), 3);
    // a part that is not there is missed in its split only
    let folder = tempfile::tempdir().unwrap();
    let from = fixture("splits/hub/data");
    for name in ["train-00001-of-00002", "random-00000-of-00001"] {
        let name = format!("{name}.parquet");
        std::fs::copy(from.join(&name), folder.path().join(&name)).unwrap();
    }
    assert_eq!(rows(folder.path(), Some("random")).unwrap().len(), 4);
    let error = refused(folder.path(), Some("train"));
    assert!(error.contains("1 of the 2 parts"), "{error}");
}

#[test]
fn a_split_in_two_places_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(fixture("splits/words/train.parquet"), path).unwrap();
    };
    put("train/a.parquet");
    assert_eq!(rows(folder.path(), Some("train")).unwrap().len(), 3);
    put("train_0.parquet");
    let error = refused(folder.path(), Some("train"));
    assert!(
        error.contains("train or ") && error.contains("train_0.parquet"),
        "{error}"
    );
    std::fs::remove_file(folder.path().join("train_0.parquet")).unwrap();
    put("training/a.parquet");
    // the name itself comes first; other words for it are one too many
    assert_eq!(rows(folder.path(), Some("train")).unwrap().len(), 3);
    put("val/a.parquet");
    put("dev/a.parquet");
    let error = refused(folder.path(), Some("validation"));
    assert!(error.contains("dev or ") && error.contains("val"), "{error}");
}

#[test]
fn the_sides_of_a_layout_have_their_splits() {
    let folder = tempfile::tempdir().unwrap();
    for (side, name) in [
        ("img_emb", "train"),
        ("img_emb", "eval"),
        ("text_emb", "train"),
        ("text_emb", "eval"),
    ] {
        let path = folder.path().join(side);
        std::fs::create_dir_all(&path).unwrap();
        let name = format!("{name}.parquet");
        std::fs::copy(fixture("splits/words").join(&name), path.join(&name)).unwrap();
    }
    for role in [Role::Image, Role::Text] {
        let wanted = Wanted {
            role,
            split: Some("test"),
            ..Wanted::default()
        };
        let found = resolve(&[folder.path().to_str().unwrap().to_owned()], wanted).unwrap();
        assert_eq!(found.rows, 1, "{role:?}");
    }
}

/// Containers of any kind, with what else is asked for, by the names of their files.
#[test]
fn a_split_is_chosen_in_every_container_and_beside_every_other_option() {
    let pooled = |pool: Pool| Reading {
        pool: Some(pool),
        ..Reading::default()
    };
    let plain = Reading {
        dim: Some(5),
        dtype: Some(Dtype::F32),
        pool: None,
    };
    let none = Reading::default();
    let cases = [
        (
            ["train_0.npy", "val_0.npy"],
            ["states.npy", "states-fortran.npy"],
            pooled(Pool::Last),
            "last",
        ),
        (
            ["train.npz", "dev.npz"],
            ["states.npz", "states-deflated.npz"],
            pooled(Pool::First),
            "first",
        ),
        (
            [
                "train-00000-of-00001.parquet",
                "validation-00000-of-00001.parquet",
            ],
            ["states-tensor.parquet", "states-nested.parquet"],
            pooled(Pool::Mean),
            "mean",
        ),
        (
            ["train.pt", "valid.pt"],
            ["f32.pt", "states.pt"],
            pooled(Pool::Mean),
            "mean",
        ),
        (
            ["coco-train-000.tar", "coco-val-000.tar"],
            ["bad.tar", "rows-pt.tar"],
            none,
            "x",
        ),
        (
            ["train.pth", "validation.pth"],
            ["f64.pt", "transposed.pt"],
            none,
            "x",
        ),
        (["train.bin", "val.bin"], ["rows.dat", "rows.bin"], plain, "x"),
    ];
    for (names, from, reading, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        for (name, from) in names.iter().zip(from) {
            std::fs::copy(fixture(&format!("torch/{from}")), folder.path().join(name)).unwrap();
        }
        let expected = fixture(&format!("torch/expected-{expected}.npy"));
        let expected = rows(&expected, None).unwrap();
        let glob = folder.path().join("*");
        for path in [folder.path(), &glob, &folder.path().join(names[1])] {
            let wanted = Wanted {
                split: Some("validation"),
                reading,
                ..Wanted::default()
            };
            assert_eq!(rows_of(path, wanted).unwrap(), expected, "{names:?}");
            let absent = Wanted {
                split: Some("test"),
                ..wanted
            };
            let error = rows_of(path, absent).unwrap_err();
            assert_eq!(error.code(), "BAD_SELECTOR", "{error}");
        }
    }
    // states stay refused where a split is chosen and no way to pool
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(fixture("torch/states.npy"), folder.path().join("train.npy")).unwrap();
    let error = refused(folder.path(), Some("train"));
    assert!(error.contains("--pool"), "{error}");
}
