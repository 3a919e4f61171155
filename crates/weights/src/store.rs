//! Tensors by name, as f32, finite.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use modality_gap_shards::{Input, SafetensorsHeader, TensorPlace};
use safetensors::Dtype;

use crate::{Result, WeightFiles, WeightsError, read_torch};

/// The tensors of a model's files. Those of safetensors are read when they are asked for, those of PyTorch's files at once.
#[derive(Debug)]
pub struct Store {
    /// What to name in errors: the file, or the index.
    name: PathBuf,
    parts: Vec<Part>,
    /// Part of each tensor.
    names: HashMap<String, usize>,
}

#[derive(Debug)]
struct Part {
    file: PathBuf,
    tensors: Tensors,
}

#[derive(Debug)]
enum Tensors {
    OnDisk(Input, SafetensorsHeader),
    Read(HashMap<String, Tensor>),
}

impl Store {
    /// The weights of a folder; of PyTorch's files only the tensors that are `wanted` by name.
    ///
    /// # Errors
    /// As [`WeightFiles::in_folder`]; a file that is damaged, missing, or repeats a tensor of another part.
    pub fn in_folder(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Self> {
        Self::of_files(WeightFiles::in_folder(folder)?, wanted)
    }

    /// The tensors of these files.
    ///
    /// # Errors
    /// As [`Self::in_folder`].
    pub fn of_files(files: WeightFiles, wanted: &dyn Fn(&str) -> bool) -> Result<Self> {
        let (name, files, safe) = match files {
            WeightFiles::Safetensors { name, parts } => (name, parts, true),
            WeightFiles::Torch { name, parts } => (name, parts, false),
        };
        let mut store = Self {
            name,
            parts: Vec::with_capacity(files.len()),
            names: HashMap::new(),
        };
        for file in files {
            let input = Input::open(&file).map_err(|error| WeightsError::of_shard(&file, error))?;
            let (names, tensors) = if safe {
                let header =
                    SafetensorsHeader::read(&input).map_err(|error| WeightsError::of_shard(&file, error))?;
                (header.names(), Tensors::OnDisk(input, header))
            } else {
                let wanted = |name: &str| wanted(name).then(|| name.to_owned());
                let read = read_torch(&input, &wanted);
                let read = read.map_err(|error| WeightsError::of_shard(&file, error))?;
                let names = read.iter().map(|(name, _)| name.clone()).collect();
                (names, Tensors::Read(read.into_iter().collect()))
            };
            for name in names {
                if let Some(first) = store.names.insert(name.clone(), store.parts.len()) {
                    let other = store.parts.get(first).map_or(&file, |part| &part.file);
                    let reason = format!("{name} stands in {}, too", other.display());
                    return Err(WeightsError::bad(&file, reason));
                }
            }
            store.parts.push(Part { file, tensors });
        }
        Ok(store)
    }

    /// The file, or the index of its parts.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Names of the tensors, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        match &self.part(name)?.tensors {
            Tensors::OnDisk(_, header) => header.place(name).map(|place| place.shape),
            Tensors::Read(tensors) => tensors.get(name).map(|tensor| tensor.dims().to_vec()),
        }
    }

    /// A tensor as f32, row-major, or `None` when there is none of that name.
    ///
    /// # Errors
    /// `Bad` with the file when its type is not read, or a value is not finite.
    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>> {
        let Some(part) = self.part(name) else {
            return Ok(None);
        };
        let tensor = match &part.tensors {
            Tensors::OnDisk(input, header) => header
                .place(name)
                .map(|place| read(&part.file, input, name, &place))
                .transpose()?,
            Tensors::Read(tensors) => tensors.get(name).cloned(),
        };
        if let Some(tensor) = &tensor {
            let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
            let values = values.map_err(|error| WeightsError::bad(&part.file, error.to_string()))?;
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let reason = format!("{name} is damaged: its value {at} is {}", values[at]);
                return Err(WeightsError::bad(&part.file, reason));
            }
        }
        Ok(tensor)
    }

    fn part(&self, name: &str) -> Option<&Part> {
        self.parts.get(*self.names.get(name)?)
    }
}

fn read(file: &Path, input: &Input, name: &str, place: &TensorPlace) -> Result<Tensor> {
    let dtype = match place.dtype {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F64 => DType::F64,
        other => {
            let reason = format!("tensor {name} is stored as {other:?}; F64, F32, F16 and BF16 are read");
            return Err(WeightsError::bad(file, reason));
        }
    };
    let bytes = input
        .bytes_at(place.offset, place.len)
        .map_err(|error| WeightsError::of_shard(file, error))?;
    let tensor = Tensor::from_raw_buffer(&bytes, dtype, &place.shape, &Device::Cpu);
    let tensor = tensor.and_then(|tensor| tensor.to_dtype(DType::F32));
    tensor.map_err(|error| WeightsError::bad(file, format!("{name}: {error}")))
}
