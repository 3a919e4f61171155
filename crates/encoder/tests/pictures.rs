//! Pictures of every kind against Pillow and `load_image` of transformers (`fixtures/make_pictures.py`), and hostile ones.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use modality_gap_encoder::data::ImagePlace;
use modality_gap_encoder::picture::{Transparency, decode};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures")
}

fn refused(file: &Path) -> String {
    let place = ImagePlace::File(file.to_owned());
    let error = decode(&place, Transparency::Dropped).err().expect("refused");
    assert_eq!(error.code(), "BAD_IMAGE", "{error}");
    assert_eq!(error.file(), Some(file));
    error.to_string()
}

/// Equal to the bit where the format is lossless; JPEG decoders differ by a few steps of rounding.
#[test]
fn pictures_are_those_of_pillow() {
    let expected = candle_core::safetensors::load(fixtures().join("expected.safetensors"), &Device::Cpu);
    let mut wrong = Vec::new();
    for (name, expected) in expected.unwrap() {
        let place = ImagePlace::File(fixtures().join(&name));
        let image = match decode(&place, Transparency::KeyOnWhite) {
            Ok(decoded) => decoded.image,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let (width, height) = image.dimensions();
        if expected.dims() != [height as usize, width as usize, 3] {
            wrong.push(format!("{name}: {width} × {height}, not {:?}", expected.dims()));
            continue;
        }
        let expected: Vec<u8> = Tensor::flatten_all(&expected).unwrap().to_vec1().unwrap();
        let difference = image.as_raw().iter().zip(&expected).map(|(a, b)| a.abs_diff(*b));
        let most = if Path::new(&name).extension().is_some_and(|kind| kind == "jpg") {
            3
        } else {
            0
        };
        let found = difference.max().unwrap();
        if found > most {
            wrong.push(format!("{name}: differs by {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kinds_that_would_look_otherwise_are_refused_by_name() {
    for (name, said) in [
        ("refused-grey-16.png", "grey of 16 bits"),
        ("refused-cmyk.jpg", "CMYK"),
        ("refused.gif", "it is Gif; PNG, JPEG and WebP are read"),
        ("refused.bmp", "it is Bmp; PNG, JPEG and WebP are read"),
        ("refused.tiff", "it is Tiff; PNG, JPEG and WebP are read"),
    ] {
        let error = refused(&fixtures().join(name));
        assert!(error.contains(said), "{error}");
    }
}

/// Pillow refuses a JPEG without the mark of its end, too; what stands behind the mark does not count.
#[test]
fn a_jpeg_that_is_cut_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jpg");
    for name in ["colour.jpg", "progressive.jpg", "turned-6.jpg"] {
        let good = fs::read(fixtures().join(name)).unwrap();
        for kept in [
            good.len() - 1,
            good.len() - 2,
            good.len() - 20,
            good.len() * 2 / 3,
        ] {
            fs::write(&file, &good[..kept]).unwrap();
            let error = refused(&file);
            assert!(error.contains("truncated"), "{name}: {error}");
        }
        fs::write(&file, [&good[..], b"more"].concat()).unwrap();
        assert!(
            decode(&ImagePlace::File(file.clone()), Transparency::Dropped).is_ok(),
            "{name}"
        );
        // a picture within, as cameras put one: its end is not the end
        let small = [b"\xff\xe7\x00\x06" as &[u8], b"\xff\xd8\xff\xd9"].concat();
        let within = [&good[..2], &small, &good[2..good.len() - 2]].concat();
        fs::write(&file, within).unwrap();
        assert!(refused(&file).contains("truncated"), "{name}");
    }
}

/// Pillow shows all of these as it shows the plain file, to the bit: a JFIF mark says YCbCr, whatever Adobe's mark and the names
/// of the components say. Without it Adobe's mark counts, and 0 is RGB.
#[test]
fn a_jfif_mark_says_what_colours_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jpg");
    let shown = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        decode(&ImagePlace::File(file.clone()), Transparency::Dropped)
            .unwrap()
            .image
    };
    let plain = fs::read(fixtures().join("colour.jpg")).unwrap();
    assert_eq!(&plain[6..11], b"JFIF\0");
    let behind_jfif = 4 + usize::from(u16::from_be_bytes([plain[4], plain[5]]));
    let adobe = |at: usize, transform: u8| {
        let mark = [b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" as &[u8], &[transform]].concat();
        [&plain[..at], &mark, &plain[at..]].concat()
    };
    let mut named = plain.clone();
    for (marker, first, step) in [(b"\xff\xc0", 10, 3), (b"\xff\xda", 5, 2)] {
        let at = plain.windows(2).position(|pair| pair == marker).unwrap();
        for (i, &name) in b"RGB".iter().enumerate() {
            named[at + first + i * step] = name;
        }
    }
    let wanted = shown(&plain);
    for bytes in [adobe(behind_jfif, 0), adobe(2, 0), adobe(behind_jfif, 1), named] {
        let found = shown(&bytes);
        let differences = found.as_raw().iter().zip(wanted.as_raw());
        // another rounding of the same formula
        assert!(differences.map(|(a, b)| a.abs_diff(*b)).max().unwrap() <= 1);
    }
    let rgb = adobe(behind_jfif, 0);
    let without_jfif = [&rgb[..2], &rgb[behind_jfif..]].concat();
    assert_ne!(shown(&without_jfif), wanted);
}

/// What is transparent lies on white for encoders that are trained here.
#[test]
fn transparent_pixels_keep_their_colours_or_lie_on_white() {
    let place = ImagePlace::File(fixtures().join("rgba.png"));
    let dropped = decode(&place, Transparency::Dropped).unwrap().image;
    let on_white = decode(&place, Transparency::OnWhite).unwrap().image;
    // its first four rows are transparent altogether
    assert_eq!(on_white.get_pixel(3, 2).0, [255; 3]);
    assert_ne!(dropped.get_pixel(3, 2).0, [255; 3]);
}

/// A PNG whose header promises a size, with few bytes behind it.
fn promised(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], data: &[u8]| {
        bytes.extend((data.len() as u32).to_be_bytes());
        let checked = [kind, data].concat();
        bytes.extend(&checked);
        let mut crc = !0_u32;
        for byte in checked {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0xedb8_8320 & (0_u32.wrapping_sub(crc & 1)));
            }
        }
        bytes.extend((!crc).to_be_bytes());
    };
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes()[..],
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    chunk(b"IHDR", &header);
    chunk(b"IDAT", &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]);
    chunk(b"IEND", &[]);
    bytes
}

