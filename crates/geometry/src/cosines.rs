//! Cosines among rows: histograms, their divergence, uniformity, and what a map does to them.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use modality_gap_kernels::{cosine_bins, dot, sum_of_kernel};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::views::row_major;

/// Bins of a histogram on [−1, 1].
pub const BINS: usize = 200;
/// Rows a side of a tile of cosines, which one task computes; fixed, so that threads do not change the sums.
const TILE: usize = 512;

/// Cosines counted in [`BINS`] equal bins on [−1, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct Cosines {
    counts: Vec<u64>,
    n: u64,
}

impl Default for Cosines {
    fn default() -> Self {
        Self {
            counts: vec![0; BINS],
            n: 0,
        }
    }
}

impl Cosines {
    fn of(counts: Vec<u64>) -> Self {
        let n = counts.iter().sum();
        Self { counts, n }
    }

    /// Counts one cosine of two unit rows.
    pub fn add(&mut self, cosine: f64) {
        let mut bin = [0];
        cosine_bins(&[cosine], BINS as u32, &mut bin);
        self.counts[bin[0] as usize] += 1;
        self.n += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.counts
            .iter_mut()
            .zip(&other.counts)
            .for_each(|(a, b)| *a += b);
        self.n += other.n;
    }

    /// The histogram less cosines that it has counted, too.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let counts = self.counts.iter().zip(&other.counts);
        Self {
            counts: counts.map(|(a, b)| a.saturating_sub(*b)).collect(),
            n: self.n.saturating_sub(other.n),
        }
    }

    /// The histogram as shares that add up to one.
    pub fn shares(&self) -> Vec<f64> {
        self.counts.iter().map(|&c| c as f64 / self.n as f64).collect()
    }

    /// Jensen–Shannon divergence of two histograms, in nats.
    pub fn divergence(&self, other: &Self) -> f64 {
        let half = |p: f64, m: f64| if p > 0.0 { 0.5 * p * (p / m).ln() } else { 0.0 };
        self.shares()
            .iter()
            .zip(other.shares())
            .map(|(&p, q)| half(p, p.midpoint(q)) + half(q, p.midpoint(q)))
            .sum()
    }
}

/// Cosines of every pair within one set, which is cut into two halves.
#[derive(Debug, Clone, PartialEq)]
pub struct WithinCosines {
    /// Pairs within the first half, of one row of each, and within the second half.
    pub halves: [Cosines; 3],
    /// Σ exp(−2‖u−v‖²) over all pairs.
    kernel: f64,
}

impl WithinCosines {
    /// Those of all pairs.
    pub fn all(&self) -> Cosines {
        let mut all = Cosines::default();
        self.halves.iter().for_each(|half| all.merge(half));
        all
    }

    /// ln E exp(−2‖u−v‖²), the uniformity of Wang and Isola (2020).
    pub fn uniformity(&self) -> f64 {
        let pairs: u64 = self.halves.iter().map(|half| half.n).sum();
        (self.kernel / pairs as f64).ln()
    }
}

/// Cosines of every i < j of the unit rows `rows`, n × d; `second` says which are of the second half.
pub fn cosines_within(rows: ArrayView2<'_, f64>, second: &[bool]) -> WithinCosines {
    let (n, dim) = rows.dim();
    let rows = &*row_major(&rows);
    assert_eq!(n, second.len(), "each row is of one half");
    let offsets: Vec<usize> = second.iter().map(|&second| usize::from(second) * BINS).collect();
    let parts: Vec<(Vec<u64>, f64)> = tiles(n, n)
        .into_par_iter()
        .filter(|(rows, columns)| rows.start <= columns.start)
        .map(|(down, across)| {
            let scores = products(rows, rows, dim, &down, &across);
            let (mut counts, mut kernel) = (vec![0; 3 * BINS], 0.0);
            let mut bins = vec![0; across.len()];
            for (i, row) in down.zip(scores.chunks_exact(across.len())) {
                let from = (i + 1).saturating_sub(across.start).min(row.len());
                let (row, bins) = (&row[from..], &mut bins[from..]);
                cosine_bins(row, BINS as u32, bins);
                for (&bin, offset) in bins.iter().zip(&offsets[across.start + from..]) {
                    counts[offsets[i] + offset + bin as usize] += 1;
                }
                kernel += sum_of_kernel(row);
            }
            (counts, kernel)
        })
        .collect();
    let mut counts = vec![0; 3 * BINS];
    let mut kernel = 0.0;
    for (part, part_kernel) in parts {
        counts.iter_mut().zip(part).for_each(|(sum, count)| *sum += count);
        kernel += part_kernel;
    }
    let half = |at: usize| Cosines::of(counts[at * BINS..(at + 1) * BINS].to_vec());
    WithinCosines {
        halves: [half(0), half(1), half(2)],
        kernel,
    }
}

