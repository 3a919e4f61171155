//! Symmetric matrices made tridiagonal: A = QTQᵀ, by blocked Householder reflections.
//!
//! Half of the work is products of the matrix with one vector after another, which wait for memory. Here they read one triangle and
//! write nothing; the matrix is updated once for a block of reflections.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj, make_householder_in_place,
    upgrade_householder_factor,
};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, ColMut, Conj, Mat, MatMut, MatRef, Par};
use modality_gap_kernels::{SYMMETRIC_COLUMNS, symmetric_times};
use rayon::prelude::*;

/// Reflections of a block.
const BLOCK: usize = 32;
/// Reflections that are applied at once.
const APPLIED: usize = 64;
/// Rows from which a product with a vector is worked out in two parts; fixed, so that the number of threads changes nothing.
const IN_PARTS: usize = 384;
/// Columns of the matrix, or vectors, that one task multiplies; fixed, so that the number of threads changes nothing.
const TOGETHER: usize = 128;
/// Columns begin at multiples of so many values, a line of the cache.
const LINE: usize = 8;

/// T, and the reflections that make up Q.
pub(crate) struct Tridiagonal {
    /// Diagonal of T.
    pub diagonal: Vec<f64>,
    /// Below it, one fewer.
    pub below: Vec<f64>,
    dim: usize,
    stride: usize,
    /// Reflection k in column k below the diagonal; its first component stands for one.
    reflections: Vec<f64>,
    /// Their factors, block by block.
    factors: Mat<f64>,
}

impl Tridiagonal {
    /// Of the symmetric `matrix`, whose lower triangle is read.
    pub fn of(matrix: MatRef<'_, f64>) -> Self {
        let dim = matrix.nrows();
        let stride = dim.next_multiple_of(LINE);
        let mut columns = vec![0.0; stride * dim];
        for j in 0..dim {
            for i in j..dim {
                columns[j * stride + i] = matrix[(i, j)];
            }
        }
        let mut found = Self {
            diagonal: vec![0.0; dim],
            below: vec![0.0; dim.saturating_sub(1)],
            dim,
            stride,
            reflections: columns,
            factors: Mat::zeros(APPLIED, dim.saturating_sub(1)),
        };
        let mut w = vec![0.0; stride * BLOCK];
        let mut first = 0;
        while first < dim {
            let wide = BLOCK.min(dim - first);
            for k in 0..wide {
                found.reflect(first, k, &mut w);
            }
            found.update(first, wide, &w);
            first += wide;
        }
        found.upgrade();
        found
    }

    /// Brings column `first + k` up to date, reflects it, and works out column k of W: the matrix without the block's reflections is
    /// A − VWᵀ − WVᵀ.
    fn reflect(&mut self, first: usize, k: usize, w: &mut [f64]) {
        let (dim, stride, j) = (self.dim, self.stride, first + k);
        let (before, from) = self.reflections.split_at_mut(j * stride);
        let column = &mut from[j..dim];
        let v = view(&before[first * stride..], dim, k, stride);
        let of_w = view(w, dim, k, stride);
        {
            let mut column = MatMut::from_column_major_slice_mut(&mut *column, dim - j, 1);
            for (left, right) in [(v, of_w), (of_w, v)] {
                let (left, right) = (left.subrows(j, dim - j), right.subrows(j, 1).transpose());
                matmul(column.rb_mut(), Accum::Add, left, right, -1.0, Par::Seq);
            }
        }
        self.diagonal[j] = column[0];
        let Some((head, tail)) = column[1..].split_first_mut() else {
            return;
        };
        let tau = make_householder_in_place(head, ColMut::from_slice_mut(tail)).tau;
        self.below[j] = std::mem::replace(head, 1.0);
        self.factors[(0, j)] = tau;
        let rest = dim - j - 1;
        let (before_w, from_w) = w.split_at_mut(k * stride);
        let next = &mut from_w[j + 1..dim];
        let reflection = &self.reflections[j * stride + j + 1..j * stride + dim];
        let matrix = &self.reflections[(j + 1) * stride + j + 1..];
        times(matrix, stride, (j + 1) % LINE, reflection, next);
        let v = view(&self.reflections[first * stride..], dim, k, stride).subrows(j + 1, rest);
        let of_w = view(before_w, dim, k, stride).subrows(j + 1, rest);
        let reflection = MatRef::from_column_major_slice(reflection, rest, 1);
        let mut next = MatMut::from_column_major_slice_mut(next, rest, 1);
        for (left, right) in [(v, of_w), (of_w, v)] {
            let along = right.transpose() * reflection;
            matmul(next.rb_mut(), Accum::Add, left, &along, -1.0, Par::Seq);
        }
        let inverse = tau.recip();
        next *= faer::Scale(inverse);
        let half = 0.5 * inverse * (reflection.transpose() * next.rb())[(0, 0)];
        next -= reflection * faer::Scale(half);
    }

