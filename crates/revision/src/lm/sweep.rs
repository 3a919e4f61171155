//! Forward through the blocks and back.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::ops::{self, Head, Sequences, TokenLoss};
use modality_gap_nn::{Params, Real, Tape, Var};

use super::parts::{DropoutKey, Leaves, Slot};
use super::{Batch, KvCache, Lm};
use crate::Result;
use crate::projector::Projector;

/// How a step is computed; nothing here changes a result beyond `weight` and `dropout`.
#[derive(Debug, Clone, Copy)]
pub struct StepOptions {
    /// Factor of the summed loss: 1/labels of the whole optimiser step.
    pub weight: f64,
    /// Bytes of intermediate values that may be kept; blocks beyond are computed again on the way back.
    pub keep_bytes: usize,
    /// Share of values that adapters do not see.
    pub dropout: f64,
    /// Seed of such chances.
    pub seed: u64,
    /// Number of the update in the training, for the same.
    pub update: u64,
    /// Rows of the update in batches before this one, for the same.
    pub rows_before: u64,
}

/// What a batch shows.
#[derive(Debug, Clone)]
pub struct Found {
    /// −log p of every target, in nats, in the batch's order.
    pub losses: Vec<f64>,
    /// How many targets are the most likely token.
    pub right: usize,
    /// Gradients of the weighted sum of losses, one place per parameter; empty without learning.
    pub gradients: Vec<Option<Tensor>>,
}

/// A block on the way back: what it was given, and its tape unless it has to be run again.
struct Stage<'a> {
    input: Tensor,
    ran: Option<Ran<'a>>,
}

struct Ran<'a> {
    tape: Tape,
    leaves: Leaves<'a>,
    input: Var,
    output: Var,
}

/// What stays the same on the way through the blocks.
struct Way<'a, T> {
    params: &'a Params,
    sequences: Vec<Arc<Sequences<T>>>,
    dropout: DropoutKey,
}

impl<T: Real> Lm<T> {
    /// Losses of a batch, without gradients.
    pub fn losses(
        &self,
        params: &Params,
        projector: &Projector,
        batch: &Batch,
        before: Option<&KvCache<T>>,
    ) -> Result<Found> {
        let mut tape = Tape::new();
        let mut leaves = Leaves::new(params, false);
        let way = self.way(params, batch, before, DropoutKey::default());
        let input = self.input(&mut tape, &mut leaves, projector, batch)?;
        let mut x = input.value().clone();
        for layer in 0..self.blocks.len() {
            x = self.pass(&way, layer, &x, false)?.output.value().clone();
        }
        let found = self.loss(&mut tape, &mut leaves, &Var::constant(x), batch, 1.0)?;
        Ok(Found {
            losses: found.of_rows,
            right: found.right,
            gradients: Vec::new(),
        })
    }

    /// Losses of a batch and the gradients of `options.weight` times their sum.
    pub fn learn(
        &self,
        params: &Params,
        projector: &Projector,
        batch: &Batch,
        before: Option<&KvCache<T>>,
        options: &StepOptions,
    ) -> Result<Found> {
        let dropout = DropoutKey {
            share: options.dropout,
            seed: options.seed,
            update: options.update,
            rows_before: options.rows_before,
        };
        let way = self.way(params, batch, before, dropout);
        let mut gradients = vec![None; params.len()];
        let mut first_tape = Tape::new();
        let mut first_leaves = Leaves::new(params, true);
        let input = self.input(&mut first_tape, &mut first_leaves, projector, batch)?;

        // below the first thing that learns there is nothing to walk back to
        let begin = if input.tracked() {
            0
        } else {
            let learning = self.blocks.iter().position(super::block::Block::learns);
            learning.unwrap_or(self.blocks.len())
        };
        let mut x = input.value().clone();
        for layer in 0..begin {
            x = self.pass(&way, layer, &x, false)?.output.value().clone();
        }
        let mut room = options.keep_bytes;
        let mut stages = Vec::with_capacity(self.blocks.len() - begin);
        for layer in begin..self.blocks.len() {
            let ran = self.pass(&way, layer, &x, true)?;
            let given = std::mem::replace(&mut x, ran.output.value().clone());
            let bytes = self.block_bytes(batch.rows.len());
            let kept = bytes <= room;
            room -= if kept { bytes } else { 0 };
            stages.push(Stage {
                input: given,
                ran: kept.then_some(ran),
            });
        }

        let mut tape = Tape::new();
        let mut leaves = Leaves::new(params, true);
        let last = tape.leaf(x);
        let TokenLoss { loss, of_rows, right } =
            self.loss(&mut tape, &mut leaves, &last, batch, options.weight)?;
        let one = Tensor::ones((), T::DTYPE, &Device::Cpu)?;
        let mut found = tape.backward(&[(&loss, one)])?;
        let mut slope = found.take(&last);
        leaves.collect(&mut found, &mut gradients)?;

        for (layer, stage) in (begin..self.blocks.len()).zip(stages).rev() {
            let Some(gradient) = slope.take() else { break };
            let ran = match stage.ran {
                Some(ran) => ran,
                None => self.pass(&way, layer, &stage.input, true)?,
            };
            let mut found = ran.tape.backward(&[(&ran.output, gradient)])?;
            slope = found.take(&ran.input);
            ran.leaves.collect(&mut found, &mut gradients)?;
        }
        if let Some(gradient) = slope {
            let mut found = first_tape.backward(&[(&input, gradient)])?;
            first_leaves.collect(&mut found, &mut gradients)?;
        }
        Ok(Found {
            losses: of_rows,
            right,
            gradients,
        })
    }

