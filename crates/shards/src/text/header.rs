//! The first line of a table of text: names of columns, a row, or what another program writes there.

use std::borrow::Cow;
use std::collections::HashSet;

use super::numbers::{self, has_decimal_comma, is_number};
use crate::cells::{Cells, cells, is_blank};

pub(super) fn is_bracketed(cell: &[u8]) -> bool {
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

/// Whether a cell holds a number that is not a whole one.
fn is_fraction(cell: &[u8]) -> bool {
    matches!(numbers::of_scalar(cell), Ok(Some(number)) if number.is_finite() && number.fract() != 0.0)
}

/// Cells of a record that hold something.
fn filled(cells: &[Cow<'_, [u8]>]) -> usize {
    let filled = cells
        .iter()
        .filter(|cell| !numbers::is_missing(cell.trim_ascii()));
    filled.count()
}

/// What the records below the first one show.
pub(super) struct Shown {
    /// Cells of the first record.
    cells: usize,
    /// The record with most cells that hold something, for one that holds nothing says nothing of its column; those with as many
    /// cells as the first one before others.
    fullest: Option<((bool, usize), Vec<u8>)>,
    /// Whether the first of them, or the fullest, and any of them, has a number that is not whole.
    fractions: [bool; 2],
    /// Whether the first and the last cell of all of them are empty, and how many cells they have.
    pub ends: Option<Ends>,
}

/// What stands at both ends of records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ends {
    /// Whether the first and the last cell are empty in all records.
    pub empty: [bool; 2],
    /// Cells of each record, where all have as many.
    pub cells: Option<usize>,
}

impl Ends {
    pub fn of(cells: &[Cow<'_, [u8]>]) -> Self {
        let is_empty = |cell: Option<&Cow<'_, [u8]>>| cell.is_some_and(|cell| cell.trim_ascii().is_empty());
        Self {
            empty: [is_empty(cells.first()), is_empty(cells.last())],
            cells: Some(cells.len()),
        }
    }

    pub fn and(self, other: Self) -> Self {
        Self {
            empty: [0, 1].map(|at| self.empty[at] && other.empty[at]),
            cells: self.cells.filter(|_| self.cells == other.cells),
        }
    }
}

impl Shown {
    /// No record below the first one.
    pub fn below(first: &[u8], delimiter: u8) -> Self {
        Self {
            cells: cells(first, delimiter).len(),
            fullest: None,
            fractions: [false; 2],
            ends: None,
        }
    }

    /// Takes a record; whether it has as many cells as the first one, and all of them hold something.
    pub fn take(&mut self, record: &[u8], delimiter: u8) -> bool {
        let cells = cells(record, delimiter);
        let has_fractions = cells.iter().any(|cell| is_fraction(cell));
        let holds = (cells.len() == self.cells, filled(&cells));
        if self.fullest.as_ref().is_none_or(|&(most, _)| holds > most) {
            self.fullest = Some((holds, record.to_vec()));
            self.fractions[0] |= has_fractions;
        }
        self.fractions[1] |= has_fractions;
        if !is_blank(record, delimiter) {
            let ends = Ends::of(&cells);
            self.ends = Some(self.ends.map_or(ends, |before| before.and(ends)));
        }
        holds == (true, cells.len())
    }

    /// The fullest record.
    pub fn record(&self) -> Option<&[u8]> {
        self.fullest.as_ref().map(|(_, record)| &record[..])
    }

    /// Cells of the fullest record.
    pub fn cells(&self, delimiter: u8) -> Option<Vec<Cow<'_, [u8]>>> {
        self.record().map(|record| cells(record, delimiter))
    }
}

/// What a first record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    Header,
    Row,
    /// Either of them.
    Unclear,
}

/// Whether a first record names columns.
pub(super) fn is_header(first: &[u8], shown: &Shown, delimiter: u8) -> bool {
    begin(&cells(first, delimiter), shown, delimiter) == Begin::Header
}

