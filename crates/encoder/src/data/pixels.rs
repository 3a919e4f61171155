//! Pixels: decoded once, cut into patches, changed by chance.

use image::RgbImage;
use image::imageops::FilterType;
use modality_gap_nn::Rng;
use rayon::prelude::*;

use super::{BadPairs, Pair};
use crate::error::Result;
use crate::picture::{Transparency, decode};

/// Pictures of up to this many bytes are decoded once and kept; more are decoded whenever they are asked for.
const KEPT_BYTES: usize = 1 << 30;

/// Changes by chance: up to a sixteenth of the side as a shift, 0.9 to 1.08 as a scale, contrast by a tenth, tint by a
/// twentieth.
#[derive(Debug, Clone, Copy)]
pub struct Augment {
    shift: (f32, f32),
    scale: f32,
    gain: [f32; 3],
}

impl Augment {
    /// Changes drawn from `rng`.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut between = |from, to| rng.between(from, to) as f32;
        let shift = (between(-0.0625, 0.0625), between(-0.0625, 0.0625));
        let scale = between(0.9, 1.08);
        let contrast = between(0.9, 1.1);
        Self {
            shift,
            scale,
            gain: [(); 3].map(|()| contrast * between(0.95, 1.05)),
        }
    }
}

/// Square pictures of one size.
#[derive(Debug)]
pub struct Pictures<'a> {
    pairs: Vec<&'a Pair>,
    size: usize,
    kept: Option<Vec<RgbImage>>,
}

impl<'a> Pictures<'a> {
    /// The pictures of `pairs` at `size` × `size` pixels; all are decoded once, so that a bad one is found now.
    ///
    /// # Errors
    /// The first picture that cannot be read.
    pub fn open(pairs: Vec<&'a Pair>, size: usize) -> Result<Self> {
        let mut bad_pairs = BadPairs::default();
        let pictures = Self::open_some(pairs, size, &mut bad_pairs)?;
        bad_pairs.finish()?;
        Ok(pictures)
    }

    /// Likewise, without the pairs whose pictures cannot be read, which go to `bad_pairs`.
    pub fn open_some(pairs: Vec<&'a Pair>, size: usize, bad_pairs: &mut BadPairs) -> Result<Self> {
        let keep = pairs.len() * size * size * 3 <= KEPT_BYTES;
        let decoded: Vec<Result<Option<RgbImage>>> = pairs
            .par_iter()
            .map(|pair| picture(pair, size).map(|image| keep.then_some(image)))
            .collect();
        // one after the other, so that bad ones are named in their order
        let mut good = Vec::with_capacity(pairs.len());
        let mut images = Vec::new();
        for (pair, image) in pairs.into_iter().zip(decoded) {
            if let Some(image) = bad_pairs.keep(image)? {
                good.push(pair);
                images.extend(image);
            }
        }
        Ok(Self {
            pairs: good,
            size,
            kept: keep.then_some(images),
        })
    }

    /// Pictures that were decoded and scaled already.
    pub(crate) fn of(pairs: Vec<&'a Pair>, size: usize, images: Vec<RgbImage>) -> Self {
        Self {
            pairs,
            size,
            kept: Some(images),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The pairs, in order.
    pub fn pairs(&self) -> &[&'a Pair] {
        &self.pairs
    }

    /// Pictures `indices` as patches of `patch` × `patch` pixels, values about [−1, 1]: rows are patches, row by row of
    /// each picture; in a row, pixels row by row, three channels each. `augment` gives each picture's changes.
    pub fn patches(
        &self,
        indices: &[usize],
        patch: usize,
        augment: impl Fn(usize) -> Option<Augment> + Sync,
    ) -> Result<Vec<f32>> {
        let values = 3 * self.size * self.size;
        let mut out = vec![0.0; indices.len() * values];
        let done: Vec<Result<()>> = out
            .par_chunks_mut(values)
            .zip(indices)
            .map(|(out, &index)| {
                let fresh;
                let image = if let Some(kept) = &self.kept {
                    &kept[index]
                } else {
                    fresh = picture(self.pairs[index], self.size)?;
                    &fresh
                };
                cut(image, patch, augment(index), out);
                Ok(())
            })
            .collect();
        done.into_iter().collect::<Result<()>>()?;
        Ok(out)
    }
}

/// The whole picture, its shape changed to a square.
pub(crate) fn picture(pair: &Pair, size: usize) -> Result<RgbImage> {
    let side = size as u32;
    let decoded = decode(&pair.image, Transparency::OnWhite)?;
    Ok(image::imageops::resize(
        &decoded.image,
        side,
        side,
        FilterType::Triangle,
    ))
}

fn cut(image: &RgbImage, patch: usize, augment: Option<Augment>, out: &mut [f32]) {
    let size = image.width() as usize;
    let across = size / patch;
    for y in 0..size {
        for x in 0..size {
            let pixel = match augment {
                Some(augment) => changed(image, x, y, augment),
                None => image.get_pixel(x as u32, y as u32).0.map(f32::from),
            };
            let row = (y / patch) * across + x / patch;
            let at = (row * patch * patch + (y % patch) * patch + x % patch) * 3;
            for (channel, value) in pixel.into_iter().enumerate() {
                let gain = augment.map_or(1.0, |augment| augment.gain[channel]);
                out[at + channel] = (value / 127.5 - 1.0) * gain;
            }
        }
    }
}

/// The pixel that a shifted and scaled picture shows at (x, y), between its neighbours; white beyond the border.
fn changed(image: &RgbImage, x: usize, y: usize, augment: Augment) -> [f32; 3] {
    let size = image.width() as f32;
    let from =
        |at: usize, shift: f32| (at as f32 + 0.5 - size / 2.0) / augment.scale + size * (0.5 + shift) - 0.5;
    let (fx, fy) = (from(x, augment.shift.0), from(y, augment.shift.1));
    let (x0, y0) = (fx.floor(), fy.floor());
    let (wx, wy) = (fx - x0, fy - y0);
    let mut mixed = [0.0; 3];
    for (dy, wy) in [(0.0, 1.0 - wy), (1.0, wy)] {
        for (dx, wx) in [(0.0, 1.0 - wx), (1.0, wx)] {
            let inside = (0.0..size).contains(&(x0 + dx)) && (0.0..size).contains(&(y0 + dy));
            #[allow(clippy::cast_sign_loss, reason = "inside the picture both are at least 0")]
            let pixel = if inside {
                image
                    .get_pixel((x0 + dx) as u32, (y0 + dy) as u32)
                    .0
                    .map(f32::from)
            } else {
                [255.0; 3]
            };
            for (mixed, value) in mixed.iter_mut().zip(pixel) {
                *mixed += wx * wy * value;
            }
        }
    }
    mixed
}
