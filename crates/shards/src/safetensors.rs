//! safetensors files: two-dimensional tensors by position.

use std::collections::HashMap;

use kernels::Dtype;
use safetensors::tensor::Metadata;

use crate::error::ShardError;
use crate::format::Format;
use crate::input::Input;
use crate::known::Known;
use crate::npy::NpyWriter;
use crate::pool::Pool;
use crate::pooled::{States, pooled};
use crate::role::listed;
use crate::row_shape::{RowShape, not_flat, row_shape};
use crate::rows::{Ask, Opened};
use crate::strided::{Strided, c_order};
use crate::writer::OutputSpec;

/// The limit of the format.
const MAX_HEADER: u64 = 100_000_000;
/// Name of the tensor when no input gives one.
const DEFAULT_TENSOR: &str = "embeddings";

/// Opens the tensor called `selector`, or the one that holds rows.
pub(crate) fn open(input: &Input, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    let header = Header::read(input)?;
    let mut names: Vec<String> = header.metadata.tensors().into_keys().collect();
    names.sort_by_key(|name| header.metadata.info(name).map(|info| info.data_offsets.0));
    let name = match ask.selector {
        Some(name) if names.iter().any(|n| n == name) => name.to_owned(),
        Some(name) => {
            let reason = format!("has no tensor #{name}; it holds {}", listed(&names));
            return Err(ShardError::bad_selector(input.place(), reason));
        }
        None => {
            header.refuse_own(input)?;
            let fitting: Vec<String> = names
                .iter()
                .filter(|name| header.tensor(input, name, ask.pool).is_ok())
                .cloned()
                .collect();
            match (fitting.is_empty(), names.first()) {
                (true, None) => return Err(ShardError::empty(input.place(), "holds no tensors")),
                (true, Some(first)) => first.clone(),
                _ => fitting[ask.role.choose(&fitting, input.place())?].clone(),
            }
        }
    };
    let (shard, states) = header.tensor(input, &name, ask.pool)?;
    Ok(Opened {
        shard: pooled(Box::new(shard), states),
        selector: Some(name),
        known: Known::default(),
    })
}

/// The header of a safetensors file, checked against the file's length.
#[derive(Debug)]
pub struct Header {
    metadata: Metadata,
    /// Position of the first tensor's bytes.
    data: u64,
}

/// Where a tensor's values stand in the file, row-major and little-endian.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorPlace {
    /// Storage type.
    pub dtype: safetensors::Dtype,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Position of the first byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

impl Header {
    /// Only the header is read: `SafeTensors::read_metadata` would want the whole file in memory.
    ///
    /// # Errors
    /// `BAD_FORMAT` when sizes, shapes and the file's length do not agree, or a name stands there twice.
    pub fn read(input: &Input) -> Result<Self, ShardError> {
        let bad = |reason: String| ShardError::bad_format(input.place(), reason);
        let mut len = [0; 8];
        input.read_at(0, &mut len)?;
        let len = u64::from_le_bytes(len);
        if len > MAX_HEADER {
            return Err(bad(format!("claims a safetensors header of {len} bytes")));
        }
        let text = input.bytes_at(8, len)?;
        // duplicate names, gaps, overlaps and sizes that differ from the shapes are refused here
        let metadata: Metadata = serde_json::from_slice(&text)
            .map_err(|e| bad(format!("has no valid safetensors header: {e}")))?;
        let data = 8 + len;
        let end = data.checked_add(metadata.data_len() as u64);
        if end != Some(input.len()) {
            let promised = metadata.data_len();
            return Err(bad(format!(
                "is truncated or has a tail: tensors of {promised} bytes in {}",
                input.len()
            )));
        }
        Ok(Self { metadata, data })
    }