/// Cosines of every row of `a` with every row of `b`, unit rows, n × d and m × d; without those that have the same of the `keys`,
/// where there are any.
pub fn cosines_across(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, keys: Option<[&[u64]; 2]>) -> Cosines {
    assert_eq!(a.ncols(), b.ncols(), "rows of one width");
    let tiles = tiles(a.nrows(), b.nrows());
    let dim = a.ncols();
    let (a, b) = (&*row_major(&a), &*row_major(&b));
    let parts: Vec<Vec<u64>> = tiles
        .into_par_iter()
        .map(|(down, across)| {
            let scores = products(a, b, dim, &down, &across);
            let mut counts = vec![0; BINS];
            let mut bins = vec![0; across.len()];
            for (i, row) in down.zip(scores.chunks_exact(across.len())) {
                cosine_bins(row, BINS as u32, &mut bins);
                for &bin in &bins {
                    counts[bin as usize] += 1;
                }
                if let Some([left, right]) = keys {
                    let same = bins.iter().zip(&right[across.clone()]);
                    for (&bin, _) in same.filter(|(_, key)| **key == left[i]) {
                        counts[bin as usize] -= 1;
                    }
                }
            }
            counts
        })
        .collect();
    let mut counts = vec![0; BINS];
    for part in parts {
        counts.iter_mut().zip(part).for_each(|(sum, count)| *sum += count);
    }
    Cosines::of(counts)
}

/// Ψ: correlation of the cosines among rows `before` and the same rows `after`, n × d each; `None` where nothing varies.
pub fn cosine_correlation(before: ArrayView2<'_, f64>, after: ArrayView2<'_, f64>) -> Option<f64> {
    assert_eq!(before.dim(), after.dim(), "the same rows");
    let (n, dim) = before.dim();
    let (before, after) = (&*row_major(&before), &*row_major(&after));
    // about the means nothing cancels
    let center = [before, after].map(|rows| mean_cosine(rows, dim));
    let parts: Vec<[f64; 3]> = tiles(n, n)
        .into_par_iter()
        .filter(|(rows, columns)| rows.start <= columns.start)
        .map(|(down, across)| {
            let [x, y] = [before, after].map(|rows| products(rows, rows, dim, &down, &across));
            let mut part = [0.0; 3];
            let (m, start) = (across.len(), across.start);
            for (i, (x, y)) in down.zip(x.chunks_exact(m).zip(y.chunks_exact(m))) {
                let from = (i + 1).saturating_sub(start).min(m);
                for (x, y) in x[from..].iter().zip(&y[from..]) {
                    let (x, y) = (x - center[0], y - center[1]);
                    part = [part[0] + x * x, part[1] + y * y, part[2] + x * y];
                }
            }
            part
        })
        .collect();
    let mut sums = [0.0; 3];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
    }
    let [xx, yy, xy] = sums;
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

/// Mean of the cosines of every i < j: Σ_{i≠j} eᵢ·eⱼ = ‖Σe‖² − Σ‖e‖².
fn mean_cosine(rows: &[f64], dim: usize) -> f64 {
    let n = (rows.len() / dim) as f64;
    let (mut sum, mut squares) = (vec![0.0; dim], 0.0);
    for row in rows.chunks_exact(dim) {
        sum.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
        squares += dot(row, row);
    }
    (dot(&sum, &sum) - squares) / (n * (n - 1.0))
}

/// Tiles of an n × m matrix, row by row.
fn tiles(n: usize, m: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let cut = |n: usize| (0..n).step_by(TILE).map(move |first| first..n.min(first + TILE));
    cut(n)
        .flat_map(|rows| cut(m).map(move |columns| (rows.clone(), columns)))
        .collect()
}

