//! Rows in tables of text: one column of bracketed numbers, or numbered columns of one number each.

use std::borrow::Cow;
use std::collections::HashSet;

use super::numbered::{flawed_columns, numbered_sets};
use super::numbers::{self, is_number};
use crate::cells::Cells;
use crate::error::{Place, ShardError};
use crate::fault::Fault;
use crate::role::{Role, listed};

/// Where the rows of a table stand.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    delimiter: u8,
    /// Cells of the header, or of the first record.
    cells: usize,
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

/// Cells of a record, quotes taken off.
pub(super) fn cells(record: &[u8], delimiter: u8) -> Vec<Cow<'_, [u8]>> {
    let (mut found, mut start, mut quotes) = (Vec::new(), 0, Cells::default());
    for (at, &byte) in record.iter().enumerate() {
        if !quotes.pass(byte) && byte == delimiter {
            found.push(unquoted(&record[start..at]));
            start = at + 1;
        }
    }
    found.push(unquoted(&record[start..]));
    found
}

fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some([b'"', inner @ .., b'"']) = Some(cell.trim_ascii_end()) else {
        return cell.into();
    };
    if !inner.contains(&b'"') {
        return inner.into();
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        out.push(byte);
        if byte == b'"' {
            // the first of two
            bytes.next();
        }
    }
    out.into()
}

/// The delimiter that the first record has most of, outside of quotes.
pub(super) fn delimiter(first: &[u8]) -> u8 {
    let count = |delimiter: u8| cells(first, delimiter).len();
    let most = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|&delimiter| count(delimiter));
    most.unwrap_or(b',')
}

fn is_bracketed(cell: &[u8]) -> bool {
    numbers::of_cell(cell, &mut Vec::new()).is_ok()
}

/// Whether the cells but empty ones are 0, 1, 2 …, as pandas names columns that have no names.
fn is_count(cells: &[Cow<'_, [u8]>]) -> bool {
    let named = cells
        .iter()
        .map(|cell| cell.trim_ascii())
        .filter(|cell| !cell.is_empty());
    let mut count = 0;
    let counts = named.enumerate().all(|(i, cell)| {
        count += 1;
        std::str::from_utf8(cell) == Ok(&i.to_string())
    });
    counts && count > 1
}

/// What a first record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    Header,
    Row,
    /// Either of them.
    Unclear,
}

/// Whether a first record names columns: it holds no values, or counts, as pandas does.
pub(super) fn is_header(first: &[u8], second: Option<&[u8]>) -> bool {
    begin(first, second) == Begin::Header
}

fn begin(first: &[u8], second: Option<&[u8]>) -> Begin {
    let delimiter = delimiter(first);
    let named = cells(first, delimiter);
    let missing = |cell: &Cow<'_, [u8]>| numbers::of_scalar(cell) == Ok(None);
    let numbers =
        named.iter().any(|cell| is_number(cell)) && named.iter().all(|cell| is_number(cell) || missing(cell));
    let values = named.iter().any(|cell| is_bracketed(cell)) || numbers;
    if !values || is_count(&named) {
        return Begin::Header;
    }
    let fractions = second.is_some_and(|second| {
        let cells = cells(second, delimiter);
        let mut numbers = cells
            .iter()
            .filter_map(|cell| numbers::of_scalar(cell).ok().flatten());
        numbers.any(|number| number.fract() != 0.0)
    });
    match labels(&named) {
        // of rows with fractions hardly one holds whole numbers only, none of them twice
        Some(labels) if fractions => {
            let steps: HashSet<i64> = labels.windows(2).map(|pair| pair[1] - pair[0]).collect();
            if steps.len() == 1 {
                Begin::Header
            } else {
                Begin::Unclear
            }
        }
        _ => Begin::Row,
    }
}

/// Whole numbers that may name columns: three or more, none of them twice; the first cell may be empty, as above an index of pandas.
fn labels(named: &[Cow<'_, [u8]>]) -> Option<Vec<i64>> {
    let named = match named {
        [first, rest @ ..] if first.trim_ascii().is_empty() => rest,
        all => all,
    };
    let label = |cell: &Cow<'_, [u8]>| {
        let text = std::str::from_utf8(cell.trim_ascii()).ok()?;
        let digits = text.strip_suffix(".0").unwrap_or(text);
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse::<u32>().ok())?
            .map(i64::from)
    };
    let labels: Vec<i64> = named.iter().map(label).collect::<Option<_>>()?;
    let different: HashSet<&i64> = labels.iter().collect();
    (labels.len() > 2 && different.len() == labels.len()).then_some(labels)
}

/// The first line without the mark of a comment, behind which NumPy writes names of columns (`savetxt` with `header`).
///
/// # Errors
/// A sentence for another comment, and for a line that only Excel knows.
pub(super) fn unmarked<'l>(first: &'l [u8], second: Option<&[u8]>) -> Result<&'l [u8], &'static str> {
    if first.trim_ascii().len() <= b"sep=;".len() && first.to_ascii_lowercase().starts_with(b"sep=") {
        return Err("begins with a line for Excel (sep=): remove that line");
    }
    let Some(names) = first.strip_prefix(b"#").map(<[u8]>::trim_ascii_start) else {
        return Ok(first);
    };
    let count = |line: &[u8]| cells(line, delimiter(names)).len();
    if is_header(names, second) && second.is_none_or(|second| count(second) == count(names)) {
        Ok(names)
    } else {
        Err("begins with a comment (#): remove that line")
    }
}

