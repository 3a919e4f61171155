//! Cross-covariance of paired rows, streamed and merged.

use faer::Mat;
use modality_gap_kernels::{GRAM_COLUMNS, GRAM_ROWS, Gram, GramBlock, GramValue, dot};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::Precision;
use crate::covariance::{add, unbiased_product};
use crate::views::row_major;

/// E[(x−μx)(y−μy)ᵀ] of pairs, in f64, counted about fixed centres near the means.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossCovariance {
    precision: Precision,
    n: u64,
    centers: [Vec<f64>; 2],
    sums: [Vec<f64>; 2],
    /// Σ (x−cx)(y−cy)ᵀ, column-major.
    pub(crate) scatter: Vec<f64>,
    /// Σab, Σa, Σb with a = ‖x−cx‖², b = ‖y−cy‖².
    products: [f64; 3],
    /// Σb(x−cx), Σa(y−cy).
    crossed: [Vec<f64>; 2],
}

impl CrossCovariance {
    /// The state that has seen no pair, with products in f64.
    pub fn about(x: &[f64], y: &[f64]) -> Self {
        Self::about_in(x, y, Precision::Exact)
    }

    /// As [`Self::about`], with products in `precision`.
    pub fn about_in(x: &[f64], y: &[f64], precision: Precision) -> Self {
        assert_eq!(x.len(), y.len(), "centres of one width");
        Self {
            precision,
            n: 0,
            centers: [x.to_vec(), y.to_vec()],
            sums: [vec![0.0; x.len()], vec![0.0; x.len()]],
            scatter: vec![0.0; x.len() * x.len()],
            products: [0.0; 3],
            crossed: [vec![0.0; x.len()], vec![0.0; x.len()]],
        }
    }

    /// Counts pairs, row i of `x` with row i of `y`, n × d each, on the threads of the current rayon pool.
    pub fn accumulate(&mut self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) {
        let dim = self.centers[0].len();
        assert_eq!(x.dim(), y.dim(), "rows in pairs");
        assert_eq!(x.ncols(), dim, "rows of the width of the centres");
        let (x, y) = (row_major(&x), row_major(&y));
        match self.precision {
            Precision::Exact => self.count::<f64>(&x, &y),
            Precision::Single => self.count::<f32>(&x, &y),
        }
    }

    /// Counts pairs with products of such values.
    fn count<V: GramValue>(&mut self, x: &[f64], y: &[f64]) {
        let (gram, dim) = (Gram::here(), self.centers[0].len());
        let size = GRAM_ROWS * dim;
        let packed = |rows: &[f64], side: usize| {
            let each: Vec<&[f64]> = rows.chunks_exact(dim).collect();
            gram.block::<V>(&each, &self.centers[side])
        };
        let blocks: Vec<[GramBlock<V>; 2]> = x
            .par_chunks(size)
            .zip(y.par_chunks(size))
            .map(|(x, y)| [packed(x, 0), packed(y, 1)])
            .collect();
        let blocks: Vec<[&GramBlock<V>; 2]> = blocks.iter().map(<[_; 2]>::each_ref).collect();
        self.add_packed(&blocks);
    }

    /// Counts pairs that are packed about the centres.
    pub(crate) fn add_packed<V: GramValue>(&mut self, blocks: &[[&GramBlock<V>; 2]]) {
        let dim = self.centers[0].len();
        let crossed: Vec<[Vec<f64>; 2]> = blocks
            .par_iter()
            .map(|blocks| {
                [0, 1].map(|side| {
                    let mut sum = vec![0.0; dim];
                    blocks[side].add_weighted(blocks[1 - side].squares(), &mut sum);
                    sum
                })
            })
            .collect();
        for (blocks, crossed) in blocks.iter().zip(&crossed) {
            self.n += blocks[0].squares().len() as u64;
            for side in 0..2 {
                add(&mut self.sums[side], blocks[side].sum());
                add(&mut self.crossed[side], &crossed[side]);
            }
            for (a, b) in blocks[0].squares().iter().zip(blocks[1].squares()) {
                let sums = self.products.iter_mut().zip([a * b, *a, *b]);
                sums.for_each(|(sum, v)| *sum += v);
            }
        }
        let gram = Gram::here();
        self.scatter
            .par_chunks_mut(GRAM_COLUMNS * dim)
            .enumerate()
            .for_each(|(group, columns)| {
                gram.add(blocks, group * GRAM_COLUMNS, false, columns);
            });
    }

