//! Scaling as Pillow does it, to the bit: two passes over eight-bit pixels with weights of 22 bits.
//!
//! Only a window of the scaled picture is computed, and for it only the rows that it needs, so what is cut off costs
//! nothing.

use std::f64::consts::PI;

use image::RgbImage;

/// Bits behind the point of a weight.
const BITS: u32 = 22;

/// How pixels are mixed; the numbers are Pillow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    Nearest,
    Lanczos,
    Bilinear,
    Bicubic,
    Box,
    Hamming,
}

impl Filter {
    /// The filter of that number in Pillow.
    pub fn of_pillow(number: u64) -> Option<Self> {
        let filters = [
            Self::Nearest,
            Self::Lanczos,
            Self::Bilinear,
            Self::Bicubic,
            Self::Box,
            Self::Hamming,
        ];
        filters.get(usize::try_from(number).ok()?).copied()
    }

    /// How far from its centre it reaches, in pixels of the larger of the two scales.
    fn support(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) };
        match self {
            Self::Nearest | Self::Box => f64::from(x > -0.5 && x <= 0.5),
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Hamming => {
                let x = x.abs();
                if x == 0.0 {
                    1.0
                } else if x >= 1.0 {
                    0.0
                } else {
                    let x = x * PI;
                    x.sin() / x * (0.54 + 0.46 * x.cos())
                }
            }
            Self::Bicubic => {
                const A: f64 = -0.5;
                let x = x.abs();
                if x < 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
            Self::Lanczos => {
                if (-3.0..3.0).contains(&x) {
                    sinc(x) * sinc(x / 3.0)
                } else {
                    0.0
                }
            }
        }
    }
}

/// A part of a scaled picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// First column and row.
    pub left: u64,
    pub top: u64,
    /// Columns and rows.
    pub width: u32,
    pub height: u32,
}

/// The part `window` of `image` scaled to `width` × `height`; the window lies inside.
pub(crate) fn resize(
    image: &RgbImage,
    (width, height): (u64, u64),
    filter: Filter,
    window: Window,
) -> RgbImage {
    assert!(
        window.left + u64::from(window.width) <= width && window.top + u64::from(window.height) <= height,
        "the window lies inside"
    );
    let (from_width, from_height) = (u64::from(image.width()), u64::from(image.height()));
    let columns = (window.left, window.width);
    let rows = (window.top, window.height);
    if filter == Filter::Nearest {
        let columns = nearest(from_width, width, columns);
        let rows = nearest(from_height, height, rows);
        return RgbImage::from_fn(window.width, window.height, |x, y| {
            *image.get_pixel(columns[x as usize], rows[y as usize])
        });
    }
    let rows = Weights::new(from_height, height, filter, rows);
    let columns = Weights::new(from_width, width, filter, columns);
    // a side that keeps its length is not filtered
    let (first, last) = if from_height == height {
        let top = window.top as usize;
        (top, top + window.height as usize)
    } else {
        rows.range()
    };
    let across = (from_width != width).then_some(&columns);
    let mut middle = Vec::with_capacity((last - first) * window.width as usize * 3);
    for y in first..last {
        let start = y * image.width() as usize * 3;
        let row = &image.as_raw()[start..start + image.width() as usize * 3];
        if let Some(columns) = across {
            columns.mix(row, 3, &mut middle);
        } else {
            let start = window.left as usize * 3;
            middle.extend_from_slice(&row[start..start + window.width as usize * 3]);
        }
    }
    let stride = window.width as usize * 3;
    let pixels = if from_height == height {
        middle
    } else {
        rows.mix_rows(&middle, stride, first)
    };
    RgbImage::from_raw(window.width, window.height, pixels).expect("three values a pixel")
}

/// Source of each place of the window: Pillow adds the step up, place by place.
fn nearest(from: u64, to: u64, (start, count): (u64, u32)) -> Vec<u32> {
    let step = from as f64 / to as f64;
    let mut at = step * 0.5;
    if start < 1 << 20 {
        for _ in 0..start {
            at += step;
        }
    } else {
        at += step * start as f64;
    }
    let mut places = Vec::with_capacity(count as usize);
    for _ in 0..count {
        #[allow(clippy::cast_sign_loss, reason = "a position inside the picture")]
        places.push((at as u64).min(from - 1) as u32);
        at += step;
    }
    places
}

/// Which pixels make each place of a window, and how much of each.
struct Weights {
    /// First pixel and where its weight stands in `values`.
    places: Vec<(usize, usize)>,
    /// Weights of all places, one after the other.
    values: Vec<i32>,
}

