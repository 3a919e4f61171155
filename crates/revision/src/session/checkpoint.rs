//! What a training leaves behind: its whole state to continue from.

use std::path::Path;

use modality_gap_nn::{Checkpoint, checkpoint_bytes};
use serde::{Deserialize, Serialize};

use super::model::{Session, chosen, put_back};
use super::options::LearnOptions;
use crate::files::write_bytes;
use crate::{Result, RevisionError};

/// The file of a checkpoint that holds what learns, the optimiser's moments and the number of updates.
pub const TRAINING_STATE: &str = "training_state.safetensors";

/// What a state must agree with to be gone on from.
#[derive(Serialize, Deserialize)]
struct Kept {
    learn: LearnOptions,
    seed: u64,
}

impl Session {
    /// Writes the state of the training to `folder`: everything that the next update depends on but the data's order.
    pub fn save_state(&self, folder: &Path) -> Result<()> {
        let training = self.learning()?;
        let kept = Kept {
            learn: training.options.clone(),
            seed: self.options.seed,
        };
        let chosen = chosen(&self.params, &training.learning);
        let file = folder.join(TRAINING_STATE);
        write_bytes(
            &file,
            &checkpoint_bytes(&chosen, Some(&training.optimiser), &kept)?,
        )
    }

    /// Goes on from a state of the same training; updates from here on have the bits of one that was never interrupted.
    ///
    /// # Errors
    /// `UNREADABLE`; `BAD_MODEL` for a state of other options or of another model.
    pub fn restore_state(&mut self, folder: &Path) -> Result<()> {
        let file = folder.join(TRAINING_STATE);
        let mut checkpoint = Checkpoint::read(&file)?;
        let kept: Kept = checkpoint.state()?;
        let seed = self.options.seed;
        let training = self.learning_mut()?;
        // what is kept in memory changes no bit
        let same = LearnOptions {
            activation_bytes: training.options.activation_bytes,
            ..kept.learn
        };
        if same != training.options || kept.seed != seed {
            let reason = "it was made with other options; continue with the same, or start anew".to_owned();
            return Err(RevisionError::BadModel { file, reason });
        }
        let learning = training.learning.clone();
        let mut chosen = chosen(&self.params, &learning);
        checkpoint.restore_params(&mut chosen)?;
        checkpoint.restore_optimiser(&chosen, &mut self.learning_mut()?.optimiser)?;
        put_back(&mut self.params, &learning, &chosen);
        Ok(())
    }
}