    /// Adds the pairs of `other`, which may have been counted about other centres, in the same precision.
    pub fn merge(&mut self, other: &Self) {
        let dim = self.centers[0].len();
        assert_eq!(dim, other.centers[0].len(), "states of one width");
        assert_eq!(self.precision, other.precision, "states of one precision");
        if self.centers == other.centers {
            self.add(other);
        } else {
            self.add_moved(other);
        }
    }

    /// [`Self::merge`] of pairs about the same centres.
    fn add(&mut self, other: &Self) {
        add(&mut self.scatter, &other.scatter);
        add(&mut self.products, &other.products);
        for side in 0..2 {
            add(&mut self.sums[side], &other.sums[side]);
            add(&mut self.crossed[side], &other.crossed[side]);
        }
        self.n += other.n;
    }

    /// [`Self::merge`] of pairs about other centres.
    fn add_moved(&mut self, other: &Self) {
        let dim = self.centers[0].len();
        let shift = [0, 1].map(|side| -> Vec<f64> {
            let pairs = other.centers[side].iter().zip(&self.centers[side]);
            pairs.map(|(b, a)| b - a).collect()
        });
        let n = other.n as f64;
        // with h the shifts: x−cx = u+h₀ and ‖x−cx‖² = a + 2h₀·u + ‖h₀‖², for u about the other's centre
        let [h0, h1] = &shift;
        let w = [dot(h0, h0), dot(h1, h1)];
        let first = [dot(h0, &other.sums[0]), dot(h1, &other.sums[1])];
        let column = |j: usize| &other.scatter[j * dim..(j + 1) * dim];
        let across: Vec<f64> = (0..dim).map(|j| dot(column(j), h0)).collect();
        let mut down = vec![0.0; dim];
        for (j, h) in h1.iter().enumerate() {
            down.iter_mut().zip(column(j)).for_each(|(sum, v)| *sum += h * v);
        }
        let [both, a, b] = other.products;
        self.products[0] += both
            + 2.0 * dot(h1, &other.crossed[1])
            + w[1] * a
            + 2.0 * dot(h0, &other.crossed[0])
            + 4.0 * dot(&across, h1)
            + 2.0 * w[1] * first[0]
            + w[0] * b
            + 2.0 * w[0] * first[1]
            + n * w[0] * w[1];
        let lengths = [a + 2.0 * first[0] + n * w[0], b + 2.0 * first[1] + n * w[1]];
        self.products[1] += lengths[0];
        self.products[2] += lengths[1];
        for i in 0..dim {
            self.crossed[0][i] +=
                other.crossed[0][i] + 2.0 * down[i] + w[1] * other.sums[0][i] + h0[i] * lengths[1];
            self.crossed[1][i] +=
                other.crossed[1][i] + 2.0 * across[i] + w[0] * other.sums[1][i] + h1[i] * lengths[0];
        }
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

    /// Unbiased estimate of ‖Σxy‖²_F for independent pairs; NaN below four of them.
    ///
    /// # References
    /// Song et al. 2012, HSIC₁ with a linear kernel.
    pub fn unbiased_square(&self) -> f64 {
        let (dim, n) = (self.centers[0].len(), self.n as f64);
        let h: [Vec<f64>; 2] = [0, 1].map(|side| self.sums[side].iter().map(|sum| sum / n).collect());
        let w = [0, 1].map(|side: usize| dot(&h[side], &h[side]));
        let [both, a, b] = self.products;
        // ‖x−μ̂‖² = a − 2h·(x−c) + w, and the sum of (x−c) is n·h
        let along: f64 = (0..dim)
            .map(|j| h[1][j] * dot(&self.scatter[j * dim..(j + 1) * dim], &h[0]))
            .sum();
        let products = both - 2.0 * dot(&h[0], &self.crossed[0]) - 2.0 * dot(&h[1], &self.crossed[1])
            + 4.0 * along
            + w[1] * a
            + w[0] * b
            - 4.0 * n * w[0] * w[1]
            + n * w[0] * w[1];
        let apart = (a - n * w[0]) * (b - n * w[1]);
        unbiased_product(self.n, self.matrix().squared_norm_l2(), products, apart)
    }
}
