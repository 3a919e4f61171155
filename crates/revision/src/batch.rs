//! Batches of sequences.

use candle_core::{Device, Tensor};

use crate::Result;
use crate::lm::Batch;
use crate::projector::Projector;

/// What stands at a position of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// A token; `learn` says whether the model is to predict it.
    Token {
        /// Its number.
        id: u32,
        /// Whether it counts in the loss.
        learn: bool,
    },
    /// A soft token of one of the sequence's images.
    Soft {
        /// Which image of the sequence.
        image: u32,
        /// Which of its soft tokens.
        token: u32,
    },
}

/// A sample as the model takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Its name in the data.
    pub id: String,
    /// Its positions.
    pub positions: Vec<Position>,
    /// Images that it refers to.
    pub images: usize,
}

impl Sequence {
    /// Tokens that count in the loss.
    pub fn labels(&self) -> usize {
        let learns = |position: &&Position| matches!(position, Position::Token { learn: true, .. });
        self.positions.iter().filter(learns).count()
    }

    /// Tokens at its beginning, up to the first image or the first that is learned, and without the last of them, from
    /// which the next is predicted.
    fn beginning(&self) -> impl Iterator<Item = u32> {
        let plain = |position: &Position| match position {
            Position::Token { id, learn: false } => Some(*id),
            _ => None,
        };
        let count = self.positions.iter().map_while(plain).count();
        self.positions
            .iter()
            .map_while(plain)
            .take(count.saturating_sub(1))
    }
}

/// Fewer shared tokens than this are not worth remembering.
const WORTH: usize = 8;

/// The longest beginning that all sequences share, if it is worth remembering; a function of these sequences alone.
pub fn shared_beginning(sequences: &[Sequence]) -> Vec<u32> {
    let Some((first, others)) = sequences.split_first() else {
        return Vec::new();
    };
    let mut shared: Vec<u32> = first.beginning().collect();
    for other in others {
        let same = shared
            .iter()
            .zip(other.beginning())
            .take_while(|(a, b)| **a == *b)
            .count();
        shared.truncate(same);
    }
    if shared.len() < WORTH {
        shared.clear();
    }
    shared
}

/// Tokens alone, to be read before anything else.
pub(crate) fn beginning_batch(tokens: &[u32], dim: usize) -> Result<Batch> {
    Ok(Batch {
        rows: tokens.iter().map(|&id| (false, id)).collect(),
        starts: [0, tokens.len()].into(),
        embeddings: Tensor::zeros((0, dim), candle_core::DType::F32, &Device::Cpu)?,
        asked: [].into(),
        targets: Vec::new(),
    })
}

/// Sequences without their first `skip` positions, which were read before. `embeddings` has the rows of all their images,
/// sequence by sequence, `projector.config().dim` columns each.
pub fn batch(
    sequences: &[Sequence],
    embeddings: &[f32],
    projector: &Projector,
    skip: usize,
) -> Result<Batch> {
    let dim = projector.config().dim;
    let images: usize = sequences.iter().map(|sequence| sequence.images).sum();
    assert_eq!(embeddings.len(), images * dim, "one row per image");
    let (mut rows, mut starts, mut asked, mut targets) = (Vec::new(), vec![0], Vec::new(), Vec::new());
    let mut first_image = 0;
    for sequence in sequences {
        for position in &sequence.positions[skip..] {
            rows.push(match *position {
                Position::Token { id, learn } => {
                    if learn {
                        asked.push(rows.len() as u32 - 1);
                        targets.push(id);
                    }
                    (false, id)
                }
                Position::Soft { image, token } => {
                    (true, projector.row(first_image + image as usize, token as usize))
                }
            });
        }
        first_image += sequence.images;
        starts.push(rows.len());
    }
    Ok(Batch {
        rows: rows.into(),
        starts: starts.into(),
        embeddings: Tensor::from_slice(embeddings, (images, dim), &Device::Cpu)?,
        asked: asked.into(),
        targets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(prompt: &[u32], soft: u32, learned: &[u32]) -> Sequence {
        let tokens = |ids: &[u32], learn: bool| -> Vec<Position> {
            ids.iter().map(|&id| Position::Token { id, learn }).collect()
        };
        let soft = (0..soft).map(|token| Position::Soft { image: 0, token });
        Sequence {
            id: "a".to_owned(),
            positions: [tokens(prompt, false), soft.collect(), tokens(learned, true)].concat(),
            images: 1,
        }
    }

    #[test]
    fn the_token_before_the_first_learned_one_is_never_remembered() {
        let prompt: Vec<u32> = (0..12).collect();
        let blind = [sequence(&prompt, 0, &[50, 51]), sequence(&prompt, 0, &[50, 52])];
        assert_eq!(shared_beginning(&blind), prompt[..11]);
        let seeing = [sequence(&prompt, 2, &[50]), sequence(&prompt, 2, &[52])];
        assert_eq!(shared_beginning(&seeing), prompt[..11]);
        let prompts_alone = [sequence(&prompt, 0, &[]), sequence(&prompt, 0, &[])];
        assert_eq!(shared_beginning(&prompts_alone), prompt[..11]);
    }

    #[test]
    fn what_differs_or_is_short_is_not_shared() {
        let mut other: Vec<u32> = (0..12).collect();
        other[9] = 99;
        let pair = [
            sequence(&(0..12).collect::<Vec<_>>(), 2, &[1]),
            sequence(&other, 2, &[1]),
        ];
        assert_eq!(shared_beginning(&pair), (0..9).collect::<Vec<_>>());
        other[5] = 98;
        let pair = [
            sequence(&(0..12).collect::<Vec<_>>(), 2, &[1]),
            sequence(&other, 2, &[1]),
        ];
        assert!(shared_beginning(&pair).is_empty() && shared_beginning(&[]).is_empty());
    }
}
