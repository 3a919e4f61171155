//! Rows of numbers as text writes them: arrays of JSON, base64 of f32, arrays as NumPy prints them.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::fault::Fault;

/// Appends the numbers of a JSON value: an array, a text of one, or a text with the bytes of f32 in base64, as embedding services
/// give it. An array that holds one array stands for that one.
///
/// Numbers are read as f64 and rounded to f32, as `numpy.float32(json.loads(text))` does.
pub(super) fn of_json(value: &[u8], out: &mut Vec<f32>) -> Result<(), Fault> {
    let value = value.trim_ascii();
    match value {
        b"null" => Err(Fault::Null),
        // as databases with vectors answer
        [b'"', b'[', inner @ .., b']', b'"'] => list(inner.trim_ascii(), Between::Comma, out),
        [b'"', text @ .., b'"'] => of_base64(text, out),
        [b'[', inner @ .., b']'] => {
            let inner = inner.trim_ascii();
            match inner.first() {
                Some(b'[') => of_matrix(inner, out),
                _ => list(inner, Between::Comma, out),
            }
        }
        _ => Err(Fault::NoNumbers),
    }
}

/// Appends the numbers of a bracketed cell, with commas or blanks between them.
pub(super) fn of_cell(cell: &[u8], out: &mut Vec<f32>) -> Result<(), Fault> {
    let cell = cell.trim_ascii();
    let ([b'[', inner @ .., b']'] | [b'(', inner @ .., b')']) = cell else {
        return Err(if is_missing(cell) {
            Fault::Null
        } else {
            Fault::NoNumbers
        });
    };
    let inner = inner.trim_ascii();
    match inner.first() {
        Some(b'[') => of_matrix(inner, out),
        _ if inner.contains(&b',') => list(inner, Between::Comma, out),
        _ => list(inner, Between::Blank, out),
    }
}

/// The number of a cell; a missing one is `None`.
pub(super) fn of_scalar(cell: &[u8]) -> Result<Option<f32>, Fault> {
    let cell = cell.trim_ascii();
    if is_missing(cell) {
        return Ok(None);
    }
    number(cell).map(Some)
}

/// Whether a cell holds a number.
pub(super) fn is_number(cell: &[u8]) -> bool {
    matches!(of_scalar(cell), Ok(Some(_)))
}

/// Whether a cell holds something that is not a number.
pub(super) fn is_word(cell: &[u8]) -> bool {
    of_scalar(cell).is_err()
}

/// Whether a cell holds a number with a decimal comma.
pub(super) fn has_decimal_comma(cell: &[u8]) -> bool {
    let point = |&byte: &u8| if byte == b',' { b'.' } else { byte };
    cell.contains(&b',') && is_number(&cell.iter().map(point).collect::<Vec<u8>>())
}

/// What pandas and polars write, or read, for a value that is not there.
pub(super) fn is_missing(cell: &[u8]) -> bool {
    matches!(
        cell,
        b"" | b"null" | b"NULL" | b"None" | b"NA" | b"N/A" | b"#N/A" | b"<NA>"
    )
}

fn of_base64(text: &[u8], out: &mut Vec<f32>) -> Result<(), Fault> {
    const PADDED_OR_NOT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDED_OR_NOT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDED_OR_NOT);
    let is_url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if is_url_safe { URL_SAFE } else { STANDARD };
    let bytes = engine.decode(text).map_err(|_| Fault::NoNumbers)?;
    if bytes.len() % 4 != 0 || bytes.is_empty() {
        return Err(Fault::NoNumbers);
    }
    let components = bytes.chunks_exact(4);
    out.extend(components.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])));
    Ok(())
}

