//! CLIP in open_clip's layout: Ilharco et al., https://github.com/mlfoundations/open_clip. The same model as that of
//! `transformers`, under other names.

use std::path::{Path, PathBuf};

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
