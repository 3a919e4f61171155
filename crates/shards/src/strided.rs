//! Arrays whose components lie at fixed distances in a file.

use kernels::Dtype;

use crate::buffer::{Buffer, swap_bytes};
use crate::error::ShardError;
use crate::input::Input;
use crate::rows::{Access, Shard, range_bytes};

/// Most bytes that are read at once for components that lie apart.
const STRIP_BYTES: u64 = 1 << 20;

/// `lead` matrices of `rows` × `dim`, given as rows one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Strided {
    pub input: Input,
    /// Position of the first component.
    pub data: u64,
    pub dtype: Dtype,
    /// Components are in the other byte order than this machine's.
    pub swapped: bool,
    pub lead: u64,
    pub rows: u64,
    pub dim: usize,
    /// Distances of matrices, rows and columns, in components.
    pub strides: [u64; 3],
}

/// Strides of an array in C order.
pub(crate) fn c_order(rows: u64, dim: usize) -> [u64; 3] {
    [rows * dim as u64, dim as u64, 1]
}

impl Strided {
    fn in_one_piece(&self) -> bool {
        self.strides[1..] == [self.dim as u64, 1]
            && (self.lead == 1 || self.strides == c_order(self.rows, self.dim))
    }

    /// `count` rows of one matrix, the first of which begins at component `start`.
    fn block(&self, start: u64, count: usize, out: &mut [u8]) -> Result<(), ShardError> {
        let [_, row, column] = self.strides;
        let size = self.dtype.size();
        if column <= row || count == 1 {
            for (i, out) in out.chunks_exact_mut(self.dim * size).enumerate() {
                self.line(start + i as u64 * row, self.dim, column, |at, value| {
                    out[at * size..(at + 1) * size].copy_from_slice(value);
                })?;
            }
        } else {
            for j in 0..self.dim {
                self.line(start + j as u64 * column, count, row, |at, value| {
                    let at = (at * self.dim + j) * size;
                    out[at..at + size].copy_from_slice(value);
                })?;
            }
        }
        Ok(())
    }

    /// Gives `put` the `count` components from `start`, `stride` apart.
    fn line(
        &self,
        start: u64,
        count: usize,
        stride: u64,
        mut put: impl FnMut(usize, &[u8]),
    ) -> Result<(), ShardError> {
        let size = self.dtype.size();
        let step = stride.max(1) * size as u64;
        let most = (STRIP_BYTES / step).clamp(1, count.max(1) as u64) as usize;
        let mut strip = vec![0; (most - 1) * step as usize + size];
        for first in (0..count).step_by(most) {
            let here = most.min(count - first);
            // components that are one in the file are read once
            let apart = if stride == 0 { 1 } else { here };
            let strip = &mut strip[..(apart - 1) * step as usize + size];
            let component = start + first as u64 * stride;
            self.input.read_at(self.data + component * size as u64, strip)?;
            for i in 0..here {
                let at = if stride == 0 { 0 } else { i * step as usize };
                put(first + i, &strip[at..at + size]);
            }
        }
        Ok(())
    }
}

impl Shard for Strided {
    fn rows(&self) -> u64 {
        self.lead * self.rows
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn access(&self) -> Access {
        Access::Random
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        let row_bytes = self.dim * self.dtype.size();
        let mut out = buf.as_bytes_mut();
        if self.in_one_piece() {
            self.input
                .read_ahead_at(self.data + first * row_bytes as u64, out)?;
        } else {
            let mut row = first;
            while !out.is_empty() {
                let (matrix, within) = (row / self.rows, row % self.rows);
                let here = (out.len() / row_bytes).min((self.rows - within) as usize);
                let (block, rest) = out.split_at_mut(here * row_bytes);
                self.block(matrix * self.strides[0] + within * self.strides[1], here, block)?;
                (out, row) = (rest, row + here as u64);
            }
        }
        if self.swapped {
            swap_bytes(self.dtype, buf.as_bytes_mut());
        }
        Ok(())
    }
}
