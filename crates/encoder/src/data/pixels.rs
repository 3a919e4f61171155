//! Pixels: decoded once, cut into patches, changed by chance.

use std::io::{Cursor, Read, Seek, SeekFrom};

use image::imageops::FilterType;
use image::{ImageReader, RgbImage};
use modality_gap_nn::Rng;
use rayon::prelude::*;

use super::{ImagePlace, Pair};
use crate::error::{EncoderError, Result};

/// Pictures of up to this many bytes are decoded once and kept; more are decoded whenever they are asked for.
const KEPT_BYTES: usize = 1 << 30;

/// Reads an image with whatever is transparent laid on white.
///
/// # Errors
/// `BAD_IMAGE` with the file's name.
pub fn decode(place: &ImagePlace) -> Result<RgbImage> {
    let bytes = bytes_of(place)?;
    let bad = |reason: String| EncoderError::BadImage {
        file: place.shown(),
        reason,
    };
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| bad(error.to_string()))?;
    let image = reader
        .decode()
        .map_err(|error| bad(error.to_string()))?
        .to_rgba8();
    Ok(RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, alpha] = image.get_pixel(x, y).0;
        let over = |c: u8| {
            let mixed = u32::from(c) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
            // a mean of two bytes, rounded
            ((mixed + 127) / 255) as u8
        };
        image::Rgb([over(r), over(g), over(b)])
    }))
}

fn bytes_of(place: &ImagePlace) -> Result<Vec<u8>> {
    match place {
        ImagePlace::File(file) => std::fs::read(file).map_err(|error| EncoderError::reading(file, error)),
        ImagePlace::Tar {
            file, offset, bytes, ..
        } => {
            let read = || -> std::io::Result<Vec<u8>> {
                let mut tar = std::fs::File::open(file)?;
                tar.seek(SeekFrom::Start(*offset))?;
                let mut out = Vec::new();
                tar.take(*bytes).read_to_end(&mut out)?;
                Ok(out)
            };
            read().map_err(|error| EncoderError::reading(file, error))
        }
    }
}

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
    pub fn open(pairs: Vec<&'a Pair>, size: usize) -> Result<Self> {
        let keep = pairs.len() * size * size * 3 <= KEPT_BYTES;
        let decoded: Vec<Result<Option<RgbImage>>> = pairs
            .par_iter()
            .map(|pair| picture(pair, size).map(|image| keep.then_some(image)))
            .collect();
        // one after the other, so that it is always the first bad image that is reported
        let images = decoded.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(Self {
            pairs,
            size,
            kept: images.into_iter().collect(),
        })
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
fn picture(pair: &Pair, size: usize) -> Result<RgbImage> {
    let side = size as u32;
    Ok(image::imageops::resize(
        &decode(&pair.image)?,
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
