//! The pickle machine: opcodes in, records out.

use std::collections::VecDeque;

use super::cursor::Cursor;
use super::memo::Memo;
use super::value::{At, Data, Descr, Record, Value, Word};
use crate::error::ShardError;
use crate::input::Input;

/// Most values on the stack: picklers append a thousand records at a time.
const MAX_STACK: usize = 1 << 20;
/// Most values in containers that are not in the list yet, and most floats of lists.
const MAX_HELD: usize = 1 << 21;
const MAX_FLOATS: usize = 1 << 25;
/// Deepest nesting of containers.
const MAX_DEPTH: u8 = 32;
/// Longest string that is compared with the known ones.
const LONGEST_WORD: usize = 64;

/// What is kept of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// The rows.
    Rows,
    /// The values of the key, whatever they are.
    Key,
    /// Every key and value.
    All,
}

/// Reads a pickle from its start, record by record.
pub(super) struct Machine {
    pub(super) cursor: Cursor,
    key: Vec<u8>,
    pub(super) keep: Keep,
    stack: Vec<Value>,
    marks: Vec<usize>,
    pub(super) memo: Memo,
    pub(super) descrs: Vec<Descr>,
    records: VecDeque<Record>,
    held: usize,
    floats: usize,
    stopped: bool,
}

impl Machine {
    /// A machine that takes the rows from the records' `key`.
    pub fn new(input: Input, key: &str, keep: Keep) -> Result<Self, ShardError> {
        let mut cursor = Cursor::new(input);
        match cursor.array()? {
            [0x80, 2..=5] => {}
            [0x80, version] => {
                return Err(cursor.bad(&format!("protocol {version} is not known, 2 to 5 are")));
            }
            // what a list, a dictionary, a tuple or an object begins with
            [b'(' | b']' | b'}' | b'c', _] => {
                let reason = "is perhaps a pickle of protocol 0 or 1, and 2 to 5 are read; write it again with \
                              pickle.dump(records, file, protocol=4)";
                return Err(ShardError::unsupported(cursor.input.place(), reason));
            }
            _ => return Err(cursor.bad("the mark of protocols 2 to 5 is missing")),
        }
        Ok(Self {
            cursor,
            key: key.as_bytes().to_vec(),
            keep,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Memo::default(),
            descrs: Vec::new(),
            records: VecDeque::new(),
            held: 0,
            floats: 0,
            stopped: false,
        })
    }

    /// The next record, or `None` after the last.
    pub fn next(&mut self) -> Result<Option<Record>, ShardError> {
        loop {
            if let Some(record) = self.records.pop_front() {
                return Ok(Some(record));
            }
            if self.stopped {
                return Ok(None);
            }
            self.step()?;
        }
    }

