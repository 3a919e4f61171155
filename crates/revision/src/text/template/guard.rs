//! Bounds on the source of a template, and what is changed in it before it is compiled.
//!
//! Parsing, compiling and dropping recurse with the nesting of blocks, the branches of an `if` and the operators of an
//! expression. So these are bounded before anything is compiled, far above what published templates have.

use std::fmt::Write as _;

/// Longest source in bytes; published ones have at most 40 KB.
const MAX_SOURCE: usize = 1 << 18;
/// Most names, numbers, strings and signs in one tag.
const MAX_TOKENS: usize = 4_000;
/// Deepest nesting of brackets in one tag.
const MAX_BRACKETS: usize = 64;
/// Deepest nesting of blocks.
const MAX_BLOCKS: usize = 64;
/// Most `elif` of one `if`.
const MAX_BRANCHES: usize = 256;

/// The filter that stands for `{% generation %}`.
pub(super) const LEARN: &str = "_learn";
/// The filter that bounds the depth of a value before it is assigned.
pub(super) const BOUNDED: &str = "_bounded";
/// The filter that refuses to multiply lists.
pub(super) const SINGLE: &str = "_single";
/// As [`BOUNDED`], for what an attribute of a namespace is set to.
pub(super) const HELD: &str = "_held";

/// A source that may be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guarded {
    pub source: String,
    /// Whether it marks what the assistant says.
    pub marked: bool,
}

/// The template with filters in place of `{% generation %}`, around every value that gets a name (by `set`, `for`, `macro`,
/// `with` and `call`) and before every `*`; lines stay where they are. So a value can grow within one expression only, and
/// there by its length only.
///
/// # Errors
/// What is beyond the bounds, with its line.
pub(super) fn guarded(source: &str) -> Result<Guarded, String> {
    if source.len() > MAX_SOURCE {
        let length = source.len();
        return Err(format!("it has {length} bytes; at most {MAX_SOURCE} are read"));
    }
    let mut out = String::with_capacity(source.len() + source.len() / 8);
    let mut blocks = Blocks::default();
    let mut marked = false;
    let mut at = 0;
    while let Some(start) = next_tag(source, at) {
        out.push_str(&source[at..start]);
        let here = |reason: String| format!("{reason} (line {})", line_of(source, start));
        if source[start..].starts_with("{#") {
            at = source[start..]
                .find("#}")
                .map_or(source.len(), |end| start + end + 2);
            out.push_str(&source[start..at]);
            continue;
        }
        let tag = Tag::read(source, start).map_err(here)?;
        at = tag.end;
        match tag.word {
            "raw" if tag.is_block => {
                at = raw_end(source, tag.end);
                out.push_str(&source[start..at]);
                continue;
            }
            word if tag.is_block => blocks.enter(word, tag.assign.is_some()).map_err(here)?,
            _ => {}
        }
        let text = spelled_out(&tag.text(source, start));
        match tag.word {
            "generation" if tag.is_block => {
                marked = true;
                out.push_str(&text.replacen("generation", &format!("filter {LEARN}"), 1));
            }
            "endgeneration" if tag.is_block => out.push_str(&text.replacen("endgeneration", "endfilter", 1)),
            "set" if tag.is_block => tag.write_set(&text, start, &mut out),
            "for" | "macro" | "with" | "call" if tag.is_block => tag.write_names(&text, &mut out),
            _ => out.push_str(&text),
        }
    }
    out.push_str(&source[at..]);
    Ok(Guarded { source: out, marked })
}

fn next_tag(source: &str, from: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    (from..bytes.len().saturating_sub(1))
        .find(|&i| bytes[i] == b'{' && matches!(bytes[i + 1], b'{' | b'%' | b'#'))
}

/// Where a raw block ends whose first tag ends at `from`.
fn raw_end(source: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(start) = source[at..].find("{%").map(|start| at + start) {
        let rest = source[start + 2..].trim_start_matches(['-', '+']).trim_start();
        let end = source[start..]
            .find("%}")
            .map_or(source.len(), |end| start + end + 2);
        if rest.starts_with("endraw") {
            return end;
        }
        at = start + 2;
    }
    source.len()
}

fn line_of(source: &str, at: usize) -> usize {
    source[..at].matches('\n').count() + 1
}

/// One `{{ … }}` or `{% … %}`.
struct Tag<'a> {
    is_block: bool,
    /// Its first word.
    word: &'a str,
    /// Where the sign of an assignment stands, outside of brackets.
    assign: Option<usize>,
    /// Where the first `|` stands outside of brackets.
    pipe: Option<usize>,
    /// Where lists could be multiplied.
    products: Vec<usize>,
    /// Names that it gives to values.
    names: Vec<&'a str>,
    /// Where its closing sign begins, with the sign that cuts white space.
    close: usize,
    end: usize,
}

