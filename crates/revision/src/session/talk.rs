//! What is said, on its way into tokens and out of them.

use std::sync::Arc;

use serde::Serialize;
use ts_rs::TS;

use super::model::Session;
use super::step::Samples;
use crate::generate::{Next, SamplingOptions};
use crate::text::{Decoding, TextCodec, Thinking, expand, expand_prompt};
use crate::{Conversation, Position, Result, RevisionError, Sequence};

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The model ended it.
    End,
    /// A stop text came.
    Stop,
    /// It has as many tokens as an answer may have.
    Length,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct Answer {
    /// Its text, without what ended it and without thoughts before it (`<think>…</think>`).
    pub text: String,
    /// Its tokens, without those of thoughts.
    pub tokens: Vec<u32>,
    /// Why it ended.
    #[ts(inline)]
    pub ended: Ended,
}

impl Session {
    /// A sample to learn from.
    ///
    /// # Errors
    /// `BAD_SAMPLE` with its name.
    pub fn sequence(&self, sample: &Conversation) -> Result<Sequence> {
        let pieces = self.template.pieces(&self.codec, sample)?;
        let tokens = self.projector.config().tokens;
        expand(&sample.id, &pieces, tokens, self.lm.config().positions)
    }

    /// A prompt, whose last turn is the user's.
    pub fn prompt(&self, sample: &Conversation) -> Result<Sequence> {
        let pieces = self.template.prompt(&self.codec, sample)?;
        let prompt = expand_prompt(&sample.id, &pieces, self.projector.config().tokens);
        if prompt.positions.is_empty() {
            return Err(RevisionError::BadSample {
                id: sample.id.clone(),
                reason:
                    "its prompt is empty as the template writes it; ask something, or use another template"
                        .to_owned(),
            });
        }
        Ok(prompt)
    }

    /// Answers to prompts. `on_text` hears pieces of them, with the number of the answer, as soon as they are certain.
    pub fn say(
        &mut self,
        prompts: Samples<'_>,
        sampling: &SamplingOptions,
        stop: &[String],
        on_text: &mut dyn FnMut(usize, &str),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Answer>> {
        if stop.iter().any(String::is_empty) {
            return Err(RevisionError::BadOption("a stop text is empty".to_owned()));
        }
        let (codec, template) = (Arc::clone(&self.codec), Arc::clone(&self.template));
        let listeners = prompts.sequences.iter().map(|prompt| {
            let thinking = Thinking::after(&end_of(&codec, prompt)?);
            Ok(Listener::new(&codec, template.ends(), stop, thinking))
        });
        let mut listeners: Vec<Listener<'_>> = listeners.collect::<Result<_>>()?;
        let mut failed = None;
        let tokens = self.answer(prompts, sampling, &mut |answer, token| {
            if cancelled() {
                return Next::Cancel;
            }
            match listeners[answer].hear(token, |text| on_text(answer, text)) {
                Ok(None) => Next::GoOn,
                Ok(Some(_)) => Next::Enough,
                Err(error) => {
                    failed = Some(error);
                    Next::Cancel
                }
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let answers = tokens?.into_iter().zip(listeners).enumerate();
        answers
            .map(|(answer, (tokens, listener))| listener.finish(tokens, |text| on_text(answer, text)))
            .collect()
    }
}

/// Most tokens of the tag that opens thoughts, with the white space behind it.
const TAG_TOKENS: usize = 24;

/// The end of a prompt as text.
fn end_of(codec: &TextCodec, prompt: &Sequence) -> Result<String> {
    let token = |position: &Position| match position {
        Position::Token { id, .. } => Some(*id),
        Position::Soft { .. } => None,
    };
    let last = prompt.positions.iter().rev().map_while(token).take(TAG_TOKENS);
    let mut ids: Vec<u32> = last.collect();
    ids.reverse();
    codec.decode(&ids, true)
}

/// Hears one answer token by token.
struct Listener<'a> {
    decoding: Option<Decoding<'a>>,
    codec: &'a TextCodec,
    ends: &'a [u32],
    stop: &'a [String],
    thinking: Thinking,
    /// Tokens so far, and how many of them are thoughts.
    heard: usize,
    thoughts: usize,
    text: String,
    /// Bytes of the text that were passed on.
    said: usize,
    ended: Option<Ended>,
}

impl<'a> Listener<'a> {
    fn new(codec: &'a TextCodec, ends: &'a [u32], stop: &'a [String], thinking: Thinking) -> Self {
        Self {
            decoding: Some(codec.decoding()),
            codec,
            ends,
            stop,
            thinking,
            heard: 0,
            thoughts: 0,
            text: String::new(),
            said: 0,
            ended: None,
        }
    }

    /// Takes a token; says why the answer has ended, once it has.
    fn hear(&mut self, token: u32, say: impl FnMut(&str)) -> Result<Option<Ended>> {
        if self.ends.contains(&token) {
            self.ended = Some(Ended::End);
        } else {
            let decoding = self.decoding.as_mut().expect("until the end");
            let mut more = decoding.push(token)?;
            self.heard += 1;
            if self.thinking.waits() {
                // tags may be special tokens, which have no text
                if more.is_empty() {
                    let spelling = self.codec.token(token).unwrap_or_default();
                    more = if Thinking::is_tag(&spelling) {
                        spelling
                    } else {
                        more
                    };
                }
                more = self.thinking.push(&more);
                if self.thinking.has_thought() {
                    self.thoughts = self.heard - usize::from(!more.is_empty());
                }
            }
            self.add(&more, say);
        }
        Ok(self.ended)
    }

    fn add(&mut self, more: &str, say: impl FnMut(&str)) {
        self.text.push_str(more);
        let found = self
            .stop
            .iter()
            .filter_map(|stop| self.text.find(stop.as_str()))
            .min();
        if let Some(at) = found {
            self.text.truncate(at);
            self.ended = Some(Ended::Stop);
        }
        let certain = if found.is_some() {
            self.text.len()
        } else {
            self.text.len() - self.begun()
        };
        self.pass_on(certain, say);
    }

    /// Bytes at the end of the text with which a stop text may have begun.
    fn begun(&self) -> usize {
        let longest = |stop: &String| {
            let ends = (1..stop.len())
                .rev()
                .filter(|&length| stop.is_char_boundary(length));
            ends.into_iter()
                .find(|&length| self.text.ends_with(&stop[..length]))
                .unwrap_or(0)
        };
        self.stop.iter().map(longest).max().unwrap_or(0)
    }

    fn pass_on(&mut self, until: usize, mut say: impl FnMut(&str)) {
        if until > self.said {
            say(&self.text[self.said..until]);
            self.said = until;
        }
    }

    fn finish(mut self, mut tokens: Vec<u32>, mut say: impl FnMut(&str)) -> Result<Answer> {
        if self.ended == Some(Ended::End) {
            tokens.pop();
        }
        tokens.drain(..self.thoughts.min(tokens.len()));
        if self.ended != Some(Ended::Stop) {
            let mut rest = self.decoding.take().expect("until here").finish()?;
            if self.thinking.waits() {
                rest = self.thinking.push(&rest);
                rest.push_str(&self.thinking.finish());
            }
            self.add(&rest, &mut say);
            self.pass_on(self.text.len(), &mut say);
        }
        Ok(Answer {
            text: self.text,
            tokens,
            ended: self.ended.unwrap_or(Ended::Length),
        })
    }
}
