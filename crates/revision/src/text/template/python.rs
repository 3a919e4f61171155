//! Methods of Python that templates call and the engine does not have, or has otherwise.

use minijinja::value::{Kwargs, Tuple, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use super::space::{is_space, lines, strip, strip_end, strip_start};

pub(super) type Asked<T> = Result<T, Error>;

/// Widest field that a format may ask for.
const MAX_WIDTH: usize = 1_000;
/// Bytes that one step of a rendering pays for.
const BYTES_PER_STEP: usize = 64;

pub(super) fn bad(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason.into())
}

pub(super) fn pay(state: &State, bytes: usize) -> Asked<()> {
    state.consume_fuel((bytes / BYTES_PER_STEP + 1) as u64)
}

/// A method of Python on a string, list or dictionary that the engine does not know.
pub(super) fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Asked<Value> {
    match (value.kind(), name) {
        // the sum of two lists
        (ValueKind::Iterable, "count" | "index" | "copy") => {
            let list: Value = value.try_iter()?.collect();
            return method(state, &list, name, args);
        }
        (ValueKind::String, "format") => check_widths(value.as_str().unwrap_or_default())?,
        (ValueKind::String, _) => {
            let text = value.as_str().unwrap_or_default();
            pay(state, text.len())?;
            let found = match parted(text, name, args)? {
                None => searched(state, text, name, args)?,
                found => found,
            };
            let found = match found {
                None => spelled(state, text, name, args)?,
                found => found,
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        (ValueKind::Seq, "index") => {
            let (what,): (&Value,) = from_args(args)?;
            for (i, item) in value.try_iter()?.enumerate() {
                pay(state, 0)?;
                if item == *what {
                    return Ok(Value::from(i));
                }
            }
            return Err(bad("the value is not in the list"));
        }
        (ValueKind::Seq | ValueKind::Map, "copy") => return Ok(value.clone()),
        (
            ValueKind::Seq | ValueKind::Map,
            "append" | "extend" | "insert" | "pop" | "remove" | "clear" | "update" | "setdefault" | "sort"
            | "reverse" | "popitem",
        ) => {
            return Err(bad(format!(
                "{name} changes a value, which chat templates must not"
            )));
        }
        _ => {}
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args)
}

/// Refuses widths and precisions that would take all memory.
fn check_widths(format: &str) -> Asked<()> {
    let mut number = 0_usize;
    let mut inside = false;
    for letter in format.chars() {
        match letter {
            '{' => inside = true,
            '}' => inside = false,
            _ => {}
        }
        number = match letter.to_digit(10) {
            Some(digit) if inside => number.saturating_mul(10).saturating_add(digit as usize),
            _ => 0,
        };
        if number > MAX_WIDTH {
            return Err(bad(format!("a format asks for a width above {MAX_WIDTH}")));
        }
    }
    Ok(())
}

pub(super) fn width(value: i64) -> Asked<usize> {
    match usize::try_from(value.max(0)) {
        Ok(width) if width <= MAX_WIDTH => Ok(width),
        _ => Err(bad(format!("a width of {value} is above {MAX_WIDTH}"))),
    }
}

/// What takes a text apart.
fn parted(text: &str, name: &str, args: &[Value]) -> Asked<Option<Value>> {
    let tuple = |parts: [&str; 3]| Value::from(Tuple::from(parts.map(Value::from).to_vec()));
    Ok(Some(match name {
        "removeprefix" => {
            let (what,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(what).unwrap_or(text))
        }
        "removesuffix" => {
            let (what,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(what).unwrap_or(text))
        }
        "partition" => {
            let (what,): (&str,) = from_args(args)?;
            tuple(match text.split_once(what) {
                Some((before, after)) => [before, what, after],
                None => [text, "", ""],
            })
        }
        "rpartition" => {
            let (what,): (&str,) = from_args(args)?;
            tuple(match text.rsplit_once(what) {
                Some((before, after)) => [before, what, after],
                None => ["", "", text],
            })
        }
        "split" | "rsplit" => split(text, name, args)?,
        "splitlines" => {
            let (keep, options): (Option<bool>, Kwargs) = from_args(args)?;
            let keep = keep.or(options.get("keepends")?).unwrap_or(false);
            options.assert_all_used()?;
            let line = |(line, end): (&str, &str)| {
                let end = if keep { end } else { "" };
                Value::from(format!("{line}{end}"))
            };
            lines(text).into_iter().map(line).collect()
        }
        "strip" | "lstrip" | "rstrip" => {
            let (letters,): (Option<&str>,) = from_args(args)?;
            let cut =
                |letter: char| letters.map_or_else(|| is_space(letter), |letters| letters.contains(letter));
            Value::from(match name {
                "strip" => strip(text, cut),
                "lstrip" => strip_start(text, cut),
                _ => strip_end(text, cut),
            })
        }
        _ => return Ok(None),
    }))
}

/// What looks for a text in another.
fn searched(state: &State, text: &str, name: &str, args: &[Value]) -> Asked<Option<Value>> {
    Ok(Some(match name {
        "startswith" | "endswith" => {
            let (what, from, to): (&Value, Option<i64>, Option<i64>) = from_args(args)?;
            let (part, _) = slice(text, from, to);
            let fits = |what: &Value| -> Asked<bool> {
                let what = what
                    .as_str()
                    .ok_or_else(|| bad(format!("{name}: a text is asked for")))?;
                let begins = name == "startswith";
                Ok(part.is_some_and(|part| {
                    if begins {
                        part.starts_with(what)
                    } else {
                        part.ends_with(what)
                    }
                }))
            };
            let any = if what.kind() == ValueKind::Seq {
                let mut any = false;
                for each in what.try_iter()? {
                    any |= fits(&each)?;
                }
                any
            } else {
                fits(what)?
            };
            Value::from(any)
        }
        "find" | "rfind" | "index" | "rindex" => {
            let (what, from, to): (&str, Option<i64>, Option<i64>) = from_args(args)?;
            let (part, before) = slice(text, from, to);
            let at = part.and_then(|part| {
                let at = if name.starts_with('r') {
                    part.rfind(what)
                } else {
                    part.find(what)
                };
                at.map(|at| before + part[..at].chars().count())
            });
            match at {
                Some(at) => Value::from(at),
                None if name.ends_with("find") => Value::from(-1),
                None => return Err(bad("substring not found")),
            }
        }
        "count" => {
            let (what, from, to): (&str, Option<i64>, Option<i64>) = from_args(args)?;
            pay(state, text.len())?;
            let (part, _) = slice(text, from, to);
            Value::from(part.map_or(0, |part| part.matches(what).count()))
        }
        _ => return Ok(None),
    }))
}

/// What spells a text otherwise, or asks how it is spelled.
fn spelled(state: &State, text: &str, name: &str, args: &[Value]) -> Asked<Option<Value>> {
    Ok(Some(match name {
        "title" => Value::from(title(text)),
        "capitalize" => {
            let mut letters = text.chars();
            let first: String = letters.next().map(titled).unwrap_or_default();
            Value::from(first + &letters.as_str().to_lowercase())
        }
        "istitle" => Value::from(text.chars().any(is_cased) && title(text) == text),
        "isascii" => Value::from(text.is_ascii()),
        "isspace" => Value::from(!text.is_empty() && text.chars().all(is_space)),
        "expandtabs" => {
            let (wide, options): (Option<i64>, Kwargs) = from_args(args)?;
            let wide = width(wide.or(options.get("tabsize")?).unwrap_or(8))?;
            options.assert_all_used()?;
            expanded(state, text, wide)?
        }
        "center" | "ljust" | "rjust" => {
            let (wide, fill): (i64, Option<&str>) = from_args(args)?;
            let room = width(wide)?.saturating_sub(text.chars().count());
            // Python puts the odd one to the left where the width is odd
            let left = match name {
                "center" => room / 2 + (room & width(wide)? & 1),
                "rjust" => room,
                _ => 0,
            };
            let fill = fill.unwrap_or(" ");
            Value::from(format!("{}{text}{}", fill.repeat(left), fill.repeat(room - left)))
        }
        "zfill" => {
            let (wide,): (i64,) = from_args(args)?;
            let room = width(wide)?.saturating_sub(text.chars().count());
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => (&text[..1], digits),
                None => ("", text),
            };
            Value::from(format!("{sign}{}{digits}", "0".repeat(room)))
        }
        "swapcase" => {
            let swapped = text.chars().flat_map(|letter| -> Vec<char> {
                if letter.is_uppercase() {
                    letter.to_lowercase().collect()
                } else {
                    letter.to_uppercase().collect()
                }
            });
            Value::from(swapped.collect::<String>())
        }
        "casefold" => Value::from(text.to_lowercase()),
        "isdecimal" => Value::from(!text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit())),
        _ => return Ok(None),
    }))
}

