//! Pixels as an encoder was trained on them.

use std::path::Path;

use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};
use serde_json::Value;

use crate::error::{EncoderError, Result};

/// How an image is prepared.
pub(super) struct Preprocess {
    size: usize,
    /// Scale the shorter side and cut the middle out, instead of changing the shape.
    crop: bool,
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl Preprocess {
    /// What `preprocessor_config.json` says, or CLIP's values without one.
    pub fn open(folder: &Path, size: usize) -> Result<Self> {
        let file = folder.join("preprocessor_config.json");
        let config: Value = match std::fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| EncoderError::BadModel {
                file,
                reason: error.to_string(),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Value::Null,
            Err(error) => return Err(EncoderError::reading(&file, error)),
        };
        let three = |key: &str, default: [f32; 3]| {
            serde_json::from_value::<[f32; 3]>(config[key].clone()).unwrap_or(default)
        };
        Ok(Self {
            size,
            crop: config["do_center_crop"].as_bool().unwrap_or(config.is_null()),
            mean: three("image_mean", [0.481_454_66, 0.457_827_5, 0.408_210_73]),
            deviation: three("image_std", [0.268_629_54, 0.261_302_6, 0.275_777_1]),
        })
    }

    /// size × size × 3 values, channels last.
    pub fn pixels(&self, image: &RgbImage) -> Vec<f32> {
        let size = self.size as u32;
        let (width, height) = image.dimensions();
        let square = if self.crop {
            let short = width.min(height).max(1);
            let scaled = |side: u32| (u64::from(side) * u64::from(size) / u64::from(short)) as u32;
            let (width, height) = (scaled(width).max(size), scaled(height).max(size));
            let image = resize(image, width, height, FilterType::CatmullRom);
            crop_imm(&image, (width - size) / 2, (height - size) / 2, size, size).to_image()
        } else {
            resize(image, size, size, FilterType::CatmullRom)
        };
        let channels = square.pixels().flat_map(|pixel| pixel.0.into_iter().enumerate());
        channels
            .map(|(c, v)| (f32::from(v) / 255.0 - self.mean[c]) / self.deviation[c])
            .collect()
    }
}

/// Images n × size × size × 3 as rows of patches, pixels row by row, channels last.
pub(super) fn to_patches(pixels: &[f32], size: usize, patch: usize) -> Vec<f32> {
    let across = size / patch;
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
