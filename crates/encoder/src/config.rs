//! Shapes of the dual encoder and the options of its training.

use modality_gap_nn::{AdamWOptions, ScheduleKind};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{EncoderError, Result};

/// Largest of all sizes: more would not fit into any memory that trains such an encoder.
const MAX_SIZE: usize = 1 << 14;

/// Shapes of one tower's transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "TowerShape")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TowerConfig {
    /// Columns inside.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads of each block, a divisor of the width.
    pub heads: usize,
}

/// Shapes of both towers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "EncoderShape")]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelConfig {
    /// Columns of an embedding.
    pub dim: usize,
    /// Pixels of an image's side.
    pub image_size: usize,
    /// Pixels of a patch's side, a divisor of the image's.
    pub patch: usize,
    /// The image tower.
    pub image: TowerConfig,
    /// The text tower.
    pub text: TowerConfig,
    /// Words of a text that are read at most.
    pub tokens: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        let tower = |layers| TowerConfig {
            width: 128,
            layers,
            heads: 4,
        };
        Self {
            dim: 192,
            image_size: 32,
            patch: 8,
            image: tower(2),
            text: tower(1),
            tokens: 24,
        }
    }
}

impl ModelConfig {
    /// Refuses shapes that do not fit together.
    pub fn check(&self) -> Result<()> {
        for (name, size) in [
            ("dim", self.dim),
            ("imageSize", self.image_size),
            ("tokens", self.tokens),
            ("image.width", self.image.width),
            ("image.layers", self.image.layers),
            ("text.width", self.text.width),
            ("text.layers", self.text.layers),
        ] {
            if size > MAX_SIZE {
                return Err(EncoderError::BadOption(format!(
                    "{name} is {size}; at most {MAX_SIZE} is taken"
                )));
            }
        }
        for (name, tower) in [("image", self.image), ("text", self.text)] {
            if tower.heads == 0 || tower.width == 0 || tower.width % tower.heads != 0 {
                let TowerConfig { width, heads, .. } = tower;
                return Err(EncoderError::BadOption(format!(
                    "{name}.width {width} is not a multiple of {heads} heads"
                )));
            }
        }
        if self.patch == 0 || self.image_size == 0 || !self.image_size.is_multiple_of(self.patch) {
            let Self {
                image_size, patch, ..
            } = self;
            return Err(EncoderError::BadOption(format!(
                "imageSize {image_size} is not a multiple of patch {patch}"
            )));
        }
        if self.dim == 0 || self.tokens == 0 {
            return Err(EncoderError::BadOption(
                "dim and tokens are at least 1".to_owned(),
            ));
        }
        Ok(())
    }

    /// Numbers of a model of these shapes with `words` words; `None` when there are too many to count.
    pub(crate) fn parameters(&self, words: usize) -> Option<u64> {
        let product = |a: usize, b: usize| (a as u64).checked_mul(b as u64);
        let tower = |tower: TowerConfig| {
            // 3 + 1 + 4 + 4 squares of the width; their biases 3 + 1 + 4 + 1, two norms of two
            let block = product(tower.width, tower.width)?
                .checked_mul(12)?
                .checked_add(13 * tower.width as u64)?;
            block
                .checked_mul(tower.layers as u64)?
                .checked_add(2 * tower.width as u64)?
                .checked_add(product(self.dim, tower.width)?)
        };
        let side = self.image_size / self.patch;
        let patch = product(self.patch, self.patch)?.checked_mul(3)?.checked_add(1)?;
        let parts = [
            tower(self.image),
            tower(self.text),
            patch.checked_mul(self.image.width as u64),
            product(side, side).and_then(|patches| patches.checked_mul(self.image.width as u64)),
            product(words, self.text.width),
            product(self.tokens, self.text.width),
            // the temperature
            Some(1),
        ];
        parts
            .into_iter()
            .try_fold(0_u64, |sum, part| sum.checked_add(part?))
    }

    /// Patches of an image.
    pub fn patches(&self) -> usize {
        (self.image_size / self.patch).pow(2)
    }

    /// Values of a patch: its pixels in three channels.
    pub fn patch_values(&self) -> usize {
        3 * self.patch * self.patch
    }
}

/// Options of the training. An absent option has the default that stands here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct TrainOptions {
    /// Shapes of the encoder.
    pub model: ModelConfig,
    /// Passes over the training pairs.
    pub epochs: u64,
    /// Updates in all; takes the place of `epochs`.
    pub steps: Option<u64>,
    /// Pairs that are contrasted with each other.
    pub batch_size: usize,
    /// Pairs whose activations are held at a time; smaller ones save memory and change nothing else. 0: the batch.
    pub micro_batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Share of the updates in which the rate rises.
    pub warmup: f64,
    /// How the rate falls.
    pub schedule: ScheduleKind,
    /// Decay of matrices; vectors and tables of positions have none.
    pub weight_decay: f64,
    /// Constants of the optimiser.
    pub optimizer: AdamWOptions,
    /// Temperature of the loss at the start; it is learned. Near 0.01 the gap stays, at 0.07 it closes.
    pub temperature: f64,
    /// Lowest temperature that training may reach; 0.01 as in CLIP.
    pub min_temperature: f64,
    /// Whether images are shifted, scaled, mirrored and tinted by chance.
    pub augment: bool,
    /// Seed of everything that happens by chance.
    pub seed: u64,
    /// Updates between two probes; 0: none.
    pub probe_every: u64,
    /// Held-out pairs in a probe at most.
    pub probe_rows: usize,
    /// Updates between two checkpoints; 0: only at the end.
    pub checkpoint_every: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            model: ModelConfig::default(),
            epochs: 40,
            steps: None,
            batch_size: 128,
            micro_batch: 0,
            learning_rate: 1e-3,
            warmup: 0.1,
            schedule: ScheduleKind::Cosine,
            weight_decay: 0.1,
            optimizer: AdamWOptions::default(),
            temperature: 0.01,
            min_temperature: 0.01,
            augment: true,
            seed: 0,
            probe_every: 0,
            probe_rows: 1000,
            checkpoint_every: 0,
        }
    }
}

impl TrainOptions {
    /// Refuses values that make no sense.
    pub fn check(&self) -> Result<()> {
        self.model.check()?;
        let positive = [
            ("learningRate", self.learning_rate),
            ("temperature", self.temperature),
            ("minTemperature", self.min_temperature),
        ];
        for (name, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(EncoderError::BadOption(format!(
                    "{name} is a number above 0, not {value}"
                )));
            }
        }
        if self.batch_size < 2 {
            return Err(EncoderError::BadOption(
                "batchSize is at least 2, or there is nothing to contrast".to_owned(),
            ));
        }
        if !(0.0..1.0).contains(&self.warmup) {
            return Err(EncoderError::BadOption(format!(
                "warmup is a share in [0, 1), not {}",
                self.warmup
            )));
        }
        Ok(())
    }
}