/// `split` and `rsplit`, at a separator or at white space.
fn split(text: &str, name: &str, args: &[Value]) -> Asked<Value> {
    let (separator, most, options): (Option<&str>, Option<i64>, Kwargs) = from_args(args)?;
    let separator = separator.or(options.get::<Option<&str>>("sep")?);
    let most = most.or(options.get("maxsplit")?).filter(|&most| most >= 0);
    options.assert_all_used()?;
    let most = most.map_or(usize::MAX, |most| {
        usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1)
    });
    let backwards = name == "rsplit";
    let mut parts: Vec<&str> = match separator {
        Some("") => return Err(bad("empty separator")),
        Some(separator) if backwards => text.rsplitn(most, separator).collect(),
        Some(separator) => text.splitn(most, separator).collect(),
        None => words(text, most, backwards),
    };
    if backwards {
        parts.reverse();
    }
    Ok(parts.into_iter().map(Value::from).collect())
}

/// Words between white space, at most `most`, the rest in the last one; backwards from the end on.
fn words(text: &str, most: usize, backwards: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        rest = if backwards {
            strip_end(rest, is_space)
        } else {
            strip_start(rest, is_space)
        };
        if rest.is_empty() {
            return parts;
        }
        if parts.len() + 1 == most {
            parts.push(rest);
            return parts;
        }
        let word = if backwards {
            let at = rest.char_indices().rfind(|&(_, letter)| is_space(letter));
            &rest[at.map_or(0, |(at, letter)| at + letter.len_utf8())..]
        } else {
            &rest[..rest.find(is_space).unwrap_or(rest.len())]
        };
        parts.push(word);
        rest = if backwards {
            &rest[..rest.len() - word.len()]
        } else {
            &rest[word.len()..]
        };
    }
}

