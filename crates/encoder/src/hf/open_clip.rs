//! CLIP in open_clip's layout: Ilharco et al., https://github.com/mlfoundations/open_clip. The same model as that of
//! `transformers`, under other names.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use modality_gap_nn::ops::Activation;
use modality_gap_weights::{Store, WeightFiles};
use serde_json::json;

use super::clip::Config;
use super::keys::Keys;
use super::steps::refuse_unknown;
use super::tower::{Patches, Tower};
use crate::error::{EncoderError, Result};

/// The file that open_clip writes beside its weights.
pub(super) const CONFIG: &str = "open_clip_config.json";

/// Shapes of the model, and how its images are prepared.
pub(super) struct OpenClip {
    pub config: Config,
    pub images: Keys,
    pub store: Store,
}

impl OpenClip {
    /// Reads `open_clip_config.json`, and the header of the weights.
    ///
    /// # Errors
    /// `BAD_MODEL` by the key: towers of timm or of `transformers`, and whatever else is not CLIP's own architecture.
    pub fn open(folder: &Path) -> Result<Self> {
        let keys = Keys::open(&folder.join(CONFIG))?;
        refuse_unknown(&keys, |key| matches!(key, "model_cfg" | "preprocess_cfg"))?;
        let model = keys.object("model_cfg", "model_cfg.")?;
        refuse_unknown(&model, |key| {
            matches!(key, "embed_dim" | "vision_cfg" | "text_cfg" | "quick_gelu")
        })?;
        let text = model.object("text_cfg", "text_cfg.")?;
        refuse_unknown(&text, |key| {
            matches!(
                key,
                "context_length" | "vocab_size" | "width" | "heads" | "layers" | "mlp_ratio"
            )
        })?;
        let vision = model.object("vision_cfg", "vision_cfg.")?;
        refuse_unknown(&vision, |key| {
            matches!(
                key,
                "image_size" | "layers" | "width" | "patch_size" | "head_width" | "mlp_ratio"
            )
        })?;
        let activation = if model.flag("quick_gelu", false)? {
            Activation::QuickGelu
        } else {
            Activation::Gelu
        };
        let tower = |keys: &Keys, width: usize, heads: usize| -> Result<Tower> {
            let ratio = keys.positive("mlp_ratio", 4.0)?;
            #[allow(clippy::cast_sign_loss, reason = "both are above 0")]
            let inner = (width as f64 * ratio) as usize;
            if !width.is_multiple_of(heads) {
                let expected = format!("a multiple of {heads} heads");
                return Err(keys.wrong("width", &json!(width), &expected));
            }
            Ok(Tower {
                width,
                inner,
                layers: keys.size("layers", 12)?,
                heads,
                activation,
                eps: 1e-5,
            })
        };
        let text_width = text.size("width", 512)?;
        let vision_width = vision.size("width", 768)?;
        let config = Config {
            dim: model.size("embed_dim", 512)?,
            text: tower(&text, text_width, text.size("heads", 8)?)?,
            positions: text.size("context_length", 77)?,
            words: text.size("vocab_size", 49_408)?,
            // the end is the largest token, as in CLIP's own code
            end: None,
            vision: tower(
                &vision,
                vision_width,
                (vision_width / vision.size("head_width", 64)?).max(1),
            )?,
            patches: Patches::read(&vision, 16)?,
        };
        let images = keys.object("preprocess_cfg", "preprocess_cfg.")?;
        Ok(Self {
            config,
            images,
            store: Store::of_files(weights(folder)?, &|_| true)?,
        })
    }
}

/// `open_clip_model.safetensors`, or else `open_clip_pytorch_model.bin`.
fn weights(folder: &Path) -> Result<WeightFiles> {
    type Make = fn(PathBuf, Vec<PathBuf>) -> WeightFiles;
    let kinds: [(&str, Make); 2] = [
        ("open_clip_model.safetensors", |name, parts| {
            WeightFiles::Safetensors { name, parts }
        }),
        ("open_clip_pytorch_model.bin", |name, parts| WeightFiles::Torch {
            name,
            parts,
        }),
    ];
    for (name, make) in kinds {
        let file = folder.join(name);
        if file.is_file() {
            return Ok(make(file.clone(), vec![file]));
        }
    }
    Err(EncoderError::BadModel {
        file: folder.to_owned(),
        reason: format!(
            "it holds no weights: neither {} nor {} is there",
            kinds[0].0, kinds[1].0
        ),
    })
}

/// Where open_clip keeps what `transformers` calls by another name.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    pub name: String,
    /// Which third of its rows: queries, keys and values stand in one matrix.
    third: Option<usize>,
    /// Whether rows and columns are exchanged.
    transposed: bool,
}

impl Place {
    /// The place of the tensor that `transformers` calls `name` in a CLIP.
    pub fn of(name: &str) -> Self {
        let plain = |name: String| Self {
            name,
            third: None,
            transposed: false,
        };
        let fixed = match name {
            "vision_model.embeddings.class_embedding" => Some("visual.class_embedding"),
            "vision_model.embeddings.patch_embedding.weight" => Some("visual.conv1.weight"),
            "vision_model.embeddings.position_embedding.weight" => Some("visual.positional_embedding"),
            "text_model.embeddings.token_embedding.weight" => Some("token_embedding.weight"),
            "text_model.embeddings.position_embedding.weight" => Some("positional_embedding"),
            _ => None,
        };
        if let Some(name) = fixed {
            return plain(name.to_owned());
        }
        let projection = match name {
            "visual_projection.weight" => Some("visual.proj"),
            "text_projection.weight" => Some("text_projection"),
            _ => None,
        };
        if let Some(name) = projection {
            return Self {
                transposed: true,
                ..plain(name.to_owned())
            };
        }
        let mut name = name
            .replace("vision_model.encoder.layers.", "visual.transformer.resblocks.")
            .replace("text_model.encoder.layers.", "transformer.resblocks.")
            .replace("vision_model.pre_layrnorm.", "visual.ln_pre.")
            .replace("vision_model.post_layernorm.", "visual.ln_post.")
            .replace("text_model.final_layer_norm.", "ln_final.")
            .replace(".layer_norm1.", ".ln_1.")
            .replace(".layer_norm2.", ".ln_2.")
            .replace(".mlp.fc1.", ".mlp.c_fc.")
            .replace(".mlp.fc2.", ".mlp.c_proj.")
            .replace(".self_attn.out_proj.", ".attn.out_proj.");
        let mut third = None;
        for (index, part) in ["q", "k", "v"].into_iter().enumerate() {
            let part = format!(".self_attn.{part}_proj.");
            if name.contains(&part) {
                name = name.replace(&part, ".attn.in_proj_");
                third = Some(index);
            }
        }
        Self { third, ..plain(name) }
    }

    /// The shape of what stands there, for a tensor of `shape`.
    pub fn shape(&self, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        if self.transposed {
            shape.reverse();
        }
        if self.third.is_some() {
            shape[0] *= 3;
        }
        shape
    }

    /// The tensor out of what stands there.
    pub fn taken(&self, tensor: &Tensor) -> Result<Tensor> {
        let tensor = match self.third {
            Some(third) => {
                let rows = tensor.dim(0)? / 3;
                tensor.narrow(0, third * rows, rows)?
            }
            None => tensor.clone(),
        };
        Ok(if self.transposed { tensor.t()? } else { tensor })
    }
}
