//! Samples and models as they cross the border.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::model::Session;
use crate::text::{Conversation, Role, Turn};
use crate::{Result, RevisionError};

/// A sample, and where its images' embeddings stand.
#[derive(Debug, Clone, Deserialize, TS)]
#[ts(optional_fields)]
pub struct ModelSample {
    /// Its name, for errors.
    pub id: String,
    /// What is said; `<image>` is the place of an image.
    #[ts(type = "readonly SampleTurn[]")]
    pub turns: Vec<SampleTurn>,
    /// The row of each image among the rows that are given with the call.
    #[serde(default)]
    #[ts(type = "readonly number[]")]
    pub rows: Vec<u64>,
    /// Number of the pass over the data: an aligner that adds noise draws it anew in every one; 0 by default.
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    pub epoch: u64,
}

/// A turn of a sample.
#[derive(Debug, Clone, Deserialize, TS)]
#[ts(optional_fields)]
pub struct SampleTurn {
    /// Who says it: `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
    /// Whether the model learns it, where it is the assistant's; yes by default.
    pub learned: Option<bool>,
}

impl ModelSample {
    /// Its turns; a text without a question answers an empty one.
    ///
    /// # Errors
    /// `BAD_OPTION` for an unknown role.
    pub fn conversation(&self) -> Result<Conversation> {
        let mut conversation = Conversation {
            id: self.id.clone(),
            system: None,
            turns: Vec::with_capacity(self.turns.len()),
        };
        for SampleTurn {
            role,
            content,
            learned,
        } in &self.turns
        {
            let role = match role.as_str() {
                "system" => {
                    conversation.system = Some(content.clone());
                    continue;
                }
                "user" => Role::User,
                "assistant" => Role::Assistant,
                other => {
                    return Err(RevisionError::BadOption(format!(
                        "sample {}: unknown role `{other}`; expected system, user or assistant",
                        self.id
                    )));
                }
            };
            if role == Role::Assistant && conversation.turns.is_empty() {
                conversation.turns.push(Turn {
                    role: Role::User,
                    text: String::new(),
                    learn: false,
                });
            }
            conversation.turns.push(Turn {
                role,
                text: content.clone(),
                learn: learned.unwrap_or(true),
            });
        }
        Ok(conversation)
    }
}

/// What a model says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ModelInfo {
    /// `llama`, `mistral`, `qwen2` or `qwen3`.
    pub model_type: String,
    /// Tokens of its vocabulary.
    pub vocab: usize,
    /// Width of the language model.
    pub hidden: usize,
    /// Blocks.
    pub layers: usize,
    /// Columns of embeddings.
    pub dim: usize,
    /// Numbers that learn.
    pub learning: usize,
    /// What multiplies bf16 matrices on this machine.
    pub unit: String,
    /// What is worth saying about its files: tensors that are not used, a template that ends answers with no token, words of a
    /// GGUF file that are cut by default. Each is also a warning of the process when the model is opened.
    pub notes: Vec<String>,
}

impl ModelInfo {
    /// What is known of `session`; `unit` multiplies its matrices.
    pub fn of(session: &Session, unit: &str) -> Self {
        let lm = session.lm_config();
        Self {
            model_type: lm.model_type.clone(),
            vocab: lm.vocab,
            hidden: lm.hidden,
            layers: lm.layers,
            dim: session.projector_config().dim,
            learning: session.learning_count(),
            unit: unit.to_owned(),
            notes: session.notes(),
        }
    }
}

/// Sizes of samples as the model takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
pub struct SampleSizes {
    /// Positions, by sample.
    pub positions: Vec<usize>,
    /// Tokens that count in the loss, by sample.
    pub labels: Vec<usize>,
}

impl SampleSizes {
    /// Those of `samples`.
    ///
    /// # Errors
    /// `BAD_SAMPLE` and `BAD_OPTION`, with the sample's name.
    pub fn of(session: &Session, samples: &[ModelSample]) -> Result<Self> {
        let mut sizes = Self::default();
        for sample in samples {
            let sequence = session.sequence(&sample.conversation()?)?;
            sizes.positions.push(sequence.positions.len());
            sizes.labels.push(sequence.labels());
        }
        Ok(sizes)
    }
}
