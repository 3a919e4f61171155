//! Ids beside the tensors of a file: a list of texts or whole numbers, a tensor of those, or the keys of the rows.

use super::file::TorchFile;
use super::machine::{Container, Value};
use crate::error::ShardError;
use crate::id_column::IdColumn;
use crate::input::Input;

/// Ids that are given at once.
const BATCH: usize = 4096;

/// The ids of a file.
pub(crate) struct TorchIds {
    file: TorchFile,
    ids: std::vec::IntoIter<Id>,
}

/// An id, which is no longer than ids are.
enum Id {
    /// Its place in the pickle: one text may be the id of many rows.
    Text(u32, u32),
    Int(u64),
    /// A component of a tensor.
    Whole(i64),
}

impl TorchIds {
    /// Reads the list or tensor under a key of the dictionary, or the keys of a dictionary of rows.
    ///
    /// # Errors
    /// `BAD_SELECTOR` without such a key, and those of reading.
    pub fn open(input: &Input, column: &IdColumn<'_>) -> Result<Self, ShardError> {
        let file = TorchFile::open(input)?;
        let ids = find(&file, column)?.into_iter();
        Ok(Self { file, ids })
    }

    /// The next ids, or `None` after the last.
    pub fn next(&mut self) -> Option<Vec<String>> {
        let text = |id| match id {
            Id::Text(start, len) => self.file.text(start, len).to_owned(),
            Id::Int(number) => number.to_string(),
            Id::Whole(number) => number.to_string(),
        };
        let ids: Vec<String> = self.ids.by_ref().take(BATCH).map(text).collect();
        Some(ids).filter(|ids| !ids.is_empty())
    }
}

fn find(file: &TorchFile, column: &IdColumn<'_>) -> Result<Vec<Id>, ShardError> {
    let place = file.input().place();
    let tree = file.tree()?;
    let pairs = match tree.root {
        Value::Container(index) => match tree.container(index) {
            Container::Dict(pairs) => &pairs[..],
            Container::List(_) => &[],
        },
        _ => &[],
    };
    let keys: Vec<Option<Id>> = pairs.iter().map(|(key, _)| id(key, column)).collect();
    let named = |id: &Option<Id>, name: &str| match *id {
        Some(Id::Text(start, len)) => file.text(start, len) == name,
        Some(Id::Int(number)) => number.to_string() == name,
        _ => false,
    };
    let at = |name: &str| keys.iter().position(|key| named(key, name));
    let found = match column.name {
        Some(name) => at(name),
        None => column.usual.iter().find_map(|name| at(name)),
    };
    let Some(at) = found else {
        let one_each = |value: &Value| matches!(value, Value::Tensor(tensor) if matches!(tensor.shape[..], [_] | [1, _]));
        let rows = column.name.is_none() && pairs.len() > 1 && pairs.iter().all(|(_, value)| one_each(value));
        if rows && keys.iter().all(Option::is_some) {
            return Ok(keys.into_iter().flatten().collect());
        }
        let texts = pairs.iter().filter_map(|(key, _)| match *key {
            Value::Text(start, len) => Some(tree.text(start, len)),
            _ => None,
        });
        return Err(column.missing(place, &texts.collect::<Vec<_>>()));
    };
    let no_id = |row: usize| {
        let name = tree.key(&pairs[at].0).unwrap_or_default();
        let reason = format!("{name} of row {row} is neither short text nor whole number");
        ShardError::bad_record(place, row as u64, reason)
    };
    let values = match &pairs[at].1 {
        Value::Container(index) => match tree.container(*index) {
            Container::List(list) => &list[..],
            Container::Dict(_) => return Err(no_id(0)),
        },
        Value::Tuple(tuple) => &tuple.1[..],
        Value::Tensor(described) => {
            let tensor = file.tensor(described).map_err(|reason| file.bad(reason))?;
            let ids = file.whole_numbers(&tensor)?.ok_or_else(|| no_id(0))?;
            return Ok(ids.into_iter().map(Id::Whole).collect());
        }
        _ => return Err(no_id(0)),
    };
    let ids = values.iter().enumerate();
    ids.map(|(row, value)| id(value, column).ok_or_else(|| no_id(row)))
        .collect()
}

fn id(value: &Value, column: &IdColumn<'_>) -> Option<Id> {
    match *value {
        Value::Text(start, len) if len <= column.longest() => Some(Id::Text(start, len)),
        Value::Int(number) => Some(Id::Int(number)),
        _ => None,
    }
}
