//! The aligner's file: safetensors with one canonical JSON metadata entry.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::aligner::{Aligner, AlignerInfo};
use crate::moments::Policy;
use crate::row_map::RowMap;

/// Version of the file format that this package writes and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;
/// The one metadata key.
const KEY: &str = "modality-gap";
/// Files beyond this are no aligners: 4096 columns and a thousand offsets take 33 MB.
const MAX_BYTES: usize = 1 << 30;

/// Why bytes are not an aligner that this package can use.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum AlignerFileError {
    /// Not a well-formed safetensors file, or not ours.
    #[error("not an aligner file: {0}")]
    Malformed(String),
    /// Written by a later package.
    #[error(
        "aligner format version {found} is newer than {known}, the newest this package reads; update modality-gap"
    )]
    Newer {
        /// Version in the file.
        found: u64,
        /// Newest version known.
        known: u32,
    },
}

impl Aligner {
    /// The aligner as a safetensors file; equal aligners give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let dim = self.dim();
        let mut tensors = vec![
            ("source_mean", vec![dim], bytes(&self.source_mean)),
            ("target_mean", vec![dim], bytes(&self.target_mean)),
        ];
        if let Some(shift) = self.map.shift() {
            tensors.push(("shift", vec![dim], bytes(shift)));
        }
        if !self.map.offsets().is_empty() {
            let offsets = self.map.offsets();
            tensors.push(("offsets", vec![offsets.len(), dim], bytes(&offsets.concat())));
        }
        if let Some(shift) = self.target_map.as_ref().and_then(RowMap::shift) {
            tensors.push(("target_shift", vec![dim], bytes(shift)));
        }
        let views = tensors.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F64, shape.clone(), bytes).expect("shape and bytes agree");
            (*name, view)
        });
        let json = serde_json::to_string(&self.info).expect("plain data");
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        safetensors::serialize(views, Some(metadata)).expect("a handful of named tensors")
    }

    /// Reads what [`Aligner::to_bytes`] wrote; every shape and value is checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AlignerFileError> {
        let malformed = |text: String| AlignerFileError::Malformed(text);
        if bytes.len() > MAX_BYTES {
            return Err(malformed(format!("{} bytes are too many", bytes.len())));
        }
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| malformed(e.to_string()))?;
        let json = metadata
            .metadata()
            .as_ref()
            .and_then(|map| map.get(KEY))
            .ok_or_else(|| malformed(format!("its metadata has no `{KEY}` entry")))?;
        let value: serde_json::Value = serde_json::from_str(json).map_err(|e| malformed(e.to_string()))?;
        let found = value
            .get("version")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0);
        if found > u64::from(FORMAT_VERSION) {
            return Err(AlignerFileError::Newer {
                found,
                known: FORMAT_VERSION,
            });
        }
        let info: AlignerInfo = serde_json::from_value(value).map_err(|e| malformed(e.to_string()))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| malformed(e.to_string()))?;
        let dim = info.dim;
        let read = |name: &str| -> Result<Option<Vec<Vec<f64>>>, AlignerFileError> {
            file.tensor(name)
                .ok()
                .map(|view| rows_of(name, &view, dim))
                .transpose()
        };
        let one = |name: &str| -> Result<Option<Vec<f64>>, AlignerFileError> {
            match read(name)? {
                None => Ok(None),
                Some(rows) if rows.len() == 1 => Ok(rows.into_iter().next()),
                Some(rows) => Err(malformed(format!(
                    "tensor `{name}` has {} rows instead of one",
                    rows.len()
                ))),
            }
        };
        let needed = |name: &str| one(name)?.ok_or_else(|| malformed(format!("tensor `{name}` is missing")));
        let offsets = read("offsets")?.unwrap_or_default();
        if offsets.len() != info.iterations {
            return Err(malformed(format!(
                "{} offsets where {} are announced",
                offsets.len(),
                info.iterations
            )));
        }
        if !info.scale.is_finite() || info.scale <= 0.0 {
            return Err(malformed(format!("its scale is {}", info.scale)));
        }
        let map = RowMap::new(
            dim,
            Policy::Unit,
            info.scale,
            one("shift")?,
            info.renormalize,
            offsets,
        );
        let target_map = one("target_shift")?
            .map(|shift| RowMap::new(dim, Policy::Unit, 1.0, Some(shift), info.renormalize, Vec::new()));
        if info.moves_target != target_map.is_some() {
            return Err(malformed(
                "tensor `target_shift` and `movesTarget` disagree".to_owned(),
            ));
        }
        let (source_mean, target_mean) = (needed("source_mean")?, needed("target_mean")?);
        Ok(Self::new(info, map, target_map, source_mean, target_mean))
    }
}

/// A one- or two-dimensional f64 tensor of `dim` finite columns, as rows.
fn rows_of(name: &str, view: &TensorView<'_>, dim: usize) -> Result<Vec<Vec<f64>>, AlignerFileError> {
    let malformed = |text: String| Err(AlignerFileError::Malformed(text));
    if view.dtype() != Dtype::F64 {
        return malformed(format!("tensor `{name}` is {:?} instead of F64", view.dtype()));
    }
    let fits = match *view.shape() {
        [columns] | [_, columns] => columns == dim && dim > 0,
        _ => false,
    };
    if !fits {
        return malformed(format!(
            "tensor `{name}` has shape {:?} where rows of {dim} are announced",
            view.shape()
        ));
    }
    let values: Vec<f64> = view
        .data()
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight bytes")))
        .collect();
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        return malformed(format!(
            "tensor `{name}` has a component that is not finite ({at})"
        ));
    }
    Ok(values.chunks_exact(dim).map(<[f64]>::to_vec).collect())
}
