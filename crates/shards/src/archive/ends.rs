//! Whether an archive is all that its file holds: readers of zip files look for its end and pass over what stands before or
//! behind it, such as an older archive.

use super::kind::Kind;
use crate::error::ShardError;
use crate::input::Input;

/// The record at the end of an archive, without its comment.
const END: u64 = 22;
const END_MARK: &[u8; 4] = b"PK\x05\x06";
/// Longest comment.
const MAX_COMMENT: u64 = u16::MAX as u64;
/// The record of large archives, and what points to it before the end.
const LARGE_END: u64 = 56;
const LARGE_MARK: &[u8; 4] = b"PK\x06\x06";
const LOCATOR: u64 = 20;
const LOCATOR_MARK: &[u8; 4] = b"PK\x06\x07";

/// Checks that the archive ends with the file and lists the bytes right before its end.
///
/// # Errors
/// `BAD_FORMAT` for bytes behind the archive or before it, which would be passed over.
pub(super) fn check(input: &Input, Kind { name, advice, .. }: Kind) -> Result<(), ShardError> {
    let bad = |reason: String| Err(ShardError::bad_format(input.place(), reason));
    let len = input.len();
    let tail_start = len.saturating_sub(END + MAX_COMMENT);
    let tail = input.bytes_at(tail_start, len - tail_start)?;
    let ends_here = |at: &usize| {
        let record = &tail[*at..];
        record.starts_with(END_MARK) && record.len() == END as usize + usize::from(u16_at(record, 20))
    };
    let last = tail.len().checked_sub(END as usize);
    let Some(at) = last.and_then(|last| (0..=last).rev().find(ends_here)) else {
        return bad(format!(
            "is not a valid {name}, or holds more bytes behind its archive, as of another file that was appended; {advice}"
        ));
    };
    let record = &tail[at..];
    let mut end = tail_start + at as u64;
    let (mut size, mut offset) = (u64::from(u32_at(record, 12)), u64::from(u32_at(record, 16)));
    if let Some(place) = end.checked_sub(LOCATOR) {
        let locator = input.bytes_at(place, LOCATOR)?;
        if locator.starts_with(LOCATOR_MARK) {
            end = u64_at(&locator, 8);
            let large = input.bytes_at(end, LARGE_END)?;
            if !large.starts_with(LARGE_MARK) {
                return bad(format!("holds other bytes before its archive; {advice}"));
            }
            (size, offset) = (u64_at(&large, 40), u64_at(&large, 48));
        }
    }
    match offset.checked_add(size) {
        Some(listed) if listed == end => Ok(()),
        Some(listed) if listed < end => bad(format!(
            "holds {} bytes before its archive, as of another file that it was appended to; {advice}",
            end - listed
        )),
        _ => bad(format!(
            "is not a valid {name}: its list of members lies outside of it"
        )),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
