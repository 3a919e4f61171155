//! A language model's files, whichever their format.

use std::path::{Path, PathBuf};

use candle_core::Tensor;

use super::gguf::{Gguf, Metadata};
use super::hf::Folder;
use super::source::bad;
use crate::{LmConfig, Result, RevisionError};

/// A language model on the disk: a Hugging Face folder or a GGUF file.
#[derive(Debug)]
pub struct ModelFiles {
    path: PathBuf,
    config: LmConfig,
    store: Store,
}

#[derive(Debug)]
enum Store {
    Folder(Folder),
    Gguf(Gguf),
}

/// What a tokenizer is read from.
pub(crate) enum TextFiles<'a> {
    Folder(&'a Path),
    Gguf(&'a Metadata),
}

impl ModelFiles {
    /// Opens a folder with `config.json` and `model.safetensors` (or its parts with their index), or a GGUF file.
    ///
    /// Headers are read and every weight's shape is checked; no weight is read yet.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNREADABLE`, or `BAD_MODEL` with the file and what is wrong, or what this crate does not compute.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let (config, store) = if path.is_dir() {
            let folder = Folder::open(&path)?;
            (folder.config().clone(), Store::Folder(folder))
        } else {
            let file = Gguf::open(&path)?;
            (file.config()?, Store::Gguf(file))
        };
        Ok(Self { path, config, store })
    }

    /// The folder or file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Shapes of the model.
    pub fn config(&self) -> &LmConfig {
        &self.config
    }

    /// The weight of that name, one of [`weight_shapes`], as f32 on the CPU: read from the disk now, row-major, in
    /// Hugging Face's order of rows.
    ///
    /// # Errors
    /// `BAD_MODEL` when there is no such weight, when it has another shape, or when the file changed meanwhile.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let tensor = match &self.store {
            Store::Folder(folder) => folder.weight(name)?,
            Store::Gguf(file) => file.weight(&self.config, name)?,
        };
        let tensor = tensor.ok_or_else(|| self.bad(format!("{name} is missing")))?;
        if tensor.dims() == shape {
            Ok(tensor)
        } else {
            let found = tensor.dims();
            Err(self.bad(format!("{name} is {found:?}, the model wants {shape:?}")))
        }
    }

    /// Tokens that end a generation, as the files name them; may be none.
    pub fn ends(&self) -> Result<Vec<u32>> {
        match &self.store {
            Store::Folder(folder) => Ok(folder.ends().to_vec()),
            Store::Gguf(file) => file.ends(),
        }
    }

    /// What is worth saying about the files.
    pub fn notes(&self) -> &[String] {
        match &self.store {
            Store::Folder(folder) => folder.notes(),
            Store::Gguf(_) => &[],
        }
    }

    /// Where the tokenizer is.
    pub(crate) fn text(&self) -> TextFiles<'_> {
        match &self.store {
            Store::Folder(_) => TextFiles::Folder(&self.path),
            Store::Gguf(file) => TextFiles::Gguf(file.metadata()),
        }
    }

    fn bad(&self, reason: String) -> RevisionError {
        bad(&self.path, reason)
    }
}
