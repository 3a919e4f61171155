//! What tests and benches of several crates share.

mod lcg;
mod rows;

pub use lcg::Lcg;
pub use rows::{falling_rows, side_rows};
