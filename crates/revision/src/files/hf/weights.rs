//! Tensors of safetensors files: one file, or the parts that an index names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use modality_gap_shards::{SafetensorsHeader, TensorPlace};
use safetensors::Dtype;

use crate::files::source::{Source, bad, finite, text_if_there};
use crate::{Result, RevisionError};

/// Tensors by name, read from the disk one at a time.
#[derive(Debug)]
pub(crate) struct Safetensors {
    /// What to name in errors: the file, or the index.
    file: PathBuf,
    parts: Vec<(Source, SafetensorsHeader)>,
    /// Part of each tensor.
    names: BTreeMap<String, usize>,
}

impl Safetensors {
    /// `NAME.safetensors` of a folder, or else the parts of `NAME.safetensors.index.json`, in transformers' order.
    pub fn in_folder(folder: &Path, name: &str) -> Result<Self> {
        let whole = folder.join(format!("{name}.safetensors"));
        let index = folder.join(format!("{name}.safetensors.index.json"));
        match text_if_there(&index)? {
            Some(text) if !whole.exists() => {
                let parts = parts(folder, &text).map_err(|reason| bad(&index, reason))?;
                Self::of_parts(index, &parts)
            }
            None if !whole.exists() => {
                let torch = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
                let torch = torch.map(|file| folder.join(file));
                match torch.into_iter().find(|file| file.exists()) {
                    Some(file) => Err(bad(
                        &file,
                        "weights of language models are read from safetensors and GGUF; load it with transformers and save it \
                         again (save_pretrained), which writes safetensors",
                    )),
                    None => Self::open(&whole),
                }
            }
            _ => Self::open(&whole),
        }
    }

    /// One file.
    pub fn open(file: &Path) -> Result<Self> {
        Self::of_parts(file.to_owned(), &[file.to_owned()])
    }

    fn of_parts(file: PathBuf, paths: &[PathBuf]) -> Result<Self> {
        let mut parts = Vec::new();
        let mut names = BTreeMap::new();
        for path in paths {
            let source = Source::open(path)?;
            let header = SafetensorsHeader::read(source.input()).map_err(|error| source.of_shard(error))?;
            for name in header.names() {
                if names.insert(name.clone(), parts.len()).is_some() {
                    return Err(source.bad(format!("{name} stands in another part, too")));
                }
            }
            parts.push((source, header));
        }
        Ok(Self { file, parts, names })
    }

    /// The file, or the index of its parts.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.find(name).map(|(_, place)| place.shape)
    }

    /// A tensor as f32.
    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>> {
        let Some((source, place)) = self.find(name) else {
            return Ok(None);
        };
        let dtype = match place.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::F64 => DType::F64,
            other => {
                let reason = format!("tensor {name} is stored as {other:?}; F64, F32, F16 and BF16 are read");
                return Err(source.bad(reason));
            }
        };
        let bytes = source.bytes(place.offset, place.len)?;
        let tensor = Tensor::from_raw_buffer(&bytes, dtype, &place.shape, &Device::Cpu)?;
        let tensor = tensor.to_dtype(DType::F32)?;
        finite(name, &tensor).map_err(|reason| source.bad(reason))?;
        Ok(Some(tensor))
    }

    /// Whether two tensors of one shape have the same values; blocks of them are read at a time.
    pub fn equal(&self, one: &str, other: &str) -> Result<bool> {
        const BLOCK: u64 = 1 << 20;
        let (Some((source, a)), Some((other_source, b))) = (self.find(one), self.find(other)) else {
            return Ok(false);
        };
        if a.shape != b.shape {
            return Ok(false);
        }
        if a.dtype != b.dtype {
            let (Some(a), Some(b)) = (self.tensor(one)?, self.tensor(other)?) else {
                return Ok(false);
            };
            return Ok(a.flatten_all()?.to_vec1::<f32>()? == b.flatten_all()?.to_vec1::<f32>()?);
        }
        for at in (0..a.len).step_by(BLOCK as usize) {
            let len = BLOCK.min(a.len - at);
            if source.bytes(a.offset + at, len)? != other_source.bytes(b.offset + at, len)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the first file says under a key of its metadata.
    pub fn metadata(&self, key: &str) -> Option<String> {
        let (_, header) = self.parts.first()?;
        header.metadata(key)
    }

    pub fn bad(&self, reason: impl Into<String>) -> RevisionError {
        bad(&self.file, reason)
    }

    fn find(&self, name: &str) -> Option<(&Source, TensorPlace)> {
        let (source, header) = &self.parts[*self.names.get(name)?];
        header.place(name).map(|place| (source, place))
    }
}

/// The files that an index names, each once, all inside the folder.
fn parts(folder: &Path, index: &str) -> std::result::Result<Vec<PathBuf>, String> {
    let index: serde_json::Value = serde_json::from_str(index).map_err(|error| error.to_string())?;
    let map = index["weight_map"].as_object().ok_or("it has no weight_map")?;
    let mut names: Vec<&str> = map.values().filter_map(serde_json::Value::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if names
        .iter()
        .any(|name| name.contains(['/', '\\']) || Path::new(name).is_absolute())
    {
        return Err("it names files outside of its folder".to_owned());
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}
