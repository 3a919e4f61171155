//! Products XᵀY of blocks of rows, packed once and added to a matrix in f64: what covariances are made of.
//!
//! A block holds up to [`GRAM_ROWS`] rows, in f64 or rounded to f32; its products are summed in that type, in f32 [`GRAM_TOGETHER`] of
//! them at a time, and then added to the matrix, always in the order of the rows. Another instruction set may change the last bits, for products are fused into sums where
//! the processor can.
#![allow(unsafe_code)]

use crate::dispatch::{Isa, Kernel, Unit, unit};
use crate::reduce::square_and_dots;

mod projected;
mod tiles;
mod value;

pub use projected::add_projected;
#[cfg(target_arch = "x86_64")]
use tiles::x86;
use tiles::{Portable, Tile};
pub use value::GramValue;

/// Rows of a block at most: a strip and a panel of so many stay near the core.
pub const GRAM_ROWS: usize = 256;

/// Rows whose products are summed in f32 one after another; a block adds up such sums.
pub const GRAM_TOGETHER: usize = 64;

/// Columns of the matrix that one call should be given: their strips stay in the second cache.
pub const GRAM_COLUMNS: usize = 48;

/// Columns of a strip and of a panel, which holds whole strips: the sums of a tile fill the registers but for what is multiplied.
const NARROW: (usize, usize) = (4, 12);
/// The same for AVX-512.
const WIDE: (usize, usize) = (8, 24);
/// The same as [`NARROW`] for f32.
const NARROW_F32: (usize, usize) = (4, 24);
/// The same as [`WIDE`] for f32.
const WIDE_F32: (usize, usize) = (8, 48);

/// A block of rows, in panels of so many columns, each row of a panel side by side.
#[derive(Debug)]
pub struct GramBlock<V = f64> {
    rows: usize,
    dim: usize,
    width: usize,
    values: Vec<V>,
    sum: Vec<f64>,
    squares: Vec<f64>,
    diagonal: Vec<f64>,
}

impl<V: GramValue> GramBlock<V> {
    /// Σ (e−c) over its rows, in f64 before they are rounded.
    pub fn sum(&self) -> &[f64] {
        &self.sum
    }

    /// ‖e−c‖² of each row, in f64 before it is rounded.
    pub fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// Σ (e−c)² of each column over its rows, in f64 before they are rounded.
    pub fn diagonal(&self) -> &[f64] {
        &self.diagonal
    }

    /// Adds Σ weightᵢ (eᵢ−c) to `sums`, column by column in row order, in f64.
    pub fn add_weighted(&self, weights: &[f64], sums: &mut [f64]) {
        assert_eq!(
            (weights.len(), sums.len()),
            (self.rows, self.dim),
            "a weight per row"
        );
        V::add_weighted(self, weights, sums);
    }

    /// The rows of a panel.
    fn panel<const WIDTH: usize>(&self, panel: usize) -> &[[V; WIDTH]] {
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

    /// Packs `rows`, at most [`GRAM_ROWS`] and each as wide as `center`, which is taken from them.
    pub fn block<V: GramValue>(self, rows: &[&[f64]], center: &[f64]) -> GramBlock<V> {
        assert!(
            rows.len() <= GRAM_ROWS,
            "{} rows in a block of {GRAM_ROWS}",
            rows.len()
        );
        assert!(
            rows.iter().all(|row| row.len() == center.len()),
            "rows as wide as the centre"
        );
        V::pack(self, rows, center)
    }

    /// Packs `columns`, at most [`GRAM_ROWS`] values of each: the rows of the block are their first values, their second ones and so on.
    /// It knows no sums.
    pub fn block_of_columns<V: GramValue>(self, columns: &[&[f64]]) -> GramBlock<V> {
        let rows = columns.first().map_or(0, |column| column.len());
        assert!(rows <= GRAM_ROWS, "{rows} rows in a block of {GRAM_ROWS}");
        assert!(
            columns.iter().all(|column| column.len() == rows),
            "columns of one length"
        );
        let (_, width) = V::widths(self);
        let mut values = vec![V::default(); columns.len().div_ceil(width) * rows * width];
        for (panel, columns) in values
            .chunks_exact_mut((rows * width).max(1))
            .zip(columns.chunks(width))
        {
            for (j, column) in columns.iter().enumerate() {
                for (row, &value) in panel.chunks_exact_mut(width).zip(*column) {
                    row[j] = V::of(value);
                }
            }
        }
        GramBlock {
            rows,
            dim: columns.len(),
            width,
            values,
            sum: Vec::new(),
            squares: Vec::new(),
            diagonal: Vec::new(),
        }
    }

    /// Adds some columns of XᵀY, X the rows of `down` and Y those of `across`, in pairs: `out` holds whole columns of the matrix from
    /// column `first` on, column-major; `first` is a multiple of [`GRAM_COLUMNS`]. Of a `lower` triangle what lies above is left
    /// out, but for parts of it near the diagonal.
    pub fn add<V: GramValue>(
        self,
        down: &GramBlock<V>,
        across: &GramBlock<V>,
        first: usize,
        lower: bool,
        out: &mut [f64],
    ) {
        let (_, panel) = V::widths(self);
        assert_eq!(
            (down.rows, down.width, panel),
            (across.rows, across.width, down.width),
            "blocks of as many rows, packed for this instruction set"
        );
        assert!(
            first.is_multiple_of(GRAM_COLUMNS) && first + out.len() / down.dim.max(1) <= across.dim,
            "columns of the product"
        );
        let task = Task {
            down,
            across,
            first,
            lower,
        };
        V::run(self, &task, out);
    }
}

/// Centres and packs.
struct Pack<'a, V, const WIDTH: usize> {
    rows: &'a [&'a [f64]],
    center: &'a [f64],
    of: std::marker::PhantomData<V>,
}

