//! Pickled records, written in order: protocol 4, in the published layout, as plain `pickle.load` opens them.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, DataType};
use kernels::{Dtype, Rows};

use super::columns;
use super::cursor::Cursor;
use super::frame::{ARGUMENTS, Frame, KEY, RECONSTRUCT};
use super::machine::{Keep, Machine};
use super::read::latin1;
use super::value::{Array, At, Data, Value, Word};
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::input::Input;
use crate::rows::Access;
use crate::shard_ref::ShardRef;
use crate::sink::{Failure, Sink};
use crate::table::Companions;
use crate::writer::{OutputSpec, ShardWriter, check_range};

/// Records that are appended at a time, as Python does.
const BATCH: u64 = 1000;
/// The published key of the rows.
const DEFAULT_KEY: &str = "embed";
/// Columns by which rows are looked up: beside one of them, a number of ours would pass for an id.
const ID_COLUMNS: [&str; 11] = [
    "id",
    "image_id",
    "img_id",
    "imgid",
    "cocoid",
    "key",
    "image_path",
    "file_name",
    "filename",
    "image",
    "url",
];

/// Whether a record takes a column of a table beside its row.
pub(crate) fn takes_column(name: &str, kind: &DataType) -> bool {
    name != DEFAULT_KEY && columns::fits(kind)
}

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
    beside: Beside,
    dropped: Vec<u64>,
    /// Row of the input that comes next.
    source: u64,
    next: u64,
}

/// What stands beside the rows of the input and goes into the records.
enum Beside {
    Nothing,
    Records(Box<Records>),
    Columns(Box<Columns>),
}

/// The other columns of a table, those that a record takes.
struct Columns {
    place: Place,
    companions: Companions,
    /// Names of all columns in step with what `companions` gives, and whether a record takes them.
    names: Vec<(String, bool)>,
    /// Whether one of them holds ids.
    has_ids: bool,
}

impl Columns {
    fn of(like: &ShardRef, dropped: &[u64]) -> Result<Option<Self>, ShardError> {
        let Some(companions) = Companions::of(like, dropped)? else {
            return Ok(None);
        };
        let fields = companions.schema.fields().iter().enumerate();
        let mut seen = BTreeSet::new();
        let names: Vec<(String, bool)> = fields
            .filter(|(i, _)| Some(*i) != companions.vector)
            .map(|(_, field)| {
                let name = field.name();
                // a record has no key twice
                let taken = seen.insert(name.as_str()) && takes_column(name, field.data_type());
                (name.clone(), taken)
            })
            .collect();
        let has_ids = names
            .iter()
            .any(|(name, taken)| *taken && ID_COLUMNS.contains(&name.as_str()));
        Ok(Some(Self {
            place: Place::from(like.path.as_path()),
            companions,
            names,
            has_ids,
        }))
    }

    /// The columns of the next rows, without those that a record does not take.
    fn take(&mut self, rows: usize) -> Result<Vec<(String, ArrayRef)>, ShardError> {
        let columns = self.companions.take(rows)?.into_iter().zip(&self.names);
        let taken = columns.filter(|(_, (_, taken))| *taken);
        taken
            .map(|(column, (name, _))| {
                let column = columns::plain(&column).map_err(|error| unwritten(&self.place, &error))?;
                Ok((name.clone(), column))
            })
            .collect()
    }
}

fn unwritten(place: &Place, error: &ArrowError) -> ShardError {
    ShardError::bad_format(place, format!("its other columns cannot be copied: {error}"))
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
            .unwrap_or_else(|| DEFAULT_KEY.to_owned());
        let table = spec
            .like
            .as_ref()
            .filter(|like| like.rows > 0 || like.selector.is_some());
        let beside = match (like, table) {
            (Some(like), _) => {
                let input = Input::open(&like.path)?;
                let machine = Machine::new(input.clone(), &key, Keep::All)?;
                Beside::Records(Box::new(Records {
                    machine,
                    strings: Cursor::new(input.clone()),
                    earlier: Cursor::new(input),
                }))
            }
            (None, Some(table)) => match Columns::of(table, &spec.dropped)? {
                Some(columns) => Beside::Columns(Box::new(columns)),
                None => Beside::Nothing,
            },
            (None, None) => Beside::Nothing,
        };
        let (mut sink, failure) = Sink::create(&spec.path)?;
        sink.write_all(b"\x80\x04").map_err(|e| failure.explain(e))?;
        let mut frame = Frame::new();
        frame.prelude(&key, name, dim);
        let state = State {
            sink,
            frame,
            beside,
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
    /// Writes a record around a row; `columns` are those of its block, in which it is row `i`.
    fn record(&mut self, row: &[u8], columns: &[(String, ArrayRef)], i: usize) -> Result<(), ShardError> {
        if self.next.is_multiple_of(BATCH) {
            self.frame.op(b'(');
        }
        let Self {
            frame,
            beside,
            dropped,
            source,
            ..
        } = self;
        while dropped.binary_search(source).is_ok() {
            if let Beside::Records(records) = beside {
                records.next(*source)?;
            }
            *source += 1;
        }
        frame.ops(b"}(");
        if let Beside::Records(records) = beside {
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
            let table = match beside {
                Beside::Columns(table) => Some(table),
                _ => None,
            };
            if !table.as_ref().is_some_and(|table| table.has_ids) {
                frame.shared_key(b"id");
                frame.text(source.to_string().as_bytes());
            }
            for (name, column) in columns {
                frame.shared_key(name.as_bytes());
                let place = table.as_ref().map_or(&Place::MEMORY, |table| &table.place);
                columns::value(frame, column, i).map_err(|error| unwritten(place, &error))?;
            }
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
        let reason = format!(
            "record {row} holds a value that is one object with another, as pickle keeps what is there twice, or of a kind that \
             is not copied; save copies (copy.deepcopy of each record), or write another format"
        );
        ShardError::unsupported(self.strings.input.place(), reason)
    }
}

impl ShardWriter for PickleWriter {
    fn access(&self) -> Access {
        Access::Sequential
    }

    fn write(&self, first: u64, rows: Rows<'_>) -> Result<(), ShardError> {
        let count = check_range(rows, self.dtype, self.dim, first, self.rows);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.next, first, "rows come in order");
        let columns = match &mut state.beside {
            Beside::Columns(columns) => columns.take(count as usize)?,
            _ => Vec::new(),
        };
        let row_bytes = self.dim * self.dtype.size();
        for (i, row) in rows.as_bytes().chunks_exact(row_bytes).enumerate() {
            state.record(row, &columns, i)?;
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
