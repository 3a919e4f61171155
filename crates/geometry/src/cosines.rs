//! Cosines among rows: histograms, their divergence, uniformity, and what a map does to them.

use std::ops::Range;

use modality_gap_kernels::{
    GRAM_COLUMNS, GRAM_ROWS, GRAM_TOGETHER, Gram, GramBlock, GramValue, UNDECIDED, cosine_bins, dot,
    sum_of_kernel,
};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::views::row_major;

/// Bins of a histogram on [−1, 1].
pub const BINS: usize = 200;
/// Rows a side of a tile of cosines, which one task computes; fixed, so that threads do not change the sums.
const TILE: usize = 512;
/// Rows a side from which cosines are products in f32; the bounds of their histograms are decided in f64.
const IN_F32: usize = 2_048;

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
        cosine_bins(&[cosine], 0.0, BINS as u32, &mut bin);
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
///
/// # Precision
/// Each is in its bin in f64. From 2,048 rows on the products behind the uniformity are in f32: each cosine errs by at most
/// 72·2⁻²⁴ and the uniformity by at most four times as much, 1.7e-5. This is the worst case; where roundings do not repeat a cosine errs by
/// about 2e-8, and the uniformity of millions of them by less than 1e-8.
pub fn cosines_within(rows: ArrayView2<'_, f64>, second: &[bool]) -> WithinCosines {
    let (n, dim) = rows.dim();
    let rows = &*row_major(&rows);
    if n < IN_F32 {
        within::<f64>(rows, dim, second, 0.0)
    } else {
        within::<f32>(rows, dim, second, error_in_f32(dim))
    }
}

