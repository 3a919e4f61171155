//! Keys of a JSON object in a model's folder; a value that is not what the key takes is an error that names both.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{EncoderError, Result};

/// Largest size that a configuration may ask for; what it sizes is compared with the weights besides.
const MAX_SIZE: u64 = 1 << 24;

/// An object of a file, with the words that lead to it.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    file: PathBuf,
    /// `text_config.`, or nothing for the file's own object.
    at: &'static str,
    map: Map<String, Value>,
}

impl Keys {
    /// The object that a file holds.
    pub fn open(file: &Path) -> Result<Self> {
        Self::parse(file, &modality_gap_weights::text(file)?)
    }

    /// The object that a file holds, or `None` without the file.
    pub fn open_if_there(file: &Path) -> Result<Option<Self>> {
        let text = modality_gap_weights::text_if_there(file)?;
        text.map(|text| Self::parse(file, &text)).transpose()
    }

    fn parse(file: &Path, text: &str) -> Result<Self> {
        let map = serde_json::from_str(text).map_err(|error| EncoderError::BadModel {
            file: file.to_owned(),
            reason: format!("it holds no JSON object: {error}"),
        })?;
        Ok(Self::of(file, map))
    }

    /// An object that was put together of files, `file` among them.
    pub fn of(file: &Path, map: Map<String, Value>) -> Self {
        Self {
            file: file.to_owned(),
            at: "",
            map,
        }
    }

    /// The object under `key`, `at` being the key with a point behind it; an empty one where there is none.
    pub fn object(&self, key: &str, at: &'static str) -> Result<Self> {
        let map = match self.get(key) {
            None => Map::new(),
            Some(Value::Object(map)) => map.clone(),
            Some(other) => return Err(self.wrong(key, other, "an object")),
        };
        Ok(Self {
            file: self.file.clone(),
            at,
            map,
        })
    }

    /// A value; `null` counts as absent, as in `transformers`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Every key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.map.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// A whole number above 0.
    pub fn size(&self, key: &str, default: usize) -> Result<usize> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => whole(value).ok_or_else(|| {
                let expected = format!("a whole number from 1 to {MAX_SIZE}");
                self.wrong(key, value, &expected)
            }),
        }
    }

    /// A token's number, or `None` without one.
    pub fn token(&self, key: &str) -> Result<Option<u32>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let token = value.as_u64().and_then(|token| u32::try_from(token).ok());
        token
            .map(Some)
            .ok_or_else(|| self.wrong(key, value, "a token's number"))
    }

    /// A finite number above 0.
    pub fn positive(&self, key: &str, default: f64) -> Result<f64> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|number| *number > 0.0 && number.is_finite())
                .ok_or_else(|| self.wrong(key, value, "a number above 0")),
        }
    }

    /// Whether a key is there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// Whether a key is there and `null`.
    pub fn is_null(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(Value::is_null)
    }

    /// A flag that `null` turns off, as Python's `if` does.
    pub fn truth(&self, key: &str, default: bool) -> Result<bool> {
        self.flag(key, default && !self.is_null(key))
    }

    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.wrong(key, value, "true or false")),
        }
    }

    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.as_str() {
                Some(text) => Ok(Some(text)),
                None => Err(self.wrong(key, value, "a text")),
            },
        }
    }

    /// Refuses a key whose value changes rows in a way that is not computed here.
    pub fn only(&self, key: &str, read: &[Value]) -> Result<()> {
        match self.get(key) {
            Some(value) if !read.contains(value) => {
                let read: Vec<String> = read.iter().map(Value::to_string).collect();
                Err(self.bad(format!(
                    "{}{key} is {value}; only {} is read",
                    self.at,
                    read.join(" or ")
                )))
            }
            _ => Ok(()),
        }
    }

    /// `key` has a value that it cannot have.
    pub fn wrong(&self, key: &str, value: &Value, expected: &str) -> EncoderError {
        self.bad(format!(
            "{}{key} is {}; expected {expected}",
            self.at,
            shown(value)
        ))
    }

    pub fn bad(&self, reason: impl Into<String>) -> EncoderError {
        EncoderError::BadModel {
            file: self.file.clone(),
            reason: reason.into(),
        }
    }
}

/// A whole number above 0 that a size may have.
pub(super) fn whole(value: &Value) -> Option<usize> {
    let number = value.as_u64().filter(|number| (1..=MAX_SIZE).contains(number));
    number.and_then(|number| usize::try_from(number).ok())
}

/// A value of a file as it stands in a message.
fn shown(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
