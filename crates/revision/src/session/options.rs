//! How a model is opened, and how it learns.

use std::path::PathBuf;

use modality_gap_nn::{Group, ScheduleKind, Shape};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::lora::LoraConfig;
use crate::projector::ProjectorConfig;
use crate::text::TemplateOptions;
use crate::{Result, RevisionError};

/// What of a model learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(rename = "LearnMode")]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The projector; the language model stays as it is.
    #[default]
    Projector,
    /// The projector, and adapters beside the language model's maps.
    Lora,
    /// Everything.
    Full,
}

/// How a frozen language model is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Products in bf16 with sums in f32; the residual stream, norms, positions and attention in f32.
    #[default]
    Bf16,
    /// Everything in f32.
    F32,
}

/// How a model learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct LearnOptions {
    /// What learns.
    pub mode: Mode,
    /// Whether the projector stays as it is; only together with another mode than `projector`.
    pub freeze_projector: bool,
    /// Adapters, for mode `lora`.
    pub lora: LoraConfig,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// The projector's, where it differs.
    pub projector_learning_rate: Option<f64>,
    /// Share of the values taken away per update, times the rate; not of biases and norms.
    pub weight_decay: f64,
    /// Decay of the mean of gradients.
    pub adam_beta1: f64,
    /// Decay of the mean of squared gradients.
    pub adam_beta2: f64,
    /// Added to the root.
    pub adam_epsilon: f64,
    /// Largest norm of all gradients together; 0: no bound.
    pub max_grad_norm: f64,
    /// How the learning rate goes.
    pub schedule: ScheduleKind,
    /// Numbers that some schedules ask for.
    pub schedule_shape: Shape,
    /// Share of the updates in which the rate rises.
    pub warmup_ratio: f64,
    /// Updates of the rise, instead of a share.
    pub warmup_steps: Option<u64>,
    /// Updates in all.
    pub steps: u64,
    /// Bytes of intermediate values that are kept for the way back; what does not fit is computed twice.
    pub activation_bytes: usize,
}

impl Default for LearnOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Projector,
            freeze_projector: false,
            lora: LoraConfig::default(),
            learning_rate: 5e-4,
            projector_learning_rate: None,
            weight_decay: 0.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            max_grad_norm: 1.0,
            schedule: ScheduleKind::Cosine,
            schedule_shape: Shape::default(),
            warmup_ratio: 0.03,
            warmup_steps: None,
            steps: 1,
            activation_bytes: 2 << 30,
        }
    }
}

/// A projector before the language model is known that it stands before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectorOptions {
    /// As in [`ProjectorConfig`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Soft tokens per embedding.
    pub num_visual_tokens: usize,
    /// Whether they are different ones.
    pub distinct_tokens: bool,
    /// Factor of an embedding on its way in.
    pub input_scale: f64,
    /// A projector's file to begin with, of the same shape: this package's, LLaVA's, Bunny's, Hugging Face's or mmproj.
    pub init: Option<PathBuf>,
}

impl Default for ProjectorOptions {
    fn default() -> Self {
        Self {
            kind: "mlp2x_gelu".to_owned(),
            num_visual_tokens: 1,
            distinct_tokens: false,
            input_scale: 1.0,
            init: None,
        }
    }
}

impl ProjectorOptions {
    pub(super) fn before(&self, dim: usize, hidden: usize) -> ProjectorConfig {
        ProjectorConfig {
            kind: self.kind.clone(),
            dim,
            hidden,
            tokens: self.num_visual_tokens,
            distinct: self.distinct_tokens,
            scale: self.input_scale,
        }
    }
}

