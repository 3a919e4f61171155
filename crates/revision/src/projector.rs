//! From an embedding to soft tokens.

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::ops::{self, Activation};
use modality_gap_nn::{ParamId, Params, Rng, Tape, Var, host, uniform};
use serde::{Deserialize, Serialize};

use crate::lm::{Leaves, Slot, Values};
use crate::{Result, RevisionError};

/// The shape of a projector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectorConfig {
    /// `linear`, `mlpNx_gelu` (N maps with the exact GELU between them) or `identity`, as LLaVA names them.
    pub kind: String,
    /// Columns of an embedding.
    pub dim: usize,
    /// Width of the language model.
    pub hidden: usize,
    /// Soft tokens per embedding.
    pub tokens: usize,
    /// Whether they are different ones, from a last map that many times as wide; else one is repeated, as published.
    pub distinct: bool,
    /// Factor of the embedding on its way in.
    pub scale: f64,
}

/// One linear map of a projector.
#[derive(Debug, Clone)]
struct Layer {
    weight: Values,
    bias: Values,
}

/// A projector.
#[derive(Debug, Clone)]
pub struct Projector {
    config: ProjectorConfig,
    layers: Vec<Layer>,
}

/// Most soft tokens of an embedding, more than the positions of any model that is read.
const MOST_TOKENS: usize = 1 << 24;
/// Most values of a map; more are a slip, and would take all memory.
const MOST_VALUES: usize = 1 << 31;

/// Names of a projector's parameters begin so; what follows is LLaVA's: `0.weight`, `0.bias`, `2.weight`, …
pub(crate) const PREFIX: &str = "mm_projector.";

impl ProjectorConfig {
    /// Whether one embedding becomes several different tokens, rather than one that may be repeated.
    pub(crate) fn differing(&self) -> bool {
        self.distinct && self.tokens > 1
    }

    /// Its shape in words.
    pub(crate) fn described(&self) -> String {
        let Self {
            kind, dim, hidden, ..
        } = self;
        let tokens = if self.differing() { self.tokens } else { 1 };
        format!("{kind} from {dim} columns to {tokens} × {hidden}")
    }

    /// Linear maps, or what is wrong.
    fn depth(&self) -> Result<usize> {
        let bad = |text: String| Err(RevisionError::BadOption(text));
        let depth = match self.kind.as_str() {
            "identity" => 0,
            "linear" => 1,
            other => {
                let count = other
                    .strip_prefix("mlp")
                    .and_then(|rest| rest.strip_suffix("x_gelu"));
                match count.and_then(|count| count.parse().ok()) {
                    Some(count @ 1..=16) => count,
                    _ => {
                        return bad(format!(
                            "projector {other} is not known; linear, mlp2x_gelu (any number) and identity are"
                        ));
                    }
                }
            }
        };
        if self.tokens == 0 || self.dim == 0 {
            return bad("a projector needs columns to take and tokens to give".to_owned());
        }
        let rows = self
            .hidden
            .saturating_mul(if self.distinct { self.tokens } else { 1 });
        let inner = if depth == 1 { self.dim } else { self.hidden };
        let most = rows
            .saturating_mul(inner)
            .max(self.dim.saturating_mul(self.hidden));
        if self.tokens > MOST_TOKENS || most > MOST_VALUES {
            return bad(format!(
                "a projector from {} columns to {} tokens of {} is larger than any model takes",
                self.dim, self.tokens, self.hidden
            ));
        }
        if !(self.scale > 0.0 && self.scale.is_finite()) {
            return bad(format!("inputScale is a number above 0, not {}", self.scale));
        }
        if depth == 0 && (self.dim != self.hidden || self.differing()) {
            return bad(format!(
                "the identity takes rows of {} to rows of {}; use a linear projector",
                self.dim, self.hidden
            ));
        }
        Ok(depth)
    }

