//! The few calls that arrays and scalars are made of, carried out as data.

use kernels::Dtype;

use super::machine::Machine;
use super::value::{Array, At, Data, Descr, Global, Kind, Value};
use crate::error::ShardError;

/// Most component types of one file.
const MAX_DESCRS: usize = 1024;

impl Machine {
    /// The global of that name, which must be on the allow-list.
    pub(super) fn global(&mut self, module: At, name: At) -> Result<Value, ShardError> {
        let (module, name) = (self.short(module)?, self.short(name)?);
        if let Some(global) = Global::from_name(&module, &name) {
            return Ok(Value::Global(global));
        }
        let (module, name) = (String::from_utf8_lossy(&module), String::from_utf8_lossy(&name));
        let advice = match module.split('.').next() {
            Some("pandas") => "write the table with to_parquet",
            Some("torch") => "save tensors with torch.save, as .pt",
            _ => "save NumPy arrays",
        };
        self.fail(&format!(
            "it asks for {module}.{name}, which is never loaded; {advice}"
        ))
    }

    /// Text of a name, cut where it is too long to be one; the cursor stays where it is.
    fn short(&mut self, at: At) -> Result<Vec<u8>, ShardError> {
        const LONGEST: u32 = 256;
        let here = self.cursor.position();
        self.cursor.seek(at.offset);
        let text = self.cursor.take(at.len.min(LONGEST) as usize)?.to_vec();
        self.cursor.seek(here);
        Ok(text)
    }

    pub(super) fn call(&mut self, callable: Value, arguments: Value) -> Result<Value, ShardError> {
        let (Value::Global(global), Value::Tuple(arguments, _)) = (callable, arguments) else {
            return self.fail("something is called that is not a known function");
        };
        match (global, &arguments[..]) {
            (Global::Reconstruct, [Value::Global(Global::Ndarray), ..]) => Ok(Value::Array(Array {
                descr: 0,
                dim: None,
                data: Data::Unset(None),
            })),
            (Global::Dtype, [Value::Text(name, _) | Value::OldText(name), ..]) => self.dtype(*name),
            (Global::Encode, [Value::Text(text, _), Value::Text(codec, _)]) => {
                match self.short(*codec)?.as_slice() {
                    b"latin1" | b"latin-1" => Ok(Value::Encoded(*text)),
                    _ => self.fail("bytes are encoded by another codec than latin1"),
                }
            }
            (Global::NoBytes, []) => Ok(Value::Bytes(At {
                offset: self.cursor.position(),
                len: 0,
            })),
            (Global::FromBuffer, [data, Value::Dtype(descr), Value::Tuple(shape, _), ..]) => {
                let dim = one_dimension(shape);
                self.array(*descr, dim, data)
            }
            (Global::Scalar, [Value::Dtype(descr), data]) => self.scalar(*descr, data),
            _ => self.fail(&format!("{global:?} is called with arguments of the wrong kind")),
        }
    }

    /// Sets the state of an object that a call made.
    pub(super) fn build(&mut self, object: Value, state: Value) -> Result<Value, ShardError> {
        let Value::Tuple(state, _) = state else {
            return self.fail("a state is not a tuple");
        };
        match (object, &state[..]) {
            (Value::Dtype(index), [_, Value::Text(order, _) | Value::OldText(order), ..]) => {
                let order = self.short(*order)?;
                self.descrs[usize::from(index)].order = order.first().copied().unwrap_or(b'|');
                Ok(Value::Dtype(index))
            }
            (Value::Array(array), [_, Value::Tuple(shape, _), Value::Dtype(descr), _, data]) => {
                let built = self.array(*descr, one_dimension(shape), data)?;
                if let Data::Unset(Some(index)) = array.data {
                    self.memo.update(index, built.clone());
                }
                Ok(built)
            }
            _ => self.fail("a state is set that is not an array's"),
        }
    }

    fn dtype(&mut self, name: At) -> Result<Value, ShardError> {
        let kind = match self.short(name)?.as_slice() {
            b"f2" => Kind::Float(Dtype::F16),
            b"f4" => Kind::Float(Dtype::F32),
            b"f8" => Kind::Float(Dtype::F64),
            [b'O', ..] => Kind::Object,
            [b'i', ..] => Kind::Signed,
            [b'u', ..] => Kind::Unsigned,
            [b'b', ..] => Kind::Bool,
            [b'U', ..] => Kind::Unicode,
            [b'S', ..] => Kind::Bytes,
            _ => Kind::Other,
        };
        if self.descrs.len() == MAX_DESCRS {
            return self.fail("it has too many component types");
        }
        self.descrs.push(Descr {
            name,
            kind,
            order: b'=',
        });
        Ok(Value::Dtype((self.descrs.len() - 1) as u16))
    }

    /// An array whose bytes are as many as its components need.
    fn array(&mut self, descr: u16, dim: Option<u32>, data: &Value) -> Result<Value, ShardError> {
        let kind = self.descrs[usize::from(descr)].kind;
        let (data, len) = match *data {
            Value::Bytes(at) | Value::OldText(at) => (Data::Raw(at), Some(at.len)),
            Value::Encoded(at) => (Data::Text(at), None),
            Value::List(..) | Value::Floats(_) | Value::Opaque if kind == Kind::Object => {
                (Data::Objects, None)
            }
            _ => return self.fail("the data of an array are not bytes"),
        };
        if let (Kind::Float(dtype), Some(dim), Some(len)) = (kind, dim, len)
            && u64::from(dim) * dtype.size() as u64 != u64::from(len)
        {
            return self.fail(&format!(
                "an array of {dim} components of {} has {len} bytes",
                dtype.name()
            ));
        }
        Ok(Value::Array(Array { descr, dim, data }))
    }
}

/// The length of a shape of one dimension, or of one row.
fn one_dimension(shape: &[Value]) -> Option<u32> {
    match shape {
        [Value::Int(dim)] | [Value::Int(1), Value::Int(dim)] => u32::try_from(*dim).ok(),
        _ => None,
    }
}
