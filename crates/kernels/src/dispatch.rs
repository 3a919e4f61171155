//! Choice of the instruction set, once per process.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::OnceLock;

use crate::isa::{Baseline, Isa};

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain code, for what every processor of the platform has.
    Baseline,
    /// NEON, which every 64-bit ARM processor has.
    Neon,
    /// AVX2 with hardware half-precision conversion.
    Avx2,
    /// AVX-512 with VNNI, of processors that keep their clock in it.
    Avx512,
}

impl Level {
    /// The name reported to users.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "scalar",
            Self::Neon => "neon",
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
        .unwrap_or_else(|| *BEST.get_or_init(|| best_below(highest())))
}

/// The levels that this processor has, the plainest first.
pub fn levels() -> impl Iterator<Item = Level> {
    let best = detect();
    #[cfg(target_arch = "aarch64")]
    let all = [Level::Baseline, Level::Neon];
    #[cfg(not(target_arch = "aarch64"))]
    let all = [Level::Baseline, Level::Avx2, Level::Avx512];
    all.into_iter().filter(move |&level| level <= best)
}

/// The best level of this processor that is not above `most`.
fn best_below(most: Level) -> Level {
    levels()
        .filter(|&level| level <= most)
        .last()
        .unwrap_or(Level::Baseline)
}

/// The highest level that kernels of rows and packed products may use, by `MODALITY_GAP_SIMD`.
fn highest() -> Level {
    match std::env::var("MODALITY_GAP_SIMD").as_deref() {
        Ok("scalar") => Level::Baseline,
        Ok("neon") => Level::Neon,
        Ok("avx2") => Level::Avx2,
        _ => Level::Avx512,
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")) {
        return Level::Baseline;
    }
    let wide = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("fma");
    // processors without VBMI2 lower their clock when wide registers are in use; those with it have VNNI as well
    if wide && is_x86_feature_detected!("avx512vbmi2") && is_x86_feature_detected!("avx512vnni") {
        Level::Avx512
    } else {
        Level::Avx2
    }
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Level {
    Level::Neon
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Level {
    Level::Baseline
}

/// What multiplies matrices: fused sums take more than a level promises, and bf16 has products of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Plain code.
    Portable,
    /// NEON with fused sums.
    #[cfg(target_arch = "aarch64")]
    Neon,
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
        #[cfg(target_arch = "aarch64")]
        Level::Neon => Unit::Neon,
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
        #[cfg(not(target_arch = "aarch64"))]
        Level::Neon => Unit::Portable,
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

#[cfg(target_arch = "aarch64")]
fn detect_unit() -> Unit {
    Unit::Neon
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect_unit() -> Unit {
    Unit::Portable
}

/// Runs `body` with this thread's level set to `forced`, or to the best available one below it.
pub(crate) fn force<R>(forced: Level, body: impl FnOnce() -> R) -> R {
    let before = FORCED.replace(Some(best_below(forced)));
    let result = body();
    FORCED.set(before);
    result
}

/// A kernel's body; `run` must be `#[inline(always)]`, so that it is compiled for the level it runs at.
pub(crate) trait Kernel {
    type Output;
    fn run<I: Isa>(self) -> Self::Output;
}

pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match level() {
        #[cfg(target_arch = "aarch64")]
        Level::Neon => kernel.run::<crate::isa::Neon>(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `level` gives Avx2 only after `detect` has seen avx2 and f16c on this processor.
        Level::Avx2 => unsafe { run_avx2(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `level` gives Avx512 only after `detect` has seen avx2, f16c, fma and avx512f on this processor.
        Level::Avx512 => unsafe { run_avx512(kernel) },
        // the level of another platform is never in use
        _ => kernel.run::<Baseline>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<crate::isa::Avx2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c,fma,avx512f")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<crate::isa::Avx512>()
}