/// Dot products of some rows of `a` with some rows of `b`, row-major.
fn products(a: &[f64], b: &[f64], dim: usize, down: &Range<usize>, across: &Range<usize>) -> Vec<f64> {
    let (n, m) = (down.len(), across.len());
    let mut scores = vec![0.0; n * m];
    matmul(
        MatMut::from_row_major_slice_mut(&mut scores, n, m),
        Accum::Replace,
        MatRef::from_row_major_slice(&a[down.start * dim..down.end * dim], n, dim),
        MatRef::from_row_major_slice(&b[across.start * dim..across.end * dim], m, dim).transpose(),
        1.0,
        Par::Seq,
    );
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::as_rows;

    /// Two orthogonal rows and their opposite: cosines 0, −1, 0.
    #[test]
    fn histograms_in_closed_form() {
        let rows = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0];
        let view = as_rows(&rows, 2);
        let within = cosines_within(view, &[false, true, true]);
        let one = within.all();
        assert_eq!((one.n, one.counts[0], one.counts[100]), (3, 1, 2));
        let [first, both, second] = &within.halves;
        assert_eq!((first.n, both.n, second.n), (0, 2, 1));
        assert_eq!((both.counts[0], second.counts[100]), (1, 1));
        let expected = ((2.0 * (-4.0_f64).exp() + (-8.0_f64).exp()) / 3.0).ln();
        assert!((within.uniformity() - expected).abs() < 1e-15);
        assert_eq!(cosines_across(view, view, None).n, 9);
        let keys = [0, 1, 2];
        assert_eq!(cosines_across(view, view, Some([&keys, &keys])).n, 6);
        let mut other = Cosines::default();
        other.add(1.0);
        assert_eq!(other.counts[BINS - 1], 1, "one lies in the last bin");
        assert!(
            (one.divergence(&other) - 2.0_f64.ln()).abs() < 1e-15,
            "nothing in common"
        );
        assert_eq!(one.divergence(&one), 0.0);
    }

    /// More rows than a tile holds, against every pair by itself.
    #[test]
    fn tiles_count_every_pair_once() {
        let (n, dim) = (TILE + 37, 3);
        let set = |seed: u64| -> Vec<f64> {
            let values = (0..n * dim).map(|i| (crate::mix(seed ^ i as u64) >> 40) as f64 - 8_388_608.0);
            let mut rows: Vec<f64> = values.collect();
            for row in rows.chunks_exact_mut(dim) {
                let length = dot(row, row).sqrt();
                for v in row {
                    *v /= length;
                }
            }
            rows
        };
        let (a, b) = (set(1), set(2));
        let cosine_of =
            |a: &[f64], i: usize, b: &[f64], j: usize| dot(&a[i * dim..][..dim], &b[j * dim..][..dim]);
        let second: Vec<bool> = (0..n).map(|i| i % 3 == 0).collect();
        let keys: Vec<u64> = (0..n as u64).map(|i| i / 2).collect();
        let (mut halves, mut kernel, mut across) = (vec![Cosines::default(); 3], 0.0, Cosines::default());
        for (i, (key, half)) in keys.iter().zip(&second).enumerate() {
            for (j, (other_key, other_half)) in keys.iter().zip(&second).enumerate() {
                if key != other_key {
                    across.add(cosine_of(&a, i, &b, j));
                }
                if i < j {
                    let cosine = cosine_of(&a, i, &a, j);
                    halves[usize::from(*half) + usize::from(*other_half)].add(cosine);
                    kernel += (4.0 * cosine - 4.0).exp();
                }
            }
        }
        let within = cosines_within(as_rows(&a, dim), &second);
        // products round otherwise in another order, so that one at the bound of a bin may be in the next
        let apart = |one: &Cosines, other: &Cosines| -> u64 {
            let counts = one.counts.iter().zip(&other.counts);
            counts.map(|(a, b)| a.abs_diff(*b)).sum()
        };
        for (found, expected) in within.halves.iter().zip(&halves) {
            assert_eq!(found.n, expected.n);
            assert!(apart(found, expected) <= 2);
        }
        assert!((within.kernel / kernel - 1.0).abs() < 1e-12);
        let found = cosines_across(as_rows(&a, dim), as_rows(&b, dim), Some([&keys, &keys]));
        assert_eq!(found.n, across.n);
        assert!(apart(&found, &across) <= 2);
    }

    #[test]
    fn a_rotation_keeps_every_cosine() {
        let rows: Vec<f64> = (0..130)
            .flat_map(|i| [f64::from(i).cos(), f64::from(i).sin()])
            .collect();
        let turned: Vec<f64> = rows.chunks(2).flat_map(|r| [-r[1], r[0]]).collect();
        let correlation = cosine_correlation(as_rows(&rows, 2), as_rows(&turned, 2));
        assert!((correlation.unwrap() - 1.0).abs() < 1e-14);
        let same = [1.0, 0.0, 1.0, 0.0];
        assert_eq!(cosine_correlation(as_rows(&same, 2), as_rows(&same, 2)), None);
    }
}
