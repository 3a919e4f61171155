//! Tiles of a packed product for x86-64.

use std::arch::x86_64::{
    __m256, __m512, __m512bh, _mm256_and_si256, _mm256_castsi256_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps,
    _mm512_and_si512, _mm512_castsi512_ps, _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_slli_epi32, _mm512_storeu_ps,
};

use super::tiles::{By, Step, compiled, register};
use super::{PANEL, each_height, high, low};

/// The high half of a pair.
const HIGH: i32 = 0xffff_0000_u32.cast_signed();

/// f32, with AVX-512.
#[derive(Clone, Copy)]
struct Singles512;

impl Step for Singles512 {
    type Element = f32;
    register!(__m512, 16, _mm512_loadu_ps, _mm512_storeu_ps);

    #[inline(always)]
    unsafe fn weights(at: *const f32) -> [__m512; 2] {
        // SAFETY: as the trait says.
        unsafe { [_mm512_loadu_ps(at); 2] }
    }

    #[inline(always)]
    unsafe fn value(value: f32) -> [__m512; 2] {
        // SAFETY: as the trait says.
        unsafe { [_mm512_set1_ps(value); 2] }
    }

    #[inline(always)]
    unsafe fn add([value, _]: [__m512; 2], [weights, _]: [__m512; 2], sums: __m512) -> __m512 {
        // SAFETY: as the trait says.
        unsafe { _mm512_fmadd_ps(value, weights, sums) }
    }
}

/// bf16 by way of f32, with AVX-512; the second of a pair first, as the processor's own products of pairs do.
#[derive(Clone, Copy)]
struct Widened512;

impl Step for Widened512 {
    type Element = u32;
    register!(__m512, 16, _mm512_loadu_ps, _mm512_storeu_ps);

    #[inline(always)]
    unsafe fn weights(at: *const u32) -> [__m512; 2] {
        // SAFETY: as the trait says.
        unsafe {
            let pairs = _mm512_loadu_si512(at.cast());
            [
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)),
                _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(HIGH))),
            ]
        }
    }

    #[inline(always)]
    unsafe fn value(value: u32) -> [__m512; 2] {
        // SAFETY: as the trait says.
        unsafe { [_mm512_set1_ps(low(value)), _mm512_set1_ps(high(value))] }
    }

    #[inline(always)]
    unsafe fn add(value: [__m512; 2], weights: [__m512; 2], sums: __m512) -> __m512 {
        // SAFETY: as the trait says.
        unsafe { _mm512_fmadd_ps(value[0], weights[0], _mm512_fmadd_ps(value[1], weights[1], sums)) }
    }
}

/// bf16 by the processor's products of pairs.
#[derive(Clone, Copy)]
struct Paired512;

impl Step for Paired512 {
    type Element = u32;
    register!(__m512, 16, _mm512_loadu_ps, _mm512_storeu_ps);

    #[inline(always)]
    unsafe fn weights(at: *const u32) -> [__m512; 2] {
        // SAFETY: as the trait says.
        unsafe { [_mm512_loadu_ps(at.cast()); 2] }
    }

    #[inline(always)]
    unsafe fn value(value: u32) -> [__m512; 2] {
        // SAFETY: as the trait says.
        unsafe { [_mm512_castsi512_ps(_mm512_set1_epi32(value.cast_signed())); 2] }
    }

    #[inline(always)]
    unsafe fn add([value, _]: [__m512; 2], [weights, _]: [__m512; 2], sums: __m512) -> __m512 {
        // SAFETY: as the trait says; both types are 64 bytes without invalid patterns.
        unsafe {
            let pairs = |register| std::mem::transmute::<__m512, __m512bh>(register);
            _mm512_dpbf16_ps(sums, pairs(value), pairs(weights))
        }
    }
}

/// f32, with AVX2.
#[derive(Clone, Copy)]
struct Singles256;

impl Step for Singles256 {
    type Element = f32;
    register!(__m256, 8, _mm256_loadu_ps, _mm256_storeu_ps);

    #[inline(always)]
    unsafe fn weights(at: *const f32) -> [__m256; 2] {
        // SAFETY: as the trait says.
        unsafe { [_mm256_loadu_ps(at); 2] }
    }

    #[inline(always)]
    unsafe fn value(value: f32) -> [__m256; 2] {
        // SAFETY: as the trait says.
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    unsafe fn add([value, _]: [__m256; 2], [weights, _]: [__m256; 2], sums: __m256) -> __m256 {
        // SAFETY: as the trait says.
        unsafe { _mm256_fmadd_ps(value, weights, sums) }
    }
}

/// bf16 by way of f32, with AVX2.
#[derive(Clone, Copy)]
struct Widened256;

impl Step for Widened256 {
    type Element = u32;
    register!(__m256, 8, _mm256_loadu_ps, _mm256_storeu_ps);

    #[inline(always)]
    unsafe fn weights(at: *const u32) -> [__m256; 2] {
        // SAFETY: as the trait says.
        unsafe {
            let pairs = _mm256_loadu_si256(at.cast());
            [
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs)),
                _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(HIGH))),
            ]
        }
    }

    #[inline(always)]
    unsafe fn value(value: u32) -> [__m256; 2] {
        // SAFETY: as the trait says.
        unsafe { [_mm256_set1_ps(low(value)), _mm256_set1_ps(high(value))] }
    }

    #[inline(always)]
    unsafe fn add(value: [__m256; 2], weights: [__m256; 2], sums: __m256) -> __m256 {
        // SAFETY: as the trait says.
        unsafe { _mm256_fmadd_ps(value[0], weights[0], _mm256_fmadd_ps(value[1], weights[1], sums)) }
    }
}

compiled!(singles_fma, "avx2,fma", Singles256, 2, f32);
compiled!(singles_avx512, "avx512f", Singles512, 2, f32);
compiled!(pairs_fma, "avx2,fma", Widened256, 2, u32);
compiled!(pairs_avx512, "avx512f", Widened512, 2, u32);
compiled!(pairs_avx512_bf16, "avx512f,avx512bf16", Paired512, 2, u32);
