//! What the kernels need of each instruction set beyond plain code.
#![allow(unsafe_code)]

use half::f16;

/// What differs between instruction sets: what the compiler does not make of plain code.
pub(crate) trait Isa: Copy {
    fn widen_f16(half: &[f16; 16]) -> [f32; 16];
    fn narrow_f16(single: &[f32; 16]) -> [f16; 16];

    /// Adds v·w lane by lane, the product rounded before it is added.
    #[inline(always)]
    fn add_products(sums: &mut [f64; 16], v: &[f64; 16], w: &[f64; 16]) {
        for lane in 0..16 {
            sums[lane] += v[lane] * w[lane];
        }
    }

    /// Adds v·w lane by lane, where every product is exact: fused or not, only the sum is rounded then.
    #[inline(always)]
    fn add_exact_products(sums: &mut [f64; 16], v: &[f64; 16], w: &[f64; 16]) {
        Self::add_products(sums, v, w);
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Baseline;

impl Isa for Baseline {
    #[inline(always)]
    fn widen_f16(half: &[f16; 16]) -> [f32; 16] {
        half.map(f16::to_f32)
    }

    #[inline(always)]
    fn narrow_f16(single: &[f32; 16]) -> [f16; 16] {
        single.map(f16::from_f32)
    }
}

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Isa for Avx2 {
    #[inline(always)]
    fn widen_f16(half: &[f16; 16]) -> [f32; 16] {
        use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};
        let mut out = [0.0; 16];
        #[allow(
            clippy::cast_ptr_alignment,
            reason = "loaded and stored by the unaligned forms"
        )]
        // SAFETY: `Avx2` is used by levels from AVX2 on only, on a processor with f16c; both reads cover 8 of 16 halves and
        // both writes 8 of 16 floats, and the unaligned forms are used.
        unsafe {
            let from = half.as_ptr().cast::<__m128i>();
            _mm256_storeu_ps(out.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(from)));
            _mm256_storeu_ps(
                out.as_mut_ptr().add(8),
                _mm256_cvtph_ps(_mm_loadu_si128(from.add(1))),
            );
        }
        out
    }

    #[inline(always)]
    fn narrow_f16(single: &[f32; 16]) -> [f16; 16] {
        use std::arch::x86_64::{
            __m128i, _MM_FROUND_TO_NEAREST_INT, _mm_storeu_si128, _mm256_cvtps_ph, _mm256_loadu_ps,
        };
        let mut out = [f16::ZERO; 16];
        #[allow(
            clippy::cast_ptr_alignment,
            reason = "loaded and stored by the unaligned forms"
        )]
        // SAFETY: as in `widen_f16`, the other way round.
        unsafe {
            let to = out.as_mut_ptr().cast::<__m128i>();
            let low = _mm256_loadu_ps(single.as_ptr());
            let high = _mm256_loadu_ps(single.as_ptr().add(8));
            _mm_storeu_si128(to, _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(low));
            _mm_storeu_si128(to.add(1), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(high));
        }
        out
    }

    #[inline(always)]
    fn add_products(sums: &mut [f64; 16], v: &[f64; 16], w: &[f64; 16]) {
        use std::arch::x86_64::{_mm256_add_pd, _mm256_loadu_pd, _mm256_mul_pd, _mm256_storeu_pd};
        for part in [0, 4, 8, 12] {
            // SAFETY: `Avx2` is used on a processor with avx2 only; 4 of 16 doubles are read or written from each start.
            unsafe {
                let v = _mm256_loadu_pd(v.as_ptr().add(part));
                let w = _mm256_loadu_pd(w.as_ptr().add(part));
                let sum = sums.as_mut_ptr().add(part);
                _mm256_storeu_pd(sum, _mm256_add_pd(_mm256_loadu_pd(sum), _mm256_mul_pd(v, w)));
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Isa for Avx512 {
    // halves of a register convert at the pace of the whole, and need not be put together or taken apart
    #[inline(always)]
    fn widen_f16(half: &[f16; 16]) -> [f32; 16] {
        Avx2::widen_f16(half)
    }

    #[inline(always)]
    fn narrow_f16(single: &[f32; 16]) -> [f16; 16] {
        Avx2::narrow_f16(single)
    }

    #[inline(always)]
    fn add_products(sums: &mut [f64; 16], v: &[f64; 16], w: &[f64; 16]) {
        use std::arch::x86_64::{_mm512_add_pd, _mm512_loadu_pd, _mm512_mul_pd, _mm512_storeu_pd};
        for half in [0, 8] {
            // SAFETY: `Avx512` is used by `run_avx512` only, on a processor with avx512f; 8 of 16 doubles are read or
            // written from the first or from the ninth on.
            unsafe {
                let v = _mm512_loadu_pd(v.as_ptr().add(half));
                let w = _mm512_loadu_pd(w.as_ptr().add(half));
                let sum = sums.as_mut_ptr().add(half);
                _mm512_storeu_pd(sum, _mm512_add_pd(_mm512_loadu_pd(sum), _mm512_mul_pd(v, w)));
            }
        }
    }

    #[inline(always)]
    fn add_exact_products(sums: &mut [f64; 16], v: &[f64; 16], w: &[f64; 16]) {
        use std::arch::x86_64::{_mm512_fmadd_pd, _mm512_loadu_pd, _mm512_storeu_pd};
        for half in [0, 8] {
            // SAFETY: as in `add_products`.
            unsafe {
                let v = _mm512_loadu_pd(v.as_ptr().add(half));
                let w = _mm512_loadu_pd(w.as_ptr().add(half));
                let sum = sums.as_mut_ptr().add(half);
                _mm512_storeu_pd(sum, _mm512_fmadd_pd(v, w, _mm512_loadu_pd(sum)));
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy)]
pub(crate) struct Neon;

#[cfg(target_arch = "aarch64")]
impl Isa for Neon {
    // assembly, because the standard library has no stable conversion of halves; every processor of the platform has these
    #[inline(always)]
    fn widen_f16(half: &[f16; 16]) -> [f32; 16] {
        use std::arch::aarch64::{float32x4_t, vld1q_u16, vst1q_f32};
        let mut out = [0.0; 16];
        for part in [0, 8] {
            // SAFETY: 8 of 16 halves are read and 8 of 16 floats written from each start.
            unsafe {
                let halves = vld1q_u16(half.as_ptr().cast::<u16>().add(part));
                let (low, high): (float32x4_t, float32x4_t);
                std::arch::asm!(
                    "fcvtl {low:v}.4s, {halves:v}.4h",
                    "fcvtl2 {high:v}.4s, {halves:v}.8h",
                    halves = in(vreg) halves,
                    low = out(vreg) low,
                    high = out(vreg) high,
                    options(pure, nomem, nostack, preserves_flags),
                );
                vst1q_f32(out.as_mut_ptr().add(part), low);
                vst1q_f32(out.as_mut_ptr().add(part + 4), high);
            }
        }
        out
    }

    #[inline(always)]
    fn narrow_f16(single: &[f32; 16]) -> [f16; 16] {
        use std::arch::aarch64::{uint16x8_t, vld1q_f32, vst1q_u16};
        let mut out = [f16::ZERO; 16];
        for part in [0, 8] {
            // SAFETY: as in `widen_f16`, the other way round.
            unsafe {
                let low = vld1q_f32(single.as_ptr().add(part));
                let high = vld1q_f32(single.as_ptr().add(part + 4));
                let halves: uint16x8_t;
                std::arch::asm!(
                    "fcvtn {halves:v}.4h, {low:v}.4s",
                    "fcvtn2 {halves:v}.8h, {high:v}.4s",
                    halves = out(vreg) halves,
                    low = in(vreg) low,
                    high = in(vreg) high,
                    options(pure, nomem, nostack, preserves_flags),
                );
                vst1q_u16(out.as_mut_ptr().cast::<u16>().add(part), halves);
            }
        }
        out
    }
}

/// Sixteen components at a time, to and from f64.
pub(crate) trait Lanes: crate::Element {
    /// Whether a component has at most 24 bits, so that f64 holds its square and its product with a power of two exactly.
    const SHORT: bool;
    fn widen<I: Isa>(chunk: &[Self; 16]) -> [f64; 16];
    fn narrow<I: Isa>(chunk: &[f64; 16]) -> [Self; 16];
}

impl Lanes for f16 {
    const SHORT: bool = true;

    #[inline(always)]
    fn widen<I: Isa>(chunk: &[Self; 16]) -> [f64; 16] {
        I::widen_f16(chunk).map(f64::from)
    }

    #[inline(always)]
    fn narrow<I: Isa>(chunk: &[f64; 16]) -> [Self; 16] {
        I::narrow_f16(&chunk.map(|v| v as f32))
    }
}

macro_rules! plain_lanes {
    ($($element:ty: $short:expr),*) => {$(
        impl Lanes for $element {
            const SHORT: bool = $short;

            #[inline(always)]
            fn widen<I: Isa>(chunk: &[Self; 16]) -> [f64; 16] {
                chunk.map(crate::Element::to_f64)
            }

            #[inline(always)]
            fn narrow<I: Isa>(chunk: &[f64; 16]) -> [Self; 16] {
                chunk.map(crate::Element::from_f64)
            }
        }
    )*};
}

plain_lanes!(half::bf16: true, f32: true, f64: false);
