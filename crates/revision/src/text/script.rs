//! A conversation written out: special tokens, text and places of images, and which of it is to be learned.

use std::ops::Range;

use super::TextCodec;
use super::conversation::IMAGE;
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
    Special(u32, bool),
    /// Text in which spellings of special tokens are text.
    Plain(String, bool),
    /// Text of a template, in which they are those tokens, and which bytes of it are learned.
    Rendered(String, Vec<Range<usize>>),
    Image,
}

/// What a template writes.
#[derive(Debug, Default)]
pub(super) struct Script {
    items: Vec<Item>,
}

impl Script {
    /// The mark of the beginning, where there is one.
    pub fn begin(&mut self, bos: Option<u32>) {
        self.items.extend(bos.map(Item::Begin));
    }

    pub fn special(&mut self, id: u32, learn: bool) {
        self.items.push(Item::Special(id, learn));
    }

    pub fn image(&mut self) {
        self.items.push(Item::Image);
    }

    /// Text as it is, spellings of special tokens included.
    pub fn text(&mut self, text: &str, learn: bool) {
        self.items.push(Item::Plain(text.to_owned(), learn));
    }

    /// Text of a template; what a conversation says in it is [defused](TextCodec::defused).
    pub fn rendered(&mut self, text: &str, learned: Vec<Range<usize>>) {
        self.items.push(Item::Rendered(text.to_owned(), learned));
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

    /// What another one holds; without `learn` none of it is learned.
    pub fn append(&mut self, other: Self, learn: bool) {
        let unlearned = |item| match item {
            Item::Special(id, _) => Item::Special(id, false),
            Item::Plain(text, _) => Item::Plain(text, false),
            Item::Rendered(text, _) => Item::Rendered(text, Vec::new()),
            Item::Begin(_) | Item::Image => item,
        };
        let items = other.items.into_iter();
        self.items
            .extend(items.map(|item| if learn { item } else { unlearned(item) }));
    }

    /// Tokens and places of images.
    ///
    /// What stands between images and beginnings becomes tokens in one go, special tokens included, as a tokenizer does
    /// with a whole text: it is the tokenizer that knows what special tokens do to the white space beside them. A token is
    /// learned when a byte of it is.
    pub fn pieces(self, codec: &TextCodec) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut stretch = Stretch::default();
        for item in self.items {
            match item {
                Item::Begin(id) => {
                    stretch.flush(codec, &mut pieces)?;
                    push(&mut pieces, codec.known(id)?, false);
                }
                Item::Image => {
                    stretch.flush(codec, &mut pieces)?;
                    pieces.push(Piece::Image);
                }
                Item::Special(id, learn) => {
                    codec.known(id)?;
                    stretch.add(&codec.token(id).unwrap_or_default(), learn);
                }
                Item::Plain(text, learn) => stretch.add(&codec.defused(&text), learn),
                Item::Rendered(text, learned) => {
                    let at = stretch.text.len();
                    stretch.text.push_str(&text);
                    for range in learned {
                        stretch.learn(at + range.start..at + range.end);
                    }
                }
            }
        }
        stretch.flush(codec, &mut pieces)?;
        Ok(pieces)
    }
}

/// Text that becomes tokens in one go, and which bytes of it are learned.
#[derive(Default)]
struct Stretch {
    text: String,
    learned: Vec<Range<usize>>,
}

impl Stretch {
    fn add(&mut self, text: &str, learn: bool) {
        let at = self.text.len();
        self.text.push_str(text);
        if learn {
            self.learn(at..self.text.len());
        }
    }

    fn learn(&mut self, range: Range<usize>) {
        match self.learned.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ if range.is_empty() => {}
            _ => self.learned.push(range),
        }
    }

    fn flush(&mut self, codec: &TextCodec, pieces: &mut Vec<Piece>) -> Result<()> {
        let Self { text, learned } = std::mem::take(self);
        let mut learned = learned.into_iter().peekable();
        for (id, bytes) in codec.stretch(&text)? {
            while learned.next_if(|range| range.end <= bytes.start).is_some() {}
            let learn = learned
                .peek()
                .is_some_and(|range| range.start < bytes.end.max(bytes.start + 1) && bytes.start < range.end);
            push(pieces, id, learn);
        }
        Ok(())
    }
}

fn push(pieces: &mut Vec<Piece>, id: u32, same: bool) {
    match pieces.last_mut() {
        Some(Piece::Tokens { ids, learn }) if *learn == same => ids.push(id),
        _ => pieces.push(Piece::Tokens {
            ids: vec![id],
            learn: same,
        }),
    }
}
