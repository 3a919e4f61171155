//! Bytes of a picture: of a regular file, or of a member of a tar file, and not more than a picture has.

use std::io::ErrorKind;
use std::path::Path;

use modality_gap_shards::{Input, ShardError};

use crate::data::ImagePlace;
use crate::error::{EncoderError, Result};

/// Most bytes of a picture's file.
pub(super) const MAX_BYTES: u64 = 256 << 20;

/// The bytes of a picture.
///
/// # Errors
/// `NOT_FOUND`, `UNREADABLE`; `BAD_IMAGE` for what is not a regular file, or longer than a picture is.
pub(super) fn read(place: &ImagePlace) -> Result<Vec<u8>> {
    let shown = place.shown();
    let (file, range) = match place {
        ImagePlace::File(file) => (file, None),
        ImagePlace::Tar {
            file, offset, bytes, ..
        } => (file, Some((*offset, *bytes))),
    };
    let input = Input::open(file).map_err(|error| fault(file, &shown, error))?;
    let (offset, len) = range.unwrap_or((0, input.len()));
    if len > MAX_BYTES {
        let reason = format!("it has {len} bytes; at most {MAX_BYTES} are read");
        return Err(EncoderError::BadImage { file: shown, reason });
    }
    let bytes = input.bytes_at(offset, len);
    bytes.map_err(|error| fault(file, &shown, error))
}

fn fault(file: &Path, shown: &Path, error: ShardError) -> EncoderError {
    match error {
        ShardError::NotFound { .. } => EncoderError::NotFound {
            file: file.to_owned(),
        },
        ShardError::Unreadable { source, .. } if source.kind() == ErrorKind::IsADirectory => {
            EncoderError::BadImage {
                file: shown.to_owned(),
                reason: "it is not a regular file, but a folder".to_owned(),
            }
        }
        ShardError::Unreadable { source, .. } => EncoderError::reading(file, source),
        ShardError::BadFormat { reason, .. } => EncoderError::BadImage {
            file: shown.to_owned(),
            reason: format!("it {reason}"),
        },
        other => other.into(),
    }
}
