//! Choice of the instruction set, once per process.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::OnceLock;

use half::f16;

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the platform has.
    Baseline,
    /// AVX2 with hardware half-precision conversion.
    Avx2,
    /// AVX-512 of processors that keep their clock in it.
    Avx512,
}

impl Level {
    /// The name reported to users.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

thread_local! {
    static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
}

/// The level in use: the best this processor has, and none above that which `MODALITY_GAP_SIMD` asks for.
pub fn level() -> Level {
    static BEST: OnceLock<Level> = OnceLock::new();
    FORCED
        .get()
        .unwrap_or_else(|| *BEST.get_or_init(|| detect().min(highest())))
}

/// The highest level that kernels of rows and packed products may use, by `MODALITY_GAP_SIMD`.
fn highest() -> Level {
    match std::env::var("MODALITY_GAP_SIMD").as_deref() {
        Ok("scalar") => Level::Baseline,
        Ok("avx2") => Level::Avx2,
        _ => Level::Avx512,
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")) {
        return Level::Baseline;
    }
    let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma");
    // processors without VBMI2 lower their clock when wide registers are in use
    if wide && is_x86_feature_detected!("avx512vbmi2") {
        Level::Avx512
    } else {
        Level::Avx2
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Baseline
}

/// What multiplies matrices: fused sums take more than a level promises, and bf16 has products of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// What every processor of the platform has.
    Portable,
    /// AVX2 with fused sums.
    #[cfg(target_arch = "x86_64")]
    Fma,
    /// AVX-512 with fused sums.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// The same with products of bf16.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
}

/// The unit of products at the [`level`] in use; AVX-512 without its products of bf16.
pub(crate) fn unit() -> Unit {
    match level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 if is_x86_feature_detected!("fma") => Unit::Fma,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => Unit::Avx512,
        _ => Unit::Portable,
    }
}

/// The best unit of this processor for a packed matrix, whose products pay for a lower clock; none above the level that
/// `MODALITY_GAP_SIMD` asks for.
pub(crate) fn unit_of_packed() -> Unit {
    static BEST: OnceLock<Unit> = OnceLock::new();
    *BEST.get_or_init(|| match highest() {
        Level::Baseline => Unit::Portable,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 if detect_unit() != Unit::Portable => Unit::Fma,
        _ => detect_unit(),
    })
}

#[cfg(target_arch = "x86_64")]
fn detect_unit() -> Unit {
    if is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512f") {
        Unit::Avx512Bf16
    } else if is_x86_feature_detected!("avx512f") {
        Unit::Avx512
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        Unit::Fma
    } else {
        Unit::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect_unit() -> Unit {
    Unit::Portable
}

/// Runs `body` with this thread's level set to `forced`, or to the best available one below it.
pub(crate) fn force<R>(forced: Level, body: impl FnOnce() -> R) -> R {
    let before = FORCED.replace(Some(forced.min(detect())));
    let result = body();
    FORCED.set(before);
    result
}

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
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `level` gives Avx512 only after `detect` has seen avx2, f16c, fma and avx512f on this processor.
        Level::Avx512 => unsafe { run_avx512(kernel) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 => kernel.run::<Baseline>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c,fma,avx512f")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
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
struct Avx512;

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
