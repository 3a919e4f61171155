//! Products XᵀY of blocks of rows, packed once and added to a matrix in f64: what covariances are made of.
//!
//! A block holds up to [`GRAM_ROWS`] rows; its products are summed in registers and then added to the matrix, always in the order of
//! the rows. Another instruction set may change the last bits, for products are fused into sums where the processor can.
#![allow(unsafe_code)]

use crate::dispatch::{Isa, Kernel, Unit, dispatch, unit};
use crate::reduce::square_and_dots;

/// Rows of a block at most: a strip and a panel of so many stay near the core.
pub const GRAM_ROWS: usize = 256;

/// Columns of the matrix that one call should be given: their strips stay in the second cache.
pub const GRAM_COLUMNS: usize = 48;

/// Columns of a strip and of a panel, which holds whole strips: the sums of a tile fill the registers but for what is multiplied.
const NARROW: (usize, usize) = (4, 12);
/// The same for AVX-512.
const WIDE: (usize, usize) = (8, 24);

/// A block of centred rows, in panels of so many columns, each row of a panel side by side.
#[derive(Debug)]
pub struct GramBlock {
    rows: usize,
    dim: usize,
    width: usize,
    values: Vec<f64>,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl GramBlock {
    /// Σ (e−c) over its rows.
    pub fn sum(&self) -> &[f64] {
        &self.sum
    }

    /// ‖e−c‖² of each row.
    pub fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// Adds Σ weightᵢ (eᵢ−c) to `sums`, column by column in row order.
    pub fn add_weighted(&self, weights: &[f64], sums: &mut [f64]) {
        assert_eq!(
            (weights.len(), sums.len()),
            (self.rows, self.dim),
            "a weight per row"
        );
        if self.width == WIDE.1 {
            let block = self;
            dispatch(Weighted::<{ WIDE.1 }> { block, weights, sums });
        } else {
            let block = self;
            dispatch(Weighted::<{ NARROW.1 }> { block, weights, sums });
        }
    }

    /// The rows of a panel.
    fn panel<const WIDTH: usize>(&self, panel: usize) -> &[[f64; WIDTH]] {
        debug_assert_eq!(WIDTH, self.width, "the width it was packed for");
        let size = self.rows * WIDTH;
        self.values[panel * size..(panel + 1) * size].as_chunks().0
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
        Self { unit: unit() }
    }

    /// Columns of a strip and of a panel.
    const fn widths(self) -> (usize, usize) {
        match self.unit {
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512 => WIDE,
            _ => NARROW,
        }
    }

    /// Packs `rows`, at most [`GRAM_ROWS`] and each as wide as `center`, which is taken from them.
    pub fn block(self, rows: &[&[f64]], center: &[f64]) -> GramBlock {
        assert!(
            rows.len() <= GRAM_ROWS,
            "{} rows in a block of {GRAM_ROWS}",
            rows.len()
        );
        assert!(
            rows.iter().all(|row| row.len() == center.len()),
            "rows as wide as the centre"
        );
        match self.unit {
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512 => dispatch(Pack::<{ WIDE.1 }> { rows, center }),
            _ => dispatch(Pack::<{ NARROW.1 }> { rows, center }),
        }
    }

    /// Adds some columns of XᵀY, X the rows of `down` and Y those of `across`, in pairs: `out` holds whole columns of the matrix from
    /// column `first` on, column-major; `first` is a multiple of [`GRAM_COLUMNS`]. Of a `lower` triangle what lies above is left
    /// out, but for parts of it near the diagonal.
    pub fn add(self, down: &GramBlock, across: &GramBlock, first: usize, lower: bool, out: &mut [f64]) {
        let (_, panel) = self.widths();
        assert_eq!(
            (down.rows, down.dim, down.width, panel),
            (across.rows, across.dim, across.width, down.width)
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
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `unit` has seen avx2 and fma.
            Unit::Fma => unsafe { run_fma(&task, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `unit` has seen avx2, fma and avx512f.
            Unit::Avx512 => unsafe { run_avx512(&task, out) },
            _ => task.run::<Portable, { NARROW.0 }, { NARROW.1 }>(out),
        }
    }
}

/// Centres and packs.
struct Pack<'a, const WIDTH: usize> {
    rows: &'a [&'a [f64]],
    center: &'a [f64],
}

impl<const WIDTH: usize> Kernel for Pack<'_, WIDTH> {
    type Output = GramBlock;