    fn step(&mut self) -> Result<(), ShardError> {
        let op = self.cursor.byte()?;
        let value = match op {
            b'(' => {
                self.marks.push(self.stack.len());
                return if self.marks.len() > MAX_STACK {
                    self.fail("it is nested too deeply")
                } else {
                    Ok(())
                };
            }
            b'.' => return self.stop(),
            0x95 => return self.cursor.skip(8),
            b'0' => return self.pop().map(drop),
            b'1' => return self.pop_mark().map(drop),
            b't' => {
                let items = self.pop_mark()?;
                self.tuple(items)?
            }
            0x85..=0x87 => {
                let items = self.pop_last(usize::from(op - 0x84))?;
                self.tuple(items)?
            }
            b'a' => {
                let item = self.pop()?;
                return self.append(vec![item]);
            }
            b'e' => {
                let items = self.pop_mark()?;
                return self.append(items);
            }
            b's' => {
                let pair = self.pop_last(2)?;
                return self.set_items(pair);
            }
            b'u' => {
                let pairs = self.pop_mark()?;
                return self.set_items(pairs);
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name, _), Value::Text(module, _)) => self.global(module, name)?,
                _ => return self.fail("a global is named by something else than text"),
            },
            b'R' => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments)?
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.pop()?);
                self.build(object, state)?
            }
            0x94 => return self.memoize(self.memo.next()),
            b'q' => {
                let index = self.cursor.byte()?;
                return self.memoize(index.into());
            }
            b'r' => {
                let index = u32::from_le_bytes(self.cursor.array()?);
                return self.memoize(index);
            }
            _ => self.atom(op)?,
        };
        self.push(value)
    }

    /// The value of an opcode that takes nothing from the stack.
    fn atom(&mut self, op: u8) -> Result<Value, ShardError> {
        Ok(match op {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(self.cursor.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.cursor.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.cursor.array()?).into()),
            0x8a => self.long()?,
            b'G' => Value::Float(f64::from_be_bytes(self.cursor.array()?)),
            0x8c => self.text(1)?,
            b'X' => self.text(4)?,
            0x8d => self.text(8)?,
            b'U' => Value::OldText(self.data(1)?),
            b'T' => Value::OldText(self.data(4)?),
            b'C' => Value::Bytes(self.data(1)?),
            b'B' => Value::Bytes(self.data(4)?),
            0x8e | 0x96 => Value::Bytes(self.data(8)?),
            b']' if self.stack.is_empty() => Value::Root,
            b']' => Value::List(Vec::new(), 1),
            b')' => Value::Tuple(Vec::new(), 1),
            b'}' => Value::Dict(Vec::new(), 1),
            b'c' => {
                let (module, name) = (self.cursor.line()?, self.cursor.line()?);
                self.global(
                    At {
                        offset: module.0,
                        len: module.1,
                    },
                    At {
                        offset: name.0,
                        len: name.1,
                    },
                )?
            }
            b'h' => {
                let index = self.cursor.byte()?;
                self.memo.get(index.into()).map_err(|e| self.cursor.bad(e))?
            }
            b'j' => {
                let index = u32::from_le_bytes(self.cursor.array()?);
                self.memo.get(index).map_err(|e| self.cursor.bad(e))?
            }
            0x81 | 0x92 | b'i' | b'o' => {
                return self.fail("it would create an object of a class, which is never done");
            }
            0x82..=0x84 | b'P' | b'Q' => return self.fail("it refers to an object outside of the file"),
            other => return self.fail(&format!("opcode {other:#04x} has no place in one")),
        })
    }

    pub(super) fn fail<T>(&self, reason: &str) -> Result<T, ShardError> {
        Err(self.cursor.bad(reason))
    }

    fn push(&mut self, value: Value) -> Result<(), ShardError> {
        if self.stack.len() == MAX_STACK {
            return self.fail("it holds too many values at once");
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, ShardError> {
        if self.stack.len() <= self.marks.last().copied().unwrap_or(0) {
            return self.fail("a value is missing");
        }
        Ok(self.stack.pop().unwrap_or(Value::Opaque))
    }

    fn pop_last(&mut self, count: usize) -> Result<Vec<Value>, ShardError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(self.stack.split_off(start)),
            _ => self.fail("a value is missing"),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>, ShardError> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => self.fail("a mark is missing"),
        }
    }

    /// A length of 1, 4 or 8 bytes, and the data after it, which must be in the file.
    fn data(&mut self, length_bytes: usize) -> Result<At, ShardError> {
        let mut length = [0; 8];
        length[..length_bytes].copy_from_slice(self.cursor.take(length_bytes)?);
        let Ok(len) = u32::try_from(u64::from_le_bytes(length)) else {
            return self.fail("a value is longer than 4 GiB");
        };
        let at = At {
            offset: self.cursor.position(),
            len,
        };
        self.cursor.skip(len.into())?;
        Ok(at)
    }

    fn text(&mut self, length_bytes: usize) -> Result<Value, ShardError> {
        let at = self.data(length_bytes)?;
        if at.len as usize > LONGEST_WORD {
            return Ok(Value::Text(at, Word::Other));
        }
        self.cursor.seek(at.offset);
        let text = self.cursor.take(at.len as usize)?;
        let word = match text {
            _ if text == self.key => Word::Key,
            b"numpy"
            | b"numpy.core.multiarray"
            | b"numpy._core.multiarray"
            | b"numpy.core.numeric"
            | b"numpy._core.numeric"
            | b"_codecs"
            | b"scalar"
            | b"_reconstruct"
            | b"_frombuffer"
            | b"ndarray"
            | b"dtype"
            | b"encode"
            | b"latin1"
            | b"f2"
            | b"f4"
            | b"f8"
            | b"<"
            | b">"
            | b"="
            | b"|"
            | b"C"
            | b"F" => Word::Known,
            _ => Word::Other,
        };
        Ok(Value::Text(at, word))
    }

    fn long(&mut self) -> Result<Value, ShardError> {
        let at = self.data(1)?;
        if at.len > 8 {
            return Ok(Value::Long(at));
        }
        self.cursor.seek(at.offset);
        let bytes = self.cursor.take(at.len as usize)?;
        // two's complement: the sign fills the bytes that are not there
        let mut wide = [if bytes.last().is_some_and(|&b| b >= 0x80) {
            0xff
        } else {
            0
        }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(wide)))
    }

    /// Depth of a container around the items.
    fn around<'a>(&self, items: impl Iterator<Item = &'a Value>) -> Result<u8, ShardError> {
        let depth = items.map(Value::depth).max().unwrap_or(0) + 1;
        if depth > MAX_DEPTH {
            self.fail("it is nested too deeply")
        } else {
            Ok(depth)
        }
    }

    fn hold(&mut self, values: usize) -> Result<(), ShardError> {
        self.held += values;
        if self.held > MAX_HELD {
            self.fail("a record holds too many values")
        } else {
            Ok(())
        }
    }

    fn tuple(&mut self, items: Vec<Value>) -> Result<Value, ShardError> {
        let depth = self.around(items.iter())?;
        self.hold(items.len())?;
        Ok(Value::Tuple(items, depth))
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), ShardError> {
        match self.pop()? {
            Value::Root => {
                for item in items {
                    let record = match item {
                        Value::Dict(pairs, _) => self.record(pairs),
                        // an earlier record once more, or what it consists of
                        Value::Opaque => Record {
                            embed: Some(Value::Opaque),
                            pairs: Vec::new(),
                            dictionary: true,
                        },
                        _ => Record {
                            embed: None,
                            pairs: Vec::new(),
                            dictionary: false,
                        },
                    };
                    self.records.push_back(record);
                }
                (self.held, self.floats) = (0, 0);
                self.push(Value::Root)
            }
            list @ (Value::List(..) | Value::Floats(_)) => {
                let list = self.extend(list, items)?;
                self.push(list)
            }
            _ => self.fail("values are appended to something else than a list"),
        }
    }

    fn extend(&mut self, list: Value, items: Vec<Value>) -> Result<Value, ShardError> {
        let all_floats = items.iter().all(|item| matches!(item, Value::Float(_)));
        let (mut values, depth) = match list {
            Value::List(values, depth) if !(values.is_empty() && all_floats) => (values, depth),
            Value::Floats(floats) if !all_floats => (floats.into_iter().map(Value::Float).collect(), 1),
            list => {
                let mut floats = if let Value::Floats(floats) = list {
                    floats
                } else {
                    Vec::new()
                };
                floats.extend(
                    items
                        .iter()
                        .map(|item| if let Value::Float(x) = item { *x } else { f64::NAN }),
                );
                self.floats += items.len();
                let full = self.floats > MAX_FLOATS;
                return if full {
                    self.fail("its lists are too long")
                } else {
                    Ok(Value::Floats(floats))
                };
            }
        };
        let depth = depth.max(self.around(items.iter())?);
        self.hold(items.len())?;
        values.extend(items);
        Ok(Value::List(values, depth))
    }

    /// Keys and values by turns into the dictionary below them.
    fn set_items(&mut self, items: Vec<Value>) -> Result<(), ShardError> {
        let Value::Dict(mut pairs, depth) = self.pop()? else {
            return self.fail("items are set in something else than a dictionary");
        };
        let depth = depth.max(self.around(items.iter())?);
        if !items.len().is_multiple_of(2) {
            return self.fail("a key has no value");
        }
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            if self.keep == Keep::All || matches!(key, Value::Text(_, Word::Key)) {
                self.hold(2)?;
                pairs.push((key, value));
            }
        }
        self.push(Value::Dict(pairs, depth))
    }

    fn record(&self, mut pairs: Vec<(Value, Value)>) -> Record {
        let is_key = |(key, _): &(Value, Value)| matches!(key, Value::Text(_, Word::Key));
        match self.keep {
            Keep::Rows | Keep::Key => Record {
                embed: pairs.pop().map(|(_, value)| value),
                pairs: Vec::new(),
                dictionary: true,
            },
            Keep::All => {
                let embed = pairs.iter_mut().rev().find(|pair| is_key(pair));
                let embed = embed.map(|pair| std::mem::replace(&mut pair.1, Value::Opaque));
                Record {
                    embed,
                    pairs,
                    dictionary: true,
                }
            }
        }
    }

    fn memoize(&mut self, index: u32) -> Result<(), ShardError> {
        let Some(value) = self.stack.last_mut() else {
            return self.fail("a value is missing");
        };
        let kept = match value {
            Value::Array(array) => {
                if let Data::Unset(slot) = &mut array.data {
                    *slot = Some(index);
                }
                true
            }
            Value::Text(_, word) => self.keep != Keep::Rows || *word != Word::Other,
            Value::Bytes(at) | Value::Encoded(at) | Value::OldText(at) => {
                self.keep != Keep::Rows || at.len <= 8
            }
            Value::Global(_) | Value::Dtype(_) => true,
            // the first tuples may be shared by all records; later ones belong to one
            Value::Tuple(items, 1 | 2) => index < 256 && items.len() <= 8,
            // numbers are memoised where they are NumPy's
            Value::Long(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Owned(_) => {
                self.keep != Keep::Rows
            }
            _ => false,
        };
        let value = kept.then(|| value.clone());
        self.memo.put(index, value).map_err(|e| self.cursor.bad(e))
    }

    /// Checks that nothing stands behind the list: a file that was dumped into several times would lose records in silence.
    fn check_end(&self) -> Result<(), ShardError> {
        let input = &self.cursor.input;
        let more = input.len() - self.cursor.position();
        if more == 0 {
            return Ok(());
        }
        let reason = format!(
            "holds {more} more bytes behind its list of records, as several pickle.dump into one file leave them; \
             dump one list"
        );
        Err(ShardError::bad_format(input.place(), reason))
    }

    fn stop(&mut self) -> Result<(), ShardError> {
        let whole = match self.stack[..] {
            [Value::Root] => {
                self.stopped = true;
                return self.check_end();
            }
            [Value::Array(_)] => "an array",
            [Value::Dict(..)] => "one dictionary",
            [Value::Tuple(..)] => "a tuple",
            _ => return self.fail("it is not a list of records"),
        };
        Err(no_records(&self.cursor.input, whole))
    }
}

/// A pickle that is whole, but of something else than records.
pub(super) fn no_records(input: &Input, found: &str) -> ShardError {
    let reason = format!(
        "is a pickle of {found}; a list of dictionaries that hold a row each is read: save an array of rows with numpy.save"
    );
    ShardError::unsupported(input.place(), reason)
}
