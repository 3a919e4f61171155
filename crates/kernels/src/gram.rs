//! Products XᵀY of blocks of rows, packed once and added to a matrix in f64: what covariances are made of.
//!
//! A block holds up to [`GRAM_ROWS`] rows; its products are summed in registers and then added to the matrix, always in the order of
//! the rows. Another instruction set may change the last bits, for products are fused into sums where the processor can.
#![allow(unsafe_code)]

use crate::dispatch::{Level, level};

/// Rows of a block at most: a panel of so many stays in the first cache.
pub const GRAM_ROWS: usize = 256;

/// Columns of a panel and of the strips that it is cut into: the sums of a tile fill the registers but for what is multiplied.
const NARROW: (usize, usize) = (12, 4);
/// The same for AVX-512.
const WIDE: (usize, usize) = (24, 8);

/// Rows of a block in panels of columns, each row of a panel side by side.
#[derive(Debug)]
pub struct PackedRows {
    dim: usize,
    rows: usize,
    unit: Unit,
    panels: Vec<f64>,
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

    /// Columns of a panel.
    const fn width(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => WIDE.0,
            _ => NARROW.0,
        }
    }
}

/// Packs blocks that are multiplied with each other, for what this thread multiplies with.
#[derive(Debug, Clone, Copy)]
pub struct Packer {
    unit: Unit,
}

impl Packer {
    /// For the best instruction set, or the one forced on this thread.
    pub fn here() -> Self {
        Self { unit: Unit::best() }
    }

    /// Columns of a panel; a task of [`PackedRows::add_gram`] or [`PackedRows::add_product`] has so many columns of the matrix.
    pub fn width(self) -> usize {
        self.unit.width()
    }

    /// Packs `rows`, n × dim row-major with n at most [`GRAM_ROWS`].
    pub fn pack(self, rows: &[f64], dim: usize) -> PackedRows {
        assert!(dim > 0 && rows.len().is_multiple_of(dim), "whole rows");
        let n = rows.len() / dim;
        assert!(n <= GRAM_ROWS, "{n} rows in a block of {GRAM_ROWS}");
        let (unit, width) = (self.unit, self.width());
        let mut panels = vec![0.0; dim.div_ceil(width) * n * width];
        for (panel, values) in panels.chunks_exact_mut((n * width).max(1)).enumerate() {
            let columns = panel * width..dim.min((panel + 1) * width);
            for (row, values) in rows.chunks_exact(dim).zip(values.chunks_exact_mut(width)) {
                values[..columns.len()].copy_from_slice(&row[columns.clone()]);
            }
        }
        PackedRows {
            dim,
            rows: n,
            unit,
            panels,
        }
    }
}

impl PackedRows {
    /// Adds columns of XᵀX from the diagonal's panel downwards: `columns` are those of panel `panel` of the dim × dim matrix,
    /// column-major.
    pub fn add_gram(&self, panel: usize, columns: &mut [f64]) {
        self.add(self, panel, panel, columns);
    }

    /// Adds columns of YᵀX, Y the rows of `down` in pairs with these: `columns` as in [`Self::add_gram`], of a matrix with as many
    /// rows as `down` has columns.
    pub fn add_product(&self, down: &Self, panel: usize, columns: &mut [f64]) {
        assert_eq!(
            (self.rows, self.unit),
            (down.rows, down.unit),
            "blocks of one kind"
        );
        self.add(down, panel, 0, columns);
    }

    fn add(&self, down: &Self, panel: usize, first: usize, columns: &mut [f64]) {
        assert!(
            panel * self.unit.width() + columns.len() / down.dim <= self.dim,
            "columns of the panel"
        );
        match self.unit {
            Unit::Portable => {
                add_tiles::<Apart, { NARROW.0 }, { NARROW.1 }>(self, down, panel, first, columns)
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Unit::best` has seen fma, and avx2 by the level.
            Unit::Fma => unsafe { add_fma(self, down, panel, first, columns) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level stands for fma and avx512f.
            Unit::Avx512 => unsafe { add_avx512(self, down, panel, first, columns) },
        }
    }

    /// Rows of a panel.
    fn panel<const WIDTH: usize>(&self, panel: usize) -> &[[f64; WIDTH]] {
        let size = self.rows * WIDTH;
        self.panels[panel * size..(panel + 1) * size].as_chunks().0
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn add_fma(left: &PackedRows, down: &PackedRows, panel: usize, first: usize, columns: &mut [f64]) {
    add_tiles::<Fused, { NARROW.0 }, { NARROW.1 }>(left, down, panel, first, columns);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f")]
fn add_avx512(left: &PackedRows, down: &PackedRows, panel: usize, first: usize, columns: &mut [f64]) {
    add_tiles::<Fused, { WIDE.0 }, { WIDE.1 }>(left, down, panel, first, columns);
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

#[inline(always)]
fn add_tiles<A: Adding, const WIDTH: usize, const STRIP: usize>(
    left: &PackedRows,
    down: &PackedRows,
    panel: usize,
    first: usize,
    columns: &mut [f64],
) {
    let of_columns = left.panel::<WIDTH>(panel);
    for below in first..down.dim.div_ceil(WIDTH) {
        let of_rows = down.panel::<WIDTH>(below);
        let rows = below * WIDTH..down.dim.min((below + 1) * WIDTH);
        for (strip, columns) in columns.chunks_mut(STRIP * down.dim).enumerate() {
            let sums = tile::<A, WIDTH, STRIP>(of_columns, strip * STRIP, of_rows);
            for (sums, column) in sums.iter().zip(columns.chunks_exact_mut(down.dim)) {
                for (sum, value) in sums.iter().zip(&mut column[rows.clone()]) {
                    *value += sum;
                }
            }
        }
    }
}

/// Sums of products of STRIP columns from `at` on with WIDTH columns, over all rows.
#[inline(always)]
fn tile<A: Adding, const WIDTH: usize, const STRIP: usize>(
    of_columns: &[[f64; WIDTH]],
    at: usize,
    of_rows: &[[f64; WIDTH]],
) -> [[f64; WIDTH]; STRIP] {
    let mut sums = [[0.0; WIDTH]; STRIP];
    for (left, right) in of_columns.iter().zip(of_rows) {
        let left: &[f64; STRIP] = left[at..at + STRIP].try_into().expect("a strip");
        for i in 0..STRIP {
            for j in 0..WIDTH {
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
                for dim in [1, 3, 11, 12, 13, 23, 24, 25, 49, 70] {
                    for n in [0, 1, 7, GRAM_ROWS] {
                        let (x, y) = (rows(n, dim, 3), rows(n, dim, 5));
                        let packer = Packer::here();
                        let [a, b] = [&x, &y].map(|rows| packer.pack(rows, dim));
                        let (mut gram, mut cross) = (vec![1.0; dim * dim], vec![1.0; dim * dim]);
                        let columns = packer.width() * dim;
                        for (panel, columns) in gram.chunks_mut(columns).enumerate() {
                            a.add_gram(panel, columns);
                        }
                        for (panel, columns) in cross.chunks_mut(columns).enumerate() {
                            b.add_product(&a, panel, columns);
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
