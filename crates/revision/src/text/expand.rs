//! From pieces to positions.

use super::Piece;
use crate::batch::{Position, Sequence};
use crate::{Result, RevisionError};

/// A sample as the model takes it: `visual_tokens` positions where an image stands, then cut after `max_length`
/// positions, in this order, as LLaVA does. Without visual tokens it refers to no images.
///
/// # Errors
/// `BAD_SAMPLE` with `id` when nothing to learn is left: after the cut, or because the answers are empty.
pub fn expand(id: &str, pieces: &[Piece], visual_tokens: usize, max_length: usize) -> Result<Sequence> {
    let mut sequence = expand_prompt(id, pieces, visual_tokens);
    let (length, labels) = (sequence.positions.len(), sequence.labels());
    sequence.positions.truncate(max_length);
    if sequence.labels() > 0 {
        return Ok(sequence);
    }
    let reason = if labels > 0 {
        format!(
            "nothing to learn is left: it has {length} positions and is cut after {max_length}; raise the length or \
             shorten the question"
        )
    } else {
        "there is nothing to learn in it: its answers are empty".to_owned()
    };
    Err(RevisionError::BadSample {
        id: id.to_owned(),
        reason,
    })
}

/// A prompt, or a sample that is not cut.
pub fn expand_prompt(id: &str, pieces: &[Piece], visual_tokens: usize) -> Sequence {
    let mut positions = Vec::new();
    let mut image = 0;
    for piece in pieces {
        match piece {
            Piece::Tokens { ids, learn } => {
                positions.extend(ids.iter().map(|&id| Position::Token { id, learn: *learn }));
            }
            Piece::Image => {
                let tokens = 0..u32::try_from(visual_tokens).expect("an image has fewer soft tokens");
                positions.extend(tokens.map(|token| Position::Soft { image, token }));
                image += 1;
            }
        }
    }
    // nothing comes before the first position that could predict it
    if let Some(Position::Token { learn, .. }) = positions.first_mut() {
        *learn = false;
    }
    Sequence {
        id: id.to_owned(),
        positions,
        images: if visual_tokens == 0 { 0 } else { image as usize },
    }
}
