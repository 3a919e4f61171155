//! Products of row-major matrices on the threads of the pool that runs the call.

use faer::linalg::matmul::matmul;
use faer::{Accum, Par};

use crate::Real;

/// Below this many multiplications a product is not worth more than one thread.
const PARALLEL: usize = 1 << 18;

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
/// Only rows and columns of `out` are shared out between threads, never the inner sum.
pub fn gemm<T: Real>(out: MatMut<'_, T>, add: bool, a: MatRef<'_, T>, b: MatRef<'_, T>, scale: T) {
    let work = a.0.nrows() * a.0.ncols() * b.0.ncols();
    let threads = rayon::current_num_threads();
    let par = if work < PARALLEL || threads == 1 {
        Par::Seq
    } else {
        Par::rayon(threads)
    };
    product(out, add, a, b, scale, par);
}

/// As [`gemm`], on the calling thread alone.
pub(crate) fn gemm_here<T: Real>(
    out: MatMut<'_, T>,
    add: bool,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    scale: T,
) {
    product(out, add, a, b, scale, Par::Seq);
}

fn product<T: Real>(out: MatMut<'_, T>, add: bool, a: MatRef<'_, T>, b: MatRef<'_, T>, scale: T, par: Par) {
    let accum = if add { Accum::Add } else { Accum::Replace };
    matmul(out.0, accum, a.0, b.0, scale, par);
}
