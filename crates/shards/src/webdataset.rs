//! Tar archives in the `WebDataset` layout whose samples have an array of one row each, `KEY.npy` or `KEY.image.pt`.
//!
//! The key of a sample ends at the first point behind the last slash of a member's name; what follows is the field.

use std::collections::HashMap;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use tar::EntryType;

use crate::apart::{Apart, Places, Vector};
use crate::archive::{Checked, Member};
use crate::error::ShardError;
use crate::fault::Fault;
use crate::input::{Input, Stamp};
use crate::known::Known;
use crate::npy::header::read_vector;
use crate::role::listed;
use crate::rows::{Ask, Opened};
use crate::torch;

/// Bytes of a block of an archive.
const BLOCK: u64 = 512;
/// Bytes of an npy header that are read at once.
const HEADER: usize = 256;

/// Samples in the order of their first members.
#[derive(Default)]
struct Samples {
    keys: Vec<String>,
    /// Fields with arrays, in the order in which they first occur.
    fields: Vec<String>,
    /// Sample, field, position and bytes of every array.
    arrays: Vec<(u32, u32, u64, u64)>,
    /// Endings of what stands beside the arrays.
    others: Vec<String>,
}

/// Where the rows stand, and in which members of archives within.
struct Index {
    stamp: Stamp,
    field: String,
    places: Arc<Places>,
    members: Vec<Member>,
}

/// Opens the field that the selector names, or the only one, or the one that the role points to.
pub(crate) fn open(input: Input, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    let known = ask.known.and_then(Known::get::<Index>);
    let index = match known.filter(|index| index.stamp == input.stamp()) {
        Some(index) => index,
        None => match build(&input, ask)? {
            Some(index) => Arc::new(index),
            None => return Ok(Opened::empty()),
        },
    };
    let rows = Apart {
        input: input.clone(),
        places: index.places.clone(),
    };
    Ok(Opened {
        shard: Box::new(Checked::new(input, index.members.clone(), Box::new(rows))),
        selector: Some(index.field.clone()),
        known: Known::of(index),
    })
}

/// Fields and endings of what stands beside the rows.
pub(crate) fn beside(input: &Input, chosen: Option<&str>) -> Result<Vec<String>, ShardError> {
    let samples = scan(input)?;
    let names = samples.fields.into_iter().chain(samples.others);
    Ok(names.filter(|name| Some(name.as_str()) != chosen).collect())
}

/// The keys of the samples.
pub(crate) struct TarIds(Option<Vec<String>>);

impl TarIds {
    /// Reads the names of the members.
    pub fn open(input: &Input) -> Result<Self, ShardError> {
        Ok(Self(Some(scan(input)?.keys)))
    }

    /// The ids, and nothing after them.
    pub fn next(&mut self) -> Option<Vec<String>> {
        self.0.take()
    }
}

fn build(input: &Input, ask: &Ask<'_>) -> Result<Option<Index>, ShardError> {
    let place = input.place();
    let samples = scan(input)?;
    if samples.keys.is_empty() {
        return Ok(None);
    }
    if samples.fields.is_empty() {
        let reason = format!(
            "holds no .npy, .pt or .pth of one row for each sample, but {}; embed pictures with `modality-gap encoder embed`",
            samples.others.join(", ")
        );
        return Err(ShardError::unsupported(place, reason));
    }
    let field = match ask.selector {
        None => ask.role.choose(&samples.fields, place)?,
        Some(selector) => {
            let named = |field: &String| {
                field == selector || field.rsplit_once('.').is_some_and(|(name, _)| name == selector)
            };
            samples.fields.iter().position(named).ok_or_else(|| {
                let reason = format!(
                    "has no field #{selector}; its samples have {}",
                    listed(&samples.fields)
                );
                ShardError::bad_selector(place, reason)
            })?
        }
    };
    let mut rows: Vec<Option<Result<(u64, Vector), Fault>>> = vec![None; samples.keys.len()];
    let mut members = Vec::new();
    for &(sample, of, at, len) in samples.arrays.iter().filter(|array| array.1 as usize == field) {
        let name = format!(
            "{}.{}",
            samples.keys[sample as usize], samples.fields[of as usize]
        );
        let row = &mut rows[sample as usize];
        if row.is_some() {
            let reason = format!(
                "holds {name} twice; an archive that was appended to holds old and new members: write it anew"
            );
            return Err(ShardError::bad_format(place, reason));
        }
        let part = input.part(at, len);
        let found = array(&part, &name, &mut members)
            .map_err(|error| ShardError::bad_format(place, format!("member {name}: {}", reason_of(error))))?;
        *row = Some(found.map(|(start, vector)| (at + start, vector)));
    }
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| row.unwrap_or(Err(Fault::Missing)))
        .collect();
    let first = rows.iter().find_map(|row| row.err());
    let places = Places::of(rows).ok_or_else(|| {
        let fault = first.map_or_else(String::new, |fault| fault.to_string());
        ShardError::bad_row(place, 0, format!("{fault}, as are the rows after it"))
    })?;
    Ok(Some(Index {
        stamp: input.stamp(),
        field: samples.fields[field].clone(),
        places: Arc::new(places),
        members,
    }))
}

