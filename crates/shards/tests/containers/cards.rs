//! Data sets whose card lists their files, as `datasets` reads them: make_cards.py.

use std::path::Path;

use modality_gap_shards::{Role, resolve};
use serde_json::Value;

use crate::common::fixture;
use crate::splits::rows;

/// A folder with two files of three rows and one of two, and a card of these lines.
fn folder(card: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.parquet", "b.parquet", "more/c.parquet"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(fixture("splits/words/train.parquet"), path).unwrap();
    }
    std::fs::write(folder.path().join("notes.txt"), "a text").unwrap();
    std::fs::write(
        folder.path().join("README.md"),
        format!("---\n{card}\n---\ntext\n"),
    )
    .unwrap();
    folder
}

fn refused(path: &Path, split: Option<&str>, code: &str) -> String {
    let error = rows(path, split).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    error.to_string()
}

#[test]
fn every_split_of_a_card_has_the_rows_that_the_library_gives() {
    let expected: Value =
        serde_json::from_slice(&std::fs::read(fixture("cards/expected.json")).unwrap()).unwrap();
    for (layout, splits) in expected.as_object().unwrap() {
        let splits = splits.as_object().unwrap();
        let folder = fixture("cards").join(layout);
        for (split, right) in splits {
            let right: Vec<f64> = serde_json::from_value(right.clone()).unwrap();
            // files without a card and without a split in their names are not split here
            if layout != "no-configs" {
                assert_eq!(rows(&folder, Some(split)).unwrap(), right, "{layout} {split}");
            }
            if splits.len() == 1 {
                assert_eq!(rows(&folder, None).unwrap(), right, "{layout}");
            }
        }
        if splits.len() > 1 {
            let error = refused(&folder, None, "BAD_SELECTOR");
            assert!(splits.keys().all(|name| error.contains(name.as_str())), "{error}");
        }
        refused(&folder, Some("absent"), "BAD_SELECTOR");
    }
}

