//! Rows in tables of text: one column of bracketed numbers, or numbered columns of one number each.

use std::borrow::Cow;

use super::header::{Begin, Ends, Shown, begin, is_almost_bracketed, is_bracketed, other_delimiter};
use super::names::{ends_as_row, is_called_row, is_no_row};
use super::numbered::{Flawed, SHOWN, flawed_columns, numbered_sets};
use super::numbers::{self, is_number};
use crate::cells::{cells, is_misquoted};
use crate::error::{Place, ShardError};
use crate::fault::Fault;
use crate::role::{Role, listed};

/// Why a table cannot be read whose quotes do not end where cells do.
pub(super) const MISQUOTED: &str = "has text behind a closing quote, or a quote that nothing closes, so that it is not known where its cells and rows end; write \
                                    quotes within a text twice, and put the text in quotes";

/// Where the rows of a table stand.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    delimiter: u8,
    /// Cells of the header, or of the first record.
    cells: usize,
    /// Whether a delimiter stands behind the last cell of each record.
    closed: bool,
    /// Columns at either end that no record has anything in.
    empty: Vec<usize>,
    rows: Rows,
    /// Whether the first record names the columns.
    pub header: bool,
    /// What chooses these rows among others.
    pub selector: Option<String>,
    /// Names of the other columns.
    pub beside: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rows {
    /// A column of bracketed numbers.
    Bracketed(usize),
    /// The column of each component.
    Columns(Vec<usize>),
}

impl Plan {
    /// Where the rows are, by the first record and those after it.
    ///
    /// # Errors
    /// `BAD_SELECTOR` when nothing, or more than one thing, could be the rows.
    pub fn of(
        first: &[u8],
        below: &Shown,
        delimiter: u8,
        selector: Option<&str>,
        role: Role,
        place: &Place,
    ) -> Result<Self, ShardError> {
        let named = cells(first, delimiter);
        let header = match begin(&named, below, delimiter) {
            Begin::Header => true,
            Begin::Row => false,
            Begin::Unclear => {
                let reason = "begins with whole numbers, which may be names of columns or the first row; name the columns \
                              (emb_0, emb_1, …) or leave names out";
                return Err(ShardError::bad_selector(place, reason));
            }
        };
        let shown = below
            .cells(delimiter)
            .filter(|_| header)
            .unwrap_or_else(|| named.clone());
        let names: Vec<String> = if header {
            let text = |cell: &Cow<'_, [u8]>| String::from_utf8_lossy(cell.trim_ascii()).into_owned();
            named.iter().map(text).collect()
        } else {
            (0..named.len()).map(|i| i.to_string()).collect()
        };
        let mut found = candidates(&names, &shown, selector);
        let mut empty = Vec::new();
        if !header {
            let own = Ends::of(&named);
            let ends = below.ends.map_or(own, |ends| ends.and(own));
            empty = leave_empty_ends(&mut found, ends, named.len());
        }
        let labels: Vec<String> = found.iter().map(|(label, _)| label.clone()).collect();
        let flawed = flawed_columns(&names, &shown);
        let chosen = match selector {
            Some(selector) => labels.iter().position(|label| label == selector),
            None if labels.is_empty() => None,
            None => Some(role.choose(&labels, place)?),
        };
        let Some(chosen) = chosen else {
            let asked = Asked {
                first,
                below,
                selector,
            };
            let reason = asked.nothing(&names, &shown, &labels, &flawed);
            return Err(ShardError::bad_selector(place, reason));
        };
        let (label, rows) = found.into_iter().nth(chosen).expect("chosen among them");
        let doubt = doubt_of(&label, &rows, role, (&names, &shown), &flawed);
        if let (Some(doubt), None) = (&doubt, selector) {
            let reason = format!("{doubt}; choose {label:?} by #name, or correct what is meant");
            return Err(ShardError::bad_selector(place, reason));
        }
        let taken = match &rows {
            Rows::Bracketed(column) => vec![*column],
            Rows::Columns(columns) => columns.clone(),
        };
        // row names beside a text would be as many cells
        let closed = header
            && taken.contains(&(named.len() - 1))
            && below
                .ends
                .is_some_and(|ends| ends.empty[1] && ends.cells == Some(named.len() + 1));
        let mut is_beside = vec![true; names.len()];
        for column in taken {
            is_beside[column] = false;
        }
        let beside = names.iter().enumerate().filter(|(i, _)| is_beside[*i]);
        Ok(Self {
            delimiter,
            cells: named.len(),
            closed,
            empty,
            rows,
            header,
            selector: (labels.len() > 1 || doubt.is_some() || is_no_row(&label)).then_some(label),
            beside: beside.map(|(_, name)| name.clone()).collect(),
        })
    }

