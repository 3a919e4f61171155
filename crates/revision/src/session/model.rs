//! What is loaded, what of it learns, and with which optimiser.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use modality_gap_nn::{AdamW, AdamWOptions, Params, Rng, Schedule};

use super::options::{LearnOptions, Mode, Precision, SessionOptions, check, group, nothing_learns};
use crate::files::ModelFiles;
use crate::lm::{Keep, KvCache, Lm, Tuning};
use crate::lora::LoraConfig;
use crate::projector::{Projector, ProjectorConfig};
use crate::text::{Template, TemplateOptions, TextCodec};
use crate::{Result, RevisionError};

/// Streams of the seed.
mod stream {
    pub const PROJECTOR: u64 = 1;
    pub const ADAPTERS: u64 = 2;
}

/// A model, what learns in it, and where its training stands.
pub struct Session {
    pub(super) options: SessionOptions,
    pub(super) files: ModelFiles,
    pub(super) codec: Arc<TextCodec>,
    pub(super) template: Arc<Template>,
    pub(super) lm: Lm<f32>,
    pub(super) projector: Projector,
    pub(super) params: Params,
    /// The adapters' shape, where there are any.
    pub(super) lora: Option<LoraConfig>,
    /// What is worth saying about the folder of the adapters.
    pub(super) notes: Vec<String>,
    pub(super) training: Option<Training>,
    /// Tokens read once, with what is remembered of them.
    pub(super) beginning: Option<(Vec<u32>, KvCache<f32>)>,
}

pub(super) struct Training {
    pub(super) options: LearnOptions,
    /// Parameters that learn, by their place; the others stay.
    pub(super) learning: Vec<bool>,
    pub(super) optimiser: AdamW,
    pub(super) schedule: Schedule,
}

impl Session {
    /// Reads a model and makes what learns.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNREADABLE`, `BAD_MODEL` with the file; `BAD_OPTION`.
    pub fn open(options: SessionOptions) -> Result<Self> {
        refuse_adapter_inside(&options)?;
        let mut files = ModelFiles::open(&options.path)?;
        let mut config = files.config().clone();
        config.positions = config.positions.min(options.max_length.max(1));
        let codec = TextCodec::open(&files)?;
        let talk = TemplateOptions {
            end_token: options.end_token,
            arguments: options.template_arguments.clone(),
            ..TemplateOptions::default()
        };
        let template = Template::new(&options.template, &codec, &talk)?;
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
        let lacking = lora
            .as_ref()
            .map_or_else(Vec::new, |lora| lora.lacking(&config, &params));
        let notes = notes_of_adapter(&options, &codec, &lacking)?;
        let mut session = Self {
            options,
            files,
            codec: Arc::new(codec),
            template: Arc::new(template),
            lm,
            projector,
            params,
            lora,
            notes,
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

    /// What is worth saying about the model's files, its tokenizer, its template and its adapter; empty for most models.
    pub fn notes(&self) -> Vec<String> {
        let parts = [
            self.files.notes(),
            self.codec.notes(),
            self.template.notes(),
            &self.notes,
        ];
        parts.concat()
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

    pub(super) fn learned(&self) -> Params {
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

    pub(super) fn learning(&self) -> Result<&Training> {
        self.training.as_ref().ok_or_else(not_learning)
    }

    pub(super) fn learning_mut(&mut self) -> Result<&mut Training> {
        self.training.as_mut().ok_or_else(not_learning)
    }

    pub(super) fn mode(&self) -> Mode {
        let training = self.training.as_ref();
        training.map_or(Mode::Projector, |training| training.options.mode)
    }

    /// Whether the language model itself stays as it was read, so that what it has read stays true.
    pub(super) fn model_is_fixed(&self) -> bool {
        self.mode() == Mode::Projector
    }
}

pub(super) fn not_learning() -> RevisionError {
    RevisionError::BadOption("this model was opened for use, not to learn".to_owned())
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
                    reason: format!(
                        "the adapter's {} of {:?} does not fit this language model",
                        name.trim_start_matches(crate::lora::PREFIX),
                        tensor.dims()
                    ),
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

/// transformers puts an adapter that stands in a model's folder on the model, by itself.
fn refuse_adapter_inside(options: &SessionOptions) -> Result<()> {
    let file = options.path.join("adapter_config.json");
    if !file.is_file() || options.adapter.as_ref() == Some(&options.path) {
        return Ok(());
    }
    Err(RevisionError::BadModel {
        file,
        reason: "an adapter stands in the model's folder, which transformers puts on the model; merge it (merge_and_unload                  of PEFT), or name its base as the model and give this folder as `adapter`"
            .to_owned(),
    })
}

/// What an adapter's folder lacks, and what it holds beside the adapter and is not used.
fn notes_of_adapter(options: &SessionOptions, codec: &TextCodec, lacking: &[String]) -> Result<Vec<String>> {
    let Some(folder) = &options.adapter else {
        return Ok(Vec::new());
    };
    let mut notes = Vec::new();
    let shown = folder.display();
    if let [map, ..] = lacking {
        notes.push(format!(
            "{shown}: it holds no adapter for {} of the maps that its target_modules name, such as {map}; they stay \
             unchanged",
            lacking.len()
        ));
    }
    if crate::files::has_projector_beside(folder)? && options.projector.init.is_none() {
        notes.push(format!(
            "{shown}: a projector was trained with this adapter (non_lora_trainables.bin) and is not used; name the \
             folder as projector.init, too"
        ));
    }
    let template = crate::text::template_beside(folder)?;
    if options.template == "model"
        && let Some(template) = template
        && codec.marks().chat_template.as_ref() != Some(&template)
    {
        notes.push(format!(
            "{shown}: the adapter was saved with another chat template than the model's, which is used; to use the \
             adapter's, put it into the model's folder"
        ));
    }
    Ok(notes)
}

/// The parameters that learn, under their names.
pub(super) fn chosen(params: &Params, learning: &[bool]) -> Params {
    let mut chosen = Params::default();
    for ((name, value), learns) in params.names().iter().zip(params.values()).zip(learning) {
        if *learns {
            chosen.add(name.clone(), value.clone());
        }
    }
    chosen
}

/// Puts learned values back in their places.
pub(super) fn put_back(params: &mut Params, learning: &[bool], chosen: &Params) {
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
