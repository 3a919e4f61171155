//! What becomes of the tokens of a sentence encoder: the modules of sentence-transformers behind its transformer.
//!
//! Reimers and Gurevych, arXiv 1908.10084. Sums are kept in f64.

use candle_core::Tensor;
use modality_gap_nn::ops::Activation;
use modality_gap_nn::{Var, ops};
use serde_json::{Value, json};

use super::keys::Keys;
use super::weights::Weights;
use crate::error::{EncoderError, Result};
use crate::model::to_f32;

/// One row from the tokens of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The first token.
    Cls,
    Max,
    Mean,
    /// The sum over the square root of the number of tokens.
    MeanSqrtLen,
    /// The mean with the weights 1, 2, 3 …: Muennighoff, arXiv 2202.08904.
    WeightedMean,
    LastToken,
}

/// Modes by the names of sentence-transformers 5 and later, in the order in which several are put side by side.
const MODES: [(&str, &str, Mode); 6] = [
    ("cls", "pooling_mode_cls_token", Mode::Cls),
    ("max", "pooling_mode_max_tokens", Mode::Max),
    ("mean", "pooling_mode_mean_tokens", Mode::Mean),
    (
        "mean_sqrt_len_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
        Mode::MeanSqrtLen,
    ),
    (
        "weightedmean",
        "pooling_mode_weightedmean_tokens",
        Mode::WeightedMean,
    ),
    ("lasttoken", "pooling_mode_lasttoken", Mode::LastToken),
];

/// How tokens become a row.
#[derive(Debug, Clone)]
pub(super) struct Pooling {
    modes: Vec<Mode>,
    /// Whether the tokens of a prompt count.
    pub include_prompt: bool,
}

impl Pooling {
    /// The mean, which sentence-transformers takes for a folder without `modules.json`.
    pub fn mean() -> Self {
        Self {
            modes: vec![Mode::Mean],
            include_prompt: true,
        }
    }

    /// `config.json` of a `Pooling` module behind a transformer of `width` columns.
    pub fn read(keys: &Keys, width: usize) -> Result<Self> {
        let known = |key: &str| {
            MODES.iter().any(|(_, flag, _)| *flag == key)
                || matches!(
                    key,
                    "pooling_mode" | "include_prompt" | "word_embedding_dimension" | "embedding_dimension"
                )
        };
        refuse_unknown(keys, known)?;
        for key in ["word_embedding_dimension", "embedding_dimension"] {
            if keys.size(key, width)? != width {
                return Err(keys.wrong(
                    key,
                    keys.get(key).unwrap_or(&Value::Null),
                    &format!("{width}, the width of the transformer"),
                ));
            }
        }
        let modes = match keys.get("pooling_mode") {
            Some(Value::String(name)) => vec![mode(keys, name)?],
            Some(Value::Array(names)) if !names.is_empty() => {
                let named = names.iter().map(|name| match name.as_str() {
                    Some(name) => mode(keys, name),
                    None => Err(keys.wrong("pooling_mode", name, "a name")),
                });
                named.collect::<Result<_>>()?
            }
            Some(other) => return Err(keys.wrong("pooling_mode", other, "a name, or a list of names")),
            None => {
                let mut modes = Vec::new();
                for (_, flag, mode) in MODES {
                    if keys.flag(flag, false)? {
                        modes.push(mode);
                    }
                }
                if modes.is_empty() {
                    modes.push(Mode::Mean);
                }
                modes
            }
        };
        Ok(Self {
            modes,
            include_prompt: keys.flag("include_prompt", true)?,
        })
    }

    /// Columns of a row from tokens of `width` columns.
    pub fn dim(&self, width: usize) -> usize {
        self.modes.len() * width
    }

    /// Rows of texts whose tokens n·s × width are padded at the end; the first `skipped` tokens of each do not count.
    pub fn rows(&self, states: &[f32], width: usize, lengths: &[usize], skipped: usize) -> Vec<f32> {
        let tokens = states.len() / width / lengths.len().max(1);
        let mut out = Vec::with_capacity(lengths.len() * self.dim(width));
        for (text, &length) in states.chunks_exact(tokens.max(1) * width).zip(lengths) {
            for mode in &self.modes {
                pooled(*mode, &text[..length * width], width, skipped, &mut out);
            }
        }
        out
    }
}

fn mode(keys: &Keys, name: &str) -> Result<Mode> {
    let found = MODES.iter().find(|(known, ..)| *known == name);
    found.map(|(.., mode)| *mode).ok_or_else(|| {
        let known: Vec<&str> = MODES.iter().map(|(name, ..)| *name).collect();
        keys.wrong("pooling_mode", &json!(name), &known.join(", "))
    })
}