    /// Takes VWᵀ + WVᵀ of a block from the matrix below and to the right of it.
    fn update(&mut self, first: usize, wide: usize, w: &[f64]) {
        let (dim, stride, from) = (self.dim, self.stride, first + wide);
        if from >= dim {
            return;
        }
        let rest = dim - from;
        let (before, after) = self.reflections.split_at_mut(from * stride);
        let v = view(&before[first * stride..], dim, wide, stride).subrows(from, rest);
        let w = view(w, dim, wide, stride).subrows(from, rest);
        let after = MatMut::from_column_major_slice_with_stride_mut(after, dim, rest, stride);
        let parts = after.subrows_mut(from, rest).par_col_chunks_mut(TOGETHER);
        parts.enumerate().for_each(|(part, columns)| {
            let (start, count) = (part * TOGETHER, columns.ncols());
            let (mut square, mut below) = columns.subrows_mut(start, rest - start).split_at_row_mut(count);
            for (left, right) in [(v, w), (w, v)] {
                let of_columns = right.subrows(start, count).transpose();
                triangular_matmul(
                    square.rb_mut(),
                    BlockStructure::TriangularLower,
                    Accum::Add,
                    left.subrows(start, count),
                    BlockStructure::Rectangular,
                    of_columns,
                    BlockStructure::Rectangular,
                    -1.0,
                    Par::Seq,
                );
                let left = left.subrows(start + count, rest - start - count);
                matmul(below.rb_mut(), Accum::Add, left, of_columns, -1.0, Par::Seq);
            }
        });
    }

    /// Makes of the reflections' own factors those of blocks.
    fn upgrade(&mut self) {
        let n = self.dim.saturating_sub(1);
        let below = reflections(&self.reflections, self.dim, self.stride);
        let mut first = 0;
        while first < n {
            let wide = APPLIED.min(n - first);
            let mut factor = self.factors.submatrix_mut(0, first, wide, wide);
            for k in 0..wide {
                factor[(k, k)] = factor[(0, k)];
            }
            let essentials = below.submatrix(first, first, n - first, wide);
            upgrade_householder_factor(factor, essentials, wide, 1, Par::Seq);
            first += wide;
        }
    }

    /// Multiplies `vectors`, those of T, by Q: they become those of the matrix.
    pub fn apply(&self, vectors: MatMut<'_, f64>) {
        let n = self.dim.saturating_sub(1);
        if n == 0 {
            return;
        }
        let parts = vectors.subrows_mut(1, n).par_col_chunks_mut(TOGETHER);
        parts.for_each(|part| {
            let scratch = apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(
                n,
                APPLIED,
                part.ncols(),
            );
            apply_block_householder_sequence_on_the_left_in_place_with_conj(
                reflections(&self.reflections, self.dim, self.stride),
                self.factors.as_ref(),
                Conj::No,
                part,
                Par::Seq,
                MemStack::new(&mut MemBuffer::new(scratch)),
            );
        });
    }
}

/// As [`symmetric_times`]; a large matrix in two parts of about as many entries, side by side.
fn times(matrix: &[f64], stride: usize, phase: usize, v: &[f64], out: &mut [f64]) {
    let n = v.len();
    if n < IN_PARTS {
        return symmetric_times(matrix, stride, phase, n, v, out);
    }
    // 1 − √½ of the columns have half of the entries on and below the diagonal
    let cut = n * 3 / 10 / SYMMETRIC_COLUMNS * SYMMETRIC_COLUMNS;
    let mut rest = vec![0.0; n - cut];
    let (lower, phase_below) = (&matrix[cut * stride + cut..], phase + cut);
    rayon::join(
        || symmetric_times(matrix, stride, phase, cut, v, out),
        || symmetric_times(lower, stride, phase_below, n - cut, &v[cut..], &mut rest),
    );
    out[cut..].iter_mut().zip(rest).for_each(|(out, v)| *out += v);
}

/// Columns of `dim` values, `stride` apart.
fn view(columns: &[f64], dim: usize, count: usize, stride: usize) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice_with_stride(columns, dim, count, stride)
}

/// The reflections, without the row of the diagonal.
fn reflections(columns: &[f64], dim: usize, stride: usize) -> MatRef<'_, f64> {
    let n = dim.saturating_sub(1);
    view(columns, dim, n, stride).subrows(dim - n, n)
}
