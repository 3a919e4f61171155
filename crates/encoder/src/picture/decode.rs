//! Decoding: upright RGB of eight bits, as Pillow and `load_image` of `transformers` give it.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::in_flight::{Held, hold};
use super::{bytes, jpeg, orientation};
use crate::data::ImagePlace;
use crate::error::{EncoderError, Result};

/// Most pixels of a picture: above this Pillow warns of a decompression bomb.
const MAX_PIXELS: u64 = 89_478_485;
/// Longest side; JPEG knows no longer one.
const MAX_SIDE: u32 = 65_535;
/// Largest ratio of the sides.
const MAX_RATIO: u32 = 1000;
/// Most bytes of the decoded pixels, and of what is held beside them until they are decoded.
const MAX_DECODED: u64 = 384 << 20;

/// What becomes of pixels that are transparent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transparency {
    /// Colours count as they stand in the file, as in `load_image` of `transformers` (Pillow's `convert('RGB')`).
    Dropped,
    /// Likewise, but the one colour that a PNG without an alpha channel may call transparent is white: what `load_image`
    /// and a processor with `do_convert_rgb` make of it together.
    KeyOnWhite,
    /// All are laid on white: how encoders that are trained here see pictures.
    OnWhite,
}

/// A decoded picture, which counts as held until it is dropped.
pub struct Decoded {
    /// Its pixels.
    pub image: RgbImage,
    _held: Held,
}

/// Reads a picture: the first frame, turned as its EXIF or XMP orientation says, in RGB.
///
/// # Errors
/// `BAD_IMAGE` with the file's name: no PNG, JPEG or WebP, too large, no regular file, damaged, or of a kind that Pillow
/// would not show as it is (CMYK, 16-bit grey).
pub fn decode(place: &ImagePlace, transparency: Transparency) -> Result<Decoded> {
    let bytes = bytes::read(place)?;
    let decoded = decode_bytes(&bytes, transparency);
    decoded.map_err(|reason| EncoderError::BadImage {
        file: place.shown(),
        reason,
    })
}

type Parsed<T> = std::result::Result<T, String>;

fn decode_bytes(bytes: &[u8], transparency: Transparency) -> Parsed<Decoded> {
    let said = |error: image::ImageError| error.to_string();
    let format = image::guess_format(bytes).map_err(|_| not_read(bytes))?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP) {
        return Err(format!("it is {format:?}; {CONVERT}"));
    }
    refuse_kinds(format, bytes)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(said)?;
    let (width, height) = decoder.dimensions();
    let pixels = decoder.total_bytes();
    let decoded = pixels.saturating_add(beside(
        format,
        bytes,
        pixels,
        u64::from(width) * u64::from(height),
    ));
    bounded(width, height, decoded)?;
    let held = hold(decoded + pixels + bytes.len() as u64);
    let turned = orientation::of(format, bytes);
    let mut image = DynamicImage::from_decoder(decoder).map_err(said)?;
    image.apply_orientation(turned);
    let mut image = rgb(image, transparency);
    if format == ImageFormat::Jpeg && jpeg::is_mistaken_for_rgb(bytes) {
        jpeg::to_rgb(&mut image);
    }
    if transparency == Transparency::KeyOnWhite
        && let Some(key) = key_colour(format, bytes)
    {
        image
            .pixels_mut()
            .filter(|pixel| pixel.0 == key)
            .for_each(|pixel| pixel.0 = [255; 3]);
    }
    Ok(Decoded { image, _held: held })
}

/// Bytes that a decoder holds beside its pixels until they are decoded.
fn beside(format: ImageFormat, bytes: &[u8], decoded: u64, pixels: u64) -> u64 {
    match format {
        // two bytes of each value until the last scan
        ImageFormat::Jpeg if jpeg::frame(bytes).is_some_and(|frame| frame.progressive) => {
            decoded.saturating_mul(2)
        }
        // four channels, whatever is asked for
        ImageFormat::WebP => pixels.saturating_mul(4),
        _ => 0,
    }
}

const CONVERT: &str = "PNG, JPEG and WebP are read: convert it, with Pillow for example: \
    Image.open(path).convert('RGB').save('picture.png')";

/// Kinds that are known by their first bytes only.
fn not_read(bytes: &[u8]) -> String {
    match bytes {
        [] => "it is empty".to_owned(),
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', ..] => format!("it is JPEG XL; {CONVERT}"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', ..] => format!("it is HEIC; {CONVERT}"),
        [b'<', ..] => format!("it is XML or SVG; {CONVERT}"),
        _ => "it is neither PNG nor JPEG nor WebP".to_owned(),
    }
}

