//! What the records consist of.

use kernels::Dtype;

use crate::error::Place;
use crate::error::ShardError;

/// Bytes in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub offset: u64,
    pub len: u32,
}

/// Strings that mean something to the reader; all others are only copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The key of the rows, `embed` unless chosen otherwise.
    Key,
    /// Part of a global's name, or of an array's description.
    Known,
    Other,
}

/// Callables of the allow-list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    Reconstruct,
    FromBuffer,
    Ndarray,
    Dtype,
    Encode,
}

impl Global {
    /// The global of that name under `NumPy` 1 and 2.
    pub fn from_name(module: &[u8], name: &[u8]) -> Option<Self> {
        match (module, name) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => {
                Some(Self::Reconstruct)
            }
            (b"numpy.core.numeric" | b"numpy._core.numeric", b"_frombuffer") => Some(Self::FromBuffer),
            (b"numpy", b"ndarray") => Some(Self::Ndarray),
            (b"numpy", b"dtype") => Some(Self::Dtype),
            (b"_codecs", b"encode") => Some(Self::Encode),
            _ => None,
        }
    }
}

/// Component type of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descr {
    /// Its name, such as `f2`.
    pub name: At,
    pub kind: Kind,
    /// `<`, `>`, `=` or `|`.
    pub order: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Float(Dtype),
    Object,
    Other,
}

impl Descr {
    /// Whether components are in the other byte order than this machine's.
    pub fn swapped(&self) -> bool {
        self.order
            == if cfg!(target_endian = "little") {
                b'>'
            } else {
                b'<'
            }
    }
}

/// Where the components of an array are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// Not set yet; the array's entry in the memo wants to know.
    Unset(Option<u32>),
    /// Raw bytes.
    Raw(At),
    /// Bytes as the code points of UTF-8 text, as protocol 2 has them.
    Text(At),
    /// Python objects.
    Objects,
}

/// An array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Array {
    /// Index of the component type.
    pub descr: u16,
    /// Components; `None` when it has not one dimension.
    pub dim: Option<u32>,
    pub data: Data,
}

/// A Python value. Containers know how deep they are, so that no file can exhaust the stack.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// The list of records, into which everything else goes.
    Root,
    /// Something that is not kept.
    Opaque,
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, little-endian two's complement.
    Long(At),
    Float(f64),
    Text(At, Word),
    /// A string of Python 2, which may be text or bytes.
    OldText(At),
    Bytes(At),
    /// Bytes as the code points of text.
    Encoded(At),
    Tuple(Vec<Value>, u8),
    List(Vec<Value>, u8),
    /// A list of floats only.
    Floats(Vec<f64>),
    Dict(Vec<(Value, Value)>, u8),
    Global(Global),
    /// Index of a component type.
    Dtype(u16),
    Array(Array),
}

impl Value {
    /// Levels of containers.
    pub fn depth(&self) -> u8 {
        match self {
            Self::Tuple(_, depth) | Self::List(_, depth) | Self::Dict(_, depth) => *depth,
            Self::Floats(_) => 1,
            _ => 0,
        }
    }
}

/// One record of the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// The value of the key.
    pub embed: Option<Value>,
    /// All pairs in order, the key's included; empty when only the rows are wanted.
    pub pairs: Vec<(Value, Value)>,
}

/// A row of a record, by what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    /// Raw bytes in the file.
    Raw(u64),
    /// Bytes in the file as the code points of text.
    Text(At),
    /// Numbers of a Python list.
    Numbers(Vec<f64>),
}

/// What all rows of a file have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub dim: usize,
    pub dtype: Dtype,
    pub swapped: bool,
}

/// The row of a record; `descrs` are the component types seen so far.
pub(super) fn row(
    record: Record,
    descrs: &[Descr],
    place: &Place,
    row: u64,
) -> Result<(Row, Shape), ShardError> {
    let bad = |reason: &str| ShardError::bad_row(place, row, reason);
    match record.embed {
        Some(Value::Array(array)) => {
            let descr = descrs[usize::from(array.descr)];
            let dtype = match descr.kind {
                Kind::Float(dtype) => dtype,
                Kind::Object => return Err(objects(place, row)),
                Kind::Other => return Err(bad("its array holds no f2, f4 or f8")),
            };
            let dim = array.dim.ok_or_else(|| bad("its array has not one dimension"))? as usize;
            let shape = Shape {
                dim,
                dtype,
                swapped: descr.swapped(),
            };
            match array.data {
                Data::Raw(at) => Ok((Row::Raw(at.offset), shape)),
                Data::Text(at) => Ok((Row::Text(at), shape)),
                Data::Objects => Err(objects(place, row)),
                Data::Unset(_) => Err(bad("its array has no data")),
            }
        }
        Some(Value::Floats(numbers)) => Ok(of_numbers(numbers)),
        Some(Value::List(items, _)) => {
            let number = |item: &Value| match *item {
                Value::Float(number) => Some(number),
                Value::Int(number) => Some(number as f64),
                _ => None,
            };
            let numbers: Option<Vec<f64>> = items.iter().map(number).collect();
            numbers
                .map(of_numbers)
                .ok_or_else(|| bad("its list holds something else than numbers"))
        }
        Some(Value::Opaque) => Err(bad(
            "its row is shared with something else in the file; save copies",
        )),
        Some(_) => Err(bad("its row is neither an array nor a list of numbers")),
        None => Err(bad("the record has no row")),
    }
}

fn of_numbers(numbers: Vec<f64>) -> (Row, Shape) {
    let shape = Shape {
        dim: numbers.len(),
        dtype: Dtype::F64,
        swapped: false,
    };
    (Row::Numbers(numbers), shape)
}

fn objects(place: &Place, row: u64) -> ShardError {
    let reason = format!("row {row}: its array holds Python objects (dtype object), which are never loaded");
    ShardError::bad_format(place, reason)
}