impl Weights {
    fn new(from: u64, to: u64, filter: Filter, (start, count): (u64, u32)) -> Self {
        let scale = from as f64 / to as f64;
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let mut weights = Self {
            places: Vec::with_capacity(count as usize),
            values: Vec::new(),
        };
        let mut real = Vec::new();
        for place in start..start + u64::from(count) {
            let centre = (place as f64 + 0.5) * scale;
            #[allow(clippy::cast_sign_loss, reason = "cut off at 0")]
            let (first, last) = (
                (centre - support + 0.5).max(0.0) as u64,
                ((centre + support + 0.5) as u64).min(from),
            );
            real.clear();
            let inverse = 1.0 / filter_scale;
            real.extend((first..last).map(|x| filter.weight((x as f64 - centre + 0.5) * inverse)));
            let total: f64 = real.iter().sum();
            weights.places.push((first as usize, weights.values.len()));
            weights.values.extend(real.iter().map(|&weight| {
                let weight = if total == 0.0 { weight } else { weight / total };
                let scaled = weight * f64::from(1_u32 << BITS);
                (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
            }));
        }
        weights
    }

    fn weights_of(&self, place: usize) -> (usize, &[i32]) {
        let (first, start) = self.places[place];
        let end = self
            .places
            .get(place + 1)
            .map_or(self.values.len(), |(_, start)| *start);
        (first, &self.values[start..end])
    }

    /// First pixel that is needed, and the one behind the last.
    fn range(&self) -> (usize, usize) {
        let first = self.places.iter().map(|(first, _)| *first).min().unwrap_or(0);
        let ends = (0..self.places.len()).map(|place| {
            let (first, weights) = self.weights_of(place);
            first + weights.len()
        });
        (first, ends.max().unwrap_or(0))
    }

    /// One row of pixels of `channels` values, mixed.
    fn mix(&self, row: &[u8], channels: usize, out: &mut Vec<u8>) {
        for place in 0..self.places.len() {
            let (first, weights) = self.weights_of(place);
            for channel in 0..channels {
                let values = row[first * channels + channel..].iter().step_by(channels);
                let sum = weights
                    .iter()
                    .zip(values)
                    .map(|(&w, &v)| w * i32::from(v))
                    .sum::<i32>();
                out.push(rounded(sum));
            }
        }
    }

    /// Rows of `stride` values, of which `first` is the number of the first one given, mixed.
    fn mix_rows(&self, rows: &[u8], stride: usize, first: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.places.len() * stride);
        let mut sums = vec![0_i32; stride];
        for place in 0..self.places.len() {
            let (start, weights) = self.weights_of(place);
            sums.fill(0);
            for (row, &weight) in weights.iter().enumerate() {
                let at = (start + row - first) * stride;
                for (sum, &value) in sums.iter_mut().zip(&rows[at..at + stride]) {
                    *sum += weight * i32::from(value);
                }
            }
            out.extend(sums.iter().map(|&sum| rounded(sum)));
        }
        out
    }
}

#[allow(clippy::cast_sign_loss, reason = "bounded by 0 and 255")]
fn rounded(sum: i32) -> u8 {
    ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImagePlace;
    use crate::picture::{Transparency, decode};

    /// What Pillow's `resize` gives, to the bit: `tests/fixtures/make_pictures.py`.
    #[test]
    fn every_filter_scales_as_pillow_does_and_a_window_is_a_part_of_it() {
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
        let image = decode(&ImagePlace::File(fixtures.join("rgb.png")), Transparency::Dropped);
        let image = image.unwrap().image;
        let expected =
            candle_core::safetensors::load(fixtures.join("resized.safetensors"), &candle_core::Device::Cpu);
        let expected = expected.unwrap();
        assert_eq!(expected.len(), 42);
        for (name, expected) in expected {
            let numbers: Vec<u64> = name.split('-').map(|part| part.parse().unwrap()).collect();
            let [number, width, height] = numbers[..] else {
                panic!("{name}")
            };
            let filter = Filter::of_pillow(number).unwrap();
            let values: Vec<u8> = expected.flatten_all().unwrap().to_vec1().unwrap();
            let all = Window {
                left: 0,
                top: 0,
                width: width as u32,
                height: height as u32,
            };
            let whole = resize(&image, (width, height), filter, all);
            assert_eq!(whole.as_raw(), &values, "{name}");
            let window = Window {
                left: width / 3,
                top: height / 2,
                width: (width - width / 3) as u32,
                height: (height - height / 2) as u32,
            };
            let part = resize(&image, (width, height), filter, window);
            let cut = image::imageops::crop_imm(
                &whole,
                window.left as u32,
                window.top as u32,
                window.width,
                window.height,
            );
            assert_eq!(part, cut.to_image(), "{name}");
        }
    }

    #[test]
    fn a_part_of_a_picture_that_is_scaled_to_billions_costs_the_part_alone() {
        let image = RgbImage::from_fn(1000, 1, |x, _| image::Rgb([x as u8; 3]));
        let window = Window {
            left: 4_000_000_000,
            top: 3_999_999,
            width: 4,
            height: 4,
        };
        let part = resize(&image, (8_000_000_000, 8_000_000), Filter::Bicubic, window);
        assert_eq!(part.get_pixel(0, 0).0, [244; 3]);
    }
}
