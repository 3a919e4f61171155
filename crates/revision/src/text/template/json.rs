//! `tojson`: JSON and numbers as Python spells them.

use std::fmt::Write;

use minijinja::State;
use minijinja::value::{Kwargs, Rest, Value, ValueKind};

use super::python::{Asked, bad, pay, width};

/// Deepest value that becomes JSON.
const MAX_DEPTH: usize = 100;

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
pub(super) fn number(value: &Value) -> String {
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
