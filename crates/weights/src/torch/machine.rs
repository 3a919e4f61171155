//! The pickle machine: opcodes in, a dictionary of tensors out.

use std::collections::HashMap;
use std::rc::Rc;

use candle_core::DType;

/// Deepest nesting of tuples, so that no file can exhaust the stack.
const MAX_DEPTH: u8 = 16;

/// Most values that wait on the stack: torch writes a thousand pairs at a time.
const MAX_STACK: usize = 1 << 16;
/// Most values that are remembered, and the fewest bytes of a pickle for each: torch takes about ten for a value.
const MAX_MEMO: usize = 1 << 20;
const BYTES_PER_VALUE: usize = 3;

/// Most axes of a tensor.
const MAX_AXES: usize = 8;

/// A tensor as the pickle describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub dtype: DType,
    /// Name of the file with its bytes, under `data/`.
    pub key: Rc<str>,
    /// First value in the file.
    pub offset: u64,
    pub shape: Vec<u64>,
    pub strides: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Global {
    RebuildTensor,
    RebuildParameter,
    OrderedDict,
    Storage(DType),
}

/// A Python value. Copies are cheap: what is large is shared, and containers that can change are never copied.
#[derive(Debug, Clone)]
enum Value {
    Opaque,
    Int(u64),
    Text(Rc<str>),
    Global(Global),
    Tuple(Rc<[Value]>, u8),
    Storage(DType, Rc<str>),
    Tensor(Rc<Described>),
    Dict(Vec<(Rc<str>, Rc<Described>)>),
}

type Parsed<T> = Result<T, String>;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

/// The tensors of a pickled dictionary, in its order.
pub(super) fn tensors(bytes: &[u8]) -> Parsed<Vec<(Rc<str>, Rc<Described>)>> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    while machine.step()? {}
    match machine.stack.pop() {
        Some(Value::Dict(tensors)) if machine.stack.is_empty() => Ok(tensors),
        _ => Err("it holds no dictionary of tensors".to_owned()),
    }
}

impl Machine<'_> {
    /// One opcode; `false` after the last.
    fn step(&mut self) -> Parsed<bool> {
        let [op] = self.array()?;
        let value = match op {
            b'.' => return Ok(false),
            // the protocol's number
            0x80 => {
                let [version] = self.array()?;
                return if (2..=5).contains(&version) {
                    Ok(true)
                } else {
                    Err(format!("pickle protocol {version} is not known"))
                };
            }
            // the length of a frame
            0x95 => {
                self.take(8)?;
                return Ok(true);
            }
            b'(' => {
                if self.marks.len() == MAX_STACK {
                    return Err(format!("more than {MAX_STACK} marks wait at the same time"));
                }
                self.marks.push(self.stack.len());
                return Ok(true);
            }
            b'q' | b'r' | 0x94 => {
                let index = match op {
                    b'q' => u32::from(self.array::<1>()?[0]),
                    b'r' => u32::from_le_bytes(self.array()?),
                    _ => self.memo.len() as u32,
                };
                return self.memoize(index);
            }
            b's' | b'u' | b'a' | b'e' | b'b' | b'0' => return self.change(op),
            b'N' | 0x88 | 0x89 | b'G' | b']' => {
                if op == b'G' {
                    self.take(8)?;
                }
                Value::Opaque
            }
            b'K' => Value::Int(self.array::<1>()?[0].into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'J' => u64::try_from(i32::from_le_bytes(self.array()?)).map_or(Value::Opaque, Value::Int),
            0x8a => {
                let [len] = self.array()?;
                long(self.take(len.into())?)
            }
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            b'h' => {
                let [index] = self.array()?;
                self.recall(index.into())?
            }
            b'j' => {
                let index = u32::from_le_bytes(self.array()?);
                self.recall(index)?
            }
            b'}' => Value::Dict(Vec::new()),
            b')' => tuple(Vec::new())?,
            b't' => tuple(self.pop_mark()?)?,
            0x85..=0x87 => tuple(self.pop_last(usize::from(op - 0x84))?)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                global(&module, &name)?
            }
            0x93 => match &self.pop_last(2)?[..] {
                [Value::Text(module), Value::Text(name)] => global(module, name)?,
                _ => return Err("a global is named by something else than text".to_owned()),
            },
            b'Q' => storage(&self.pop()?)?,
            b'R' => match &self.pop_last(2)?[..] {
                [Value::Global(function), Value::Tuple(arguments, _)] => call(*function, arguments)?,
                _ => return Err("something is called that is no known function".to_owned()),
            },
            other => return Err(format!("opcode {other:#04x} has no place in it")),
        };
        if self.stack.len() == MAX_STACK {
            return Err(format!("more than {MAX_STACK} values wait on its stack"));
        }
        self.stack.push(value);
        Ok(true)
    }

    /// Opcodes that change a container; only text keys with tensors are kept.
    fn change(&mut self, op: u8) -> Parsed<bool> {
        let items = match op {
            b's' => self.pop_last(2)?,
            b'u' | b'e' => self.pop_mark()?,
            _ => vec![self.pop()?],
        };
        if op == b'0' {
            return Ok(true);
        }
        match self.stack.last_mut() {
            Some(Value::Dict(pairs)) if matches!(op, b's' | b'u') => {
                for pair in items.chunks(2) {
                    if let [Value::Text(key), Value::Tensor(tensor)] = pair {
                        pairs.push((key.clone(), tensor.clone()));
                    }
                }
                Ok(true)
            }
            // lists are not looked at, and neither are attributes of a dictionary
            Some(_) => Ok(true),
            None => Err("a value is missing".to_owned()),
        }
    }

    fn memoize(&mut self, index: u32) -> Parsed<bool> {
        let value = match self.stack.last() {
            // it may still change, and nothing that matters refers to it
            Some(Value::Dict(_)) => Value::Opaque,
            Some(value) => value.clone(),
            None => return Err("a value is missing".to_owned()),
        };
        let room = MAX_MEMO.min(16 + self.bytes.len() / BYTES_PER_VALUE);
        if self.memo.len() >= room && !self.memo.contains_key(&index) {
            return Err(format!("it remembers more than {room} values"));
        }
        self.memo.insert(index, value);
        Ok(true)
    }

    fn recall(&self, index: u32) -> Parsed<Value> {
        let value = self.memo.get(&index).cloned();
        value.ok_or_else(|| "it refers to a value that was not given".to_owned())
    }

    fn pop(&mut self) -> Parsed<Value> {
        Ok(self.pop_last(1)?.remove(0))
    }

    fn pop_last(&mut self, count: usize) -> Parsed<Vec<Value>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(self.stack.split_off(start)),
            _ => Err("a value is missing".to_owned()),
        }
    }

    fn pop_mark(&mut self) -> Parsed<Vec<Value>> {
        let mark = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, len: usize) -> Parsed<&[u8]> {
        let end = self.at.checked_add(len);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end));
        self.at = self.at.saturating_add(len);
        bytes.ok_or_else(|| "the pickle is truncated".to_owned())
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("as many bytes as were asked for"))
    }

    fn text(&mut self, width: usize) -> Parsed<Value> {
        let mut len = [0; 8];
        len[..width].copy_from_slice(self.take(width)?);
        let len = usize::try_from(u64::from_le_bytes(len)).map_err(|error| error.to_string())?;
        let text = std::str::from_utf8(self.take(len)?).map_err(|_| "a text is no UTF-8")?;
        Ok(Value::Text(text.into()))
    }

    fn line(&mut self) -> Parsed<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().take(256).position(|&byte| byte == b'\n');
        let len = len.ok_or("a name does not end")?;
        let line = String::from_utf8_lossy(&rest[..len]).into_owned();
        self.at += len + 1;
        Ok(line)
    }
}

