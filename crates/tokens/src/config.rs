//! The keys that a class takes from a configuration.

use modality_gap_weights::WeightsError;
use serde_json::{Map, Value};

use crate::declared::{CONFIG, Declared};
use crate::named::spelled;

/// A value of the configuration, or a part of `tokenizer.json`, that a class does not take.
pub(crate) enum Fault {
    Config(String),
    File(String),
}

pub(crate) type Parsed<T> = std::result::Result<T, Fault>;

impl Fault {
    pub fn of(self, declared: &Declared) -> WeightsError {
        match self {
            Self::Config(reason) => declared.bad(CONFIG, reason),
            Self::File(reason) => declared.bad("tokenizer.json", reason),
        }
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::File(reason)
    }
}

/// The keys that a class takes.
pub(crate) struct Config<'a> {
    pub map: &'a Map<String, Value>,
}

impl Config<'_> {
    /// The text of a token that the class needs.
    pub fn token(&self, key: &str) -> Parsed<String> {
        match spelled(self.map, key) {
            Some(token) => Ok(token.text().to_owned()),
            None => Err(self.wrong(key, "a token, which its tokenizer_class needs")),
        }
    }

    /// A flag that has to be one where it is given.
    pub fn flag(&self, key: &str, default: bool) -> Parsed<bool> {
        match self.map.get(key) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.wrong(key, "true or false")),
        }
    }

    /// A flag that `null` leaves open.
    pub fn flag_or_null(&self, key: &str) -> Parsed<Option<bool>> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.flag(key, false).map(Some),
        }
    }

    /// A flag that `null` turns off, as Python's `if` does.
    pub fn truth(&self, key: &str, default: bool) -> Parsed<bool> {
        match self.map.get(key) {
            Some(Value::Null) => Ok(false),
            _ => self.flag(key, default),
        }
    }

    fn wrong(&self, key: &str, expected: &str) -> Fault {
        let value = self.map.get(key).unwrap_or(&Value::Null);
        Fault::Config(format!("{key} is {value}; expected {expected}"))
    }
}