#[test]
fn sizes_are_refused_before_anything_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.png");
    for (width, height, said) in [
        (1, 40_000_000, "a side has at most 65535"),
        (22_000, 22_000, "at most 89478485 in all"),
        (65_535, 1_400, "at most 89478485 in all"),
        (60_000, 59, "one side is at most 1000 times the other"),
        (u32::MAX >> 1, u32::MAX >> 1, "exceeded"),
    ] {
        fs::write(&file, promised(width, height)).unwrap();
        let error = refused(&file);
        assert!(error.contains(said), "{width} × {height}: {error}");
    }
    fs::write(&file, promised(0, 5)).unwrap();
    refused(&file);
}

#[test]
fn what_is_no_regular_file_is_never_read() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refused(folder.path()).contains("not a regular file"));
    let empty = folder.path().join("empty.png");
    fs::write(&empty, []).unwrap();
    assert!(refused(&empty).contains("it is empty"));
    let absent = ImagePlace::File(folder.path().join("absent.png"));
    let error = decode(&absent, Transparency::Dropped).err().unwrap();
    assert_eq!(error.code(), "NOT_FOUND");
    #[cfg(unix)]
    for device in ["/dev/zero", "/dev/null"] {
        assert!(refused(Path::new(device)).contains("not a regular file"));
        let link = folder.path().join("link.png");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(device, &link).unwrap();
        assert!(refused(&link).contains("not a regular file"));
    }
}

/// Decoders meet every kind of damage; a picture or an error, never a panic.
#[test]
fn a_picture_changed_or_cut_anywhere_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    for name in [
        "palette-transparent.png",
        "turned-6.jpg",
        "turned-8.webp",
        "animated.webp",
    ] {
        let good = fs::read(fixtures().join(name)).unwrap();
        for at in (0..good.len()).step_by(5) {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            for bytes in [&bytes[..], &good[..at]] {
                fs::write(&file, bytes).unwrap();
                let _ = decode(&ImagePlace::File(file.clone()), Transparency::Dropped);
            }
        }
    }
}
