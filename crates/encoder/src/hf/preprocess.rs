//! Pixels as an encoder was trained on them: every key of its image processor obeyed, or refused by name.
//!
//! The steps and their rounding are those of the processors of `transformers` 5 on Pillow: scale, cut, multiply, normalise.

use std::path::Path;

use image::RgbImage;
use serde_json::{Value, json};

use super::keys::{Keys, whole};
use super::steps::refuse_unknown;
use crate::error::Result;
use crate::picture::{Filter, Transparency, Window, resize};

/// What the classes of processors take where a file is silent.
struct Class {
    /// Whether the shorter side is scaled and the middle cut out, instead of a square made of all.
    crops: bool,
    /// Whether one number means a square.
    square: bool,
    filter: u64,
    mean: [f32; 3],
    deviation: [f32; 3],
    converts: bool,
}

const HALF: [f32; 3] = [0.5; 3];
const CLIP: Class = Class {
    crops: true,
    square: false,
    filter: 3,
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    deviation: [0.268_629_54, 0.261_302_6, 0.275_777_1],
    converts: true,
};
const SIGLIP: Class = Class {
    crops: false,
    square: false,
    filter: 3,
    mean: HALF,
    deviation: HALF,
    converts: true,
};
const VIT: Class = Class {
    square: true,
    filter: 2,
    converts: false,
    ..SIGLIP
};

/// How an image is prepared.
#[derive(Debug)]
pub(super) struct Preprocess {
    /// Pixels of the side that the model takes.
    side: u32,
    scale: Option<(Target, Filter)>,
    /// Height and width of what is cut out of the middle.
    crop: Option<(u32, u32)>,
    factor: Option<f64>,
    normalize: Option<([f32; 3], [f32; 3])>,
    pub transparency: Transparency,
    /// Whether half a pixel beside the middle is rounded to even, as in torchvision, instead of down.
    to_even: bool,
}

/// Which size an image is scaled to.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// Height and width.
    Exact(u32, u32),
    /// The shorter side, in the image's own shape.
    Shortest(u32),
    /// The shorter side, unless the longer one would become longer than the second.
    Between(u32, u32),
}

/// Steps that a flag turns on, and what they need.
const STEPS: [(&str, &[&str]); 4] = [
    ("do_resize", &["size", "resample"]),
    ("do_center_crop", &["crop_size"]),
    ("do_rescale", &["rescale_factor"]),
    ("do_normalize", &["image_mean", "image_std"]),
];

impl Preprocess {
    /// What `processor_config.json` says, or `preprocessor_config.json`; the class of `model` where both are silent.
    pub fn open(folder: &Path, model: &str, side: usize) -> Result<Self> {
        let nested = Keys::open_if_there(&folder.join("processor_config.json"))?;
        let nested = nested.filter(|keys| keys.get("image_processor").is_some());
        let keys = match nested {
            Some(keys) => Some(keys.object("image_processor", "image_processor.")?),
            None => Keys::open_if_there(&folder.join("preprocessor_config.json"))?,
        };
        let side = u32::try_from(side).expect("a side is checked where it is read");
        let of_model = if model == "siglip" { &SIGLIP } else { &CLIP };
        match keys {
            Some(keys) => Self::read(&keys, of_model, side),
            None => Ok(Self {
                side,
                scale: Some((of_model.target(side), Filter::Bicubic)),
                crop: of_model.crops.then_some((side, side)),
                factor: Some(1.0 / 255.0),
                normalize: Some((of_model.mean, of_model.deviation)),
                transparency: Transparency::KeyOnWhite,
                to_even: false,
            }),
        }
    }

