//! The pickle machine: opcodes in, a tree of tensors and of what stands beside them out.

use std::collections::HashSet;
use std::rc::Rc;

use kernels::Dtype;

/// Deepest nesting of tuples, so that no file can exhaust the stack.
const MAX_DEPTH: u8 = 16;

/// Most values that wait on the stack: torch writes a thousand pairs at a time.
const MAX_STACK: usize = 1 << 16;
/// Most values that are remembered, and that containers hold, and the fewest bytes of a pickle for each.
const MAX_VALUES: usize = 1 << 22;
const BYTES_PER_VALUE: usize = 2;

/// Most axes of a tensor.
const MAX_AXES: usize = 8;

/// Type of a storage's components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// The name of its class.
    pub name: &'static str,
    /// What it is here; whole numbers and complex ones are nothing.
    pub dtype: Option<Dtype>,
    /// Bytes of a component.
    pub size: u64,
}

const fn component(name: &'static str, dtype: Option<Dtype>, size: u64) -> Component {
    Component { name, dtype, size }
}

/// The storages of PyTorch.
const COMPONENTS: [Component; 12] = [
    component("FloatStorage", Some(Dtype::F32), 4),
    component("HalfStorage", Some(Dtype::F16), 2),
    component("BFloat16Storage", Some(Dtype::Bf16), 2),
    component("DoubleStorage", Some(Dtype::F64), 8),
    component("LongStorage", None, 8),
    component("IntStorage", None, 4),
    component("ShortStorage", None, 2),
    component("CharStorage", None, 1),
    component("ByteStorage", None, 1),
    component("BoolStorage", None, 1),
    component("ComplexFloatStorage", None, 8),
    component("ComplexDoubleStorage", None, 16),
];

/// A tensor as the pickle describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub component: Component,
    /// Name of the file with its bytes, under `data/`.
    pub key: String,
    /// First value in the file.
    pub offset: u64,
    pub shape: Vec<u64>,
    pub strides: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    RebuildTensor,
    RebuildParameter,
    OrderedDict,
    Size,
    Storage(&'static Component),
}

/// A Python value. Copies are cheap: what is large is shared, texts are places in the pickle, containers have numbers.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// What nothing here asks for.
    Opaque,
    None,
    Int(u64),
    /// Its beginning and its length.
    Text(u32, u32),
    Global(Global),
    Tuple(Rc<(u8, Vec<Value>)>),
    Storage(Rc<(&'static Component, String)>),
    Tensor(Rc<Described>),
    /// Its number.
    Container(u32),
}

/// A container that may still grow.
#[derive(Debug)]
pub(super) enum Container {
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
}

/// What a pickle holds.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    bytes: &'a [u8],
    containers: Vec<Container>,
    pub root: Value,
}

impl<'a> Tree<'a> {
    pub fn container(&self, index: u32) -> &Container {
        &self.containers[index as usize]
    }

