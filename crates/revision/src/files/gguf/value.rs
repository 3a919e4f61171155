//! Metadata of a GGUF file.

use std::collections::BTreeMap;

/// A metadata value. Integers of every width are one kind, and so are floats.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// i128 holds u64 and i64 alike.
    Int(i128),
    Float(f64),
    Bool(bool),
    Text(String),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Texts(Vec<String>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::Text(_) => "text",
            Self::Ints(_) => "a list of integers",
            Self::Floats(_) => "a list of numbers",
            Self::Texts(_) => "a list of texts",
        }
    }
}

/// Values by key. Getters answer `None` for an absent key and a reason for a value of the wrong kind.
#[derive(Debug, Default)]
pub(crate) struct Metadata(pub BTreeMap<String, Value>);

type Asked<T> = Result<Option<T>, String>;

impl Metadata {
    pub fn size(&self, key: &str) -> Asked<usize> {
        self.ask(key, "a count", |value| match value {
            Value::Int(n) => usize::try_from(*n).ok(),
            _ => None,
        })
    }

    pub fn number(&self, key: &str) -> Asked<f64> {
        self.ask(key, "a number", |value| match value {
            Value::Float(number) => Some(*number),
            Value::Int(number) => Some(*number as f64),
            _ => None,
        })
    }

    pub fn flag(&self, key: &str) -> Asked<bool> {
        self.ask(key, "a boolean", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    pub fn text(&self, key: &str) -> Asked<&str> {
        self.ask(key, "text", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub fn texts(&self, key: &str) -> Asked<&[String]> {
        self.ask(key, "a list of texts", |value| match value {
            Value::Texts(texts) => Some(texts.as_slice()),
            _ => None,
        })
    }

    pub fn ints(&self, key: &str) -> Asked<&[i64]> {
        self.ask(key, "a list of integers", |value| match value {
            Value::Ints(ints) => Some(ints.as_slice()),
            _ => None,
        })
    }

    pub fn floats(&self, key: &str) -> Asked<&[f32]> {
        self.ask(key, "a list of numbers", |value| match value {
            Value::Floats(floats) => Some(floats.as_slice()),
            _ => None,
        })
    }

    fn ask<'a, T>(&'a self, key: &str, wanted: &str, read: impl Fn(&'a Value) -> Option<T>) -> Asked<T> {
        let Some(value) = self.0.get(key) else {
            return Ok(None);
        };
        let found = read(value).ok_or_else(|| format!("{key} is {}, not {wanted}", value.kind()))?;
        Ok(Some(found))
    }
}
