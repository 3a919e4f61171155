//! Blocks of rows, what they are packed and multiplied by, in each type.

use std::marker::PhantomData;

#[cfg(target_arch = "aarch64")]
use super::neon::{Doubles, Singles};
use super::tiles::{GRAM_COLUMNS, NARROW, NARROW_F32, Portable, Scalar, Tile, WIDE, WIDE_F32};
#[cfg(target_arch = "x86_64")]
use super::x86::{Single256, Single512, Wide256, Wide512};
use crate::dispatch::{Kernel, Unit, dispatch};
use crate::isa::Isa;
use crate::reduce::square_and_dots;

/// What the values of a block are: f64, or f32 for products at twice the pace.
pub trait GramValue: Scalar {
    /// Columns of a strip and of a panel.
    #[doc(hidden)]
    fn widths(gram: Gram) -> (usize, usize);

    #[doc(hidden)]
    fn pack(gram: Gram, rows: &[&[f64]], center: &[f64]) -> GramBlock<Self>;

    #[doc(hidden)]
    fn add_weighted(block: &GramBlock<Self>, weights: &[f64], sums: &mut [f64]);

    #[doc(hidden)]
    fn run(gram: Gram, task: &Task<'_, Self>, out: &mut [f64]);
}

macro_rules! value {
    ($value:ty, $narrow:ident, $wide:ident, $fma:ident, $avx512:ident, $neon:ident) => {
        impl GramValue for $value {
            fn widths(gram: Gram) -> (usize, usize) {
                match gram.unit {
                    #[cfg(target_arch = "x86_64")]
                    Unit::Avx512 => $wide,
                    _ => $narrow,
                }
            }

            fn pack(gram: Gram, rows: &[&[f64]], center: &[f64]) -> GramBlock<Self> {
                let of = PhantomData;
                match gram.unit {
                    #[cfg(target_arch = "x86_64")]
                    Unit::Avx512 => dispatch(Pack::<Self, { $wide.1 }> { rows, center, of }),
                    _ => dispatch(Pack::<Self, { $narrow.1 }> { rows, center, of }),
                }
            }

            fn add_weighted(block: &GramBlock<Self>, weights: &[f64], sums: &mut [f64]) {
                if block.width == $wide.1 {
                    dispatch(Weighted::<Self, { $wide.1 }> {
                        block,
                        weights,
                        sums,
                    });
                } else {
                    dispatch(Weighted::<Self, { $narrow.1 }> {
                        block,
                        weights,
                        sums,
                    });
                }
            }

            fn run(gram: Gram, task: &Task<'_, Self>, out: &mut [f64]) {
                match gram.unit {
                    #[cfg(target_arch = "aarch64")]
                    Unit::Neon => task.run::<$neon, { $narrow.0 }, { $narrow.1 }>(out),
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: `unit` has seen avx2 and fma.
                    Unit::Fma => unsafe {
                        run_fma::<Self, $fma, { $narrow.0 }, { $narrow.1 }>(task, out);
                    },
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: `unit` has seen avx2, fma and avx512f.
                    Unit::Avx512 => unsafe {
                        run_avx512::<Self, $avx512, { $wide.0 }, { $wide.1 }>(task, out);
                    },
                    _ => task.run::<Portable, { $narrow.0 }, { $narrow.1 }>(out),
                }
            }
        }
    };
}

value!(f64, NARROW, WIDE, Wide256, Wide512, Doubles);
value!(f32, NARROW_F32, WIDE_F32, Single256, Single512, Singles);

/// A block of rows, in panels of so many columns, each row of a panel side by side.
#[derive(Debug)]
pub struct GramBlock<V = f64> {
    pub(super) rows: usize,
    pub(super) dim: usize,
    pub(super) width: usize,
    pub(super) values: Vec<V>,
    pub(super) sum: Vec<f64>,
    pub(super) squares: Vec<f64>,
    pub(super) diagonal: Vec<f64>,
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
    pub(super) unit: Unit,
}

/// Centres and packs.
struct Pack<'a, V, const WIDTH: usize> {
    rows: &'a [&'a [f64]],
    center: &'a [f64],
    of: PhantomData<V>,
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
        let mut centred = vec![0.0; PACKED.min(n) * dim];
        for (rows, first) in self.rows.chunks(PACKED).zip((0..n).step_by(PACKED)) {
            for (p, start) in (0..dim).step_by(WIDTH).enumerate() {
                let columns = start..dim.min(start + WIDTH);
                let panel = &mut block.values[(p * n + first) * WIDTH..][..rows.len() * WIDTH];
                let mut strip = Strip::<WIDTH> {
                    center: filled_up(&self.center[columns.clone()]),
                    sum: filled_up(&block.sum[columns.clone()]),
                    diagonal: filled_up(&block.diagonal[columns.clone()]),
                };
                for ((row, to), centred) in rows
                    .iter()
                    .zip(panel.as_chunks_mut::<WIDTH>().0)
                    .zip(centred.chunks_exact_mut(dim))
                {
                    let (row, centred) = (&row[columns.clone()], &mut centred[columns.clone()]);
                    if let (Some(row), Some(centred)) =
                        (row.first_chunk::<WIDTH>(), centred.first_chunk_mut::<WIDTH>())
                    {
                        strip.centre(row, to, centred);
                    } else {
                        let mut whole = [0.0; WIDTH];
                        strip.centre(&filled_up(row), to, &mut whole);
                        centred.copy_from_slice(&whole[..centred.len()]);
                    }
                }
                block.sum[columns.clone()].copy_from_slice(&strip.sum[..columns.len()]);
                block.diagonal[columns.clone()].copy_from_slice(&strip.diagonal[..columns.len()]);
            }
            for (square, centred) in block.squares[first..]
                .iter_mut()
                .zip(centred.chunks_exact(dim))
                .take(rows.len())
            {
                *square = square_and_dots::<I, f64, 0>(centred, [], &mut []);
            }
        }
        block
    }
}

