//! The header of an npy file: magic, version and a Python literal.

use std::io::Read;

use kernels::Dtype;

use crate::apart::Vector;
use crate::error::{Place, ShardError};
use crate::fault::Fault;
use crate::pool::Pool;
use crate::pooled::States;
use crate::row_shape::{RowShape, not_flat, row_shape};
use crate::rows::MAX_DIM;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// `NumPy` writes a few hundred bytes for a plain array; more is an attack or a structured type.
const MAX_HEADER: u32 = 1 << 20;

/// Stands for the shape of a structured array, which is refused by its type.
const STRUCTURED: [u64; 2] = [0, 1];

/// What the header of an npy file says, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub dtype: Dtype,
    /// Components are in the other byte order than this machine's.
    pub swapped: bool,
    pub fortran: bool,
    /// Leading length, 1 for two dimensions.
    pub lead: u64,
    pub rows: u64,
    pub dim: usize,
    /// Whether the array has three dimensions.
    pub three: bool,
    /// Bytes before the first component.
    pub data: u64,
    /// Bytes of all components.
    pub bytes: u64,
}

/// Reads the header from the start of an npy file.
pub(crate) fn read(reader: &mut impl Read, place: &Place) -> Result<Header, ShardError> {
    let (fields, data) = fields(reader, place)?;
    check(&fields, data, place)
}

/// An array of one row, and the position of its first component; why it is none.
pub(crate) fn read_vector(
    reader: &mut impl Read,
    place: &Place,
) -> Result<Result<(u64, Vector), Fault>, ShardError> {
    let (fields, data) = fields(reader, place)?;
    let ([dim] | [1, dim]) = fields.shape[..] else {
        return Ok(Err(Fault::Matrix));
    };
    let Ok((dtype, swapped)) = component(&fields.descr, place) else {
        return Ok(Err(Fault::NoFloats));
    };
    Ok(match usize::try_from(dim).ok().filter(|&dim| dim <= MAX_DIM) {
        Some(0) => Err(Fault::Width {
            found: 0,
            expected: 1,
        }),
        Some(dim) => {
            let stride = 1;
            Ok((
                data,
                Vector {
                    dim,
                    dtype,
                    swapped,
                    stride,
                },
            ))
        }
        None => Err(Fault::Matrix),
    })
}

/// What the header says, and the position of the first component.
fn fields(reader: &mut impl Read, place: &Place) -> Result<(Fields, u64), ShardError> {
    let bad = |reason: &str| ShardError::bad_format(place, reason);
    let mut fill = |buf: &mut [u8]| {
        reader.read_exact(buf).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => bad("ends inside the npy header"),
            _ => ShardError::from_read(place, e),
        })
    };
    let mut start = [0; 8];
    fill(&mut start)?;
    if !start.starts_with(MAGIC) {
        return Err(bad("is not an npy file: the magic bytes are missing"));
    }
    let (len, prefix) = match start[6] {
        1 => {
            let mut len = [0; 2];
            fill(&mut len)?;
            (u32::from(u16::from_le_bytes(len)), 10)
        }
        2 | 3 => {
            let mut len = [0; 4];
            fill(&mut len)?;
            (u32::from_le_bytes(len), 12)
        }
        version => return Err(bad(&format!("has npy version {version}, known are 1, 2 and 3"))),
    };
    if len > MAX_HEADER {
        return Err(bad(&format!("claims an npy header of {len} bytes")));
    }
    let mut text = vec![0; len as usize];
    fill(&mut text)?;
    let fields = Fields::parse(&text).ok_or_else(|| bad("has an npy header that cannot be read"))?;
    Ok((fields, prefix + u64::from(len)))
}

