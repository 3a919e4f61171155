//! Lists of pairs: JSONL, CSV and WebDataset archives.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_encoder::data::{BadPairs, OnBadPair, read_pairs};
use modality_gap_fuzz::{Scratch, chosen};

/// Endings by which the first byte names the list; seeds are made in this order by `scripts/fuzz.mjs`.
const ENDINGS: [&str; 4] = ["tar", "jsonl", "csv", "tsv"];

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(|data: &[u8]| {
    let Some((ending, bytes)) = chosen(&ENDINGS, data) else { return };
    let path = SCRATCH.file(&format!("list.{ending}"), bytes);
    let mut bad = BadPairs::new(OnBadPair::Drop);
    let _ = read_pairs(std::slice::from_ref(&path), false, &mut bad);
    std::fs::remove_file(path).expect("the file that was written");
});
