//! Where weights come from.

use candle_core::Tensor;

use crate::Result;

/// Where weights come from: f32, under Hugging Face's names, in Hugging Face's order of rows.
pub trait Weights {
    /// The weight of that name and shape.
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor>;
}
