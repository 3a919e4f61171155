//! Filters and tests of Jinja that the engine has otherwise.

use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Environment, Output, State, escape_formatter};

use super::json::number;
use super::python::{Asked, bad, pay, width};
use super::space::{is_space, lines, strip};

/// Puts them in place of the engine's.
pub(super) fn add(environment: &mut Environment) {
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("e", escape);
    environment.add_filter("escape", escape);
    environment.add_filter("forceescape", force_escape);
    environment.add_filter("indent", indent);
    environment.add_filter("trim", trim);
    environment.add_filter("center", center);
    environment.remove_filter("pprint");
    // an attribute of a Python object, which values of a conversation do not have
    environment.remove_filter("attr");
    environment.set_formatter(printed);
}

/// Numbers that are very small or large have an exponent in Python.
fn printed(out: &mut Output, state: &mut State, value: &Value) -> Asked<()> {
    let odd = value.kind() == ValueKind::Number && !value.is_integer();
    let size = f64::try_from(value.clone()).unwrap_or_default();
    if odd && size.is_nan() {
        return escape_formatter(out, state, &Value::from("nan"));
    }
    if odd && size.is_finite() {
        return escape_formatter(out, state, &Value::from(number(value)));
    }
    escape_formatter(out, state, value)
}

/// An argument by its place or its name.
fn given(args: &[Value], at: usize, options: &Kwargs, name: &str) -> Asked<Option<Value>> {
    let named: Option<Value> = options.get(name)?;
    Ok(named.or_else(|| args.get(at).cloned()))
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja calls")]
fn default(value: Value, args: Rest<Value>, options: Kwargs) -> Asked<Value> {
    let other = given(&args, 0, &options, "default_value")?.unwrap_or_else(|| Value::from(""));
    let falsy = given(&args, 1, &options, "boolean")?.is_some_and(|boolean| boolean.is_true());
    options.assert_all_used()?;
    Ok(if value.is_undefined() || (falsy && !value.is_true()) {
        other
    } else {
        value
    })
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja calls")]
fn int(value: Value, args: Rest<Value>, options: Kwargs) -> Asked<Value> {
    let other = given(&args, 0, &options, "default")?.unwrap_or_else(|| Value::from(0));
    let base = given(&args, 1, &options, "base")?.map_or(Ok(10), u32::try_from)?;
    options.assert_all_used()?;
    let whole =
        |number: f64| (number.is_finite() && number.abs() < 9e18).then(|| Value::from(number.trunc() as i64));
    let found = match value.kind() {
        ValueKind::Bool => Some(Value::from(i64::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => Some(value),
        ValueKind::Number => f64::try_from(value).ok().and_then(whole),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            whole_number(text, base)?.or_else(|| real_number(text).and_then(whole))
        }
        _ => None,
    };
    Ok(found.unwrap_or(other))
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja calls")]
fn float(value: Value, args: Rest<Value>, options: Kwargs) -> Asked<Value> {
    let other = given(&args, 0, &options, "default")?.unwrap_or_else(|| Value::from(0.0));
    options.assert_all_used()?;
    let found = match value.kind() {
        ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        ValueKind::Number => f64::try_from(value).ok(),
        ValueKind::String => real_number(value.as_str().unwrap_or_default()),
        _ => None,
    };
    Ok(found.map_or(other, Value::from))
}

/// A whole number as Python's `int` reads it: white space around it, a sign, single underscores, the prefix of its base.
fn whole_number(text: &str, base: u32) -> Asked<Option<Value>> {
    if !(2..=36).contains(&base) {
        return Err(bad(format!("int: a base of {base}; 2 to 36 are known")));
    }
    let text = strip(text, is_space);
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (&text[..1], digits),
        None => ("", text),
    };
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let bare = digits
        .get(..2)
        .filter(|two| !prefix.is_empty() && two.eq_ignore_ascii_case(prefix));
    let digits = bare.map_or(digits, |_| digits[2..].trim_start_matches('_'));
    let parts: Vec<&str> = digits.split('_').collect();
    if parts
        .iter()
        .any(|part| part.is_empty() || part.starts_with(['-', '+']))
    {
        return Ok(None);
    }
    Ok(i64::from_str_radix(&format!("{sign}{}", parts.concat()), base)
        .ok()
        .map(Value::from))
}

/// A number as Python's `float` reads it: white space around it, single underscores between digits.
fn real_number(text: &str) -> Option<f64> {
    let text = strip(text, is_space);
    let between = |(i, _): (usize, &str)| {
        let digit = |at: Option<usize>| {
            at.and_then(|at| text.as_bytes().get(at))
                .is_some_and(u8::is_ascii_digit)
        };
        digit(i.checked_sub(1)) && digit(Some(i + 1))
    };
    text.match_indices('_')
        .all(between)
        .then(|| text.replace('_', "").parse().ok())
        .flatten()
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja calls")]
fn escape(state: &State, value: Value) -> Asked<Value> {
    if value.is_safe() {
        return Ok(value);
    }
    force_escape(state, value)
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja calls")]
fn force_escape(state: &State, value: Value) -> Asked<Value> {
    let text = escaped(&value.to_string());
    pay(state, text.len())?;
    Ok(Value::from_safe_string(text))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja calls")]
fn trim(value: Value, args: Rest<Value>, options: Kwargs) -> Asked<Value> {
    let letters = given(&args, 0, &options, "chars")?.filter(|letters| !letters.is_none());
    options.assert_all_used()?;
    let text = value.to_string();
    Ok(Value::from(match letters.map(|letters| letters.to_string()) {
        Some(letters) => strip(&text, |letter| letters.contains(letter)),
        None => strip(&text, is_space),
    }))
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja calls")]
fn center(state: &mut State, value: Value, args: Rest<Value>, options: Kwargs) -> Asked<Value> {
    let wide = given(&args, 0, &options, "width")?.unwrap_or_else(|| Value::from(80));
    options.assert_all_used()?;
    super::python::method(state, &Value::from(value.to_string()), "center", &[wide])
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja calls")]
fn indent(state: &State, text: String, args: Rest<Value>, options: Kwargs) -> Asked<String> {
    let blanks = match given(&args, 0, &options, "width")? {
        None => " ".repeat(4),
        Some(text) if text.kind() == ValueKind::String => text.to_string(),
        Some(number) => " ".repeat(width(i64::try_from(number)?)?),
    };
    let first = given(&args, 1, &options, "first")?.is_some_and(|first| first.is_true());
    let blank = given(&args, 2, &options, "blank")?.is_some_and(|blank| blank.is_true());
    options.assert_all_used()?;
    pay(state, text.len())?;
    let whole = format!("{text}\n");
    let mut out = String::with_capacity(text.len());
    for (i, (line, _)) in lines(&whole).into_iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let filled = if i == 0 { first } else { blank || !line.is_empty() };
        if filled {
            pay(state, blanks.len())?;
            out.push_str(&blanks);
        }
        out.push_str(line);
    }
    Ok(out)
}
