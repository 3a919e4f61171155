//! Unit rows in 16-bit fixed point and all their dot products: exact integers, so that every instruction set gives the same
//! ones. What rounding to fixed point costs is known row by row.
#![allow(unsafe_code)]

use std::ops::Range;

use crate::dispatch::{Level, level};

/// What a component of one becomes. A sum of products stays below 2³¹ in every order, for rows of length one up to 2²⁸ wide:
/// their rounded lengths are at most 32,000 + ½√2²⁸ = 40,192.
const ONE: f64 = 32_000.0;

/// Widest rows for which no sum can overflow.
const WIDEST: usize = 1 << 28;

/// Components that are multiplied at a time.
const CHUNK: usize = 16;

/// Rows to be multiplied with all [`FixedCorpus`] rows, four side by side.
pub type FixedQueries = FixedRows<4>;

/// Rows that [`FixedQueries`] are multiplied with, three side by side.
pub type FixedCorpus = FixedRows<3>;

/// Rows of length one, or zero, rounded to multiples of 1/32,000; `WIDTH` of them side by side, chunk by chunk.
#[derive(Debug, Clone)]
pub struct FixedRows<const WIDTH: usize> {
    dim: usize,
    errors: Vec<f64>,
    values: Vec<[[i16; CHUNK]; WIDTH]>,
}

