//! Row kernels: lengths, dot products, weighted column sums and fused writes.
//!
//! Every kernel has one body, compiled for the baseline, for AVX2, AVX-512 and NEON and chosen at run time. Lane counts
//! are fixed and no product that rounds is fused into a sum, so all give the same bits; the baseline is the oracle.
#![allow(
    clippy::inline_always,
    reason = "a body is compiled for the level that it is inlined into"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "lanes are indexed, so that they stay in registers side by side"
)]

mod dispatch;
mod fixed;
mod gram;
mod histogram;
mod isa;
mod packed;
mod reduce;
mod rows;
mod secular;
mod symmetric;
mod write;

pub use dispatch::{Level, level, levels};
pub use fixed::{
    FixedCorpus, FixedHit, FixedLimits, FixedQueries, FixedRows, FixedWanted, fixed_bound, fixed_cosine,
    fixed_search,
};
pub use gram::{GRAM_COLUMNS, GRAM_ROWS, GRAM_TOGETHER, Gram, GramBlock, GramValue, Scalar, add_projected};
pub use histogram::{UNDECIDED, cosine_bins, sum_of_kernel};
pub use packed::{Packed, PackedBf16, PackedF32, Packing, bf16_pairs, packed_unit, pairs};
pub use reduce::{add_squared_powers, add_weighted, dot, lengths_and_dots};
pub use rows::{Dtype, Element, Rows, RowsMut};
pub use secular::{secular_factors, secular_sums, secular_vector};
pub use symmetric::{SYMMETRIC_COLUMNS, symmetric_times};
pub use write::{combine, combine_and_add};

/// Runs `body` at a fixed instruction level, for tests and benches that compare levels.
pub fn at_level<R>(forced: Level, body: impl FnOnce() -> R) -> R {
    dispatch::force(forced, body)
}