    fn read(keys: &Keys, of_model: &Class, side: u32) -> Result<Self> {
        // older files name a feature extractor, which counts where no image processor is named
        let names = ["image_processor_type", "feature_extractor_type"];
        let named = match names.into_iter().find(|key| keys.get(key).is_some()) {
            Some(key) => keys.text(key)?.map(|name| (key, name)),
            None => None,
        };
        let class = match named {
            Some((key, name)) => class_of(name).ok_or_else(|| {
                let known = "CLIPImageProcessor, SiglipImageProcessor or ViTImageProcessor";
                keys.wrong(key, &json!(name), known)
            })?,
            None => of_model,
        };
        refuse_unknown(keys, known)?;
        for (key, read) in [
            ("do_pad", json!(false)),
            ("use_square_size", json!(false)),
            ("data_format", json!("channels_first")),
            ("input_data_format", json!("channels_first")),
        ] {
            keys.only(key, &[read])?;
        }
        for (step, keys_of_step) in STEPS {
            let on = keys.truth(step, step != "do_center_crop" || class.crops)?;
            if let Some(key) = keys_of_step.iter().find(|key| on && keys.is_null(key)) {
                return Err(keys.bad(format!("{key} is null, and {step} needs it")));
            }
        }
        let square = keys.flag("default_to_square", class.square)?;
        let scale = if keys.truth("do_resize", true)? {
            let target = match keys.get("size") {
                Some(value) => target(keys, value, square)?,
                None => class.target(224),
            };
            let number = keys.get("resample").cloned().unwrap_or(json!(class.filter));
            let filter = number.as_u64().and_then(Filter::of_pillow).ok_or_else(|| {
                let known = "one of Pillow's numbers, 0 (nearest), 1 (Lanczos), 2 (bilinear), 3 (bicubic), 4 (box), \
                             5 (Hamming)";
                keys.wrong("resample", &number, known)
            })?;
            Some((target, filter))
        } else {
            None
        };
        let crop = if keys.truth("do_center_crop", class.crops)? {
            Some(match keys.get("crop_size") {
                Some(value) => crop(keys, value)?,
                None => (224, 224),
            })
        } else {
            None
        };
        let factor = if keys.truth("do_rescale", true)? {
            Some(keys.positive("rescale_factor", 1.0 / 255.0)?)
        } else {
            None
        };
        let normalize = if keys.truth("do_normalize", true)? {
            let mean = channels(keys, "image_mean", class.mean, |_| true)?;
            let deviation = channels(keys, "image_std", class.deviation, |value| value != 0.0)?;
            Some((mean, deviation))
        } else {
            None
        };
        let fixed = match (crop, scale) {
            (Some(crop), _) => Some(("crop_size", crop)),
            (None, Some((Target::Exact(height, width), _))) => Some(("size", (height, width))),
            _ => None,
        };
        if let Some((key, (height, width))) = fixed
            && (height, width) != (side, side)
        {
            return Err(keys.bad(format!(
                "{key} gives pictures of {width} × {height}, the model takes {side} × {side}"
            )));
        }
        Ok(Self {
            side,
            scale,
            crop,
            factor,
            normalize,
            transparency: if keys.truth("do_convert_rgb", class.converts)? {
                Transparency::KeyOnWhite
            } else {
                Transparency::Dropped
            },
            to_even: false,
        })
    }

    /// `preprocess_cfg` of open_clip, whose steps are torchvision's on Pillow.
    pub fn of_open_clip(keys: &Keys, side: usize) -> Result<Self> {
        refuse_unknown(keys, |key| {
            matches!(
                key,
                "size" | "mode" | "mean" | "std" | "interpolation" | "resize_mode" | "fill_color"
            )
        })?;
        keys.only("mode", &[json!("RGB")])?;
        keys.only("size", &[json!(side), json!([side, side])])?;
        keys.only("interpolation", &[json!("bicubic"), json!("bilinear")])?;
        keys.only("resize_mode", &[json!("shortest"), json!("squash")])?;
        let side = u32::try_from(side).expect("a side is checked where it is read");
        let filter = if keys.text("interpolation")? == Some("bilinear") {
            Filter::Bilinear
        } else {
            Filter::Bicubic
        };
        let squash = keys.text("resize_mode")? == Some("squash");
        let target = if squash {
            Target::Exact(side, side)
        } else {
            Target::Shortest(side)
        };
        let mean = channels(keys, "mean", CLIP.mean, |_| true)?;
        let deviation = channels(keys, "std", CLIP.deviation, |value| value != 0.0)?;
        Ok(Self {
            side,
            scale: Some((target, filter)),
            crop: (!squash).then_some((side, side)),
            factor: Some(1.0 / 255.0),
            normalize: Some((mean, deviation)),
            transparency: Transparency::Dropped,
            to_even: true,
        })
    }

    /// side × side × 3 values, channels last; a sentence for a picture that does not become so.
    pub fn pixels(&self, image: &RgbImage) -> std::result::Result<Vec<f32>, String> {
        let (from_width, from_height) = image.dimensions();
        let size = self.size_of(from_width, from_height);
        let (width, height) = size;
        if width == 0 || height == 0 {
            return Err(format!(
                "{from_width} × {from_height} pixels become {width} × {height} by this encoder's preparation"
            ));
        }
        let (crop_height, crop_width) = match self.crop {
            Some((height, width)) => (u64::from(height), u64::from(width)),
            None => (height, width),
        };
        let side = u64::from(self.side);
        if (crop_width, crop_height) != (side, side) {
            return Err(format!(
                "{from_width} × {from_height} pixels become {crop_width} × {crop_height} by this encoder's preparation, \
                 which does not cut; the model takes {side} × {side}"
            ));
        }
        let (across, down) = (
            Cut::of(width, crop_width, self.to_even),
            Cut::of(height, crop_height, self.to_even),
        );
        let window = Window {
            left: across.first,
            top: down.first,
            width: across.count,
            height: down.count,
        };
        let filter = self.scale.map_or(Filter::Nearest, |(_, filter)| filter);
        let seen = resize(image, size, filter, window);
        // what a small picture leaves free is black before it is normalised
        let mut pixels = vec![0_u8; (side * side * 3) as usize];
        for (y, row) in seen.as_raw().chunks_exact(seen.width() as usize * 3).enumerate() {
            let at = ((down.free as usize + y) * self.side as usize + across.free as usize) * 3;
            pixels[at..at + row.len()].copy_from_slice(row);
        }
        Ok(pixels
            .into_iter()
            .enumerate()
            .map(|(at, value)| self.value(value, at % 3))
            .collect())
    }

