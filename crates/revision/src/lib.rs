//! Language models that see through a projector: read, trained from text, asked about images.
//!
//! A language model of the Llama family stays as it is or is tuned; an embedding goes through a projector and stands in
//! the prompt as a few soft tokens. Everything by chance is a function of a seed, and a training gives the same bits for
//! any number of threads.

mod batch;
mod config;
mod error;
mod files;
mod generate;
mod lm;
mod lora;
mod projector;
mod session;
mod text;

pub use batch::{Position, Sequence};
pub use config::{LmConfig, RopeScaling};
pub use error::{Result, RevisionError};
pub use files::{
    ModelFiles, ProjectorFile, ProjectorNames, SaveOptions, Stored, llava_keys, our_projector_name,
    read_adapters, read_projector, save_model, their_projector_name, weight_shapes, write_adapters,
    write_projector,
};
pub use generate::{Next, SamplingOptions, generate};
pub use lm::{Batch, Found, Keep, KvCache, Lm, StepOptions, Tuning, Weights};
pub use lora::{LoraConfig, TARGETS, merged};
pub use projector::{Projector, ProjectorConfig};
pub use session::{
    Answer, Ended, EvaluateReport, Export, LearnOptions, Mode, ModelInfo, ModelSample, Precision,
    ProjectorOptions, SampleSizes, SampleTurn, Samples, Session, SessionOptions, StepReport,
};
pub use text::{
    Conversation, Decoding, IMAGE, Mark, Marks, Piece, Role, TEMPLATES, Template, TemplateOptions, TextCodec,
    Turn, expand, expand_prompt,
};
