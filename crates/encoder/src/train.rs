//! Training: batches, updates, probes, checkpoints; the same bits for any number of threads.

use std::path::{Path, PathBuf};
use std::time::Instant;

use modality_gap_nn::{AdamW, Checkpoint, Group, NnError, Rng, Schedule, checkpoint_bytes, shuffled};
use serde::{Deserialize, Serialize};

use crate::config::TrainOptions;
use crate::contrast::{Contrast, Part, contrast};
use crate::data::{Augment, Pictures, batches};
use crate::encoder::{DualEncoder, captions_numbered};
use crate::error::{EncoderError, Result};
use crate::files::write_whole;
use crate::model::{Model, stream, to_f32};
use crate::vocabulary::Vocabulary;
use crate::watch::{Observer, Probe, Step};

/// The file in the output folder that training continues from.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// Where training stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position {
    options: TrainOptions,
    vocabulary: Vocabulary,
    epoch: u64,
    batch: usize,
}

/// Trains on `pictures` until all updates are made; `held` is what probes embed. With `folder`, checkpoints are kept
/// there, and with `resume` training continues from the one that lies there; without one it begins anew.
///
/// # Errors
/// `CANCELLED` after a checkpoint was saved; a loss that is not finite, by its step; a parameter without gradient.
pub fn train(
    options: &TrainOptions,
    pictures: &Pictures<'_>,
    held: &Pictures<'_>,
    folder: Option<&Path>,
    resume: bool,
    observer: &mut dyn Observer,
) -> Result<DualEncoder> {
    options.check()?;
    if pictures.len() < options.batch_size {
        let (pairs, batch) = (pictures.len(), options.batch_size);
        return Err(EncoderError::BadOption(format!(
            "{pairs} training pairs do not fill a batch of {batch}"
        )));
    }
    let file = folder.map(|folder| folder.join(CHECKPOINT));
    let mut run = Run::start(
        options,
        pictures,
        file.as_deref().filter(|file| resume && file.is_file()),
    )?;
    let started = Instant::now();
    while run.optimiser.updates() < run.schedule.total {
        if observer.cancelled() {
            observer.saving();
            run.save(file.as_deref())?;
            return Err(EncoderError::Cancelled);
        }
        let step = run.update(pictures, held, observer, started)?;
        observer.step(&step);
        if options.checkpoint_every > 0 && step.step % options.checkpoint_every == 0 {
            observer.saving();
            run.save(file.as_deref())?;
        }
    }
    observer.saving();
    run.save(file.as_deref())?;
    Ok(run.encoder)
}

struct Run {
    options: TrainOptions,
    encoder: DualEncoder,
    optimiser: AdamW,
    schedule: Schedule,
    groups: Vec<usize>,
    epoch: u64,
    /// Next batch of this epoch.
    next: usize,
    batches: Vec<Vec<usize>>,
}

impl Run {
    fn start(options: &TrainOptions, pictures: &Pictures<'_>, checkpoint: Option<&Path>) -> Result<Self> {
        let vocabulary = Vocabulary::of(
            pictures
                .pairs()
                .iter()
                .flat_map(|p| p.captions.iter().map(String::as_str)),
        );
        let model = Model::fresh(options.model, vocabulary.len(), options.temperature, options.seed)?;
        let groups = (0..model.params().len()).map(|index| Group {
            weight_decay: if model.decays(index) {
                options.weight_decay
            } else {
                0.0
            },
            rate: 1.0,
        });
        let optimiser = AdamW::new(model.params(), groups.collect(), options.optimizer)?;
        let per_epoch = (pictures.len() / options.batch_size) as u64;
        let total = options.steps.unwrap_or(options.epochs * per_epoch);
        let schedule = Schedule::new(options.schedule, options.learning_rate, options.warmup, total);
        let mut run = Self {
            options: options.clone(),
            encoder: DualEncoder::new(model, vocabulary),
            optimiser,
            schedule,
            groups: captions_numbered(pictures.pairs()),
            epoch: 0,
            next: 0,
            batches: Vec::new(),
        };
        if let Some(file) = checkpoint {
            run.restore(file)?;
        }
        run.batches = run.order(pictures.len());
        Ok(run)
    }

    fn restore(&mut self, file: &Path) -> Result<()> {
        let mut checkpoint = Checkpoint::read(file)?;
        let position: Position = checkpoint.state()?;
        if position.options != self.options {
            let file = file.to_owned();
            let reason = "it was made with other options; resume with the same, or start anew".to_owned();
            return Err(EncoderError::BadModel { file, reason });
        }
        self.encoder.vocabulary = position.vocabulary;
        checkpoint.restore_params(self.encoder.model.params_mut())?;
        checkpoint.restore_optimiser(self.encoder.model.params(), &mut self.optimiser)?;
        (self.epoch, self.next) = (position.epoch, position.batch);
        Ok(())
    }

