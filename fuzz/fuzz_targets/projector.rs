//! Projectors in the files of several projects.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_fuzz::{Scratch, chosen};
use modality_gap_revision::read_projector;

/// Endings by which the first byte names the file; seeds are made in this order by `scripts/fuzz.mjs`.
const ENDINGS: [&str; 3] = ["safetensors", "bin", "gguf"];

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(|data: &[u8]| {
    let Some((ending, bytes)) = chosen(&ENDINGS, data) else { return };
    let path = SCRATCH.file(&format!("projector.{ending}"), bytes);
    let _ = read_projector(&path);
    std::fs::remove_file(path).expect("the file that was written");
});
