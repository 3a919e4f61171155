//! The members of an archive.

use std::io::Read;

use flate2::Crc;
use zip::{CompressionMethod, ZipArchive};

use super::ends;
use super::kind::Kind;
use crate::error::ShardError;
use crate::input::Input;
use crate::role::listed;

/// Bytes that are summed at a time.
const CHUNK: usize = 1 << 20;

/// One member of an archive.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Name, of an array without `.npy`, as `numpy.load` gives it.
    pub key: String,
    /// Where its bytes start in the archive.
    pub start: u64,
    /// Bytes in the archive.
    pub compressed: u64,
    /// Bytes of the file inside.
    pub size: u64,
    pub crc: u32,
    pub method: CompressionMethod,
    pub encrypted: bool,
}

impl Member {
    /// The check sum of a stored member's bytes.
    pub fn sum(&self, input: &Input) -> Result<u32, ShardError> {
        let mut bytes = input.reader(self.start, self.start + self.size);
        let (mut crc, mut chunk) = (Crc::new(), vec![0; CHUNK.min(self.size as usize)]);
        loop {
            let read = bytes
                .read(&mut chunk)
                .map_err(|error| ShardError::from_read(input.place(), error))?;
            if read == 0 {
                return Ok(crc.sum());
            }
            crc.update(&chunk[..read]);
        }
    }
}

/// The members that `key` has a name for, which lie inside of the archive; nothing stands before it or behind it.
///
/// # Errors
/// `BAD_FORMAT` for what is no such archive.
pub(crate) fn members(
    input: &Input,
    kind: Kind,
    key: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Member>, ShardError> {
    let bad = |e: &dyn std::fmt::Display| {
        ShardError::bad_format(input.place(), format!("is not a valid {}: {e}", kind.name))
    };
    let mut archive = ZipArchive::new(input.reader(0, input.len())).map_err(|e| bad(&e))?;
    ends::check(input, kind)?;
    let mut members = Vec::new();
    let mut begins = u64::MAX;
    for index in 0..archive.len().min(kind.most) {
        let file = archive.by_index_raw(index).map_err(|e| bad(&e))?;
        begins = begins.min(file.header_start());
        let name = file.name().map_err(|e| bad(&e))?;
        let Some(key) = key(&name) else { continue };
        let start = file
            .data_start()
            .ok_or_else(|| bad(&"a member has no position"))?;
        let member = Member {
            key,
            start,
            compressed: file.compressed_size(),
            size: file.size(),
            crc: file.crc32(),
            method: file.compression(),
            encrypted: file.encrypted(),
        };
        check_place(input, &member)?;
        members.push(member);
    }
    if begins > 0 && begins < u64::MAX {
        let reason = format!("holds {begins} other bytes before its archive, which would be passed over");
        return Err(ShardError::bad_format(input.place(), reason));
    }
    Ok(members)
}

/// The member of that key.
///
/// # Errors
/// `BAD_SELECTOR` with the keys there are.
pub(crate) fn find(members: Vec<Member>, key: &str, input: &Input) -> Result<Member, ShardError> {
    let keys: Vec<String> = members.iter().map(|member| member.key.clone()).collect();
    let found = members.into_iter().find(|member| member.key == key);
    found.ok_or_else(|| {
        ShardError::bad_selector(
            input.place(),
            format!("has no #{key}; it holds {}", listed(&keys)),
        )
    })
}

fn check_place(input: &Input, member: &Member) -> Result<(), ShardError> {
    let inside = member
        .start
        .checked_add(member.compressed)
        .is_some_and(|end| end <= input.len());
    let plausible = member.method != CompressionMethod::Stored || member.compressed == member.size;
    if inside && plausible {
        return Ok(());
    }
    Err(ShardError::bad_format(
        input.place(),
        format!("promises more bytes for #{} than there are", member.key),
    ))
}