/// Rows that are packed together, so that their values in a panel are written side by side.
const PACKED: usize = 8;

/// Columns that are worked on side by side: every width is a multiple of them.
const LANES: usize = 4;

/// Columns of a panel, on the way.
struct Strip<const WIDTH: usize> {
    center: [f64; WIDTH],
    sum: [f64; WIDTH],
    diagonal: [f64; WIDTH],
}

impl<const WIDTH: usize> Strip<WIDTH> {
    /// The values of a row about the centre, counted, and rounded. What is missing at its end is zero.
    #[inline(always)]
    fn centre<V: Scalar>(
        &mut self,
        row: &[f64; WIDTH],
        rounded: &mut [V; WIDTH],
        centred: &mut [f64; WIDTH],
    ) {
        let rows = row
            .as_chunks::<LANES>()
            .0
            .iter()
            .zip(self.center.as_chunks::<LANES>().0);
        let sums = self.sum.as_chunks_mut::<LANES>().0.iter_mut();
        let sums = sums.zip(self.diagonal.as_chunks_mut::<LANES>().0);
        let outputs = rounded.as_chunks_mut::<LANES>().0.iter_mut();
        let outputs = outputs.zip(centred.as_chunks_mut::<LANES>().0);
        for (((row, center), (sum, diagonal)), (rounded, centred)) in rows.zip(sums).zip(outputs) {
            let mut values = [0.0; LANES];
            for j in 0..LANES {
                values[j] = row[j] - center[j];
            }
            for j in 0..LANES {
                sum[j] += values[j];
            }
            for j in 0..LANES {
                diagonal[j] += values[j] * values[j];
            }
            for j in 0..LANES {
                rounded[j] = V::of(values[j]);
            }
            *centred = values;
        }
    }
}

