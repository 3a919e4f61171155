//! The order of a computation, walked backwards once.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::parallel::zeros;
use crate::tensor::{host, tensor};
use crate::{Real, Result, with_dtype};

/// Gradients of an operation's operands from the gradient of its result; `needed` says for which somebody asked.
type Backward = Box<dyn FnOnce(&Tensor, &[bool]) -> Result<Vec<Option<Tensor>>>>;

struct Node {
    parents: Vec<Option<usize>>,
    backward: Option<Backward>,
}

/// A value, and where it stands on the tape when a gradient reaches it.
#[derive(Clone)]
pub struct Var {
    value: Tensor,
    node: Option<usize>,
}

impl Var {
    /// A value without gradient.
    pub fn constant(value: Tensor) -> Self {
        Self { value, node: None }
    }

    /// The value itself.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// Whether a gradient reaches it.
    pub fn tracked(&self) -> bool {
        self.node.is_some()
    }
}

/// What was computed, in order. Operations on values that nobody differentiates leave no trace.
#[derive(Default)]
pub struct Tape {
    nodes: Vec<Node>,
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value whose gradient is wanted.
    pub fn leaf(&mut self, value: Tensor) -> Var {
        self.nodes.push(Node {
            parents: Vec::new(),
            backward: None,
        });
        Var {
            value,
            node: Some(self.nodes.len() - 1),
        }
    }

    /// The result of an operation on `parents`. `backward` answers with one gradient per parent, in their order and of
    /// their shapes; where `needed` is false it may answer `None`.
    pub fn push(
        &mut self,
        value: Tensor,
        parents: &[&Var],
        backward: impl FnOnce(&Tensor, &[bool]) -> Result<Vec<Option<Tensor>>> + 'static,
    ) -> Var {
        if parents.iter().all(|parent| parent.node.is_none()) {
            return Var::constant(value);
        }
        self.nodes.push(Node {
            parents: parents.iter().map(|parent| parent.node).collect(),
            backward: Some(Box::new(backward)),
        });
        Var {
            value,
            node: Some(self.nodes.len() - 1),
        }
    }

    /// Walks back from values whose gradients are given; what was kept for an operation is freed after it.
    pub fn backward(self, seeds: &[(&Var, Tensor)]) -> Result<Gradients> {
        let mut gradients: Vec<Option<Tensor>> = vec![None; self.nodes.len()];
        for (root, seed) in seeds {
            if let Some(node) = root.node {
                collect(&mut gradients[node], seed.clone())?;
            }
        }
        for (index, node) in self.nodes.into_iter().enumerate().rev() {
            let Some(backward) = node.backward else { continue };
            let Some(gradient) = gradients[index].take() else {
                continue;
            };
            let needed: Vec<bool> = node.parents.iter().map(Option::is_some).collect();
            let answers = backward(&gradient, &needed)?;
            debug_assert_eq!(answers.len(), node.parents.len(), "one gradient per parent");
            for (parent, answer) in node.parents.iter().zip(answers) {
                if let (&Some(parent), Some(answer)) = (parent, answer) {
                    collect(&mut gradients[parent], answer)?;
                }
            }
        }
        Ok(Gradients(gradients))
    }
}

fn collect(sum_so_far: &mut Option<Tensor>, gradient: Tensor) -> Result<()> {
    *sum_so_far = Some(match sum_so_far.take() {
        Some(before) => sum(&before, &gradient)?,
        None => gradient,
    });
    Ok(())
}

/// Gradients of the leaves.
pub struct Gradients(Vec<Option<Tensor>>);

impl Gradients {
    /// The gradient of a leaf; `None` when the root does not depend on it.
    pub fn take(&mut self, leaf: &Var) -> Option<Tensor> {
        self.0[leaf.node?].take()
    }
}

/// a + b of one shape.
pub fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if !a.device().is_cpu() {
        return Ok((a + b)?);
    }
    with_dtype!(a, T => sum_host::<T>(a, b))
}

fn sum_host<T: Real>(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    const CHUNK: usize = 1 << 14;
    let (x, y) = (host::<T>(a)?, host::<T>(b)?);
    let mut out = zeros(x.len());
    out.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .zip(y.par_chunks(CHUNK))
        .for_each(|((out, x), y)| {
            for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
                *out = x + y;
            }
        });
    tensor(out, a.shape())
}