    fn save(&self, file: Option<&Path>) -> Result<()> {
        let Some(file) = file else { return Ok(()) };
        let position = Position {
            options: self.options.clone(),
            vocabulary: self.encoder.vocabulary.clone(),
            epoch: self.epoch,
            batch: self.next,
        };
        let bytes = checkpoint_bytes(self.encoder.model.params(), Some(&self.optimiser), &position)?;
        write_whole(file, &bytes)
    }

    /// The batches of this epoch, a function of the seed and the epoch.
    fn order(&self, pairs: usize) -> Vec<Vec<usize>> {
        let mut rng = Rng::new(self.options.seed, stream::ORDER + (self.epoch << 1));
        batches(&shuffled(pairs, &mut rng), &self.groups, self.options.batch_size)
    }

    fn update(
        &mut self,
        pictures: &Pictures<'_>,
        held: &Pictures<'_>,
        observer: &mut dyn Observer,
        started: Instant,
    ) -> Result<Step> {
        if self.batches.is_empty() {
            let size = self.options.batch_size;
            return Err(EncoderError::BadOption(format!(
                "fewer than {size} different captions to fill a batch"
            )));
        }
        let batch = &self.batches[self.next];
        let parts = self.parts(pictures, batch)?;
        let found = contrast(&self.encoder.model, &parts)?;
        let made = self.optimiser.updates();
        if !found.loss.loss.is_finite() {
            return Err(NnError::NotFinite {
                step: made + 1,
                what: "the loss".to_owned(),
            }
            .into());
        }
        let every = self.options.probe_every;
        if every > 0 && made.is_multiple_of(every) {
            observer.probe(self.probe(held, &found)?);
        }
        let rate = self.schedule.rate(made);
        let temperature = (-self.encoder.model.log_scale()?).exp();
        let grad_norm = self
            .optimiser
            .update(self.encoder.model.params_mut(), &found.gradients, rate)?;
        if !grad_norm.is_finite() {
            return Err(NnError::NotFinite {
                step: made + 1,
                what: "the gradient".to_owned(),
            }
            .into());
        }
        self.encoder
            .model
            .bound_temperature(self.options.min_temperature)?;
        let epoch = self.epoch + 1;
        self.next += 1;
        if self.next == self.batches.len() {
            (self.epoch, self.next) = (self.epoch + 1, 0);
            self.batches = self.order(pictures.len());
        }
        Ok(Step {
            step: made + 1,
            total: self.schedule.total,
            epoch,
            loss: found.loss.loss,
            accuracy: found.loss.accuracy,
            temperature,
            learning_rate: rate,
            grad_norm,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    fn parts(&self, pictures: &Pictures<'_>, batch: &[usize]) -> Result<Vec<Part>> {
        let size = if self.options.micro_batch == 0 {
            batch.len()
        } else {
            self.options.micro_batch
        };
        batch.chunks(size).map(|rows| self.part(pictures, rows)).collect()
    }

    /// Pairs `rows` with this epoch's chances, each from a stream of its own.
    fn part(&self, pictures: &Pictures<'_>, rows: &[usize]) -> Result<Part> {
        let (seed, pairs) = (self.options.seed, pictures.len() as u64);
        let chance = |row: usize| Rng::new(seed, stream::AUGMENT + self.epoch * pairs + row as u64);
        let augment = |row: usize| {
            let mut rng = chance(row);
            rng.uniform();
            self.options.augment.then(|| Augment::draw(&mut rng))
        };
        let captions = rows.iter().map(|&row| {
            let captions = &pictures.pairs()[row].captions;
            captions[chance(row).below(captions.len())].as_str()
        });
        let model = &self.encoder.model;
        let patches = pictures.patches(rows, self.options.model.patch, augment)?;
        Ok(Part {
            patches: model.patches(patches)?,
            tokens: self
                .encoder
                .vocabulary
                .tokens(captions, self.options.model.tokens),
        })
    }

    fn probe(&self, held: &Pictures<'_>, found: &Contrast) -> Result<Probe> {
        let rows: Vec<usize> = (0..held.len().min(self.options.probe_rows)).collect();
        let (image, text) = self.encoder.embed_pairs(held, &rows)?;
        Ok(Probe {
            step: self.optimiser.updates(),
            dim: self.options.model.dim,
            image,
            text,
            batch_image: to_f32(&found.image)?,
            batch_text: to_f32(&found.text)?,
            grad_image: to_f32(&found.loss.image)?,
            grad_text: to_f32(&found.loss.text)?,
        })
    }
}

/// The checkpoint of a training in `folder`.
pub fn checkpoint_of(folder: &Path) -> PathBuf {
    folder.join(CHECKPOINT)
}
