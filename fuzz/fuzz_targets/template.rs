//! Templates of conversations, which a stranger's model brings along.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_fuzz::{Scratch, with_replaced};
use modality_gap_revision::{Conversation, ModelFiles, Template, TemplateOptions, TextCodec};

static FOLDER: LazyLock<Scratch> =
    LazyLock::new(|| Scratch::of_fixture("crates/revision/tests/fixtures/qwen2"));

fuzz_target!(|data: &[u8]| {
    with_replaced(&FOLDER, "chat_template.jinja", data, speak);
});

fn speak(folder: &Path) {
    let Ok(files) = ModelFiles::open(folder) else { return };
    let Ok(codec) = TextCodec::open(&files) else { return };
    let Ok(template) = Template::new("model", &codec, &TemplateOptions::default()) else { return };
    let conversation = Conversation::new("sample", &["What is it?", "A cat."]);
    let _ = template.pieces(&codec, &conversation);
    let _ = template.prompt(&codec, &conversation);
}
