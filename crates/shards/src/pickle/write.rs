//! Pickled records, written in order: protocol 4, in the published layout, as plain `pickle.load` opens them.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use kernels::{Dtype, Rows};

use super::cursor::Cursor;
use super::frame::{ARGUMENTS, Frame, KEY, RECONSTRUCT};
use super::machine::{Keep, Machine};
use super::read::latin1;
use super::value::{Array, At, Data, Value, Word};
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::input::Input;
use crate::rows::Access;
use crate::sink::{Failure, Sink};
use crate::writer::{OutputSpec, ShardWriter, check_range};

/// Records that are appended at a time, as Python does.
const BATCH: u64 = 1000;
pub(crate) struct PickleWriter {
    state: Mutex<State>,
    failure: Failure,
    dim: usize,
    dtype: Dtype,
    rows: u64,
}

struct State {
    sink: Sink,
    frame: Frame,
    records: Option<Records>,
    dropped: Vec<u64>,
    /// Row of the input that comes next.
    source: u64,
    next: u64,
}

/// The records of the input, of which all but the rows are kept.
struct Records {
    machine: Machine,
    /// Reads strings where they stand: those of the record, and those that stood in earlier ones.
    strings: Cursor,
    earlier: Cursor,
}

impl PickleWriter {
    pub fn create(spec: &OutputSpec) -> Result<Self, ShardError> {
        let OutputSpec { dim, dtype, rows, .. } = *spec;
        let name = match dtype {
            Dtype::F16 => "f2",
            Dtype::F32 => "f4",
            Dtype::F64 => "f8",
            Dtype::Bf16 => {
                let reason = "NumPy arrays hold no bf16; choose f16, f32 or f64";
                return Err(ShardError::unsupported(&Place::from(spec.path.as_path()), reason));
            }
        };
        let like = spec.like.as_ref().filter(|like| like.format == Format::Pickle);
        let key = like
            .and_then(|like| like.selector.clone())
            .unwrap_or_else(|| "embed".to_owned());
        let records = match like {
            Some(like) => {
                let input = Input::open(&like.path)?;
                let machine = Machine::new(input.clone(), &key, Keep::All)?;
                Some(Records {
                    machine,
                    strings: Cursor::new(input.clone()),
                    earlier: Cursor::new(input),
                })
            }
            None => None,
        };
        let (mut sink, failure) = Sink::create(&spec.path)?;
        sink.write_all(b"\x80\x04").map_err(|e| failure.explain(e))?;
        let mut frame = Frame::new();
        frame.prelude(&key, name, dim);
        let state = State {
            sink,
            frame,
            records,
            dropped: spec.dropped.clone(),
            source: 0,
            next: 0,
        };
        Ok(Self {
            state: Mutex::new(state),
            failure,
            dim,
            dtype,
            rows,
        })
    }
}

impl State {
    fn record(&mut self, row: &[u8]) -> Result<(), ShardError> {
        if self.next.is_multiple_of(BATCH) {
            self.frame.op(b'(');
        }
        let Self {
            frame,
            records,
            dropped,
            source,
            ..
        } = self;
        while dropped.binary_search(source).is_ok() {
            if let Some(records) = records {
                records.next(*source)?;
            }
            *source += 1;
        }
        frame.ops(b"}(");
        if let Some(records) = records {
            let pairs = records.next(*source)?;
            if !pairs
                .iter()
                .any(|(key, _)| matches!(key, Value::Text(_, Word::Key)))
            {
                return Err(records.changed(*source));
            }
            for (key, value) in pairs {
                if matches!(key, Value::Text(_, Word::Key)) {
                    frame.reference(KEY);
                    frame.row(row);
                } else {
                    records.key(frame, &key, *source)?;
                    records.value(frame, &value, *source)?;
                }
            }
        } else {
            frame.shared_key(b"id");
            frame.text(source.to_string().as_bytes());
            frame.reference(KEY);
            frame.row(row);
        }
        frame.op(b'u');
        *source += 1;
        self.next += 1;
        if self.next.is_multiple_of(BATCH) {
            self.frame.op(b'e');
        }
        Ok(())
    }

    fn flush(&mut self, failure: &Failure) -> Result<(), ShardError> {
        self.sink
            .write_all(self.frame.close())
            .map_err(|e| failure.explain(e))?;
        self.frame.clear();
        Ok(())
    }
}

impl Records {
    fn next(&mut self, row: u64) -> Result<Vec<(Value, Value)>, ShardError> {
        match self.machine.next()? {
            Some(record) => Ok(record.pairs),
            None => Err(self.changed(row)),
        }
    }

    fn changed(&self, row: u64) -> ShardError {
        let reason = "the file has changed: the record is missing";
        ShardError::bad_row(self.strings.input.place(), row, reason)
    }

    fn key(&mut self, frame: &mut Frame, key: &Value, row: u64) -> Result<(), ShardError> {
        const LONGEST: u32 = 64;
        if let Value::Text(at, _) = key
            && at.len <= LONGEST
        {
            frame.shared_key(self.at(at.offset).take(at.len as usize)?);
            return Ok(());
        }
        self.value(frame, key, row)
    }

