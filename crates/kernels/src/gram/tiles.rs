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

    /// sum + self·other; fused where the processor does it without a call.
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
                if cfg!(target_arch = "aarch64") {
                    self.mul_add(other, sum)
                } else {
                    sum + self * other
                }
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

/// Sums of products of the columns of strip `part` of a panel with those of another panel, over all rows.
pub(super) trait Tile<V, const STRIP: usize, const PANEL: usize> {
    fn sums(of_columns: &[[V; PANEL]], part: usize, of_rows: &[[V; PANEL]]) -> [[V; PANEL]; STRIP];
}

/// As the processor does it without a call: product and sum rounded once on 64-bit ARM, apart elsewhere.
pub(super) struct Portable;

impl<V: Scalar, const STRIP: usize, const PANEL: usize> Tile<V, STRIP, PANEL> for Portable {
    #[inline(always)]
    fn sums(of_columns: &[[V; PANEL]], part: usize, of_rows: &[[V; PANEL]]) -> [[V; PANEL]; STRIP] {
        let mut sums = [[V::default(); PANEL]; STRIP];
        for (left, right) in of_columns.iter().zip(of_rows) {
            let left = &left[part * STRIP..(part + 1) * STRIP];
            for i in 0..STRIP {
                for j in 0..PANEL {
                    sums[i][j] = left[i].add_product(right[j], sums[i][j]);
                }
            }
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::{
        _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_set1_pd, _mm256_set1_ps,
        _mm256_setzero_pd, _mm256_setzero_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm512_fmadd_pd,
        _mm512_fmadd_ps, _mm512_loadu_pd, _mm512_loadu_ps, _mm512_set1_pd, _mm512_set1_ps, _mm512_setzero_pd,
        _mm512_setzero_ps, _mm512_storeu_pd, _mm512_storeu_ps,
    };

    use super::{NARROW, NARROW_F32, Tile, WIDE, WIDE_F32};

    macro_rules! tile {
        (
            $name:ident,
            $value:ty,
            $widths:ident,
            $lanes:literal,
            $zero:ident,
            $load:ident,
            $store:ident,
            $set:ident,
            $fma:ident
        ) => {
            /// For functions with the features of its register only.
            #[derive(Debug)]
            pub(crate) struct $name;

            impl Tile<$value, { $widths.0 }, { $widths.1 }> for $name {
                #[inline(always)]
                fn sums(
                    of_columns: &[[$value; $widths.1]],
                    part: usize,
                    of_rows: &[[$value; $widths.1]],
                ) -> [[$value; $widths.1]; $widths.0] {
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
        f64,
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
        f64,
        WIDE,
        8,
        _mm512_setzero_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_set1_pd,
        _mm512_fmadd_pd
    );
    tile!(
        Single256,
        f32,
        NARROW_F32,
        8,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps
    );
    tile!(
        Single512,
        f32,
        WIDE_F32,
        16,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_set1_ps,
        _mm512_fmadd_ps
    );
}
