//! The members of an npz archive and the one that holds rows.

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::error::ShardError;
use crate::input::Input;
use crate::known::Known;
use crate::npy::NpyShard;
use crate::npy::header::{self, Header};
use crate::role::{Role, listed};
use crate::rows::Opened;

use super::deflated::DeflatedShard;
use super::ends;
use super::member::Member;
use super::stored::StoredShard;

/// Members that are looked at; each costs a read of its header.
const MAX_MEMBERS: usize = 4096;

/// Opens the member called `selector`, or the one that holds rows.
pub(crate) fn open(input: Input, selector: Option<&str>, role: Role) -> Result<Opened, ShardError> {
    let members = members(&input)?;
    let (member, header) = match selector {
        Some(key) => {
            let member = find(members, key, &input)?;
            let header = member_header(&input, &member)?;
            (member, header)
        }
        None => choose(&input, members, role)?,
    };
    let selector = Some(member.key.clone());
    if member.method == CompressionMethod::Stored {
        let header = Header {
            data: member.start + header.data,
            ..header
        };
        let rows = NpyShard::new(input.clone(), header, None)?;
        return Ok(Opened {
            shard: Box::new(StoredShard::new(input, member, rows)),
            selector,
            known: Known::default(),
        });
    }
    Ok(Opened {
        shard: Box::new(DeflatedShard::new(input, member, header)?),
        selector,
        known: Known::default(),
    })
}

/// Names of its arrays.
pub(crate) fn names(input: &Input) -> Result<Vec<String>, ShardError> {
    Ok(members(input)?.into_iter().map(|member| member.key).collect())
}

fn find(members: Vec<Member>, key: &str, input: &Input) -> Result<Member, ShardError> {
    let key = key.strip_suffix(".npy").unwrap_or(key);
    let keys: Vec<String> = members.iter().map(|member| member.key.clone()).collect();
    members
        .into_iter()
        .find(|member| member.key == key)
        .ok_or_else(|| {
            ShardError::bad_selector(
                input.place(),
                format!("has no #{key}; it holds {}", listed(&keys)),
            )
        })
}

fn members(input: &Input) -> Result<Vec<Member>, ShardError> {
    let bad =
        |e: &dyn std::fmt::Display| ShardError::bad_format(input.place(), format!("is no valid npz: {e}"));
    let mut archive = ZipArchive::new(input.reader(0, input.len())).map_err(|e| bad(&e))?;
    ends::check(input)?;
    let mut members = Vec::new();
    let mut begins = u64::MAX;
    for index in 0..archive.len().min(MAX_MEMBERS) {
        let file = archive.by_index_raw(index).map_err(|e| bad(&e))?;
        begins = begins.min(file.header_start());
        let name = file.name().map_err(|e| bad(&e))?;
        let Some(key) = name.strip_suffix(".npy").map(str::to_owned) else {
            continue;
        };
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
    if members.is_empty() {
        return Err(ShardError::empty(input.place(), "holds no npy arrays"));
    }
    Ok(members)
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

fn member_header(input: &Input, member: &Member) -> Result<Header, ShardError> {
    let place = input.place();
    if member.encrypted {
        return Err(ShardError::unsupported(
            place,
            format!("#{} is encrypted", member.key),
        ));
    }
    let mut bytes = input.reader(member.start, member.start + member.compressed);
    let header = match member.method {
        CompressionMethod::Stored => header::read(&mut bytes, place),
        CompressionMethod::Deflated => header::read(&mut DeflateDecoder::new(bytes), place),
        other => {
            let reason = format!(
                "#{} is compressed by {other}; stored and deflated members are read",
                member.key
            );
            Err(ShardError::unsupported(place, reason))
        }
    }?;
    let header = header.flat(place)?;
    if header
        .data
        .checked_add(header.bytes)
        .is_none_or(|end| end > member.size)
    {
        let reason = format!(
            "#{} is truncated: its shape promises more than its {} bytes",
            member.key, member.size
        );
        return Err(ShardError::bad_format(place, reason));
    }
    header.check_end(member.size, &format!("#{} ", member.key), place)?;
    Ok(header)
}

/// The only member that holds rows, or the one that the role points to.
fn choose(input: &Input, members: Vec<Member>, role: Role) -> Result<(Member, Header), ShardError> {
    let mut fitting = Vec::new();
    let mut failure = None;
    for member in members {
        match member_header(input, &member) {
            Ok(header) => fitting.push((member, header)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if let (true, Some(error)) = (fitting.is_empty(), failure) {
        return Err(error);
    }
    let keys: Vec<String> = fitting.iter().map(|(member, _)| member.key.clone()).collect();
    let index = role.choose(&keys, input.place())?;
    Ok(fitting.swap_remove(index))
}