    fn value(&self, value: u8, channel: usize) -> f32 {
        let value = match self.factor {
            Some(factor) => (f64::from(value) * factor) as f32,
            None => f32::from(value),
        };
        match self.normalize {
            Some((mean, deviation)) => (value - mean[channel]) / deviation[channel],
            None => value,
        }
    }

    /// Width and height that a picture is scaled to.
    #[allow(clippy::cast_sign_loss, reason = "sides are positive")]
    fn size_of(&self, width: u32, height: u32) -> (u64, u64) {
        let (width, height) = (u64::from(width), u64::from(height));
        let Some((target, _)) = self.scale else {
            return (width, height);
        };
        let (short, long) = (width.min(height), width.max(height));
        let (new_short, new_long) = match target {
            Target::Exact(height, width) => return (width.into(), height.into()),
            // as Python computes it, by a quotient of floats
            Target::Shortest(edge) => (
                u64::from(edge),
                (f64::from(edge) * long as f64 / short as f64).floor() as u64,
            ),
            Target::Between(edge, most) => between(short, long, edge, most),
        };
        if width <= height {
            (new_short, new_long)
        } else {
            (new_long, new_short)
        }
    }
}

/// `get_size_with_aspect_ratio` of `transformers`: the shorter and the longer side.
#[allow(clippy::cast_sign_loss, reason = "sides are positive")]
fn between(short: u64, long: u64, edge: u32, most: u32) -> (u64, u64) {
    let (min, max) = (short as f64, long as f64);
    let mut edge = f64::from(edge);
    let mut raw = edge;
    if max / min * edge > f64::from(most) {
        raw = f64::from(most) * min / max;
        edge = raw.round_ties_even();
    }
    if min == edge {
        return (short, long);
    }
    (edge as u64, (raw * max / min).floor() as u64)
}

impl Class {
    fn target(&self, side: u32) -> Target {
        if self.crops {
            Target::Shortest(side)
        } else {
            Target::Exact(side, side)
        }
    }
}

/// What a middle of `crop` takes of a side of `full`, and what stays free before it.
struct Cut {
    first: u64,
    count: u32,
    free: u64,
}

impl Cut {
    fn of(full: u64, crop: u64, to_even: bool) -> Self {
        if full >= crop {
            let beside = full - crop;
            // 1.5 becomes 1 or 2, 2.5 becomes 2 either way
            let up = u64::from(to_even && beside % 4 == 3);
            Self {
                first: beside / 2 + up,
                count: crop as u32,
                free: 0,
            }
        } else {
            Self {
                first: 0,
                count: full as u32,
                free: (crop - full).div_ceil(2),
            }
        }
    }
}

fn class_of(name: &str) -> Option<&'static Class> {
    match name.trim_end_matches("Fast").trim_end_matches("Pil") {
        "CLIPImageProcessor" | "CLIPFeatureExtractor" => Some(&CLIP),
        "SiglipImageProcessor" => Some(&SIGLIP),
        "ViTImageProcessor" | "ViTFeatureExtractor" => Some(&VIT),
        _ => None,
    }
}

/// Keys that are obeyed, refused above by their values, or change no row.
fn known(key: &str) -> bool {
    matches!(
        key,
        "image_processor_type"
            | "feature_extractor_type"
            | "processor_class"
            | "_valid_processor_keys"
            | "do_resize"
            | "size"
            | "resample"
            | "default_to_square"
            | "do_center_crop"
            | "crop_size"
            | "do_rescale"
            | "rescale_factor"
            | "do_normalize"
            | "image_mean"
            | "image_std"
            | "do_convert_rgb"
            | "do_pad"
            | "use_square_size"
            | "data_format"
            | "input_data_format"
            | "return_tensors"
            | "device"
            | "disable_grouping"
            | "use_fast"
            | "backend"
    )
}

fn side_of(value: &Value) -> Option<u32> {
    whole(value)
        .and_then(|side| u32::try_from(side).ok())
        .filter(|&side| side <= 1 << 14)
}

