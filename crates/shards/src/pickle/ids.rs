//! Ids of pickled records.

use super::cursor::Cursor;
use super::machine::{Keep, Machine};
use super::read::keys_of;
use super::value::{At, Value};
use crate::error::ShardError;
use crate::id_column::IdColumn;
use crate::input::Input;
use crate::table::float_id;

/// Ids that are given at once.
const BATCH: usize = 4096;

/// The values of one key, record by record.
pub(crate) struct PickleIds {
    machine: Machine,
    /// Reads strings where they stand: new ones, and those that stood in earlier records.
    strings: Cursor,
    earlier: Cursor,
    key: String,
    longest: u32,
    row: u64,
}

impl PickleIds {
    /// Opens the values of the key that is named, or of the first usual one that the first record has.
    pub fn open(input: Input, column: &IdColumn<'_>) -> Result<Self, ShardError> {
        let key = match column.name {
            Some(name) => name.to_owned(),
            None => usual_key(&input, column)?,
        };
        Ok(Self {
            machine: Machine::new(input.clone(), &key, Keep::Key)?,
            strings: Cursor::new(input.clone()),
            earlier: Cursor::new(input),
            key,
            longest: column.longest(),
            row: 0,
        })
    }

    /// The next ids, or `None` after the last.
    pub fn next(&mut self) -> Result<Option<Vec<String>>, ShardError> {
        let mut ids = Vec::new();
        while ids.len() < BATCH {
            let Some(record) = self.machine.next()? else { break };
            ids.push(self.id(record.embed.as_ref())?);
            self.row += 1;
        }
        Ok(Some(ids).filter(|ids| !ids.is_empty()))
    }

    fn id(&mut self, value: Option<&Value>) -> Result<String, ShardError> {
        match value {
            Some(Value::Text(at, _) | Value::OldText(at) | Value::Bytes(at)) if at.len <= self.longest => {
                let text = String::from_utf8(self.bytes(*at)?.to_vec());
                text.map_err(|_| self.bad("is not UTF-8"))
            }
            Some(Value::Owned(text)) => Ok(text.clone()),
            Some(Value::Int(number)) => Ok(number.to_string()),
            Some(Value::Long(at)) if at.len <= self.longest => Ok(decimal(self.bytes(*at)?)),
            Some(Value::Float(number)) => float_id(*number).map_err(|reason| self.bad(&reason)),
            Some(Value::Opaque) => {
                Err(self.bad("is one object with something else in the file: save copies (copy.deepcopy)"))
            }
            Some(_) => Err(self.bad("is neither short text nor number")),
            None => Err(self.bad("is missing")),
        }
    }

    fn bytes(&mut self, at: At) -> Result<&[u8], ShardError> {
        // going back must not cost the other one its window
        let cursor = if at.offset < self.strings.start() {
            &mut self.earlier
        } else {
            &mut self.strings
        };
        cursor.seek(at.offset);
        cursor.take(at.len as usize)
    }

    fn bad(&self, what: &str) -> ShardError {
        let reason = format!("{:?} of record {} {what}", self.key, self.row);
        ShardError::bad_record(self.strings.input.place(), self.row, reason)
    }
}

/// The first usual key that the first record has; an empty list has none, and no ids.
fn usual_key(input: &Input, column: &IdColumn<'_>) -> Result<String, ShardError> {
    let keys = keys_of(input, "", 1)?;
    let found = column
        .usual
        .iter()
        .find(|name| keys.iter().any(|key| key == *name));
    if let Some(name) = found {
        return Ok((*name).to_owned());
    }
    if keys.is_empty() {
        return Ok(String::new());
    }
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    Err(column.missing(input.place(), &names))
}

/// A little-endian integer in two's complement, in decimal digits.
fn decimal(bytes: &[u8]) -> String {
    let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
    // the magnitude, as bytes of base 256
    let mut carry = u16::from(negative);
    let mut magnitude: Vec<u8> = bytes
        .iter()
        .map(|&byte| {
            let sum = u16::from(if negative { !byte } else { byte }) + carry;
            carry = sum >> 8;
            sum as u8
        })
        .collect();
    let mut digits = Vec::new();
    while magnitude.iter().any(|&byte| byte != 0) {
        let mut rest = 0_u16;
        for byte in magnitude.iter_mut().rev() {
            let value = rest << 8 | u16::from(*byte);
            *byte = (value / 10) as u8;
            rest = value % 10;
        }
        digits.push(b'0' + rest as u8);
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    if negative {
        digits.push(b'-');
    }
    digits.iter().rev().map(|&digit| char::from(digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_any_length_keep_every_digit() {
        for number in [
            0_i128,
            1,
            -1,
            255,
            -256,
            i128::from(u64::MAX),
            -(1 << 80),
            i128::MAX,
            i128::MIN + 1,
        ] {
            assert_eq!(decimal(&number.to_le_bytes()), number.to_string());
        }
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[0xff]), "-1");
    }
}
