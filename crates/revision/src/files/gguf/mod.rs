//! GGUF files: llama.cpp's container of a whole model.
//!
//! The reader is our own: that of candle 0.11.1 panics at an alignment of 0, keeps the last of two tensors or keys of one name
//! silently, and does not check whether tensors overlap. Blocks are dequantised by candle, one tensor at a time.

mod header;
mod model;
mod rope;
mod storage;
#[cfg(test)]
mod tests;
mod value;
mod write;

use std::path::Path;

use candle_core::Tensor;

use super::source::{Source, finite};
use crate::{LmConfig, Result};

use header::{Header, Info};
pub(crate) use value::Metadata;
#[cfg(test)]
pub(crate) use value::Value;
pub(crate) use write::{Written, write_gguf};

/// An open file whose header was checked.
#[derive(Debug)]
pub(crate) struct Gguf {
    source: Source,
    header: Header,
}

impl Gguf {
    pub fn open(file: &Path) -> Result<Self> {
        Self::read(Source::open(file)?)
    }

    fn read(source: Source) -> Result<Self> {
        let header = Header::read(&source)?;
        Ok(Self { source, header })
    }

    pub fn metadata(&self) -> &Metadata {
        &self.header.metadata
    }

    /// The shapes of the language model, when it is one that this crate computes, with every tensor in its place.
    pub fn config(&self) -> Result<LmConfig> {
        let config = model::config(self).map_err(|reason| self.source.bad(reason))?;
        model::check(self, &config).map_err(|reason| self.source.bad(reason))?;
        Ok(config)
    }

    /// A weight by Hugging Face's name, in Hugging Face's order of rows.
    pub fn weight(&self, config: &LmConfig, name: &str) -> Result<Option<Tensor>> {
        let Some(info) = model::gguf_name(name).and_then(|name| self.info(&name)) else {
            return Ok(None);
        };
        let tensor = self.decode(name, info)?;
        Ok(Some(model::in_order(config, name, tensor)?))
    }

    /// Tokens that end a text or a turn.
    pub fn ends(&self) -> Result<Vec<u32>> {
        let mut ends = Vec::new();
        for key in ["eos_token_id", "eot_token_id", "eom_token_id"] {
            let id = self.metadata().size(&format!("tokenizer.ggml.{key}"));
            let id = id.map_err(|reason| self.source.bad(reason))?;
            ends.extend(id.and_then(|id| u32::try_from(id).ok()));
        }
        ends.dedup();
        Ok(ends)
    }

    /// A tensor by its name in the file.
    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>> {
        self.info(name).map(|info| self.decode(name, info)).transpose()
    }

    /// Names of the tensors as the file has them, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.header.tensors.keys().map(String::as_str)
    }

    fn info(&self, name: &str) -> Option<&Info> {
        self.header.tensors.get(name)
    }

    fn decode(&self, name: &str, info: &Info) -> Result<Tensor> {
        let len = usize::try_from(info.len).expect("checked against the address space");
        // words, so that blocks of any type are aligned
        let mut words = vec![0_u64; len.div_ceil(8)];
        let bytes = &mut bytemuck::cast_slice_mut(&mut words)[..len];
        self.source.fill(info.offset, bytes)?;
        let tensor = info.storage.decode(bytes, &info.shape);
        let tensor = tensor.map_err(|error| self.source.bad(format!("tensor {name}: {error}")))?;
        finite(name, &tensor).map_err(|reason| self.source.bad(reason))?;
        Ok(tensor)
    }
}
