//! The dual encoder: two transformers, two projections, one sphere, one temperature.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::ops::{self, Attention};
use modality_gap_nn::{ParamId, Params, Rng, Tape, Var, normal, with_dtype};

use crate::config::ModelConfig;
use crate::error::Result;
use crate::transformer::{Affine, Transformer, fresh_linear};
use crate::vocabulary::Tokens;

/// Streams of the seed, one per purpose.
pub(crate) mod stream {
    pub const INIT: u64 = 0;
    pub const ORDER: u64 = 1;
    /// And one more per epoch and pair.
    pub const AUGMENT: u64 = 1 << 32;
}

/// Both towers with their parameters.
#[derive(Debug, Clone)]
pub struct Model {
    config: ModelConfig,
    params: Params,
    layout: Layout,
}

/// Where the parameters stand.
#[derive(Debug, Clone)]
struct Layout {
    patches: Affine,
    image_positions: ParamId,
    image: Transformer,
    image_projection: ParamId,
    words: ParamId,
    text_positions: ParamId,
    text: Transformer,
    text_projection: ParamId,
    log_scale: ParamId,
}

impl Model {
    /// Fresh parameters by seed, for a vocabulary of `words` entries.
    pub fn fresh(config: ModelConfig, words: usize, temperature: f64, seed: u64) -> Result<Self> {
        config.check()?;
        let mut params = Params::default();
        let mut rng = Rng::new(seed, stream::INIT);
        let rng = &mut rng;
        let ModelConfig {
            dim,
            image,
            text,
            tokens,
            ..
        } = config;
        let table = |rows: usize, width: usize, deviation: f64, rng: &mut Rng| {
            normal((rows, width), deviation, DType::F32, rng)
        };
        let shape = (image.width, config.patch_values());
        let layout = Layout {
            patches: fresh_linear(&mut params, "image.patches", shape, 1.0, rng)?,
            image_positions: params.add("image.positions", table(config.patches(), image.width, 0.1, rng)?),
            image: Transformer::fresh(&mut params, "image", image, rng)?,
            image_projection: params.add(
                "image.projection",
                table(dim, image.width, 1.0 / (image.width as f64).sqrt(), rng)?,
            ),
            words: params.add("text.words", table(words, text.width, 0.1, rng)?),
            text_positions: params.add("text.positions", table(tokens, text.width, 0.1, rng)?),
            text: Transformer::fresh(&mut params, "text", text, rng)?,
            text_projection: params.add(
                "text.projection",
                table(dim, text.width, 1.0 / (text.width as f64).sqrt(), rng)?,
            ),
            log_scale: params.add(
                "log_scale",
                Tensor::new(&[-(temperature.ln()) as f32], &Device::Cpu)?,
            ),
        };
        Ok(Self {
            config,
            params,
            layout,
        })
    }

    /// Shapes.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// All parameters, in order.
    pub fn params(&self) -> &Params {
        &self.params
    }

    pub(crate) fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// The same model computing in another type, f64 for proofs.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self {
            params: self.params.to_dtype(dtype)?,
            ..self.clone()
        })
    }

    /// The same shapes with other values, one per parameter.
    pub fn with_values(&self, values: Vec<Tensor>) -> Self {
        let mut other = self.clone();
        other.params.replace(values);
        other
    }

    /// log(1/temperature).
    pub fn log_scale(&self) -> Result<f64> {
        Ok(self
            .params
            .get(self.layout.log_scale)
            .to_dtype(DType::F64)?
            .to_vec1::<f64>()?[0])
    }

    /// Keeps the temperature at `lowest` or above.
    pub(crate) fn bound_temperature(&mut self, lowest: f64) -> Result<()> {
        let bound = -lowest.ln();
        if self.log_scale()? > bound {
            let value = Tensor::new(&[bound], &Device::Cpu)?;
            let dtype = self.params.get(self.layout.log_scale).dtype();
            self.params.set(self.layout.log_scale, value.to_dtype(dtype)?);
        }
        Ok(())
    }

    /// Where the temperature stands among the parameters.
    pub(crate) fn log_scale_index(&self) -> usize {
        self.layout.log_scale.index()
    }

    /// Whether weight decay applies to parameter `index`: matrices, but no tables of words or positions.
    pub(crate) fn decays(&self, index: usize) -> bool {
        let tables = [
            self.layout.image_positions,
            self.layout.text_positions,
            self.layout.words,
        ];
        self.params.values()[index].rank() == 2 && tables.iter().all(|table| table.index() != index)
    }

    /// Unit rows n × dim of images given as patches, n·patches × values of a patch.
    pub fn images(&self, tape: &mut Tape, vars: &[Var], patches: Tensor) -> Result<Var> {
        let Layout {
            patches: map,
            image_positions,
            image,
            image_projection,
            ..
        } = &self.layout;
        let tokens = self.config.patches();
        let x = Var::constant(patches);
        let x = map.linear(tape, vars, &x)?;
        let x = ops::add_positions(tape, &x, &vars[image_positions.index()], tokens)?;
        let how = Attention {
            heads: self.config.image.heads,
            tokens,
            lengths: None,
            causal: false,
        };
        let x = image.forward(tape, vars, x, &how)?;
        let x = ops::mean_pool(tape, &x, tokens, None)?;
        let x = ops::linear(tape, &x, &vars[image_projection.index()], None)?;
        Ok(ops::l2_normalize(tape, &x)?)
    }

    /// Unit rows n × dim of texts.
    pub fn texts(&self, tape: &mut Tape, vars: &[Var], tokens: &Tokens) -> Result<Var> {
        let Layout {
            words,
            text_positions,
            text,
            text_projection,
            ..
        } = &self.layout;
        let lengths: Arc<[usize]> = Arc::clone(&tokens.lengths);
        let x = ops::embedding(tape, &vars[words.index()], &tokens.ids)?;
        let x = ops::add_positions(tape, &x, &vars[text_positions.index()], tokens.width)?;
        let how = Attention {
            heads: self.config.text.heads,
            tokens: tokens.width,
            lengths: Some(Arc::clone(&lengths)),
            causal: false,
        };
        let x = text.forward(tape, vars, x, &how)?;
        let x = ops::mean_pool(tape, &x, tokens.width, Some(&lengths))?;
        let x = ops::linear(tape, &x, &vars[text_projection.index()], None)?;
        Ok(ops::l2_normalize(tape, &x)?)
    }

    /// Patches as a tensor of the parameters' type.
    pub(crate) fn patches(&self, values: Vec<f32>) -> Result<Tensor> {
        let width = self.config.patch_values();
        let rows = values.len() / width;
        let tensor = Tensor::from_vec(values, (rows, width), &Device::Cpu)?;
        Ok(tensor.to_dtype(self.params.values()[0].dtype())?)
    }
}

/// The values of a tensor of any type as f32.
pub(crate) fn to_f32(tensor: &Tensor) -> Result<Vec<f32>> {
    let values: modality_gap_nn::Result<Vec<f32>> = with_dtype!(tensor, T => {
        modality_gap_nn::host::<T>(tensor).map(|values| values.iter().map(|&v| modality_gap_nn::Real::wide(v) as f32).collect())
    });
    Ok(values?)
}
