//! Where the texts of a conversation stand in what a template has written, and which part the assistant says.

use std::ops::Range;

use super::space::{is_space, strip, strip_end, strip_start};

// codes that Unicode keeps free of characters, for what has to survive a rendering
/// Where what is learned begins and ends.
pub(super) const OPEN: char = '\u{fdd0}';
pub(super) const CLOSE: char = '\u{fdd1}';
/// The place of an image.
pub(super) const PLACE: char = '\u{fdd2}';
/// Around the number of a content, in its place.
const NEEDLE: char = '\u{fdd4}';

/// A text in place of another, to see where a template puts it.
pub(super) fn needle(index: usize) -> String {
    format!("{NEEDLE}{index}{NEEDLE}")
}

/// The text without the marks of what is learned, and what stands between them.
pub(super) fn unmarked(written: &str) -> (String, Vec<Range<usize>>) {
    let mut text = String::with_capacity(written.len());
    let (mut learned, mut open) = (Vec::new(), None);
    for letter in written.chars() {
        match letter {
            OPEN => open = open.or(Some(text.len())),
            CLOSE => learned.extend(open.take().map(|from| from..text.len())),
            letter => text.push(letter),
        }
    }
    (text, learned)
}

/// The places of `contents` in `text`, by the same text with needles in their place: what stands between needles is the
/// template's. White space around a content may be missing. `None` when the two are not alike, as where a template writes
/// otherwise for other contents, or when a content is left out.
pub(super) fn places(text: &str, needles: &str, contents: &[&str]) -> Option<Vec<Range<usize>>> {
    let mut places: Vec<Option<Range<usize>>> = vec![None; contents.len()];
    let mut parts = needles.split(NEEDLE);
    let mut at = text
        .strip_prefix(parts.next()?)
        .map(|rest| text.len() - rest.len())?;
    while let Some(index) = parts.next() {
        let index: usize = index.parse().ok()?;
        let (content, frame) = (contents.get(index)?, parts.next()?);
        let last = parts.clone().next().is_none();
        let fits = |written: &&str| {
            let rest = text[at..].strip_prefix(*written);
            rest.is_some_and(|rest| {
                if last {
                    rest == frame
                } else {
                    rest.starts_with(frame)
                }
            })
        };
        let written = spellings(content).into_iter().find(fits)?;
        places[index].get_or_insert(at..at + written.len());
        at += written.len() + frame.len();
    }
    let all = places.into_iter().zip(contents);
    all.map(|(place, content)| place.or_else(|| content.is_empty().then_some(0..0)))
        .collect()
}

/// A content as templates write it, the longest first.
fn spellings(content: &str) -> [&str; 7] {
    let line = ['\n', '\r'];
    [
        content,
        content.trim_start_matches(line),
        content.trim_end_matches(line),
        content.trim_matches(line),
        strip_start(content, is_space),
        strip_end(content, is_space),
        strip(content, is_space),
    ]
}

/// The first place of `content` in `text` from `from` on, white space aside.
pub(super) fn found(text: &str, from: usize, content: &str) -> Option<Range<usize>> {
    let solid = |text: &str| {
        text.chars()
            .filter(|&letter| !is_space(letter))
            .collect::<String>()
    };
    let (wanted, rest) = (solid(content), &text[from..]);
    let start = solid(rest).find(&wanted)?;
    let end = start + wanted.len();
    let (mut passed, mut place) = (0, from..from);
    for (at, letter) in rest.char_indices().filter(|&(_, letter)| !is_space(letter)) {
        if passed == start {
            place.start = from + at;
        }
        passed += letter.len_utf8();
        if passed == end {
            place.end = from + at + letter.len_utf8();
            break;
        }
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_found_between_what_the_template_writes() {
        let with = |a: &str, b: &str| format!("<u>{a}</u><a> {b} </a>");
        let needles = with(&needle(0), &needle(1));
        let text = with("</u><a> b </a>", "b");
        let found = places(&text, &needles, &["</u><a> b </a>", "b\n"]).unwrap();
        assert_eq!(
            [&text[found[0].clone()], &text[found[1].clone()]],
            ["</u><a> b </a>", "b"]
        );
        assert_eq!(places(&with("a", "b"), &needles, &["a", "c"]), None);
        assert_eq!(
            places("<u>a</u>", &format!("<u>{}</u>", needle(0)), &["a", "b"]),
            None
        );
        assert_eq!(
            places("b, a", &format!("{}, {}", needle(1), needle(0)), &["a", "b"]),
            Some(vec![3..4, 0..1])
        );
        assert_eq!(
            places("x", "x", &[""]).as_deref(),
            Some(std::slice::from_ref(&(0..0)))
        );
    }

    #[test]
    fn a_content_is_found_with_other_white_space() {
        let text = "q: a b\na:\n<think>\nc\n</think>\n\nd  e<end>";
        let place = found(text, 7, "<think>c</think>d e").unwrap();
        assert_eq!(&text[place], "<think>\nc\n</think>\n\nd  e");
        assert_eq!(found(text, 7, "q:"), None);
    }

    #[test]
    fn marks_become_ranges() {
        let (text, learned) = unmarked(&format!("a{OPEN}bc{CLOSE}d{OPEN}e{CLOSE}"));
        assert_eq!((text.as_str(), learned), ("abcde", vec![1..3, 4..5]));
    }
}
