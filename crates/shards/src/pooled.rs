//! One row of several states, such as the states of the tokens of a text.

use kernels::{Dtype, Rows};

use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::fault::Fault;
use crate::pool::Pool;
use crate::rows::{Access, Shard, range_bytes};

/// Bytes of states that are read at once.
const PIECE_BYTES: usize = 1 << 20;

/// So many states of each row, and how they become one.
pub(crate) type States = Option<(u64, Pool)>;

struct Pooled {
    /// The states of all rows, one after the other.
    states: Box<dyn Shard>,
    each: u64,
    pool: Pool,
}

/// The rows whose states `shard` holds, or `shard` where each row is one.
pub(crate) fn pooled(shard: Box<dyn Shard>, states: States) -> Box<dyn Shard> {
    match states {
        Some((each, pool)) if each > 1 => Box::new(Pooled {
            states: shard,
            each,
            pool,
        }),
        _ => shard,
    }
}

/// The states of rows, each as a row.
struct Split {
    rows: Box<dyn Shard>,
    /// Columns of a state.
    dim: usize,
}

/// The states of `dim` columns that the rows of `shard` consist of.
pub(crate) fn split(shard: Box<dyn Shard>, dim: usize) -> Box<dyn Shard> {
    Box::new(Split { rows: shard, dim })
}

impl Split {
    /// States of a row.
    fn each(&self) -> u64 {
        (self.rows.dim() / self.dim) as u64
    }
}

impl Shard for Split {
    fn rows(&self) -> u64 {
        self.rows.rows() * self.each()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.rows.dtype()
    }

    fn access(&self) -> Access {
        self.rows.access()
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        if count == 0 {
            return Ok(());
        }
        let each = self.each();
        let from = first / each;
        let rows = ((first + count as u64).div_ceil(each) - from) as usize;
        let mut whole = Buffer::new();
        self.rows.read(from, rows, &mut whole)?;
        let start = (first - from * each) as usize * self.dim * self.dtype().size();
        let bytes = buf.as_bytes_mut();
        bytes.copy_from_slice(&whole.as_bytes()[start..start + bytes.len()]);
        let state = |i: usize| (from + i as u64) * each;
        let faults = whole.faults().iter().flat_map(|&(i, fault)| {
            let here = state(i).max(first)..state(i + 1).min(first + count as u64);
            here.map(move |state| ((state - first) as usize, fault))
        });
        let faults = faults.collect();
        buf.spoil(self.dtype(), self.dim, faults);
        Ok(())
    }
}

impl Pooled {
    /// The sums of the states of a row in f64, in their order, or why one of them cannot be given.
    fn sums(&self, row: u64, states: &mut Buffer, sums: &mut [f64]) -> Result<Option<Fault>, ShardError> {
        let dim = self.dim();
        let piece = (PIECE_BYTES / (dim * self.states.dtype().size())).max(1) as u64;
        sums.fill(0.0);
        let mut state = row * self.each;
        let end = state + self.each;
        while state < end {
            let count = piece.min(end - state);
            self.states.read(state, count as usize, states)?;
            if let Some(&(_, fault)) = states.faults().first() {
                return Ok(Some(fault));
            }
            match states.rows(self.states.dtype()) {
                Rows::F16(rows) => add(sums, rows.iter().map(|value| value.to_f64())),
                Rows::Bf16(rows) => add(sums, rows.iter().map(|value| value.to_f64())),
                Rows::F32(rows) => add(sums, rows.iter().map(|&value| f64::from(value))),
                Rows::F64(rows) => add(sums, rows.iter().copied()),
            }
            state += count;
        }
        Ok(None)
    }
}

fn add(sums: &mut [f64], mut values: impl ExactSizeIterator<Item = f64>) {
    while values.len() > 0 {
        for (sum, value) in sums.iter_mut().zip(&mut values) {
            *sum += value;
        }
    }
}

impl Shard for Pooled {
    fn rows(&self) -> u64 {
        self.states.rows() / self.each
    }

    fn dim(&self) -> usize {
        self.states.dim()
    }

    /// A mean of halves is not a half.
    fn dtype(&self) -> Dtype {
        match (self.pool, self.states.dtype()) {
            (Pool::Mean, Dtype::F16 | Dtype::Bf16) => Dtype::F32,
            (_, dtype) => dtype,
        }
    }

    fn access(&self) -> Access {
        self.states.access()
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        let mut states = Buffer::new();
        let mut sums = vec![0.0; self.dim()];
        let row_bytes = self.dim() * self.dtype().size();
        let mut faults = Vec::new();
        for (i, out) in buf.as_bytes_mut().chunks_exact_mut(row_bytes).enumerate() {
            let row = first + i as u64;
            let chosen = match self.pool {
                Pool::Mean => None,
                Pool::First => Some(row * self.each),
                Pool::Last => Some((row + 1) * self.each - 1),
            };
            let fault = if let Some(state) = chosen {
                self.states.read(state, 1, &mut states)?;
                out.copy_from_slice(states.as_bytes());
                states.faults().first().map(|&(_, fault)| fault)
            } else {
                let fault = self.sums(row, &mut states, &mut sums)?;
                let means = sums.iter().map(|sum| sum / self.each as f64);
                match self.dtype() {
                    Dtype::F64 => put(out, means.map(f64::to_ne_bytes)),
                    _ => put(out, means.map(|mean| (mean as f32).to_ne_bytes())),
                }
                fault
            };
            faults.extend(fault.map(|fault| (i, fault)));
        }
        if !faults.is_empty() {
            buf.spoil(self.dtype(), self.dim(), faults);
        }
        Ok(())
    }
}

fn put<const N: usize>(out: &mut [u8], values: impl Iterator<Item = [u8; N]>) {
    for (out, value) in out.as_chunks_mut::<N>().0.iter_mut().zip(values) {
        *out = value;
    }
}
