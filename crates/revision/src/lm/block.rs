//! One block of a decoder.

use std::sync::Arc;

use modality_gap_nn::ops::{self, Heads, Rope, Sequences};
use modality_gap_nn::{Real, Tape, Var};

use super::parts::{DropoutKey, Leaves, Projection, Slot, Values};
use crate::Result;

/// x + attention(norm(x)), then x + down(swiglu(up(norm(x)))).
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub attention_norm: Values,
    /// Queries, keys and values, one below the other.
    pub qkv: Projection,
    /// Norms of queries and of keys by head.
    pub head_norms: Option<[Values; 2]>,
    pub out: Projection,
    pub feed_norm: Values,
    /// Gate and up, one below the other.
    pub up: Projection,
    pub down: Projection,
}

/// What blocks of a model share.
#[derive(Debug, Clone)]
pub(crate) struct Shared<T> {
    pub heads: Heads,
    pub eps: f64,
    pub rope: Arc<Rope<T>>,
}

/// Linear maps of a block.
const MAPS: u64 = 4;

impl Block {
    pub fn learns(&self) -> bool {
        let learns = |values: &Values| matches!(values, Slot::Learns(_));
        let norms = [&self.attention_norm, &self.feed_norm];
        norms
            .into_iter()
            .chain(self.head_norms.iter().flatten())
            .any(learns)
            || [&self.qkv, &self.out, &self.up, &self.down]
                .into_iter()
                .any(Projection::learns)
    }

    /// n × hidden to n × hidden, and the rows of queries, keys and values, without positions.
    pub fn run<T: Real>(
        &self,
        tape: &mut Tape,
        leaves: &mut Leaves<'_>,
        x: &Var,
        shared: &Shared<T>,
        sequences: &Arc<Sequences<T>>,
        (layer, dropout): (usize, DropoutKey),
    ) -> Result<(Var, Var)> {
        let at = |map: u64| (layer as u64 * MAPS + map, dropout);
        let weight = leaves.values(tape, &self.attention_norm);
        let normal = ops::rms_norm(tape, x, &weight, shared.eps)?;
        let mut qkv = self.qkv.apply(tape, leaves, &normal, at(0))?;
        if let Some(norms) = &self.head_norms {
            qkv = norm_heads(tape, leaves, &qkv, norms, shared)?;
        }
        let mixed = ops::grouped_attention(tape, &qkv, shared.heads, &shared.rope, sequences)?;
        let change = self.out.apply(tape, leaves, &mixed, at(1))?;
        let x = ops::add(tape, x, &change)?;
        let weight = leaves.values(tape, &self.feed_norm);
        let normal = ops::rms_norm(tape, &x, &weight, shared.eps)?;
        let up = self.up.apply(tape, leaves, &normal, at(2))?;
        let gated = ops::swiglu(tape, &up)?;
        let change = self.down.apply(tape, leaves, &gated, at(3))?;
        Ok((ops::add(tape, &x, &change)?, qkv))
    }
}

fn norm_heads<T: Real>(
    tape: &mut Tape,
    leaves: &mut Leaves<'_>,
    qkv: &Var,
    norms: &[Values; 2],
    shared: &Shared<T>,
) -> Result<Var> {
    let Heads { query, key, width } = shared.heads;
    let bounds = [0, query * width, (query + key) * width, (query + 2 * key) * width];
    let queries = ops::columns(tape, qkv, bounds[0]..bounds[1])?;
    let keys = ops::columns(tape, qkv, bounds[1]..bounds[2])?;
    let values = ops::columns(tape, qkv, bounds[2]..bounds[3])?;
    let [of_queries, of_keys] = norms.each_ref().map(|norm| leaves.values(tape, norm));
    let queries = ops::rms_norm(tape, &queries, &of_queries, shared.eps)?;
    let keys = ops::rms_norm(tape, &keys, &of_keys, shared.eps)?;
    Ok(ops::beside(tape, &[&queries, &keys, &values])?)
}