fn check(fields: &Fields, data: u64, place: &Place) -> Result<Header, ShardError> {
    let bad = |reason: String| ShardError::bad_format(place, reason);
    let none = fields.shape.contains(&0);
    // an array without rows has whatever type its maker had at hand
    let (dtype, swapped) = match component(&fields.descr, place) {
        Err(_) if none && fields.shape != STRUCTURED => (Dtype::F32, false),
        found => found?,
    };
    let RowShape { lead, rows, dim } = row_shape(&fields.shape, place)?;
    let bytes = (lead.checked_mul(rows))
        .and_then(|n| n.checked_mul((dim * dtype.size()) as u64))
        .filter(|bytes| bytes.checked_add(data).is_some())
        .ok_or_else(|| bad(format!("claims the impossible shape {:?}", fields.shape)))?;
    Ok(Header {
        dtype,
        swapped,
        fortran: fields.fortran,
        lead,
        rows,
        dim,
        three: fields.shape.len() == 3 && !none,
        data,
        bytes,
    })
}

impl Header {
    /// Checks that nothing stands behind the array: a file that was written to several times would lose rows in silence.
    pub fn check_end(&self, len: u64, name: &str, place: &Place) -> Result<(), ShardError> {
        let end = self.data + self.bytes;
        if end >= len {
            return Ok(());
        }
        let (more, rows) = (len - end, self.lead * self.rows);
        let reason = format!(
            "{name}holds {more} more bytes behind its array of {rows} rows, as several numpy.save into one file leave them; \
             save one array, numpy.concatenate(…)"
        );
        Err(ShardError::bad_format(place, reason))
    }

    /// The rows of an array of three dimensions without a leading index: where the first or the second has length one, or
    /// the second is pooled.
    ///
    /// # Errors
    /// `BAD_SELECTOR` for any other.
    pub fn flat(self, pool: Option<Pool>, place: &Place) -> Result<Self, ShardError> {
        match (self.three, self.lead, self.rows) {
            (true, 1, _) | (true, _, 1) if pool.is_none() || self.rows == 1 => Ok(Self {
                lead: 1,
                rows: self.lead * self.rows,
                three: false,
                ..self
            }),
            (true, lead, rows) if pool.is_none() => Err(not_flat([lead, rows, self.dim as u64], true, place)),
            _ => Ok(self),
        }
    }

    /// The states of each row, where they are pooled.
    pub fn states(&self, pool: Option<Pool>) -> States {
        pool.filter(|_| self.three).map(|pool| (self.rows, pool))
    }
}

/// Storage type and byte order of a `descr` such as `<f2`.
fn component(descr: &str, place: &Place) -> Result<(Dtype, bool), ShardError> {
    let (order, kind) = match descr.split_at_checked(1) {
        Some((order @ ("<" | ">" | "=" | "|"), kind)) => (order, kind),
        _ => ("=", descr),
    };
    let dtype = match kind {
        "f2" => Dtype::F16,
        "f4" => Dtype::F32,
        "f8" => Dtype::F64,
        // what NumPy makes of ml_dtypes' bfloat16; a void of two bytes has no byte order
        "V2" if order != "|" => Dtype::Bf16,
        "V2" => {
            let reason = "holds components of two bytes without a type (\"|V2\"); if they are bfloat16, save \
                          x.view(ml_dtypes.bfloat16), x.astype(numpy.float32) or a safetensors file";
            return Err(ShardError::unsupported(place, reason));
        }
        _ if kind.starts_with('O') => {
            let reason =
                "holds Python objects (dtype object), which are never loaded; save a float array instead";
            return Err(ShardError::bad_format(place, reason));
        }
        _ => {
            let reason = format!(
                "holds components of type {descr:?}; f2, f4, f8 and bfloat16 are read: save x.astype(numpy.float32)"
            );
            return Err(ShardError::unsupported(place, reason));
        }
    };
    let foreign = if cfg!(target_endian = "little") { ">" } else { "<" };
    Ok((dtype, order == foreign))
}

/// The three keys of the header's dictionary.
#[derive(Debug, PartialEq, Eq)]
struct Fields {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
}

impl Fields {
    /// Parses `{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), }`; a structured `descr` keeps its text.
    fn parse(text: &[u8]) -> Option<Self> {
        let mut literal = Literal(std::str::from_utf8(text).ok()?);
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        literal.expect('{')?;
        while !literal.accept('}') {
            let key = literal.string()?;
            literal.expect(':')?;
            match key {
                "descr" if literal.peek('[') => return literal.structured(),
                "descr" => descr = Some(literal.string()?.to_owned()),
                "fortran_order" => fortran = Some(literal.boolean()?),
                "shape" => shape = Some(literal.tuple()?),
                _ => return None,
            }
            if !literal.accept(',') && !literal.peek('}') {
                return None;
            }
        }
        Some(Self {
            descr: descr?,
            fortran: fortran?,
            shape: shape?,
        })
    }
}

