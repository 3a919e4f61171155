//! Cross-covariance of paired rows, streamed and merged.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Columns of the matrix that one task updates; fixed, so that threads do not change the sums.
const PANEL: usize = 64;

/// E[(x−μx)(y−μy)ᵀ] of pairs, in f64, counted about fixed centres near the means.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossCovariance {
    n: u64,
    centers: [Vec<f64>; 2],
    sums: [Vec<f64>; 2],
    /// Σ (x−cx)(y−cy)ᵀ, column-major.
    scatter: Vec<f64>,
}

impl CrossCovariance {
    /// The state that has seen no pair.
    pub fn about(x: &[f64], y: &[f64]) -> Self {
        assert_eq!(x.len(), y.len(), "centres of one width");
        Self {
            n: 0,
            centers: [x.to_vec(), y.to_vec()],
            sums: [vec![0.0; x.len()], vec![0.0; x.len()]],
            scatter: vec![0.0; x.len() * x.len()],
        }
    }

    /// Counts pairs, row i of `x` with row i of `y`, row-major, on the threads of the current rayon pool.
    pub fn accumulate(&mut self, x: &[f64], y: &[f64]) {
        let dim = self.centers[0].len();
        assert_eq!(x.len(), y.len(), "rows in pairs");
        assert_eq!(x.len() % dim, 0, "whole rows");
        let n = x.len() / dim;
        let [x, y] = [0, 1].map(|side| {
            let mut rows = [x, y][side].to_vec();
            for row in rows.chunks_exact_mut(dim) {
                for ((v, c), sum) in row.iter_mut().zip(&self.centers[side]).zip(&mut self.sums[side]) {
                    *v -= c;
                    *sum += *v;
                }
            }
            rows
        });
        self.n += n as u64;
        let left = MatRef::from_row_major_slice(&x, n, dim).transpose();
        let right = MatRef::from_row_major_slice(&y, n, dim);
        self.scatter
            .par_chunks_mut(PANEL * dim)
            .enumerate()
            .for_each(|(panel, columns)| {
                let width = columns.len() / dim;
                let target = MatMut::from_column_major_slice_mut(columns, dim, width);
                let right = right.subcols(panel * PANEL, width);
                matmul(target, Accum::Add, left, right, 1.0, Par::Seq);
            });
    }

    /// Adds the pairs of `other`, which may have been counted about other centres.
    pub fn merge(&mut self, other: &Self) {
        let dim = self.centers[0].len();
        assert_eq!(dim, other.centers[0].len(), "states of one width");
        let shift = [0, 1].map(|side| -> Vec<f64> {
            let pairs = other.centers[side].iter().zip(&self.centers[side]);
            pairs.map(|(b, a)| b - a).collect()
        });
        let n = other.n as f64;
        for j in 0..dim {
            for i in 0..dim {
                let moved = shift[0][i] * other.sums[1][j]
                    + other.sums[0][i] * shift[1][j]
                    + n * shift[0][i] * shift[1][j];
                self.scatter[j * dim + i] += other.scatter[j * dim + i] + moved;
            }
        }
        for side in 0..2 {
            let parts = other.sums[side].iter().zip(&shift[side]);
            for (sum, (other, shift)) in self.sums[side].iter_mut().zip(parts) {
                *sum += other + n * shift;
            }
        }
        self.n += other.n;
    }

    /// Pairs counted.
    pub fn rows(&self) -> u64 {
        self.n
    }

    /// Σxy, d × d, divisor n.
    pub fn matrix(&self) -> Mat<f64> {
        let (dim, n) = (self.centers[0].len(), self.n as f64);
        Mat::from_fn(dim, dim, |i, j| {
            self.scatter[j * dim + i] / n - (self.sums[0][i] / n) * (self.sums[1][j] / n)
        })
    }
}
