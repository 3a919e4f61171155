//! Weights that stay and weights that learn, and maps made of them.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::Tensor;
use modality_gap_nn::ops::{self, Frozen};
use modality_gap_nn::{Gradients, ParamId, Params, Rng, Tape, Var, sum};

use crate::Result;

/// A tensor that stays, or the parameter that stands for it.
#[derive(Debug, Clone)]
pub(crate) enum Slot<F> {
    Frozen(F),
    Learns(ParamId),
}

/// A vector, or a table whose rows are looked up.
pub(crate) type Values = Slot<Tensor>;

/// The matrix of a linear map.
pub(crate) type Matrix = Slot<Frozen>;

/// A linear map, some of whose columns may have adapters beside it.
#[derive(Debug, Clone)]
pub(crate) struct Projection {
    pub matrix: Matrix,
    pub bias: Option<Values>,
    pub adapters: Vec<Adapter>,
}

/// A low-rank change of some columns of a map: Hu et al., arXiv 2106.09685.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    /// Columns of the map's result that it changes.
    pub columns: Range<usize>,
    /// rank × in.
    pub a: ParamId,
    /// columns × rank.
    pub b: ParamId,
    /// α/rank.
    pub scale: f64,
    pub learns: bool,
}

/// Parameters as leaves of one tape, made when they are first asked for.
pub(crate) struct Leaves<'a> {
    params: &'a Params,
    learning: bool,
    made: BTreeMap<usize, Var>,
}

impl<'a> Leaves<'a> {
    /// With `learning` false the parameters are constants.
    pub fn new(params: &'a Params, learning: bool) -> Self {
        Self {
            params,
            learning,
            made: BTreeMap::new(),
        }
    }

    pub fn get(&mut self, tape: &mut Tape, id: ParamId) -> Var {
        let value = || self.params.get(id).clone();
        let learning = self.learning;
        let made = self.made.entry(id.index());
        made.or_insert_with(|| {
            if learning {
                tape.leaf(value())
            } else {
                Var::constant(value())
            }
        })
        .clone()
    }

    pub fn values(&mut self, tape: &mut Tape, values: &Values) -> Var {
        match values {
            Slot::Frozen(tensor) => Var::constant(tensor.clone()),
            Slot::Learns(id) => self.get(tape, *id),
        }
    }

    /// Adds what reached the leaves to `total`, one place per parameter.
    pub fn collect(self, gradients: &mut Gradients, total: &mut [Option<Tensor>]) -> Result<()> {
        for (index, leaf) in self.made {
            if let Some(gradient) = gradients.take(&leaf) {
                total[index] = Some(match total[index].take() {
                    Some(before) => sum(&before, &gradient)?,
                    None => gradient,
                });
            }
        }
        Ok(())
    }
}

/// Chances of adapters' dropout: a function of where it is asked, so that a block that is run again has the same.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DropoutKey {
    pub share: f64,
    pub seed: u64,
    /// Which update of the training.
    pub update: u64,
    /// Rows of that update in the parts before this one, so that how it is cut changes nothing.
    pub rows_before: u64,
}

/// Maps of a model have numbers below this.
const MAPS: u64 = 1 << 16;

impl DropoutKey {
    fn rng(self, map: u64, width: usize) -> Rng {
        // the streams below are those of first values
        let mut rng = Rng::new(self.seed, (self.update + 1) * MAPS + map);
        rng.skip(self.rows_before * width as u64);
        rng
    }
}

impl Projection {
    pub fn learns(&self) -> bool {
        let learns = |values: &Values| matches!(values, Slot::Learns(_));
        matches!(self.matrix, Slot::Learns(_))
            || self.bias.as_ref().is_some_and(learns)
            || self.adapters.iter().any(|adapter| adapter.learns)
    }

    /// `map` numbers it among the model's maps.
    pub fn apply(
        &self,
        tape: &mut Tape,
        leaves: &mut Leaves<'_>,
        x: &Var,
        (map, dropout): (u64, DropoutKey),
    ) -> Result<Var> {
        let bias = self.bias.as_ref().map(|bias| leaves.values(tape, bias));
        let mut out = match &self.matrix {
            Slot::Frozen(frozen) => ops::frozen_linear(tape, x, frozen, bias.as_ref())?,
            Slot::Learns(id) => {
                let weight = leaves.get(tape, *id);
                ops::linear(tape, x, &weight, bias.as_ref())?
            }
        };
        for (i, adapter) in self.adapters.iter().enumerate() {
            let learning = leaves.learning && adapter.learns;
            let [a, b] = [adapter.a, adapter.b].map(|id| {
                if learning {
                    leaves.get(tape, id)
                } else {
                    Var::constant(leaves.params.get(id).clone())
                }
            });
            let seen = if learning {
                // no map has more than three adapters
                ops::dropout(
                    tape,
                    x,
                    dropout.share,
                    &mut dropout.rng(4 * map + i as u64, x.value().dims()[1]),
                )?
            } else {
                x.clone()
            };
            let inner = ops::linear(tape, &seen, &a, None)?;
            let change = ops::linear(tape, &inner, &b, None)?;
            out = ops::add_columns(tape, &out, &change, adapter.columns.start, adapter.scale)?;
        }
        Ok(out)
    }
}
