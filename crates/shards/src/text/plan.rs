//! Where in the records of a text the rows stand.

use super::layout::Layout;
use super::records::bad_record;
use super::{header, json, names, numbers, table};
use crate::error::{Place, ShardError};
use crate::fault::Fault;
use crate::format::Format;
use crate::input::Input;
use crate::role::{Role, listed, several};
use crate::rows::Ask;

/// Records that are looked at for what the rows are.
pub(super) const LOOKED_AT: usize = 1000;
/// Records that are looked at in any case.
const LOOKED_AT_FIRST: usize = 16;

/// How the rows of a text are read.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub layout: Layout,
    rows: Rows,
    pub selector: Option<String>,
    beside: Vec<String>,
}

#[derive(Debug, Clone)]
enum Rows {
    /// Under these keys of every JSON record; with none the record is the row.
    Json(Vec<String>),
    Table(table::Plan),
}

impl Plan {
    /// The plan of a text; `None` when it holds no record.
    ///
    /// # Errors
    /// `BAD_SELECTOR` when the rows are not found or not the only ones, `UNSUPPORTED` for text in UTF-16.
    pub fn of(input: &Input, format: Format, ask: &Ask<'_>) -> Result<Option<Self>, ShardError> {
        if format == Format::Csv {
            Self::of_table(input, ask)
        } else {
            Self::of_json(input, ask)
        }
    }

    /// Appends the row of a record, or says why it has none.
    ///
    /// # Errors
    /// A sentence when the record is not JSON.
    pub fn row(&self, record: &[u8], out: &mut Vec<f32>) -> Result<Result<(), Fault>, String> {
        let path = match &self.rows {
            Rows::Table(plan) => {
                if plan.is_misquoted(record) {
                    return Err(table::MISQUOTED.to_owned());
                }
                return Ok(plan.row(record, out));
            }
            Rows::Json(path) => path,
        };
        if path.is_empty() {
            return Ok(match record.first() {
                Some(b'{') => Err(Fault::NoNumbers),
                _ => numbers::of_json(record, out),
            });
        }
        let value = |record: &[u8], out: &mut Vec<f32>| -> serde_json::Result<Result<(), Fault>> {
            let found = json::value_at(record, path)?;
            Ok(match (found, record.first()) {
                (Some(value), _) => numbers::of_json(value, out),
                (None, Some(b'{')) => Err(Fault::Missing),
                (None, _) => Err(Fault::NoRecord),
            })
        };
        value(record, out)
            .or_else(|error| value(&json::with_words(record, json::BEYOND), out).map_err(|_| error))
            .map_err(|error| {
                if json::is_several(&error) {
                    format!(
                        "holds several rows under {}; write a record for each row",
                        path.join(".")
                    )
                } else {
                    format!("is not JSON: {error}")
                }
            })
    }

