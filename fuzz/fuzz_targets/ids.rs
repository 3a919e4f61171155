//! Ids of rows, and records of tables.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_fuzz::{Scratch, chosen, let_caught_panics_pass};
use modality_gap_shards::{IdColumn, Ids, Records};

/// Endings by which the first byte names the file; seeds are made in this order by `scripts/fuzz.mjs`.
const ENDINGS: [&str; 3] = ["pkl", "parquet", "arrow"];
/// Batches that are read of one input at most.
const BATCHES: usize = 64;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(init: let_caught_panics_pass(), |data: &[u8]| {
    let Some((ending, bytes)) = chosen(&ENDINGS, data) else { return };
    let path = SCRATCH.file(&format!("ids.{ending}"), bytes);
    let column = IdColumn {
        name: None,
        usual: &["id", "image_path", "caption"],
        captions: true,
    };
    if let Ok(mut ids) = Ids::open(&path, &column) {
        for _ in 0..BATCHES {
            if !matches!(ids.next_batch(), Ok(Some(_))) {
                break;
            }
        }
    }
    if *ending == "parquet"
        && let Ok(mut records) = Records::open(&path, &["id", "conversations", "image"])
    {
        for _ in 0..BATCHES {
            if !matches!(records.next_batch(), Ok(Some(_))) {
                break;
            }
        }
    }
    std::fs::remove_file(path).expect("the file that was written");
});
