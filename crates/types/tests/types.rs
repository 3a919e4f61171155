//! The committed types are those that the Rust types give; with `MODALITY_GAP_WRITE_TYPES` they are written anew.

use std::path::Path;

#[test]
fn the_committed_types_are_those_of_the_rust_types() {
    compare("native/types.d.ts", &modality_gap_types::declarations());
}

#[test]
fn the_committed_schemas_are_those_of_the_rust_types() {
    for (name, made) in modality_gap_types::schemas() {
        compare(&format!("schemas/{name}"), &made);
    }
}

fn compare(name: &str, made: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    if std::env::var_os("MODALITY_GAP_WRITE_TYPES").is_some() {
        std::fs::write(&file, made).unwrap();
    }
    let committed = std::fs::read_to_string(&file)
        .unwrap_or_default()
        .replace("\r\n", "\n");
    let differs = committed.lines().zip(made.lines()).position(|(a, b)| a != b);
    assert!(
        committed == made,
        "{name} differs from its sources in line {:?}; write it anew: npm run build:types",
        differs.map(|line| line + 1)
    );
}
