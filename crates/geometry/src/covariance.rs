//! Covariance of rows, streamed and merged.

use std::ops::Range;

use faer::{Mat, Side};
use modality_gap_kernels::{GRAM_COLUMNS, GRAM_ROWS, Gram, GramBlock, GramValue, dot};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::Precision;
use crate::eigen::sequential;
use crate::precision::Probes;
use crate::views::row_major;

/// Unbiased estimate of ‖Cov(x,y)‖²_F from n independent pairs: `square` is ‖Σ̂xy‖²_F with divisor n, and with
/// a = ‖x−μ̂x‖², b = ‖y−μ̂y‖², `both` is Σab and `apart` (Σa)(Σb). NaN below four pairs.
///
/// # References
/// Song et al. 2012, HSIC₁ with a linear kernel, from moments.
pub(crate) fn unbiased_product(n: u64, square: f64, both: f64, apart: f64) -> f64 {
    if n < 4 {
        return f64::NAN;
    }
    let n = n as f64;
    (n * n * square - both + apart / ((n - 1.0) * (n - 2.0)) - 2.0 * both / (n - 2.0)) / (n * (n - 3.0))
}

/// Scatter of rows about a fixed centre, in f64.
///
/// About the centre nothing cancels, so the centre should be near the mean (the mean of an earlier pass, or of the
/// first block); any centre gives the same covariance up to rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    pub(crate) n: u64,
    pub(crate) center: Vec<f64>,
    /// Σ (e−c).
    pub(crate) sum: Vec<f64>,
    /// Σ (e−c)(e−c)ᵀ, column-major, lower triangle; what lies above it means nothing.
    pub(crate) scatter: Vec<f64>,
    /// Σ q, Σ q² and Σ q(e−c) with q = ‖e−c‖².
    pub(crate) squares: f64,
    pub(crate) fourth: f64,
    pub(crate) third: Vec<f64>,
    /// Where products are in f32.
    pub(crate) probes: Option<Probes>,
}

/// A packed block with Σ q(e−c), and with the sums of the probes where there are any.
pub(crate) struct Packed<V> {
    pub block: GramBlock<V>,
    third: Vec<f64>,
    probed: Option<Vec<f64>>,
}

/// Squares that cover the part above the diagonal, small enough that both they and those across the diagonal stay in the cache.
fn tiles(dim: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    const TILE: usize = 64;
    let cut = move |end: usize| (0..end).step_by(TILE).map(move |at| at..dim.min(at + TILE));
    cut(dim).flat_map(move |columns| cut(columns.end).map(move |rows| (rows, columns.clone())))
}

