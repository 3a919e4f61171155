//! Regular expressions of a tokenizer. Those of the regex crate take time in proportion to the text; look-around and references
//! are tried way by way, and there a repetition in a repetition has more ways than time allows.

use fancy_regex::Expr;

/// Bytes of an expression; published ones stay below 1,000.
const LONGEST: usize = 1 << 16;
/// Repetitions of an open number in one way: with three of them a line of 1,000 blanks has 10⁸ ways.
const MOST_OPEN: usize = 2;

/// Least bytes of what an expression matches.
///
/// # Errors
/// Why the expression is not taken.
pub(super) fn check(expression: &str) -> Result<usize, String> {
    let bytes = expression.len();
    if bytes > LONGEST {
        return Err(format!(
            "a pattern has {bytes} bytes; at most {LONGEST} are taken"
        ));
    }
    let shown = || expression.chars().take(80).collect::<String>();
    let tree = Expr::parse_tree(expression)
        .map_err(|error| format!("the pattern {:?} is not understood: {error}", shown()))?;
    match ways(&tree.expr, false) {
        Some(open) if open <= MOST_OPEN => Ok(least(&tree.expr)),
        _ => Err(format!(
            "the pattern {:?} has too many ways to match: a repetition in another, or several, with look-around or references",
            shown()
        )),
    }
}

fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Concat(all) | Expr::Alt(all) => all.iter().collect(),
        Expr::Group(child)
        | Expr::LookAround(child, _)
        | Expr::AtomicGroup(child)
        | Expr::Repeat { child, .. } => vec![child],
        Expr::Conditional {
            condition,
            true_branch,
            false_branch,
        } => vec![condition, true_branch, false_branch],
        _ => Vec::new(),
    }
}

/// Whether an expression is beyond the regex crate.
fn is_hard(expr: &Expr) -> bool {
    let own = !matches!(
        expr,
        Expr::Empty
            | Expr::Any { .. }
            | Expr::Assertion(_)
            | Expr::Literal { .. }
            | Expr::Concat(_)
            | Expr::Alt(_)
            | Expr::Group(_)
            | Expr::Repeat { .. }
            | Expr::Delegate { .. }
    );
    own || children(expr).into_iter().any(is_hard)
}

/// Open repetitions of one way, the most of all ways; `None` where ways multiply with every repetition. What stands by itself
/// and is not hard is left to the regex crate, as fancy-regex does; `tried` says that something stands behind that may fail.
fn ways(expr: &Expr, tried: bool) -> Option<usize> {
    if !tried && !is_hard(expr) {
        return Some(0);
    }
    match expr {
        Expr::Concat(all) => {
            let last = all.iter().rposition(is_hard);
            all.iter().enumerate().try_fold(0, |sum, (i, each)| {
                // behind the last hard part the rest is one expression of the regex crate
                let tried = tried || last.is_some_and(|last| i <= last);
                Some(sum + ways(each, tried)?)
            })
        }
        Expr::Repeat { child, lo, hi, .. } => {
            if *hi > 1 && !is_fixed(child) {
                return None;
            }
            let inner = ways(child, true)?;
            Some(inner + usize::from(lo != hi && *hi > 1))
        }
        // once they have matched, they are not tried again
        Expr::LookAround(child, _) | Expr::AtomicGroup(child) => ways(child, false),
        _ => children(expr)
            .into_iter()
            .try_fold(0, |most: usize, each| Some(most.max(ways(each, tried)?))),
    }
}

/// Whether there is one way only to match at a place.
fn is_fixed(expr: &Expr) -> bool {
    match expr {
        Expr::Alt(_) | Expr::Conditional { .. } => false,
        Expr::Repeat { lo, hi, child, .. } => lo == hi && is_fixed(child),
        _ => children(expr).into_iter().all(is_fixed),
    }
}

/// Least bytes of a match.
fn least(expr: &Expr) -> usize {
    match expr {
        Expr::Any { .. } => 1,
        Expr::Literal { val, .. } => val.len(),
        Expr::Delegate { size, .. } => *size,
        Expr::Concat(all) => all.iter().map(least).fold(0, usize::saturating_add),
        Expr::Alt(all) => all.iter().map(least).min().unwrap_or_default(),
        Expr::Group(child) | Expr::AtomicGroup(child) => least(child),
        Expr::Repeat { child, lo, .. } => least(child).saturating_mul(*lo),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Patterns of published tokenizers: GPT-2, GPT-4, GPT-4o and DeepSeek.
    const PUBLISHED: [&str; 5] = [
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"\p{N}{1,3}(?=(?:\p{N}{3})*\b)|(?:(?:a|b)+c)*|\s+(?!\S)",
    ];

    #[test]
    fn patterns_of_published_tokenizers_are_taken() {
        for pattern in PUBLISHED {
            assert!(check(pattern).is_ok(), "{pattern}: {:?}", check(pattern));
        }
    }

    /// Expressions in the sources of all crates, in raw strings, without those of tests.
    fn of_sources(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                of_sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap();
                let raw = code.match_indices("r\"").filter_map(|(at, _)| {
                    // not the end of another text
                    let before = code[..at].chars().next_back()?;
                    let begins = !(before.is_alphanumeric() || "_\"".contains(before));
                    begins.then(|| code[at + 2..].split_once('"').map(|(raw, _)| raw))?
                });
                let marks = [r"\s", r"\p{", r"\w", r"\d", "(?", "[^", "+", "*"];
                let expressions = raw.filter(|text| marks.iter().any(|mark| text.contains(mark)));
                // what is put into one is checked when it is there
                found.extend(expressions.map(|text| text.replace("{pattern}", "x")));
            }
        }
    }

    #[test]
    fn every_expression_of_the_crates_is_taken() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut found = Vec::new();
        for folder in std::fs::read_dir(crates).unwrap() {
            of_sources(&folder.unwrap().path().join("src"), &mut found);
        }
        assert!(found.len() >= 8, "{found:?}");
        for pattern in found {
            assert!(check(&pattern).is_ok(), "{pattern}: {:?}", check(&pattern));
        }
    }

    #[test]
    fn repetitions_in_repetitions_are_refused_where_ways_are_tried() {
        for pattern in [
            r"(?:a+)+(?!b)",
            r"(?:a|a)*(?=b)c",
            r"(a+)+\1",
            r"(?:a?){30}(?!b)",
            r"a*a*a*(?!b)",
            r"(?:(?:a{1,9})*(?!b))?c",
        ] {
            assert!(check(pattern).unwrap_err().contains("too many ways"), "{pattern}");
        }
        assert!(check(&"a".repeat(70_000)).unwrap_err().contains("70000 bytes"));
        assert!(check("(").unwrap_err().contains("not understood"));
    }

    #[test]
    fn the_least_length_of_a_match() {
        for (pattern, bytes) in [
            ("", 0),
            ("a*", 0),
            (" {2,}", 2),
            (r"\s+", 1),
            ("ab|c", 1),
            ("(?=abc)", 0),
            ("(ab)+é", 4),
        ] {
            assert_eq!(check(pattern), Ok(bytes), "{pattern}");
        }
    }
}