impl<'a> Tag<'a> {
    fn read(source: &'a str, start: usize) -> Result<Self, String> {
        let bytes = source.as_bytes();
        let is_block = bytes[start + 1] == b'%';
        let closing: &[u8] = if is_block { b"%}" } else { b"}}" };
        let mut tag = Self {
            is_block,
            word: "",
            assign: None,
            pipe: None,
            products: Vec::new(),
            names: Vec::new(),
            close: source.len(),
            end: source.len(),
        };
        let (mut at, mut tokens, mut depth) = (start + 2, 0, 0_usize);
        let mut naming = Naming::default();
        // whether a value may end at the token before
        let mut value = false;
        while at < bytes.len() {
            if depth == 0 && bytes[at..].starts_with(closing) {
                let cut = at > start + 2 && matches!(bytes[at - 1], b'-' | b'+');
                tag.close = if cut { at - 1 } else { at };
                tag.end = at + 2;
                break;
            }
            let from = at;
            at = match bytes[at] {
                byte if byte.is_ascii_whitespace() => at + 1,
                quote @ (b'"' | b'\'') => string_end(bytes, at, quote),
                byte if is_word(byte) => {
                    let end = bytes[at..].iter().position(|&byte| !is_word(byte));
                    at + end.unwrap_or(bytes.len() - at)
                }
                _ => at + 1,
            };
            let first = bytes[from];
            if first.is_ascii_whitespace() {
                continue;
            }
            tokens += 1;
            if tokens > MAX_TOKENS {
                return Err(format!("a tag has more than {MAX_TOKENS} names and signs"));
            }
            match first {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                b'=' if depth == 0 && tag.assign.is_none() => {
                    let compared =
                        bytes.get(at) == Some(&b'=') || matches!(bytes[from - 1], b'=' | b'!' | b'<' | b'>');
                    tag.assign = (!compared).then_some(from);
                }
                b'|' if depth == 0 && tag.pipe.is_none() => tag.pipe = Some(from),
                _ => {}
            }
            if first == b'*' {
                let power = bytes.get(at) == Some(&b'*') || bytes[from - 1] == b'*';
                tag.products.extend((value && !power).then_some(from));
            }
            value = is_word(first) || matches!(first, b')' | b']' | b'}' | b'"' | b'\'');
            let token = &source[from..at];
            if tag.word.is_empty() && is_word(first) {
                tag.word = token;
            } else {
                let name = naming.name(tag.word, token, depth);
                let named = name.is_none() && is_block && tag.word == "macro" && bytes[from - 1] != b'.';
                if named && tag.names.contains(&token) {
                    // the engine gives values to arguments from the last on
                    return Err(format!(
                        "the value of an argument of a macro names the argument {token}"
                    ));
                }
                tag.names.extend(name);
            }
            if depth > MAX_BRACKETS {
                return Err(format!("brackets are nested deeper than {MAX_BRACKETS}"));
            }
        }
        Ok(tag)
    }

    /// The tag, with no list multiplied: the left side goes through a filter, and two signs are for numbers only.
    fn text(&self, source: &str, start: usize) -> String {
        let mut out = String::new();
        let mut from = start;
        for &at in &self.products {
            out.push_str(source[from..at].trim_end());
            let space = &source[from + source[from..at].trim_end().len()..at];
            _ = write!(out, "|{SINGLE}{space}* - -");
            from = at + 1;
        }
        out.push_str(&source[from..self.end]);
        out
    }

    /// The assignment with a filter on its value; `text` is the tag, which began at `start`.
    fn write_set(&self, text: &str, start: usize, out: &mut String) {
        // products stand behind the sign of the assignment
        let closing = text.len() - (self.end - self.close);
        match (self.assign, self.pipe) {
            (Some(assign), pipe) if pipe.is_none_or(|pipe| assign < pipe) => {
                let (head, value) = text[..closing].split_at(assign - start + 1);
                let bare = value.trim();
                if bare.is_empty() {
                    return out.push_str(text);
                }
                let filter = if head.contains('.') { HELD } else { BOUNDED };
                // white space goes before the brackets, so that lines stay
                let space = &value[..value.len() - value.trim_start().len()];
                let behind = &value[value.trim_end().len()..];
                _ = write!(out, "{head}{space}({bare})|{filter}{behind}{}", &text[closing..]);
            }
            (_, Some(_)) => {
                let head = text[..closing].trim_end();
                _ = write!(out, "{head}|{HELD}{}", &text[head.len()..]);
            }
            _ => out.push_str(text),
        }
    }

