//! Special tokens by their text.

use super::super::TextCodec;
use crate::{Result, RevisionError};

/// The number of a token, when it is a special one.
pub(super) fn special(codec: &TextCodec, token: &str) -> Option<u32> {
    codec.id(token).filter(|&id| codec.is_special(id))
}

/// As [`special`], for a token that a template cannot do without.
pub(super) fn needed(codec: &TextCodec, template: &str, token: &str) -> Result<u32> {
    special(codec, token).ok_or_else(|| {
        RevisionError::BadOption(format!(
            "the template {template} needs the special token {token}, which this tokenizer lacks; bunny and vicuna \
             need none"
        ))
    })
}
