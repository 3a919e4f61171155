//! What training needs and the tensor layer lacks: a tape with every gradient written by hand, seeded randomness, an
//! optimiser whose whole state can be saved, schedules, and checkpoints that resume bit for bit.
//!
//! Tensors, devices and their storage come from candle. Its automatic differentiation is not used: some of its fused
//! operations drop gradients without a word, and it computes those of frozen operands. Here an operation that has no
//! gradient does not exist, and one that nobody asked for is not computed. On the processor the operations are loops
//! over plain slices and few large matrix products; sums over rows run on a fixed grid, so that a result has the same
//! bits for any number of threads.
#![allow(
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "loops have to be inlined to be compiled for the instruction set, and are formulas over indices"
)]

mod adamw;
mod checkpoint;
mod error;
mod gemm;
mod init;
pub mod ops;
mod parallel;
mod params;
mod real;
mod rng;
mod schedule;
mod tape;
mod tensor;

pub use adamw::{AdamW, AdamWOptions, Group};
pub use checkpoint::{Checkpoint, checkpoint_bytes};
pub use error::{NnError, Result};
pub use gemm::{MatMut, MatRef, gemm};
pub use init::{normal, uniform};
pub use params::{ParamId, Params};
pub use real::Real;
pub use rng::{Rng, shuffled};
pub use schedule::{Schedule, ScheduleKind, Shape};
pub use tape::{Gradients, Tape, Var, sum};
pub use tensor::{Host, host};