/// `size`: one number, height and width, or the shorter side with or without a bound of the longer one.
fn target(keys: &Keys, value: &Value, square: bool) -> Result<Target> {
    let found = match value {
        Value::Number(_) => side_of(value).map(|side| {
            if square {
                Target::Exact(side, side)
            } else {
                Target::Shortest(side)
            }
        }),
        Value::Array(_) => pair(value).map(|(height, width)| Target::Exact(height, width)),
        Value::Object(map) => {
            let given = map.iter().filter(|(_, value)| !value.is_null());
            let mut names: Vec<&str> = given.map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            match &names[..] {
                ["height", "width"] => side_of(&map["height"])
                    .zip(side_of(&map["width"]))
                    .map(|(height, width)| Target::Exact(height, width)),
                ["shortest_edge"] => side_of(&map["shortest_edge"]).map(Target::Shortest),
                ["longest_edge", "shortest_edge"] => side_of(&map["shortest_edge"])
                    .zip(side_of(&map["longest_edge"]))
                    .map(|(short, long)| Target::Between(short, long)),
                _ => None,
            }
        }
        _ => None,
    };
    found.ok_or_else(|| {
        let expected = "a number of pixels, height and width, or shortest_edge (with or without longest_edge), \
                        each from 1 to 16384";
        keys.wrong("size", value, expected)
    })
}

/// `crop_size`: one number, or height and width.
fn crop(keys: &Keys, value: &Value) -> Result<(u32, u32)> {
    let found = match value {
        Value::Number(_) => side_of(value).map(|side| (side, side)),
        Value::Array(_) => pair(value),
        Value::Object(map) if map.values().filter(|value| !value.is_null()).count() == 2 => {
            let side = |name: &str| map.get(name).and_then(side_of);
            side("height").zip(side("width"))
        }
        _ => None,
    };
    found.ok_or_else(|| keys.wrong("crop_size", value, "a number of pixels, or height and width"))
}

/// Height and width.
fn pair(value: &Value) -> Option<(u32, u32)> {
    match &value.as_array()?[..] {
        [height, width] => side_of(height).zip(side_of(width)),
        _ => None,
    }
}

/// Three numbers, or one for all three channels.
fn channels(keys: &Keys, key: &str, default: [f32; 3], fits: impl Fn(f32) -> bool) -> Result<[f32; 3]> {
    let Some(value) = keys.get(key) else {
        return Ok(default);
    };
    let number = |value: &Value| {
        let number = value.as_f64()? as f32;
        (number.is_finite() && fits(number)).then_some(number)
    };
    let found = match value {
        Value::Array(values) => match &values[..] {
            [red, green, blue] => number(red)
                .zip(number(green))
                .zip(number(blue))
                .map(|((red, green), blue)| [red, green, blue]),
            _ => None,
        },
        other => number(other).map(|number| [number; 3]),
    };
    found.ok_or_else(|| keys.wrong(key, value, "three finite numbers, or one; a deviation is not 0"))
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::{Cut, Preprocess, Target};
    use crate::picture::{Filter, Transparency};

    /// transformers says of it: height and width must be > 0.
    #[test]
    fn a_picture_that_is_scaled_to_nothing_is_refused() {
        for (width, height) in [(300, 3), (3, 300)] {
            let preprocess = Preprocess {
                side: 8,
                scale: Some((Target::Between(6, 8), Filter::Bicubic)),
                crop: Some((8, 8)),
                factor: None,
                normalize: None,
                transparency: Transparency::Dropped,
                to_even: false,
            };
            let error = preprocess.pixels(&RgbImage::new(width, height)).unwrap_err();
            assert!(error.contains("become"), "{error}");
        }
    }

    /// NumPy's `(full - crop) // 2` of transformers' own processors, and Python's `round((full - crop) / 2)` of torchvision,
    /// which rounds halves to even; a small picture is padded by `ceil((crop - full) / 2)` before it.
    #[test]
    fn the_middle_of_an_odd_remainder_is_that_of_the_processor() {
        for (full, down, to_even) in [
            (40, 0, 0),
            (41, 0, 0),
            (42, 1, 1),
            (43, 1, 2),
            (45, 2, 2),
            (47, 3, 4),
        ] {
            for (rounds, first) in [(false, down), (true, to_even)] {
                let cut = Cut::of(full, 40, rounds);
                assert_eq!(
                    (cut.first, cut.count, cut.free),
                    (first, 40, 0),
                    "{full} {rounds}"
                );
            }
        }
        for (full, free) in [(39, 1), (38, 1), (37, 2)] {
            let cut = Cut::of(full, 40, false);
            assert_eq!((cut.first, u64::from(cut.count), cut.free), (0, full, free));
        }
    }
}