    pub fn text(&self, start: u32, len: u32) -> &'a str {
        text_at(self.bytes, start, len)
    }

    /// Refuses dictionaries that set a key twice: which value counts is a matter of the reader.
    fn check_keys(&self) -> Parsed<()> {
        for container in &self.containers {
            let Container::Dict(pairs) = container else {
                continue;
            };
            let (mut texts, mut numbers) = (HashSet::new(), HashSet::new());
            let is_new = |key: &Value| match *key {
                Value::Text(start, len) => texts.insert(self.text(start, len)),
                Value::Int(number) => numbers.insert(number),
                _ => true,
            };
            if !pairs.iter().map(|(key, _)| key).all(is_new) {
                return Err("a dictionary has one key twice".to_owned());
            }
        }
        Ok(())
    }

    /// A key as text.
    pub fn key(&self, key: &Value) -> Option<String> {
        match *key {
            Value::Text(start, len) => Some(self.text(start, len).to_owned()),
            Value::Int(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

/// A text that a value of the pickle says the place of.
pub(super) fn text_at(pickle: &[u8], start: u32, len: u32) -> &str {
    let bytes = &pickle[start as usize..start as usize + len as usize];
    std::str::from_utf8(bytes).expect("it was checked when it was read")
}

type Parsed<T> = Result<T, String>;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Value>,
    containers: Vec<Container>,
    /// Values that containers hold.
    held: usize,
}

/// Reads a pickle, which is shorter than 2³² bytes.
///
/// # Errors
/// A sentence about what it asks for, or what is wrong with it.
pub(super) fn tree(bytes: &[u8]) -> Parsed<Tree<'_>> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        containers: Vec::new(),
        held: 0,
    };
    while machine.step()? {}
    match (machine.stack.pop(), machine.stack.is_empty()) {
        (Some(root), true) => {
            let tree = Tree {
                bytes,
                containers: machine.containers,
                root,
            };
            tree.check_keys()?;
            Ok(tree)
        }
        _ => Err("its pickle does not end in one value".to_owned()),
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
                    b'q' => usize::from(self.array::<1>()?[0]),
                    b'r' => u32::from_le_bytes(self.array()?) as usize,
                    _ => self.memo.len(),
                };
                return self.memoize(index);
            }
            b's' | b'u' | b'a' | b'e' | b'b' | b'0' => return self.change(op),
            b'N' => Value::None,
            0x88 | 0x89 => Value::Opaque,
            b'G' => {
                self.take(8)?;
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
                self.recall(index as usize)?
            }
            b']' => self.contain(Container::List(Vec::new()))?,
            b'}' => self.contain(Container::Dict(Vec::new()))?,
            b')' => tuple(Vec::new())?,
            b't' => tuple(self.pop_mark()?)?,
            0x85..=0x87 => tuple(self.pop_last(usize::from(op - 0x84))?)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                global(&module, &name)?
            }
            0x93 => match &self.pop_last(2)?[..] {
                &[Value::Text(module, a), Value::Text(name, b)] => {
                    global(&self.string(module, a), &self.string(name, b))?
                }
                _ => return Err("a global is named by something else than text".to_owned()),
            },
            b'Q' => {
                let reference = self.pop()?;
                self.storage(&reference)?
            }
            b'R' => match &self.pop_last(2)?[..] {
                [Value::Global(Global::OrderedDict), Value::Tuple(_)] => {
                    self.contain(Container::Dict(Vec::new()))?
                }
                [Value::Global(function), Value::Tuple(arguments)] => call(*function, &arguments.1)?,
                _ => return Err("something is called that is not a known function".to_owned()),
            },
            other => return Err(format!("opcode {other:#04x} has no place in it")),
        };
        if self.stack.len() == MAX_STACK {
            return Err(format!("more than {MAX_STACK} values wait on its stack"));
        }
        self.stack.push(value);
        Ok(true)
    }

    /// Opcodes that change a container.
    fn change(&mut self, op: u8) -> Parsed<bool> {
        let items = match op {
            b's' => self.pop_last(2)?,
            b'u' | b'e' => self.pop_mark()?,
            _ => vec![self.pop()?],
        };
        if op == b'0' {
            return Ok(true);
        }
        self.held += items.len();
        if self.held > self.room() {
            return Err(format!("its containers hold more than {} values", self.room()));
        }
        let container = match self.stack.last() {
            Some(&Value::Container(index)) => &mut self.containers[index as usize],
            // attributes of a dictionary or of a tensor are not looked at
            Some(_) if op == b'b' => return Ok(true),
            Some(_) => return Err("something is put into what is not a container".to_owned()),
            None => return Err("a value is missing".to_owned()),
        };
        match container {
            _ if op == b'b' => {}
            Container::List(list) if matches!(op, b'a' | b'e') => list.extend(items),
            Container::Dict(dict) if matches!(op, b's' | b'u') && items.len() % 2 == 0 => {
                let mut items = items.into_iter();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    dict.push((key, value));
                }
            }
            _ => return Err("something is put into a container of another kind".to_owned()),
        }
        Ok(true)
    }

    fn contain(&mut self, container: Container) -> Parsed<Value> {
        let index = self.containers.len();
        if index >= self.room() {
            return Err(format!("it has more than {index} containers"));
        }
        self.containers.push(container);
        Ok(Value::Container(index as u32))
    }

    /// Most values of one kind.
    fn room(&self) -> usize {
        MAX_VALUES.min(16 + self.bytes.len() / BYTES_PER_VALUE)
    }

    fn memoize(&mut self, index: usize) -> Parsed<bool> {
        let value = self.stack.last().ok_or("a value is missing")?.clone();
        if index < self.memo.len() {
            self.memo[index] = value;
        } else if index == self.memo.len() && index < self.room() {
            self.memo.push(value);
        } else {
            return Err("it remembers too many values, or in no order".to_owned());
        }
        Ok(true)
    }

    fn recall(&self, index: usize) -> Parsed<Value> {
        let value = self.memo.get(index).cloned();
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
        let len = u64::from_le_bytes(len);
        let start = self.at as u32;
        std::str::from_utf8(self.take(len as usize)?).map_err(|_| "a text is not UTF-8")?;
        Ok(Value::Text(start, len as u32))
    }

    fn string(&self, start: u32, len: u32) -> String {
        let bytes = &self.bytes[start as usize..start as usize + len as usize];
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn line(&mut self) -> Parsed<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().take(256).position(|&byte| byte == b'\n');
        let len = len.ok_or("a name does not end")?;
        let line = String::from_utf8_lossy(&rest[..len]).into_owned();
        self.at += len + 1;
        Ok(line)
    }

    /// What a persistent reference stands for: `('storage', type, key, device, length)`.
    fn storage(&self, reference: &Value) -> Parsed<Value> {
        if let Value::Tuple(parts) = reference
            && let &[
                Value::Text(kind, kind_len),
                Value::Global(Global::Storage(component)),
                Value::Text(key, key_len),
                _,
                _,
            ] = &parts.1[..]
            && self.string(kind, kind_len) == "storage"
        {
            return Ok(Value::Storage(Rc::new((component, self.string(key, key_len)))));
        }
        Err("it refers to something that is not a storage".to_owned())
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
        if let Value::Tuple(tuple) = value {
            tuple.0
        } else {
            0
        }
    };
    let deepest = items.iter().map(depth).max().unwrap_or(0);
    if deepest == MAX_DEPTH {
        return Err("it is nested too deeply".to_owned());
    }
    Ok(Value::Tuple(Rc::new((deepest + 1, items))))
}

