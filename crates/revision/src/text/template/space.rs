//! White space and lines as Python knows them.

/// Whether `str.isspace` holds: four control characters more than Unicode's property.
pub(super) fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// The text without what is cut at its start.
pub(super) fn strip_start(text: &str, cut: impl Fn(char) -> bool) -> &str {
    text.trim_start_matches(cut)
}

/// The text without what is cut at its end.
pub(super) fn strip_end(text: &str, cut: impl Fn(char) -> bool) -> &str {
    text.trim_end_matches(cut)
}

/// The text without what is cut at both ends.
pub(super) fn strip(text: &str, cut: impl Fn(char) -> bool) -> &str {
    strip_end(strip_start(text, &cut), &cut)
}

/// Lines with their ends, as `str.splitlines` parts them.
pub(super) fn lines(text: &str) -> Vec<(&str, &str)> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let ends = |letter: char| matches!(letter, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let at = rest.find(ends).unwrap_or(rest.len());
        let end = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(0, char::len_utf8)
        };
        lines.push((&rest[..at], &rest[at..at + end]));
        rest = &rest[at + end..];
    }
    lines
}
