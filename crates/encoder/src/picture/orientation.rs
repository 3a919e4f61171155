//! How a picture has to be turned, as Pillow's `exif_transpose` finds it: EXIF first, or else XMP.
//!
//! The chunks are read here, not by the decoders: those stop before the pixels, know fewer places and fewer types.

use flate2::read::ZlibDecoder;
use image::ImageFormat;
use image::metadata::Orientation;
use std::io::Read;

use super::jpeg;

/// Most bytes of a compressed text, and of all of a picture: Pillow's `MAX_TEXT_CHUNK` and `MAX_TEXT_MEMORY`.
const MAX_TEXT: u64 = 1 << 20;
const MAX_TEXTS: u64 = 64 << 20;
/// The tag of the orientation.
const TAG: u16 = 0x0112;

/// What a picture's chunks say of it.
#[derive(Default)]
struct Said {
    /// A TIFF structure, perhaps behind `Exif\0\0`.
    exif: Option<Vec<u8>>,
    xmp: Option<Vec<u8>>,
}

/// How the picture in `bytes` has to be turned; what cannot be read of its chunks counts as absent.
pub(super) fn of(format: ImageFormat, bytes: &[u8]) -> Orientation {
    let said = match format {
        ImageFormat::Png => png(bytes),
        ImageFormat::Jpeg => jpeg(bytes),
        ImageFormat::WebP => webp(bytes),
        _ => Said::default(),
    };
    let number = match said
        .exif
        .as_deref()
        .map(without_prefix)
        .filter(|exif| !exif.is_empty())
    {
        Some(exif) => match of_exif(exif) {
            Tag::Number(number) => Some(number),
            Tag::Unusable => None,
            Tag::Absent => said.xmp.as_deref().and_then(of_xmp),
        },
        None => said.xmp.as_deref().and_then(of_xmp),
    };
    number
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms)
}

fn without_prefix(exif: &[u8]) -> &[u8] {
    let once = |data| <[u8]>::strip_prefix(data, b"Exif\0\0");
    let first = once(exif).unwrap_or(exif);
    if first.len() == exif.len() {
        exif
    } else {
        once(first).unwrap_or(first)
    }
}

/// What an EXIF block says of the orientation.
#[derive(Debug, PartialEq, Eq)]
enum Tag {
    Absent,
    /// It is there, of a type that is not a number, or the block is none; XMP is not asked then.
    Unusable,
    Number(u8),
}

/// The orientation in the first directory of a TIFF structure, by the rules of Pillow's `ImageFileDirectory_v2`.
fn of_exif(exif: &[u8]) -> Tag {
    let Some(tiff) = Tiff::of(exif) else {
        return Tag::Unusable;
    };
    tiff.orientation().unwrap_or(Tag::Absent)
}

