//! Values of JSON records by their keys.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::names::{is_called_row, is_no_row};
use super::numbers;

/// Keys within keys that are looked at for rows.
const MAX_DEPTH: usize = 6;
/// Most keys of an object that are looked at for values that are missing.
const MAX_KEYS: usize = 100;

/// What stands under a path of keys in the record; `None` when nothing does. The last of several equal keys counts, as in
/// Python.
///
/// # Errors
/// When the record is not JSON.
pub(super) fn value_at<'a>(record: &'a [u8], path: &[String]) -> serde_json::Result<Option<&'a [u8]>> {
    let mut json = serde_json::Deserializer::from_slice(record);
    let found = At(path).deserialize(&mut json)?;
    json.end()?;
    Ok(found.map(|raw| raw.get().as_bytes()))
}

/// A number outside of any number's range, which no row may hold.
pub(super) const BEYOND: &[u8] = b"9e999";
/// A number where none matters.
pub(super) const ANY: &[u8] = b"0";

/// The record with `number` for those that JSON has no words for, as Python writes them.
pub(super) fn with_words<'r>(record: &'r [u8], number: &[u8]) -> Cow<'r, [u8]> {
    const WORDS: [&[u8]; 2] = [b"NaN", b"Infinity"];
    let (mut out, mut quoted, mut escaped, mut at) = (Vec::new(), false, false, 0);
    while at < record.len() {
        let word = WORDS
            .iter()
            .find(|word| !quoted && record[at..].starts_with(word));
        if let Some(word) = word {
            out.extend_from_slice(number);
            at += word.len();
            continue;
        }
        match record[at] {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => {}
        }
        out.push(record[at]);
        at += 1;
    }
    out.into()
}

/// A step of a path into a list that holds one element in every record.
pub(super) const ONLY: &str = "*";

/// Whether the record is JSON, but a list of one element has more of them.
pub(super) fn is_several(error: &serde_json::Error) -> bool {
    error.is_data()
}

/// Paths under which the record has rows of numbers: those of fewest keys.
pub(super) fn row_paths(record: &Value) -> Vec<Vec<String>> {
    let mut level: Vec<(Vec<String>, &Value)> = vec![(Vec::new(), record)];
    for _ in 0..MAX_DEPTH {
        let mut below = Vec::new();
        for (path, value) in level {
            let step = |key: &str| [&path[..], &[key.to_owned()]].concat();
            match value {
                Value::Object(map)
                    if is_flat_tensor(map) || !path.is_empty() && other_kind(map).is_some() => {}
                Value::Object(map) => below.extend(map.iter().map(|(key, value)| (step(key), value))),
                // answers of services in batches: a list of one
                Value::Array(items) if items.len() == 1 && items[0].is_object() => {
                    below.push((step(ONLY), &items[0]));
                }
                _ => {}
            }
        }
        let rows: Vec<&(Vec<String>, &Value)> =
            below.iter().filter(|(path, value)| is_row(path, value)).collect();
        let rows: Vec<Vec<String>> = rows
            .iter()
            .filter(|(path, value)| !is_beside(path, value, &rows))
            .map(|(path, _)| path.clone())
            .collect();
        if !rows.is_empty() {
            return rows;
        }
        level = below;
    }
    Vec::new()
}

/// Where the record holds a list of several records that have rows, as answers of services to several inputs do.
pub(super) fn batch_path(record: &Value) -> Option<Vec<String>> {
    let mut level: Vec<(Vec<String>, &Value)> = vec![(Vec::new(), record)];
    for _ in 0..MAX_DEPTH {
        let mut below = Vec::new();
        for (path, value) in level {
            match value {
                Value::Array(items) if items.len() > 1 && items.iter().all(holds_row) => return Some(path),
                Value::Object(map) => {
                    below.extend(
                        map.iter()
                            .map(|(key, value)| ([&path[..], std::slice::from_ref(key)].concat(), value)),
                    );
                }
                _ => {}
            }
        }
        level = below;
    }
    None
}

fn holds_row(item: &Value) -> bool {
    match item {
        Value::Array(_) => is_row(&[], item),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| is_row(std::slice::from_ref(key), value)),
        _ => false,
    }
}

const TENSOR: &str = "a tensor; write its rows as arrays, tensor.tolist()";

