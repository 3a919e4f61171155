//! Ids beside the tensors of a file: a list of texts or whole numbers, a tensor of those, or the keys of the rows.

use super::file::TorchFile;
use super::machine::{Container, Value};
use crate::error::ShardError;
use crate::id_column::IdColumn;
use crate::input::Input;

/// The ids of a file, which are given at once.
pub(crate) struct TorchIds(Option<Vec<String>>);

impl TorchIds {
    /// Reads the list or tensor under a key of the dictionary, or the keys of a dictionary of rows.
    ///
    /// # Errors
    /// `BAD_SELECTOR` without such a key, and those of reading.
    pub fn open(input: &Input, column: &IdColumn<'_>) -> Result<Self, ShardError> {
        let file = TorchFile::open(input)?;
        let place = input.place();
        let tree = file.tree()?;
        let pairs = match tree.root {
            Value::Container(index) => match tree.container(index) {
                Container::Dict(pairs) => &pairs[..],
                Container::List(_) => &[],
            },
            _ => &[],
        };
        let keys: Vec<Option<String>> = pairs.iter().map(|(key, _)| tree.key(key)).collect();
        let at = |name: &str| keys.iter().position(|key| key.as_deref() == Some(name));
        let found = match column.name {
            Some(name) => at(name),
            None => column.usual.iter().find_map(|name| at(name)),
        };
        let one_each = |value: &Value| matches!(value, Value::Tensor(tensor) if matches!(tensor.shape[..], [_] | [1, _]));
        let Some(at) = found else {
            let all: Option<Vec<String>> = keys.iter().cloned().collect();
            return match all {
                Some(keys)
                    if column.name.is_none()
                        && keys.len() > 1
                        && pairs.iter().all(|(_, value)| one_each(value)) =>
                {
                    Ok(Self(Some(keys)))
                }
                _ => {
                    let names: Vec<&str> = keys.iter().flatten().map(String::as_str).collect();
                    Err(column.missing(place, &names))
                }
            };
        };
        let name = keys[at].clone().unwrap_or_default();
        let no_id = |row: usize| {
            let reason = format!("{name} of row {row} is neither text nor whole number");
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
                return Ok(Self(Some(ids)));
            }
            _ => return Err(no_id(0)),
        };
        let ids = values.iter().enumerate().map(|(row, value)| match value {
            Value::Text(..) | Value::Int(_) => tree.key(value).ok_or_else(|| no_id(row)),
            _ => Err(no_id(row)),
        });
        Ok(Self(Some(ids.collect::<Result<_, _>>()?)))
    }

    /// The ids, and nothing after them.
    pub fn next(&mut self) -> Option<Vec<String>> {
        self.0.take()
    }
}