pub(crate) fn add(to: &mut [f64], from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

impl Covariance {
    /// The state that has seen no row, to be counted about `center` with products in f64.
    pub fn about(center: &[f64]) -> Self {
        Self::about_in(center, Precision::Exact)
    }

    /// As [`Self::about`], with products in `precision`.
    pub fn about_in(center: &[f64], precision: Precision) -> Self {
        let dim = center.len();
        Self {
            n: 0,
            center: center.to_vec(),
            sum: vec![0.0; dim],
            scatter: vec![0.0; dim * dim],
            squares: 0.0,
            fourth: 0.0,
            third: vec![0.0; dim],
            probes: (precision == Precision::Single).then(|| Probes::new(dim)),
        }
    }

    /// Counts `rows`, n × d. Works on the threads of the current rayon pool; the number of threads does not change the result,
    /// the instruction set may change its last bits.
    pub fn accumulate(&mut self, rows: ArrayView2<'_, f64>) {
        assert_eq!(rows.ncols(), self.dim(), "rows of the width of the centre");
        let rows = row_major(&rows);
        let each: Vec<&[f64]> = rows.chunks_exact(self.dim()).collect();
        self.accumulate_each(&each);
    }

    /// As [`Self::accumulate`], of rows that lie anywhere.
    pub fn accumulate_each(&mut self, rows: &[&[f64]]) {
        match self.precision() {
            Precision::Exact => self.count::<f64>(rows),
            Precision::Single => self.count::<f32>(rows),
        }
    }

    /// Counts rows with products of such values.
    fn count<V: GramValue>(&mut self, rows: &[&[f64]]) {
        let blocks = self.packed::<V>(rows);
        self.add_sums(&blocks);
        self.add_products(&blocks);
    }

    /// Rows about the centre, in blocks.
    pub(crate) fn packed<V: GramValue>(&self, rows: &[&[f64]]) -> Vec<Packed<V>> {
        let (gram, dim) = (Gram::here(), self.dim());
        rows.par_chunks(GRAM_ROWS)
            .map(|rows| {
                let block = gram.block::<V>(rows, &self.center);
                let mut third = vec![0.0; dim];
                block.add_weighted(block.squares(), &mut third);
                let probed = self.probes.as_ref();
                Packed {
                    block,
                    third,
                    probed: probed.map(|probes| probes.found(rows, &self.center)),
                }
            })
            .collect()
    }

    /// Counts the rows of blocks, but for their products.
    pub(crate) fn add_sums<V: GramValue>(&mut self, blocks: &[Packed<V>]) {
        for packed in blocks {
            self.n += packed.block.squares().len() as u64;
            add(&mut self.sum, packed.block.sum());
            add(&mut self.third, &packed.third);
            for square in packed.block.squares() {
                self.squares += square;
                self.fourth += square * square;
            }
            for (probes, probed) in self.probes.iter_mut().zip(&packed.probed) {
                add(&mut probes.sums, probed);
            }
        }
    }

    /// Adds the products of the rows of blocks; in f32 those of the diagonal are in f64.
    pub(crate) fn add_products<V: GramValue>(&mut self, blocks: &[Packed<V>]) {
        let dim = self.dim();
        let diagonal = (self.precision() == Precision::Single).then(|| {
            let mut diagonal: Vec<f64> = (0..dim).map(|i| self.scatter[i * dim + i]).collect();
            for packed in blocks {
                add(&mut diagonal, packed.block.diagonal());
            }
            diagonal
        });
        let gram = Gram::here();
        let twice: Vec<[&GramBlock<V>; 2]> = blocks.iter().map(|packed| [&packed.block; 2]).collect();
        self.scatter
            .par_chunks_mut(GRAM_COLUMNS * dim)
            .enumerate()
            .for_each(|(group, columns)| {
                gram.add(&twice, group * GRAM_COLUMNS, true, columns);
            });
        for (i, value) in diagonal.into_iter().flatten().enumerate() {
            self.scatter[i * dim + i] = value;
        }
    }

    /// What its products are taken in.
    pub fn precision(&self) -> Precision {
        match self.probes {
            Some(_) => Precision::Single,
            None => Precision::Exact,
        }
    }

    /// What products in f32 have changed of Σ, as a spectral norm at most; zero of products in f64, whose own error is smaller than that
    /// of a decomposition. Infinite where f32 could not hold them.
    ///
    /// # Precision
    /// Measured, whatever the rows are: Σ is multiplied by eight directions, and so were the rows on their way, in f64. Sixteen times the
    /// largest difference is exceeded with a probability below 1e-6 over the directions, which do not depend on the rows.
    pub fn product_error(&self) -> f64 {
        let error = |probes: &Probes| probes.error(&self.scatter, self.dim()) / self.n as f64;
        match self.probes.as_ref().map(error) {
            None => 0.0,
            Some(error) if error.is_finite() => error,
            Some(_) => f64::INFINITY,
        }
    }

    /// Whether [`Self::product_error`] changes no eigenvalue of Σ by more than `share` of itself: no eigenvalue by more than a spectral
    /// norm (Weyl), of which the smallest one is a multiple where a Cholesky factor exists.
    pub fn resolves(&self, share: f64) -> bool {
        if self.precision() == Precision::Exact {
            return true;
        }
        let error = self.product_error();
        // the smallest eigenvalue in f64 may be smaller by the error
        let least = error / share + error;
        if !least.is_finite() {
            return false;
        }
        let mut shifted = self.matrix();
        for i in 0..self.dim() {
            shifted[(i, i)] -= least;
        }
        sequential();
        shifted.llt(Side::Lower).is_ok()
    }

    /// Whether [`Self::product_error`] changes ‖Σ‖_F by at most `share` of itself: a Frobenius norm is at most √d spectral norms.
    pub fn holds_square(&self, share: f64) -> bool {
        let error = self.product_error() * (self.dim() as f64).sqrt();
        error <= share * self.product_trace(self).sqrt()
    }

    /// Adds the rows of `other`, which may have been counted about another centre, in the same precision. Works on the threads of the
    /// current rayon pool; their number does not change the result.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.center.len(), other.center.len(), "states of one width");
        assert_eq!(self.precision(), other.precision(), "states of one precision");
        if self.center == other.center {
            self.add(other);
        } else {
            self.add_moved(other);
        }
    }

    /// [`Self::merge`] of rows about the same centre.
    fn add(&mut self, other: &Self) {
        let dim = self.center.len();
        let columns = self.scatter.par_chunks_mut(GRAM_COLUMNS * dim);
        columns
            .zip(other.scatter.par_chunks(GRAM_COLUMNS * dim))
            .for_each(|(to, from)| add(to, from));
        add(&mut self.sum, &other.sum);
        add(&mut self.third, &other.third);
        for (probes, other) in self.probes.iter_mut().zip(&other.probes) {
            add(&mut probes.sums, &other.sums);
        }
        self.squares += other.squares;
        self.fourth += other.fourth;
        self.n += other.n;
    }

    /// [`Self::merge`] of rows about another centre.
    fn add_moved(&mut self, other: &Self) {
        let dim = self.center.len();
        let shift: Vec<f64> = other
            .center
            .iter()
            .zip(&self.center)
            .map(|(b, a)| b - a)
            .collect();
        let n = other.n as f64;
        // with h the shift, w = ‖h‖²: e−c = b+h and ‖e−c‖² = q + 2h·b + w, for b about the other's centre
        let w = dot(&shift, &shift);
        let along = other.scatter_times(&shift);
        let first = dot(&shift, &other.sum);
        for (i, third) in self.third.iter_mut().enumerate() {
            *third += other.third[i]
                + other.squares * shift[i]
                + 2.0 * along[i]
                + 2.0 * first * shift[i]
                + w * other.sum[i]
                + w * n * shift[i];
        }
        self.fourth += other.fourth
            + 4.0 * dot(&shift, &along)
            + n * w * w
            + 4.0 * dot(&shift, &other.third)
            + 2.0 * w * other.squares
            + 4.0 * w * first;
        self.squares += other.squares + 2.0 * first + n * w;
        for j in 0..dim {
            for i in j..dim {
                let moved = shift[i] * other.sum[j] + other.sum[i] * shift[j] + n * shift[i] * shift[j];
                self.scatter[j * dim + i] += other.scatter[j * dim + i] + moved;
            }
        }
        for (probes, of_other) in self.probes.iter_mut().zip(&other.probes) {
            probes.add_moved(of_other, n, &other.sum, &shift);
        }
        for ((sum, other), shift) in self.sum.iter_mut().zip(&other.sum).zip(&shift) {
            *sum += other + n * shift;
        }
        self.n += other.n;
    }

    /// Σ(e−c)(e−c)ᵀ v.
    fn scatter_times(&self, v: &[f64]) -> Vec<f64> {
        let dim = self.dim();
        (0..dim)
            .map(|i| {
                let row = |j: usize| self.scatter[i.min(j) * dim + i.max(j)];
                v.iter().enumerate().map(|(j, v)| row(j) * v).sum()
            })
            .collect()
    }

    /// Unbiased estimate of ‖Σ‖²_F for independent rows; NaN below four of them.
    ///
    /// # References
    /// Song et al. 2012, HSIC₁ with a linear kernel.
    pub fn unbiased_square(&self) -> f64 {
        let n = self.n as f64;
        // ‖e−μ̂‖² = q − 2h·(e−c) + w with h = μ̂−c, w = ‖h‖²
        let h: Vec<f64> = self.sum.iter().map(|sum| sum / n).collect();
        let w = dot(&h, &h);
        let first = dot(&h, &self.sum);
        let lengths = self.squares - 2.0 * first + n * w;
        let squares = self.fourth + 4.0 * dot(&h, &self.scatter_times(&h)) + n * w * w
            - 4.0 * dot(&h, &self.third)
            + 2.0 * w * self.squares
            - 4.0 * w * first;
        unbiased_product(self.n, self.product_trace(self), squares, lengths * lengths)
    }

    /// (tr Σ)²/‖Σ‖²_F of independent rows, from unbiased estimates of both; absent where they say nothing, below four rows or
    /// where the noise of the square exceeds it.
    pub fn participation_ratio(&self) -> Option<f64> {
        let n = self.n as f64;
        let trace = self.trace() * n / (n - 1.0);
        let square = self.unbiased_square();
        (square > 0.0).then(|| trace * trace / square)
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
        let (dim, n) = (self.dim(), self.n as f64);
        let h: Vec<f64> = self.sum.iter().map(|sum| sum / n).collect();
        let mut matrix = Mat::zeros(dim, dim);
        for j in 0..dim {
            let below = self.scatter[j * dim + j..(j + 1) * dim].iter().zip(&h[j..]);
            let column = &mut matrix.col_as_slice_mut(j)[j..];
            for (to, (scatter, of_row)) in column.iter_mut().zip(below) {
                *to = scatter / n - of_row * h[j];
            }
        }
        for (rows, columns) in tiles(dim) {
            for j in columns {
                for i in rows.start..rows.end.min(j) {
                    matrix[(i, j)] = matrix[(j, i)];
                }
            }
        }
        matrix
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
        let means = [self, other].map(|of| -> Vec<f64> {
            let n = of.n as f64;
            of.sum.iter().map(|sum| sum / n).collect()
        });
        let entry = |of: &Self, means: &[f64], i: usize, j: usize| {
            of.scatter[j * dim + i] / of.n as f64 - means[j] * means[i]
        };
        let product = |i: usize, j: usize| entry(self, &means[0], i, j) * entry(other, &means[1], i, j);
        let mut diagonal = 0.0;
        let mut below = 0.0;
        for j in 0..dim {
            diagonal += product(j, j);
            below += (j + 1..dim).map(|i| product(i, j)).sum::<f64>();
        }
        diagonal + 2.0 * below
    }
}
