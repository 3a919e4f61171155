//! The header of a GGUF file, version 2 or 3. Nothing that it claims is believed before it is compared with the file.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use modality_gap_shards::InputReader;

use super::storage::Storage;
use super::value::{Metadata, Value};
use crate::Result;
use crate::files::source::Source;

/// Longest header: vocabularies of 250,000 tokens with their merges have 20 MB.
const MAX_HEADER: u64 = 256 << 20;
/// Longest name of a key or tensor; the format says 65,535 and 64.
const MAX_NAME: u64 = 65_535;
const MAX_AXES: u32 = 4;
const DEFAULT_ALIGNMENT: usize = 32;
const MAX_ALIGNMENT: usize = 1 << 20;
/// Most elements of a list.
const MAX_LIST: u64 = 1 << 24;

/// A tensor's place in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Info {
    pub storage: Storage,
    /// Row-major: the last axis runs fastest, unlike in the file.
    pub shape: Vec<usize>,
    /// Position of the first byte in the file.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

/// What stands before the tensors.
#[derive(Debug)]
pub(crate) struct Header {
    pub metadata: Metadata,
    pub tensors: BTreeMap<String, Info>,
}

impl Header {
    pub fn read(source: &Source) -> Result<Self> {
        Parser::new(source).header().map_err(|reason| source.bad(reason))
    }
}

type Parsed<T> = std::result::Result<T, String>;

struct Parser {
    reader: BufReader<InputReader>,
    at: u64,
    /// Bytes of the file.
    len: u64,
}

impl Parser {
    fn new(source: &Source) -> Self {
        Self {
            reader: BufReader::new(source.reader(source.len())),
            at: 0,
            len: source.len(),
        }
    }

    fn header(&mut self) -> Parsed<Header> {
        if &self.array::<4>()? != b"GGUF" {
            return Err("it is not a GGUF file".to_owned());
        }
        match self.u32()? {
            2 | 3 => {}
            version if (2..=3).contains(&version.swap_bytes()) => {
                return Err("it is a big-endian GGUF file; little-endian ones are read".to_owned());
            }
            version => return Err(format!("GGUF version {version} is not known, 2 and 3 are")),
        }
        let (tensors, pairs) = (self.u64()?, self.u64()?);
        // the shortest pair is an empty key, a kind and one byte; the shortest tensor has no name
        let (tensors, pairs) = (self.count(tensors, 24)?, self.count(pairs, 13)?);
        let mut metadata = BTreeMap::new();
        for _ in 0..pairs {
            let key = self.text(MAX_NAME)?;
            let kind = self.u32()?;
            let value = self.value(kind).map_err(|reason| format!("{key}: {reason}"))?;
            if metadata.insert(key.clone(), value).is_some() {
                return Err(format!("the key {key} stands twice"));
            }
        }
        let metadata = Metadata(metadata);
        let alignment = alignment(&metadata)?;
        let mut infos = Vec::new();
        for _ in 0..tensors {
            infos.push(self.info()?);
        }
        let data = self.at.next_multiple_of(alignment as u64);
        Ok(Header {
            tensors: placed(infos, data, self.len, alignment as u64)?,
            metadata,
        })
    }

    /// Name, and place relative to the first tensor's.
    fn info(&mut self) -> Parsed<(String, Info)> {
        let name = self.text(MAX_NAME)?;
        let axes = self.u32()?;
        if axes == 0 || axes > MAX_AXES {
            return Err(format!("tensor {name} has {axes} axes"));
        }
        let mut shape = Vec::new();
        for _ in 0..axes {
            shape.push(self.u64()?);
        }
        let storage = Storage::of(self.u32()?).map_err(|reason| format!("tensor {name} {reason}"))?;
        let offset = self.u64()?;
        let len = storage
            .bytes(&shape)
            .ok_or_else(|| format!("tensor {name} cannot have the shape {shape:?} in {storage:?}"))?;
        let info = Info {
            storage,
            // all axes are at least 1, so that each is at most the number of elements, which fits
            shape: shape.iter().rev().map(|&axis| axis as usize).collect(),
            offset,
            len,
        };
        Ok((name, info))
    }

    fn value(&mut self, kind: u32) -> Parsed<Value> {
        Ok(match kind {
            8 => Value::Text(self.text(MAX_HEADER)?),
            9 => self.list()?,
            _ => self.scalar(kind)?,
        })
    }

