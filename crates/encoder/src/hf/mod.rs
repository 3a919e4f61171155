//! Encoders from local folders in Hugging Face's layout: CLIP, SigLIP and BERT-like sentence encoders, forward only.

mod bert;
mod clip;
mod preprocess;
mod siglip;
mod weights;

use std::path::Path;

use serde::Deserialize;
use tokenizers::{Tokenizer, TruncationParams};

use crate::data::{Pair, decode};
use crate::error::{EncoderError, Result};

use bert::Bert;
use clip::Clip;
use preprocess::Preprocess;
use siglip::Siglip;
use weights::Weights;

/// A pretrained encoder.
pub struct Pretrained {
    towers: Towers,
    tokenizer: Tokenizer,
    preprocess: Option<Preprocess>,
}

enum Towers {
    Clip(Clip),
    Siglip(Siglip),
    Bert(Bert),
}

#[derive(Deserialize)]
struct Kind {
    model_type: String,
}

impl Pretrained {
    /// Reads `config.json`, `model.safetensors`, `tokenizer.json` and, for images, `preprocessor_config.json`.
    ///
    /// # Errors
    /// `NOT_FOUND` or `BAD_MODEL` with the file; a model type that is none of `clip`, `siglip`, `bert`.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("config.json");
        let text = std::fs::read_to_string(&file).map_err(|error| EncoderError::reading(&file, error))?;
        let bad = |error: serde_json::Error| EncoderError::BadModel {
            file: file.clone(),
            reason: error.to_string(),
        };
        let Kind { model_type } = serde_json::from_str(&text).map_err(bad)?;
        let mut weights = Weights::open(folder)?;
        let weights = &mut weights;
        let towers = match model_type.as_str() {
            "clip" => Towers::Clip(Clip::new(serde_json::from_str(&text).map_err(bad)?, weights)?),
            "siglip" => Towers::Siglip(Siglip::new(serde_json::from_str(&text).map_err(bad)?, weights)?),
            "bert" => Towers::Bert(Bert::new(serde_json::from_str(&text).map_err(bad)?, weights)?),
            other => {
                let reason = format!("model_type {other} is not known; clip, siglip and bert are");
                return Err(EncoderError::BadModel { file, reason });
            }
        };
        let preprocess = match &towers {
            Towers::Clip(clip) => Some(Preprocess::open(folder, clip.image_size())?),
            Towers::Siglip(siglip) => Some(Preprocess::open(folder, siglip.image_size())?),
            Towers::Bert(_) => None,
        };
        let most = match &towers {
            Towers::Clip(clip) => clip.tokens(),
            Towers::Siglip(siglip) => siglip.tokens(),
            Towers::Bert(bert) => sentence_tokens(folder).unwrap_or(usize::MAX).min(bert.tokens()),
        };
        Ok(Self {
            towers,
            tokenizer: tokenizer(folder, most)?,
            preprocess,
        })
    }

    /// Columns of a row.
    pub fn dim(&self) -> usize {
        match &self.towers {
            Towers::Clip(clip) => clip.dim(),
            Towers::Siglip(siglip) => siglip.dim(),
            Towers::Bert(bert) => bert.dim(),
        }
    }

    /// Whether it has an image tower.
    pub fn sees(&self) -> bool {
        self.preprocess.is_some()
    }

    /// Unit rows of the images of `pairs`.
    pub fn images(&self, pairs: &[&Pair]) -> Result<Vec<f32>> {
        let Some(preprocess) = &self.preprocess else {
            return Err(EncoderError::BadOption("this encoder takes no images".to_owned()));
        };
        let mut pixels = Vec::new();
        for pair in pairs {
            pixels.extend(preprocess.pixels(&decode(&pair.image)?));
        }
        let rows = self.image_rows(&pixels)?;
        Ok(unit(rows, self.dim()))
    }

    /// Rows, not scaled, of prepared pixels: n × size × size × 3, channels last.
    pub fn image_rows(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        match &self.towers {
            Towers::Clip(clip) => clip.images(pixels),
            Towers::Siglip(siglip) => siglip.images(pixels),
            Towers::Bert(_) => Err(EncoderError::BadOption("this encoder takes no images".to_owned())),
        }
    }

    /// Unit rows of texts.
    pub fn texts(&self, texts: &[&str]) -> Result<Vec<f32>> {
        let encoded = self.tokenizer.encode_batch(texts.to_vec(), true);
        let encoded =
            encoded.map_err(|error| EncoderError::BadOption(format!("the tokenizer refuses: {error}")))?;
        let ids: Vec<Vec<u32>> = encoded.iter().map(|text| text.get_ids().to_vec()).collect();
        Ok(unit(self.text_rows(&ids)?, self.dim()))
    }

    /// Rows, not scaled, of token numbers as the tokenizer gives them without padding.
    pub fn text_rows(&self, ids: &[Vec<u32>]) -> Result<Vec<f32>> {
        match &self.towers {
            Towers::Clip(clip) => clip.texts(ids),
            Towers::Siglip(siglip) => siglip.texts(ids),
            Towers::Bert(bert) => bert.texts(ids),
        }
    }
}

/// How much of a text a sentence encoder was trained on, where its folder says so.
fn sentence_tokens(folder: &Path) -> Option<usize> {
    let text = std::fs::read_to_string(folder.join("sentence_bert_config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    usize::try_from(config["max_seq_length"].as_u64()?).ok()
}

/// The tokenizer without padding, cutting texts to `most` tokens with their marks of start and end.
fn tokenizer(folder: &Path, most: usize) -> Result<Tokenizer> {
    let file = folder.join("tokenizer.json");
    if !file.is_file() {
        return Err(EncoderError::NotFound { file });
    }
    let bad = |error: tokenizers::Error| EncoderError::BadModel {
        file: file.clone(),
        reason: error.to_string(),
    };
    let mut tokenizer = Tokenizer::from_file(&file).map_err(bad)?;
    tokenizer.with_padding(None);
    let truncation = TruncationParams {
        max_length: most,
        ..TruncationParams::default()
    };
    tokenizer.with_truncation(Some(truncation)).map_err(bad)?;
    Ok(tokenizer)
}

fn unit(mut rows: Vec<f32>, dim: usize) -> Vec<f32> {
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