/// A TIFF structure and the order of its bytes.
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let little = match bytes.get(..4)? {
            b"II\x2a\0" | b"II\0\x2a" => true,
            b"MM\0\x2a" | b"MM\x2a\0" | b"MM\0\x2b" => false,
            _ => return None,
        };
        bytes.get(4..8)?;
        Some(Self { bytes, little })
    }

    /// `N` bytes at a place, the most significant first.
    fn at<const N: usize>(&self, place: usize) -> Option<[u8; N]> {
        let mut bytes: [u8; N] = self.bytes.get(place..place.checked_add(N)?)?.try_into().ok()?;
        if self.little {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn short(&self, place: usize) -> Option<u16> {
        self.at(place).map(u16::from_be_bytes)
    }

    fn long(&self, place: usize) -> Option<u32> {
        self.at(place).map(u32::from_be_bytes)
    }

    /// The first entry of the tag; `None` where the directory ends before it, or a value beyond the end ends the reading.
    fn orientation(&self) -> Option<Tag> {
        let start = self.long(4)? as usize;
        let entries = usize::from(self.short(start)?);
        let mut held = 0;
        for entry in 0..entries {
            let place = start + 2 + entry * 12;
            self.at::<12>(place)?;
            let (tag, kind) = (self.short(place)?, self.short(place + 2)?);
            let Some(unit) = unit(kind) else { continue };
            let size = (self.long(place + 4)? as usize).saturating_mul(unit);
            let mut value = place + 8;
            if size > 4 {
                held = size.saturating_add(held);
                if held > self.bytes.len() {
                    continue;
                }
                value = self.long(place + 8)? as usize;
                self.bytes.get(value..value.checked_add(size)?)?;
            }
            if tag == TAG && size >= unit {
                // of several values the first counts
                return self.number(kind, value);
            }
        }
        None
    }

    /// The value of a type at a place, which counts where it is a small whole number.
    #[allow(clippy::cast_sign_loss, reason = "checked to be within a byte")]
    fn number(&self, kind: u16, place: usize) -> Option<Tag> {
        let value = match kind {
            3 => f64::from(self.short(place)?),
            4 | 13 => f64::from(self.long(place)?),
            5 => f64::from(self.long(place)?) / f64::from(self.long(place + 4)?),
            6 => f64::from(i8::from_be_bytes(self.at(place)?)),
            8 => f64::from(i16::from_be_bytes(self.at(place)?)),
            9 => f64::from(i32::from_be_bytes(self.at(place)?)),
            10 => {
                let part = |place| self.at(place).map(i32::from_be_bytes).map(f64::from);
                part(place)? / part(place + 4)?
            }
            11 => f64::from(f32::from_be_bytes(self.at(place)?)),
            12 => f64::from_be_bytes(self.at(place)?),
            16 => u64::from_be_bytes(self.at(place)?) as f64,
            // bytes and texts are not a number there, whatever they hold
            _ => return Some(Tag::Unusable),
        };
        let whole = value.fract() == 0.0 && (0.0..=255.0).contains(&value);
        Some(if whole {
            Tag::Number(value as u8)
        } else {
            Tag::Unusable
        })
    }
}

/// Bytes of a value of a type.
fn unit(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 => Some(8),
        _ => None,
    }
}

/// The digit behind the first `tiff:Orientation="` or `tiff:Orientation>`.
fn of_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len()).enumerate().find_map(|(at, window)| {
        let rest = (window == NAME).then(|| &xmp[at + NAME.len()..])?;
        let value = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
        value
            .first()
            .filter(|digit| digit.is_ascii_digit())
            .map(|digit| digit - b'0')
    })
}

/// Blocks behind one another are one block; the last XMP counts.
fn jpeg(bytes: &[u8]) -> Said {
    let mut said = Said::default();
    for (_, content) in jpeg::segments(bytes).filter(|(marker, _)| *marker == 0xe1) {
        if let Some(more) = content.strip_prefix(b"Exif\0\0") {
            match &mut said.exif {
                Some(exif) => exif.extend_from_slice(more),
                None => said.exif = Some(content.to_vec()),
            }
        } else if let Some(xmp) = content.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
            said.xmp = Some(xmp.to_vec());
        }
    }
    said
}

/// Chunks count where the header announces them: libwebp passes over others.
fn webp(bytes: &[u8]) -> Said {
    const EXIF: u8 = 0x08;
    const XMP: u8 = 0x04;
    let mut said = Said::default();
    let chunk = |at: usize| {
        let head = bytes.get(at..at + 8)?;
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        Some((&head[..4], bytes.get(at + 8..)?.get(..len)?))
    };
    let Some((b"VP8X", header)) = chunk(12) else {
        return said;
    };
    let flags = header.first().copied().unwrap_or_default();
    let mut at = 12;
    while let Some((name, content)) = chunk(at) {
        match name {
            b"EXIF" if flags & EXIF != 0 && !content.is_empty() => {
                said.exif.get_or_insert_with(|| content.to_vec());
            }
            b"XMP " if flags & XMP != 0 && !content.is_empty() => {
                said.xmp.get_or_insert_with(|| content.to_vec());
            }
            _ => {}
        }
        at += 8 + content.len() + content.len() % 2;
    }
    said
}

/// Keys of the texts that are read.
const EXIF: &[u8] = b"exif";
const PROFILE: &[u8] = b"Raw profile type exif";
const XMP: &[u8] = b"XML:com.adobe.xmp";