/// What is left of a Python literal.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn peek(&mut self, c: char) -> bool {
        self.0 = self.0.trim_start();
        self.0.starts_with(c)
    }

    fn accept(&mut self, c: char) -> bool {
        let found = self.peek(c);
        if found {
            self.0 = &self.0[c.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, c: char) -> Option<()> {
        self.accept(c).then_some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let quote = if self.accept('\'') {
            '\''
        } else {
            self.expect('"').map(|()| '"')?
        };
        let (text, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(text)
    }

    fn boolean(&mut self) -> Option<bool> {
        let value = if self.peek('T') {
            ("True", true)
        } else {
            ("False", false)
        };
        self.0 = self.0.strip_prefix(value.0)?;
        Some(value.1)
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        let mut items = Vec::new();
        self.expect('(')?;
        while !self.accept(')') {
            self.0 = self.0.trim_start();
            let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
            items.push(self.0[..end].parse().ok()?);
            // Python 2 wrote long integers as 3L
            self.0 = self.0[end..].trim_start_matches('L');
            if items.len() > 32 || (!self.accept(',') && !self.peek(')')) {
                return None;
            }
        }
        Some(items)
    }

    /// A record type: kept by its text so that the error can name it.
    fn structured(&self) -> Option<Fields> {
        let end = self.0.find(']')?;
        Some(Fields {
            descr: self.0[..=end].to_owned(),
            fortran: false,
            shape: STRUCTURED.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, text: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        if version == 1 {
            bytes.extend((text.len() as u16).to_le_bytes());
        } else {
            bytes.extend((text.len() as u32).to_le_bytes());
        }
        bytes.extend(text.as_bytes());
        bytes
    }

    fn parsed(text: &str) -> Result<Header, ShardError> {
        read(&mut file(1, text).as_slice(), &Place::MEMORY)
    }

    #[test]
    fn every_version_is_read() {
        for version in 1..=3 {
            let text = "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), }          \n";
            let header = read(&mut file(version, text).as_slice(), &Place::MEMORY).unwrap();
            assert_eq!(
                (header.dtype, header.fortran, header.rows, header.dim),
                (Dtype::F16, false, 3, 4)
            );
            assert_eq!(header.bytes, 24);
        }
        assert!(read(&mut file(9, "{}").as_slice(), &Place::MEMORY).is_err());
    }

    #[test]
    fn keys_stand_in_any_order_and_long_integers_are_python_2() {
        let header = parsed("{\"shape\": (2L, 3L), 'fortran_order': True, 'descr': '>f8'}").unwrap();
        assert_eq!(
            (header.rows, header.dim, header.fortran, header.swapped),
            (2, 3, true, cfg!(target_endian = "little"))
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "{",
            "{'descr'",
            "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (3, 4)}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, -4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 18446744073709551615)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}",
            "{'descr': '|O', 'fortran_order': False, 'shape': (4, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), 'code': 'x'}",
        ] {
            assert_eq!(parsed(text).unwrap_err().code(), "BAD_FORMAT", "{text}");
        }
    }

    #[test]
    fn other_types_are_named() {
        for descr in ["'<i4'", "'|V2'", "'<f16'", "[('a', '<f4')]", "'<c8'"] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (4, 4)}}");
            let error = parsed(&text).unwrap_err();
            assert_eq!(error.code(), "UNSUPPORTED", "{descr}");
            assert!(error.to_string().contains(descr.trim_matches('\'')), "{error}");
        }
    }

    #[test]
    fn a_header_length_is_checked_before_it_is_allocated() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([2, 0, 0xff, 0xff, 0xff, 0xff]);
        let error = read(&mut bytes.as_slice(), &Place::MEMORY).unwrap_err();
        assert!(error.to_string().contains("4294967295"), "{error}");
    }
}
