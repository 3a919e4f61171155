//! The model's own template, in Jinja.
//!
//! Where each text of a conversation stands in the result is found by rendering it again with needles in the place of the texts;
//! a text that is not there is an error. What is learned stands between `{% generation %}` marks, or from the end of the generation
//! prompt to the first special token behind an answer.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;

use minijinja::value::Value;
use minijinja::{Environment, Error, context};
use serde_json::{Map, Value as Json};

use super::super::conversation::{Conversation, IMAGE, Role};
use super::super::script::Script;
use super::super::{Mark, Marks, TextCodec};
use super::TemplateOptions;
use super::environment::{environment, on_own_stack};
use super::guard::guarded;
use super::segments::{PLACE, found, needle, places, unmarked};
use super::thought::{behind_thought, empty_thought, open_at_end};
use crate::{Result, RevisionError};

const NAME: &str = "chat";
/// The argument by which templates learn whether the model thinks before it answers.
const THINKING: &str = "enable_thinking";

pub(super) struct Jinja {
    environment: Environment<'static>,
    file: PathBuf,
    marks: Marks,
    arguments: Map<String, Json>,
    /// Whether contents are lists of parts: of the system, the user and the assistant.
    parts: [bool; 3],
    /// Whether the template marks what the assistant says.
    marked: bool,
    /// Tokens with which it ends an answer.
    ends: Vec<u32>,
    notes: Vec<String>,
}

/// One message, ready to be rendered.
#[derive(Clone)]
struct Message {
    role: &'static str,
    text: String,
    /// Whether it is an answer to be learned.
    learn: bool,
}

/// A rendered conversation, and which bytes of it are learned.
struct Written {
    text: String,
    learned: Vec<Range<usize>>,
}

/// Whose message it is, in the order of [`Jinja::parts`].
fn place_of(role: &str) -> usize {
    match role {
        "system" => 0,
        "user" => 1,
        _ => 2,
    }
}

impl Jinja {
    pub fn new(codec: &TextCodec, options: &TemplateOptions) -> Result<Self> {
        let marks = codec.marks();
        let source = marks.chat_template.as_deref().ok_or_else(|| {
            RevisionError::BadOption("the model has no template of its own; choose another one".to_owned())
        })?;
        let file = marks.template_file.clone().unwrap_or_default();
        let bad = |reason: String| RevisionError::BadModel {
            file: file.clone(),
            reason: format!("its chat template cannot be used: {reason}"),
        };
        if let Some(name) = options.arguments.keys().find(|name| is_taken(name)) {
            return Err(RevisionError::BadOption(format!(
                "the template argument `{name}` is set by the conversation and the tokenizer"
            )));
        }
        let guarded = guarded(&with_newlines(source)).map_err(bad)?;
        let compiled = on_own_stack(|| {
            let mut environment = environment(options.now)?;
            environment.add_template_owned(NAME, guarded.source)?;
            Ok(environment)
        })?;
        let mut jinja = Self {
            environment: compiled.map_err(|error: Error| bad(reason(&error)))?,
            file,
            marks: marks.clone(),
            arguments: options.arguments.clone(),
            parts: [false; 3],
            marked: guarded.marked,
            ends: Vec::new(),
            notes: Vec::new(),
        };
        on_own_stack(|| jinja.look(codec))?;
        Ok(jinja)
    }

    /// Tokens with which an answer ends.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// What is worth saying about the template.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Writes a sample, or a prompt when the last turn is the user's.
    pub fn write(&self, codec: &TextCodec, script: &mut Script, conversation: &Conversation) -> Result<()> {
        let last = conversation.turns.last();
        let asks = last.is_some_and(|turn| turn.role == Role::User);
        let written = on_own_stack(|| {
            let messages = messages_of(codec, conversation)?;
            if asks {
                self.prompt(conversation, &messages)
            } else {
                self.sample(codec, conversation, &messages)
            }
        })??;
        let mut at = 0;
        for (i, part) in written.text.split(PLACE).enumerate() {
            if i > 0 {
                script.image();
            }
            let end = at + part.len();
            let here = written.learned.iter().filter_map(|range| {
                let (from, to) = (range.start.max(at), range.end.min(end));
                (from < to).then(|| from - at..to - at)
            });
            script.rendered(part, here.collect());
            at = end + PLACE.len_utf8();
        }
        Ok(())
    }

