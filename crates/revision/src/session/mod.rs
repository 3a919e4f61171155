//! A model in training or in use: what is loaded, what learns, and with which optimiser.

mod checkpoint;
mod export;
mod model;
mod options;
mod sample;
mod step;
mod talk;

pub use export::Export;
pub use model::Session;
pub use options::{LearnOptions, Mode, Precision, ProjectorOptions, SessionOptions};
pub use sample::{ModelInfo, ModelSample, SampleSizes, SampleTurn};
pub use step::{EvaluateReport, Samples, StepReport};
pub use talk::{Answer, Ended};