fn bounded(width: u32, height: u32, decoded: u64) -> Parsed<()> {
    let pixels = u64::from(width) * u64::from(height);
    let (short, long) = (width.min(height), width.max(height));
    let reason = if short == 0 {
        "it has no pixels".to_owned()
    } else if long > MAX_SIDE {
        format!("it has {width} × {height} pixels; a side has at most {MAX_SIDE}")
    } else if pixels > MAX_PIXELS {
        format!("it has {width} × {height} pixels; at most {MAX_PIXELS} in all are decoded")
    } else if decoded > MAX_DECODED {
        format!("its {width} × {height} pixels take {decoded} bytes; at most {MAX_DECODED} are decoded")
    } else if long / short > MAX_RATIO {
        format!("it has {width} × {height} pixels; one side is at most {MAX_RATIO} times the other")
    } else {
        return Ok(());
    };
    Err(reason)
}

/// Refuses what would not look as it is meant to.
fn refuse_kinds(format: ImageFormat, bytes: &[u8]) -> Parsed<()> {
    match format {
        // bit depth and colour type of the header
        ImageFormat::Png if bytes.get(24..26) == Some(&[16, 0]) => Err(
            "it is grey of 16 bits, whose values Pillow and transformers cut off at 255; convert it to 8 bits".to_owned(),
        ),
        ImageFormat::Jpeg if jpeg::frame(bytes).is_some_and(|frame| frame.components == 4) => {
            Err(format!("it is CMYK, whose colours need a profile; {CONVERT}"))
        }
        // the decoder would fill what is missing with grey
        ImageFormat::Jpeg if !jpeg::has_end(bytes) => {
            Err("it is truncated: the mark of its end is missing".to_owned())
        }
        _ => Ok(()),
    }
}

/// The colour that a PNG of eight bits at most calls transparent: of a palette if it is the only one and wholly so.
fn key_colour(format: ImageFormat, bytes: &[u8]) -> Option<[u8; 3]> {
    if format != ImageFormat::Png || *bytes.get(24)? > 8 {
        return None;
    }
    let kind = *bytes.get(25)?;
    let mut palette = None;
    let mut at = 8;
    loop {
        let head = bytes.get(at..at + 8)?;
        let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let data = bytes.get(at + 8..)?.get(..len)?;
        match (&head[4..], kind) {
            (b"PLTE", _) => palette = Some(data),
            (b"tRNS", 0) => return Some([*data.get(1)?; 3]),
            (b"tRNS", 2) => return Some([*data.get(1)?, *data.get(3)?, *data.get(5)?]),
            (b"tRNS", 3) => {
                let mut clear = (0..len).filter(|&entry| data[entry] == 0);
                let (entry, second) = (clear.next()?, clear.next());
                let rest_is_opaque = data.iter().all(|&alpha| alpha == 0 || alpha == 255);
                let colour = palette?.get(entry * 3..entry * 3 + 3)?;
                return (second.is_none() && rest_is_opaque).then(|| [colour[0], colour[1], colour[2]]);
            }
            (b"IDAT" | b"IEND", _) => return None,
            _ => {}
        }
        at += len + 12;
    }
}

/// Eight bits a channel; of sixteen the upper eight, as Pillow reads them.
fn rgb(image: DynamicImage, transparency: Transparency) -> RgbImage {
    match (image, transparency) {
        (DynamicImage::ImageRgb8(image), _) => image,
        (image, Transparency::OnWhite) => on_white(image),
        (DynamicImage::ImageRgba8(image), _) => {
            copied(image.dimensions(), image.as_raw(), 4, |p| [p[0], p[1], p[2]])
        }
        (DynamicImage::ImageLumaA8(image), _) => copied(image.dimensions(), image.as_raw(), 2, |p| [p[0]; 3]),
        (DynamicImage::ImageLumaA16(image), _) => {
            copied(image.dimensions(), image.as_raw(), 2, |p| [(p[0] >> 8) as u8; 3])
        }
        (DynamicImage::ImageRgb16(image), _) => copied(image.dimensions(), image.as_raw(), 3, upper),
        (DynamicImage::ImageRgba16(image), _) => copied(image.dimensions(), image.as_raw(), 4, upper),
        (other, _) => other.into_rgb8(),
    }
}

fn upper(pixel: &[u16]) -> [u8; 3] {
    [0, 1, 2].map(|channel: usize| (pixel[channel] >> 8) as u8)
}

fn copied<T>(
    (width, height): (u32, u32),
    values: &[T],
    channels: usize,
    of: impl Fn(&[T]) -> [u8; 3],
) -> RgbImage {
    let mut pixels = Vec::with_capacity(values.len() / channels * 3);
    for pixel in values.chunks_exact(channels) {
        pixels.extend_from_slice(&of(pixel));
    }
    RgbImage::from_raw(width, height, pixels).expect("three values a pixel")
}

fn on_white(image: DynamicImage) -> RgbImage {
    let image = image.into_rgba8();
    copied(image.dimensions(), image.as_raw(), 4, |pixel| {
        let alpha = u32::from(pixel[3]);
        // a mean of two bytes, rounded
        [pixel[0], pixel[1], pixel[2]]
            .map(|channel| ((u32::from(channel) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
    })
}
