//! A sample position by position.

use super::Piece;
use crate::{Result, RevisionError};

/// What stands at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// A token of the vocabulary.
    Token(u32),
    /// A soft token.
    Visual {
        /// Number of the image in the sample.
        image: usize,
        /// Number of the soft token among those of the image.
        token: usize,
    },
}

/// A sample as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Every position.
    pub positions: Vec<Position>,
    /// The token at a position where it is to be learned: what the position before has to predict.
    pub labels: Vec<Option<u32>>,
}

impl Sample {
    /// Puts `visual_tokens` positions where an image stands and cuts what is beyond `max_length` positions, in this
    /// order, as LLaVA does.
    ///
    /// # Errors
    /// `BAD_SAMPLE` with `id` when nothing to learn is left: after the cut, or because the answers are empty.
    pub fn new(id: &str, pieces: &[Piece], visual_tokens: usize, max_length: usize) -> Result<Self> {
        let sample = Self::unlearned(pieces, visual_tokens, max_length);
        // nothing predicts the first position
        if sample.labels.iter().skip(1).any(Option::is_some) {
            return Ok(sample);
        }
        let whole = Self::unlearned(pieces, visual_tokens, usize::MAX);
        let reason = if whole.labels.iter().skip(1).any(Option::is_some) {
            let length = whole.positions.len();
            format!(
                "nothing to learn is left: it has {length} positions and is cut after {max_length}; raise the \
                 length or shorten the question"
            )
        } else {
            "there is nothing to learn in it: its answers are empty".to_owned()
        };
        Err(RevisionError::BadSample {
            id: id.to_owned(),
            reason,
        })
    }

    /// A prompt: the same without anything to learn, and never cut.
    pub fn prompt(pieces: &[Piece], visual_tokens: usize) -> Self {
        Self::unlearned(pieces, visual_tokens, usize::MAX)
    }

    fn unlearned(pieces: &[Piece], visual_tokens: usize, max_length: usize) -> Self {
        let (mut positions, mut labels) = (Vec::new(), Vec::new());
        let mut image = 0;
        for piece in pieces {
            match piece {
                Piece::Tokens { ids, learn } => {
                    positions.extend(ids.iter().map(|&id| Position::Token(id)));
                    labels.extend(ids.iter().map(|&id| learn.then_some(id)));
                }
                Piece::Image => {
                    positions.extend((0..visual_tokens).map(|token| Position::Visual { image, token }));
                    image += 1;
                }
            }
            labels.resize(positions.len(), None);
        }
        positions.truncate(max_length);
        labels.truncate(max_length);
        Self { positions, labels }
    }

    /// Labels, which are what a loss is divided by.
    pub fn learned(&self) -> usize {
        self.labels.iter().skip(1).flatten().count()
    }
}

/// The tokens with which all samples of a data set begin, so that their keys and values can be computed once.
///
/// They end before the first image, and one position before the first label, which something has to predict.
#[derive(Debug, Clone, Default)]
pub struct CommonPrefix {
    ids: Option<Vec<u32>>,
}

impl CommonPrefix {
    /// Counts one more sample in.
    pub fn add(&mut self, sample: &Sample) {
        let label = sample.labels.iter().position(Option::is_some);
        let most = label.unwrap_or(sample.labels.len()).saturating_sub(1);
        let tokens = sample.positions[..most]
            .iter()
            .map_while(|position| match position {
                Position::Token(id) => Some(*id),
                Position::Visual { .. } => None,
            });
        match &mut self.ids {
            None => self.ids = Some(tokens.collect()),
            Some(ids) => {
                let same = ids.iter().zip(tokens).take_while(|(a, b)| **a == *b).count();
                ids.truncate(same);
            }
        }
    }

    /// The tokens; none before the first sample.
    pub fn ids(&self) -> &[u32] {
        self.ids.as_deref().unwrap_or_default()
    }

    /// What is left of a sample that begins with them.
    ///
    /// # Panics
    /// When the sample does not begin so.
    pub fn rest(&self, sample: &Sample) -> Sample {
        let count = self.ids().len();
        let begins = self.ids().iter().zip(&sample.positions);
        assert!(
            count <= sample.positions.len() && begins.into_iter().all(|(&id, &at)| at == Position::Token(id)),
            "a sample that was counted in"
        );
        Sample {
            positions: sample.positions[count..].to_vec(),
            labels: sample.labels[count..].to_vec(),
        }
    }
}
