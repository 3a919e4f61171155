//! Products XᵀY of blocks of rows, packed once and added to a matrix in f64: what covariances are made of.
//!
//! A block holds up to [`GRAM_ROWS`] rows, in f64 or rounded to f32; its products are summed in that type, in f32 [`GRAM_TOGETHER`] of
//! them at a time, and then added to the matrix, always in the order of the rows. Another instruction set may change the last bits, for
//! products are fused into sums where the processor can.
#![allow(unsafe_code)]

mod block;
#[cfg(target_arch = "aarch64")]
mod neon;
mod projected;
mod tiles;
#[cfg(target_arch = "x86_64")]
mod x86;

use block::Task;
pub use block::{Gram, GramBlock, GramValue};
pub use projected::add_projected;
pub use tiles::{GRAM_COLUMNS, GRAM_ROWS, GRAM_TOGETHER, Scalar};

use crate::dispatch::unit;

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

    /// Adds some columns of XᵀY, X the rows of the first block of each of `blocks` and Y those of the second, in pairs: `out` holds whole columns of the matrix from
    /// column `first` on, at most [`GRAM_COLUMNS`], column-major; `first` is a multiple of [`GRAM_COLUMNS`]. Of a `lower` triangle what lies above is left
    /// out, but for parts of it near the diagonal.
    pub fn add<V: GramValue>(
        self,
        blocks: &[[&GramBlock<V>; 2]],
        first: usize,
        lower: bool,
        out: &mut [f64],
    ) {
        let (_, panel) = V::widths(self);
        let Some([down, across]) = blocks.first() else {
            return;
        };
        for [x, y] in blocks {
            assert_eq!(
                (x.rows, x.width, y.width),
                (y.rows, panel, panel),
                "blocks of as many rows, packed for this instruction set"
            );
            assert_eq!((x.dim, y.dim), (down.dim, across.dim), "blocks of one width");
        }
        let dim = down.dim;
        if dim == 0 {
            return;
        }
        assert!(
            first.is_multiple_of(GRAM_COLUMNS)
                && out.len() <= GRAM_COLUMNS * dim
                && first + out.len() / dim <= across.dim,
            "columns of the product"
        );
        let task = Task {
            blocks,
            dim,
            first,
            lower,
        };
        V::run(self, &task, out);
    }
}

#[cfg(test)]
mod tests;
