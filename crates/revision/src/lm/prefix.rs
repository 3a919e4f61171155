//! Tokens that came before: the constant beginning of all prompts, or what was generated so far.

use std::sync::Arc;

use candle_core::Tensor;
use modality_gap_nn::ops::{self, Past, Sequences};
use modality_gap_nn::{Params, Real, Tape, Var};

use super::parts::{DropoutKey, Leaves, Slot};
use super::{Batch, Lm};
use crate::Result;
use crate::projector::Projector;

/// Keys and values of earlier tokens in every layer: of one beginning that all sequences share, or of each its own.
#[derive(Debug, Clone)]
pub struct KvCache<T> {
    layers: Vec<Vec<Arc<Past<T>>>>,
}

impl<T: Real> KvCache<T> {
    /// An empty cache for `sequences` sequences.
    pub fn empty(lm: &Lm<T>, sequences: usize) -> Self {
        let none = || Arc::new(Past::new(lm.shared.heads));
        let of_layer = || (0..sequences).map(|_| none()).collect();
        Self {
            layers: (0..lm.blocks.len()).map(|_| of_layer()).collect(),
        }
    }

    /// The same beginning for `sequences` sequences, to continue apart.
    ///
    /// # Panics
    /// When there is more than one sequence already.
    pub fn shared_by(&self, sequences: usize) -> Self {
        let layers = self.layers.iter().map(|layer| {
            assert_eq!(layer.len(), 1, "one beginning");
            vec![Arc::clone(&layer[0]); sequences]
        });
        Self {
            layers: layers.collect(),
        }
    }

    /// Keeps some of the sequences, in the order given.
    pub fn select(&mut self, sequences: &[usize]) {
        for layer in &mut self.layers {
            *layer = sequences.iter().map(|&i| Arc::clone(&layer[i])).collect();
        }
    }

    /// Tokens of sequence `i`.
    pub fn len(&self, i: usize) -> usize {
        self.layers.first().map_or(0, |layer| layer[i].len())
    }

    pub(super) fn of_layer(&self, layer: usize, sequences: usize) -> Vec<Arc<Past<T>>> {
        match &self.layers[layer][..] {
            [one] => vec![Arc::clone(one); sequences],
            each => each.to_vec(),
        }
    }
}

impl<T: Real> Lm<T> {
    /// Reads a batch after what came before, adds it to that, and gives the logits at `batch.asked`: k × vocabulary.
    pub fn read(
        &self,
        params: &Params,
        projector: &Projector,
        batch: &Batch,
        before: &mut KvCache<T>,
    ) -> Result<Tensor> {
        let mut tape = Tape::new();
        let mut leaves = Leaves::new(params, false);
        let mut x = self.input(&mut tape, &mut leaves, projector, batch)?;
        for (layer, block) in self.blocks.iter().enumerate() {
            let sequences = Arc::new(Sequences {
                starts: Arc::clone(&batch.starts),
                past: before.layers[layer].clone(),
            });
            let at = (layer, DropoutKey::default());
            let (out, qkv) = block.run(&mut tape, &mut leaves, &x, &self.shared, &sequences, at)?;
            // the sequences' hold on the past has to end, or it would be copied to be extended
            drop(sequences);
            ops::remember(
                qkv.value(),
                self.shared.heads,
                &self.shared.rope,
                &batch.starts,
                &mut before.layers[layer],
            )?;
            x = out;
        }
        let hidden = self.normed(&mut tape, &mut leaves, &x, &batch.asked)?;
        let logits = match &self.head {
            Slot::Frozen(frozen) => ops::frozen_linear(&mut tape, &hidden, frozen, None)?,
            Slot::Learns(id) => {
                let matrix = Var::constant(params.get(*id).clone());
                ops::linear(&mut tape, &hidden, &matrix, None)?
            }
        };
        Ok(logits.value().clone())
    }
}
