//! Operations with their gradients. Values are matrices of rows: a batch of n sequences of s tokens is n·s rows.

mod activation;
mod assemble;
mod attention;
mod columns;
mod contrastive;
mod cross_entropy;
mod dropout;
mod embedding;
mod frozen;
mod grouped_attention;
mod layer_norm;
mod linear;
mod normalize;
mod pool;
mod rms_norm;
mod rope;
mod softmax;
mod swiglu;
mod token_loss;

use candle_core::Tensor;

use crate::{Result, Tape, Var, tape};

pub use activation::{Activation, activation, gelu};
pub use assemble::assemble;
pub use attention::{Attention, attention};
pub use columns::{add_columns, beside, columns, reshape};
pub use contrastive::{InfoNce, info_nce};
pub use cross_entropy::cross_entropy;
pub use dropout::dropout;
pub use embedding::{add_positions, embedding};
pub use frozen::{Frozen, PackedPair, frozen_linear};
pub use grouped_attention::{Heads, Past, Sequences, grouped_attention, remember};
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use normalize::l2_normalize;
pub use pool::{mean_pool, select_rows};
pub use rms_norm::rms_norm;
pub use rope::Rope;
pub use softmax::softmax;
pub use swiglu::swiglu;
pub use token_loss::{Head, TokenLoss, token_loss};

/// a + b of one shape.
pub fn add(tape: &mut Tape, a: &Var, b: &Var) -> Result<Var> {
    let value = tape::sum(a.value(), b.value())?;
    Ok(tape.push(value, &[a, b], |gradient, _| {
        Ok(vec![Some(gradient.clone()), Some(gradient.clone())])
    }))
}

/// Rows and columns of a matrix.
fn shape_of(matrix: &Tensor) -> Result<(usize, usize)> {
    Ok(matrix.dims2()?)
}