    /// Writes a value of the input again.
    fn value(&mut self, frame: &mut Frame, value: &Value, row: u64) -> Result<(), ShardError> {
        match value {
            Value::None => frame.op(b'N'),
            Value::Bool(true) => frame.op(0x88),
            Value::Bool(false) => frame.op(0x89),
            Value::Int(number) => frame.int(*number),
            Value::Float(number) => frame.float(*number),
            Value::Long(at) => self.copy(frame, [0x8a, 0x8b], *at)?,
            Value::Text(at, _) => self.copy(frame, [0x8c, b'X'], *at)?,
            Value::Owned(text) => frame.text(text.as_bytes()),
            Value::OldText(at) => self.copy(frame, *b"UT", *at)?,
            Value::Bytes(at) => self.copy(frame, *b"CB", *at)?,
            Value::Encoded(at) => self.encoded(frame, *at, row)?,
            Value::Tuple(items, _) => self.items(frame, b"(", items.iter(), b't', row)?,
            Value::List(items, _) => self.items(frame, b"](", items.iter(), b'e', row)?,
            Value::Dict(pairs, _) => {
                self.items(
                    frame,
                    b"}(",
                    pairs.iter().flat_map(|(key, value)| [key, value]),
                    b'u',
                    row,
                )?;
            }
            Value::Floats(numbers) => {
                frame.ops(b"](");
                for &number in numbers {
                    frame.float(number);
                }
                frame.op(b'e');
            }
            Value::Array(array) => self.array(frame, *array, row)?,
            Value::Root | Value::Opaque | Value::Global(_) | Value::Dtype(_) => {
                return Err(self.not_copied(row));
            }
        }
        Ok(())
    }

    fn items<'a>(
        &mut self,
        frame: &mut Frame,
        start: &[u8],
        items: impl Iterator<Item = &'a Value>,
        end: u8,
        row: u64,
    ) -> Result<(), ShardError> {
        frame.ops(start);
        for item in items {
            self.value(frame, item, row)?;
        }
        frame.op(end);
        Ok(())
    }

    /// Another array of the record.
    fn array(&mut self, frame: &mut Frame, array: Array, row: u64) -> Result<(), ShardError> {
        let descr = self.machine.descrs.get(usize::from(array.descr)).copied();
        let (Some(descr), Some(dim)) = (descr, array.dim) else {
            return Err(self.not_copied(row));
        };
        frame.reference(RECONSTRUCT);
        frame.reference(ARGUMENTS);
        frame.ops(b"R(K\x01");
        frame.int(dim.into());
        frame.op(0x85);
        frame.ops(b"cnumpy\ndtype\n");
        self.copy(frame, [0x8c, b'X'], descr.name)?;
        frame.ops(b"\x89\x88\x87R");
        frame.dtype_state(descr.order);
        frame.op(0x89);
        match array.data {
            Data::Raw(at) => self.copy(frame, *b"CB", at)?,
            Data::Text(at) => self.encoded(frame, at, row)?,
            Data::Objects | Data::Unset(_) => return Err(self.not_copied(row)),
        }
        frame.ops(b"tb");
        Ok(())
    }

    fn encoded(&mut self, frame: &mut Frame, at: At, row: u64) -> Result<(), ShardError> {
        let text = self.strings.input.bytes_at(at.offset, at.len.into())?;
        let bytes = latin1(&text).ok_or_else(|| self.not_copied(row))?;
        frame.sized(*b"CB", bytes.len());
        frame.ops(&bytes);
        Ok(())
    }

    /// Bytes of the input behind an opcode of their own.
    fn copy(&mut self, frame: &mut Frame, ops: [u8; 2], at: At) -> Result<(), ShardError> {
        const CHUNK: usize = 32 << 10;
        frame.sized(ops, at.len as usize);
        let strings = self.at(at.offset);
        let mut left = at.len as usize;
        while left > 0 {
            let n = left.min(CHUNK);
            frame.ops(strings.take(n)?);
            left -= n;
        }
        Ok(())
    }

    /// The cursor at a position; going back must not cost the other one its window.
    fn at(&mut self, offset: u64) -> &mut Cursor {
        let cursor = if offset < self.strings.start() {
            &mut self.earlier
        } else {
            &mut self.strings
        };
        cursor.seek(offset);
        cursor
    }

    fn not_copied(&self, row: u64) -> ShardError {
        let reason =
            format!("record {row} holds a value that is shared with another or of a kind that is not copied");
        ShardError::unsupported(self.strings.input.place(), reason)
    }
}

impl ShardWriter for PickleWriter {
    fn access(&self) -> Access {
        Access::Sequential
    }

    fn write(&self, first: u64, rows: Rows<'_>) -> Result<(), ShardError> {
        check_range(rows, self.dtype, self.dim, first, self.rows);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.next, first, "rows come in order");
        for row in rows.as_bytes().chunks_exact(self.dim * self.dtype.size()) {
            state.record(row)?;
            if state.frame.is_full() {
                state.flush(&self.failure)?;
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, sync: bool) -> Result<u64, ShardError> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.next, self.rows, "every row is written once");
        if !state.next.is_multiple_of(BATCH) {
            state.frame.op(b'e');
        }
        state.frame.op(b'.');
        state.flush(&self.failure)?;
        state.sink.commit(sync)
    }
}