impl<const WIDTH: usize> FixedRows<WIDTH> {
    /// Rounds `rows`, n × dim row-major, each of length one or zero.
    pub fn of(rows: &[f64], dim: usize) -> Self {
        assert!(
            (1..=WIDEST).contains(&dim) && rows.len().is_multiple_of(dim),
            "whole rows of at most {WIDEST} columns"
        );
        let (n, chunks) = (rows.len() / dim, dim.div_ceil(CHUNK));
        let mut values = vec![[[0; CHUNK]; WIDTH]; n.div_ceil(WIDTH) * chunks];
        let errors = rows.chunks_exact(dim).enumerate().map(|(i, row)| {
            let group = &mut values[i / WIDTH * chunks..][..chunks];
            let mut squares = 0.0;
            for (row, values) in row.chunks(CHUNK).zip(group) {
                for (&value, rounded) in row.iter().zip(&mut values[i % WIDTH]) {
                    let scaled = (value * ONE).clamp(-ONE, ONE);
                    let nearest = scaled.round_ties_even();
                    *rounded = nearest as i16;
                    squares += (scaled - nearest) * (scaled - nearest);
                }
            }
            // the sum of squares itself errs by dim ulps at most
            squares.sqrt() / ONE * (1.0 + 1e-9) + 1e-15
        });
        Self {
            dim,
            errors: errors.collect(),
            values,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Distance of each row from what it was rounded to, or a little more.
    pub fn errors(&self) -> &[f64] {
        &self.errors
    }

    fn group(&self, group: usize) -> &[[[i16; CHUNK]; WIDTH]] {
        let chunks = self.dim.div_ceil(CHUNK);
        &self.values[group * chunks..(group + 1) * chunks]
    }
}

/// How far the cosine of two rows may be from [`fixed_cosine`] of their product, by the [`FixedRows::errors`] of both.
pub fn fixed_bound(error: f64, other: f64) -> f64 {
    // x·y − x̂·ŷ = x̂·f + e·ŷ + e·f with x = x̂+e and y = ŷ+f; rounded lengths are at most 1+e and 1+f
    error + other + 3.0 * error * other
}

/// The cosine that a product stands for.
pub fn fixed_cosine(product: i32) -> f64 {
    f64::from(product) / (ONE * ONE)
}

/// The least product that stands for a cosine of at least `cosine`.
pub fn fixed_product(cosine: f64) -> i32 {
    (cosine * (ONE * ONE)).ceil() as i32
}

/// Products of the rows `range` of `queries` with all rows of `corpus`, row-major; `range` begins at a multiple of four.
pub fn fixed_products(queries: &FixedQueries, range: Range<usize>, corpus: &FixedCorpus, out: &mut [i32]) {
    assert_eq!(queries.dim, corpus.dim, "rows of one width");
    assert!(
        range.start.is_multiple_of(4)
            && range.end <= queries.len()
            && out.len() == range.len() * corpus.len(),
        "{} products of {range:?} with {}",
        out.len(),
        corpus.len()
    );
    let task = Task {
        queries,
        range,
        corpus,
    };
    match level() {
        Level::Baseline => task.run(out, plain_tile),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the levels from AVX2 on stand for a processor with avx2.
        Level::Avx2 | Level::Avx512 => unsafe { run_avx2(&task, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 => task.run(out, plain_tile),
    }
}

struct Task<'a> {
    queries: &'a FixedQueries,
    range: Range<usize>,
    corpus: &'a FixedCorpus,
}

impl Task<'_> {
    #[inline(always)]
    fn run(
        &self,
        out: &mut [i32],
        tile: impl Fn(&[[[i16; CHUNK]; 4]], &[[[i16; CHUNK]; 3]]) -> [[i32; 3]; 4],
    ) {
        let m = self.corpus.len();
        for across in 0..m.div_ceil(3) {
            let corpus = self.corpus.group(across);
            let columns = across * 3..m.min((across + 1) * 3);
            for (down, rows) in out.chunks_mut((4 * m).max(1)).enumerate() {
                let sums = tile(self.queries.group(self.range.start / 4 + down), corpus);
                for (row, sums) in rows.chunks_exact_mut(m).zip(sums) {
                    for (to, sum) in row[columns.clone()].iter_mut().zip(sums) {
                        *to = sum;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn plain_tile(queries: &[[[i16; CHUNK]; 4]], corpus: &[[[i16; CHUNK]; 3]]) -> [[i32; 3]; 4] {
    let mut sums = [[0; 3]; 4];
    for (queries, corpus) in queries.iter().zip(corpus) {
        for i in 0..4 {
            for j in 0..3 {
                sums[i][j] += (0..CHUNK)
                    .map(|at| i32::from(queries[i][at]) * i32::from(corpus[j][at]))
                    .sum::<i32>();
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2(task: &Task<'_>, out: &mut [i32]) {
    task.run(out, |queries, corpus| tile_avx2(queries, corpus));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn tile_avx2(queries: &[[[i16; CHUNK]; 4]], corpus: &[[[i16; CHUNK]; 3]]) -> [[i32; 3]; 4] {
    use std::arch::x86_64::{__m256i, _mm256_add_epi32, _mm256_madd_epi16, _mm256_setzero_si256};
    let mut sums = [[_mm256_setzero_si256(); 3]; 4];
    for (queries, corpus) in queries.iter().zip(corpus) {
        let [a, b, c]: [__m256i; 3] = corpus.map(bytemuck::cast);
        for i in 0..4 {
            let query: __m256i = bytemuck::cast(queries[i]);
            sums[i] = [
                _mm256_add_epi32(sums[i][0], _mm256_madd_epi16(query, a)),
                _mm256_add_epi32(sums[i][1], _mm256_madd_epi16(query, b)),
                _mm256_add_epi32(sums[i][2], _mm256_madd_epi16(query, c)),
            ];
        }
    }
    sums.map(|row| row.map(|lanes| bytemuck::cast::<__m256i, [i32; 8]>(lanes).iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at_level;

    fn unit_rows(n: usize, dim: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut rows: Vec<f64> = (0..n * dim)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f64 / f64::from(1 << 23) - 1.0
            })
            .collect();
        for row in rows.chunks_exact_mut(dim) {
            let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            for value in row {
                *value /= length;
            }
        }
        rows
    }

    /// Numbers of rows and columns about those of a tile and a chunk, at every level: integers have one right value.
    #[test]
    fn products_are_those_of_plain_integers_and_keep_their_bound() {
        let rounded =
            |row: &[f64]| -> Vec<i64> { row.iter().map(|v| (v * ONE).round_ties_even() as i64).collect() };
        for dim in [1, 2, 15, 16, 17, 33, 100, 1_000] {
            for (n, m) in [(1, 1), (4, 3), (5, 4), (13, 8)] {
                let (x, y) = (unit_rows(n, dim, 3), unit_rows(m, dim, 5));
                let (queries, corpus) = (FixedQueries::of(&x, dim), FixedCorpus::of(&y, dim));
                let mut all = Vec::new();
                for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
                    let mut out = vec![i32::MIN; n * m];
                    at_level(level, || fixed_products(&queries, 0..n, &corpus, &mut out));
                    all.push(out);
                }
                assert!(all.iter().all(|out| *out == all[0]), "one value at every level");
                for (i, x) in x.chunks_exact(dim).enumerate() {
                    for (j, y) in y.chunks_exact(dim).enumerate() {
                        let product = all[0][i * m + j];
                        let plain: i64 = rounded(x).iter().zip(rounded(y)).map(|(a, b)| a * b).sum();
                        assert_eq!(i64::from(product), plain, "{dim} {n} {m}");
                        let cosine: f64 = x.iter().zip(y).map(|(a, b)| a * b).sum();
                        let bound = fixed_bound(queries.errors()[i], corpus.errors()[j]);
                        assert!((cosine - fixed_cosine(product)).abs() <= bound, "{dim} {n} {m}");
                    }
                }
            }
        }
    }

    /// What is largest: one component of one, all components alike, and the widest rows.
    #[test]
    fn no_sum_overflows() {
        for dim in [1, 2, 16, 65_536] {
            let alike = vec![1.0 / (dim as f64).sqrt(); dim];
            let mut first = vec![0.0; dim];
            first[0] = 1.0;
            for row in [alike, first] {
                let (queries, corpus) = (FixedQueries::of(&row, dim), FixedCorpus::of(&row, dim));
                let mut out = [0];
                fixed_products(&queries, 0..1, &corpus, &mut out);
                assert!(
                    (fixed_cosine(out[0]) - 1.0).abs()
                        <= fixed_bound(queries.errors()[0], corpus.errors()[0]),
                    "{dim}: {}",
                    out[0]
                );
            }
        }
    }

    #[test]
    fn a_part_of_the_queries() {
        let (x, y) = (unit_rows(11, 20, 7), unit_rows(5, 20, 9));
        let (queries, corpus) = (FixedQueries::of(&x, 20), FixedCorpus::of(&y, 20));
        let (mut whole, mut part) = (vec![0; 55], vec![0; 15]);
        fixed_products(&queries, 0..11, &corpus, &mut whole);
        fixed_products(&queries, 8..11, &corpus, &mut part);
        assert_eq!(part, whole[40..]);
        assert_eq!(fixed_product(fixed_cosine(whole[0])), whole[0]);
    }
}
