//! Products of row-major matrices on the threads of the pool that runs the call.

use faer::linalg::matmul::matmul;
use faer::{Accum, Par};
use rayon::prelude::*;

use crate::Real;

/// Below this many multiplications a product is not worth more than one thread.
const PARALLEL: usize = 1 << 18;

/// Values of the result that one thread computes at a time.
const BLOCK_VALUES: usize = 1 << 16;

/// A matrix to read: values, rows, columns, and values from one row to the next.
#[derive(Clone, Copy)]
pub struct MatRef<'a, T: Real>(faer::MatRef<'a, T>);

impl<'a, T: Real> MatRef<'a, T> {
    /// `rows × cols` values without gaps.
    pub fn new(values: &'a [T], rows: usize, cols: usize) -> Self {
        Self::strided(values, rows, cols, cols)
    }

    /// Rows that begin `stride` values apart.
    pub fn strided(values: &'a [T], rows: usize, cols: usize, stride: usize) -> Self {
        // by way of columns: the constructor by rows of faer 0.24.4 swaps the strides
        Self(faer::MatRef::from_column_major_slice_with_stride(values, cols, rows, stride).transpose())
    }

    /// The transposed matrix, without moving a value.
    #[must_use]
    pub fn t(self) -> Self {
        Self(self.0.transpose())
    }
}

/// A matrix to write.
pub struct MatMut<'a, T: Real>(faer::MatMut<'a, T>);

impl<'a, T: Real> MatMut<'a, T> {
    /// `rows × cols` values without gaps.
    pub fn new(values: &'a mut [T], rows: usize, cols: usize) -> Self {
        Self::strided(values, rows, cols, cols)
    }

    /// Rows that begin `stride` values apart.
    pub fn strided(values: &'a mut [T], rows: usize, cols: usize, stride: usize) -> Self {
        // as for reading; there the swap would write beyond the slice
        Self(
            faer::MatMut::from_column_major_slice_with_stride_mut(values, cols, rows, stride).transpose_mut(),
        )
    }
}

/// `out = scale · a·b`, or `out += scale · a·b` when `add`.
///
/// # Determinism
/// Rows of `out` are shared out between threads on a fixed grid, the inner sum never is.
pub fn gemm<T: Real>(out: MatMut<'_, T>, add: bool, a: MatRef<'_, T>, b: MatRef<'_, T>, scale: T) {
    let work = a.0.nrows() * a.0.ncols() * b.0.ncols();
    if work < PARALLEL {
        return gemm_here(out, add, a, b, scale);
    }
    // blocks of our own, because the library's threads wait for each other by spinning, which a busy machine punishes
    let columns = out.0.ncols();
    let rows = (BLOCK_VALUES / columns.max(1))
        .next_multiple_of(16)
        .clamp(48, 512);
    out.0
        .par_row_chunks_mut(rows)
        .zip(a.0.par_row_chunks(rows))
        .for_each(|(out, a)| {
            gemm_here(MatMut(out), add, MatRef(a), b, scale);
        });
}

/// As [`gemm`], on the calling thread alone.
pub(crate) fn gemm_here<T: Real>(
    out: MatMut<'_, T>,
    add: bool,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    scale: T,
) {
    let accum = if add { Accum::Add } else { Accum::Replace };
    matmul(out.0, accum, a.0, b.0, scale, Par::Seq);
}
