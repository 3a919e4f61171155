//! Text and tokens.

mod byte_level;
mod codec;
mod marks;
mod sentencepiece;
mod stream;

pub use codec::{Start, TextCodec};
pub use marks::Marks;
pub use stream::Decoding;
