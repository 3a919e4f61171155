//! Pictures: JPEG, PNG and WebP with their orientation.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modality_gap_encoder::data::ImagePlace;
use modality_gap_encoder::picture::{Transparency, decode};
use modality_gap_fuzz::Scratch;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(|data: &[u8]| {
    let place = ImagePlace::File(SCRATCH.file("picture", data));
    for transparency in [Transparency::Dropped, Transparency::KeyOnWhite, Transparency::OnWhite] {
        let _ = decode(&place, transparency);
    }
});