/// The array of a member, by its position in it.
fn array(
    part: &Input,
    name: &str,
    members: &mut Vec<Member>,
) -> Result<Result<(u64, Vector), Fault>, ShardError> {
    if ending(name) != "npy" {
        return torch::row(part, members);
    }
    let mut reader = BufReader::with_capacity(HEADER, part.reader(0, part.len()));
    let found = read_vector(&mut reader, part.place())?;
    if let Ok((start, vector)) = found {
        let end = start + (vector.dim * vector.dtype.size()) as u64;
        if end != part.len() {
            let reason = format!("has {} bytes, its header promises {end}", part.len());
            return Err(ShardError::bad_format(part.place(), reason));
        }
    }
    Ok(found)
}

/// What an error says without the file.
fn reason_of(error: ShardError) -> String {
    match error {
        ShardError::BadFormat { reason, .. } | ShardError::Unsupported { reason, .. } => reason,
        other => other.to_string(),
    }
}

fn scan(input: &Input) -> Result<Samples, ShardError> {
    let place = input.place();
    let damaged =
        |error: std::io::Error| ShardError::bad_format(place, format!("is a damaged tar archive: {error}"));
    if input.len() < BLOCK {
        return Err(ShardError::bad_format(
            place,
            "is not a tar archive: it is shorter than one block",
        ));
    }
    let mut archive = tar::Archive::new(input.reader(0, input.len()));
    let (mut samples, mut by_key, mut by_field) = (Samples::default(), HashMap::new(), HashMap::new());
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if kind.is_dir() || is_about_the_archive(&name) {
            continue;
        }
        let Some((key, field)) = sample_key(&name) else {
            continue;
        };
        let rows = matches!(ending(field).as_str(), "npy" | "pt" | "pth");
        if let (true, Some(other)) = (rows, not_a_file(kind)) {
            let reason = format!(
                "its member {name} is {other}; pack the files themselves, with tar --dereference --hard-dereference"
            );
            return Err(ShardError::bad_format(place, reason));
        }
        let (at, len) = (entry.raw_file_position(), entry.size());
        if at.checked_add(len).is_none_or(|end| end > input.len()) {
            let reason = format!("is truncated: its member {name} of {len} bytes ends behind it");
            return Err(ShardError::bad_format(place, reason));
        }
        let sample = *by_key.entry(key.to_owned()).or_insert_with(|| {
            samples.keys.push(key.to_owned());
            samples.keys.len() - 1
        });
        if !rows {
            if samples.others.len() < 100 && !samples.others.iter().any(|other| other == field) {
                samples.others.push(field.to_owned());
            }
            continue;
        }
        let field = *by_field.entry(field.to_owned()).or_insert_with(|| {
            samples.fields.push(field.to_owned());
            samples.fields.len() - 1
        });
        samples.arrays.push((sample as u32, field as u32, at, len));
    }
    let mut rest = archive.into_inner();
    check_end(&mut rest, input)?;
    Ok(samples)
}

/// Refuses what stands behind the end of the archive: two archives one after the other are read as the first alone.
fn check_end(rest: &mut (impl Read + Seek), input: &Input) -> Result<(), ShardError> {
    let failed = |error| ShardError::from_read(input.place(), error);
    let end = rest.stream_position().map_err(failed)?;
    let mut block = vec![0; 1 << 16];
    loop {
        let read = rest.read(&mut block).map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        if block[..read].iter().any(|&byte| byte != 0) {
            let reason = format!(
                "ends as an archive at byte {end}, and more follows: two archives were put one behind the other; give them \
                 one by one, or join them with tar --concatenate"
            );
            return Err(ShardError::bad_format(input.place(), reason));
        }
    }
}

fn ending(name: &str) -> String {
    Path::new(name).extension().map_or_else(
        || name.to_ascii_lowercase(),
        |ending| ending.to_string_lossy().to_ascii_lowercase(),
    )
}

/// Key and field of a member, as webdataset's `base_plus_ext` finds them.
pub fn sample_key(name: &str) -> Option<(&str, &str)> {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[base..].find('.')?;
    (dot > 0).then(|| (&name[..base + dot], &name[base + dot + 1..]))
}

/// Whether a member describes the archive, as `__index__` or what is in `__meta__/`: the package webdataset passes over it.
pub fn is_about_the_archive(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    first.len() >= 4 && first.starts_with("__") && first.ends_with("__")
}

/// What a member is whose bytes do not stand in the archive one after the other.
pub fn not_a_file(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Regular | EntryType::Continuous => None,
        EntryType::Link => Some("a hard link to another member"),
        EntryType::Symlink => Some("a link"),
        EntryType::GNUSparse => Some("a sparse file"),
        _ => Some("no regular file"),
    }
}

#[cfg(test)]
mod tests {
    use super::sample_key;

    /// Names and keys of webdataset's own `base_plus_ext`: `^((?:.*/|)[^.]+)[.]([^/]*)$`.
    #[test]
    fn a_key_ends_at_the_first_point_behind_the_last_slash() {
        for (name, expected) in [
            ("a.jpg", Some(("a", "jpg"))),
            ("22.01.jpg", Some(("22", "01.jpg"))),
            ("b.c/a.seg.png", Some(("b.c/a", "seg.png"))),
            ("./a.txt", Some(("./a", "txt"))),
            ("._a.jpg", None),
            ("d/.hidden", None),
            ("README", None),
        ] {
            assert_eq!(sample_key(name), expected, "{name}");
        }
    }
}
