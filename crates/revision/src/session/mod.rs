//! A model in training or in use: what is loaded, what learns, and with which optimiser.

mod checkpoint;
mod export;
mod step;
mod talk;

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use modality_gap_nn::{AdamW, AdamWOptions, Group, Params, Rng, Schedule, ScheduleKind, Shape};
use serde::{Deserialize, Serialize};

use crate::files::ModelFiles;
use crate::lm::{Keep, Lm, Remembered, Tuning};
use crate::lora::LoraConfig;
use crate::projector::{Projector, ProjectorConfig};
use crate::text::{Template, TemplateOptions, TextCodec};
use crate::{Result, RevisionError};

pub use export::Export;
pub use step::{EvaluateReport, Samples, StepReport};
pub use talk::{Answer, Ended};

/// What of a model learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Products in bf16 with sums in f32; the residual stream, norms, positions and attention in f32.
    #[default]
    Bf16,
    /// Everything in f32.
    F32,
}

/// How a model learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    fn before(&self, dim: usize, hidden: usize) -> ProjectorConfig {
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// Streams of the seed.
mod stream {
    pub const PROJECTOR: u64 = 1;
    pub const ADAPTERS: u64 = 2;
}

/// A model, what learns in it, and where its training stands.
pub struct Session {
    options: SessionOptions,
    files: ModelFiles,
    codec: Arc<TextCodec>,
    template: Arc<Template>,
    lm: Lm<f32>,
    projector: Projector,
    params: Params,
    /// The adapters' shape, where there are any.
    lora: Option<LoraConfig>,
    training: Option<Training>,
    /// Tokens read once, with what is remembered of them.
    beginning: Option<(Vec<u32>, Remembered<f32>)>,
}

struct Training {
    options: LearnOptions,
    /// Parameters that learn, by their place; the others stay.
    learning: Vec<bool>,
    optimiser: AdamW,
    schedule: Schedule,
}

impl Session {
    /// Reads a model and makes what learns.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNREADABLE`, `BAD_MODEL` with the file; `BAD_OPTION`.
    pub fn open(options: SessionOptions) -> Result<Self> {
        let mut files = ModelFiles::open(&options.path)?;
        let mut config = files.config().clone();
        config.positions = config.positions.min(options.max_length.max(1));
        let codec = TextCodec::open(&files)?;
        let talk = TemplateOptions {
            end_token: options.end_token,
            ..TemplateOptions::default()
        };
        let template = Template::new(&options.template, &codec, talk)?;
        let mode = options.learn.as_ref().map_or(Mode::Projector, |learn| learn.mode);
        let (keep, tuning) = match (options.dtype, mode) {
            (_, Mode::Full) => (Keep::Dense, Tuning::Full),
            (Precision::Bf16, _) => (Keep::Bf16, Tuning::Frozen),
            (Precision::F32, _) => (Keep::F32, Tuning::Frozen),
        };
        let mut params = Params::default();
        let mut rng = Rng::new(options.seed, stream::PROJECTOR);
        let shape = options.projector.before(options.dim, config.hidden);
        let projector = Projector::fresh(&shape, &mut params, DType::F32, &mut rng)?;
        let mut lm = Lm::load(&config, &mut files, keep, tuning, &mut params)?;
        let lora = adapters(&mut lm, &mut params, &options, mode)?;
        let mut session = Self {
            options,
            files,
            codec: Arc::new(codec),
            template: Arc::new(template),
            lm,
            projector,
            params,
            lora,
            training: None,
            beginning: None,
        };
        if let Some(file) = session.options.projector.init.clone() {
            session.take_projector(&file)?;
        }
        if let Some(learn) = session.options.learn.clone() {
            session.training = Some(session.training(learn)?);
        }
        Ok(session)
    }

    fn training(&self, options: LearnOptions) -> Result<Training> {
        check(&options)?;
        let stays = |name: &String| {
            (options.freeze_projector && name.starts_with(crate::projector::PREFIX))
                || (options.mode == Mode::Projector && name.starts_with(crate::lora::PREFIX))
        };
        let learning: Vec<bool> = self.params.names().iter().map(|name| !stays(name)).collect();
        if !learning.contains(&true) {
            return Err(nothing_learns());
        }
        let mut schedule = Schedule::new(
            options.schedule,
            options.learning_rate,
            options.warmup_ratio,
            options.steps,
        );
        schedule.warmup = options.warmup_steps.unwrap_or(schedule.warmup);
        schedule.shape = options.schedule_shape;
        let adam = AdamWOptions {
            beta1: options.adam_beta1,
            beta2: options.adam_beta2,
            eps: options.adam_epsilon,
            max_grad_norm: options.max_grad_norm,
        };
        let chosen = chosen(&self.params, &learning);
        let groups = chosen.names().iter().map(|name| group(name, &options)).collect();
        Ok(Training {
            optimiser: AdamW::new(&chosen, groups, adam)?,
            schedule,
            learning,
            options,
        })
    }