#[test]
fn several_subsets_without_a_default_are_refused_with_their_files() {
    let card = "configs:\n- config_name: one\n  data_files: a.parquet\n- {config_name: two, data_dir: more, data_files: '*'}";
    let of = folder(card);
    let error = refused(of.path(), None, "BAD_SELECTOR");
    for part in ["README.md", "one: ", "a.parquet", "two: ", "more/*"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let both = format!("{card}\n  # a comment\n")
        .replace("data_files: a.parquet", "data_files: a.parquet\n  default: true");
    assert_eq!(rows(folder(&both).path(), None).unwrap().len(), 3);
    let two = both.replace("data_dir: more", "default: yes, data_dir: more");
    assert!(refused(folder(&two).path(), None, "BAD_SELECTOR").contains("several are the default"));
}

#[test]
fn what_a_card_says_and_is_not_followed_is_refused_by_name() {
    let config = |keys: &str| format!("configs:\n- config_name: x\n{keys}");
    for (keys, code, named) in [
        (
            "  data_files: a.parquet\n  columns: [embedding]",
            "UNSUPPORTED",
            "columns",
        ),
        ("  data_files: ../a.parquet", "UNSUPPORTED", "../a.parquet"),
        ("  data_files: /etc/passwd", "UNSUPPORTED", "/etc/passwd"),
        (
            "  data_files: hf://datasets/a/b/c.parquet",
            "UNSUPPORTED",
            "hf://",
        ),
        ("  data_files: 'x**.parquet'", "UNSUPPORTED", "x**.parquet"),
        ("  data_dir: ../other", "UNSUPPORTED", "../other"),
        ("  data_files: none-*.parquet", "NOT_FOUND", "none-*.parquet"),
        ("  data_files: notes.txt", "EMPTY", "notes.txt"),
        ("  data_files: [a.parquet, '*.parquet']", "BAD_SELECTOR", "twice"),
        ("  data_files: {train: a.parquet}", "BAD_FORMAT", "data_files"),
        ("  data_files: [{split: a}]", "BAD_FORMAT", "data_files"),
        (
            "  data_files: [{split: a, path: b}, {split: a, path: c}]",
            "BAD_FORMAT",
            "data_files",
        ),
        ("  default: maybe", "BAD_FORMAT", "default"),
        ("  data_files: [", "BAD_FORMAT", "YAML"),
        (
            "  data_files: &f a.parquet\n  data_dir: *f",
            "BAD_FORMAT",
            "alias",
        ),
    ] {
        let error = refused(folder(&config(keys)).path(), None, code);
        assert!(error.contains(named), "{keys}: {error}");
    }
    let error = refused(
        folder("configs:\n- data_files: a.parquet").path(),
        None,
        "BAD_FORMAT",
    );
    assert!(error.contains("config_name"), "{error}");
    refused(folder("configs: all").path(), None, "BAD_FORMAT");
}

#[test]
fn a_text_that_is_no_card_says_nothing() {
    let of = folder("license: mit");
    // tables in a folder below are refused without a card
    std::fs::remove_dir_all(of.path().join("more")).unwrap();
    assert_eq!(rows(of.path(), None).unwrap().len(), 6);
    for text in [
        "# Rows\nconfigs: x\n",
        "---\nconfigs: no end\n",
        "---\na rule: [, and text\n---\n",
        "---\n- configs\n---\n",
        "",
    ] {
        std::fs::write(of.path().join("README.md"), text).unwrap();
        assert_eq!(rows(of.path(), None).unwrap().len(), 6, "{text}");
    }
    // files that are named are read whatever the card of their folder says
    let of = folder("configs:\n- config_name: x\n  data_files: a.parquet");
    assert_eq!(rows(of.path(), None).unwrap().len(), 3);
    assert_eq!(rows(&of.path().join("*.parquet"), None).unwrap().len(), 6);
}

#[test]
fn other_numbers_of_rows_than_a_folder_says_are_refused() {
    // as the library refuses them: NonMatchingSplitsSizesError
    let info = |rows: u64| {
        format!(
            "dataset_info:\n  splits:\n  - name: train\n    num_examples: {rows}\n  - name: test\n    num_examples: 1\n"
        )
    };
    let configs =
        "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: '?.parquet'\n";
    assert_eq!(rows(folder(&(info(6) + configs)).path(), None).unwrap().len(), 6);
    let error = refused(folder(&(info(5) + configs)).path(), None, "BAD_FORMAT");
    assert!(
        error.contains("\"train\" has 5 rows, and the files have 6"),
        "{error}"
    );
    // behind other paths
    let of = folder(&(info(6) + configs));
    let other = fixture("splits/words/train.parquet");
    let paths = [other.as_path(), of.path()].map(|path| path.display().to_string());
    assert_eq!(resolve(&paths, Role::Other).unwrap().rows, 9);
    // of another subset
    let other = format!("- config_name: other\n{}", info(5).replace("dataset_info:\n", ""));
    let of = folder(&format!("dataset_info:\n{other}{configs}"));
    assert_eq!(rows(of.path(), None).unwrap().len(), 6);
    // files by their names, and the older file
    for legacy in [false, true] {
        let of = tempfile::tempdir().unwrap();
        let data = of.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::copy(
            fixture("splits/words/train.parquet"),
            data.join("train-00000-of-00001.parquet"),
        )
        .unwrap();
        let say = |rows: u64| {
            if legacy {
                let text =
                    format!("{{\"u--x\": {{\"splits\": {{\"train\": {{\"num_examples\": {rows}}}}}}}}}");
                std::fs::write(of.path().join("dataset_infos.json"), text).unwrap();
            } else {
                std::fs::write(of.path().join("README.md"), format!("---\n{}---\n", info(rows))).unwrap();
            }
        };
        say(3);
        assert_eq!(rows(of.path(), Some("train")).unwrap().len(), 3);
        say(4);
        let error = refused(of.path(), Some("train"), "BAD_FORMAT");
        assert!(error.contains("has 4 rows, and the files have 3"), "{error}");
        // files that are named are read whatever the folder says
        assert_eq!(rows(&data.join("*"), Some("train")).unwrap().len(), 3);
    }
}
