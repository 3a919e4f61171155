//! Blocks of rows, what they are packed and multiplied by, in each type.

use std::marker::PhantomData;

use super::tiles::{GRAM_COLUMNS, NARROW, NARROW_F32, Portable, Scalar, Tile, WIDE, WIDE_F32};
#[cfg(target_arch = "x86_64")]
use super::x86::{Single256, Single512, Wide256, Wide512};
use crate::dispatch::{Isa, Kernel, Unit, dispatch};
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
    ($value:ty, $narrow:ident, $wide:ident, $fma:ident, $avx512:ident) => {
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

value!(f64, NARROW, WIDE, Wide256, Wide512);
value!(f32, NARROW_F32, WIDE_F32, Single256, Single512);

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
        let mut centred = vec![0.0; dim];
        let mut rounded = vec![V::default(); dim];
        let panel = n * WIDTH;
        for (i, row) in self.rows.iter().enumerate() {
            // one array at a time: of more the compiler cannot tell that none overlaps another, and takes value by value
            for ((to, value), center) in centred.iter_mut().zip(*row).zip(self.center) {
                *to = value - center;
            }
            for (to, value) in rounded.iter_mut().zip(&centred) {
                *to = V::of(*value);
            }
            for (sum, value) in block.sum.iter_mut().zip(&centred) {
                *sum += value;
            }
            for (sum, value) in block.diagonal.iter_mut().zip(&centred) {
                *sum += value * value;
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
    pub(super) down: &'a GramBlock<V>,
    pub(super) across: &'a GramBlock<V>,
    pub(super) first: usize,
    pub(super) lower: bool,
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
                let mut sums = [[V::default(); PANEL]; STRIP];
                let pieces = of_columns.chunks(V::TOGETHER).zip(of_rows.chunks(V::TOGETHER));
                for (of_columns, of_rows) in pieces {
                    T::add(of_columns, part, of_rows, &mut sums);
                }
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
fn add<V: GramValue>(values: &mut [f64], sums: &[V]) {
    for (value, sum) in values.iter_mut().zip(sums) {
        *value += sum.wide();
    }
}
