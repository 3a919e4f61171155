//! The committed types are those that the Rust types give; with `MODALITY_GAP_WRITE_TYPES` they are written anew.

use std::path::Path;

#[test]
fn the_committed_types_are_those_of_the_rust_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../native/types.d.ts");
    let made = modality_gap_types::declarations();
    if std::env::var_os("MODALITY_GAP_WRITE_TYPES").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&file)
        .unwrap_or_default()
        .replace("\r\n", "\n");
    let differs = committed.lines().zip(made.lines()).position(|(a, b)| a != b);
    assert!(
        committed == made,
        "native/types.d.ts differs from its sources in line {:?}; write it anew: npm run build:types",
        differs.map(|line| line + 1)
    );
}
