//! Templates: how a conversation is written for a language model.

mod builtin;
mod date;
mod environment;
mod filters;
mod guard;
mod jinja;
mod json;
mod options;
mod python;
mod segments;
mod space;
mod special;
#[cfg(test)]
mod tests;
mod thought;

use std::borrow::Cow;

use super::conversation::{Conversation, Role};
use super::script::{Piece, Script};
use super::{TextCodec, conversation::IMAGE};
use crate::{Result, RevisionError};

use builtin::{Chatml, Llama2, Llama3, Roles, Style};
use jinja::Jinja;
pub use options::TemplateOptions;
use special::special;
pub use thought::Thinking;
use thought::empty_thought;

/// Names of the templates.
pub const TEMPLATES: [&str; 7] = ["plain", "llama", "llama-2", "chatml", "bunny", "vicuna", "model"];

/// A way to write conversations, made for one tokenizer.
pub struct Template {
    kind: Kind,
    ends: Vec<u32>,
}

enum Kind {
    Plain { bos: Option<u32>, end: Option<u32> },
    Turns(Box<dyn Style>),
    Model(Box<Jinja>),
}

impl Template {
    /// The template of that name, one of [`TEMPLATES`].
    ///
    /// # Errors
    /// `BAD_OPTION` when the name is not known, or the tokenizer lacks a token that the template needs; `BAD_MODEL` when
    /// the model's own template is not a template.
    pub fn new(name: &str, codec: &TextCodec, options: &TemplateOptions) -> Result<Self> {
        if name != "model" && !options.arguments.is_empty() {
            return Err(RevisionError::BadOption(format!(
                "template arguments are for a model's own template; the template {name} takes none"
            )));
        }
        let marks = codec.marks();
        let bos = marks.bos.as_ref().filter(|_| marks.adds_bos).map(|bos| bos.id);
        let eos = || {
            let missing = || {
                RevisionError::BadOption(format!(
                    "the template {name} needs a token of the end, and the tokenizer names none"
                ))
            };
            marks.eos.as_ref().map(|eos| eos.id).ok_or_else(missing)
        };
        let kind = match name {
            "plain" => Kind::Plain {
                bos,
                end: options.end_token.then(eos).transpose()?,
            },
            "llama" => Kind::Turns(Box::new(Llama3::new(codec)?)),
            "llama-2" => Kind::Turns(Box::new(Llama2 {
                bos: marks.bos.as_ref().map(|bos| bos.id),
                end: eos()?,
            })),
            "chatml" => Kind::Turns(Box::new(Chatml::new(codec, bos)?)),
            // each ends an answer with the token that its base models end texts with
            "bunny" => {
                let mut published = ["<|endoftext|>", "<|end_of_text|>"].into_iter();
                let end = published.find_map(|token| special(codec, token));
                Kind::Turns(Box::new(Roles {
                    bos,
                    end: end.map_or_else(eos, Ok)?,
                }))
            }
            "vicuna" => {
                let end = special(codec, "</s>");
                Kind::Turns(Box::new(Roles {
                    bos,
                    end: end.map_or_else(eos, Ok)?,
                }))
            }
            "model" => Kind::Model(Box::new(Jinja::new(codec, options)?)),
            other => {
                return Err(RevisionError::BadOption(format!(
                    "unknown template `{other}`; expected one of {}",
                    TEMPLATES.join(", ")
                )));
            }
        };
        let mut ends = marks.ends.clone();
        match &kind {
            Kind::Plain { .. } => {}
            Kind::Turns(style) => ends.push(style.end()),
            Kind::Model(jinja) => ends.extend(jinja.ends()),
        }
        ends.sort_unstable();
        ends.dedup();
        Ok(Self { kind, ends })
    }

    /// The pieces of a sample: what the assistant says, and the token that ends it, is to be learned.
    ///
    /// `plain` leaves out what the user says, but for the places of its images, and takes one caption.
    ///
    /// # Errors
    /// `BAD_SAMPLE` with the sample's name when its turns do not alternate, or the model's own template refuses them.
    pub fn pieces(&self, codec: &TextCodec, conversation: &Conversation) -> Result<Vec<Piece>> {
        conversation.check(Role::Assistant)?;
        self.written(codec, conversation)
    }

    /// The pieces of a prompt, which ends where the assistant begins.
    ///
    /// # Errors
    /// As [`Self::pieces`]; the last turn is the user's.
    pub fn prompt(&self, codec: &TextCodec, conversation: &Conversation) -> Result<Vec<Piece>> {
        conversation.check(Role::User)?;
        self.written(codec, conversation)
    }

    /// Tokens that end an answer.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// What is worth saying about it.
    pub fn notes(&self) -> &[String] {
        match &self.kind {
            Kind::Model(jinja) => jinja.notes(),
            _ => &[],
        }
    }

    fn written(&self, codec: &TextCodec, conversation: &Conversation) -> Result<Vec<Piece>> {
        let mut script = Script::default();
        let conversation = &*without_empty_thoughts(conversation);
        match &self.kind {
            Kind::Plain { bos, end } => plain(&mut script, conversation, (*bos, *end))?,
            Kind::Turns(style) => {
                style.begin(&mut script, conversation.system.as_deref());
                for (i, turn) in conversation.turns.iter().enumerate() {
                    match turn.role {
                        Role::User => {
                            let system = conversation.system.as_deref().filter(|_| i == 0);
                            style.question(&mut script, &turn.text, system);
                        }
                        Role::Assistant => {
                            let mut answer = Script::default();
                            style.answer(&mut answer, &turn.text);
                            script.append(answer, turn.learn);
                        }
                    }
                }
            }
            Kind::Model(jinja) => jinja.write(codec, &mut script, conversation)?,
        }
        script.pieces(codec)
    }
}

/// The conversation without the empty blocks of thoughts with which answers begin: they say nothing.
fn without_empty_thoughts(conversation: &Conversation) -> Cow<'_, Conversation> {
    let mut conversation = Cow::Borrowed(conversation);
    for i in 0..conversation.turns.len() {
        let turn = &conversation.turns[i];
        let thought = empty_thought("", &turn.text);
        if turn.role == Role::Assistant && thought > 0 {
            conversation.to_mut().turns[i].text.drain(..thought);
        }
    }
    conversation
}

/// Images, then the caption and a newline.
fn plain(script: &mut Script, conversation: &Conversation, marks: (Option<u32>, Option<u32>)) -> Result<()> {
    let (bos, end) = marks;
    let (question, caption) = match &conversation.turns[..] {
        [question] => (question, None),
        [question, caption] => (question, Some(caption)),
        turns => {
            let count = turns.len();
            return Err(conversation.bad(format!("the template plain takes one caption, not {count} turns")));
        }
    };
    script.begin(bos);
    for _ in question.text.matches(IMAGE) {
        script.image();
    }
    if let Some(caption) = caption {
        script.content(&caption.text, caption.learn);
        script.text("\n", caption.learn);
        if let Some(end) = end {
            script.special(end, caption.learn);
        }
    }
    Ok(())
}
