//! Sums of products of a tile, for each instruction set.

use std::fmt::Debug;

/// Rows of a block at most: a strip and a panel of so many stay near the core.
pub const GRAM_ROWS: usize = 256;

/// Rows whose products are summed in f32 one after another; a block adds up such sums.
pub const GRAM_TOGETHER: usize = 64;

/// Columns of the matrix that one call should be given: their strips stay in the second cache.
pub const GRAM_COLUMNS: usize = 48;

/// Columns of a strip and of a panel, which holds whole strips: the sums of a tile fill the registers but for what is multiplied.
pub(super) const NARROW: (usize, usize) = (4, 12);
/// The same for AVX-512.
pub(super) const WIDE: (usize, usize) = (8, 24);
/// The same as [`NARROW`] for f32.
pub(super) const NARROW_F32: (usize, usize) = (4, 24);
/// The same as [`WIDE`] for f32.
pub(super) const WIDE_F32: (usize, usize) = (8, 48);

/// What the values of a block are.
pub trait Scalar: Copy + Default + Debug + Send + Sync + Sized + 'static {
    /// Rows whose products are summed one after another.
    #[doc(hidden)]
    const TOGETHER: usize;

    /// Rounded to nearest.
    fn of(value: f64) -> Self;

    /// In f64.
    fn wide(self) -> f64;

    /// sum + self·other, each rounded.
    #[doc(hidden)]
    fn add_product(self, other: Self, sum: Self) -> Self;

    #[doc(hidden)]
    fn plus(self, other: Self) -> Self;
}

macro_rules! scalar {
    ($value:ty, $together:ident) => {
        impl Scalar for $value {
            const TOGETHER: usize = $together;

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn add_product(self, other: Self, sum: Self) -> Self {
                sum + self * other
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self + other
            }
        }
    };
}

scalar!(f64, GRAM_ROWS);
scalar!(f32, GRAM_TOGETHER);

/// Adds products of the columns of strip `part` of a panel with those of another panel, summed over all rows, to the sums.
pub(super) trait Tile<V, const STRIP: usize, const PANEL: usize> {
    fn add(of_columns: &[[V; PANEL]], part: usize, of_rows: &[[V; PANEL]], sums: &mut [[V; PANEL]; STRIP]);
}

/// Plain code, product and sum rounded apart.
pub(super) struct Portable;

impl<V: Scalar, const STRIP: usize, const PANEL: usize> Tile<V, STRIP, PANEL> for Portable {
    #[inline(always)]
    fn add(of_columns: &[[V; PANEL]], part: usize, of_rows: &[[V; PANEL]], sums: &mut [[V; PANEL]; STRIP]) {
        let mut found = [[V::default(); PANEL]; STRIP];
        for (left, right) in of_columns.iter().zip(of_rows) {
            let left = &left[part * STRIP..(part + 1) * STRIP];
            for i in 0..STRIP {
                for j in 0..PANEL {
                    found[i][j] = left[i].add_product(right[j], found[i][j]);
                }
            }
        }
        for i in 0..STRIP {
            for j in 0..PANEL {
                sums[i][j] = sums[i][j].plus(found[i][j]);
            }
        }
    }
}
