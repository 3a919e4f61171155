//! JSON lines, written in order.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use kernels::{Dtype, Rows};

use super::plan::Plan;
use super::records::{Records, bad_record};
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::input::Input;
use crate::rows::{Access, Ask};
use crate::shard_ref::ShardRef;
use crate::sink::{Failure, Sink};
use crate::writer::{OutputSpec, ShardWriter, check_range};

/// The key of the rows, as embedding services call it.
const DEFAULT_KEY: &str = "embedding";

/// Writes a record for each row: that of the input with the new row, where the input is JSON, or one of the row only.
pub(crate) struct JsonLines {
    state: Mutex<State>,
    failure: Failure,
    dim: usize,
    dtype: Dtype,
    rows: u64,
}

struct State {
    sink: Sink,
    like: Option<Like>,
    next: u64,
    line: Vec<u8>,
}

/// The records of the input.
struct Like {
    place: Place,
    plan: Plan,
    records: Records,
    dropped: Vec<u64>,
    row: u64,
}

impl Like {
    fn of(shard: &ShardRef, dropped: &[u64]) -> Result<Option<Self>, ShardError> {
        if !matches!(shard.format, Format::Json | Format::Jsonl) {
            return Ok(None);
        }
        let input = Input::open(&shard.path)?;
        let ask = Ask {
            selector: shard.selector.as_deref(),
            ..Ask::default()
        };
        let Some(plan) = Plan::of(&input, shard.format, &ask)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            place: input.place().clone(),
            records: plan.layout.records(&input, plan.layout.start)?,
            plan,
            dropped: dropped.to_vec(),
            row: 0,
        }))
    }

    /// Appends the next record that is not dropped, with `row` in place of its row.
    fn write(&mut self, row: &[u8], line: &mut Vec<u8>) -> Result<(), ShardError> {
        loop {
            let record = self.records.next(&self.place)?;
            let record =
                record.ok_or_else(|| ShardError::bad_format(&self.place, "has changed while it was read"))?;
            let index = self.row;
            self.row += 1;
            if self.dropped.binary_search(&index).is_err() {
                let written = self.plan.replaced(record.bytes, row, line);
                return written.map_err(|reason| bad_record(&self.place, index, &reason));
            }
        }
    }
}

impl JsonLines {
    pub fn create(spec: &OutputSpec) -> Result<Self, ShardError> {
        let OutputSpec { dim, dtype, rows, .. } = *spec;
        if dtype == Dtype::Bf16 {
            let reason = "numbers of text are read as f32; choose f16, f32 or f64, or write safetensors";
            return Err(ShardError::unsupported(&Place::from(spec.path.as_path()), reason));
        }
        if !Format::Jsonl.is_written_as(&spec.path) {
            let reason =
                "is the name of packed text, which is not written; choose a name that ends in .jsonl";
            return Err(ShardError::unsupported(&Place::from(spec.path.as_path()), reason));
        }
        let like = match &spec.like {
            Some(like) => Like::of(like, &spec.dropped)?,
            None => None,
        };
        let (sink, failure) = Sink::create(&spec.path)?;
        Ok(Self {
            state: Mutex::new(State {
                sink,
                like,
                next: 0,
                line: Vec::new(),
            }),
            failure,
            dim,
            dtype,
            rows,
        })
    }
}

impl ShardWriter for JsonLines {
    fn access(&self) -> Access {
        Access::Sequential
    }

    fn write(&self, first: u64, rows: Rows<'_>) -> Result<(), ShardError> {
        let count = check_range(rows, self.dtype, self.dim, first, self.rows);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            sink,
            like,
            next,
            line,
        } = &mut *state;
        assert_eq!(*next, first, "rows come in order");
        *next += count;
        let mut row = Vec::new();
        for index in 0..count as usize {
            row.clear();
            let range = index * self.dim..(index + 1) * self.dim;
            match rows {
                Rows::F16(rows) => numbers(rows[range].iter().map(|value| value.to_f32()), &mut row),
                Rows::Bf16(rows) => numbers(rows[range].iter().map(|value| value.to_f32()), &mut row),
                Rows::F32(rows) => numbers(rows[range].iter(), &mut row),
                Rows::F64(rows) => numbers(rows[range].iter(), &mut row),
            }
            line.clear();
            if let Some(like) = like {
                like.write(&row, line)?;
            } else {
                line.extend_from_slice(format!("{{\"{DEFAULT_KEY}\": ").as_bytes());
                line.extend_from_slice(&row);
                line.push(b'}');
            }
            line.push(b'\n');
            sink.write_all(line).map_err(|e| self.failure.explain(e))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, sync: bool) -> Result<u64, ShardError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(state.next, self.rows, "every row is written");
        state.sink.commit(sync)
    }
}

/// The shortest numbers that are read as these.
fn numbers<T: std::fmt::Debug>(values: impl Iterator<Item = T>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, value) in values.enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        // unlike Display, Debug writes very small and large numbers with an exponent
        write!(out, "{value:?}").expect("memory takes all");
    }
    out.push(b']');
}
