//! Products XᵀY of blocks of rows, packed once and added to a matrix in f64: what covariances are made of.
//!
//! A block holds up to [`GRAM_ROWS`] rows; its products are summed in registers and then added to the matrix, always in the order of
//! the rows. Another instruction set may change the last bits, for products are fused into sums where the processor can.
#![allow(unsafe_code)]

use crate::dispatch::{Level, level};

/// Rows of a block at most: a strip and a panel of so many stay in the first cache.
pub const GRAM_ROWS: usize = 256;

/// Columns of the matrix that one call should be given: their strips stay in the second cache.
pub const GRAM_COLUMNS: usize = 48;

/// Columns of a strip and of a panel: the sums of a tile fill the registers but for what is multiplied.
const NARROW: (usize, usize) = (6, 8);
/// The same for AVX-512.
const WIDE: (usize, usize) = (8, 24);

/// Rows in groups of so many columns, each row of a group side by side.
#[derive(Debug)]
struct Packed {
    width: usize,
    values: Vec<f64>,
}

impl Packed {
    fn of(rows: &[f64], dim: usize, width: usize) -> Self {
        let n = rows.len() / dim;
        let mut values = vec![0.0; dim.div_ceil(width) * n * width];
        for (group, values) in values.chunks_exact_mut((n * width).max(1)).enumerate() {
            let columns = group * width..dim.min((group + 1) * width);
            for (row, values) in rows.chunks_exact(dim).zip(values.chunks_exact_mut(width)) {
                values[..columns.len()].copy_from_slice(&row[columns.clone()]);
            }
        }
        Self { width, values }
    }

    /// The rows of a group.
    fn group<const WIDTH: usize>(&self, group: usize, rows: usize) -> &[[f64; WIDTH]] {
        debug_assert_eq!(WIDTH, self.width, "the width it was packed for");
        let size = rows * WIDTH;
        self.values[group * size..(group + 1) * size].as_chunks().0
    }
}

/// A block of rows whose columns are multiplied with those of another: the columns of a product.
#[derive(Debug)]
pub struct GramColumns {
    rows: usize,
    dim: usize,
    strips: Packed,
}

/// A block of rows whose columns are the rows of a product.
#[derive(Debug)]
pub struct GramRows {
    rows: usize,
    dim: usize,
    panels: Packed,
}

/// What multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Fma,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Unit {
    fn best() -> Self {
        match level() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 if is_x86_feature_detected!("fma") => Self::Fma,
            // `level` gives it only where the processor has fma and avx512f
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Self::Avx512,
            _ => Self::Portable,
        }
    }

    /// Columns of a strip and of a panel.
    const fn widths(self) -> (usize, usize) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => WIDE,
            _ => NARROW,
        }
    }
}

/// Packs blocks and multiplies them, with one instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Gram {
    unit: Unit,
}

impl Gram {
    /// With the best instruction set, or the one forced on this thread.
    pub fn here() -> Self {
        Self { unit: Unit::best() }
    }

    /// Packs `rows`, n × dim row-major with n at most [`GRAM_ROWS`], for the columns of a product.
    pub fn columns(self, rows: &[f64], dim: usize) -> GramColumns {
        GramColumns {
            rows: counted(rows, dim),
            dim,
            strips: Packed::of(rows, dim, self.unit.widths().0),
        }
    }

    /// Packs `rows` as [`Self::columns`] does, for the rows of a product.
    pub fn rows(self, rows: &[f64], dim: usize) -> GramRows {
        GramRows {
            rows: counted(rows, dim),
            dim,
            panels: Packed::of(rows, dim, self.unit.widths().1),
        }
    }

