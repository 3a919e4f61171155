//! What the user names becomes shards in the right order.

use std::path::Path;

use modality_gap_shards::{Format, Layout, Role, ShardError, Source, output_name, resolve};

use crate::common::fixture;

fn put(folder: &Path, name: &str, from: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::copy(fixture(from), path).unwrap();
}

fn find(path: impl AsRef<Path>, role: Role) -> Result<Source, ShardError> {
    resolve(&[path.as_ref().to_str().unwrap().to_owned()], role)
}

fn file_names(source: &Source) -> Vec<String> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    source.shards.iter().map(|shard| name(&shard.path)).collect()
}

#[test]
fn a_folder_comes_in_natural_order_without_hidden_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "img_emb_10.npy",
        "img_emb_2.npy",
        "img_emb_0.npy",
        ".img_emb_1.npy.tmp",
        ".hidden.npy",
    ] {
        put(folder.path(), name, "f16.npy");
    }
    std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let source = find(folder.path(), Role::Other).unwrap();
    assert_eq!(
        file_names(&source),
        ["img_emb_0.npy", "img_emb_2.npy", "img_emb_10.npy"]
    );
    assert_eq!((source.rows, source.dim, source.layout), (30, 4, Layout::Files));
}

#[test]
fn globs_and_lists() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a_10.npy", "a_9.npy", "b.npy", "c.parquet"] {
        put(
            folder.path(),
            name,
            if name == "c.parquet" {
                "fixed-f16.parquet"
            } else {
                "f16.npy"
            },
        );
    }
    let source = find(folder.path().join("a_*.npy"), Role::Other).unwrap();
    assert_eq!(file_names(&source), ["a_9.npy", "a_10.npy"]);
    let list = ["c.parquet", "b.npy"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let source = resolve(&list, Role::Other).unwrap();
    assert_eq!(file_names(&source), ["c.parquet", "b.npy"]);
    assert_eq!(
        find(folder.path().join("x_*.npy"), Role::Other)
            .unwrap_err()
            .code(),
        "NOT_FOUND"
    );
    let error = find(folder.path(), Role::Other).unwrap_err();
    assert_eq!(error.code(), "BAD_SELECTOR");
    assert!(error.to_string().contains("npy, parquet"), "{error}");
}

#[test]
fn selectors_come_after_a_hash_unless_a_file_has_that_name() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "pairs.npy", "three.npy");
    put(folder.path(), "odd#1.npy", "f16.npy");
    let source = find(folder.path().join("pairs.npy#1"), Role::Text).unwrap();
    assert_eq!(source.shards[0].selector.as_deref(), Some("1"));
    assert_eq!(source.shards[0].name, "pairs.npy");
    assert_eq!(
        find(folder.path().join("odd#1.npy"), Role::Text).unwrap().rows,
        10
    );
    let both =
        ["pairs.npy#0", "pairs.npy#1"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let source = resolve(&both, Role::Other).unwrap();
    let names: Vec<_> = source.shards.iter().map(|shard| shard.name.as_str()).collect();
    assert_eq!(
        names,
        ["pairs.npy", "pairs-1.npy"],
        "outputs of one file do not overwrite each other"
    );
}

#[test]
fn names_are_unique_also_after_a_change_of_format() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "one/emb.npy", "f16.npy");
    put(folder.path(), "two/emb.npy", "f16.npy");
    put(folder.path(), "two/emb.pkl", "f16.pkl");
    let list = ["one/emb.npy", "two/emb.npy", "two/emb.pkl"]
        .map(|n| folder.path().join(n).to_str().unwrap().to_owned());
    let source = resolve(&list, Role::Other).unwrap();
    let names: Vec<_> = source
        .shards
        .iter()
        .map(|shard| output_name(shard, Format::Npy))
        .collect();
    assert_eq!(names, ["emb.npy", "emb-2.npy", "emb-3.npy"]);
}

#[test]
fn the_role_chooses_among_columns() {
    for (role, name) in [(Role::Image, "image_embedding"), (Role::Text, "text_embedding")] {
        let source = find(fixture("two.parquet"), role).unwrap();
        assert_eq!(source.shards[0].selector.as_deref(), Some(name));
        let source = find(fixture("stored.npz"), role).unwrap();
        assert_eq!(
            source.shards[0].selector.as_deref(),
            Some(&name.replace("embedding", "emb")[..])
        );
    }
    assert_eq!(
        find(fixture("two.parquet"), Role::Other).unwrap_err().code(),
        "BAD_SELECTOR"
    );
}