/// An integer of any length; none of those that matter is negative or above 2⁶³.
fn long(bytes: &[u8]) -> Value {
    let mut all = [0; 8];
    match all.get_mut(..bytes.len()) {
        Some(low) if bytes.last().is_none_or(|&last| last < 0x80) => {
            low.copy_from_slice(bytes);
            Value::Int(u64::from_le_bytes(all))
        }
        _ => Value::Opaque,
    }
}

fn tuple(items: Vec<Value>) -> Parsed<Value> {
    let depth = |value: &Value| {
        if let Value::Tuple(_, depth) = value {
            *depth
        } else {
            0
        }
    };
    let deepest = items.iter().map(depth).max().unwrap_or(0);
    if deepest == MAX_DEPTH {
        return Err("it is nested too deeply".to_owned());
    }
    Ok(Value::Tuple(items.into(), deepest + 1))
}

fn global(module: &str, name: &str) -> Parsed<Value> {
    Ok(Value::Global(match (module, name) {
        ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch", "FloatStorage") => Global::Storage(DType::F32),
        ("torch", "HalfStorage") => Global::Storage(DType::F16),
        ("torch", "BFloat16Storage") => Global::Storage(DType::BF16),
        ("torch", "DoubleStorage") => Global::Storage(DType::F64),
        // counts and positions that stand beside the weights
        ("torch", "LongStorage") => Global::Storage(DType::I64),
        ("torch", "ByteStorage" | "BoolStorage") => Global::Storage(DType::U8),
        _ => {
            return Err(format!(
                "it asks for {module}.{name}, which is never loaded; save a dictionary of tensors in f64, f32, f16 or \
                 bf16"
            ));
        }
    }))
}

/// What a persistent reference stands for: `('storage', type, key, device, length)`.
fn storage(reference: &Value) -> Parsed<Value> {
    match reference {
        Value::Tuple(parts, _) => match &parts[..] {
            [
                Value::Text(kind),
                Value::Global(Global::Storage(dtype)),
                Value::Text(key),
                _,
                _,
            ] if &**kind == "storage" => Ok(Value::Storage(*dtype, key.clone())),
            _ => Err("it refers to something that is no storage".to_owned()),
        },
        _ => Err("it refers to something that is no storage".to_owned()),
    }
}

fn call(function: Global, arguments: &[Value]) -> Parsed<Value> {
    match (function, arguments) {
        (Global::OrderedDict, _) => Ok(Value::Dict(Vec::new())),
        (Global::RebuildParameter, [Value::Tensor(tensor), ..]) => Ok(Value::Tensor(tensor.clone())),
        (
            Global::RebuildTensor,
            [
                Value::Storage(dtype, key),
                Value::Int(offset),
                Value::Tuple(shape, _),
                Value::Tuple(strides, _),
                ..,
            ],
        ) => {
            let sizes = |values: &[Value]| -> Parsed<Vec<u64>> {
                if values.len() > MAX_AXES {
                    return Err(format!(
                        "a tensor has {} axes; at most {MAX_AXES} are read",
                        values.len()
                    ));
                }
                let size = |value: &Value| match value {
                    Value::Int(size) => Ok(*size),
                    _ => Err("a size is no number".to_owned()),
                };
                values.iter().map(size).collect()
            };
            Ok(Value::Tensor(Rc::new(Described {
                dtype: *dtype,
                key: key.clone(),
                offset: *offset,
                shape: sizes(shape)?,
                strides: sizes(strides)?,
            })))
        }
        _ => Err(format!("{function:?} is called with arguments of the wrong kind")),
    }
}
