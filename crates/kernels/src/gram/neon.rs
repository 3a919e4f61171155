//! Tiles in registers of NEON.

use std::arch::aarch64::{
    vaddq_f32, vaddq_f64, vdupq_n_f32, vdupq_n_f64, vfmaq_laneq_f32, vfmaq_laneq_f64, vld1q_f32, vld1q_f64,
    vst1q_f32, vst1q_f64,
};

use super::tiles::{NARROW, NARROW_F32, Tile};

macro_rules! tile {
    (
        $name:ident,
        $value:ty,
        $widths:ident,
        $lanes:literal,
        $zero:expr,
        $load:ident,
        $store:ident,
        $add:ident,
        $fma:ident,
        [$($i:literal: $part:literal $lane:literal),*]
    ) => {
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
                const FACTORS: usize = $widths.0 / $lanes;
                assert!((part + 1) * $widths.0 <= $widths.1, "a strip of the panel");
                // SAFETY: every processor of the platform has NEON; a row of a panel holds all registers, and the columns of the
                // strip.
                unsafe {
                    let mut found = [[$zero; REGISTERS]; $widths.0];
                    for (left, right) in of_columns.iter().zip(of_rows) {
                        let left = left.as_ptr().add(part * $widths.0);
                        let factors: [_; FACTORS] = std::array::from_fn(|k| $load(left.add(k * $lanes)));
                        for j in 0..REGISTERS {
                            let values = $load(right.as_ptr().add(j * $lanes));
                            $(found[$i][j] = $fma::<$lane>(found[$i][j], values, factors[$part]);)*
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

// of column i the register of factors and the lane in it
tile!(
    Doubles,
    f64,
    NARROW,
    2,
    vdupq_n_f64(0.0),
    vld1q_f64,
    vst1q_f64,
    vaddq_f64,
    vfmaq_laneq_f64,
    [0: 0 0, 1: 0 1, 2: 1 0, 3: 1 1]
);
tile!(
    Singles,
    f32,
    NARROW_F32,
    4,
    vdupq_n_f32(0.0),
    vld1q_f32,
    vst1q_f32,
    vaddq_f32,
    vfmaq_laneq_f32,
    [0: 0 0, 1: 0 1, 2: 0 2, 3: 0 3]
);
