//! Tiles in registers of AVX2 and AVX-512.

use std::arch::x86_64::{
    _mm256_add_pd, _mm256_add_ps, _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps,
    _mm256_set1_pd, _mm256_set1_ps, _mm256_setzero_pd, _mm256_setzero_ps, _mm256_storeu_pd, _mm256_storeu_ps,
    _mm512_add_pd, _mm512_add_ps, _mm512_fmadd_pd, _mm512_fmadd_ps, _mm512_loadu_pd, _mm512_loadu_ps,
    _mm512_set1_pd, _mm512_set1_ps, _mm512_setzero_pd, _mm512_setzero_ps, _mm512_storeu_pd, _mm512_storeu_ps,
};

use super::tiles::{NARROW, NARROW_F32, Tile, WIDE, WIDE_F32};

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
        $fma:ident,
        $add:ident
    ) => {
        /// For functions with the features of its register only.
        #[derive(Debug)]
        pub(super) struct $name;

        impl Tile<$value, { $widths.0 }, { $widths.1 }> for $name {
            #[inline(always)]
            fn add(
                of_columns: &[[$value; $widths.1]],
                part: usize,
                of_rows: &[[$value; $widths.1]],
                sums: &mut [[$value; $widths.1]; $widths.0],
            ) {
                const REGISTERS: usize = $widths.1 / $lanes;
                assert!((part + 1) * $widths.0 <= $widths.1, "a strip of the panel");
                // SAFETY: this body is inlined into functions with the features of the register; a row of a panel holds all
                // registers, and the columns of the strip.
                unsafe {
                    let mut found = [[$zero(); REGISTERS]; $widths.0];
                    for (left, right) in of_columns.iter().zip(of_rows) {
                        let left = left.as_ptr().add(part * $widths.0);
                        let mut values = [$zero(); REGISTERS];
                        for j in 0..REGISTERS {
                            values[j] = $load(right.as_ptr().add(j * $lanes));
                        }
                        for i in 0..$widths.0 {
                            let factor = $set(*left.add(i));
                            for j in 0..REGISTERS {
                                found[i][j] = $fma(factor, values[j], found[i][j]);
                            }
                        }
                    }
                    for i in 0..$widths.0 {
                        for j in 0..REGISTERS {
                            let sum = sums[i].as_mut_ptr().add(j * $lanes);
                            $store(sum, $add($load(sum), found[i][j]));
                        }
                    }
                }
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
    _mm256_fmadd_pd,
    _mm256_add_pd
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
    _mm512_fmadd_pd,
    _mm512_add_pd
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
    _mm256_fmadd_ps,
    _mm256_add_ps
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
    _mm512_fmadd_ps,
    _mm512_add_ps
);