#[test]
fn clip_retrieval_folders_bring_their_metadata() {
    let folder = tempfile::tempdir().unwrap();
    for shard in ["0", "2", "10"] {
        put(folder.path(), &format!("img_emb/img_emb_{shard}.npy"), "f16.npy");
        put(
            folder.path(),
            &format!("text_emb/text_emb_{shard}.npy"),
            "f32.npy",
        );
        put(
            folder.path(),
            &format!("metadata/metadata_{shard}.parquet"),
            "none.parquet",
        );
    }
    for (role, side) in [(Role::Image, "img_emb"), (Role::Text, "text_emb")] {
        for path in [folder.path().to_path_buf(), folder.path().join(side)] {
            let source = find(&path, role).unwrap();
            assert_eq!(
                file_names(&source),
                ["0", "2", "10"].map(|shard| format!("{side}_{shard}.npy"))
            );
            let Layout::ClipRetrieval { root, metadata } = &source.layout else {
                panic!("{:?}", source.layout);
            };
            assert_eq!(root, folder.path());
            assert!(metadata[1].ends_with("metadata_2.parquet") && metadata.len() == 3);
        }
    }
    let error = find(folder.path(), Role::Other).unwrap_err();
    assert!(error.to_string().contains("name one of them"), "{error}");
    std::fs::remove_file(folder.path().join("metadata/metadata_2.parquet")).unwrap();
    let error = find(folder.path(), Role::Text).unwrap_err();
    assert_eq!(error.code(), "BAD_FORMAT");
    assert!(error.to_string().contains("2 files for 3"), "{error}");
}

#[test]
fn metadata_of_another_number_of_rows_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "text_emb/text_emb_0.npy", "f16.npy");
    put(folder.path(), "metadata/metadata_0.parquet", "null.parquet");
    let error = find(folder.path(), Role::Text).unwrap_err();
    assert_eq!(error.code(), "BAD_FORMAT");
    assert!(
        error.to_string().contains("describes 3 rows") && error.to_string().contains("has 10"),
        "{error}"
    );
}

#[test]
fn what_is_missing_or_empty_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = find(folder.path(), Role::Other).unwrap_err();
    assert_eq!((error.code(), error.path()), ("EMPTY", Some(folder.path())));
    let absent = folder.path().join("absent.npy");
    let error = find(&absent, Role::Other).unwrap_err();
    assert_eq!(
        (error.code(), error.path()),
        ("NOT_FOUND", Some(absent.as_path()))
    );
    put(folder.path(), "empty.npy", "empty.npy");
    assert_eq!(
        find(folder.path().join("empty.npy"), Role::Other)
            .unwrap_err()
            .code(),
        "EMPTY"
    );
    assert_eq!(resolve(&[], Role::Other).unwrap_err().code(), "EMPTY");
    put(folder.path(), "full.npy", "f16.npy");
    let source = find(folder.path(), Role::Other).unwrap();
    assert_eq!(
        (source.shards.len(), source.rows),
        (2, 10),
        "an empty shard among others keeps its place"
    );
}

#[test]
fn shards_of_other_width_name_both_files() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.pkl", "f32.pkl");
    put(folder.path(), "b.pkl", "many.pkl");
    let error = find(folder.path(), Role::Other).unwrap_err();
    assert_eq!(error.code(), "WIDTH_MISMATCH");
    assert!(
        error.to_string().contains("a.pkl") && error.to_string().contains("b.pkl"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.npy");
    // `command -p` finds the system's own programs, whatever PATH says
    let mut shell = std::process::Command::new("/bin/sh");
    let made = shell.args(["-c", "command -p mkfifo \"$0\""]).arg(&path).status();
    assert!(made.unwrap().success());
    assert_eq!(find(&path, Role::Other).unwrap_err().code(), "BAD_FORMAT");
    assert_eq!(find("/dev/zero", Role::Other).unwrap_err().code(), "BAD_FORMAT");
}

/// `pyarrow.dataset` leaves out names that begin with `_` or `.`, and reads folders in folders as parts.
#[test]
fn a_folder_of_tables_is_what_readers_of_tables_take_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let table = fixture("list-f32.parquet");
    let at = |name: &str| folder.path().join(name);
    let named = |name: &str| at(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(at("part/_temporary")).unwrap();
    for name in [
        "part/a.parquet",
        "part/_b.parquet",
        "part/.c.parquet",
        "part/_temporary/d.parquet",
    ] {
        std::fs::copy(&table, at(name)).unwrap();
    }
    let found = resolve(&[named("part")], Role::Other).unwrap();
    assert_eq!(found.shards.len(), 1);
    assert_eq!(found.shards[0].name, "a.parquet");
    // a file that is named is read
    assert_eq!(
        resolve(&[named("part/_b.parquet")], Role::Other)
            .unwrap()
            .shards
            .len(),
        1
    );
    let refused = |name: &str| resolve(&[named(name)], Role::Other).unwrap_err();
    let error = refused("");
    assert_eq!(error.code(), "EMPTY");
    assert!(error.to_string().contains("folders in it do, such as"), "{error}");
    std::fs::copy(&table, at("a.parquet")).unwrap();
    let error = refused("");
    assert_eq!(error.code(), "BAD_SELECTOR");
    assert!(error.to_string().contains("and so do folders in it"), "{error}");
    assert_eq!(
        resolve(&[named("**/*.parquet")], Role::Other)
            .unwrap()
            .shards
            .len(),
        5
    );
    std::fs::create_dir(at("none")).unwrap();
    std::fs::copy(&table, at("none/_a.parquet")).unwrap();
    let error = refused("none");
    assert!(
        error.to_string().contains("which readers of tables ignore"),
        "{error}"
    );
}