/// Appends the row of one text.
fn pooled(mode: Mode, text: &[f32], width: usize, skipped: usize, out: &mut Vec<f32>) {
    let tokens = || text.chunks_exact(width).enumerate().skip(skipped);
    let count = tokens().count();
    match mode {
        // a text that is nothing but a prompt keeps its first token, as there
        Mode::Cls => out.extend_from_slice(tokens().next().map_or(&text[..width], |(_, token)| token)),
        Mode::LastToken => match tokens().last() {
            Some((_, token)) => out.extend_from_slice(token),
            None => out.extend(std::iter::repeat_n(0.0, width)),
        },
        Mode::Max => out.extend((0..width).map(|column| {
            let values = tokens().map(|(_, token)| token[column]);
            values.reduce(f32::max).unwrap_or(0.0)
        })),
        Mode::Mean | Mode::MeanSqrtLen | Mode::WeightedMean => {
            let weight = |at: usize| {
                if mode == Mode::WeightedMean {
                    (at + 1) as f64
                } else {
                    1.0
                }
            };
            let total = match mode {
                Mode::MeanSqrtLen => (count as f64).sqrt(),
                _ => tokens().map(|(at, _)| weight(at)).sum(),
            }
            .max(1e-9);
            out.extend((0..width).map(|column| {
                let weighted = tokens().map(|(at, token)| weight(at) * f64::from(token[column]));
                (weighted.sum::<f64>() / total) as f32
            }));
        }
    }
}

/// A module behind the pooling.
#[derive(Debug)]
pub(super) enum Step {
    Dense(Dense),
    Norm(Norm),
    Normalize,
}

/// A linear layer with an activation, and perhaps a residual path.
#[derive(Debug)]
pub(super) struct Dense {
    weight: Tensor,
    bias: Option<Tensor>,
    activation: Curve,
    residual: Residual,
    out: usize,
}

#[derive(Debug)]
enum Residual {
    None,
    Input,
    Projected(Tensor),
}

#[derive(Debug, Clone, Copy)]
enum Curve {
    Identity,
    Tanh,
    Relu,
    Sigmoid,
    Silu,
    Gelu,
}

/// A layer norm of sentence-transformers, eps 1e-5.
#[derive(Debug)]
pub(super) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Step {
    /// A `Dense` module behind rows of `dim` columns.
    pub fn dense(keys: &Keys, weights: &Weights, dim: usize) -> Result<Self> {
        refuse_unknown(keys, |key| {
            matches!(
                key,
                "in_features"
                    | "out_features"
                    | "bias"
                    | "activation_function"
                    | "module_input_name"
                    | "module_output_name"
                    | "use_residual"
            )
        })?;
        for key in ["module_input_name", "module_output_name"] {
            keys.only(key, &[json!("sentence_embedding")])?;
        }
        let inner = keys.size("in_features", dim)?;
        if inner != dim {
            let expected = format!("{dim}, the columns that reach it");
            return Err(keys.wrong("in_features", &json!(inner), &expected));
        }
        let out = keys.size("out_features", dim)?;
        let activation = match keys.text("activation_function")? {
            None => Curve::Tanh,
            Some(name) => curve(name).ok_or_else(|| {
                let known = "Identity, Tanh, ReLU, Sigmoid, SiLU or GELU of torch.nn";
                keys.wrong("activation_function", &json!(name), known)
            })?,
        };
        let residual = match (keys.flag("use_residual", false)?, inner == out) {
            (false, _) => Residual::None,
            (true, true) => Residual::Input,
            (true, false) => Residual::Projected(weights.raw("residual.weight", &[out, inner])?),
        };
        Ok(Self::Dense(Dense {
            weight: weights.raw("linear.weight", &[out, inner])?,
            bias: if keys.flag("bias", true)? {
                Some(weights.raw("linear.bias", &[out])?)
            } else {
                None
            },
            activation,
            residual,
            out,
        }))
    }

    /// A `LayerNorm` module behind rows of `dim` columns.
    pub fn norm(keys: &Keys, weights: &Weights, dim: usize) -> Result<Self> {
        refuse_unknown(keys, |key| key == "dimension")?;
        Ok(Self::Norm(Norm {
            weight: to_f32(&weights.raw("norm.weight", &[dim])?)?,
            bias: to_f32(&weights.raw("norm.bias", &[dim])?)?,
        }))
    }

    /// Columns of its rows, from rows of `dim`.
    pub fn dim(&self, dim: usize) -> usize {
        match self {
            Self::Dense(dense) => dense.out,
            Self::Norm(_) | Self::Normalize => dim,
        }
    }

    /// Rows of `dim` columns after it.
    pub fn rows(&self, rows: Vec<f32>, dim: usize) -> Result<Vec<f32>> {
        match self {
            Self::Dense(dense) => dense.rows(rows, dim),
            Self::Norm(norm) => Ok(norm.rows(&rows)),
            Self::Normalize => Ok(unit(rows, dim)),
        }
    }
}

