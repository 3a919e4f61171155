//! Files of f64 tensors with one JSON entry of metadata, in safetensors; every claim of a header is checked.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde_json::Value;

/// Files beyond this are none of ours: a frame of 8192 columns takes 0.5 GB.
const MAX_BYTES: usize = 1 << 31;

/// Why bytes are not a file of this package, or none that it can read.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ContainerError {
    /// Not a well-formed safetensors file, or not ours.
    #[error("not a {what} file: {reason}")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Written by a later package.
    #[error(
        "{what} format version {found} is newer than {known}, the newest this package reads; update modality-gap"
    )]
    Newer {
        /// What was expected.
        what: &'static str,
        /// Version in the file.
        found: u64,
        /// Newest version known.
        known: u64,
    },
}

/// What a file is, and in which version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Name for messages.
    pub what: &'static str,
    /// The one metadata key.
    pub key: &'static str,
    /// Version that is written and the newest that is read; the JSON's `version`.
    pub version: u64,
}

/// A tensor to be written: name, shape, values row-major.
pub(crate) type Named = (&'static str, Vec<usize>, Vec<f64>);

/// The file; equal contents give equal bytes.
pub(crate) fn write<N: AsRef<str>>(
    kind: Kind,
    info: &impl Serialize,
    tensors: &[(N, Vec<usize>, Vec<f64>)],
) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = TensorView::new(Dtype::F64, shape.clone(), bytes).expect("shape and bytes agree");
        (name.as_ref(), view)
    });
    let mut info = serde_json::to_value(info).expect("plain data");
    info["version"] = kind.version.into();
    let metadata = HashMap::from([(kind.key.to_owned(), info.to_string())]);
    safetensors::serialize(views, Some(metadata)).expect("a handful of named tensors")
}

/// A file that has been opened.
pub(crate) struct Container<'a> {
    kind: Kind,
    file: SafeTensors<'a>,
    info: Value,
}

impl<'a> Container<'a> {
    pub(crate) fn read(kind: Kind, bytes: &'a [u8]) -> Result<Self, ContainerError> {
        let bad = |reason: String| malformed(kind, reason);
        if bytes.len() > MAX_BYTES {
            return Err(bad(format!("{} bytes are too many", bytes.len())));
        }
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| bad(e.to_string()))?;
        let json = metadata.metadata().as_ref().and_then(|map| map.get(kind.key));
        let json = json.ok_or_else(|| bad(format!("its metadata has no `{}` entry", kind.key)))?;
        let mut info: Value = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
        let version = info.as_object_mut().and_then(|map| map.remove("version"));
        let found = version.as_ref().and_then(Value::as_u64);
        let found = found.ok_or_else(|| bad("its metadata names no version".to_owned()))?;
        if found > kind.version {
            return Err(ContainerError::Newer {
                what: kind.what,
                found,
                known: kind.version,
            });
        }
        let file = SafeTensors::deserialize(bytes).map_err(|e| bad(e.to_string()))?;
        Ok(Self { kind, file, info })
    }

    /// The metadata without its version.
    pub(crate) fn info<T: serde::de::DeserializeOwned>(&self) -> Result<T, ContainerError> {
        serde_json::from_value(self.info.clone()).map_err(|e| self.malformed(e.to_string()))
    }

    /// The finite values of a tensor of exactly this shape.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, ContainerError> {
        let values = self.any_tensor(name, shape)?;
        match values.iter().position(|v| !v.is_finite()) {
            Some(at) => Err(self.malformed(format!(
                "tensor `{name}` has a component that is not finite ({at})"
            ))),
            None => Ok(values),
        }
    }

    /// The values of a tensor of exactly this shape, finite or not.
    pub(crate) fn any_tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, ContainerError> {
        let view = self.file.tensor(name);
        let view = view.map_err(|_| self.malformed(format!("tensor `{name}` is missing")))?;
        if view.dtype() != Dtype::F64 || view.shape() != shape {
            return Err(self.malformed(format!(
                "tensor `{name}` is {:?} {:?} instead of F64 {shape:?}",
                view.dtype(),
                view.shape()
            )));
        }
        let chunks = view.data().chunks_exact(8);
        Ok(chunks
            .map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight bytes")))
            .collect())
    }

    pub(crate) fn malformed(&self, reason: impl Into<String>) -> ContainerError {
        malformed(self.kind, reason.into())
    }
}

fn malformed(kind: Kind, reason: String) -> ContainerError {
    ContainerError::Malformed {
        what: kind.what,
        reason,
    }
}
