//! Tiles of a packed product for 64-bit ARM.

use std::arch::aarch64::{
    float32x4_t, vandq_u32, vdupq_n_f32, vdupq_n_u32, vfmaq_f32, vld1q_f32, vld1q_u32, vreinterpretq_f32_u32,
    vshlq_n_u32, vst1q_f32,
};

use super::tiles::{By, Step, compiled, register};
use super::{PANEL, each_height, high, low};

/// f32.
#[derive(Clone, Copy)]
struct Singles;

impl Step for Singles {
    type Element = f32;
    register!(float32x4_t, 4, vld1q_f32, vst1q_f32);

    #[inline(always)]
    unsafe fn weights(at: *const f32) -> [float32x4_t; 2] {
        // SAFETY: as the trait says.
        unsafe { [vld1q_f32(at); 2] }
    }

    #[inline(always)]
    unsafe fn value(value: f32) -> [float32x4_t; 2] {
        // SAFETY: as the trait says.
        unsafe { [vdupq_n_f32(value); 2] }
    }

    #[inline(always)]
    unsafe fn add(
        [value, _]: [float32x4_t; 2],
        [weights, _]: [float32x4_t; 2],
        sums: float32x4_t,
    ) -> float32x4_t {
        // SAFETY: as the trait says.
        unsafe { vfmaq_f32(sums, value, weights) }
    }
}

/// bf16 by way of f32; the second of a pair first, as on other processors.
#[derive(Clone, Copy)]
struct Widened;

impl Step for Widened {
    type Element = u32;
    register!(float32x4_t, 4, vld1q_f32, vst1q_f32);

    #[inline(always)]
    unsafe fn weights(at: *const u32) -> [float32x4_t; 2] {
        // SAFETY: as the trait says.
        unsafe {
            let pairs = vld1q_u32(at);
            [
                vreinterpretq_f32_u32(vshlq_n_u32::<16>(pairs)),
                vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff_0000))),
            ]
        }
    }

    #[inline(always)]
    unsafe fn value(value: u32) -> [float32x4_t; 2] {
        // SAFETY: as the trait says.
        unsafe { [vdupq_n_f32(low(value)), vdupq_n_f32(high(value))] }
    }

    #[inline(always)]
    unsafe fn add(value: [float32x4_t; 2], weights: [float32x4_t; 2], sums: float32x4_t) -> float32x4_t {
        // SAFETY: as the trait says.
        unsafe { vfmaq_f32(vfmaq_f32(sums, value[1], weights[1]), value[0], weights[0]) }
    }
}

// six rows of four registers of sums leave eight of the thirty-two; the two vectors of bf16 need more of them
compiled!(singles_neon, "neon", Singles, 4, f32);
compiled!(pairs_neon, "neon", Widened, 2, u32);