/// [`cosines_within`] from products of such values, which err by at most `error`.
fn within<V: GramValue>(rows: &[f64], dim: usize, second: &[bool], error: f64) -> WithinCosines {
    let n = rows.len() / dim;
    assert_eq!(n, second.len(), "each row is of one half");
    let offsets: Vec<usize> = second.iter().map(|&second| usize::from(second) * BINS).collect();
    let packed = Tiles::<V>::of(rows, dim);
    let parts: Vec<(Vec<u64>, f64)> = pairs_of(n, n)
        .into_par_iter()
        .filter(|(down, across)| down <= across)
        .map(|(down, across)| {
            let scores = packed.products(down, &packed, across, down == across);
            let (mut counts, mut kernel) = (vec![0; 3 * BINS], 0.0);
            let (down, across) = (tile(down, n), tile(across, n));
            let mut bins = vec![0; across.len()];
            for (i, row) in down.zip(scores.chunks_exact(across.len())) {
                let from = (i + 1).saturating_sub(across.start).min(row.len());
                let (row, bins) = (&row[from..], &mut bins[from..]);
                cosine_bins(row, error, BINS as u32, bins);
                for (j, bin) in (across.start + from..).zip(bins) {
                    if *bin == UNDECIDED {
                        *bin = exact_bin(row_of(rows, dim, i), row_of(rows, dim, j));
                    }
                    counts[offsets[i] + offsets[j] + *bin as usize] += 1;
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
/// where there are any. Each is in its bin in f64.
pub fn cosines_across(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, keys: Option<[&[u64]; 2]>) -> Cosines {
    assert_eq!(a.ncols(), b.ncols(), "rows of one width");
    let (dim, most) = (a.ncols(), a.nrows().max(b.nrows()));
    let (a, b) = (&*row_major(&a), &*row_major(&b));
    if most < IN_F32 {
        across::<f64>(a, b, dim, keys, 0.0)
    } else {
        across::<f32>(a, b, dim, keys, error_in_f32(dim))
    }
}

/// [`cosines_across`] from products of such values, which err by at most `error`.
fn across<V: GramValue>(a: &[f64], b: &[f64], dim: usize, keys: Option<[&[u64]; 2]>, error: f64) -> Cosines {
    let [left, right] = [a, b].map(|rows| Tiles::<V>::of(rows, dim));
    let (n, m) = (a.len() / dim, b.len() / dim);
    let parts: Vec<Vec<u64>> = pairs_of(n, m)
        .into_par_iter()
        .map(|(down, across)| {
            let scores = left.products(down, &right, across, false);
            let mut counts = vec![0; BINS];
            let (down, across) = (tile(down, n), tile(across, m));
            let mut bins = vec![0; across.len()];
            for (i, row) in down.zip(scores.chunks_exact(across.len())) {
                cosine_bins(row, error, BINS as u32, &mut bins);
                for (j, bin) in across.clone().zip(&mut bins) {
                    if *bin == UNDECIDED {
                        *bin = exact_bin(row_of(a, dim, i), row_of(b, dim, j));
                    }
                    counts[*bin as usize] += 1;
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
    let packed = [before, after].map(|rows| Tiles::<f64>::of(rows, dim));
    let parts: Vec<[f64; 3]> = pairs_of(n, n)
        .into_par_iter()
        .filter(|(down, across)| down <= across)
        .map(|(down, across)| {
            let [x, y] = packed
                .each_ref()
                .map(|rows| rows.products(down, rows, across, down == across));
            let mut part = [0.0; 3];
            let (down, across) = (tile(down, n), tile(across, n));
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

/// Rows of a tile of n rows.
fn tile(number: usize, n: usize) -> Range<usize> {
    number * TILE..n.min((number + 1) * TILE)
}

/// Tiles of an n × m matrix, row by row.
fn pairs_of(n: usize, m: usize) -> Vec<(usize, usize)> {
    let across = m.div_ceil(TILE);
    (0..n.div_ceil(TILE) * across)
        .map(|at| (at / across, at % across))
        .collect()
}

fn row_of(rows: &[f64], dim: usize, i: usize) -> &[f64] {
    &rows[i * dim..(i + 1) * dim]
}

/// The bin of the cosine of two rows, in f64.
fn exact_bin(x: &[f64], y: &[f64]) -> u32 {
    let mut bin = [0];
    cosine_bins(&[dot(x, y)], 0.0, BINS as u32, &mut bin);
    bin[0]
}

/// How far a product of unit rows in f32 may be from their cosine: both factors of a product are rounded, and it is in at most 64 sums,
/// rounded itself perhaps, and in three sums of such sums before they are added in f64; Σ|xₖyₖ| ≤ 1.
fn error_in_f32(dim: usize) -> f64 {
    const UNIT: f64 = f32::EPSILON as f64 / 2.0;
    const OF_SUMS: usize = GRAM_ROWS / GRAM_TOGETHER;
    // what is of second order, and lengths that are one up to rounding, fit into the last one
    (dim.min(GRAM_TOGETHER) + OF_SUMS + 4) as f64 * UNIT
}

/// Unit rows packed for products of such values: in tiles, and each of them by so many components at a time.
struct Tiles<V> {
    gram: Gram,
    parts: Vec<Vec<GramBlock<V>>>,
    rows: usize,
}

impl<V: GramValue> Tiles<V> {
    fn of(rows: &[f64], dim: usize) -> Self {
        let gram = Gram::here();
        let of_tile = |rows: &[f64]| -> Vec<GramBlock<V>> {
            let part = |from: usize| {
                let components = from..dim.min(from + GRAM_ROWS);
                let each = rows.chunks_exact(dim).map(|row| &row[components.clone()]);
                gram.block_of_columns(&each.collect::<Vec<_>>())
            };
            (0..dim).step_by(GRAM_ROWS).map(part).collect()
        };
        Self {
            gram,
            parts: rows.par_chunks(TILE * dim).map(of_tile).collect(),
            rows: rows.len() / dim,
        }
    }

    /// Dot products of the rows of a tile with those of a tile of `other`, row-major; of a tile with itself, perhaps, only those with
    /// rows that come `later`, and some more.
    fn products(&self, down: usize, other: &Self, across: usize, later: bool) -> Vec<f64> {
        let wide = tile(across, other.rows).len();
        let parts = self.parts[down].iter().zip(&other.parts[across]);
        let parts: Vec<[&GramBlock<V>; 2]> = parts.map(|(down, across)| [across, down]).collect();
        let mut scores = vec![0.0; tile(down, self.rows).len() * wide];
        for (group, rows) in scores.chunks_mut(GRAM_COLUMNS * wide).enumerate() {
            self.gram.add(&parts, group * GRAM_COLUMNS, later, rows);
        }
        scores
    }
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
        let found = within::<f64>(&a, dim, &second, 0.0);
        // products round otherwise in another order, so that one at the bound of a bin may be in the next
        let apart = |one: &Cosines, other: &Cosines| -> u64 {
            let counts = one.counts.iter().zip(&other.counts);
            counts.map(|(a, b)| a.abs_diff(*b)).sum()
        };
        for (found, expected) in found.halves.iter().zip(&halves) {
            assert_eq!(found.n, expected.n);
            assert!(apart(found, expected) <= 2);
        }
        assert!((found.kernel / kernel - 1.0).abs() < 1e-12);
        let found = cosines_across(as_rows(&a, dim), as_rows(&b, dim), Some([&keys, &keys]));
        assert_eq!(found.n, across.n);
        assert!(apart(&found, &across) <= 2);
    }

    /// Rows wider than a part of products in f32, near each other as embeddings are: every cosine is in the bin that f64 gives it, and
    /// the uniformity is within its bound, and far within.
    #[test]
    fn products_in_f32_count_as_those_in_f64() {
        let (n, dim) = (TILE + 90, GRAM_ROWS + 45);
        let [a, b] = [3, 4].map(|seed: u64| {
            let mut rows: Vec<f64> = (0..n * dim)
                .map(|i| (crate::mix(seed ^ i as u64) >> 40) as f64 / 8_388_608.0 - 0.6)
                .collect();
            for row in rows.chunks_exact_mut(dim) {
                let length = dot(row, row).sqrt();
                for v in row {
                    *v /= length;
                }
            }
            rows
        });
        let error = error_in_f32(dim);
        let keys: Vec<u64> = (0..n as u64).map(|i| i / 2).collect();
        let keys = Some([&keys[..], &keys]);
        assert_eq!(
            across::<f32>(&a, &b, dim, keys, error),
            across::<f64>(&a, &b, dim, keys, 0.0)
        );
        let second: Vec<bool> = (0..n).map(|i| i % 3 == 0).collect();
        let [single, double] = [
            within::<f32>(&a, dim, &second, error),
            within::<f64>(&a, dim, &second, 0.0),
        ];
        assert_eq!(single.halves, double.halves);
        let apart = (single.uniformity() - double.uniformity()).abs();
        assert!(apart < 4.0 * error && apart < 1e-8, "{apart}");
        // the bound holds for each product, too
        let [of_a, of_b] = [&a, &b].map(|rows| Tiles::<f32>::of(rows, dim));
        let found = of_a.products(1, &of_b, 0, false);
        for (i, row) in tile(1, n).zip(found.chunks_exact(TILE)) {
            for (j, cosine) in row.iter().enumerate() {
                let exact = dot(row_of(&a, dim, i), row_of(&b, dim, j));
                assert!((cosine - exact).abs() < error, "{i} {j} {cosine} {exact}");
            }
        }
    }

    /// Against every pair of different rows, one by one; of more rows than a tile has.
    #[test]
    fn a_correlation_is_that_of_pairs_of_different_rows() {
        let (n, dim) = (150, 3);
        let [before, after] = [7, 8].map(|seed: u64| -> Vec<f64> {
            let value = |i: usize| (crate::mix(seed << 32 | i as u64) >> 11) as f64 * 2.0_f64.powi(-53) - 0.3;
            (0..n * dim).map(value).collect()
        });
        let pairs: Vec<(usize, usize)> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
        let cosines = [&before, &after].map(|rows| -> Vec<f64> {
            let of = |&(i, j): &(usize, usize)| dot(row_of(rows, dim, i), row_of(rows, dim, j));
            pairs.iter().map(of).collect()
        });
        let count = pairs.len() as f64;
        let [x, y] = cosines.map(|all| {
            let mean = all.iter().sum::<f64>() / count;
            all.iter().map(|v| v - mean).collect::<Vec<f64>>()
        });
        let expected = dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt();
        let found = cosine_correlation(as_rows(&before, dim), as_rows(&after, dim)).unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
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