    /// The tag, and behind it filters on the values of the names that it gives.
    fn write_names(&self, text: &str, out: &mut String) {
        let closing = text.len() - (self.end - self.close);
        let cut = &text[closing..];
        let sets: Vec<String> = self
            .names
            .iter()
            .map(|name| format!("set {name} = ({name})|{BOUNDED}"))
            .collect();
        match sets.split_last() {
            None => out.push_str(text),
            Some((last, others)) => {
                out.push_str(&text[..closing]);
                out.push_str("%}");
                for set in others {
                    _ = write!(out, "{{%- {set} %}}");
                }
                // the sign that cuts white space goes behind the last
                _ = write!(out, "{{%- {last} {cut}");
            }
        }
    }
}

/// Which words of a tag are names that get values.
#[derive(Default)]
struct Naming {
    over: bool,
    /// Whether a name may stand here.
    expected: bool,
    began: bool,
}

impl Naming {
    /// The token, where it is such a name; `depth` is that of the brackets behind it.
    fn name<'a>(&mut self, word: &str, token: &'a str, depth: usize) -> Option<&'a str> {
        let is_name = token.bytes().all(is_word) && !token.as_bytes()[0].is_ascii_digit();
        match word {
            // for a, (b, c) in …
            "for" => {
                self.over |= token == "in";
                (is_name && !self.over).then_some(token)
            }
            // with a = 1, b = 2
            "with" => {
                let here = !self.began || self.expected;
                self.began = true;
                self.expected = depth == 0 && token == ",";
                (is_name && here && depth == 0).then_some(token)
            }
            // macro name(a, b=1); call(a) name()
            "macro" | "call" => {
                if self.over {
                    return None;
                }
                let opens = token == "(" && depth == 1 && !self.began;
                let here = self.expected;
                self.expected = opens || (depth == 1 && token == ",");
                self.over |= (depth == 0 && token == ")") || (word == "call" && !self.began && !opens);
                self.began |= opens;
                (is_name && here && depth == 1).then_some(token)
            }
            _ => None,
        }
    }
}