    /// Appends the record with `row` in place of its row, on one line.
    ///
    /// # Errors
    /// A sentence when the record has no row or is not JSON.
    pub fn replaced(&self, record: &[u8], row: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let Rows::Json(path) = &self.rows else {
            return Err("is not a record of JSON".to_owned());
        };
        let found = json::value_at(record, path).map_err(|error| format!("is not JSON: {error}"))?;
        let value = found.ok_or("has no row")?;
        let start = value.as_ptr().addr() - record.as_ptr().addr();
        // line ends stand between values only: in a text they are escaped
        let flat = |bytes: &[u8], out: &mut Vec<u8>| {
            out.extend(
                bytes
                    .iter()
                    .map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }),
            );
        };
        flat(&record[..start], out);
        out.extend_from_slice(row);
        flat(&record[start + value.len()..], out);
        Ok(())
    }

    /// The number that a record of an answer gives itself.
    pub fn number_of(&self, record: &[u8]) -> Option<u64> {
        if !self.layout.nested {
            return None;
        }
        let value = json::value_at(record, &["index".to_owned()]).ok()??;
        std::str::from_utf8(value).ok()?.parse().ok()
    }

    fn of_table(input: &Input, ask: &Ask<'_>) -> Result<Option<Self>, ShardError> {
        let place = input.place();
        let (mut layout, delimiter) = Layout::of_table(input)?;
        let mut records = layout.records(input, layout.start)?;
        let Some((first, offset)) = records.first(place)? else {
            return Ok(None);
        };
        layout.start = offset;
        let (mut start, mut below) = (None, header::Shown::below(&first, delimiter));
        let mut leading = vec![header::Leading::of(&first, delimiter)];
        for _ in 0..LOOKED_AT {
            let Some(record) = records.next(place)? else { break };
            start.get_or_insert(record.offset);
            if leading.len() < LOOKED_AT_FIRST {
                leading.push(header::Leading::of(record.bytes, delimiter));
            }
            let is_full = below.take(record.bytes, delimiter);
            if is_full && leading.len() == LOOKED_AT_FIRST {
                break;
            }
        }
        let first = header::unmarked(&first, &below, delimiter)
            .map_err(|reason| ShardError::bad_format(place, reason))?;
        if start.is_none() && header::is_header(first, &below, delimiter) {
            return Ok(None);
        }
        let plan = table::Plan::of(first, &below, delimiter, ask.selector, ask.role, place)?;
        if !plan.header && plan.is_columns() && header::begin_with_index(&leading) {
            let reason = "begins its rows with whole numbers before fractions, as the index of pandas is; write it without \
                          (index=False), or with names of columns (emb_0, emb_1, …)";
            return Err(ShardError::bad_selector(place, reason));
        }
        if plan.header {
            let Some(start) = start else { return Ok(None) };
            layout.start = start;
        }
        Ok(Some(Self {
            layout,
            selector: plan.selector.clone(),
            beside: plan.beside.clone(),
            rows: Rows::Table(plan),
        }))
    }

    fn of_json(input: &Input, ask: &Ask<'_>) -> Result<Option<Self>, ShardError> {
        let place = input.place();
        let (layout, selector) = Layout::of_json(input, ask.selector)?;
        let mut records = layout.records(input, layout.start)?;
        let (mut path, mut names, mut looked) = (None, Vec::<String>::new(), 0);
        let (mut search, mut batch, mut other) = (Search::of(ask.role), None, None);
        while looked < LOOKED_AT && path.is_none() && !search.is_over() {
            let Some(record) = records.next(place)? else { break };
            let text = record.bytes;
            looked += 1;
            if matches!(text.first(), Some(b'[' | b'"')) {
                path = Some(Vec::new());
                break;
            }
            let value = serde_json::from_slice(text).or_else(|error| {
                serde_json::from_slice(&json::with_words(text, json::ANY)).map_err(|_| error)
            });
            let value: serde_json::Value = match value {
                Ok(value) => value,
                // who reads it says so
                Err(_) if !search.found.is_empty() => break,
                Err(error) => {
                    let reason = format!("is not JSON: {error}");
                    return Err(bad_record(place, looked as u64 - 1, &reason));
                }
            };
            if let Some(map) = value.as_object() {
                for (key, value) in map {
                    if names.len() < 100 && !names.contains(key) {
                        names.push(key.clone());
                    }
                    let kind = value.as_object().and_then(json::other_kind);
                    other = other.or(kind.map(|kind| format!("#{key} holds {kind}")));
                }
                other = other.or_else(|| Some(format!("holds {}", json::record_kind(map)?)));
            }
            if let Some(selector) = selector {
                path = path_of(&value, selector);
                continue;
            }
            search.take(&value);
            batch = batch.or_else(|| json::batch_path(&value));
        }
        if let (None, Some(key)) = (&path, search.lacking()) {
            let names: Vec<String> = search.found.iter().map(|path| path.join(".")).collect();
            let reason = format!(
                "has no row under #{key} in its first {looked} records; choose one: {}",
                listed(&names)
            );
            return Err(ShardError::bad_selector(place, reason));
        }
        let candidates = search.found.len();
        if path.as_ref().is_none_or(Vec::is_empty) && candidates > 0 {
            path = Some(search.choose(place)?);
        }
        let Some(path) = path else {
            if looked == 0 {
                return Ok(None);
            }
            let keys = if names.is_empty() {
                "no keys".to_owned()
            } else {
                listed(&names)
            };
            let reason = match selector {
                Some(selector) => format!("no record has {selector:?}; they have {keys}"),
                None => match batch {
                    Some(path) => format!(
                        "its records hold several rows each, in {}; write a record for each row",
                        path.join(".")
                    ),
                    None => match other {
                        Some(other) => other,
                        None if search.others.is_empty() => {
                            format!("no record has an array of numbers; they have {keys}")
                        }
                        None => format!(
                            "no record has an array that is called as rows are; choose one: {}",
                            listed(&search.others)
                        ),
                    },
                },
            };
            return Err(ShardError::bad_selector(place, reason));
        };
        if path.is_empty() && selector.is_some() {
            let reason = "holds arrays without keys, among which #key chooses nothing";
            return Err(ShardError::bad_selector(place, reason));
        }
        names.retain(|name| path.first() != Some(name));
        let chosen = ask.selector.map(str::to_owned);
        Ok(Some(Self {
            layout,
            selector: chosen.or_else(|| (candidates > 1).then(|| path.join("."))),
            beside: names,
            rows: Rows::Json(path),
        }))
    }
}

/// Looks for the rows in records, of which the first may lack its own.
struct Search {
    role: Role,
    /// Paths of what may be rows: those of the first record that has some, and of others what it may have lacked.
    found: Vec<Vec<String>>,
    /// Keys where the first of these records has nothing, and others may have the row.
    open: Vec<String>,
    /// Those of the first record that may be words.
    words: Vec<Vec<String>>,
    /// Records that were taken from that one on.
    taken: usize,
    /// Arrays that are no rows unless they are chosen.
    others: Vec<String>,
}

