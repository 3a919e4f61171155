//! A tiny dual encoder, and what its training tells.

use modality_gap_encoder::{ModelConfig, Observer, Probe, Step, TowerConfig};

pub const TINY: ModelConfig = ModelConfig {
    dim: 6,
    image_size: 8,
    patch: 4,
    image: TowerConfig {
        width: 8,
        layers: 2,
        heads: 2,
    },
    text: TowerConfig {
        width: 8,
        layers: 2,
        heads: 2,
    },
    tokens: 5,
};

/// Keeps what a training tells, and stops it after some steps.
#[derive(Default)]
pub struct Watcher {
    pub steps: Vec<Step>,
    pub probes: Vec<Probe>,
    pub stop_after: Option<usize>,
}

impl Observer for Watcher {
    fn step(&mut self, step: &Step) {
        self.steps.push(step.clone());
    }
    fn probe(&mut self, probe: Probe) {
        self.probes.push(probe);
    }
    fn cancelled(&self) -> bool {
        self.stop_after.is_some_and(|most| self.steps.len() >= most)
    }
}
