//! A language model: its shapes and weights.

use modality_gap_nn::Real;

use super::block::{Block, Shared};
use super::parts::{Matrix, Values};
use crate::LmConfig;

/// What of a language model learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning {
    /// Nothing, or adapters that are added later.
    Frozen,
    /// All of it.
    Full,
}

/// A language model.
#[derive(Debug, Clone)]
pub struct Lm<T> {
    pub(super) config: LmConfig,
    pub(super) embedding: Values,
    pub(super) blocks: Vec<Block>,
    pub(super) norm: Values,
    pub(super) head: Matrix,
    pub(super) shared: Shared<T>,
}

impl<T: Real> Lm<T> {
    /// Its shapes.
    pub fn config(&self) -> &LmConfig {
        &self.config
    }

    pub(crate) fn blocks_mut(&mut self) -> &mut [Block] {
        &mut self.blocks
    }
}