impl Search {
    fn of(role: Role) -> Self {
        Self {
            role,
            found: Vec::new(),
            open: Vec::new(),
            words: Vec::new(),
            taken: 0,
            others: Vec::new(),
        }
    }

    fn is_over(&self) -> bool {
        let lasts = self.lasts();
        let is_row = |at: usize| names::is_called_row(&lasts[at]);
        let is_settled = self.role.only(&lasts).is_some_and(is_row)
            && !self.open.iter().any(|key| names::is_called_row(key));
        is_settled || self.taken >= LOOKED_AT_FIRST && self.open.is_empty()
    }

    /// The last keys, which say what an array is.
    fn lasts(&self) -> Vec<String> {
        self.found
            .iter()
            .filter_map(|path| path.last().cloned())
            .collect()
    }

    /// The path of the rows among those that may be.
    fn choose(&self, place: &Place) -> Result<Vec<String>, ShardError> {
        let names: Vec<String> = self.found.iter().map(|path| path.join(".")).collect();
        let lasts = self.lasts();
        let at = match self.role.only(&lasts) {
            Some(at) if self.is_plain(at, &lasts) => at,
            Some(at) if !self.words.contains(&self.found[at]) => return Err(several(&names, place)),
            Some(at) => {
                let reason = format!(
                    "#{} may be a word or a row in base64; choose one: {}",
                    names[at],
                    listed(&names)
                );
                return Err(ShardError::bad_selector(place, reason));
            }
            None => self.role.choose(&names, place)?,
        };
        Ok(self.found[at].clone())
    }

    /// Whether a path is that of the rows without doubt: it may be no word, and no other one, but those of the other side, is called as
    /// rows are where it is not.
    fn is_plain(&self, at: usize, lasts: &[String]) -> bool {
        let is_other_side = |key: &String| match self.role {
            Role::Image => Role::Text.fits(key),
            Role::Text => Role::Image.fits(key),
            Role::Other => false,
        };
        let is_called = |key: &String| names::is_called_row(key) && !is_other_side(key);
        self.found.len() == 1
            || !self.words.contains(&self.found[at])
                && (names::is_called_row(&lasts[at]) || !lasts.iter().any(is_called))
    }

    /// The key that rows of this side are called by, where it holds nothing and other arrays stand beside it.
    fn lacking(&self) -> Option<&str> {
        let is_found = |path: &Vec<String>| {
            let last = path.last().is_some_and(|key| self.role.fits(key));
            last || self.role.fits(&path.join("."))
        };
        if self.found.is_empty() || self.found.iter().any(is_found) {
            return None;
        }
        let mut open = self.open.iter().map(String::as_str);
        open.find(|key| self.role.fits(key) && names::ends_as_row(key))
    }

    fn take(&mut self, record: &serde_json::Value) {
        let rows = json::row_paths(record);
        if self.taken > 0 {
            let levels = self.found[0].len();
            for path in rows {
                let is_new = |key: &String| names::is_called_row(key) || self.open.contains(key);
                if path.len() <= levels && path.last().is_some_and(is_new) && !self.found.contains(&path) {
                    self.found.push(path);
                }
            }
            self.open.retain(|key| json::is_open(record, key));
        } else if rows.is_empty() {
            if self.others.is_empty() {
                self.others = json::other_arrays(record).map(str::to_owned).collect();
            }
            return;
        } else {
            let is_called = |key: &String| names::is_called_row(key) || self.role.fits(key);
            self.open = json::open_keys(record);
            // where an array is called as rows are, null titles and notes are not waited for
            if rows.iter().filter_map(|path| path.last()).any(is_called) {
                self.open.retain(is_called);
            }
            self.words = rows.clone();
            self.words.retain(|path| json::may_be_word(record, path));
            self.found = rows;
        }
        self.taken += 1;
    }
}

/// Names of what stands beside the rows.
pub(super) fn beside(input: &Input, format: Format, ask: &Ask<'_>) -> Result<Vec<String>, ShardError> {
    Ok(Plan::of(input, format, ask)?.map_or_else(Vec::new, |plan| plan.beside))
}

/// The keys that a selector names in a record: one key of that name, or a path with points.
fn path_of(record: &serde_json::Value, selector: &str) -> Option<Vec<String>> {
    let whole = vec![selector.to_owned()];
    if record.get(selector).is_some() {
        return Some(whole);
    }
    let path: Vec<String> = selector.split('.').map(str::to_owned).collect();
    let found = path.iter().try_fold(record, |value, key| match value {
        serde_json::Value::Array(items) if key == json::ONLY => items.first(),
        serde_json::Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    });
    found.map(|_| path)
}