/// What a first record is: names of columns hold no values, or count, as those of pandas do.
pub(super) fn begin(named: &[Cow<'_, [u8]>], shown: &Shown, delimiter: u8) -> Begin {
    if is_count(named) {
        return Begin::Header;
    }
    let missing = |cell: &Cow<'_, [u8]>| numbers::of_scalar(cell) == Ok(None);
    let numbers =
        named.iter().any(|cell| is_number(cell)) && named.iter().all(|cell| is_number(cell) || missing(cell));
    if !numbers && !named.iter().any(|cell| is_bracketed(cell)) {
        // names of numbers beside words, above whole numbers, could as well be a row of them
        let numbers: Vec<_> = named.iter().filter(|cell| is_number(cell)).cloned().collect();
        let bracketed = |cells: Vec<Cow<'_, [u8]>>| cells.iter().any(|cell| is_bracketed(cell));
        let unclear = numbers.len() > 1
            && !is_count(&numbers)
            && !shown.fractions[1]
            && shown.cells(delimiter).is_some_and(|cells| !bracketed(cells));
        return if unclear { Begin::Unclear } else { Begin::Header };
    }
    match labels(named) {
        // of rows with fractions hardly one holds whole numbers only, none of them twice
        Some(labels) if shown.fractions[1] => {
            let steps: HashSet<i64> = labels.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let pointed = named.iter().any(|cell| cell.contains(&b'.'));
            if steps.len() == 1 && labels.len() > 2 && shown.fractions[0] && !pointed {
                Begin::Header
            } else {
                Begin::Unclear
            }
        }
        _ => Begin::Row,
    }
}

/// Whole numbers that may name columns, none of them twice; the first cell may be empty, as above an index of pandas.
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
    // one or two could be a row of floats that are written with a point
    let pointed = named.iter().any(|cell| cell.contains(&b'.'));
    let enough = labels.len() > 2 || (!labels.is_empty() && !pointed);
    (enough && different.len() == labels.len()).then_some(labels)
}

/// The first line without the mark of a comment, behind which NumPy writes names of columns (`savetxt` with `header`).
///
/// # Errors
/// A sentence for another comment, and for a line that only Excel knows.
pub(super) fn unmarked<'l>(first: &'l [u8], shown: &Shown, delimiter: u8) -> Result<&'l [u8], &'static str> {
    if first.trim_ascii().len() <= b"sep=;".len() && first.to_ascii_lowercase().starts_with(b"sep=") {
        return Err("begins with a line for Excel (sep=): remove that line");
    }
    let mut quotes = Cells::of(delimiter);
    if first
        .trim_ascii_end()
        .iter()
        .any(|&byte| !quotes.pass(byte) && byte == b'\r')
    {
        return Err(
            "has lines that end in a carriage return only; write it anew with line feeds: tr '\\r' '\\n'",
        );
    }
    if [b';', b'\t']
        .into_iter()
        .any(|delimiter| has_decimal_commas(&cells(first, delimiter)))
    {
        return Err("has numbers with a decimal comma (0,5); write them with a point");
    }
    let Some(names) = first.strip_prefix(b"#").map(<[u8]>::trim_ascii_start) else {
        return Ok(first);
    };
    let named = cells(names, delimiter);
    let as_many = shown
        .cells(delimiter)
        .is_none_or(|cells| cells.len() == named.len());
    if as_many && begin(&named, shown, delimiter) == Begin::Header {
        Ok(names)
    } else {
        Err("begins with a comment (#): remove that line")
    }
}

/// Whether cells are numbers as a spreadsheet of a country with decimal commas writes them.
fn has_decimal_commas(cells: &[Cow<'_, [u8]>]) -> bool {
    cells.len() > 1
        && cells.iter().any(|cell| has_decimal_comma(cell))
        && cells
            .iter()
            .all(|cell| is_number(cell) || has_decimal_comma(cell))
}

/// Why a record is one cell only, where another delimiter would make more of it.
pub(super) fn other_delimiter(record: &[u8]) -> Option<&'static str> {
    if record.contains(&b'|') {
        return Some("separates its cells by |; commas, semicolons and tabs are read");
    }
    let mut parts = record
        .split(u8::is_ascii_whitespace)
        .filter(|part| !part.is_empty());
    let numbers = parts.clone().count() > 1 && parts.all(is_number);
    numbers.then_some("separates its numbers by blanks; commas, semicolons and tabs are read (delimiter=',' of numpy.savetxt)")
}

/// What a record without names begins with.
pub(super) struct Leading {
    /// The number of its first cell.
    first: Option<f32>,
    /// Its whole numbers before the first other cell.
    whole: Vec<u64>,
    /// Whether two or more cells follow, all of them fractions or written like those.
    fractions: bool,
    /// Whether there are fractions among the others.
    some: bool,
}

impl Leading {
    pub fn of(record: &[u8], delimiter: u8) -> Self {
        let cells = cells(record, delimiter);
        // a delimiter before all cells
        let cells = &cells[usize::from(cells[0].trim_ascii().is_empty())..];
        let whole = |cell: &Cow<'_, [u8]>| std::str::from_utf8(cell.trim_ascii()).ok()?.parse::<u64>().ok();
        let leading: Vec<u64> = cells.iter().map_while(whole).collect();
        let rest = &cells[leading.len()..];
        let like = |cell: &Cow<'_, [u8]>| is_fraction(cell) || cell.contains(&b'.') && is_number(cell);
        Self {
            first: cells
                .first()
                .and_then(|cell| numbers::of_scalar(cell).ok().flatten()),
            fractions: rest.len() > 1 && rest.iter().all(like),
            some: cells.len() > 2 && cells[1..].iter().any(|cell| is_fraction(cell)),
            whole: leading,
        }
    }
}

