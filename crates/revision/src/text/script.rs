//! A conversation written out: special tokens, text and places of images, and which of it is to be learned.

use super::conversation::IMAGE;
use super::{Start, TextCodec};
use crate::Result;

/// A part of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Tokens, one after the other.
    Tokens {
        /// Their numbers.
        ids: Vec<u32>,
        /// Whether the model learns to say them.
        learn: bool,
    },
    /// The place of an image.
    Image,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// The beginning of a text: not text itself, so that what follows begins one.
    Begin(u32),
    Special(u32),
    Text(String),
    Image,
}

/// What a template writes.
#[derive(Debug, Default)]
pub(super) struct Script {
    items: Vec<(Item, bool)>,
}

impl Script {
    /// The mark of the beginning, where there is one.
    pub fn begin(&mut self, bos: Option<u32>) {
        self.items.extend(bos.map(|id| (Item::Begin(id), false)));
    }

    pub fn special(&mut self, id: u32, learn: bool) {
        self.items.push((Item::Special(id), learn));
    }

    pub fn image(&mut self) {
        self.items.push((Item::Image, false));
    }

    /// Text as it is, spellings of special tokens included; it becomes tokens together with the text before it, unless
    /// one is learned and the other is not.
    pub fn text(&mut self, text: &str, learn: bool) {
        match self.items.last_mut() {
            Some((Item::Text(before), same)) if *same == learn => before.push_str(text),
            _ if text.is_empty() => {}
            _ => self.items.push((Item::Text(text.to_owned()), learn)),
        }
    }

    /// Text with places of images.
    pub fn content(&mut self, text: &str, learn: bool) {
        for (i, part) in text.split(IMAGE).enumerate() {
            if i > 0 {
                self.image();
            }
            self.text(part, learn);
        }
    }

    /// Tokens and places of images.
    ///
    /// Tokens are made of whole stretches of text between images, special tokens and changes of what is learned, never
    /// of prefixes that are compared afterwards: no token can stand on both sides of such a border.
    pub fn pieces(self, codec: &TextCodec) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut start = Start::Text;
        for (item, learn) in self.items {
            start = match item {
                Item::Begin(id) => {
                    push(&mut pieces, &[codec.known(id)?], learn);
                    Start::Text
                }
                Item::Special(id) => {
                    push(&mut pieces, &[codec.known(id)?], learn);
                    Start::Special
                }
                Item::Text(text) => {
                    push(&mut pieces, &codec.encode_at(start, &text, false)?, learn);
                    Start::Inside
                }
                Item::Image => {
                    pieces.push(Piece::Image);
                    Start::Text
                }
            };
        }
        Ok(pieces)
    }
}

fn push(pieces: &mut Vec<Piece>, more: &[u32], same: bool) {
    match pieces.last_mut() {
        Some(Piece::Tokens { ids, learn }) if *learn == same => ids.extend(more),
        _ => pieces.push(Piece::Tokens {
            ids: more.to_vec(),
            learn: same,
        }),
    }
}