    /// Adds some columns of XᵀY, X the rows of `down` and Y those of `across`, in pairs: `out` holds whole columns of the matrix from
    /// column `first` on, column-major; `first` is a multiple of [`GRAM_COLUMNS`]. Of a `lower` triangle what lies above is left
    /// out, but for parts of it near the diagonal.
    pub fn add(self, down: &GramRows, across: &GramColumns, first: usize, lower: bool, out: &mut [f64]) {
        let (strip, panel) = self.unit.widths();
        assert_eq!(
            (down.rows, panel, strip),
            (across.rows, down.panels.width, across.strips.width)
        );
        assert!(
            first.is_multiple_of(GRAM_COLUMNS) && first + out.len() / down.dim <= across.dim,
            "columns of the product"
        );
        let task = Task {
            down,
            across,
            first,
            lower,
        };
        match self.unit {
            Unit::Portable => task.run::<Apart, { NARROW.0 }, { NARROW.1 }>(out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Unit::best` has seen fma, and avx2 by the level.
            Unit::Fma => unsafe { run_fma(&task, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level stands for fma and avx512f.
            Unit::Avx512 => unsafe { run_avx512(&task, out) },
        }
    }
}

fn counted(rows: &[f64], dim: usize) -> usize {
    assert!(dim > 0 && rows.len().is_multiple_of(dim), "whole rows");
    let n = rows.len() / dim;
    assert!(n <= GRAM_ROWS, "{n} rows in a block of {GRAM_ROWS}");
    n
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_fma(task: &Task<'_>, out: &mut [f64]) {
    task.run::<Fused, { NARROW.0 }, { NARROW.1 }>(out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f")]
fn run_avx512(task: &Task<'_>, out: &mut [f64]) {
    task.run::<Fused, { WIDE.0 }, { WIDE.1 }>(out);
}

/// How a product is added.
trait Adding {
    fn add(sum: f64, a: f64, b: f64) -> f64;
}

/// Product and sum rounded once.
#[cfg(target_arch = "x86_64")]
struct Fused;

#[cfg(target_arch = "x86_64")]
impl Adding for Fused {
    #[inline(always)]
    fn add(sum: f64, a: f64, b: f64) -> f64 {
        a.mul_add(b, sum)
    }
}

/// As the processor does it without a call: rounded once on 64-bit ARM, apart elsewhere.
struct Apart;

impl Adding for Apart {
    #[inline(always)]
    fn add(sum: f64, a: f64, b: f64) -> f64 {
        if cfg!(target_arch = "aarch64") {
            a.mul_add(b, sum)
        } else {
            sum + a * b
        }
    }
}

/// Some columns of a product.
struct Task<'a> {
    down: &'a GramRows,
    across: &'a GramColumns,
    first: usize,
    lower: bool,
}

impl Task<'_> {
    #[inline(always)]
    fn run<A: Adding, const STRIP: usize, const PANEL: usize>(&self, out: &mut [f64]) {
        let (rows, dim) = (self.down.rows, self.down.dim);
        let from = if self.lower { self.first / PANEL } else { 0 };
        for panel in from..dim.div_ceil(PANEL) {
            let of_rows = self.down.panels.group::<PANEL>(panel, rows);
            let here = panel * PANEL..dim.min((panel + 1) * PANEL);
            for (strip, columns) in out.chunks_mut(STRIP * dim).enumerate() {
                if self.lower && here.end <= self.first + strip * STRIP {
                    break;
                }
                let of_columns = self
                    .across
                    .strips
                    .group::<STRIP>(self.first / STRIP + strip, rows);
                let sums = tile::<A, STRIP, PANEL>(of_columns, of_rows);
                for (sums, column) in sums.iter().zip(columns.chunks_exact_mut(dim)) {
                    match column[here.clone()].first_chunk_mut::<PANEL>() {
                        // of a whole panel the length is known
                        Some(values) => add(values, sums),
                        None => add(&mut column[here.clone()], sums),
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn add(values: &mut [f64], sums: &[f64]) {
    for (value, sum) in values.iter_mut().zip(sums) {
        *value += sum;
    }
}

/// Sums of products of the columns of a strip with those of a panel, over all rows.
#[inline(always)]
fn tile<A: Adding, const STRIP: usize, const PANEL: usize>(
    of_columns: &[[f64; STRIP]],
    of_rows: &[[f64; PANEL]],
) -> [[f64; PANEL]; STRIP] {
    let mut sums = [[0.0; PANEL]; STRIP];
    for (left, right) in of_columns.iter().zip(of_rows) {
        for i in 0..STRIP {
            for j in 0..PANEL {
                sums[i][j] = A::add(sums[i][j], left[i], right[j]);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at_level;

    fn rows(n: usize, dim: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        (0..n * dim)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f64 / f64::from(1 << 23) - 1.0
            })
            .collect()
    }

    /// Every width about that of a panel and of two, numbers of rows from none to a block, at every level; the plain sum is the truth.
    #[test]
    fn products_are_those_of_plain_sums() {
        for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
            at_level(level, || {
                for dim in [1, 3, 5, 6, 7, 8, 9, 23, 24, 25, 47, 48, 49, 70, 97] {
                    for n in [0, 1, 7, GRAM_ROWS] {
                        let (x, y) = (rows(n, dim, 3), rows(n, dim, 5));
                        let packing = Gram::here();
                        let [a, b] =
                            [&x, &y].map(|rows| (packing.rows(rows, dim), packing.columns(rows, dim)));
                        let (mut gram, mut cross) = (vec![1.0; dim * dim], vec![1.0; dim * dim]);
                        for (k, columns) in gram.chunks_mut(GRAM_COLUMNS * dim).enumerate() {
                            packing.add(&a.0, &a.1, k * GRAM_COLUMNS, true, columns);
                        }
                        for (k, columns) in cross.chunks_mut(GRAM_COLUMNS * dim).enumerate() {
                            packing.add(&a.0, &b.1, k * GRAM_COLUMNS, false, columns);
                        }
                        let plain = |left: &[f64], i: usize, right: &[f64], j: usize| -> f64 {
                            1.0 + (0..n)
                                .map(|k| left[k * dim + i] * right[k * dim + j])
                                .sum::<f64>()
                        };
                        // sums of n products below 1 in another order
                        let most = (n + 1) as f64 * n as f64 * f64::EPSILON;
                        for j in 0..dim {
                            for i in 0..dim {
                                let found = cross[j * dim + i];
                                assert!((found - plain(&x, i, &y, j)).abs() <= most, "{level:?} {dim} {n}");
                                if i >= j {
                                    let found = gram[j * dim + i];
                                    assert!(
                                        (found - plain(&x, i, &x, j)).abs() <= most,
                                        "{level:?} {dim} {n}"
                                    );
                                }
                            }
                        }
                    }
                }
            });
        }
    }
}
