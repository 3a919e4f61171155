//! Encoders: a file of this project, or a folder of Hugging Face in which each input takes the place of one file.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_encoder::{Pretrained, load_encoder};
use modality_gap_fuzz::{Scratch, chosen, with_replaced};

/// Files by which the first byte names the input; seeds are made in this order by `scripts/fuzz.mjs`.
const FILES: [&str; 6] = [
    "encoder.safetensors",
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors",
];

static FOLDER: LazyLock<Scratch> = LazyLock::new(|| Scratch::of_fixture("crates/encoder/tests/fixtures/clip"));
static OWN: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(|data: &[u8]| {
    let Some((name, bytes)) = chosen(&FILES, data) else { return };
    if *name == FILES[0] {
        let _ = load_encoder(&OWN.file(name, bytes));
        return;
    }
    with_replaced(&FOLDER, name, bytes, |folder| {
        if let Ok(encoder) = Pretrained::open(folder) {
            let _ = encoder.texts(&["a cat"], None);
        }
    });
});
