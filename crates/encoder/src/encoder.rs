//! A trained dual encoder: both towers and the vocabulary, in one file.

use std::collections::HashMap;
use std::path::Path;

use modality_gap_nn::{Checkpoint, NnError, Tape, checkpoint_bytes};
use serde::{Deserialize, Serialize};

use crate::config::ModelConfig;
use crate::data::{Pair, Pictures};
use crate::error::{EncoderError, Result, usable};
use crate::evaluate::{Evaluation, evaluate};
use crate::files::write_whole;
use crate::model::{Model, to_f32};
use crate::vocabulary::Vocabulary;

/// Rows that are embedded at a time.
const BLOCK: usize = 256;

/// Both towers and the vocabulary.
#[derive(Debug, Clone)]
pub struct DualEncoder {
    pub(crate) model: Model,
    pub(crate) vocabulary: Vocabulary,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    model: ModelConfig,
    vocabulary: Vocabulary,
}

impl DualEncoder {
    /// An encoder of these parts.
    pub fn new(model: Model, vocabulary: Vocabulary) -> Self {
        Self { model, vocabulary }
    }

    /// Shapes and parameters.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Its words.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Writes parameters and vocabulary to one file, whole or not at all.
    pub fn save(&self, file: &Path) -> Result<()> {
        let saved = Saved {
            model: *self.model.config(),
            vocabulary: self.vocabulary.clone(),
        };
        write_whole(file, &checkpoint_bytes(self.model.params(), None, &saved)?)
    }

    /// Reads a file that [`Self::save`] wrote.
    pub fn load(file: &Path) -> Result<Self> {
        let mut checkpoint = match Checkpoint::read(file) {
            Err(NnError::Read { file, source }) => return Err(EncoderError::reading(&file, source)),
            other => other?,
        };
        let Saved { model, vocabulary } = checkpoint.state()?;
        let bad = |reason: String| EncoderError::BadModel {
            file: file.to_owned(),
            reason,
        };
        model.check().map_err(|error| bad(error.to_string()))?;
        let (wanted, held) = (model.parameters(vocabulary.len()), checkpoint.count());
        if wanted != Some(held) {
            let wanted = wanted.map_or("more than can be held".to_owned(), |wanted| wanted.to_string());
            return Err(bad(format!(
                "it holds {held} parameters, its shapes want {wanted}"
            )));
        }
        let mut model = Model::fresh(model, vocabulary.len(), 1.0, 0)?;
        checkpoint.restore_params(model.params_mut())?;
        Ok(Self { model, vocabulary })
    }

    /// Unit rows of pictures `rows`, `dim` values each.
    ///
    /// # Errors
    /// `BAD_ROW` when one is not finite.
    pub fn embed_images(&self, pictures: &Pictures<'_>, rows: &[usize]) -> Result<Vec<f32>> {
        let mut out = Vec::with_capacity(rows.len() * self.model.config().dim);
        for rows in rows.chunks(BLOCK) {
            let patches = pictures.patches(rows, self.model.config().patch, |_| None)?;
            let mut tape = Tape::new();
            let vars = self.model.params().constants();
            let image = self
                .model
                .images(&mut tape, &vars, self.model.patches(patches)?)?;
            out.extend(usable(to_f32(image.value())?, self.model.config().dim, |row| {
                format!("the row of picture {}", rows[row])
            })?);
        }
        Ok(out)
    }

    /// Unit rows of texts, `dim` values each.
    ///
    /// # Errors
    /// `BAD_ROW` when one is not finite.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>> {
        let mut out = Vec::with_capacity(texts.len() * self.model.config().dim);
        for texts in texts.chunks(BLOCK) {
            let tokens = self
                .vocabulary
                .tokens(texts.iter().copied(), self.model.config().tokens);
            let mut tape = Tape::new();
            let vars = self.model.params().constants();
            let text = self.model.texts(&mut tape, &vars, &tokens)?;
            out.extend(usable(to_f32(text.value())?, self.model.config().dim, |row| {
                format!("the row of the text `{}`", texts[row])
            })?);
        }
        Ok(out)
    }

    /// Both sides of pairs `rows`, with the first caption of each.
    pub fn embed_pairs(&self, pictures: &Pictures<'_>, rows: &[usize]) -> Result<(Vec<f32>, Vec<f32>)> {
        let texts: Vec<&str> = rows
            .iter()
            .map(|&row| pictures.pairs()[row].captions[0].as_str())
            .collect();
        Ok((self.embed_images(pictures, rows)?, self.embed_texts(&texts)?))
    }

    /// Retrieval and gap of all of `pictures`.
    pub fn evaluate(&self, pictures: &Pictures<'_>) -> Result<Evaluation> {
        let rows: Vec<usize> = (0..pictures.len()).collect();
        let (image, text) = self.embed_pairs(pictures, &rows)?;
        Ok(evaluate(
            &image,
            &text,
            self.model.config().dim,
            &captions_numbered(pictures.pairs()),
        ))
    }
}

/// Equal first captions get equal numbers.
pub(crate) fn captions_numbered(pairs: &[&Pair]) -> Vec<usize> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    pairs
        .iter()
        .map(|pair| {
            let next = numbers.len();
            *numbers.entry(pair.captions[0].as_str()).or_insert(next)
        })
        .collect()
}