impl<V: GramValue, const WIDTH: usize> Kernel for Pack<'_, V, WIDTH> {
    type Output = GramBlock<V>;

    #[inline(always)]
    fn run<I: Isa>(self) -> GramBlock<V> {
        let (n, dim) = (self.rows.len(), self.center.len());
        let mut block = GramBlock {
            rows: n,
            dim,
            width: WIDTH,
            values: vec![V::default(); dim.div_ceil(WIDTH) * n * WIDTH],
            sum: vec![0.0; dim],
            squares: vec![0.0; n],
            diagonal: vec![0.0; dim],
        };
        let mut centred = vec![0.0; dim];
        let mut rounded = vec![V::default(); dim];
        let panel = n * WIDTH;
        for (i, row) in self.rows.iter().enumerate() {
            for k in 0..dim {
                let value = row[k] - self.center[k];
                centred[k] = value;
                rounded[k] = V::of(value);
                block.sum[k] += value;
                block.diagonal[k] += value * value;
            }
            block.squares[i] = square_and_dots::<I, f64, 0>(&centred, [], &mut []);
            let (whole, rest) = rounded.as_chunks::<WIDTH>();
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
struct Weighted<'a, V, const WIDTH: usize> {
    block: &'a GramBlock<V>,
    weights: &'a [f64],
    sums: &'a mut [f64],
}

impl<V: GramValue, const WIDTH: usize> Kernel for Weighted<'_, V, WIDTH> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (panel, sums) in self.sums.chunks_mut(WIDTH).enumerate() {
            let mut of_panel = [0.0; WIDTH];
            for (row, weight) in self.block.panel::<WIDTH>(panel).iter().zip(self.weights) {
                for j in 0..WIDTH {
                    of_panel[j] += weight * row[j].wide();
                }
            }
            add(sums, &of_panel);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_fma<V: GramValue, T: Tile<V, STRIP, PANEL>, const STRIP: usize, const PANEL: usize>(
    task: &Task<'_, V>,
    out: &mut [f64],
) {
    task.run::<T, STRIP, PANEL>(out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f")]
fn run_avx512<V: GramValue, T: Tile<V, STRIP, PANEL>, const STRIP: usize, const PANEL: usize>(
    task: &Task<'_, V>,
    out: &mut [f64],
) {
    task.run::<T, STRIP, PANEL>(out);
}

/// Some columns of a product.
#[doc(hidden)]
#[derive(Debug)]
pub struct Task<'a, V> {
    down: &'a GramBlock<V>,
    across: &'a GramBlock<V>,
    first: usize,
    lower: bool,
}

impl<V: GramValue> Task<'_, V> {
    #[inline(always)]
    fn run<T: Tile<V, STRIP, PANEL>, const STRIP: usize, const PANEL: usize>(&self, out: &mut [f64]) {
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
                let part = strip % (PANEL / STRIP);
                let sums = if of_rows.len() <= V::TOGETHER {
                    T::sums(of_columns, part, of_rows)
                } else {
                    in_parts::<V, T, STRIP, PANEL>(of_columns, part, of_rows)
                };
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

/// [`Tile::sums`] as a sum of such sums, each over some of the rows.
#[inline(always)]
fn in_parts<V: GramValue, T: Tile<V, STRIP, PANEL>, const STRIP: usize, const PANEL: usize>(
    of_columns: &[[V; PANEL]],
    part: usize,
    of_rows: &[[V; PANEL]],
) -> [[V; PANEL]; STRIP] {
    let mut sums = [[V::default(); PANEL]; STRIP];
    let pieces = of_columns.chunks(V::TOGETHER).zip(of_rows.chunks(V::TOGETHER));
    for (of_columns, of_rows) in pieces {
        let piece = T::sums(of_columns, part, of_rows);
        for i in 0..STRIP {
            for j in 0..PANEL {
                sums[i][j] = sums[i][j].plus(piece[i][j]);
            }
        }
    }
    sums
}

#[inline(always)]
fn add<V: GramValue>(values: &mut [f64], sums: &[V]) {
    for (value, sum) in values.iter_mut().zip(sums) {
        *value += sum.wide();
    }
}

#[cfg(test)]
mod tests;
