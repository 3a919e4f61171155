//! Dual encoders: one trained from scratch, and those that people already have.
//!
//! An image tower and a text tower end on one sphere and are trained by a symmetric contrastive loss. A training is a
//! function of its options, its data and its seed: the number of threads, the size of the parts that are held at a time
//! and an interruption change nothing, or rounding only where it says so.

mod config;
mod contrast;
pub mod data;
mod embed;
mod encoder;
mod error;
mod evaluate;
mod files;
mod hf;
mod job;
mod log;
mod model;
pub mod picture;
mod receipt;
mod train;
mod transformer;
mod vocabulary;
mod watch;

pub use config::{ModelConfig, TowerConfig, TrainOptions};
pub use contrast::{Contrast, Part, contrast, embed};
pub use embed::{EmbedJob, EmbedReport, Embedder, EncoderInfo, run_embedding};
pub use encoder::DualEncoder;
pub use error::{EncoderError, Result};
pub use evaluate::{Evaluation, evaluate};
pub use hf::Pretrained;
pub use job::{ENCODER, TrainJob, TrainReport, load_encoder, run_training};
pub use model::Model;
pub use train::{CHECKPOINT, checkpoint_of, train};
pub use vocabulary::{Tokens, Vocabulary};
pub use watch::{Observer, Probe, Step};
