//! What templates use of Python beyond what the engine has: methods, JSON and the spelling of numbers.

use std::fmt::Write;

use minijinja::value::{Kwargs, Rest, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

type Asked<T> = Result<T, Error>;

/// Widest field that a format may ask for.
const MAX_WIDTH: usize = 1_000;
/// Deepest value that becomes JSON.
const MAX_DEPTH: usize = 100;
/// Bytes that one step of a rendering pays for.
const BYTES_PER_STEP: usize = 64;

fn bad(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason.into())
}

fn pay(state: &State, bytes: usize) -> Asked<()> {
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
            if let Some(found) = of_text(state, text, name, args)? {
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

fn width(value: i64) -> Asked<usize> {
    match usize::try_from(value.max(0)) {
        Ok(width) if width <= MAX_WIDTH => Ok(width),
        _ => Err(bad(format!("a width of {value} is above {MAX_WIDTH}"))),
    }
}

fn of_text(state: &State, text: &str, name: &str, args: &[Value]) -> Asked<Option<Value>> {
    let tuple = |parts: [&str; 3]| Value::from(parts.map(Value::from).to_vec());
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
        "rsplit" => return rsplit(text, args).map(Some),
        "index" | "rindex" => {
            let (what,): (&str,) = from_args(args)?;
            let at = if name == "index" {
                text.find(what)
            } else {
                text.rfind(what)
            };
            let at = at.ok_or_else(|| bad("substring not found"))?;
            Value::from(text[..at].chars().count())
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
        "count" => {
            let (what,): (&str,) = from_args(args)?;
            pay(state, text.len())?;
            Value::from(text.matches(what).count())
        }
        _ => return Ok(None),
    }))
}

fn rsplit(text: &str, args: &[Value]) -> Asked<Value> {
    let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
    let most = most.filter(|&most| most >= 0).map_or(usize::MAX, |most| {
        usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1)
    });
    let mut parts: Vec<&str> = Vec::new();
    match separator {
        Some("") => return Err(bad("empty separator")),
        Some(separator) => parts.extend(text.rsplitn(most, separator)),
        None => {
            let mut rest = text.trim_end();
            while !rest.is_empty() {
                if parts.len() + 1 == most {
                    parts.push(rest);
                    break;
                }
                let at = rest.rfind(char::is_whitespace);
                let word = at.map_or(rest, |at| rest[at..].trim_start());
                parts.push(word);
                rest = rest[..rest.len() - word.len()].trim_end();
            }
        }
    }
    Ok(parts.into_iter().rev().map(Value::from).collect())
}

/// `json.dumps` as transformers calls it: `ensure_ascii`, `indent`, `separators`, `sort_keys`.
#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja calls")]
pub(super) fn tojson(state: &mut State, value: &Value, args: Rest<Value>, options: Kwargs) -> Asked<String> {
    let given = |at: usize, name: &str| -> Asked<Value> {
        let named: Option<Value> = options.get(name)?;
        Ok(named
            .or_else(|| args.get(at).cloned())
            .unwrap_or_else(|| Value::from(())))
    };
    let indent = match given(1, "indent")? {
        none if none.is_none() => None,
        text if text.kind() == ValueKind::String => Some(text.to_string()),
        number => Some(" ".repeat(width(i64::try_from(number)?)?)),
    };
    let separators: Vec<Value> = match given(2, "separators")? {
        none if none.is_none() => Vec::new(),
        pair => pair.try_iter()?.collect(),
    };
    let (comma, colon) = match &separators[..] {
        [] if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        [] => (", ".to_owned(), ": ".to_owned()),
        [comma, colon] => (comma.to_string(), colon.to_string()),
        _ => return Err(bad("tojson: separators are two texts")),
    };
    let mut writer = Json {
        state,
        out: String::new(),
        paid: 0,
        ascii: given(0, "ensure_ascii")?.is_true(),
        sorted: given(3, "sort_keys")?.is_true(),
        indent,
        comma,
        colon,
    };
    options.assert_all_used()?;
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Json<'a, 'b, 'c> {
    state: &'a mut State<'b, 'c>,
    out: String,
    paid: usize,
    ascii: bool,
    sorted: bool,
    indent: Option<String>,
    comma: String,
    colon: String,
}

impl Json<'_, '_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> Asked<()> {
        if depth > MAX_DEPTH {
            return Err(bad(format!("tojson: a value is nested deeper than {MAX_DEPTH}")));
        }
        let bytes = self.out.len() - self.paid;
        self.paid = self.out.len();
        pay(self.state, bytes)?;
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.out.push_str(&number(value)),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.container(['[', ']'], &items, depth, |json, item| {
                    json.value(item, depth + 1)
                })?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sorted {
                    keys.sort();
                }
                self.container(['{', '}'], &keys, depth, |json, key| {
                    json.key(key)?;
                    let colon = json.colon.clone();
                    json.out.push_str(&colon);
                    json.value(&value.get_item(key)?, depth + 1)
                })?;
            }
            other => return Err(bad(format!("tojson: a value of the kind {other} is not JSON"))),
        }
        Ok(())
    }

    fn key(&mut self, key: &Value) -> Asked<()> {
        let text = match key.kind() {
            ValueKind::String => key.as_str().unwrap_or_default().to_owned(),
            ValueKind::None => "null".to_owned(),
            ValueKind::Bool => key.to_string().to_lowercase(),
            ValueKind::Number => number(key),
            _ => return Err(bad("tojson: keys are texts, numbers, booleans or none")),
        };
        self.text(&text);
        Ok(())
    }

    fn container(
        &mut self,
        [open, close]: [char; 2],
        items: &[Value],
        depth: usize,
        mut write: impl FnMut(&mut Self, &Value) -> Asked<()>,
    ) -> Asked<()> {
        self.out.push(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                let comma = self.comma.clone();
                self.out.push_str(&comma);
            }
            self.line(depth + 1);
            write(self, item)?;
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = &self.indent {
            self.out.push('\n');
            self.out.push_str(&indent.repeat(depth));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                letter if letter < ' ' || (self.ascii && !letter.is_ascii()) => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.out, "\\u{unit:04x}");
                    }
                }
                letter => self.out.push(letter),
            }
        }
        self.out.push('"');
    }
}

/// A number as Python's `repr` has it.
fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    let Ok(number) = f64::try_from(value.clone()) else {
        return value.to_string();
    };
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{number:?}")
}