/// Chunks before and behind the pixels, a later one in place of an earlier one; those of an animation up to its second frame.
fn png(bytes: &[u8]) -> Said {
    let mut said = Said::default();
    let mut profile = None;
    let mut room = MAX_TEXTS;
    // frames that are announced, whether the first one is that of the file, and whether its pixels came
    let (mut frames, mut own, mut pixels) = (0, false, false);
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(content) = bytes.get(at + 8..).and_then(|rest| rest.get(..len)) else {
            break;
        };
        match &head[4..] {
            b"IEND" => break,
            b"IDAT" => pixels = true,
            b"acTL" if !pixels => {
                frames = content
                    .first_chunk()
                    .map_or(0, |frames| u32::from_be_bytes(*frames));
            }
            b"fcTL" if !pixels => own = true,
            b"fcTL" if frames > 1 || frames == 1 && !own => break,
            b"eXIf" => said.exif = Some([b"Exif\0\0", content].concat()),
            kind @ (b"tEXt" | b"zTXt" | b"iTXt") => {
                if let Some((key, text)) = text(kind, content, &mut room) {
                    match key {
                        EXIF if kind == b"tEXt" => said.exif = Some(text),
                        PROFILE => profile = Some(text),
                        XMP => said.xmp = Some(text),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        at += len + 12;
    }
    if said.exif.is_none() {
        said.exif = profile.as_deref().and_then(of_profile);
    }
    said
}

/// Key and text of a chunk, of which `room` bytes may still be packed; nothing for a key that is not read.
fn text<'a>(kind: &[u8], content: &'a [u8], room: &mut u64) -> Option<(&'a [u8], Vec<u8>)> {
    let cut = |bytes: &'a [u8]| {
        let end = bytes.iter().position(|&byte| byte == 0)?;
        Some((&bytes[..end], &bytes[end + 1..]))
    };
    let (key, rest) = cut(content)?;
    if ![EXIF, PROFILE, XMP].contains(&key) {
        return None;
    }
    let text = match kind {
        b"tEXt" => rest.to_vec(),
        b"zTXt" => inflated(rest.strip_prefix(&[0])?, room)?,
        _ => {
            let (flags, rest) = rest.split_at_checked(2)?;
            let (_language, rest) = cut(rest)?;
            let (_translated, text) = cut(rest)?;
            match flags {
                [0, _] => text.to_vec(),
                [_, 0] => inflated(text, room)?,
                _ => return None,
            }
        }
    };
    Some((key, text))
}

fn inflated(bytes: &[u8], room: &mut u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let most = MAX_TEXT.min(*room);
    let read = ZlibDecoder::new(bytes).take(most + 1).read_to_end(&mut text);
    *room = room.saturating_sub(text.len() as u64);
    (read.ok()? as u64 <= most).then_some(text)
}

/// The bytes that ImageMagick writes in hexadecimal behind three lines.
fn of_profile(profile: &[u8]) -> Option<Vec<u8>> {
    let lines = profile.split(|&byte| byte == b'\n').skip(3);
    let digits = lines.flatten().filter(|byte| !byte.is_ascii_whitespace());
    let digits: Vec<u8> = digits
        .map(|&byte| char::from(byte).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    /// A PNG with texts of `blanks` megabytes in all before one with the orientation.
    fn packed(blanks: usize) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut put = |text: &[u8]| {
            let mut packed = ZlibEncoder::new(b"XML:com.adobe.xmp\0\0".to_vec(), Compression::fast());
            packed.write_all(text).unwrap();
            let content = packed.finish().unwrap();
            bytes.extend((content.len() as u32).to_be_bytes());
            bytes.extend(b"zTXt");
            bytes.extend(content);
            bytes.extend([0; 4]);
        };
        for _ in 0..blanks {
            put(&vec![b' '; 1 << 20]);
        }
        put(b"tiff:Orientation=\"6\"");
        bytes
    }

    /// A chunk of odd length has one more byte behind it (the specification of RIFF and WebP).
    #[test]
    fn chunks_of_odd_length_are_padded() {
        const EXIF: u8 = 0x08;
        let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let mut bytes = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0".to_vec();
        bytes.extend([EXIF, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(b"ICCP\x03\0\0\0abc\0");
        bytes.extend(b"EXIF");
        bytes.extend((tiff.len() as u32).to_le_bytes());
        bytes.extend(tiff);
        assert_eq!(of(ImageFormat::WebP, &bytes), Orientation::Rotate90);
    }

    #[test]
    fn texts_are_unpacked_up_to_a_bound() {
        let turned = |blanks| of(ImageFormat::Png, &packed(blanks));
        assert_eq!(turned(3), Orientation::Rotate90);
        assert_eq!(turned(64), Orientation::NoTransforms);
    }
}