/// What an object is that holds numbers in a form of its own, with what to write in its place.
pub(super) fn other_kind(map: &Map<String, Value>) -> Option<&'static str> {
    let shape = ["dims", "shape"].iter().find_map(|key| map.get(*key)?.as_array());
    let rows = |shape: &Vec<Value>| {
        let before = &shape[..shape.len().saturating_sub(1)];
        before.iter().filter_map(Value::as_u64).product::<u64>()
    };
    let is_list = |key: &str| map.get(key).is_some_and(Value::is_array);
    if map.get("type").and_then(Value::as_str) == Some("Buffer") && is_list("data") {
        return Some("the bytes of a Buffer; write its numbers, Array.from(new Float32Array(…))");
    }
    let is_typed = ["type", "dtype"]
        .iter()
        .any(|key| map.get(*key).is_some_and(Value::is_string));
    match shape.filter(|_| is_typed) {
        Some(shape) if !is_list("data") || rows(shape) != 1 => {
            return Some(TENSOR);
        }
        _ => {}
    }
    let numbered = map.len() > 1
        && ["0", "1"]
            .iter()
            .all(|key| map.get(*key).is_some_and(Value::is_number));
    numbered.then_some("an object of numbers, as JSON has an array with a type; write Array.from(…)")
}

/// Whether an object holds the numbers of a tensor of several rows one after another.
fn is_flat_tensor(map: &Map<String, Value>) -> bool {
    let Some(shape) = ["dims", "shape"].iter().find_map(|key| map.get(*key)?.as_array()) else {
        return false;
    };
    let size = |axes: &[Value]| axes.iter().filter_map(Value::as_u64).product::<u64>();
    let numbers = map.get("data").and_then(Value::as_array);
    shape.len() > 1
        && size(&shape[..shape.len() - 1]) > 1
        && numbers.is_some_and(|numbers| numbers.len() as u64 == size(shape))
}

/// What a record is that holds its numbers in a form of its own.
pub(super) fn record_kind(map: &Map<String, Value>) -> Option<&'static str> {
    if is_flat_tensor(map) {
        return Some(TENSOR);
    }
    other_kind(map).filter(|_| map.contains_key("0"))
}

/// Arrays of numbers of the record that are no rows unless they are chosen.
pub(super) fn other_arrays(record: &Value) -> impl Iterator<Item = &str> {
    let map = record.as_object().into_iter().flatten();
    map.filter(|(key, value)| is_no_row(key) && is_array_of_numbers(value))
        .map(|(key, _)| key.as_str())
}

/// Keys of a record where others may have rows: their value is null or holds nothing.
pub(super) fn open_keys(record: &Value) -> Vec<String> {
    let open = |key: &str, value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(Value::is_null) && (is_called_row(key) || !items.is_empty()),
        _ => false,
    };
    let map = record.as_object().into_iter().flatten().take(MAX_KEYS);
    map.filter(|(key, value)| open(key, value))
        .map(|(key, _)| key.clone())
        .collect()
}

/// Whether the value of a key is still nothing in this record.
pub(super) fn is_open(record: &Value, key: &str) -> bool {
    match record.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.iter().all(Value::is_null),
        Some(_) => false,
    }
}

fn is_array_of_numbers(value: &Value) -> bool {
    let Some(items) = value.as_array() else {
        return false;
    };
    let items = match &items[..] {
        [Value::Array(inner)] => inner,
        _ => items,
    };
    items.iter().any(Value::is_number) && items.iter().all(|item| item.is_number() || item.is_null())
}

fn is_row(path: &[String], value: &Value) -> bool {
    let name = path.last();
    match value {
        _ if name.is_some_and(|name| is_no_row(name)) => false,
        Value::Array(_) => is_array_of_numbers(value),
        // a word of letters is base64, too
        Value::String(text) if name.is_some_and(|name| is_called_row(name)) => {
            numbers::of_json(format!("\"{text}\"").as_bytes(), &mut Vec::new()).is_ok()
        }
        _ => false,
    }
}

/// Whether a text is another form, or the source, of an array of rows, by its name: `embedding_text` beside `embedding`.
fn is_beside(path: &[String], value: &Value, rows: &[&(Vec<String>, &Value)]) -> bool {
    let (Value::String(_), Some(name)) = (value, path.last()) else {
        return false;
    };
    let arrays = rows.iter().filter(|(_, value)| value.is_array());
    let mut names = arrays.filter_map(|(path, _)| path.last());
    names.any(|array| {
        let rest = name.strip_prefix(array.as_str());
        is_called_row(array) && rest.is_some_and(|rest| rest.starts_with(|c: char| !c.is_lowercase()))
    })
}

/// Whether what stands under a path may be a word that happens to be base64.
pub(super) fn may_be_word(record: &Value, path: &[String]) -> bool {
    /// Characters of sixteen numbers.
    const FEW: usize = 86;
    let found = path.iter().try_fold(record, |value, key| match value {
        Value::Array(items) => items.first(),
        other => other.get(key),
    });
    let text = found.and_then(Value::as_str);
    text.is_some_and(|text| !text.starts_with('[') && text.len() < FEW)
}