/// One row in an array of its own; several are not a row.
fn of_matrix(inner: &[u8], out: &mut Vec<f32>) -> Result<(), Fault> {
    match inner {
        [b'[', row @ .., b']'] if !row.contains(&b'[') => list(row.trim_ascii(), Between::Comma, out),
        _ => Err(Fault::Matrix),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Between {
    Comma,
    Blank,
}

fn list(inner: &[u8], between: Between, out: &mut Vec<f32>) -> Result<(), Fault> {
    if inner.is_empty() {
        return Ok(());
    }
    let separates = |byte: &u8| match between {
        Between::Comma => *byte == b',',
        Between::Blank => byte.is_ascii_whitespace(),
    };
    let parts = inner.split(separates).map(<[u8]>::trim_ascii);
    let parts = parts.filter(|part| between == Between::Comma || !part.is_empty());
    for (column, part) in parts.enumerate() {
        if part == b"null" || part == b"None" {
            return Err(Fault::NullComponent { column });
        }
        out.push(number(part)?);
    }
    Ok(())
}

fn number(part: &[u8]) -> Result<f32, Fault> {
    let text = std::str::from_utf8(part).map_err(|_| Fault::NoNumbers)?;
    let value: f64 = text.parse().map_err(|_| Fault::NoNumbers)?;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "rounded to the nearest f32, beyond its range to infinity"
    )]
    Ok(value as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Vec<f32>, Fault> {
        let mut out = Vec::new();
        of_json(text.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn arrays_are_rows_of_the_nearest_f32() {
        assert_eq!(json("[1, -2.5e-1,\n3]").unwrap(), [1.0, -0.25, 3.0]);
        assert_eq!(json(" [[0.1, 0.2]] ").unwrap(), [0.1, 0.2]);
        // 0x1.000001p0 lies halfway between two f32: f64 first, then to even
        assert_eq!(json("[1.000000059604644775390625]").unwrap(), [1.0]);
        assert!(json("[NaN, -Infinity]").unwrap()[0].is_nan());
        assert_eq!(json("[1e39]").unwrap(), [f32::INFINITY]);
        assert_eq!(json("[]").unwrap(), [0.0; 0]);
        // a column of pgvector
        assert_eq!(json("\"[0.5,-2]\"").unwrap(), [0.5, -2.0]);
    }

    #[test]
    fn base64_is_f32_in_little_endian() {
        // numpy.float32([1, -2]).tobytes()
        assert_eq!(json("\"AACAPwAAAMA=\"").unwrap(), [1.0, -2.0]);
        assert_eq!(json("\"AACAPwAAAMA\"").unwrap(), [1.0, -2.0]);
        // base64.urlsafe_b64encode(numpy.float32([1.9999999, -2]).tobytes())
        assert_eq!(json("\"____PwAAAMA=\"").unwrap(), [1.999_999_9, -2.0]);
        assert_eq!(json("\"AACAPw+_\""), Err(Fault::NoNumbers));
        assert_eq!(json("\"AACAPwA=\""), Err(Fault::NoNumbers));
        assert_eq!(json("\"a caption\""), Err(Fault::NoNumbers));
    }

    #[test]
    fn what_is_no_row_is_named() {
        assert_eq!(json("null"), Err(Fault::Null));
        assert_eq!(json("[1, null]"), Err(Fault::NullComponent { column: 1 }));
        assert_eq!(json("[[1], [2]]"), Err(Fault::Matrix));
        assert_eq!(json("[1, \"2\"]"), Err(Fault::NoNumbers));
        assert_eq!(json("[1,, 2]"), Err(Fault::NoNumbers));
        assert_eq!(json("{\"a\": 1}"), Err(Fault::NoNumbers));
    }

    #[test]
    fn cells_are_written_by_python_and_numpy() {
        let cell = |text: &str| {
            let mut out = Vec::new();
            of_cell(text.as_bytes(), &mut out).map(|()| out)
        };
        assert_eq!(cell("[0.5, 1]").unwrap(), [0.5, 1.0]);
        assert_eq!(cell("[ 0.5  1.\n -2.]").unwrap(), [0.5, 1.0, -2.0]);
        assert_eq!(cell("[0.5 ... 1.]"), Err(Fault::NoNumbers));
        assert_eq!(cell(""), Err(Fault::Null));
        assert_eq!(of_scalar(b" 2.5 "), Ok(Some(2.5)));
        assert_eq!(of_scalar(b""), Ok(None));
        assert_eq!(of_scalar(b"x"), Err(Fault::NoNumbers));
    }
}
