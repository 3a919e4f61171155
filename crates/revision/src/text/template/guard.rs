//! Bounds on the source of a template, and what is changed in it before it is compiled.
//!
//! Parsing, compiling and dropping recurse with the nesting of blocks, the branches of an `if` and the operators of an
//! expression. So these are bounded before anything is compiled, far above what published templates have.

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
/// As [`BOUNDED`], for what an attribute of a namespace is set to.
pub(super) const HELD: &str = "_held";

/// A source that may be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guarded {
    pub source: String,
    /// Whether it marks what the assistant says.
    pub marked: bool,
}

/// The template with filters in place of `{% generation %}` and around every assigned value; lines stay where they are.
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
        let text = &source[start..tag.end];
        match tag.word {
            "generation" if tag.is_block => {
                marked = true;
                out.push_str(&text.replacen("generation", &format!("filter {LEARN}"), 1));
            }
            "endgeneration" if tag.is_block => out.push_str(&text.replacen("endgeneration", "endfilter", 1)),
            "set" if tag.is_block => tag.write_set(source, &mut out),
            _ => out.push_str(text),
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
            close: source.len(),
            end: source.len(),
        };
        let (mut at, mut tokens, mut depth) = (start + 2, 0, 0_usize);
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
            if tag.word.is_empty() && is_word(first) {
                tag.word = &source[from..at];
            }
            if depth > MAX_BRACKETS {
                return Err(format!("brackets are nested deeper than {MAX_BRACKETS}"));
            }
        }
        Ok(tag)
    }

    /// The assignment with a filter on its value.
    fn write_set(&self, source: &str, out: &mut String) {
        let start = source[..self.end].rfind("{%").expect("the tag's beginning");
        let value = match (self.assign, self.pipe) {
            (Some(assign), pipe) if pipe.is_none_or(|pipe| assign < pipe) => {
                let target = &source[start..assign];
                Some((assign + 1, if target.contains('.') { HELD } else { BOUNDED }))
            }
            _ => None,
        };
        match value {
            Some((from, filter)) if !source[from..self.close].trim().is_empty() => {
                let value = source[from..self.close].trim_end();
                let rest = &source[from + value.len()..self.end];
                // white space goes before the brackets, so that lines stay
                let lead = value.len() - value.trim_start().len();
                let (space, value) = value.split_at(lead);
                out.push_str(&format!(
                    "{}{space}({value})|{filter}{rest}",
                    &source[start..from]
                ));
            }
            _ if self.pipe.is_some() => {
                let head = source[start..self.close].trim_end();
                let rest = &source[start + head.len()..self.end];
                out.push_str(&format!("{head}|{HELD}{rest}"));
            }
            _ => out.push_str(&source[start..self.end]),
        }
    }
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
