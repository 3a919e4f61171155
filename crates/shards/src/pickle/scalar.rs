//! NumPy scalars, as they stand in records whose values came out of arrays: `np.int64(7)`, `np.float32(0.5)`, `np.str_('a')`.

use half::f16;
use kernels::Dtype;

use super::machine::{Keep, Machine};
use super::read::latin1;
use super::value::{Kind, Value};
use crate::error::ShardError;

/// Most bytes of a scalar that are looked at; longer texts are passed over.
const MAX_BYTES: u32 = 32 << 10;

impl Machine {
    /// The Python value of a scalar of component type `descr` with these bytes; opaque when it has none.
    pub(super) fn scalar(&mut self, descr: u16, data: &Value) -> Result<Value, ShardError> {
        let descr = self.descrs[usize::from(descr)];
        let textual = matches!(descr.kind, Kind::Unicode | Kind::Bytes);
        if textual && self.keep == Keep::Rows {
            return Ok(Value::Opaque);
        }
        let (at, encoded) = match *data {
            Value::Bytes(at) | Value::OldText(at) => (at, false),
            Value::Encoded(at) => (at, true),
            _ => return Ok(Value::Opaque),
        };
        if at.len > MAX_BYTES {
            return Ok(Value::Opaque);
        }
        let here = self.cursor.position();
        self.cursor.seek(at.offset);
        let mut bytes = self.cursor.take(at.len as usize)?.to_vec();
        self.cursor.seek(here);
        if encoded {
            match latin1(&bytes) {
                Some(decoded) => bytes = decoded,
                None => return Ok(Value::Opaque),
            }
        }
        let little = descr.order == b'<' || (descr.order != b'>' && cfg!(target_endian = "little"));
        let value = match descr.kind {
            Kind::Unicode => utf32(&bytes, little).map(Value::Owned),
            Kind::Bytes => String::from_utf8(trimmed(&bytes).to_vec()).ok().map(Value::Owned),
            Kind::Bool => bytes.first().map(|&byte| Value::Bool(byte != 0)),
            kind => {
                if !little {
                    bytes.reverse();
                }
                number(kind, &bytes)
            }
        };
        Ok(value.unwrap_or(Value::Opaque))
    }
}

/// The number of some little-endian bytes.
fn number(kind: Kind, bytes: &[u8]) -> Option<Value> {
    match kind {
        Kind::Signed | Kind::Unsigned if matches!(bytes.len(), 1..=8) => {
            let negative = kind == Kind::Signed && bytes.last().is_some_and(|&byte| byte >= 0x80);
            let mut wide = [if negative { 0xff } else { 0 }; 16];
            wide[..bytes.len()].copy_from_slice(bytes);
            let value = i128::from_le_bytes(wide);
            // what exceeds 64 bits with a sign is written as its digits
            Some(i64::try_from(value).map_or_else(|_| Value::Owned(value.to_string()), Value::Int))
        }
        Kind::Float(Dtype::F16) => Some(Value::Float(f16::from_le_bytes(bytes.try_into().ok()?).to_f64())),
        Kind::Float(Dtype::F32) => Some(Value::Float(f32::from_le_bytes(bytes.try_into().ok()?).into())),
        Kind::Float(Dtype::F64) => Some(Value::Float(f64::from_le_bytes(bytes.try_into().ok()?))),
        _ => None,
    }
}

fn utf32(bytes: &[u8], little: bool) -> Option<String> {
    let code = |four: &[u8]| {
        let four = [four[0], four[1], four[2], four[3]];
        if little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        }
    };
    let text: Option<String> = bytes
        .chunks_exact(4)
        .map(|four| char::from_u32(code(four)))
        .collect();
    Some(text?.trim_end_matches('\0').to_owned())
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    &bytes[..end]
}