    /// Whether each component has a column of its own.
    pub fn is_columns(&self) -> bool {
        matches!(self.rows, Rows::Columns(_))
    }

    /// Whether text follows the closing quote of a cell.
    pub fn is_misquoted(&self, record: &[u8]) -> bool {
        is_misquoted(record, self.delimiter)
    }

    /// Appends the row of a record.
    pub fn row(&self, record: &[u8], out: &mut Vec<f32>) -> Result<(), Fault> {
        let mut cells = cells(record, self.delimiter);
        if self.closed && cells.len() == self.cells + 1 && cells[self.cells].trim_ascii().is_empty() {
            cells.pop();
        }
        if cells.len() != self.cells {
            return Err(Fault::Cells {
                found: cells.len(),
                expected: self.cells,
            });
        }
        if self.empty.iter().any(|&at| !cells[at].trim_ascii().is_empty()) {
            return Err(Fault::Cells {
                found: self.cells,
                expected: self.cells - self.empty.len(),
            });
        }
        match &self.rows {
            Rows::Bracketed(column) => numbers::of_cell(&cells[*column], out),
            Rows::Columns(columns) => {
                let (mut first_missing, mut missing) = (None, 0);
                for (column, &at) in columns.iter().enumerate() {
                    let number = numbers::of_scalar(&cells[at]).map_err(|_| Fault::NotANumber { column })?;
                    if let Some(number) = number {
                        out.push(number);
                    } else {
                        missing += 1;
                        first_missing.get_or_insert(column);
                    }
                }
                match first_missing {
                    Some(_) if missing == columns.len() => Err(Fault::Null),
                    Some(column) => Err(Fault::NullComponent { column }),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A table in which nothing was found that can be the rows.
struct Asked<'a> {
    first: &'a [u8],
    below: &'a Shown,
    selector: Option<&'a str>,
}

impl Asked<'_> {
    /// Why, with `labels` of what could be chosen.
    fn nothing(
        &self,
        names: &[String],
        shown: &[Cow<'_, [u8]>],
        labels: &[String],
        flawed: &[Flawed<'_>],
    ) -> String {
        let meant = flawed
            .iter()
            .find(|set| labels.is_empty() || self.selector == Some(set.prefix));
        let cell = names
            .iter()
            .zip(shown)
            .find(|(_, cell)| is_almost_bracketed(cell));
        let apart = other_delimiter(self.first)
            .or_else(|| other_delimiter(self.below.record()?))
            .filter(|_| names.len() == 1);
        match (meant, self.selector, labels.is_empty()) {
            (Some(set), ..) => set.to_string(),
            (None, Some(selector), false) => {
                format!("has no rows called {selector:?}; it has {}", listed(labels))
            }
            _ => match (apart, cell) {
                (Some(apart), _) => apart.to_owned(),
                (None, Some((name, cell))) if is_bracketed(cell) => {
                    format!(
                        "has no column of rows; {name:?} is not called as rows are: choose it by #name if it holds them"
                    )
                }
                (None, Some((name, cell))) => format!(
                    "has no column of bracketed numbers, [0.5, 1.5]; {name:?} holds {:?}{}",
                    String::from_utf8_lossy(cell)
                        .chars()
                        .take(SHOWN)
                        .collect::<String>(),
                    if cell.starts_with(b"[") && !cell.contains(&b']') {
                        "; put lists in double quotes"
                    } else {
                        ""
                    }
                ),
                (None, None) => format!(
                    "has neither a column of bracketed numbers nor numbered columns of numbers (emb_0, emb_1, …) among {}",
                    listed(names)
                ),
            },
        }
    }
}

/// A delimiter before or behind all cells makes no component; gives the columns that are none.
fn leave_empty_ends(found: &mut [(String, Rows)], ends: Ends, cells: usize) -> Vec<usize> {
    let mut empty = Vec::new();
    if cells > 1 {
        empty.extend(ends.empty[0].then_some(0));
        empty.extend(ends.empty[1].then_some(cells - 1));
    }
    for (_, rows) in found {
        if let Rows::Columns(columns) = rows {
            columns.retain(|column| !empty.contains(column));
        }
    }
    empty
}

/// What of a table could be meant by its rows in place of those called `label`: other columns, or lists that cannot be read.
fn doubt_of(
    label: &str,
    rows: &Rows,
    role: Role,
    (names, shown): (&[String], &[Cow<'_, [u8]>]),
    flawed: &[Flawed<'_>],
) -> Option<String> {
    let is_nearer =
        |name: &str| (is_called_row(name) && !is_called_row(label)) || (role.fits(name) && !role.fits(label));
    let is_as_long = |set: &&Flawed<'_>| match rows {
        Rows::Bracketed(_) => false,
        Rows::Columns(columns) => set.columns >= columns.len(),
    };
    let mut sets = flawed.iter().filter(|set| set.holds_numbers);
    if let Some(set) = sets.find(|set| is_as_long(set) || is_nearer(set.prefix)) {
        return Some(set.to_string());
    }
    let mut lists = names.iter().zip(shown).filter(|(name, cell)| {
        ends_as_row(name) && is_nearer(name) && !is_bracketed(cell) && !is_number(cell)
    });
    let (name, cell) = lists.next()?;
    let text: String = String::from_utf8_lossy(cell).chars().take(SHOWN).collect();
    Some(format!(
        "has a column {name:?} that holds {text:?} and no list of numbers, [0.5, 1.5]"
    ))
}

/// Columns that can be rows, by the names and the cells of a record; lists called as others are can be when they are asked for.
fn candidates(names: &[String], shown: &[Cow<'_, [u8]>], selector: Option<&str>) -> Vec<(String, Rows)> {
    let bracketed = shown.iter().zip(names).enumerate().filter(|(_, (cell, name))| {
        is_bracketed(cell) && (!is_no_row(name) || selector == Some(name.as_str()))
    });
    let mut found: Vec<(String, Rows)> = bracketed
        .map(|(i, (_, name))| (name.clone(), Rows::Bracketed(i)))
        .collect();
    let sets = numbered_sets(names);
    let whole = sets.into_iter().filter(|set| set.flaw(names, shown).is_none());
    found.extend(whole.map(|set| {
        let columns = set.columns.iter().map(|&(_, column)| column).collect();
        (set.label(), Rows::Columns(columns))
    }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::delimiter_of;

    fn plan(table: &str, selector: Option<&str>) -> Result<Plan, ShardError> {
        let mut lines = table.lines().map(str::as_bytes);
        let first = lines.next().unwrap();
        let delimiter = delimiter_of(first).unwrap();
        let mut below = Shown::below(first, delimiter);
        for line in lines {
            below.take(line, delimiter);
        }
        Plan::of(first, &below, delimiter, selector, Role::Other, &Place::MEMORY)
    }

    fn rows(table: &str) -> Vec<Result<Vec<f32>, Fault>> {
        let plan = plan(table, None).unwrap();
        let records = table.lines().skip(usize::from(plan.header));
        let row = |record: &str| {
            let mut out = Vec::new();
            plan.row(record.as_bytes(), &mut out).map(|()| out)
        };
        records.map(row).collect()
    }

    #[test]
    fn numbers_without_names_are_rows() {
        assert_eq!(rows("0.5,1\n2,3"), [Ok(vec![0.5, 1.0]), Ok(vec![2.0, 3.0])]);
        assert_eq!(rows("0.5\t1\n2\t3")[1], Ok(vec![2.0, 3.0]));
        assert_eq!(
            rows("1;2\n3;"),
            [Ok(vec![1.0, 2.0]), Err(Fault::NullComponent { column: 1 })]
        );
    }

    #[test]
    fn a_first_row_with_a_gap_is_no_header() {
        assert_eq!(
            rows("0.1,0.2,\n1,2,3")[0],
            Err(Fault::NullComponent { column: 2 })
        );
        assert_eq!(rows("0.1,0.2,\n1,2,3")[1], Ok(vec![1.0, 2.0, 3.0]));
    }

    #[test]
    fn a_cell_that_is_no_number_is_named() {
        assert_eq!(
            rows("e0,e1,e2\n1,2,3\n4,5,1;5")[1],
            Err(Fault::NotANumber { column: 2 })
        );
    }

    #[test]
    fn tables_with_other_delimiters_are_named() {
        for (table, named) in [
            ("id|emb_0|emb_1\n1|0.5|0.25", "|"),
            ("0.5|0.25\n1|2", "|"),
            ("0.5 0.25\n1 2", "blanks"),
            ("5.000e-01 -2.5e-01\n1 2", "blanks"),
        ] {
            let refused = plan(table, None).unwrap_err().to_string();
            assert!(refused.contains(named), "{refused}");
        }
    }

    #[test]
    fn headers_of_pandas_are_no_rows() {
        assert_eq!(rows("0,1\n0.5,0.25"), [Ok(vec![0.5, 0.25])]);
        assert_eq!(rows(",0,1\n7,0.5,0.25"), [Ok(vec![0.5, 0.25])]);
        assert_eq!(rows("1,2,3\n0.5,0.25,1"), [Ok(vec![0.5, 0.25, 1.0])]);
        assert_eq!(rows(",100,101,102\n7,0.5,0.25,1"), [Ok(vec![0.5, 0.25, 1.0])]);
        assert_eq!(rows("000,001,002\n0.5,0.25,1"), [Ok(vec![0.5, 0.25, 1.0])]);
        for unclear in [
            "3,1,2\n0.5,0.25,1",
            "0,2,4\n0.5,0.25,1",
            "0.1,0.2,cat\n0.4,0.5,dog",
            "cat,1,2\ndog,3,4",
            "5,6\n0.5,0.25",
            "5\n0.5",
            ",0\n0,0.5",
            // fractions further down only, and whole numbers as floats are written
            "1,2,3\n4,5,6\n0.5,7,8",
            "1.0,2.0,3.0\n0.5,0.25,1.0",
        ] {
            assert_eq!(
                plan(unclear, None).unwrap_err().code(),
                "BAD_SELECTOR",
                "{unclear}"
            );
        }
        assert_eq!(rows("name,1,2\ndog,0.5,4"), [Ok(vec![0.5, 4.0])]);
        assert_eq!(rows("name,0,1\ndog,3,4"), [Ok(vec![3.0, 4.0])]);
        // rows of whole numbers, and of few of them
        assert_eq!(rows("1,2,3\n4,5,6").len(), 2);
        assert_eq!(rows("1.0,2.0\n0.5,0.25").len(), 2);
        assert_eq!(rows("0,1,0\n0.5,0.25,1").len(), 2);
        assert_eq!(rows("1,2,3\n4,5,6\n7,nan,inf").len(), 3);
    }

    #[test]
    fn numbered_and_bracketed_columns_are_rows_beside_others() {
        // a record of more cells shows nothing of the columns
        let table = "id,caption,emb_0,emb_1\n1,\"a, \"\"b\"\"\",0.5,0.25\n2,c,d,1,2\n3,e,,";
        let found = rows(table);
        assert_eq!(found[0], Ok(vec![0.5, 0.25]));
        assert_eq!(
            found[1],
            Err(Fault::Cells {
                found: 5,
                expected: 4
            })
        );
        assert_eq!(found[2], Err(Fault::Null));
        assert_eq!(plan(table, None).unwrap().beside, ["id", "caption"]);
        assert_eq!(rows("id,embedding\n1,\"[0.5, 2]\"")[0], Ok(vec![0.5, 2.0]));
    }

    #[test]
    fn numbered_columns_are_components_by_their_numbers() {
        assert_eq!(rows("e1,id,e2,e0\n1,7,2,0.5"), [Ok(vec![0.5, 1.0, 2.0])]);
        let by_text = "v_0,v_1,v_10,v_2,v_3,v_4,v_5,v_6,v_7,v_8,v_9";
        let found = rows(&format!("{by_text}\n0,1,10,2,3,4,5,6,7,8,9"));
        let expected = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
        assert_eq!(found, [Ok(expected.to_vec())]);
        for (table, flaw) in [
            ("e0,e1,e3\n1,2,3", "e2 is missing"),
            ("e0,e1,e1,e2\n1,2,3,4", "two called e1"),
            ("e0,e1,e2,e0.1,e1.1,e2.1\n1,2,3,4,5,6", "two called e0"),
            ("e0,e1,e2\n1,word,3", "e1 holds \"word\", which is not a number"),
        ] {
            let refused = plan(table, None).unwrap_err();
            assert_eq!(refused.code(), "BAD_SELECTOR");
            assert!(refused.to_string().contains(flaw), "{refused}");
        }
        // a few such columns beside a whole set are others, and more of them are not passed over
        assert_eq!(rows("lag1,lag7,e0,e1\n1,2,3,4"), [Ok(vec![3.0, 4.0])]);
        assert_eq!(rows("a_1,a_3,a_5,e0,e1\nx,y,z,3,4"), [Ok(vec![3.0, 4.0])]);
        let longer = "x0,x1,e0,e1,e3\n1,2,3,4,5";
        assert!(
            plan(longer, None)
                .unwrap_err()
                .to_string()
                .contains("e2 is missing")
        );
        assert!(
            plan(longer, Some("e"))
                .unwrap_err()
                .to_string()
                .contains("e2 is missing")
        );
        let chosen = plan(longer, Some("x")).unwrap();
        assert_eq!(chosen.beside, ["e0", "e1", "e3"]);
        // it is needed to find the same rows again
        assert_eq!(chosen.selector.as_deref(), Some("x"));
    }

    /// What is meant cannot be read, and something else could be.
    #[test]
    fn other_columns_are_not_taken_in_place_of_those_that_are_meant() {
        let refused = |table: &str, role| {
            let mut lines = table.lines().map(str::as_bytes);
            let first = lines.next().unwrap();
            let mut below = Shown::below(first, b',');
            for line in lines {
                below.take(line, b',');
            }
            let error = Plan::of(first, &below, b',', None, role, &Place::MEMORY).unwrap_err();
            assert_eq!(error.code(), "BAD_SELECTOR");
            error.to_string()
        };
        // the side that is asked for has a gap, and is shorter or as long
        let sides =
            "image_emb_0,image_emb_1,image_emb_3,text_emb_0,text_emb_1,text_emb_2,text_emb_3\n1,2,3,4,5,6,7";
        assert!(refused(sides, Role::Image).contains("image_emb_2 is missing"));
        assert!(
            refused("emb_0,emb_1,emb_3,p_0,p_1,p_2\n1,2,3,4,5,6", Role::Other).contains("emb_2 is missing")
        );
        assert!(refused("e0,e1,e3,p0,p1,p2\n1,2,3,4,5,6", Role::Other).contains("e2 is missing"));
        // one of its cells is no number, or all of them have a decimal comma
        for word in ["-", "\"0,5\"", "TRUE", "?"] {
            let table = format!("id,emb_0,emb_1,emb_2,label_0,label_1\na,0.5,0.25,{word},0,1");
            assert!(refused(&table, Role::Other).contains("emb_2 holds"), "{word}");
        }
        let commas = "emb_0,emb_1,emb_2,label_0,label_1\n\"0,5\",\"0,1\",\"0,2\",0,1";
        assert!(refused(commas, Role::Other).contains("decimal comma"));
        assert!(refused("q1,q2,q4,pc0,pc1\n1,word,3,4,5", Role::Other).contains("q3 is missing"));
        // a list that is written otherwise, or none
        for cell in [
            "\"{0.5,0.25}\"",
            "0.5 0.25",
            "AAAAPwAAgD4=",
            "\"[0.5, null]\"",
            "tensor(0.5)",
            "",
        ] {
            for others in [
                "label_0,label_1\na,CELL,0,1",
                "bbox\na,CELL,\"[1, 2, 3]\"",
                "score\na,CELL,\"[1, 2]\"",
            ] {
                let table = format!("id,embedding,{others}").replace("CELL", cell);
                let error = refused(&table, Role::Other);
                let named = error.contains("embedding") || error.contains("#bbox") || error.contains("bbox");
                assert!(named, "{table}: {error}");
            }
        }
        // the first one has another name
        for first in ["emb", "\u{feff}emb_0", "\u{a0}emb_0", "Emb_0", "% emb_0"] {
            let table = format!("id,{first},emb_1,emb_2\n7,0.5,0.25,0.75");
            assert!(
                refused(&table, Role::Other).contains("the one before emb_1"),
                "{first}"
            );
        }
        assert!(refused("emb,emb.1,emb.2\n0.5,0.25,1", Role::Other).contains("the one before emb.1"));
        // rows of whole numbers behind a word, and numbers that are no names
        for table in [
            "cat,1,2,3\ndog,4,5,6\ncow,7,8,9",
            "cat,3,2,1\ndog,4,5,6",
            "cat,-1,-2,-3\ndog,4,5,6",
        ] {
            refused(table, Role::Other);
        }
        // lists that are called as others are
        for name in ["bbox", "token_ids", "image_size"] {
            let table = format!("id,{name}\na,\"[1, 2]\"");
            assert!(refused(&table, Role::Other).contains(name));
            assert_eq!(plan(&table, Some(name)).unwrap().selector.unwrap(), name);
        }
        assert_eq!(rows("bbox,features\n\"[1, 2]\",\"[3, 4]\""), [Ok(vec![3.0, 4.0])]);
        assert_eq!(rows("embedding_model,v_0,v_1\nclip,3,4"), [Ok(vec![3.0, 4.0])]);
        // an interval of pandas
        refused("bin,score\n\"(0.0, 0.5]\",1", Role::Other);
    }

    #[test]
    fn several_rows_want_a_choice() {
        let table = "image_0,image_1,words\n1,2,\"[3, 4]\"";
        assert_eq!(plan(table, None).unwrap_err().code(), "BAD_SELECTOR");
        assert_eq!(plan(table, Some("image_")).unwrap().selector.unwrap(), "image_");
        assert_eq!(plan(table, Some("x")).unwrap_err().code(), "BAD_SELECTOR");
        assert_eq!(plan("id,caption\n1,a", None).unwrap_err().code(), "BAD_SELECTOR");
        assert_eq!(plan("x,y\n1,2", None).unwrap_err().code(), "BAD_SELECTOR");
    }
}