/// The letters from one number to another, as Python's slices count them, and how many stand before; none where the first
/// lies behind the text or behind the second.
fn slice(text: &str, from: Option<i64>, to: Option<i64>) -> (Option<&str>, usize) {
    if from.is_none() && to.is_none() {
        return (Some(text), 0);
    }
    let count = text.chars().count();
    let place = |at: i64| {
        let size = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
        if at < 0 { count.saturating_sub(size) } else { size }
    };
    let (from, to) = (from.map_or(0, place), to.map_or(count, place).min(count));
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    let part = (from <= to).then(|| &text[byte(from)..byte(to)]);
    (part, from)
}

/// Tabs as blanks up to the next multiple of a width in their line.
fn expanded(state: &State, text: &str, wide: usize) -> Asked<Value> {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for letter in text.chars() {
        if letter == '\t' {
            let blanks = if wide == 0 { 0 } else { wide - column % wide };
            pay(state, blanks)?;
            out.push_str(&" ".repeat(blanks));
            column += blanks;
        } else {
            out.push(letter);
            column = if matches!(letter, '\n' | '\r') {
                0
            } else {
                column + 1
            };
        }
    }
    Ok(Value::from(out))
}

/// Capitals where no letter with a case stands before.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        if inside {
            out.extend(letter.to_lowercase());
        } else {
            out.push_str(&titled(letter));
        }
        inside = is_cased(letter);
    }
    out
}

fn is_cased(letter: char) -> bool {
    letter.is_lowercase()
        || letter.is_uppercase()
        || matches!(letter, '\u{1c5}' | '\u{1c8}' | '\u{1cb}' | '\u{1f2}')
}

/// A letter as words begin with it: letters that stand for two have a form of their own.
fn titled(letter: char) -> String {
    match letter {
        '\u{1c4}'..='\u{1c6}' => "\u{1c5}".to_owned(),
        '\u{1c7}'..='\u{1c9}' => "\u{1c8}".to_owned(),
        '\u{1ca}'..='\u{1cc}' => "\u{1cb}".to_owned(),
        '\u{1f1}'..='\u{1f3}' => "\u{1f2}".to_owned(),
        '\u{149}' => "\u{2bc}N".to_owned(),
        letter => {
            let mut upper = letter.to_uppercase();
            let first = upper.next().map(String::from).unwrap_or_default();
            first + &upper.flat_map(char::to_lowercase).collect::<String>()
        }
    }
}