    fn scalar(&mut self, kind: u32) -> Parsed<Value> {
        Ok(match kind {
            0 => Value::Int(u8::from_le_bytes(self.array()?).into()),
            1 => Value::Int(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Int(u16::from_le_bytes(self.array()?).into()),
            3 => Value::Int(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Int(self.u32()?.into()),
            5 => Value::Int(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => return Err(format!("{other} is not a boolean")),
            },
            10 => Value::Int(self.u64()?.into()),
            11 => Value::Int(i64::from_le_bytes(self.array()?).into()),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            other => return Err(format!("values of kind {other} are not known")),
        })
    }

    fn list(&mut self) -> Parsed<Value> {
        let kind = self.u32()?;
        let claimed = self.u64()?;
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            9 => return Err("lists of lists are not read".to_owned()),
            other => return Err(format!("a list of values of kind {other} is not known")),
        };
        let count = self.count(claimed, size)?;
        if claimed > MAX_LIST {
            return Err(format!("a list of {claimed} values; at most {MAX_LIST} are read"));
        }
        if kind == 8 {
            let texts: Parsed<Vec<String>> = (0..count).map(|_| self.text(MAX_HEADER)).collect();
            return Ok(Value::Texts(texts?));
        }
        let mut ints = Vec::new();
        let mut floats = Vec::new();
        for _ in 0..count {
            match self.scalar(kind)? {
                Value::Float(number) => floats.push(number as f32),
                Value::Bool(flag) => ints.push(flag.into()),
                Value::Int(n) => {
                    ints.push(i64::try_from(n).map_err(|_| format!("{n} in a list is too large"))?);
                }
                _ => unreachable!("scalars only"),
            }
        }
        Ok(if matches!(kind, 6 | 12) {
            Value::Floats(floats)
        } else {
            Value::Ints(ints)
        })
    }

    fn text(&mut self, longest: u64) -> Parsed<String> {
        let len = self.u64()?;
        if len > longest {
            return Err(format!("a text of {len} bytes; at most {longest} are read"));
        }
        let mut bytes = vec![0; self.count(len, 1)?];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|error| {
            let bytes = error.into_bytes();
            format!(
                "{:?} is not UTF-8",
                String::from_utf8_lossy(&bytes[..bytes.len().min(64)])
            )
        })
    }

    fn u32(&mut self) -> Parsed<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Parsed<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Parsed<()> {
        self.count(bytes.len() as u64, 1)?;
        self.reader.read_exact(bytes).map_err(|error| error.to_string())?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// `count` as a number of things of at least `size` bytes each, which the rest of the file must have room for.
    fn count(&self, count: u64, size: u64) -> Parsed<usize> {
        let end = count
            .checked_mul(size)
            .and_then(|bytes| self.at.checked_add(bytes));
        match end {
            Some(end) if end > MAX_HEADER && end <= self.len => {
                Err(format!("the header is longer than {MAX_HEADER} bytes"))
            }
            Some(end) if end <= self.len => usize::try_from(count).map_err(|error| error.to_string()),
            _ => Err(format!(
                "is truncated or damaged: at byte {} of {} the header promises {count} × {size} bytes",
                self.at, self.len
            )),
        }
    }
}

fn alignment(metadata: &Metadata) -> Parsed<usize> {
    let alignment = metadata.size("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
    if alignment.is_power_of_two() && alignment <= MAX_ALIGNMENT {
        Ok(alignment)
    } else {
        Err(format!(
            "general.alignment is {alignment}, not a power of two up to {MAX_ALIGNMENT}"
        ))
    }
}

/// The tensors by name, at their positions in the file.
fn placed(infos: Vec<(String, Info)>, data: u64, len: u64, alignment: u64) -> Parsed<BTreeMap<String, Info>> {
    let mut tensors = BTreeMap::new();
    for (name, mut info) in infos {
        if info.offset % alignment != 0 {
            return Err(format!(
                "tensor {name} stands at {}, not at a multiple of {alignment}",
                info.offset
            ));
        }
        let start = data.checked_add(info.offset);
        let Some(start) = start.filter(|start| start.checked_add(info.len).is_some_and(|end| end <= len))
        else {
            return Err(format!(
                "is truncated or damaged: tensor {name} would end beyond the file's {len} bytes"
            ));
        };
        info.offset = start;
        if tensors.insert(name.clone(), info).is_some() {
            return Err(format!("the tensor {name} stands twice"));
        }
    }
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_by_key(|(_, info)| info.offset);
    for pair in in_order.windows(2) {
        let [(first, before), (second, after)] = pair else {
            continue;
        };
        if before.offset + before.len > after.offset {
            return Err(format!("the tensors {first} and {second} overlap"));
        }
    }
    Ok(tensors)
}