    /// Names of the tensors, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.metadata.tensors().into_keys().collect();
        names.sort_unstable();
        names
    }

    /// What stands under a key of the file's metadata.
    pub fn metadata(&self, key: &str) -> Option<String> {
        self.metadata.metadata().as_ref()?.get(key).cloned()
    }

    /// What the file says that it is, where this package has written it for itself.
    pub(crate) fn own_kind(&self) -> Option<&'static str> {
        self.metadata_keys().iter().find_map(|key| own_kind(key))
    }

    /// Refuses such a file as rows; a tensor of it is read where it is named.
    fn refuse_own(&self, input: &Input) -> Result<(), ShardError> {
        let Some(kind) = self.own_kind() else {
            return Ok(());
        };
        let reason = format!("is {kind}, not embeddings; name the files of embeddings, or a tensor by #name");
        Err(ShardError::bad_format(input.place(), reason))
    }

    /// Keys of the file's metadata, sorted.
    pub(crate) fn metadata_keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self
            .metadata
            .metadata()
            .iter()
            .flat_map(HashMap::keys)
            .cloned()
            .collect();
        keys.sort_unstable();
        keys
    }

    /// Where the tensor of that name stands.
    pub fn place(&self, name: &str) -> Option<TensorPlace> {
        let info = self.metadata.info(name)?;
        let (start, end) = info.data_offsets;
        Some(TensorPlace {
            dtype: info.dtype,
            shape: info.shape.clone(),
            offset: self.data + start as u64,
            len: (end - start) as u64,
        })
    }

    fn tensor(&self, input: &Input, name: &str, pool: Option<Pool>) -> Result<(Strided, States), ShardError> {
        let place = input.place();
        let Some(info) = self.metadata.info(name) else {
            return Err(ShardError::bad_selector(place, format!("has no tensor #{name}")));
        };
        let dtype = match info.dtype {
            safetensors::Dtype::F16 => Dtype::F16,
            safetensors::Dtype::BF16 => Dtype::Bf16,
            safetensors::Dtype::F32 => Dtype::F32,
            safetensors::Dtype::F64 => Dtype::F64,
            other => {
                let reason = format!("tensor #{name} is of type {other:?}; F16, BF16, F32 and F64 are read");
                return Err(ShardError::unsupported(place, reason));
            }
        };
        let shape: Vec<u64> = info.shape.iter().map(|&n| n as u64).collect();
        let RowShape { lead, rows, dim } = row_shape(&shape, place)?;
        if lead != 1 && rows > 1 && pool.is_none() {
            return Err(not_flat([lead, rows, dim as u64], false, place));
        }
        let states = pool
            .filter(|_| shape.len() == 3 && rows > 0)
            .map(|pool| (rows, pool));
        let array = Strided {
            input: input.clone(),
            data: self.data + info.data_offsets.0 as u64,
            dtype,
            swapped: cfg!(target_endian = "big"),
            lead,
            rows,
            dim,
            strides: c_order(rows, dim),
        };
        Ok((array, states))
    }
}

/// A file with one tensor; its name and the file's metadata come from the input where that is safetensors too.
pub(crate) fn create(spec: &OutputSpec) -> Result<NpyWriter, ShardError> {
    let (name, metadata) = match &spec.like {
        Some(like) if like.format == Format::Safetensors => {
            let header = Header::read(&Input::open(&like.path)?)?;
            let mut metadata = header.metadata.metadata().clone();
            if let Some(metadata) = &mut metadata {
                // one tensor of such a file is none itself
                metadata.retain(|key, _| own_kind(key).is_none());
            }
            (like.selector.clone(), metadata)
        }
        _ => (None, None),
    };
    NpyWriter::after_header(
        spec,
        &header(spec, name.as_deref().unwrap_or(DEFAULT_TENSOR), metadata),
    )
}

/// What the metadata of a file of this package say under `key` that it is.
pub(crate) fn own_kind(key: &str) -> Option<&'static str> {
    Some(match key {
        "modality-gap" => "an aligner or weights of a model",
        "modality-gap-frame" => "a reference frame",
        "modality-gap-tracker" => "the state of a tracker",
        "modality-gap-map"
        | "modality-gap-state"
        | "modality-gap-covariance"
        | "modality-gap-stored-rows" => "a state of a job",
        _ => return None,
    })
}

/// Length, JSON and padding, so that the tensor starts at a multiple of 64.
fn header(spec: &OutputSpec, name: &str, metadata: Option<HashMap<String, String>>) -> Vec<u8> {
    let dtype = spec.dtype.name().to_uppercase();
    let end = spec.rows * (spec.dim * spec.dtype.size()) as u64;
    let mut json = serde_json::Map::new();
    if let Some(metadata) = metadata {
        json.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    }
    let tensor =
        serde_json::json!({ "dtype": dtype, "shape": [spec.rows, spec.dim], "data_offsets": [0, end] });
    json.insert(name.to_owned(), tensor);
    let mut text = serde_json::Value::Object(json).to_string();
    let padded = (8 + text.len()).next_multiple_of(64) - 8;
    text.extend(std::iter::repeat_n(' ', padded - text.len()));
    let mut bytes = (padded as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}
