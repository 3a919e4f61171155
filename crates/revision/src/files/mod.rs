//! Files of language models, in and out.
//!
//! Every file is taken for hostile: sizes are compared with the file before anything is allocated, and nothing in a file
//! is run. Weights are read by position, one at a time, so that a caller can pack or drop one before the next.

mod gguf;
mod hf;
mod model_files;
mod names;
mod out;
mod peft;
mod peft_config;
mod projector;
mod save;
mod source;
mod torch;

pub(crate) use gguf::Metadata;
#[cfg(test)]
pub(crate) use gguf::{Gguf, Value as MetadataValue};
pub use model_files::ModelFiles;
pub(crate) use model_files::TextFiles;
pub use names::weight_shapes;
pub use out::Stored;
pub(crate) use out::{failed as write_failed, write_bytes, write_json};
pub(crate) use peft::has_projector_beside;
pub use peft::{read_adapters, write_adapters};
pub(crate) use projector::can_hold;
pub use projector::{
    ProjectorFile, ProjectorNames, llava_keys, our_projector_name, read_projector, their_projector_name,
    write_projector,
};
pub use save::{SaveOptions, save_model};
pub(crate) use source::{bad, text as read_text, text_if_there as read_text_if_there};