    #[inline(always)]
    fn run<I: Isa>(self) -> GramBlock {
        let (n, dim) = (self.rows.len(), self.center.len());
        let mut block = GramBlock {
            rows: n,
            dim,
            width: WIDTH,
            values: vec![0.0; dim.div_ceil(WIDTH) * n * WIDTH],
            sum: vec![0.0; dim],
            squares: vec![0.0; n],
        };
        let mut centred = vec![0.0; dim];
        let panel = n * WIDTH;
        for (i, row) in self.rows.iter().enumerate() {
            for k in 0..dim {
                centred[k] = row[k] - self.center[k];
                block.sum[k] += centred[k];
            }
            block.squares[i] = square_and_dots::<I, f64, 0>(&centred, [], &mut []);
            let (whole, rest) = centred.as_chunks::<WIDTH>();
            for (p, values) in whole.iter().enumerate() {
                block.values[p * panel + i * WIDTH..][..WIDTH].copy_from_slice(values);
            }
            if !rest.is_empty() {
                block.values[whole.len() * panel + i * WIDTH..][..rest.len()].copy_from_slice(rest);
            }
        }
        block
    }
}

/// Sums the rows of a block by their weights.
struct Weighted<'a, const WIDTH: usize> {
    block: &'a GramBlock,
    weights: &'a [f64],
    sums: &'a mut [f64],
}

