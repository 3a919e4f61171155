//! Text from tokens as they come.

use super::TextCodec;
use crate::Result;

/// Most tokens that wait for the rest of a character: one of four bytes, each a token, and some that are not text.
const MOST_WAITING: usize = 16;

/// Decodes tokens one by one. What it has said never changes, and it never says a part of a character.
pub struct Decoding<'a> {
    codec: &'a TextCodec,
    /// Tokens before `said` were said and stay for the context of those after.
    ids: Vec<u32>,
    said: usize,
}

/// What stands for bytes that are not text.
const BROKEN: char = '\u{fffd}';

impl TextCodec {
    /// Decodes tokens as they come.
    pub fn decoding(&self) -> Decoding<'_> {
        Decoding::new(self)
    }
}

impl<'a> Decoding<'a> {
    fn new(codec: &'a TextCodec) -> Self {
        Self {
            codec,
            ids: Vec::new(),
            said: 0,
        }
    }

    /// The text that this token completes; empty while a character is not whole, or for a special token.
    pub fn push(&mut self, id: u32) -> Result<String> {
        self.ids.push(id);
        let text = self.rest()?;
        if text.is_empty() || (text.ends_with(BROKEN) && self.ids.len() - self.said < MOST_WAITING) {
            return Ok(String::new());
        }
        // the tokens just said are context enough: a space between words depends on the one before only
        self.ids.drain(..self.said);
        self.said = self.ids.len();
        Ok(text)
    }

    /// What is left at the end: bytes that never became a character stand as replacement characters.
    pub fn finish(self) -> Result<String> {
        self.rest()
    }

    /// Text after what was said.
    fn rest(&self) -> Result<String> {
        let before = self.codec.decode(&self.ids[..self.said], false)?;
        let mut whole = self.codec.decode(&self.ids, false)?;
        // they differ where waiting was given up and the character came nevertheless
        let mut pairs = whole.char_indices().zip(before.chars());
        let differ = pairs.find(|((_, a), b)| a != b).map(|((at, _), _)| at);
        Ok(whole.split_off(differ.unwrap_or(before.len().min(whole.len()))))
    }
}