/// Whether records without names begin with an index: whole numbers before fractions that no two records share, or numbers that count.
pub(super) fn begin_with_index(records: &[Leading]) -> bool {
    let Some(one) = records.first() else { return false };
    let columns = one.whole.len();
    let tuples: HashSet<&[u64]> = records.iter().map(|record| &record.whole[..]).collect();
    let apart = records.len() > 1
        && columns > 0
        && tuples.len() == records.len()
        && records
            .iter()
            .all(|record| record.fractions && record.whole.len() == columns);
    let count = |pair: &[Leading]| matches!((pair[0].first, pair[1].first), (Some(a), Some(b)) if b == a + 1.0 && a.fract() == 0.0);
    let counts =
        records.len() > 2 && records.windows(2).all(count) && records.iter().any(|record| record.some);
    apart || counts
}

/// Whether a cell holds a vector in another notation than brackets: of Postgres, NumPy, PyTorch.
pub(super) fn is_almost_bracketed(cell: &[u8]) -> bool {
    let cell = cell.trim_ascii();
    let begins = ["[", "(", "{", "array(", "tensor(", "np.", "torch."];
    begins.iter().any(|begin| cell.starts_with(begin.as_bytes())) && cell.iter().any(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::delimiter_of;

    #[test]
    fn lines_of_other_programs_before_a_table_are_named() {
        let mut below = Shown::below(b"1,2", b',');
        below.take(b"0.5,0.25", b',');
        for (line, named) in [
            ("# made by hand", "comment"),
            ("# 1,2", "comment"),
            ("sep=;", "Excel"),
            ("SEP=,\r", "Excel"),
        ] {
            let refused = unmarked(line.as_bytes(), &below, b',').unwrap_err();
            assert!(refused.contains(named), "{line}");
        }
        for line in ["sep=length,emb_0", "emb_0,#", "separate"] {
            assert_eq!(unmarked(line.as_bytes(), &below, b','), Ok(line.as_bytes()));
        }
        // numpy.savetxt(…, delimiter=',', header='emb_0,emb_1')
        assert_eq!(
            unmarked(b"# emb_0,emb_1", &below, b','),
            Ok(b"emb_0,emb_1".as_slice())
        );
    }

    #[test]
    fn numbers_and_lines_of_other_makes_are_named() {
        let unmarked = |first: &'static str| {
            let delimiter = delimiter_of(first.as_bytes()).unwrap();
            let below = Shown::below(first.as_bytes(), delimiter);
            unmarked(first.as_bytes(), &below, delimiter)
        };
        for (first, named) in [
            ("0,5;0,25", "decimal comma"),
            ("-0,5\t1", "decimal comma"),
            ("emb_0,emb_1\r0.5,0.25\r1,2", "carriage return"),
        ] {
            assert!(unmarked(first).unwrap_err().contains(named), "{first}");
        }
        for first in ["emb_0,emb_1\r", "\"a\rb\",emb_0", "0.5;1", "[0.5,1];a"] {
            assert_eq!(unmarked(first), Ok(first.as_bytes()));
        }
    }

    #[test]
    fn an_index_in_front_of_rows_without_names_is_found() {
        let indexed = |table: &str| {
            let records: Vec<Leading> = table
                .lines()
                .map(|line| Leading::of(line.as_bytes(), b','))
                .collect();
            begin_with_index(&records)
        };
        // pandas.DataFrame.to_csv(header=False): of a range, of a sample, of two levels, of floats
        for table in [
            "0,0.5,0.25\n1,0.1,1.0",
            "57,0.5,1.0\n12,0.25,0.75",
            "0,0,0.5,0.25\n0,1,0.3,0.1\n1,0,0.2,0.9",
            "0.0,0.5,0.25\n1.0,0.3,0.1\n2.0,0.2,0.9",
        ] {
            assert!(indexed(table), "{table}");
        }
        // zeros as JavaScript writes them, fewer fractions, whole rows, rows of one component, too few to count
        for table in [
            "0,0.5,0.25\n0,0.1,0.5",
            "1,2,0.25\n2,3,0.5",
            "1,2,3\n4,5,6",
            "1,2,3\n2,3,4\n3,4,5",
            "0.0,0.5,0.1\n1.0,0.5,0.2",
            "1,0.5\n2,0.25",
            "0.5,1.5\n0.25,1",
        ] {
            assert!(!indexed(table), "{table}");
        }
    }
}
