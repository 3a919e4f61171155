//! What a folder says of its own use: the card of a data set, Hugging Face's manifests and infos.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_fuzz::{Scratch, chosen, with_replaced};
use modality_gap_shards::{Wanted, resolve};

/// Files by which the first byte names the input; seeds are made in this order by `scripts/fuzz.mjs`.
const FILES: [&str; 4] = ["README.md", "state.json", "dataset_info.json", "dataset_dict.json"];

static FOLDER: LazyLock<Scratch> = LazyLock::new(|| {
    let scratch = Scratch::new();
    let rows = include_bytes!("../../crates/shards/tests/fixtures/f32.npy");
    for name in ["train-00000.npy", "train-00001.npy", "test.npy"] {
        scratch.file(name, rows);
    }
    scratch
});

fuzz_target!(|data: &[u8]| {
    let Some((name, bytes)) = chosen(&FILES, data) else { return };
    with_replaced(&FOLDER, name, bytes, |folder| {
        let folder = folder.to_string_lossy().into_owned();
        for split in [None, Some("train")] {
            let _ = resolve(
                std::slice::from_ref(&folder),
                Wanted {
                    split,
                    ..Wanted::default()
                },
            );
        }
    });
});
