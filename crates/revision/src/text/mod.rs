//! Text and tokens: tokenizers, templates, and samples with what is to be learned of them.

mod byte_level;
mod codec;
mod conversation;
mod expand;
mod marks;
mod script;
mod sentencepiece;
mod stream;
mod template;
#[cfg(test)]
mod tests;

pub use codec::TextCodec;
pub use conversation::{Conversation, IMAGE, Role, Turn};
pub use expand::{expand, expand_prompt};
pub(crate) use marks::template_beside;
pub use marks::{Mark, Marks};
pub use script::Piece;
pub use stream::Decoding;
pub use template::{TEMPLATES, Template, TemplateOptions, Thinking};