    fn way<'a>(
        &self,
        params: &'a Params,
        batch: &Batch,
        before: Option<&KvCache<T>>,
        dropout: DropoutKey,
    ) -> Way<'a, T> {
        let sequences = (0..self.blocks.len()).map(|layer| {
            let past = before.map_or_else(Vec::new, |before| before.of_layer(layer, batch.starts.len() - 1));
            Arc::new(Sequences {
                starts: Arc::clone(&batch.starts),
                past,
            })
        });
        Way {
            params,
            sequences: sequences.collect(),
            dropout,
        }
    }

    /// Runs a block; with `learning` on a tape of its own, its input a leaf.
    fn pass<'a>(&self, way: &Way<'a, T>, layer: usize, x: &Tensor, learning: bool) -> Result<Ran<'a>> {
        let mut tape = Tape::new();
        let mut leaves = Leaves::new(way.params, learning);
        let input = if learning {
            tape.leaf(x.clone())
        } else {
            Var::constant(x.clone())
        };
        let (output, _) = self.blocks[layer].run(
            &mut tape,
            &mut leaves,
            &input,
            &self.shared,
            &way.sequences[layer],
            (layer, way.dropout),
        )?;
        Ok(Ran {
            tape,
            leaves,
            input,
            output,
        })
    }

    /// Rows that enter the first block.
    pub(super) fn input(
        &self,
        tape: &mut Tape,
        leaves: &mut Leaves<'_>,
        projector: &Projector,
        batch: &Batch,
    ) -> Result<Var> {
        let table = leaves.values(tape, &self.embedding);
        let soft = if batch.embeddings.dims()[0] == 0 {
            Var::constant(Tensor::zeros((0, self.config.hidden), T::DTYPE, &Device::Cpu)?)
        } else {
            projector.apply(tape, leaves, &batch.embeddings.to_dtype(T::DTYPE)?)?
        };
        Ok(ops::assemble(tape, [&table, &soft], &batch.rows)?)
    }

    fn loss(
        &self,
        tape: &mut Tape,
        leaves: &mut Leaves<'_>,
        x: &Var,
        batch: &Batch,
        weight: f64,
    ) -> Result<TokenLoss> {
        let hidden = self.normed(tape, leaves, x, &batch.asked)?;
        let matrix;
        let head = match &self.head {
            Slot::Frozen(frozen) => Head::Frozen(frozen),
            Slot::Learns(id) => {
                matrix = leaves.get(tape, *id);
                Head::Dense(&matrix)
            }
        };
        Ok(ops::token_loss(tape, &hidden, &head, &batch.targets, weight)?)
    }

    /// Rows `rows` of the last block's result, through the last norm.
    pub(super) fn normed(
        &self,
        tape: &mut Tape,
        leaves: &mut Leaves<'_>,
        x: &Var,
        rows: &Arc<[u32]>,
    ) -> Result<Var> {
        let asked = ops::select_rows(tape, x, rows)?;
        let norm = leaves.values(tape, &self.norm);
        Ok(ops::rms_norm(tape, &asked, &norm, self.shared.eps)?)
    }

    /// What a block keeps for the way back: its input, the rows of attention, and what its gates take.
    fn block_bytes(&self, rows: usize) -> usize {
        let columns = 2 * self.config.hidden + self.shared.heads.columns() + 2 * self.config.inner;
        let of_type = if T::DTYPE == DType::F64 { 8 } else { 4 };
        rows * columns * of_type
    }
}