impl<const WIDTH: usize> Kernel for Weighted<'_, WIDTH> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (panel, sums) in self.sums.chunks_mut(WIDTH).enumerate() {
            let mut of_panel = [0.0; WIDTH];
            for (row, weight) in self.block.panel::<WIDTH>(panel).iter().zip(self.weights) {
                for j in 0..WIDTH {
                    of_panel[j] += weight * row[j];
                }
            }
            add(sums, &of_panel);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_fma(task: &Task<'_>, out: &mut [f64]) {
    task.run::<x86::Wide256, { NARROW.0 }, { NARROW.1 }>(out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f")]
fn run_avx512(task: &Task<'_>, out: &mut [f64]) {
    task.run::<x86::Wide512, { WIDE.0 }, { WIDE.1 }>(out);
}

/// Sums of products of the columns of strip `part` of a panel with those of another panel, over all rows.
trait Tile<const STRIP: usize, const PANEL: usize> {
    fn sums(of_columns: &[[f64; PANEL]], part: usize, of_rows: &[[f64; PANEL]]) -> [[f64; PANEL]; STRIP];
}

/// As the processor does it without a call: product and sum rounded once on 64-bit ARM, apart elsewhere.
struct Portable;

impl<const STRIP: usize, const PANEL: usize> Tile<STRIP, PANEL> for Portable {
    #[inline(always)]
    fn sums(of_columns: &[[f64; PANEL]], part: usize, of_rows: &[[f64; PANEL]]) -> [[f64; PANEL]; STRIP] {
        let mut sums = [[0.0; PANEL]; STRIP];
        for (left, right) in of_columns.iter().zip(of_rows) {
            let left = &left[part * STRIP..(part + 1) * STRIP];
            for i in 0..STRIP {
                for j in 0..PANEL {
                    sums[i][j] = if cfg!(target_arch = "aarch64") {
                        left[i].mul_add(right[j], sums[i][j])
                    } else {
                        sums[i][j] + left[i] * right[j]
                    };
                }
            }
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm256_fmadd_pd, _mm256_loadu_pd, _mm256_set1_pd, _mm256_setzero_pd, _mm256_storeu_pd,
        _mm512_fmadd_pd, _mm512_loadu_pd, _mm512_set1_pd, _mm512_setzero_pd, _mm512_storeu_pd,
    };

    use crate::gram::{NARROW, Tile, WIDE};

    macro_rules! tile {
        ($name:ident, $widths:ident, $lanes:literal, $zero:ident, $load:ident, $store:ident, $set:ident, $fma:ident) => {
            /// For functions with the features of its register only.
            pub(super) struct $name;

            impl Tile<{ $widths.0 }, { $widths.1 }> for $name {
                #[inline(always)]
                fn sums(
                    of_columns: &[[f64; $widths.1]],
                    part: usize,
                    of_rows: &[[f64; $widths.1]],
                ) -> [[f64; $widths.1]; $widths.0] {
                    const REGISTERS: usize = $widths.1 / $lanes;
                    assert!((part + 1) * $widths.0 <= $widths.1, "a strip of the panel");
                    let mut out = [[0.0; $widths.1]; $widths.0];
                    // SAFETY: this body is inlined into functions with the features of the register; a row of a panel holds all
                    // registers, and the columns of the strip.
                    unsafe {
                        let mut sums = [[$zero(); REGISTERS]; $widths.0];
                        for (left, right) in of_columns.iter().zip(of_rows) {
                            let left = left.as_ptr().add(part * $widths.0);
                            let mut values = [$zero(); REGISTERS];
                            for j in 0..REGISTERS {
                                values[j] = $load(right.as_ptr().add(j * $lanes));
                            }
                            for i in 0..$widths.0 {
                                let factor = $set(*left.add(i));
                                for j in 0..REGISTERS {
                                    sums[i][j] = $fma(factor, values[j], sums[i][j]);
                                }
                            }
                        }
                        for i in 0..$widths.0 {
                            for j in 0..REGISTERS {
                                $store(out[i].as_mut_ptr().add(j * $lanes), sums[i][j]);
                            }
                        }
                    }
                    out
                }
            }
        };
    }

    tile!(
        Wide256,
        NARROW,
        4,
        _mm256_setzero_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_set1_pd,
        _mm256_fmadd_pd
    );
    tile!(
        Wide512,
        WIDE,
        8,
        _mm512_setzero_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_set1_pd,
        _mm512_fmadd_pd
    );
}

/// Some columns of a product.
struct Task<'a> {
    down: &'a GramBlock,
    across: &'a GramBlock,
    first: usize,
    lower: bool,
}

impl Task<'_> {
    #[inline(always)]
    fn run<T: Tile<STRIP, PANEL>, const STRIP: usize, const PANEL: usize>(&self, out: &mut [f64]) {
        const { assert!(PANEL.is_multiple_of(STRIP) && GRAM_COLUMNS.is_multiple_of(PANEL)) };
        let dim = self.down.dim;
        let from = if self.lower { self.first / PANEL } else { 0 };
        for panel in from..dim.div_ceil(PANEL) {
            let of_rows = self.down.panel::<PANEL>(panel);
            let here = panel * PANEL..dim.min((panel + 1) * PANEL);
            for (strip, columns) in out.chunks_mut(STRIP * dim).enumerate() {
                let strip = self.first / STRIP + strip;
                if self.lower && here.end <= strip * STRIP {
                    break;
                }
                let of_columns = self.across.panel::<PANEL>(strip * STRIP / PANEL);
                let sums = T::sums(of_columns, strip % (PANEL / STRIP), of_rows);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at_level;
    use crate::dispatch::Level;
    use crate::reduce::dot;

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
    fn products_and_sums_are_plain_ones() {
        for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
            at_level(level, || {
                for dim in [1, 3, 5, 7, 8, 11, 12, 13, 23, 24, 25, 47, 48, 49, 70, 97] {
                    for n in [0, 1, 7, GRAM_ROWS] {
                        let found = Found::of(n, dim);
                        // sums of n products below 4 in another order
                        let most = 4.0 * (n + 1) as f64 * n as f64 * f64::EPSILON;
                        let near = |a: f64, b: f64| assert!((a - b).abs() <= most, "{level:?} {dim} {n}");
                        let plain = |left: &[f64], i: usize, right: &[f64], j: usize| -> f64 {
                            (0..n)
                                .map(|k| left[k * dim + i] * right[k * dim + j])
                                .sum::<f64>()
                        };
                        for j in 0..dim {
                            for i in 0..dim {
                                near(found.cross[j * dim + i], 1.0 + plain(&found.x, i, &found.y, j));
                                if i >= j {
                                    near(found.gram[j * dim + i], 1.0 + plain(&found.x, i, &found.x, j));
                                }
                            }
                            let column = || (0..n).map(|k| found.x[k * dim + j]);
                            near(found.block.sum()[j], column().sum());
                            let weighted = column().zip(found.block.squares()).map(|(v, w)| v * w);
                            let most = 4.0 * dim as f64 * most;
                            assert!((found.weighted[j] - weighted.sum::<f64>()).abs() <= most);
                        }
                        for (row, square) in found.x.chunks_exact(dim).zip(found.block.squares()) {
                            assert_eq!(*square, dot(row, row));
                        }
                    }
                }
            });
        }
    }

    /// What is found of rows about a centre; `x` and `y` are the centred rows.
    struct Found {
        x: Vec<f64>,
        y: Vec<f64>,
        block: GramBlock,
        gram: Vec<f64>,
        cross: Vec<f64>,
        weighted: Vec<f64>,
    }

    impl Found {
        fn of(n: usize, dim: usize) -> Self {
            let packing = Gram::here();
            let center = rows(1, dim, 9);
            let [(x, a), (y, b)] = [3, 5].map(|seed| {
                let rows = rows(n, dim, seed);
                let each: Vec<&[f64]> = rows.chunks_exact(dim).collect();
                let block = packing.block(&each, &center);
                let centred = each
                    .iter()
                    .flat_map(|row| row.iter().zip(&center).map(|(v, c)| v - c));
                (centred.collect::<Vec<f64>>(), block)
            });
            let (mut gram, mut cross) = (vec![1.0; dim * dim], vec![1.0; dim * dim]);
            for (k, columns) in gram.chunks_mut(GRAM_COLUMNS * dim).enumerate() {
                packing.add(&a, &a, k * GRAM_COLUMNS, true, columns);
            }
            for (k, columns) in cross.chunks_mut(GRAM_COLUMNS * dim).enumerate() {
                packing.add(&a, &b, k * GRAM_COLUMNS, false, columns);
            }
            let mut weighted = vec![0.0; dim];
            a.add_weighted(a.squares(), &mut weighted);
            Self {
                x,
                y,
                block: a,
                gram,
                cross,
                weighted,
            }
        }
    }
}
