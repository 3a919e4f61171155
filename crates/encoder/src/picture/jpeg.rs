//! What a JPEG says of itself between its markers.

/// What the header of a JPEG's frame says.
pub(super) struct Frame {
    /// Colour components.
    pub(super) components: u8,
    /// Whether its values come in several scans, so that all of them are held until the last.
    pub(super) progressive: bool,
}

/// The frame's header of a JPEG.
pub(super) fn frame(bytes: &[u8]) -> Option<Frame> {
    let (marker, header) = segments(bytes).find(|(marker, _)| is_frame(*marker))?;
    Some(Frame {
        components: *header.get(5)?,
        progressive: marker == 0xc2,
    })
}

/// Whether a JPEG of three components is YCbCr by the rule of libjpeg and RGB by that of the decoder here: a JFIF mark comes
/// before Adobe's, and Adobe's before the names of the components.
pub(super) fn is_mistaken_for_rgb(bytes: &[u8]) -> bool {
    let (mut jfif, mut adobe, mut names) = (false, None, None);
    for (marker, content) in segments(bytes) {
        match marker {
            0xe0 if content.starts_with(b"JFIF\0") && content.len() >= 12 => jfif = true,
            0xee if content.starts_with(b"Adobe") => adobe = content.get(11).copied().or(adobe),
            _ if is_frame(marker) => {
                let names_of = |frame: &[u8]| Some([*frame.get(6)?, *frame.get(9)?, *frame.get(12)?]);
                names = names_of(content).filter(|_| content.get(5) == Some(&3));
            }
            _ => {}
        }
    }
    let Some(names) = names else { return false };
    let decoded = adobe == Some(0) || names == *b"RGB";
    let rgb = !jfif && (adobe == Some(0) || (adobe.is_none() && names == *b"RGB"));
    decoded && !rgb
}

/// Makes RGB of pixels that hold Y, Cb and Cr, with the rounding of libjpeg.
pub(super) fn to_rgb(pixels: &mut image::RgbImage) {
    const HALF: i32 = 1 << 15;
    // 1.402, 1.772, 0.34414 and 0.71414 in 16 bits behind the point
    for pixel in pixels.pixels_mut() {
        let [y, cb, cr] = pixel.0.map(i32::from);
        let (cb, cr) = (cb - 128, cr - 128);
        let colours = [
            y + ((91_881 * cr + HALF) >> 16),
            y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16),
            y + ((116_130 * cb + HALF) >> 16),
        ];
        #[allow(clippy::cast_sign_loss, reason = "bounded by 0 and 255")]
        let colours = colours.map(|colour| colour.clamp(0, 255) as u8);
        pixel.0 = colours;
    }
}

/// Whether a marker begins the header of a frame, but no tables.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// Markers with the bytes of their segments up to the first scan; bytes between segments are passed over.
pub(super) fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        loop {
            match *bytes.get(at..at + 2)? {
                // the end, the beginning of a scan
                [0xff, 0xd9 | 0xda] => return None,
                // padding, and markers without a length
                [0xff, 0x00 | 0x01 | 0xd0..=0xd8] => at += 2,
                [0xff, marker] if marker != 0xff => {
                    let length = bytes.get(at + 2..at + 4)?;
                    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                    let content = bytes.get(at + 4..at + 2 + length.max(2))?;
                    at += 2 + length.max(2);
                    return Some((marker, content));
                }
                _ => at += 1,
            }
        }
    })
}

/// Whether a JPEG has the mark of its end behind its last scan; without it Pillow calls it truncated.
pub(super) fn has_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
        match marker {
            0xff => at += 1,
            0xd9 => return true,
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => {
                let Some(length) = bytes.get(at + 2..at + 4) else {
                    return false;
                };
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                if marker == 0xda {
                    at += scan(bytes.get(at..).unwrap_or_default());
                }
            }
        }
    }
    false
}

/// Bytes of a scan's data up to the next marker; in it 0xff stands before 0x00 or a restart only.
fn scan(data: &[u8]) -> usize {
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    data.windows(2).position(ends).unwrap_or(data.len())
}
