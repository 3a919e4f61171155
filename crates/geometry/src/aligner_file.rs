//! The aligner's file: safetensors with one canonical JSON metadata entry.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::aligner::{Aligner, AlignerInfo};
use crate::bad_row::Policy;
use crate::map::Map;
use crate::row_map::RowMap;
use crate::sketch::RowSketch;
use crate::stage_file::{Tensor, map_of, tensors_of};

/// The newest version of the file format. Maps without stages are written as version 1, which older packages read.
pub const FORMAT_VERSION: u32 = 2;
/// The one metadata key.
const KEY: &str = "modality-gap";
/// Files beyond this are no aligners: 4096 columns and a thousand offsets take 33 MB.
const MAX_BYTES: usize = 1 << 30;
/// Rows beyond this are no embeddings; products of widths stay far from overflow.
const MAX_DIM: usize = 1 << 20;

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

/// Tensors of the hashes of the fit's rows, target and source.
const SKETCHES: [&str; 2] = ["target_rows", "source_rows"];

impl Aligner {
    /// The aligner as a safetensors file; equal aligners give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let dim = self.dim();
        let one = |name: &str, values: &[f64]| -> Tensor { (name.to_owned(), vec![dim], values.to_vec()) };
        let mut tensors = vec![
            one("source_mean", &self.source_mean),
            one("target_mean", &self.target_mean),
        ];
        match &self.map {
            Map::Row(map) => {
                tensors.extend(map.shift().map(|shift| one("shift", shift)));
                let offsets = map.offsets();
                if !offsets.is_empty() {
                    tensors.push(("offsets".to_owned(), vec![offsets.len(), dim], offsets.concat()));
                }
            }
            Map::Staged(map) => tensors.extend(tensors_of(map)),
        }
        if let Some(Map::Row(map)) = &self.target_map {
            tensors.extend(map.shift().map(|shift| one("target_shift", shift)));
        }
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
            .into_iter()
            .map(|(name, shape, values)| (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let sketches = SKETCHES.into_iter().zip(&self.sketches);
        let sketches: Vec<(String, Vec<usize>, Vec<u8>)> = sketches
            .filter(|(_, sketch)| !sketch.hashes().is_empty())
            .map(|(name, sketch)| {
                let hashes = sketch.hashes();
                let bytes = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
                (name.to_owned(), vec![hashes.len()], bytes)
            })
            .collect();
        let typed = tensors.iter().map(|tensor| (Dtype::F64, tensor));
        let all = typed.chain(sketches.iter().map(|sketch| (Dtype::U64, sketch)));
        let views = all.map(|(dtype, (name, shape, bytes))| {
            let view = TensorView::new(dtype, shape.clone(), bytes).expect("shape and bytes agree");
            (name, view)
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
        if dim == 0 || dim > MAX_DIM {
            return Err(malformed(format!("it announces {dim} columns")));
        }
        let read = |name: &str, shape: &[usize]| -> Result<Vec<f64>, AlignerFileError> {
            let view = file
                .tensor(name)
                .map_err(|_| malformed(format!("tensor `{name}` is missing")))?;
            values_of(name, &view, shape)
        };
        let optional = |name: &str, shape: &[usize]| -> Result<Option<Vec<f64>>, AlignerFileError> {
            file.tensor(name)
                .ok()
                .map(|view| values_of(name, &view, shape))
                .transpose()
        };
        if !info.scale.is_finite() || info.scale <= 0.0 {
            return Err(malformed(format!("its scale is {}", info.scale)));
        }
        let map = if info.stages.is_empty() {
            let offsets = match info.iterations {
                0 if file.tensor("offsets").is_ok() => {
                    return Err(malformed("offsets where none are announced".to_owned()));
                }
                0 => Vec::new(),
                k => read("offsets", &[k, dim])?,
            };
            Map::from(RowMap::new(
                dim,
                Policy::Unit,
                info.scale,
                optional("shift", &[dim])?,
                info.renormalize,
                offsets.chunks_exact(dim).map(<[f64]>::to_vec).collect(),
            ))
        } else {
            map_of(dim, &info.stages, read)?.into()
        };
        let target_map = optional("target_shift", &[dim])?.map(|shift| {
            RowMap::new(dim, Policy::Unit, 1.0, Some(shift), info.renormalize, Vec::new()).into()
        });
        if info.moves_target != target_map.is_some() {
            return Err(malformed(
                "tensor `target_shift` and `movesTarget` disagree".to_owned(),
            ));
        }
        let (source_mean, target_mean) = (read("source_mean", &[dim])?, read("target_mean", &[dim])?);
        let mut aligner = Self::new(info, map, target_map, source_mean, target_mean);
        for (sketch, name) in aligner.sketches.iter_mut().zip(SKETCHES) {
            if let Ok(view) = file.tensor(name) {
                *sketch = sketch_of(name, &view)?;
            }
        }
        Ok(aligner)
    }
}

/// The hashes of rows of the fit.
fn sketch_of(name: &str, view: &TensorView<'_>) -> Result<RowSketch, AlignerFileError> {
    let hashes = view.data().chunks_exact(8);
    let hashes = hashes.map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
    let read = (view.dtype() == Dtype::U64)
        .then(|| RowSketch::read(hashes.collect()))
        .flatten();
    read.ok_or_else(|| AlignerFileError::Malformed(format!("tensor `{name}` is no ascending list of hashes")))
}

/// The finite values of an f64 tensor of that shape.
fn values_of(name: &str, view: &TensorView<'_>, shape: &[usize]) -> Result<Vec<f64>, AlignerFileError> {
    let malformed = |text: String| Err(AlignerFileError::Malformed(text));
    if view.dtype() != Dtype::F64 {
        return malformed(format!("tensor `{name}` is {:?} instead of F64", view.dtype()));
    }
    if view.shape() != shape {
        return malformed(format!(
            "tensor `{name}` has shape {:?} where {shape:?} is announced",
            view.shape()
        ));
    }
    let values: Vec<f64> = view
        .data()
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight bytes")))
        .collect();
    match values.iter().position(|v| !v.is_finite()) {
        Some(at) => malformed(format!(
            "tensor `{name}` has a component that is not finite ({at})"
        )),
        None => Ok(values),
    }
}

/// The version that a map needs.
pub(crate) fn format_version(map: &Map) -> u32 {
    match map {
        Map::Row(_) => 1,
        Map::Staged(_) => FORMAT_VERSION,
    }
}