    /// Shapes of the language model.
    pub fn lm_config(&self) -> &crate::LmConfig {
        self.lm.config()
    }

    /// The projector's shape.
    pub fn projector_config(&self) -> &ProjectorConfig {
        self.projector.config()
    }

    /// The model's files.
    pub fn files(&self) -> &ModelFiles {
        &self.files
    }

    /// Numbers that learn.
    pub fn learning_count(&self) -> usize {
        let Some(training) = &self.training else { return 0 };
        let values = self.params.values().iter().zip(&training.learning);
        values
            .filter(|(_, learns)| **learns)
            .map(|(value, _)| value.elem_count())
            .sum()
    }

    /// Names of what learns.
    pub fn learned_names(&self) -> Vec<String> {
        self.learned().names().to_vec()
    }

    /// What learns, in the order of its names.
    pub fn learned_values(&self) -> Vec<Tensor> {
        self.learned().values().to_vec()
    }

    fn learned(&self) -> Params {
        let training = self.training.as_ref();
        training.map_or_else(Params::default, |training| {
            chosen(&self.params, &training.learning)
        })
    }

    /// Updates made so far.
    pub fn updates(&self) -> u64 {
        self.training
            .as_ref()
            .map_or(0, |training| training.optimiser.updates())
    }

    fn learning(&self) -> Result<&Training> {
        self.training.as_ref().ok_or_else(not_learning)
    }

    fn learning_mut(&mut self) -> Result<&mut Training> {
        self.training.as_mut().ok_or_else(not_learning)
    }

    fn mode(&self) -> Mode {
        let training = self.training.as_ref();
        training.map_or(Mode::Projector, |training| training.options.mode)
    }

    /// Whether the language model itself stays as it was read, so that what it has read stays true.
    fn model_is_fixed(&self) -> bool {
        self.mode() == Mode::Projector
    }
}

fn not_learning() -> RevisionError {
    RevisionError::BadOption("this model was opened for use, not to learn".to_owned())
}

fn nothing_learns() -> RevisionError {
    RevisionError::BadOption(
        "nothing would learn: no projector, no adapter and no model is trained".to_owned(),
    )
}

/// Puts adapters into the model, those of a folder or else new ones that are to learn, and gives their shape.
fn adapters(
    lm: &mut Lm<f32>,
    params: &mut Params,
    options: &SessionOptions,
    mode: Mode,
) -> Result<Option<LoraConfig>> {
    match (&options.adapter, &options.learn) {
        (Some(folder), _) => {
            let (lora, read) = crate::files::read_adapters(folder)?;
            let rest = lm.put_adapters(&lora, read, mode != Mode::Projector, params)?;
            match rest.first_key_value() {
                Some((name, tensor)) => Err(RevisionError::BadModel {
                    file: folder.clone(),
                    reason: format!("{name} of {:?} does not fit this language model", tensor.dims()),
                }),
                None => Ok(Some(lora)),
            }
        }
        (None, Some(learn)) if mode == Mode::Lora => {
            let mut rng = Rng::new(options.seed, stream::ADAPTERS);
            lm.add_adapters(&learn.lora, params, &mut rng)?;
            Ok(Some(learn.lora.clone()))
        }
        _ => Ok(None),
    }
}

fn check(options: &LearnOptions) -> Result<()> {
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
    for (name, value) in [
        ("adamEpsilon", options.adam_epsilon),
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
    Ok(())
}

/// Biases and norms do not decay; the projector may have a rate of its own.
fn group(name: &str, options: &LearnOptions) -> Group {
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

/// The parameters that learn, under their names.
fn chosen(params: &Params, learning: &[bool]) -> Params {
    let mut chosen = Params::default();
    for ((name, value), learns) in params.names().iter().zip(params.values()).zip(learning) {
        if *learns {
            chosen.add(name.clone(), value.clone());
        }
    }
    chosen
}

/// Puts learned values back in their places.
fn put_back(params: &mut Params, learning: &[bool], chosen: &Params) {
    let mut learned = chosen.values().iter();
    let values: Vec<Tensor> = params
        .values()
        .iter()
        .zip(learning)
        .map(|(value, learns)| {
            if *learns {
                learned.next().expect("one value per learning parameter").clone()
            } else {
                value.clone()
            }
        })
        .collect();
    params.replace(values);
}
