//! The aligner's file: safetensors with one canonical JSON metadata entry.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use crate::aligner::{Aligner, AlignerInfo};
use crate::aligner_header::{AlignerFileError, Header, malformed, usable};
use crate::bad_row::Policy;
use crate::map::Map;
use crate::row_map::RowMap;
use crate::sketch::RowSketch;
use crate::stage_file::{Tensor, map_of, tensors_of};

/// The newest version of the file format. Maps without stages are written as version 1, which older packages read.
pub const FORMAT_VERSION: u32 = 2;
/// The one metadata key.
const KEY: &str = "modality-gap";
/// Rows beyond this are not embeddings; products of widths stay far from overflow.
const MAX_DIM: usize = 1 << 20;

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
        let file = Header::read(bytes, KEY)?;
        let version = file.info.get("version").and_then(Value::as_u64);
        match version {
            None | Some(0) => return Err(malformed("it names no version")),
            Some(found) if found > u64::from(FORMAT_VERSION) => {
                return Err(AlignerFileError::Newer {
                    found,
                    known: FORMAT_VERSION,
                });
            }
            Some(_) => check_kinds(&file.info)?,
        }
        let info: AlignerInfo =
            serde_json::from_value(file.info.clone()).map_err(|error| malformed(error.to_string()))?;
        let dim = info.dim;
        if dim == 0 || dim > MAX_DIM {
            return Err(malformed(format!("it announces {dim} columns")));
        }
        let read = |name: &str, shape: &[usize]| file.tensor(name, shape);
        let optional = |name: &str| file.has(name).then(|| read(name, &[dim])).transpose();
        if !(usable(info.scale) && info.scale > 0.0) {
            return Err(malformed(format!("its scale is {}", info.scale)));
        }
        let map = if info.stages.is_empty() {
            let offsets = match info.iterations {
                0 if file.has("offsets") => return Err(malformed("offsets where none are announced")),
                0 => Vec::new(),
                k => read("offsets", &[k, dim])?,
            };
            Map::from(RowMap::new(
                dim,
                Policy::Unit,
                info.scale,
                optional("shift")?,
                info.renormalize,
                offsets.chunks_exact(dim).map(<[f64]>::to_vec).collect(),
            ))
        } else {
            map_of(dim, &info.stages, read)?.into()
        };
        let target_map = optional("target_shift")?.map(|shift| {
            RowMap::new(dim, Policy::Unit, 1.0, Some(shift), info.renormalize, Vec::new()).into()
        });
        if info.moves_target != target_map.is_some() {
            return Err(malformed("tensor `target_shift` and `movesTarget` disagree"));
        }
        let (source_mean, target_mean) = (read("source_mean", &[dim])?, read("target_mean", &[dim])?);
        let mut aligner = Self::new(info, map, target_map, source_mean, target_mean);
        for (sketch, name) in aligner.sketches.iter_mut().zip(SKETCHES) {
            if file.has(name) {
                let read = RowSketch::read(file.hashes(name)?);
                *sketch = read.ok_or_else(|| {
                    malformed(format!("tensor `{name}` is not an ascending list of hashes"))
                })?;
            }
        }
        Ok(aligner)
    }
}

/// What serde would take in a second form: objects as lists, names as objects, stages with further keys.
fn check_kinds(info: &Value) -> Result<(), AlignerFileError> {
    let odd = |what: &str| Err(malformed(format!("its `{what}` is of another kind")));
    for what in ["options", "source", "target", "gap"] {
        if !info[what].is_object() {
            return odd(what);
        }
    }
    let mut gap = &info["gap"]["held"];
    while !gap.is_null() {
        if !gap.is_object() {
            return odd("gap");
        }
        gap = &gap["held"];
    }
    let options = &info["options"];
    let steps = options["steps"].as_array().into_iter().flatten();
    let names = ["method", "centroid", "compat"].map(|name| &options[name]);
    if names
        .into_iter()
        .chain(steps)
        .any(|name| !(name.is_string() || name.is_null()))
    {
        return odd("options");
    }
    let stages = info["stages"].as_array().into_iter().flatten();
    let known = |stage: &Value| {
        let keys: &[&str] = match stage["kind"].as_str()? {
            "scale" => &["factor", "kind"],
            "noise" => &["kind", "seed", "sigma"],
            "polar" => &["kind", "knots", "pairs"],
            _ => &["kind"],
        };
        let found = stage.as_object()?;
        (found.len() == keys.len() && keys.iter().all(|key| found.contains_key(*key))).then_some(())
    };
    match stages.enumerate().find(|(_, stage)| known(stage).is_none()) {
        Some((at, _)) => Err(malformed(format!("stages.{at} is of no known kind"))),
        None => Ok(()),
    }
}

/// The version that a map needs.
pub(crate) fn format_version(map: &Map) -> u32 {
    match map {
        Map::Row(_) => 1,
        Map::Staged(_) => FORMAT_VERSION,
    }
}
