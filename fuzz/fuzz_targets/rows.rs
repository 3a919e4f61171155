//! Containers of rows: every format is found, opened and read to its end.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_fuzz::{Scratch, chosen, let_caught_panics_pass};
use modality_gap_shards::{Buffer, Wanted, resolve};

/// Endings by which the first byte names the file; seeds are made in this order by `scripts/fuzz.mjs`.
const ENDINGS: [&str; 19] = [
    "npy", "npz", "parquet", "arrow", "safetensors", "pkl", "pt", "tar", "jsonl", "json", "csv", "tsv", "fvecs", "bvecs",
    "arrows", "feather", "jsonl.gz", "jsonl.zst", "bin",
];
/// Rows that are read at a time.
const BLOCK: u64 = 256;
/// Bytes of rows that are read of one input at most: a header may repeat one row as often as it likes.
const MOST: u64 = 8 << 20;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(init: let_caught_panics_pass(), |data: &[u8]| {
    let Some((ending, bytes)) = chosen(&ENDINGS, data) else { return };
    let path = SCRATCH.file(&format!("rows.{ending}"), bytes);
    read(&path.to_string_lossy());
    std::fs::remove_file(path).expect("the file that was written");
});

fn read(path: &str) {
    let Ok(source) = resolve(&[path.to_owned()], Wanted::default()) else { return };
    for reference in &source.shards {
        let Ok(shard) = reference.open() else { return };
        assert_eq!(shard.rows(), reference.rows);
        assert_eq!(shard.dim(), source.dim);
        let row = (shard.dim() * shard.dtype().size()) as u64;
        let rows = shard.rows().min(MOST / row.max(1));
        let mut buffer = Buffer::new();
        let mut first = 0;
        while first < rows {
            let count = BLOCK.min(rows - first);
            if shard.read(first, count as usize, &mut buffer).is_err() {
                return;
            }
            assert_eq!(buffer.as_bytes().len() as u64, count * row);
            first += count;
        }
        let _ = shard.check();
    }
}