#[inline(always)]
fn filled_up<const WIDTH: usize>(values: &[f64]) -> [f64; WIDTH] {
    let mut filled = [0.0; WIDTH];
    filled[..values.len()].copy_from_slice(values);
    filled
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

/// Strips of the columns of a call, at most.
const STRIPS: usize = GRAM_COLUMNS / NARROW.0;

/// Some columns of a sum of products.
#[doc(hidden)]
#[derive(Debug)]
pub struct Task<'a, V> {
    /// Blocks whose panels give rows of the matrix, each with the one whose strips give its columns.
    pub(super) blocks: &'a [[&'a GramBlock<V>; 2]],
    pub(super) dim: usize,
    pub(super) first: usize,
    pub(super) lower: bool,
}

impl<V: GramValue> Task<'_, V> {
    /// A panel at a time: its part of the columns is read and written once, whatever the blocks are.
    #[inline(always)]
    fn run<T: Tile<V, STRIP, PANEL>, const STRIP: usize, const PANEL: usize>(&self, out: &mut [f64]) {
        const { assert!(PANEL.is_multiple_of(STRIP) && GRAM_COLUMNS.is_multiple_of(PANEL)) };
        const { assert!(STRIP * STRIPS >= GRAM_COLUMNS) };
        let dim = self.dim;
        let from = if self.lower { self.first / PANEL } else { 0 };
        let mut totals = [[[0.0; PANEL]; STRIP]; STRIPS];
        for panel in from..dim.div_ceil(PANEL) {
            let here = panel * PANEL..dim.min((panel + 1) * PANEL);
            let within = (here.end - self.first.min(here.end)).div_ceil(STRIP);
            let strips = out.len().div_ceil(STRIP * dim);
            let totals = &mut totals[..if self.lower { strips.min(within) } else { strips }];
            for (totals, columns) in totals.iter_mut().zip(out.chunks(STRIP * dim)) {
                for (totals, column) in totals.iter_mut().zip(columns.chunks_exact(dim)) {
                    totals[..here.len()].copy_from_slice(&column[here.clone()]);
                }
            }
            for [down, across] in self.blocks {
                self.add_block::<T, STRIP, PANEL>(down.panel(panel), across, totals);
            }
            for (totals, columns) in totals.iter().zip(out.chunks_mut(STRIP * dim)) {
                for (totals, column) in totals.iter().zip(columns.chunks_exact_mut(dim)) {
                    column[here.clone()].copy_from_slice(&totals[..here.len()]);
                }
            }
        }
    }

    /// Adds the products of a panel of a block with its strips.
    #[inline(always)]
    fn add_block<T: Tile<V, STRIP, PANEL>, const STRIP: usize, const PANEL: usize>(
        &self,
        of_rows: &[[V; PANEL]],
        across: &GramBlock<V>,
        totals: &mut [[[f64; PANEL]; STRIP]],
    ) {
        let mut sums = [[[V::default(); PANEL]; STRIP]; STRIPS];
        let sums = &mut sums[..totals.len()];
        // a piece of the panel and those of all strips stay in the first cache
        for start in (0..of_rows.len()).step_by(V::TOGETHER) {
            let piece = start..of_rows.len().min(start + V::TOGETHER);
            for (strip, sums) in (self.first / STRIP..).zip(sums.iter_mut()) {
                let of_columns = across.panel::<PANEL>(strip * STRIP / PANEL);
                let part = strip % (PANEL / STRIP);
                T::add(&of_columns[piece.clone()], part, &of_rows[piece.clone()], sums);
            }
        }
        for (totals, sums) in totals.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            for j in 0..PANEL {
                totals[j] += sums[j].wide();
            }
        }
    }
}

#[inline(always)]
fn add<V: GramValue>(values: &mut [f64], sums: &[V]) {
    for (value, sum) in values.iter_mut().zip(sums) {
        *value += sum.wide();
    }
}
