//! Columns of a table of text whose names differ by the number at their end, as those of one component each.

use std::borrow::Cow;
use std::collections::HashMap;

use super::numbers::{has_decimal_comma, is_number, is_word};

/// Characters of a cell that an error shows.
pub(super) const SHOWN: usize = 40;

/// Numbered columns that could be rows but for a flaw.
pub(super) struct Flawed<'n> {
    pub prefix: &'n str,
    first: &'n str,
    pub columns: usize,
    pub holds_numbers: bool,
    flaw: String,
}

impl std::fmt::Display for Flawed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "has columns numbered as {}…, but {}", self.first, self.flaw)
    }
}

/// Such columns, three or more: two of a name say nothing, unless another one belongs to them.
pub(super) fn flawed_columns<'n>(names: &'n [String], shown: &[Cow<'_, [u8]>]) -> Vec<Flawed<'n>> {
    let sets = numbered_sets(names).into_iter();
    let sets = sets.filter(|set| set.columns.len() > 2 || set.one_before(names, shown).is_some());
    sets.filter_map(|set| {
        let cells = set.columns.iter().filter_map(|&(_, column)| shown.get(column));
        let words = cells
            .clone()
            .filter(|cell| is_word(cell) && !has_decimal_comma(cell));
        let numbers = cells
            .clone()
            .filter(|cell| is_number(cell) || has_decimal_comma(cell));
        Some(Flawed {
            prefix: set.prefix,
            first: &names[set.columns[0].1],
            columns: set.columns.len(),
            holds_numbers: numbers.count() > words.count(),
            flaw: set.flaw(names, shown)?,
        })
    })
    .collect()
}

/// Columns whose names differ by the number at their end.
pub(super) struct Numbered<'n> {
    prefix: &'n str,
    /// Number and column, by number.
    pub columns: Vec<(u64, usize)>,
}

impl Numbered<'_> {
    /// By which they are chosen.
    pub fn label(&self) -> String {
        if self.prefix.is_empty() {
            self.columns[0].0.to_string()
        } else {
            self.prefix.to_owned()
        }
    }

    /// A column of numbers that may be the first one of those that begin with 1, under another name: `emb` before pandas' `emb.1`, one behind
    /// a mark that is not seen.
    fn one_before<'n>(&self, names: &'n [String], shown: &[Cow<'_, [u8]>]) -> Option<&'n String> {
        if self.columns[0].0 != 1 {
            return None;
        }
        let plain = |name: &str| {
            let marks = |c: char| !c.is_alphanumeric();
            name.trim_start_matches(marks).to_lowercase()
        };
        let base = self.prefix.trim_end_matches(|c: char| !c.is_alphanumeric());
        let first = plain(&format!("{}0", self.prefix));
        let mut others = names.iter().zip(shown).filter(|(_, cell)| is_number(cell));
        let is_first = |name: &str| (!base.is_empty() && name == base) || plain(name) == first;
        others.find(|(name, _)| is_first(name)).map(|(name, _)| name)
    }

    /// Why the columns are no rows.
    pub fn flaw(&self, names: &[String], shown: &[Cow<'_, [u8]>]) -> Option<String> {
        let Self { prefix, columns } = self;
        if columns.len() == 1 && names.len() > 1 {
            return Some("there is only one".to_owned());
        }
        for pair in columns.windows(2) {
            let (before, next) = (pair[0].0, pair[1].0);
            if next == before {
                return Some(format!("there are two called {}", names[pair[1].1]));
            }
            if next > before + 1 {
                return Some(format!("{prefix}{} is missing", before + 1));
            }
        }
        // as pandas renames the second of two columns of one name
        let second = |name: &String| names.contains(&format!("{name}.1"));
        if let Some(twice) = columns
            .iter()
            .map(|&(_, column)| &names[column])
            .find(|name| second(name))
        {
            return Some(format!("there are two called {twice}, the second as {twice}.1"));
        }
        let cell = |&(_, column): &(u64, usize)| shown.get(column);
        if let Some(before) = self.one_before(names, shown) {
            let next = &names[columns[0].1];
            return Some(format!(
                "{before:?} may be the one before {next}; number them all alike"
            ));
        }
        if let Some(word) = columns
            .iter()
            .find(|at| cell(at).is_some_and(|cell| is_word(cell)))
        {
            let shown: String = cell(word)
                .map(|cell| String::from_utf8_lossy(cell).chars().take(SHOWN).collect())
                .unwrap_or_default();
            let what = if cell(word).is_some_and(|cell| has_decimal_comma(cell)) {
                "a number with a decimal comma; write a point"
            } else {
                "which is not a number"
            };
            return Some(format!("{} holds {shown:?}, {what}", names[word.1]));
        }
        let known = columns.iter().filter_map(cell).any(|cell| is_number(cell));
        (!known).then(|| "they are empty".to_owned())
    }
}

/// Sets of numbered columns, in the order of their first ones.
pub(super) fn numbered_sets(names: &[String]) -> Vec<Numbered<'_>> {
    let (mut sets, mut places) = (Vec::<Numbered<'_>>::new(), HashMap::new());
    for (column, name) in names.iter().enumerate() {
        let Some((prefix, number)) = numbered(name) else {
            continue;
        };
        let place = *places.entry(prefix).or_insert_with(|| {
            let columns = Vec::new();
            sets.push(Numbered { prefix, columns });
            sets.len() - 1
        });
        sets[place].columns.push((number, column));
    }
    for set in &mut sets {
        set.columns.sort_unstable();
    }
    sets
}

/// A name and the number at its end.
fn numbered(name: &str) -> Option<(&str, u64)> {
    let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if !prefix.is_empty() && name.parse::<f64>().is_ok() {
        // a fraction, or a number with a sign or an exponent
        return None;
    }
    Some((prefix, name[prefix.len()..].parse().ok()?))
}