    /// Finds out how the template takes contents and how it ends an answer, by contents that are needles.
    fn look(&mut self, codec: &TextCodec) {
        let message = |role: &'static str, index: usize| Message {
            role,
            text: needle(index),
            learn: true,
        };
        let turns = [message("user", 1), message("assistant", 2)];
        let shows = |jinja: &Self, messages: &[Message]| {
            let text = jinja.render(messages, false);
            text.is_ok_and(|text| messages.iter().all(|message| text.contains(&message.text)))
        };
        // texts first: a list that is asked for as a text is printed with all its signs
        let mut tried = [
            [false; 3],
            [false, true, false],
            [false, false, true],
            [false, true, true],
        ]
        .into_iter();
        self.parts = tried
            .find(|&parts| {
                self.parts = parts;
                shows(self, &turns)
            })
            .unwrap_or_default();
        let [user, assistant] = turns;
        let with_system = [message("system", 0), user.clone(), assistant.clone()];
        self.parts[0] = !shows(self, &with_system);
        if self.parts[0] && !shows(self, &with_system) {
            self.parts[0] = false;
        }
        let Ok(written) = self.render(&[user, assistant.clone()], false) else {
            return;
        };
        let (text, learned) = unmarked(&written);
        let Some(at) = text.find(&assistant.text) else {
            return;
        };
        let behind = at + assistant.text.len();
        let end = codec.first_special(&text[behind..]);
        let taught = end.as_ref().is_some_and(|(place, _)| {
            !self.marked || learned.iter().any(|range| range.end >= behind + place.end)
        });
        self.ends.extend(end.map(|(_, id)| id));
        if !taught {
            let what = if self.ends.is_empty() {
                "ends an answer with no special token"
            } else {
                "leaves the token that ends an answer out of what is learned"
            };
            self.notes.push(format!(
                "{}: the chat template {what}, so that a model does not learn where to stop; answers end by their \
                 length or a stop text",
                self.file.display()
            ));
        }
    }

    /// A prompt: what stands before an answer without thoughts; with `enable_thinking`, what the template says itself.
    fn prompt(&self, conversation: &Conversation, messages: &[Message]) -> Result<Written> {
        let (text, _) = unmarked(&self.rendered(conversation, messages, true)?);
        self.contents(conversation, &text, messages, true)?;
        let mut text = text;
        if self.arguments.get(THINKING) != Some(&Json::Bool(true)) {
            let answer = Message {
                role: Role::Assistant.name(),
                text: needle(messages.len()),
                learn: true,
            };
            let answered = [messages, std::slice::from_ref(&answer)].concat();
            let answered = self
                .render(&answered, false)
                .map(|answered| unmarked(&answered).0);
            let before = answered.ok().and_then(|answered| {
                let at = answered.find(&answer.text)?;
                Some(answered[..at].to_owned())
            });
            match before {
                Some(before) if before.starts_with(&text) => {
                    let gap = &before[text.len()..];
                    text.push_str(&gap[..empty_thought(&text, gap)]);
                }
                // the template opens thoughts that answers of samples do not have, or have empty
                Some(before) if is_without_thoughts(&before, &text) => text = before,
                _ => {}
            }
        }
        Ok(Written {
            text,
            learned: Vec::new(),
        })
    }

    fn sample(
        &self,
        codec: &TextCodec,
        conversation: &Conversation,
        messages: &[Message],
    ) -> Result<Written> {
        let (text, marked) = unmarked(&self.rendered(conversation, messages, false)?);
        let places = self.contents(conversation, &text, messages, false)?;
        let learned = if self.marked {
            wanted(marked, messages, &places)
        } else {
            let answers = (0..messages.len()).filter(|&i| messages[i].learn);
            let learned = answers.map(|i| self.learned(codec, conversation, messages, i, &text, &places));
            learned.collect::<Result<_>>()?
        };
        let without_thought = |range: Range<usize>| {
            let thought = empty_thought(&text[..range.start], &text[range.clone()]);
            range.start + thought..range.end
        };
        let learned = learned.into_iter().map(without_thought).collect();
        Ok(Written { text, learned })
    }

    /// Where the contents stand in what was written.
    ///
    /// # Errors
    /// `BAD_SAMPLE` when one of them, or a part of it, is not there.
    fn contents(
        &self,
        conversation: &Conversation,
        text: &str,
        messages: &[Message],
        prompt: bool,
    ) -> Result<Vec<Range<usize>>> {
        let contents: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
        let in_place = |(i, message): (usize, &Message)| Message {
            text: if message.text.trim().is_empty() {
                message.text.clone()
            } else {
                needle(i)
            },
            ..*message
        };
        let needles: Vec<Message> = messages.iter().enumerate().map(in_place).collect();
        let needles = self.render(&needles, prompt).map(|needles| unmarked(&needles).0);
        let blank = |content: &&str| content.trim().is_empty();
        let shown: Vec<&str> = contents
            .iter()
            .map(|content| if blank(content) { "" } else { *content })
            .collect();
        if let Some(places) = needles.ok().and_then(|needles| places(text, &needles, &shown)) {
            return Ok(places);
        }
        // a template that writes otherwise for other contents: each is looked for behind the one before
        let mut at = 0;
        let mut places = Vec::with_capacity(contents.len());
        for (message, content) in messages.iter().zip(&contents) {
            let turns = if message.role == "system" { 0 } else { at };
            // thoughts of earlier answers are left out by templates that have them
            let earlier = message.role == Role::Assistant.name() && places.len() + 1 < messages.len();
            let said = behind_thought(content).filter(|said| earlier && !said.is_empty());
            let place = found(text, turns, content)
                .or_else(|| found(text, 0, content))
                .or_else(|| found(text, turns, said?));
            let place = place.ok_or_else(|| {
                let number = places.len() + 1;
                conversation.bad(format!(
                    "the model's own template ({}) leaves out a part of message {number}, the {}'s, or writes it \
                     otherwise; use another template, or change the text",
                    self.file.display(),
                    message.role
                ))
            })?;
            if message.role != "system" {
                at = place.end.max(at);
            }
            places.push(place);
        }
        Ok(places)
    }

    /// What is learned of answer `i`: from where the model takes over to the token that ends the turn.
    fn learned(
        &self,
        codec: &TextCodec,
        conversation: &Conversation,
        messages: &[Message],
        i: usize,
        text: &str,
        places: &[Range<usize>],
    ) -> Result<Range<usize>> {
        let (opening, _) = unmarked(&self.rendered(conversation, &messages[..i], true)?);
        let mut place = places[i].clone();
        if messages[i].text.trim().is_empty() {
            // nothing was looked for
            place = opening.len()..opening.len();
        }
        // a prompt may open the thoughts with which the content begins
        let opens = text.starts_with(&opening)
            && (opening.len() <= place.start
                || text
                    .get(place.start..opening.len())
                    .is_some_and(|within| open_at_end(within) == within.len()));
        let start = if opens {
            opening.len()
        } else {
            place.start.min(text.len())
        };
        let from = place.end.min(text.len());
        let next = places
            .iter()
            .map(|other| other.start)
            .filter(|&other| other >= from)
            .min();
        let mut limit = if i + 1 == messages.len() {
            text.len()
        } else {
            next.unwrap_or(text.len())
        };
        let end = codec.first_special(&text[from..limit]);
        if let Some((place, id)) = &end
            && (self.marks.ends.contains(id) || self.ends.contains(id))
        {
            return Ok(start..from + place.end);
        }
        // no token ends it for certain: the turn ends where the template ends when it is the last
        if i + 1 < messages.len()
            && let Ok(closing) = self.render(&messages[..=i], false)
        {
            let (closing, _) = unmarked(&closing);
            if text.starts_with(&closing) && closing.len() >= from {
                limit = limit.min(closing.len());
            }
        }
        let end = codec.first_special(&text[from..limit]);
        Ok(start..end.map_or(limit, |(place, _)| from + place.end))
    }

    fn rendered(&self, conversation: &Conversation, messages: &[Message], prompt: bool) -> Result<String> {
        self.render(messages, prompt).map_err(|error| {
            conversation.bad(format!(
                "the model's own template ({}) refuses it: {}",
                self.file.display(),
                reason(&error)
            ))
        })
    }

    fn render(&self, messages: &[Message], prompt: bool) -> std::result::Result<String, Error> {
        let Marks {
            bos, eos, pad, unk, ..
        } = &self.marks;
        let spelled = |mark: &Option<Mark>| {
            mark.as_ref()
                .map_or(Value::UNDEFINED, |mark| Value::from(mark.text.as_str()))
        };
        let message = |message: &Message| {
            let (role, text) = (message.role, message.text.as_str());
            if self.parts[place_of(role)] {
                let part = context! { type => "text", text };
                context! { role, content => vec![part] }
            } else {
                context! { role, content => text }
            }
        };
        let messages: Vec<Value> = messages.iter().map(message).collect();
        let nothing = Value::from(());
        let own = context! {
            messages, add_generation_prompt => prompt, tools => nothing.clone(), documents => nothing,
            bos_token => spelled(bos), eos_token => spelled(eos), pad_token => spelled(pad),
            unk_token => spelled(unk),
        };
        let named = self.marks.named.iter();
        let named = Value::from_pairs(named.map(|(name, text)| (name.as_str(), Value::from(text.as_str()))));
        let arguments = Value::from_pairs(
            self.arguments
                .iter()
                .map(|(name, json)| (name.as_str(), value(json))),
        );
        let template = self.environment.get_template(NAME)?;
        template.render(context! { ..own, ..arguments, ..named })
    }
}

