//! Which part of a rendered conversation the assistant says.

use minijinja::value::Value;

use super::jinja::{CLOSE, OPEN};
use crate::RevisionError;

/// Why parts cannot be told.
pub(super) enum Segments {
    /// The template failed.
    Failed(RevisionError),
    /// The template does not let them be told apart.
    Apart(String),
}

type Render<'a> = dyn Fn(&[Value], bool) -> crate::Result<String> + 'a;

/// A rendered conversation in parts, and whether each is learned.
///
/// Where the template marks what the assistant says, by its marks. Otherwise the conversation is rendered up to every
/// answer and with it: if each rendering begins the next, an answer is what one adds to the other.
pub(super) fn learned_segments(
    render: &Render,
    messages: &[Value],
    marked: bool,
) -> Result<Vec<(String, bool)>, Segments> {
    let whole = render(messages, false).map_err(Segments::Failed)?;
    if marked {
        return Ok(by_marks(&whole));
    }
    let mut parts = Vec::new();
    let mut at = 0;
    for answer in answers(messages) {
        let opening = render(&messages[..answer], true).map_err(Segments::Failed)?;
        let closing = if answer + 1 == messages.len() {
            whole.clone()
        } else {
            render(&messages[..=answer], false).map_err(Segments::Failed)?
        };
        let nested = opening.len() >= at && closing.starts_with(&opening) && whole.starts_with(&closing);
        if !nested {
            return Err(Segments::Apart(format!(
                "the model's own template writes what stands before answer {} otherwise when the conversation goes \
                 on, so that the answers cannot be told apart; use another template, or one answer in a sample",
                answers(messages).position(|one| one == answer).unwrap_or(0) + 1
            )));
        }
        parts.push((whole[at..opening.len()].to_owned(), false));
        parts.push((whole[opening.len()..closing.len()].to_owned(), true));
        at = closing.len();
    }
    parts.push((whole[at..].to_owned(), false));
    Ok(parts)
}

fn answers(messages: &[Value]) -> impl Iterator<Item = usize> {
    let role = |message: &Value| message.get_attr("role").ok().map(|role| role.to_string());
    let is_answer = move |(i, message): (usize, &Value)| (role(message)? == "assistant").then_some(i);
    messages.iter().enumerate().filter_map(is_answer)
}

fn by_marks(whole: &str) -> Vec<(String, bool)> {
    let mut parts = Vec::new();
    let mut learn = false;
    let mut rest = whole;
    while let Some(at) = rest.find([OPEN, CLOSE]) {
        parts.push((rest[..at].to_owned(), learn));
        learn = rest[at..].starts_with(OPEN);
        rest = &rest[at + OPEN.len_utf8()..];
    }
    parts.push((rest.to_owned(), learn));
    parts
}