fn global(module: &str, name: &str) -> Parsed<Value> {
    let storage = COMPONENTS
        .iter()
        .find(|component| module == "torch" && component.name == name);
    Ok(Value::Global(match (module, name) {
        ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch", "Size") => Global::Size,
        _ => match storage {
            Some(component) => Global::Storage(component),
            None => {
                return Err(format!(
                    "it asks for {module}.{name}, which is never loaded; save tensors in f64, f32, f16 or bf16, or a \
                     dictionary or list of them"
                ));
            }
        },
    }))
}

fn call(function: Global, arguments: &[Value]) -> Parsed<Value> {
    match (function, arguments) {
        (Global::Size, _) => Ok(Value::Opaque),
        (Global::RebuildParameter, [Value::Tensor(tensor), ..]) => Ok(Value::Tensor(tensor.clone())),
        (
            Global::RebuildTensor,
            [
                Value::Storage(storage),
                Value::Int(offset),
                Value::Tuple(shape),
                Value::Tuple(strides),
                rest @ ..,
            ],
        ) => {
            // behind requires_grad and hooks: marks such as `neg`, by which the values are not those that are stored
            if rest.get(2).is_some_and(|marks| !matches!(marks, Value::None)) {
                return Err(
                    "a tensor is stored as a negative or conjugate view of its values; save a copy: \
                     tensor.resolve_neg().resolve_conj()"
                        .to_owned(),
                );
            }
            let sizes = |values: &[Value]| -> Parsed<Vec<u64>> {
                if values.len() > MAX_AXES {
                    return Err(format!(
                        "a tensor has {} axes; at most {MAX_AXES} are read",
                        values.len()
                    ));
                }
                let size = |value: &Value| match value {
                    Value::Int(size) => Ok(*size),
                    _ => Err("a size is not a number".to_owned()),
                };
                values.iter().map(size).collect()
            };
            let (shape, mut strides) = (sizes(&shape.1)?, sizes(&strides.1)?);
            settle(&shape, &mut strides);
            Ok(Value::Tensor(Rc::new(Described {
                component: *storage.0,
                key: storage.1.clone(),
                offset: *offset,
                shape,
                strides,
            })))
        }
        _ => Err(format!("{function:?} is called with arguments of the wrong kind")),
    }
}

/// Gives axes of length one, whose strides are never used and may be any number, those that they have in C order.
fn settle(shape: &[u64], strides: &mut [u64]) {
    let mut below = 1_u64;
    for (&len, stride) in shape.iter().zip(strides).rev() {
        if len <= 1 {
            *stride = below;
        }
        below = below.saturating_mul(len);
    }
}