/// Whether a prompt whose end opens thoughts would be `before` without them: nothing, or an empty block, in their place.
fn is_without_thoughts(before: &str, prompt: &str) -> bool {
    let open = open_at_end(prompt);
    let rest = before.strip_prefix(&prompt[..prompt.len() - open]);
    open > 0 && rest.is_some_and(|rest| rest.is_empty() || empty_thought("", rest) == rest.len())
}

/// The source of a template with the one kind of line ends that Jinja knows.
fn with_newlines(source: &str) -> Cow<'_, str> {
    if source.contains('\r') {
        source.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        source.into()
    }
}

/// Of what a template marks, without the answers that are not to be learned: each has a mark of its own, or those count in
/// which its content stands.
fn wanted(marked: Vec<Range<usize>>, messages: &[Message], places: &[Range<usize>]) -> Vec<Range<usize>> {
    let answers: Vec<usize> = (0..messages.len())
        .filter(|&i| messages[i].role == Role::Assistant.name())
        .collect();
    let one_each = marked.len() == answers.len();
    let is_wanted = |(number, range): &(usize, Range<usize>)| {
        if one_each {
            return messages[answers[*number]].learn;
        }
        let mut left = answers.iter().filter(|&&i| !messages[i].learn);
        !left.any(|&i| range.start < places[i].end && places[i].start < range.end)
    };
    let marked = marked.into_iter().enumerate().filter(is_wanted);
    marked.map(|(_, range)| range).collect()
}

