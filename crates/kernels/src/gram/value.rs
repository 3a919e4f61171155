//! The types that a block of rows is held in.

use std::fmt::Debug;
use std::marker::PhantomData;

use super::{
    GRAM_ROWS, GRAM_TOGETHER, Gram, GramBlock, NARROW, NARROW_F32, Pack, Portable, Task, WIDE, WIDE_F32,
    Weighted,
};
#[cfg(target_arch = "x86_64")]
use super::{run_avx512, run_fma, x86};
use crate::dispatch::{Unit, dispatch};

/// What the values of a block are: f64, or f32 for products at twice the pace.
pub trait GramValue: Copy + Default + Debug + Send + Sync + Sized + 'static {
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
    ($value:ty, $together:ident, $narrow:ident, $wide:ident, $fma:ident, $avx512:ident) => {
        impl GramValue for $value {
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
                        run_fma::<Self, x86::$fma, { $narrow.0 }, { $narrow.1 }>(task, out);
                    },
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: `unit` has seen avx2, fma and avx512f.
                    Unit::Avx512 => unsafe {
                        run_avx512::<Self, x86::$avx512, { $wide.0 }, { $wide.1 }>(task, out);
                    },
                    _ => task.run::<Portable, { $narrow.0 }, { $narrow.1 }>(out),
                }
            }
        }
    };
}

value!(f64, GRAM_ROWS, NARROW, WIDE, Wide256, Wide512);
value!(f32, GRAM_TOGETHER, NARROW_F32, WIDE_F32, Single256, Single512);
