//! Shapes of a transformer as CLIP, SigLIP and BERT write them, checked.

use modality_gap_nn::ops::Activation;
use serde_json::json;

use super::keys::Keys;
use crate::error::Result;

/// Shapes of one tower's transformer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tower {
    pub width: usize,
    pub inner: usize,
    pub layers: usize,
    pub heads: usize,
    pub activation: Activation,
    pub eps: f64,
}

/// What `transformers` takes where a configuration is silent.
pub(super) struct Defaults {
    pub width: usize,
    pub inner: usize,
    pub heads: usize,
    pub activation: &'static str,
    pub eps: f64,
}

impl Tower {
    /// # Errors
    /// `BAD_MODEL` by the key: a size that is none, heads that do not divide the width, an unknown activation.
    pub fn read(keys: &Keys, defaults: &Defaults) -> Result<Self> {
        let name = keys.text("hidden_act")?.unwrap_or(defaults.activation);
        let activation = Activation::named(name).ok_or_else(|| {
            keys.wrong(
                "hidden_act",
                &json!(name),
                "gelu, gelu_new, gelu_pytorch_tanh or quick_gelu",
            )
        })?;
        let tower = Self {
            width: keys.size("hidden_size", defaults.width)?,
            inner: keys.size("intermediate_size", defaults.inner)?,
            layers: keys.size("num_hidden_layers", 12)?,
            heads: keys.size("num_attention_heads", defaults.heads)?,
            activation,
            eps: keys.positive("layer_norm_eps", defaults.eps)?,
        };
        if !tower.width.is_multiple_of(tower.heads) {
            let expected = format!("a divisor of hidden_size {}", tower.width);
            return Err(keys.wrong("num_attention_heads", &json!(tower.heads), &expected));
        }
        Ok(tower)
    }
}

/// How an image is cut: square patches of a square; what is left over at the right and at the bottom is not seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patches {
    /// Pixels of the image's side.
    pub image: usize,
    /// Pixels of a patch's side.
    pub patch: usize,
}

impl Patches {
    /// # Errors
    /// `BAD_MODEL` by the key: sides that are none, a patch larger than the image, other than three channels.
    pub fn read(keys: &Keys, default_patch: usize) -> Result<Self> {
        keys.only("num_channels", &[json!(3)])?;
        let (image, patch) = (
            keys.size("image_size", 224)?,
            keys.size("patch_size", default_patch)?,
        );
        if patch > image {
            let expected = format!("at most image_size {image}");
            return Err(keys.wrong("patch_size", &json!(patch), &expected));
        }
        Ok(Self { image, patch })
    }

    /// Patches side by side.
    pub fn across(self) -> usize {
        self.image / self.patch
    }

    /// Patches of an image.
    pub fn count(self) -> usize {
        self.across() * self.across()
    }

    /// Values of a patch: its pixels in three channels.
    pub fn values(self) -> usize {
        3 * self.patch * self.patch
    }

    /// Images n × side × side × 3 as rows of patches, pixels row by row, channels last.
    pub fn cut(self, pixels: &[f32]) -> Vec<f32> {
        let Self { image: size, patch } = self;
        let across = self.across();
        let mut out = Vec::with_capacity(pixels.len());
        for image in pixels.chunks_exact(size * size * 3) {
            for row in 0..across {
                for column in 0..across {
                    for y in row * patch..(row + 1) * patch {
                        let from = (y * size + column * patch) * 3;
                        out.extend_from_slice(&image[from..from + patch * 3]);
                    }
                }
            }
        }
        out
    }
}
