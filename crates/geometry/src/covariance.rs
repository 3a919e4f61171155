//! Covariance of rows, streamed and merged.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use modality_gap_kernels::dot;
use rayon::prelude::*;

/// Columns of the scatter matrix that one task updates; fixed, so that threads do not change the sums.
const PANEL: usize = 64;

/// Scatter of rows about a fixed centre, in f64.
///
/// About the centre nothing cancels, so the centre should be near the mean (the mean of an earlier pass, or of the
/// first block); any centre gives the same covariance up to rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    n: u64,
    center: Vec<f64>,
    /// Σ (e−c).
    sum: Vec<f64>,
    /// Σ (e−c)(e−c)ᵀ, column-major, lower triangle.
    scatter: Vec<f64>,
}

impl Covariance {
    /// The state that has seen no row, to be counted about `center`.
    pub fn about(center: &[f64]) -> Self {
        let dim = center.len();
        Self {
            n: 0,
            center: center.to_vec(),
            sum: vec![0.0; dim],
            scatter: vec![0.0; dim * dim],
        }
    }

    /// Counts `rows`, row-major; they are centred in place. Works on the threads of the current rayon pool; the
    /// number of threads does not change the result, the instruction set may change its last bits.
    pub fn accumulate(&mut self, rows: &mut [f64]) {
        let dim = self.center.len();
        assert_eq!(rows.len() % dim, 0, "whole rows");
        for row in rows.chunks_exact_mut(dim) {
            for ((v, c), sum) in row.iter_mut().zip(&self.center).zip(&mut self.sum) {
                *v -= c;
                *sum += *v;
            }
        }
        let n = rows.len() / dim;
        self.n += n as u64;
        let block = MatRef::from_row_major_slice(rows, n, dim);
        self.scatter
            .par_chunks_mut(PANEL * dim)
            .enumerate()
            .for_each(|(panel, columns)| {
                let first = panel * PANEL;
                let width = columns.len() / dim;
                let target = MatMut::from_column_major_slice_mut(columns, dim, width);
                let left = block.subcols(first, dim - first).transpose();
                let right = block.subcols(first, width);
                matmul(
                    target.subrows_mut(first, dim - first),
                    Accum::Add,
                    left,
                    right,
                    1.0,
                    Par::Seq,
                );
            });
    }

    /// Adds the rows of `other`, which may have been counted about another centre.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.center.len(), other.center.len(), "states of one width");
        let dim = self.center.len();
        let shift: Vec<f64> = other
            .center
            .iter()
            .zip(&self.center)
            .map(|(b, a)| b - a)
            .collect();
        let n = other.n as f64;
        for j in 0..dim {
            for i in j..dim {
                let moved = shift[i] * other.sum[j] + other.sum[i] * shift[j] + n * shift[i] * shift[j];
                self.scatter[j * dim + i] += other.scatter[j * dim + i] + moved;
            }
        }
        for ((sum, other), shift) in self.sum.iter_mut().zip(&other.sum).zip(&shift) {
            *sum += other + n * shift;
        }
        self.n += other.n;
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.n
    }

    /// Columns.
    pub fn dim(&self) -> usize {
        self.center.len()
    }

    /// The mean of the rows.
    pub fn mean(&self) -> Vec<f64> {
        let n = self.n as f64;
        self.center
            .iter()
            .zip(&self.sum)
            .map(|(c, s)| c + s / n)
            .collect()
    }

    /// Σᵢⱼ with divisor n.
    pub fn entry(&self, i: usize, j: usize) -> f64 {
        let (low, high) = (i.min(j), i.max(j));
        let n = self.n as f64;
        self.scatter[low * self.dim() + high] / n - (self.sum[i] / n) * (self.sum[j] / n)
    }

    /// Σ, d × d and symmetric, divisor n.
    pub fn matrix(&self) -> Mat<f64> {
        Mat::from_fn(self.dim(), self.dim(), |i, j| self.entry(i, j))
    }

    /// tr Σ.
    pub fn trace(&self) -> f64 {
        (0..self.dim()).map(|i| self.entry(i, i)).sum()
    }

    /// Σv.
    pub fn times(&self, v: &[f64]) -> Vec<f64> {
        (0..self.dim())
            .map(|i| v.iter().enumerate().map(|(j, v)| self.entry(i, j) * v).sum())
            .collect()
    }

    /// vᵀΣv.
    pub fn quadratic(&self, v: &[f64]) -> f64 {
        dot(v, &self.times(v))
    }

    /// tr(ΣΣ') with another covariance of the same width.
    pub fn product_trace(&self, other: &Self) -> f64 {
        let dim = self.dim();
        assert_eq!(dim, other.dim(), "covariances of one width");
        let mut diagonal = 0.0;
        let mut below = 0.0;
        for j in 0..dim {
            diagonal += self.entry(j, j) * other.entry(j, j);
            below += (j + 1..dim)
                .map(|i| self.entry(i, j) * other.entry(i, j))
                .sum::<f64>();
        }
        diagonal + 2.0 * below
    }
}