impl Dense {
    fn rows(&self, rows: Vec<f32>, dim: usize) -> Result<Vec<f32>> {
        let count = rows.len() / dim;
        let x = Var::constant(Tensor::from_vec(
            rows.clone(),
            (count, dim),
            self.weight.device(),
        )?);
        let product = |weight: &Tensor, bias: Option<&Tensor>| -> Result<Vec<f32>> {
            let bias = bias.map(|bias| Var::constant(bias.clone()));
            let weight = Var::constant(weight.clone());
            let mut tape = modality_gap_nn::Tape::new();
            to_f32(ops::linear(&mut tape, &x, &weight, bias.as_ref())?.value())
        };
        let mut out = product(&self.weight, self.bias.as_ref())?;
        self.activation.apply(&mut out)?;
        let residual = match &self.residual {
            Residual::None => return Ok(out),
            Residual::Input => rows,
            Residual::Projected(weight) => product(weight, None)?,
        };
        for (out, residual) in out.iter_mut().zip(residual) {
            *out += residual;
        }
        Ok(out)
    }
}

impl Curve {
    fn apply(self, values: &mut Vec<f32>) -> Result<()> {
        let sigmoid = |v: f32| 1.0 / (1.0 + (-v).exp());
        match self {
            Self::Identity => {}
            Self::Tanh => values.iter_mut().for_each(|v| *v = v.tanh()),
            Self::Relu => values.iter_mut().for_each(|v| *v = v.max(0.0)),
            Self::Sigmoid => values.iter_mut().for_each(|v| *v = sigmoid(*v)),
            Self::Silu => values.iter_mut().for_each(|v| *v *= sigmoid(*v)),
            Self::Gelu => {
                let count = values.len();
                let x = Tensor::from_vec(std::mem::take(values), (1, count), &candle_core::Device::Cpu)?;
                let mut tape = modality_gap_nn::Tape::new();
                let y = ops::activation(&mut tape, &Var::constant(x), Activation::Gelu)?;
                *values = to_f32(y.value())?;
            }
        }
        Ok(())
    }
}

fn curve(name: &str) -> Option<Curve> {
    match name.strip_prefix("torch.nn.modules.")?.rsplit('.').next()? {
        "Identity" => Some(Curve::Identity),
        "Tanh" => Some(Curve::Tanh),
        "ReLU" => Some(Curve::Relu),
        "Sigmoid" => Some(Curve::Sigmoid),
        "SiLU" => Some(Curve::Silu),
        "GELU" => Some(Curve::Gelu),
        _ => None,
    }
}

impl Norm {
    fn rows(&self, rows: &[f32]) -> Vec<f32> {
        let dim = self.weight.len();
        let mut out = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(dim) {
            let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / dim as f64;
            let variance = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / dim as f64;
            let scale = 1.0 / (variance + 1e-5).sqrt();
            let parts = row.iter().zip(&self.weight).zip(&self.bias);
            out.extend(parts.map(|((&v, &weight), &bias)| {
                ((f64::from(v) - mean) * scale * f64::from(weight) + f64::from(bias)) as f32
            }));
        }
        out
    }
}

/// Refuses the first key that is not `known`; one that is null or false changes nothing.
pub(super) fn refuse_unknown(keys: &Keys, known: impl Fn(&str) -> bool) -> Result<()> {
    let unknown = keys
        .iter()
        .find(|(key, value)| !known(key) && !value.is_null() && **value != Value::Bool(false));
    unknown.map_or(Ok(()), |(key, value)| {
        let error: EncoderError = keys.bad(format!(
            "{key} ({value}) is not known here and may change rows; take it out if it does not"
        ));
        Err(error)
    })
}

/// Rows scaled to unit length.
pub(super) fn unit(mut rows: Vec<f32>, dim: usize) -> Vec<f32> {
    for row in rows.chunks_exact_mut(dim) {
        let length = row
            .iter()
            .map(|&v| f64::from(v) * f64::from(v))
            .sum::<f64>()
            .sqrt()
            .max(1e-12);
        for value in row {
            *value = (f64::from(*value) / length) as f32;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: tokens (1, 4), (3, −2), and one of padding that must not count.
    #[test]
    fn every_mode_pools_what_counts() {
        let states = [1.0, 4.0, 3.0, -2.0, 100.0, 100.0];
        let root = 2.0_f32.sqrt();
        for (mode, expected) in [
            (Mode::Cls, [1.0, 4.0]),
            (Mode::Max, [3.0, 4.0]),
            (Mode::Mean, [2.0, 1.0]),
            (Mode::MeanSqrtLen, [4.0 / root, 2.0 / root]),
            (Mode::WeightedMean, [7.0 / 3.0, 0.0]),
            (Mode::LastToken, [3.0, -2.0]),
        ] {
            let pooling = Pooling {
                modes: vec![mode],
                include_prompt: true,
            };
            let found = pooling.rows(&states, 2, &[2], 0);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{mode:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn tokens_of_a_prompt_are_left_out_and_keep_the_weights_of_the_others() {
        let states = [9.0, 1.0, 3.0];
        for (mode, expected) in [
            (Mode::Mean, 2.0),
            (Mode::Cls, 1.0),
            (Mode::WeightedMean, 11.0 / 5.0),
        ] {
            let pooling = Pooling {
                modes: vec![mode],
                include_prompt: false,
            };
            let found = pooling.rows(&states, 1, &[3], 1);
            assert!((found[0] - expected).abs() < 1e-6, "{mode:?}: {}", found[0]);
        }
    }
}