fn messages_of(codec: &TextCodec, conversation: &Conversation) -> Result<Vec<Message>> {
    let system = conversation.system.iter().map(|text| ("system", text, false));
    let turns = conversation.turns.iter().map(|turn| {
        (
            turn.role.name(),
            &turn.text,
            turn.learn && turn.role == Role::Assistant,
        )
    });
    let message = |(role, text, learn): (&'static str, &String, bool)| {
        if text.contains(|letter| ('\u{fdd0}'..='\u{fdd4}').contains(&letter)) {
            return Err(
                conversation.bad("a text holds a code that is not a character (U+FDD0 to U+FDD4)".to_owned())
            );
        }
        let text = codec.defused(&text.replace(IMAGE, &PLACE.to_string()));
        Ok(Message { role, text, learn })
    };
    system.chain(turns).map(message).collect()
}

/// An argument as the engine has it.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, number) => Value::from(number.unwrap_or(f64::INFINITY)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(list) => list.iter().map(value).collect(),
        Json::Object(map) => Value::from_pairs(map.iter().map(|(name, json)| (name.as_str(), value(json)))),
    }
}

/// Whether a template is given that by something else than arguments.
fn is_taken(name: &str) -> bool {
    matches!(name, "messages" | "add_generation_prompt" | "tools" | "documents") || name.ends_with("_token")
}

/// An error without the name of the template.
fn reason(error: &Error) -> String {
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}