impl Plan {
    /// Where the rows are, by the first record and the one after it.
    ///
    /// # Errors
    /// `BAD_SELECTOR` when nothing, or more than one thing, could be the rows.
    pub fn of(
        first: &[u8],
        second: Option<&[u8]>,
        selector: Option<&str>,
        role: Role,
        place: &Place,
    ) -> Result<Self, ShardError> {
        let delimiter = delimiter(first);
        let named = cells(first, delimiter);
        let header = match begin(first, second) {
            Begin::Header => true,
            Begin::Row => false,
            Begin::Unclear => {
                let reason = "begins with whole numbers, which may be names of columns or the first row; name the columns \
                              (emb_0, emb_1, …) or leave names out";
                return Err(ShardError::bad_selector(place, reason));
            }
        };
        let shown = match second {
            Some(second) if header => cells(second, delimiter),
            _ => named.clone(),
        };
        let names: Vec<String> = if header {
            let text = |cell: &Cow<'_, [u8]>| String::from_utf8_lossy(cell.trim_ascii()).into_owned();
            named.iter().map(text).collect()
        } else {
            (0..named.len()).map(|i| i.to_string()).collect()
        };
        let found = candidates(&names, &shown);
        let labels: Vec<String> = found.iter().map(|(label, _)| label.clone()).collect();
        let flawed = flawed_columns(&names, &shown);
        let chosen = match selector {
            Some(selector) => labels.iter().position(|label| label == selector),
            None if labels.is_empty() => None,
            None => Some(role.choose(&labels, place)?),
        };
        let Some(chosen) = chosen else {
            let meant = flawed
                .iter()
                .find(|set| labels.is_empty() || selector == Some(set.prefix));
            let reason = match (meant, selector, labels.is_empty()) {
                (Some(set), ..) => set.to_string(),
                (None, Some(selector), false) => {
                    format!("has no rows called {selector:?}; it has {}", listed(&labels))
                }
                _ => format!(
                    "has neither a column of bracketed numbers nor numbered columns of numbers (emb_0, emb_1, …) among {}",
                    listed(&names)
                ),
            };
            return Err(ShardError::bad_selector(place, reason));
        };
        let (label, rows) = found.into_iter().nth(chosen).expect("chosen among them");
        let longer = match &rows {
            Rows::Bracketed(_) => None,
            Rows::Columns(columns) => flawed
                .iter()
                .find(|set| set.columns > columns.len() && set.holds_numbers),
        };
        if let (Some(set), None) = (longer, selector) {
            let reason = format!("{set}; choose {label:?} by #name, or correct them");
            return Err(ShardError::bad_selector(place, reason));
        }
        let taken = match &rows {
            Rows::Bracketed(column) => vec![*column],
            Rows::Columns(columns) => columns.clone(),
        };
        let mut is_beside = vec![true; names.len()];
        for column in taken {
            is_beside[column] = false;
        }
        let beside = names.iter().enumerate().filter(|(i, _)| is_beside[*i]);
        Ok(Self {
            delimiter,
            cells: named.len(),
            rows,
            header,
            selector: (labels.len() > 1 || longer.is_some()).then_some(label),
            beside: beside.map(|(_, name)| name.clone()).collect(),
        })
    }

    /// Appends the row of a record.
    pub fn row(&self, record: &[u8], out: &mut Vec<f32>) -> Result<(), Fault> {
        let cells = cells(record, self.delimiter);
        if cells.len() != self.cells {
            return Err(Fault::Cells {
                found: cells.len(),
                expected: self.cells,
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

/// Columns that can be rows, by the names and the cells of a record.
fn candidates(names: &[String], shown: &[Cow<'_, [u8]>]) -> Vec<(String, Rows)> {
    let bracketed = shown
        .iter()
        .zip(names)
        .enumerate()
        .filter(|(_, (cell, _))| is_bracketed(cell));
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

    fn plan(table: &str, selector: Option<&str>) -> Result<Plan, ShardError> {
        let mut lines = table.lines().map(str::as_bytes);
        let first = lines.next().unwrap();
        Plan::of(first, lines.next(), selector, Role::Other, &Place::MEMORY)
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
    fn lines_of_other_programs_before_a_table_are_named() {
        let second = b"0.5,0.25".as_slice();
        for (line, named) in [
            ("# made by hand", "comment"),
            ("# 1,2", "comment"),
            ("sep=;", "Excel"),
            ("SEP=,\r", "Excel"),
        ] {
            let refused = unmarked(line.as_bytes(), Some(second)).unwrap_err();
            assert!(refused.contains(named), "{line}");
        }
        for line in ["sep=length,emb_0", "emb_0,#", "separate"] {
            assert_eq!(unmarked(line.as_bytes(), Some(second)), Ok(line.as_bytes()));
        }
        // numpy.savetxt(…, delimiter=',', header='emb_0,emb_1')
        assert_eq!(
            unmarked(b"# emb_0,emb_1", Some(second)),
            Ok(b"emb_0,emb_1".as_slice())
        );
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
        ] {
            assert_eq!(
                plan(unclear, None).unwrap_err().code(),
                "BAD_SELECTOR",
                "{unclear}"
            );
        }
        // rows of whole numbers, and of few of them
        assert_eq!(rows("1,2,3\n4,5,6").len(), 2);
        assert_eq!(rows("1,2\n0.5,0.25").len(), 2);
        assert_eq!(rows("0,1,0\n0.5,0.25,1").len(), 2);
    }

    #[test]
    fn numbered_and_bracketed_columns_are_rows_beside_others() {
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
        assert_eq!(rows("q1,q2,q4,pc0,pc1\n1,word,3,4,5"), [Ok(vec![4.0, 5.0])]);
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