/// Finds the value under a path.
struct At<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            <&RawValue>::deserialize(json).map(Some)
        } else {
            json.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if key.0 == self.0[0] {
                found = map.next_value_seed(At(&self.0[1..]))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        if self.0[0] == ONLY {
            let found = items.next_element_seed(At(&self.0[1..]))?;
            return match items.next_element::<IgnoredAny>()? {
                None => Ok(found.flatten()),
                Some(_) => Err(A::Error::custom("there is more than one")),
            };
        }
        let wanted: Option<usize> = self.0[0].parse().ok();
        let (mut found, mut index) = (None, 0);
        loop {
            if wanted == Some(index) {
                match items.next_element_seed(At(&self.0[1..]))? {
                    Some(value) => found = value,
                    None => return Ok(found),
                }
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            index += 1;
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A key, borrowed from the record unless it is written with escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(record: &str, path: &[&str]) -> Option<String> {
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        let found = value_at(record.as_bytes(), &path).unwrap();
        found.map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn values_are_found_by_their_keys() {
        let record = r#"{"a": {"b": [{"c": [1, 2]}]}, "é\"": 3, "a2": 1, "twice": 1, "twice": [2]}"#;
        assert_eq!(at(record, &["a", "b", "0", "c"]).unwrap(), "[1, 2]");
        assert_eq!(at(record, &["é\""]).unwrap(), "3");
        assert_eq!(at(record, &["twice"]).unwrap(), "[2]");
        for missing in [&["b"][..], &["a", "c"], &["a2", "x"], &["a", "b", "1"]] {
            assert_eq!(at(record, missing), None, "{missing:?}");
        }
        assert_eq!(at(record, &["a", "b", "*", "c"]).unwrap(), "[1, 2]");
        assert_eq!(at(r#"{"a": []}"#, &["a", "*", "c"]), None);
        let path = ["a", "*"].map(str::to_owned);
        assert!(is_several(&value_at(b"{\"a\": [1, 2]}", &path).unwrap_err()));
        assert!(!is_several(&value_at(b"{\"a\": [1}", &path).unwrap_err()));
        assert_eq!(at("[1]", &[]).unwrap(), "[1]");
        for wrong in ["{\"a\": 1", "{\"a\": 1} x", "{\"b\": [1,]}", ""] {
            assert!(value_at(wrong.as_bytes(), &["a".to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_of_python_become_numbers_out_of_range() {
        let record = br#"{"NaN \" Infinity": [NaN, -Infinity, 1]}"#;
        assert_eq!(
            with_words(record, BEYOND).as_ref(),
            br#"{"NaN \" Infinity": [9e999, -9e999, 1]}"#
        );
    }

    #[test]
    fn rows_are_the_arrays_of_numbers_nearest_to_the_root() {
        let paths = |record: &str| {
            let record: Value = serde_json::from_str(record).unwrap();
            row_paths(&record)
                .into_iter()
                .map(|path| path.join("."))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            paths(r#"{"id": [], "embedding": [1, null], "tags": ["a"], "meta": {"vector": [1]}}"#),
            ["embedding"]
        );
        // an answer of OpenAI's batch interface
        assert_eq!(
            paths(r#"{"response": {"body": {"data": [{"embedding": [1.5], "index": 0}]}}}"#),
            ["response.body.data.*.embedding"]
        );
        let answers = r#"{"response": {"body": {"data": [{"embedding": [1.5]}, {"embedding": [2.5]}]}}}"#;
        assert_eq!(paths(answers), [""; 0]);
        let answers: Value = serde_json::from_str(answers).unwrap();
        assert_eq!(batch_path(&answers).unwrap().join("."), "response.body.data");
        assert_eq!(
            paths(r#"{"caption": "abcd", "embedding": "AACAPwAAAMA="}"#),
            ["embedding"]
        );
        assert_eq!(
            paths(r#"{"embedding_tokens": "[101, 102]", "embedding": [1, 2], "score": [3]}"#),
            ["embedding", "score"]
        );
        assert_eq!(
            paths(r#"{"embedding": "[101, 102]", "score": [3], "embedding_ms": [2]}"#),
            ["embedding", "embedding_ms", "score"]
        );
        let tensor = r#"{"dims": [2, 2], "data": [1, 2, 3, 4], "type": "float32"}"#;
        assert_eq!(paths(tensor), [""; 0]);
        assert_eq!(paths(&tensor.replace("[2, 2]", "[1, 4]")), ["data"]);
        assert_eq!(paths(&tensor.replace("[2, 2]", "[640, 480]")), ["data"]);
    }
}
