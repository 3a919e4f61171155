//! Folders of Hugging Face's language models: each input takes the place of one file of a sound folder.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_fuzz::{Scratch, chosen, with_replaced};
use modality_gap_revision::{ModelFiles, TextCodec, read_adapters, weight_shapes};

/// Files by which the first byte names the input; seeds are made in this order by `scripts/fuzz.mjs`.
const FILES: [&str; 8] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "adapter_config.json",
    "special_tokens_map.json",
];

static FOLDER: LazyLock<Scratch> =
    LazyLock::new(|| Scratch::of_fixture("crates/revision/tests/fixtures/qwen2"));

fuzz_target!(|data: &[u8]| {
    let Some((name, bytes)) = chosen(&FILES, data) else { return };
    with_replaced(&FOLDER, name, bytes, open);
});

fn open(folder: &Path) {
    let _ = read_adapters(folder);
    let Ok(mut files) = ModelFiles::open(folder) else { return };
    let _ = files.ends();
    for (name, shape) in weight_shapes(files.config()).into_iter().take(3) {
        let _ = files.take(&name, &shape);
    }
    if let Ok(codec) = TextCodec::open(&files)
        && let Ok(ids) = codec.encode("A cat, 2 dogs.", true)
    {
        let _ = codec.decode(&ids, true);
    }
}
