//! The model's own template, in Jinja.
//!
//! It comes with the model and is taken for hostile: it sees the conversation and nothing else, and what it may compute
//! and hold in memory is bounded.

use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context};

use super::super::conversation::{Conversation, IMAGE, Role};
use super::super::script::Script;
use super::super::{Marks, TextCodec};
use super::date::strftime;
use super::segments::{Segments, learned_segments};
use crate::{Result, RevisionError};

/// Steps of a rendering; each also pays for 64 bytes, so that at most 128 MB are made.
const FUEL: u64 = 1 << 21;
const MAX_DEPTH: usize = 100;
const NAME: &str = "chat";
/// The filter that stands for `{% generation %}`.
const LEARN: &str = "_learn";

// codes that Unicode keeps free of characters, for what has to survive a rendering
/// Where what is learned begins and ends.
pub(super) const OPEN: char = '\u{fdd0}';
pub(super) const CLOSE: char = '\u{fdd1}';
/// The place of an image.
const PLACE: char = '\u{fdd2}';
/// Inside what is spelled like a special token and is text.
const BREAK: char = '\u{fdd3}';

pub(super) struct Jinja {
    environment: Environment<'static>,
    marks: Marks,
    /// Special tokens by their spelling, longest first.
    specials: Vec<(String, u32)>,
    /// Bytes that one of them begins with: few, so that most of a text is passed over.
    firsts: Vec<u8>,
    /// Whether the template marks what the assistant says.
    marked: bool,
}

impl Jinja {
    pub fn new(codec: &TextCodec, now: i64) -> Result<Self> {
        let marks = codec.marks();
        let source = marks.chat_template.as_deref().ok_or_else(|| {
            RevisionError::BadOption("the model has no template of its own; choose another one".to_owned())
        })?;
        let (source, marked) = with_filter(source);
        let mut environment = environment(now)?;
        environment.add_template_owned(NAME, source).map_err(|error| {
            RevisionError::BadOption(format!("the model's own template is none: {}", told(&error)))
        })?;
        let numbered = |text: String| codec.id(&text).map(|id| (text, id));
        let specials = codec.special_spellings().into_iter().filter_map(numbered);
        let specials: Vec<(String, u32)> = specials.collect();
        let mut firsts: Vec<u8> = specials.iter().map(|(text, _)| text.as_bytes()[0]).collect();
        firsts.sort_unstable();
        firsts.dedup();
        Ok(Self {
            environment,
            marks: marks.clone(),
            specials,
            firsts,
            marked,
        })
    }

    /// Writes a sample, or a prompt when the last turn is the user's.
    pub fn write(&self, script: &mut Script, conversation: &Conversation) -> Result<()> {
        let messages = self.messages(conversation)?;
        let segments = if conversation
            .turns
            .last()
            .is_some_and(|turn| turn.role == Role::User)
        {
            vec![(
                self.render(conversation, &messages, true)?
                    .replace([OPEN, CLOSE], ""),
                false,
            )]
        } else {
            let render = |messages: &[Value], prompt| self.render(conversation, messages, prompt);
            learned_segments(&render, &messages, self.marked).map_err(|error| match error {
                Segments::Failed(error) => error,
                Segments::Apart(reason) => conversation.bad(reason),
            })?
        };
        for (text, learn) in segments {
            self.parse(script, &text, learn);
        }
        Ok(())
    }

    fn messages(&self, conversation: &Conversation) -> Result<Vec<Value>> {
        let mut messages = Vec::new();
        let system = conversation.system.iter().map(|text| ("system", text));
        let turns = conversation
            .turns
            .iter()
            .map(|turn| (turn.role.name(), &turn.text));
        for (role, text) in system.chain(turns) {
            if text.contains([OPEN, CLOSE, PLACE, BREAK]) {
                return Err(conversation
                    .bad("a text holds a code that is no character (U+FDD0 to U+FDD3)".to_owned()));
            }
            let content = self.defused(&text.replace(IMAGE, &PLACE.to_string()));
            messages.push(context! { role, content });
        }
        Ok(messages)
    }