    /// Shapes of its maps, out × in.
    fn shapes(&self) -> Result<Vec<(usize, usize)>> {
        let depth = self.depth()?;
        let rows = |layer| {
            let last = layer + 1 == depth;
            self.hidden * if last && self.distinct { self.tokens } else { 1 }
        };
        let inner = |layer| if layer == 0 { self.dim } else { self.hidden };
        Ok((0..depth).map(|layer| (rows(layer), inner(layer))).collect())
    }

    /// Names and shapes of its tensors: LLaVA's names after `mm_projector.`.
    pub fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let shapes = self.shapes()?;
        let single = self.kind == "linear";
        let named = shapes.into_iter().enumerate().flat_map(|(layer, (rows, inner))| {
            let at = if single {
                String::new()
            } else {
                format!("{}.", 2 * layer)
            };
            [
                (format!("{PREFIX}{at}weight"), vec![rows, inner]),
                (format!("{PREFIX}{at}bias"), vec![rows]),
            ]
        });
        Ok(named.collect())
    }
}

impl Projector {
    /// Fresh values as PyTorch gives them to a linear map: uniform on ±1/√in.
    pub fn fresh(config: &ProjectorConfig, params: &mut Params, dtype: DType, rng: &mut Rng) -> Result<Self> {
        let shapes = config.shapes()?;
        let mut made = config.tensors()?.into_iter();
        let mut layers = Vec::with_capacity(shapes.len());
        for (_, inner) in shapes {
            let mut next = || -> Result<Values> {
                let (name, shape) = made.next().expect("two tensors per map");
                let bound = 1.0 / (inner as f64).sqrt();
                let value = uniform(shape, bound, DType::F64, rng)?.to_dtype(dtype)?;
                Ok(Slot::Learns(params.add(name, value)))
            };
            layers.push(Layer {
                weight: next()?,
                bias: next()?,
            });
        }
        Ok(Self {
            config: config.clone(),
            layers,
        })
    }

    /// Its shape.
    pub fn config(&self) -> &ProjectorConfig {
        &self.config
    }

    /// The parameters it consists of.
    pub fn ids(&self) -> Vec<ParamId> {
        let slots = self.layers.iter().flat_map(|layer| [&layer.weight, &layer.bias]);
        slots
            .filter_map(|slot| match slot {
                Slot::Learns(id) => Some(*id),
                Slot::Frozen(_) => None,
            })
            .collect()
    }

    /// The row of what [`Projector::apply`] gives that is soft token `token` of embedding `i`.
    pub fn row(&self, i: usize, token: usize) -> u32 {
        let row = if self.config.distinct {
            i * self.config.tokens + token
        } else {
            i
        };
        u32::try_from(row).expect("a batch has fewer soft tokens")
    }

    /// k × dim values to k rows of all their soft tokens; one that is repeated stands once.
    pub(crate) fn project(&self, params: &Params, embeddings: &[f32]) -> Result<Vec<f32>> {
        let rows = (embeddings.len() / self.config.dim, self.config.dim);
        let embeddings = Tensor::from_slice(embeddings, rows, &Device::Cpu)?;
        let out = self.apply(&mut Tape::new(), &mut Leaves::new(params, false), &embeddings)?;
        Ok(host::<f32>(out.value())?.to_vec())
    }

    /// k × dim to k rows, or k · tokens rows when they are distinct, of the language model's width.
    pub(crate) fn apply(&self, tape: &mut Tape, leaves: &mut Leaves<'_>, embeddings: &Tensor) -> Result<Var> {
        let scaled = if self.config.scale == 1.0 {
            embeddings.clone()
        } else {
            (embeddings * self.config.scale)?
        };
        let mut x = Var::constant(scaled);
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = ops::activation(tape, &x, Activation::Gelu)?;
            }
            let (weight, bias) = (
                leaves.values(tape, &layer.weight),
                leaves.values(tape, &layer.bias),
            );
            x = ops::linear(tape, &x, &weight, Some(&bias))?;
        }
        if self.config.differing() {
            x = ops::reshape(tape, &x, self.config.hidden)?;
        }
        Ok(x)
    }
}
