//! Sums over the recorded steps of a window.

use faer::Mat;

use super::TrackerOptions;
use super::record::{CouplingRecord, WindowRecord};
use super::shape::{ChanceLevels, GradientBlock, u_side, v_side};
use crate::Frame;
use crate::decomposition::Blocks;
use crate::eigen::EigenError;

/// Per-step covariances of Δ and of the gradients, summed; d × d however long the window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub from: u64,
    pub steps: u64,
    /// Steps that had gradients.
    pub gradient_steps: u64,
    pub storage_floor: f64,
    pub differences: Mat<f64>,
    pub mean: Vec<f64>,
    pub gradients: Mat<f64>,
}

impl Window {
    pub fn starting(step: u64, dim: usize) -> Self {
        Self {
            from: step,
            steps: 0,
            gradient_steps: 0,
            storage_floor: 0.0,
            differences: Mat::zeros(dim, dim),
            mean: vec![0.0; dim],
            gradients: Mat::zeros(dim, dim),
        }
    }

    pub fn add(&mut self, differences: &Mat<f64>, mean: &[f64], floor: f64, gradients: Option<&Mat<f64>>) {
        self.steps += 1;
        self.differences += differences;
        self.mean.iter_mut().zip(mean).for_each(|(sum, m)| *sum += m);
        self.storage_floor += floor;
        if let Some(gradients) = gradients {
            self.gradient_steps += 1;
            self.gradients += gradients;
        }
    }

    /// The means of the window.
    pub fn record(
        &self,
        frame: &Frame,
        chance: &ChanceLevels,
        options: &TrackerOptions,
    ) -> Result<WindowRecord, EigenError> {
        let n = self.steps as f64;
        let sigma = &self.differences * faer::Scale(1.0 / n);
        let mean: Vec<f64> = self.mean.iter().map(|m| m / n).collect();
        let blocks = Blocks::of(sigma.as_ref(), frame)?;
        let parts = blocks.decompose(&mean, frame, options.lambda(), self.storage_floor / n)?;
        let gradients = (self.gradient_steps > 0)
            .then(|| {
                let mean = &self.gradients * faer::Scale(1.0 / self.gradient_steps as f64);
                GradientBlock::of(mean.as_ref(), None, frame)
            })
            .transpose()?;
        Ok(WindowRecord {
            from: self.from,
            steps: self.steps,
            u: u_side(&blocks, &parts, gradients.as_ref(), chance, options.top_eigen()),
            v: v_side(&parts, chance, None),
            coupling: CouplingRecord::from(&parts.coupling),
        })
    }
}