    /// The text with a break in everything that is spelled like a special token.
    fn defused(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            out.push(first);
            if self.special(rest).is_some() {
                out.push(BREAK);
            }
            rest = &rest[first.len_utf8()..];
        }
        out
    }

    /// The special token with which a text begins.
    fn special(&self, text: &str) -> Option<&(String, u32)> {
        if !self.firsts.contains(text.as_bytes().first()?) {
            return None;
        }
        let mut specials = self.specials.iter();
        specials.find(|(spelling, _)| text.starts_with(spelling.as_str()))
    }

    fn render(&self, conversation: &Conversation, messages: &[Value], prompt: bool) -> Result<String> {
        let Marks {
            bos, eos, pad, unk, ..
        } = &self.marks;
        let spelled = |mark: &Option<super::super::Mark>| {
            mark.as_ref()
                .map_or(Value::UNDEFINED, |mark| Value::from(mark.text.as_str()))
        };
        let nothing = Value::from(());
        let context = context! {
            messages, add_generation_prompt => prompt, tools => nothing.clone(), documents => nothing,
            bos_token => spelled(bos), eos_token => spelled(eos), pad_token => spelled(pad),
            unk_token => spelled(unk),
        };
        let template = self.environment.get_template(NAME);
        let rendered = template.and_then(|template| template.render(context));
        rendered.map_err(|error| {
            conversation.bad(format!("the model's own template refuses it: {}", told(&error)))
        })
    }

    /// Adds rendered text; of a learned part, what follows the last special token is not learned.
    fn parse(&self, script: &mut Script, text: &str, learn: bool) {
        let end = if learn && !self.marked {
            self.last_special_end(text)
        } else {
            text.len()
        };
        self.parse_as(script, &text[..end], learn);
        self.parse_as(script, &text[end..], false);
    }

    /// Where the last special token ends, or the text when it has none.
    fn last_special_end(&self, text: &str) -> usize {
        let starts = text.char_indices().rev();
        let ends = starts.filter_map(|(at, _)| self.special(&text[at..]).map(|(token, _)| at + token.len()));
        ends.max().unwrap_or(text.len())
    }

    fn parse_as(&self, script: &mut Script, text: &str, learn: bool) {
        let mut plain = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let mut taken = first.len_utf8();
            match (first, self.special(rest)) {
                (PLACE, _) => {
                    script.text(&std::mem::take(&mut plain), learn);
                    script.image();
                }
                (BREAK | OPEN | CLOSE, _) => {}
                (_, Some((spelling, id))) => {
                    script.text(&std::mem::take(&mut plain), learn);
                    script.special(*id, learn);
                    taken = spelling.len();
                }
                (_, None) => plain.push(first),
            }
            rest = &rest[taken..];
        }
        script.text(&plain, learn);
    }
}

/// What transformers gives a template: Python's methods, blocks without their line ends, three functions.
fn environment(now: i64) -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    let syntax = minijinja::syntax::SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.map_err(|error| RevisionError::BadOption(error.to_string()))?);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_DEPTH);
    environment.add_function(
        "raise_exception",
        |message: String| -> std::result::Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        },
    );
    environment.add_function("strftime_now", move |format: String| strftime(&format, now));
    environment.add_filter(LEARN, |text: String, _: Kwargs| format!("{OPEN}{text}{CLOSE}"));
    Ok(environment)
}

/// The template with a filter in place of `{% generation %}`, and whether it had that; white space is cut alike around
/// either.
fn with_filter(source: &str) -> (String, bool) {
    let mut out = String::with_capacity(source.len());
    let (mut rest, mut found) = (source, false);
    while let Some(at) = rest.find("{%") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find("%}").map_or(rest.len(), |end| end + 2);
        let tag = &rest[..end];
        let word = tag
            .trim_start_matches(['{', '%', '-', '+'])
            .trim_end_matches(['}', '%', '-', '+'])
            .trim();
        out.push_str(&match word {
            "generation" => tag.replace("generation", &format!("filter {LEARN}")),
            "endgeneration" => tag.replace("endgeneration", "endfilter"),
            _ => tag.to_owned(),
        });
        found |= word == "generation";
        rest = &rest[end..];
    }
    out.push_str(rest);
    (out, found)
}

/// An error without the name of the template.
fn told(error: &Error) -> String {
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}
