//! Checkpoints: everything that the next step depends on, in the bytes of one file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::adamw::AdamW;
use crate::{NnError, Params, Real, Result, host, with_dtype};

/// The key of the JSON among the file's metadata; one key, because several have no order of their own.
const KEY: &str = "modality-gap";

/// A checkpoint that was read.
#[derive(Debug)]
pub struct Checkpoint {
    file: PathBuf,
    tensors: BTreeMap<String, Tensor>,
    state: serde_json::Value,
}

/// The bytes of a checkpoint file: parameters, the optimiser's moments when given, and `state`.
pub fn checkpoint_bytes(
    params: &Params,
    optimiser: Option<&AdamW>,
    state: &impl Serialize,
) -> Result<Vec<u8>> {
    let mut tensors: Vec<(String, &Tensor)> = named("param", params, params.values());
    if let Some(optimiser) = optimiser {
        tensors.extend(named("exp_avg", params, &optimiser.mean));
        tensors.extend(named("exp_avg_sq", params, &optimiser.square));
    }
    let bytes = tensors
        .iter()
        .map(|(_, tensor)| bytes_of(tensor))
        .collect::<Result<Vec<_>>>()?;
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        let dtype = if tensor.dtype() == DType::F64 {
            Dtype::F64
        } else {
            Dtype::F32
        };
        let view = TensorView::new(dtype, tensor.dims().to_vec(), bytes).expect("bytes of its own shape");
        (name.clone(), view)
    });
    let json = serde_json::json!({
        "updates": optimiser.map(AdamW::updates),
        "state": state,
    });
    let metadata = [(KEY.to_owned(), json.to_string())].into();
    Ok(safetensors::serialize(views, Some(metadata))
        .expect("tensors of their own shapes under names of their own"))
}

fn named<'a>(kind: &str, params: &Params, tensors: &'a [Tensor]) -> Vec<(String, &'a Tensor)> {
    params
        .names()
        .iter()
        .zip(tensors)
        .map(|(name, tensor)| (format!("{kind}.{name}"), tensor))
        .collect()
}

fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>> {
    let flat = tensor.flatten_all()?;
    Ok(match tensor.dtype() {
        DType::F64 => flat
            .to_vec1::<f64>()?
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect(),
        _ => flat
            .to_vec1::<f32>()?
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect(),
    })
}

impl Checkpoint {
    /// Reads a file that holds [`checkpoint_bytes`].
    pub fn read(file: &Path) -> Result<Self> {
        let failed = |source| NnError::Read {
            file: file.to_owned(),
            source,
        };
        // a pipe or device has no end
        if !std::fs::metadata(file).map_err(failed)?.is_file() {
            let reason = "it is not a regular file".to_owned();
            return Err(NnError::BadCheckpoint {
                file: file.to_owned(),
                reason,
            });
        }
        let bytes = std::fs::read(file).map_err(failed)?;
        let bad = |reason: String| NnError::BadCheckpoint {
            file: file.to_owned(),
            reason,
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| bad(error.to_string()))?;
        let json = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let json = json.ok_or_else(|| bad("it is not a checkpoint of this package".to_owned()))?;
        let state = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
        let parsed = SafeTensors::deserialize(&bytes).map_err(|error| bad(error.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in parsed.tensors() {
            let dtype = match view.dtype() {
                Dtype::F32 => DType::F32,
                Dtype::F64 => DType::F64,
                other => return Err(bad(format!("{name} is stored as {other:?}"))),
            };
            let tensor = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu)?;
            let values = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
            if values.iter().any(|value| !value.is_finite()) {
                return Err(bad(format!("{name} holds a value that is not finite")));
            }
            tensors.insert(name, tensor);
        }
        Ok(Self {
            file: file.to_owned(),
            tensors,
            state,
        })
    }

    /// What was saved beside the tensors.
    pub fn state<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.state["state"].clone()).map_err(|error| self.bad(error.to_string()))
    }

    /// How many numbers it holds.
    pub fn count(&self) -> u64 {
        self.tensors
            .values()
            .map(|tensor| tensor.elem_count() as u64)
            .sum()
    }

    /// Puts the saved values into `params`, which must have the same names, shapes and types; all are finite.
    pub fn restore_params(&mut self, params: &mut Params) -> Result<()> {
        let values = self.take("param", params)?;
        params.replace(values);
        Ok(())
    }

    /// Puts the saved moments and the number of updates into `optimiser`.
    pub fn restore_optimiser(&mut self, params: &Params, optimiser: &mut AdamW) -> Result<()> {
        let updates = self.state["updates"].as_u64();
        let updates = updates.ok_or_else(|| self.bad("it holds no optimiser".to_owned()))?;
        let (mean, square) = (self.take("exp_avg", params)?, self.take("exp_avg_sq", params)?);
        (optimiser.updates, optimiser.mean, optimiser.square) = (updates, mean, square);
        Ok(())
    }

    fn take(&mut self, kind: &str, params: &Params) -> Result<Vec<Tensor>> {
        let mut values = Vec::with_capacity(params.len());
        for (name, expected) in params.names().iter().zip(params.values()) {
            let key = format!("{kind}.{name}");
            let value = self
                .tensors
                .remove(&key)
                .ok_or_else(|| self.bad(format!("{key} is missing")))?;
            if value.shape() != expected.shape() || value.dtype() != expected.dtype() {
                let (found, wanted) = (value.shape(), expected.shape());
                return Err(self.bad(format!("{key} is {found:?}, the model has {wanted:?}")));
            }
            let finite: Result<bool> =
                with_dtype!(&value, T => Ok(host::<T>(&value)?.iter().all(|v| v.wide().is_finite())));
            if !finite? {
                return Err(self.bad(format!("{key} is damaged: a value of it is not finite")));
            }
            values.push(value);
        }
        Ok(values)
    }

    fn bad(&self, reason: String) -> NnError {
        NnError::BadCheckpoint {
            file: self.file.clone(),
            reason,
        }
    }
}