/// What a session is opened with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionOptions {
    /// A language model: a Hugging Face folder or a GGUF file.
    pub path: PathBuf,
    /// How it is computed where it is frozen.
    #[serde(default)]
    pub dtype: Precision,
    /// Columns of embeddings.
    pub dim: usize,
    /// The projector.
    #[serde(default)]
    pub projector: ProjectorOptions,
    /// Adapters to begin with: a folder in PEFT's layout.
    #[serde(default)]
    pub adapter: Option<PathBuf>,
    /// How conversations are written: one of [`crate::TEMPLATES`].
    #[serde(default = "default_template")]
    pub template: String,
    /// What a model's own template is given beside the conversation, such as `enable_thinking`.
    #[serde(default)]
    #[ts(type = "Record<string, unknown>")]
    pub template_arguments: serde_json::Map<String, serde_json::Value>,
    /// Whether the template `plain` ends a caption with the token of the end.
    #[serde(default = "default_end_token")]
    pub end_token: bool,
    /// Longest sequence in positions; longer ones are cut.
    #[serde(default = "default_length")]
    pub max_length: usize,
    /// Seed of first values and of what is dropped out.
    #[serde(default)]
    pub seed: u64,
    /// How it learns; absent for use only.
    #[serde(default)]
    pub learn: Option<LearnOptions>,
}

fn default_template() -> String {
    "model".to_owned()
}

fn default_end_token() -> bool {
    TemplateOptions::default().end_token
}

const fn default_length() -> usize {
    2048
}

/// What is wrong with options of a training, if anything.
pub(super) fn check(options: &LearnOptions) -> Result<()> {
    let bad = |text: String| Err(RevisionError::BadOption(text));
    if options.freeze_projector && options.mode == Mode::Projector {
        return Err(nothing_learns());
    }
    for (name, beta) in [
        ("adamBeta1", options.adam_beta1),
        ("adamBeta2", options.adam_beta2),
    ] {
        if !(0.0..1.0).contains(&beta) {
            return bad(format!("{name} is at least 0 and below 1, not {beta}"));
        }
    }
    if !(options.adam_epsilon > 0.0 && options.adam_epsilon.is_finite()) {
        return bad(format!("adamEpsilon is above 0, not {}", options.adam_epsilon));
    }
    // a change of 0, or one that is learned backwards
    if options.mode == Mode::Lora && options.lora.alpha <= 0.0 {
        return bad(format!("lora.alpha is above 0, not {}", options.lora.alpha));
    }
    for (name, value) in [
        ("weightDecay", options.weight_decay),
        ("maxGradNorm", options.max_grad_norm),
    ] {
        if !(value >= 0.0 && value.is_finite()) {
            return bad(format!("{name} is 0 or more, not {value}"));
        }
    }
    for (name, rate) in [
        ("learningRate", Some(options.learning_rate)),
        ("projectorLearningRate", options.projector_learning_rate),
    ] {
        if rate.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
            return bad(format!("{name} is above 0, not {rate:?}"));
        }
    }
    if options.steps == 0 {
        return bad("a training has at least one step".to_owned());
    }
    if !(0.0..=1.0).contains(&options.warmup_ratio) {
        return bad(format!(
            "warmupRatio is a share in [0, 1], not {}",
            options.warmup_ratio
        ));
    }
    if let Err(reason) = options
        .schedule_shape
        .check(options.schedule, options.learning_rate)
    {
        return bad(format!("scheduleShape: {reason}"));
    }
    Ok(())
}

/// Biases and norms do not decay; the projector may have a rate of its own.
pub(super) fn group(name: &str, options: &LearnOptions) -> Group {
    let decays = !name
        .split('.')
        .any(|part| part == "bias" || part.ends_with("norm") || part.ends_with("layernorm"));
    let projector = name.starts_with(crate::projector::PREFIX);
    let rate = options.projector_learning_rate.filter(|_| projector);
    Group {
        weight_decay: if decays { options.weight_decay } else { 0.0 },
        rate: rate.map_or(1.0, |rate| rate / options.learning_rate),
    }
}

/// Options under which no number would change.
pub(super) fn nothing_learns() -> RevisionError {
    RevisionError::BadOption(
        "nothing would learn: no projector, no adapter and no model is trained".to_owned(),
    )
}