/// A tag with the characters themselves for what Python's strings escape and the engine does not know: `\a`, `\v` and
/// `\U0001f600`.
fn spelled_out(tag: &str) -> String {
    let bytes = tag.as_bytes();
    let mut out = String::with_capacity(tag.len());
    let (mut at, mut from) = (0, 0);
    while at < bytes.len() {
        if !matches!(bytes[at], b'"' | b'\'') {
            at += 1;
            continue;
        }
        let end = string_end(bytes, at, bytes[at]);
        at += 1;
        while at < end {
            let (letter, length) = match (bytes[at], bytes.get(at + 1)) {
                (b'\\', Some(b'a')) => (Some('\u{7}'), 2),
                (b'\\', Some(b'v')) => (Some('\u{b}'), 2),
                (b'\\', Some(b'U')) => {
                    let digits = tag.get(at + 2..at + 10).filter(|_| at + 10 <= end);
                    let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                    (code.and_then(char::from_u32), 10)
                }
                (b'\\', _) => (None, 2),
                _ => (None, 1),
            };
            if let Some(letter) = letter {
                out.push_str(&tag[from..at]);
                out.push(letter);
                from = at + length;
                at = from;
            } else {
                at += length.min(2);
            }
        }
        at = at.max(end);
    }
    out.push_str(&tag[from..]);
    out
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Behind the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut i = at + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 2,
            byte if byte == quote => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// Blocks that are open, each with the branches that it has so far.
#[derive(Default)]
struct Blocks {
    open: Vec<usize>,
}

impl Blocks {
    fn enter(&mut self, word: &str, assigns: bool) -> Result<(), String> {
        match word {
            "elif" => {
                if let Some(branches) = self.open.last_mut() {
                    *branches += 1;
                    if *branches > MAX_BRANCHES {
                        return Err(format!("an if has more than {MAX_BRANCHES} branches"));
                    }
                }
            }
            "if" | "for" | "macro" | "call" | "filter" | "with" | "block" | "autoescape" | "generation" => {
                self.open.push(0);
            }
            "set" if !assigns => self.open.push(0),
            word if word.starts_with("end") => {
                self.open.pop();
            }
            _ => {}
        }
        if self.open.len() > MAX_BLOCKS {
            return Err(format!("blocks are nested deeper than {MAX_BLOCKS}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> String {
        guarded(text).unwrap().source
    }

    #[test]
    fn assigned_values_are_bounded_and_the_rest_stays() {
        for (before, after) in [
            ("{% set x = 1 %}", "{% set x = (1)|_bounded %}"),
            ("{%- set x=a == b -%}", "{%- set x=(a == b)|_bounded -%}"),
            (
                "{% set ns.x =\n 'a=%}' ~ b %}",
                "{% set ns.x =\n ('a=%}' ~ b)|_held %}",
            ),
            ("{% set a, b = 1, 2 %}", "{% set a, b = (1, 2)|_bounded %}"),
            (
                "{% set x | trim %}a{% endset %}",
                "{% set x | trim|_held %}a{% endset %}",
            ),
            ("{% set x %}a{% endset %}", "{% set x %}a{% endset %}"),
            (
                "{% set x = y | default(z = 1) %}",
                "{% set x = (y | default(z = 1))|_bounded %}",
            ),
            (
                "{% set x | default(ns, b=1) %}{% endset %}",
                "{% set x | default(ns, b=1)|_held %}{% endset %}",
            ),
            ("{# {% set x = 1 %} #}{{ set }}", "{# {% set x = 1 %} #}{{ set }}"),
            (
                "{% raw %}{% set x = 1 %}{%- endraw %}",
                "{% raw %}{% set x = 1 %}{%- endraw %}",
            ),
            (
                "{{ {'a': {'b': 1}} }}{{ '}}' }}",
                "{{ {'a': {'b': 1}} }}{{ '}}' }}",
            ),
            ("a {% set", "a {% set"),
            (
                "{% for a, b in c -%}\n",
                "{% for a, b in c %}{%- set a = (a)|_bounded %}{%- set b = (b)|_bounded -%}\n",
            ),
            (
                "{%- macro f(a, b=[1, c]) %}",
                "{%- macro f(a, b=[1, c]) %}{%- set a = (a)|_bounded %}{%- set b = (b)|_bounded %}",
            ),
            ("{% macro f() %}", "{% macro f() %}"),
            (
                "{% with a = b, c = f(d, e) %}",
                "{% with a = b, c = f(d, e) %}{%- set a = (a)|_bounded %}{%- set c = (c)|_bounded %}",
            ),
            (
                "{% call(a) f(b) %}",
                "{% call(a) f(b) %}{%- set a = (a)|_bounded %}",
            ),
            ("{% call f(b) %}", "{% call f(b) %}"),
            (
                "{{ a * 2 ** b }}{{ f(*a) }}",
                "{{ a|_single * - - 2 ** b }}{{ f(*a) }}",
            ),
            ("{% set a = b*c %}", "{% set a = (b|_single* - -c)|_bounded %}"),
            (
                r#"{{ '\U0001F600\\U0001F600\v' ~ "\a\U0001F60é" }}\a"#,
                "{{ '\u{1f600}\\\\U0001F600\u{b}' ~ \"\u{7}\\U0001F60é\" }}\\a",
            ),
        ] {
            assert_eq!(source(before), after, "{before}");
        }
    }

    #[test]
    fn the_marks_of_what_is_learned_become_a_filter() {
        let found = guarded("{%- generation -%}a{% endgeneration %}").unwrap();
        assert_eq!(found.source, "{%- filter _learn -%}a{% endfilter %}");
        assert!(found.marked);
        assert!(!guarded("{{ 'generation' }}").unwrap().marked);
    }

    /// Each of these recursed once per term.
    #[test]
    fn what_is_too_long_or_too_deep_is_named_with_its_line() {
        for (text, named) in [
            (
                format!("\n{{{{ {}1 }}}}", "1+".repeat(8_000)),
                "names and signs (line 2)",
            ),
            (format!("{{{{ {}1 }}}}", "not ".repeat(8_000)), "names and signs"),
            (format!("{{{{ 1{} }}}}", "|abs".repeat(8_000)), "names and signs"),
            (format!("{{{{ {}1 }}}}", "[".repeat(100)), "brackets"),
            (
                format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(8_000)),
                "branches",
            ),
            ("{% if 1 %}".repeat(100), "blocks"),
            ("{% set x %}".repeat(100), "blocks"),
            ("x".repeat(MAX_SOURCE + 1), "bytes"),
        ] {
            let reason = guarded(&text).unwrap_err();
            assert!(reason.contains(named), "{reason}");
        }
        assert!(guarded(&"{% if 1 %}{% endif %}".repeat(1_000)).is_ok());
    }
}
