//! Tiles in registers of AVX2 and AVX-512.

use std::arch::asm;
use std::arch::x86_64::{
    __m256, __m256d, _mm256_add_pd, _mm256_add_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_setzero_pd,
    _mm256_setzero_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm512_add_pd, _mm512_add_ps, _mm512_fmadd_pd,
    _mm512_fmadd_ps, _mm512_loadu_pd, _mm512_loadu_ps, _mm512_set1_pd, _mm512_set1_ps, _mm512_setzero_pd,
    _mm512_setzero_ps, _mm512_storeu_pd, _mm512_storeu_ps,
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

/// Adds twelve products of the registers of a row of a panel with four values, in as many registers as there are: a compiler takes one
/// more for the next factor, and a sum then goes through memory in each step.
macro_rules! narrow_tile {
    (
        $name:ident,
        $products:ident,
        $value:ty,
        $register:ty,
        $widths:ident,
        $lanes:literal,
        $bytes:literal,
        $zero:ident,
        $load:ident,
        $store:ident,
        $add:ident,
        $move:literal,
        $broadcast:literal,
        $fma:literal
    ) => {
        /// # Safety
        /// Strip `part` has to lie within a panel.
        #[target_feature(enable = "avx2,fma")]
        unsafe fn $products(
            of_columns: &[[$value; $widths.1]],
            part: usize,
            of_rows: &[[$value; $widths.1]],
        ) -> [[$register; 3]; 4] {
            let mut found = [[$zero(); 3]; 4];
            let [[a, b, c], [d, e, f], [g, h, i], [j, k, l]] = &mut found;
            for (left, right) in of_columns.iter().zip(of_rows) {
                // SAFETY: three registers and the four columns of the strip are read, which the rows of the panels hold.
                unsafe {
                    asm!(
                        concat!($move, " {x}, [{right}]"),
                        concat!($move, " {y}, [{right} + 32]"),
                        concat!($move, " {z}, [{right} + 64]"),
                        concat!($broadcast, " {factor}, [{left}]"),
                        concat!($fma, " {a}, {factor}, {x}"),
                        concat!($fma, " {b}, {factor}, {y}"),
                        concat!($fma, " {c}, {factor}, {z}"),
                        concat!($broadcast, " {factor}, [{left} + ", $bytes, "]"),
                        concat!($fma, " {d}, {factor}, {x}"),
                        concat!($fma, " {e}, {factor}, {y}"),
                        concat!($fma, " {f}, {factor}, {z}"),
                        concat!($broadcast, " {factor}, [{left} + 2 * ", $bytes, "]"),
                        concat!($fma, " {g}, {factor}, {x}"),
                        concat!($fma, " {h}, {factor}, {y}"),
                        concat!($fma, " {i}, {factor}, {z}"),
                        concat!($broadcast, " {factor}, [{left} + 3 * ", $bytes, "]"),
                        concat!($fma, " {j}, {factor}, {x}"),
                        concat!($fma, " {k}, {factor}, {y}"),
                        concat!($fma, " {l}, {factor}, {z}"),
                        left = in(reg) left.as_ptr().add(part * $widths.0),
                        right = in(reg) right.as_ptr(),
                        x = out(ymm_reg) _,
                        y = out(ymm_reg) _,
                        z = out(ymm_reg) _,
                        factor = out(ymm_reg) _,
                        a = inout(ymm_reg) *a,
                        b = inout(ymm_reg) *b,
                        c = inout(ymm_reg) *c,
                        d = inout(ymm_reg) *d,
                        e = inout(ymm_reg) *e,
                        f = inout(ymm_reg) *f,
                        g = inout(ymm_reg) *g,
                        h = inout(ymm_reg) *h,
                        i = inout(ymm_reg) *i,
                        j = inout(ymm_reg) *j,
                        k = inout(ymm_reg) *k,
                        l = inout(ymm_reg) *l,
                        options(pure, readonly, nostack, preserves_flags),
                    );
                }
            }
            found
        }

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
                const { assert!($widths.0 == 4 && $widths.1 == 3 * $lanes) };
                assert!((part + 1) * $widths.0 <= $widths.1, "a strip of the panel");
                // SAFETY: this body is inlined into functions with the features of the register; a row of a panel holds three
                // registers, and the four columns of the strip.
                unsafe {
                    let found = $products(of_columns, part, of_rows);
                    for i in 0..4 {
                        for j in 0..3 {
                            let sum = sums[i].as_mut_ptr().add(j * $lanes);
                            $store(sum, $add($load(sum), found[i][j]));
                        }
                    }
                }
            }
        }
    };
}

narrow_tile!(
    Wide256,
    products_of_doubles,
    f64,
    __m256d,
    NARROW,
    4,
    "8",
    _mm256_setzero_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_add_pd,
    "vmovupd",
    "vbroadcastsd",
    "vfmadd231pd"
);
narrow_tile!(
    Single256,
    products_of_singles,
    f32,
    __m256,
    NARROW_F32,
    8,
    "4",
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    "vmovups",
    "vbroadcastss",
    "vfmadd231ps"
);
