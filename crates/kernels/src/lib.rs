//! Row kernels: unit lengths, dot products, weighted column sums and fused writes.
//!
//! Every kernel has one body, compiled for several instruction sets and chosen at run time. Lane counts are fixed and
//! no fused multiply-add is used, so each instruction set gives the same bits.

mod rows;

pub use rows::{Dtype, Element, Rows, RowsMut};
