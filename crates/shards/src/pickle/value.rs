//! What the records consist of.

use kernels::Dtype;

use crate::fault::Fault;

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
    /// Called without arguments: how protocol 2 writes no bytes at all.
    NoBytes,
    Scalar,
}

impl Global {
    /// The global of that name under `NumPy` 1 and 2.
    pub fn from_name(module: &[u8], name: &[u8]) -> Option<Self> {
        match (module, name) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => {
                Some(Self::Reconstruct)
            }
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"scalar") => Some(Self::Scalar),
            (b"numpy.core.numeric" | b"numpy._core.numeric", b"_frombuffer") => Some(Self::FromBuffer),
            (b"numpy", b"ndarray") => Some(Self::Ndarray),
            (b"numpy", b"dtype") => Some(Self::Dtype),
            (b"_codecs", b"encode") => Some(Self::Encode),
            (b"__builtin__" | b"builtins", b"bytes") => Some(Self::NoBytes),
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
    Signed,
    Unsigned,
    Bool,
    /// Text of four bytes a character.
    Unicode,
    Bytes,
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
    /// Text that stands nowhere in the file as it is.
    Owned(String),
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
    /// Whether it is a dictionary at all.
    pub dictionary: bool,
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

/// The row of a record, or why it has none; `descrs` are the component types seen so far.
pub(super) fn row(record: Record, descrs: &[Descr]) -> Result<(Row, Shape), Fault> {
    match record.embed {
        Some(Value::Array(array)) => {
            let descr = descrs[usize::from(array.descr)];
            let dtype = match descr.kind {
                Kind::Float(dtype) => dtype,
                Kind::Object => return Err(Fault::Objects),
                _ => return Err(Fault::NoFloats),
            };
            let dim = array.dim.ok_or(Fault::Matrix)? as usize;
            let shape = Shape {
                dim,
                dtype,
                swapped: descr.swapped(),
            };
            let row = match array.data {
                Data::Raw(at) => Row::Raw(at.offset),
                Data::Text(at) => Row::Text(at),
                Data::Objects => return Err(Fault::Objects),
                Data::Unset(_) => return Err(Fault::NoNumbers),
            };
            not_empty((row, shape))
        }
        Some(Value::Floats(numbers)) => not_empty(of_numbers(numbers)),
        Some(Value::List(mut items, _) | Value::Tuple(mut items, _)) => {
            if let [Value::Floats(numbers)] = &mut items[..] {
                return not_empty(of_numbers(std::mem::take(numbers)));
            }
            let number = |(column, item): (usize, &Value)| match *item {
                Value::Float(number) => Ok(number),
                Value::Int(number) => Ok(number as f64),
                Value::None => Err(Fault::NullComponent { column }),
                _ => Err(Fault::NoNumbers),
            };
            let numbers = items
                .iter()
                .enumerate()
                .map(number)
                .collect::<Result<Vec<_>, _>>()?;
            not_empty(of_numbers(numbers))
        }
        Some(Value::None) => Err(Fault::Null),
        Some(Value::Opaque) => Err(Fault::Shared),
        Some(_) => Err(Fault::NoNumbers),
        None if record.dictionary => Err(Fault::Missing),
        None => Err(Fault::NoRecord),
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

fn not_empty((row, shape): (Row, Shape)) -> Result<(Row, Shape), Fault> {
    if shape.dim == 0 {
        return Err(Fault::Width {
            found: 0,
            expected: 0,
        });
    }
    Ok((row, shape))
}
