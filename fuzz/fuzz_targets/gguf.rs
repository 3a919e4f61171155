//! Language models and their tokenizers in one GGUF file.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_fuzz::Scratch;
use modality_gap_revision::{ModelFiles, Template, TemplateOptions, TextCodec, weight_shapes};

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(|data: &[u8]| {
    let path = SCRATCH.file("model.gguf", data);
    let Ok(mut files) = ModelFiles::open(&path) else { return };
    for (name, shape) in weight_shapes(files.config()).into_iter().take(3) {
        let _ = files.take(&name, &shape);
    }
    if let Ok(codec) = TextCodec::open(&files) {
        let ids = codec.encode("A cat, 2 dogs.", true);
        if let Ok(ids) = ids {
            let _ = codec.decode(&ids, true);
        }
        let _ = Template::new("model", &codec, &TemplateOptions::default());
    }
});
