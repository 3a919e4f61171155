//! Choice of the instruction set, once per process.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::OnceLock;

use half::f16;

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What every processor of the platform has.
    Baseline,
    /// AVX2 with hardware half-precision conversion.
    Avx2,
}

impl Level {
    /// The name reported to users.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "scalar",
            Self::Avx2 => "avx2",
        }
    }
}

thread_local! {
    static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
}

/// The level in use: the best this processor has, unless `MODALITY_GAP_SIMD=scalar` asks for the baseline.
pub fn level() -> Level {
    static BEST: OnceLock<Level> = OnceLock::new();
    FORCED.get().unwrap_or_else(|| {
        *BEST.get_or_init(|| match std::env::var("MODALITY_GAP_SIMD").as_deref() {
            Ok("scalar") => Level::Baseline,
            _ => detect(),
        })
    })
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") {
        Level::Avx2
    } else {
        Level::Baseline
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Baseline
}

/// Runs `body` with this thread's level set to `forced`, or to the best available one below it.
pub(crate) fn force<R>(forced: Level, body: impl FnOnce() -> R) -> R {
    let usable = if forced == Level::Avx2 { detect() } else { forced };
    let before = FORCED.replace(Some(usable));
    let result = body();
    FORCED.set(before);
    result
}

/// What differs between instruction sets: conversions that plain code cannot express well.
pub(crate) trait Isa: Copy {
    fn widen_f16(half: &[f16; 16]) -> [f32; 16];
    fn narrow_f16(single: &[f32; 16]) -> [f16; 16];
}

/// A kernel's body; `run` must be `#[inline(always)]`, so that it is compiled for the level it runs at.
pub(crate) trait Kernel {
    type Output;
    fn run<I: Isa>(self) -> Self::Output;
}

pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match level() {
        Level::Baseline => kernel.run::<Baseline>(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `level` gives Avx2 only after `detect` has seen avx2 and f16c on this processor.
        Level::Avx2 => unsafe { run_avx2(kernel) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 => kernel.run::<Baseline>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

#[derive(Clone, Copy)]
struct Baseline;

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
struct Avx2;

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
        // SAFETY: `Avx2` is used by `run_avx2` only, on a processor with f16c; both reads cover 8 of 16 halves and
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
}

/// Sixteen components at a time, to and from f64.
pub(crate) trait Lanes: crate::Element {
    fn widen<I: Isa>(chunk: &[Self; 16]) -> [f64; 16];
    fn narrow<I: Isa>(chunk: &[f64; 16]) -> [Self; 16];
}

impl Lanes for f16 {
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
    ($($element:ty),*) => {$(
        impl Lanes for $element {
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

plain_lanes!(half::bf16, f32, f64);
