//! Files that are written: each appears whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use candle_core::{DType, Tensor};
use modality_gap_nn::NnError;
use modality_gap_shards::{AtomicFile, ShardError, remove_litter};
use serde::{Deserialize, Serialize};

use crate::{Result, RevisionError};

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// As they are computed.
    #[default]
    F32,
    /// Rounded to half precision.
    F16,
    /// Rounded to bfloat16.
    Bf16,
}

impl Stored {
    /// As safetensors calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// As PyTorch calls it.
    pub(crate) fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
        }
    }

    /// Bytes of a value.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// The values of a tensor, row-major and little-endian.
    pub(crate) fn bytes(self, tensor: &Tensor) -> Result<Vec<u8>> {
        let flat = tensor.flatten_all()?;
        Ok(match self {
            Self::F32 => {
                let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
                values.iter().flat_map(|v| v.to_le_bytes()).collect()
            }
            Self::F16 => {
                let values = flat.to_dtype(DType::F16)?.to_vec1::<half::f16>()?;
                values.iter().flat_map(|v| v.to_le_bytes()).collect()
            }
            Self::Bf16 => {
                let values = flat.to_dtype(DType::BF16)?.to_vec1::<half::bf16>()?;
                values.iter().flat_map(|v| v.to_le_bytes()).collect()
            }
        })
    }
}

/// Where bytes go before the file has its name.
pub(crate) type Out = BufWriter<AtomicFile>;

/// A file that `fill` writes: a temporary one beside it, flushed to the disk, renamed, the folder flushed.
pub(crate) fn write(file: &Path, fill: impl FnOnce(&mut Out) -> Result<()>) -> Result<()> {
    remove_litter([file]);
    let mut out = BufWriter::with_capacity(
        1 << 20,
        AtomicFile::create(file).map_err(|error| of_shard(file, error))?,
    );
    fill(&mut out)?;
    let out = out
        .into_inner()
        .map_err(|error| failed(file, error.into_error()))?;
    out.commit(true).map_err(|error| of_shard(file, error))
}

/// A file of these bytes.
pub(crate) fn write_bytes(file: &Path, bytes: &[u8]) -> Result<()> {
    write(file, |out| {
        out.write_all(bytes).map_err(|error| failed(file, error))
    })
}

/// A file of JSON, as people read it.
pub(crate) fn write_json(file: &Path, json: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(json).expect("values without floats that are not finite");
    text.push(b'\n');
    write_bytes(file, &text)
}

pub(crate) fn failed(file: &Path, source: io::Error) -> RevisionError {
    RevisionError::Nn(NnError::Write {
        file: file.to_owned(),
        source,
    })
}

fn of_shard(file: &Path, error: ShardError) -> RevisionError {
    match error {
        ShardError::WriteFailed { source, .. } => failed(file, source),
        other => failed(file, io::Error::other(other)),
    }
}

/// A tensor of a safetensors file that is to be written.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub name: String,
    pub shape: Vec<usize>,
    pub stored: Stored,
}

impl Entry {
    pub fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.stored.size()
    }
}

/// Writes a safetensors file; `value` is asked for one tensor at a time, in the order of `entries`.
pub(crate) fn write_safetensors(
    file: &Path,
    metadata: &[(&str, &str)],
    entries: &[Entry],
    mut value: impl FnMut(&Entry) -> Result<Tensor>,
) -> Result<()> {
    write(file, |out| {
        out.write_all(&header(metadata, entries))
            .map_err(|error| failed(file, error))?;
        for entry in entries {
            let tensor = value(entry)?;
            assert_eq!(tensor.dims(), entry.shape, "{} as announced", entry.name);
            let bytes = entry.stored.bytes(&tensor)?;
            out.write_all(&bytes).map_err(|error| failed(file, error))?;
        }
        Ok(())
    })
}

/// As [`write_safetensors`], of tensors that are there already.
pub(crate) fn write_tensors(
    file: &Path,
    metadata: &[(&str, &str)],
    stored: Stored,
    tensors: &[(String, Tensor)],
) -> Result<()> {
    let entry = |(name, tensor): &(String, Tensor)| Entry {
        name: name.clone(),
        shape: tensor.dims().to_vec(),
        stored,
    };
    let entries: Vec<Entry> = tensors.iter().map(entry).collect();
    let mut values = tensors.iter().map(|(_, tensor)| tensor.clone());
    write_safetensors(file, metadata, &entries, |_| {
        Ok(values.next().expect("a tensor for every entry"))
    })
}

/// Length, JSON and padding to a multiple of eight.
fn header(metadata: &[(&str, &str)], entries: &[Entry]) -> Vec<u8> {
    let mut json = Vec::new();
    let text = |text: &str| serde_json::to_string(text).expect("text is JSON");
    // one after the other by hand, so that the bytes do not depend on the order of a map
    let metadata: Vec<String> = metadata
        .iter()
        .map(|(key, value)| format!("{}:{}", text(key), text(value)))
        .collect();
    json.extend(format!("{{\"__metadata__\":{{{}}}", metadata.join(",")).bytes());
    let mut at = 0;
    for entry in entries {
        let end = at + entry.bytes();
        let shape = serde_json::to_string(&entry.shape).expect("numbers are JSON");
        let (name, dtype) = (text(&entry.name), entry.stored.name());
        json.extend(
            format!(",{name}:{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{at},{end}]}}")
                .bytes(),
        );
        at = end;
    }
    json.push(b'}');
    json.resize(json.len().next_multiple_of(8), b' ');
    [&(json.len() as u64).to_le_bytes()[..], &json].concat()
}
