//! What a training tells while it runs.

use serde::Serialize;
use ts_rs::TS;

/// What one update did.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(rename = "TrainStep")]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Updates so far, this one included.
    pub step: u64,
    /// Updates in all.
    pub total: u64,
    /// Passes over the data begun.
    pub epoch: u64,
    /// Loss of the batch before the update.
    pub loss: f64,
    /// Share of its images whose own caption came first.
    pub accuracy: f64,
    /// Temperature before the update.
    pub temperature: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Norm of all gradients together, before it was bounded.
    pub grad_norm: f64,
    /// Seconds since training began or went on.
    pub seconds: f64,
}

/// Embeddings of held-out pairs and of a batch with the loss's gradients there, all under the same parameters. Rows of
/// `dim` values.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Updates made when it was taken.
    pub step: u64,
    /// Columns.
    pub dim: usize,
    /// Held-out images.
    pub image: Vec<f32>,
    /// Their captions.
    pub text: Vec<f32>,
    /// The batch's images.
    pub batch_image: Vec<f32>,
    /// The batch's captions.
    pub batch_text: Vec<f32>,
    /// dL/d the batch's image rows.
    pub grad_image: Vec<f32>,
    /// dL/d the batch's text rows.
    pub grad_text: Vec<f32>,
}

/// Who watches a training.
pub trait Observer {
    /// After every update.
    fn step(&mut self, step: &Step);
    /// At the cadence of `probe_every`, before the update.
    fn probe(&mut self, probe: Probe);
    /// Before a checkpoint is written: what was heard so far is to last as long as the checkpoint does.
    fn saving(&mut self) {}
    /// Whether to stop; asked before every update.
    fn cancelled(&self) -> bool;
}
