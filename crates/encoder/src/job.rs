//! A whole training as one job: data, splits, output, report.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use half::f16;
use modality_gap_nn::{Rng, shuffled};
use modality_gap_shards::{
    Claim, Dtype, FolderLock, Format, OutputSpec, Rows, ShardError, create, refuse_link, remove_all_litter,
    remove_litter,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::config::TrainOptions;
use crate::data::{BadPairs, Dropped, OnBadPair, Pair, Pictures, TRAIN, read_pairs};
use crate::encoder::DualEncoder;
use crate::error::{EncoderError, Result};
use crate::evaluate::Evaluation;
use crate::files::make_folder;
use crate::log::{LOG, TrainLog};
use crate::train::{checkpoint_of, train};
use crate::watch::{Observer, Probe, Step};

/// The file in the output folder that holds the trained encoder.
pub const ENCODER: &str = "encoder.safetensors";

/// The name of pairs that were held out by chance.
const HELD_OUT: &str = "held-out";

/// Options of a training job.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrainJob {
    /// Lists of pairs.
    pub data: Vec<PathBuf>,
    /// Folder for the encoder, its checkpoint and its log.
    pub out: PathBuf,
    /// Go on from the checkpoint in `out`; a training that was cut short before its first one begins anew.
    #[serde(default)]
    pub resume: bool,
    /// Begin anew where the folders hold another training.
    #[serde(default)]
    pub overwrite: bool,
    /// Folder for probes as files, `step_000800/{image,text,grad_image,grad_text,batch_image,batch_text}.npy`.
    #[serde(default)]
    pub probes: Option<PathBuf>,
    /// Share of the training pairs held out by chance, for lists that name no splits.
    #[serde(default)]
    pub holdout: f64,
    /// What becomes of pairs that cannot be used.
    #[serde(default)]
    pub on_bad_pair: OnBadPair,
    /// Whether lists may name images outside of their folders.
    #[serde(default)]
    pub allow_outside_images: bool,
    /// Everything else.
    #[serde(default)]
    pub options: TrainOptions,
}

/// What a training gave.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TrainReport {
    /// The encoder's file.
    pub encoder: PathBuf,
    /// Columns of its embeddings.
    pub dim: usize,
    /// Numbers that were trained.
    pub parameters: usize,
    /// Pairs that were trained on.
    pub pairs: usize,
    /// Pairs that were left out.
    pub dropped: Dropped,
    /// Updates.
    pub steps: u64,
    /// Loss of the last batch.
    pub loss: Option<f64>,
    /// Learned temperature.
    pub temperature: f64,
    /// What each held-out split shows.
    pub held_out: BTreeMap<String, Evaluation>,
    /// Seconds of this run.
    pub seconds: f64,
}

/// Runs a training from its lists of pairs to its report.
pub fn run_training(job: &TrainJob, observer: &mut dyn Observer) -> Result<TrainReport> {
    let started = Instant::now();
    job.options.check()?;
    claim(job)?;
    let mut bad_pairs = BadPairs::new(job.on_bad_pair);
    let mut pairs = read_pairs(&job.data, job.allow_outside_images, &mut bad_pairs)?;
    hold_out(&mut pairs, job.holdout, job.options.seed)?;
    let size = job.options.model.image_size;
    let of_training = |pair: &&Pair| pair.split == TRAIN;
    let training = pairs.iter().filter(of_training).collect();
    let training = Pictures::open_some(training, size, &mut bad_pairs)?;
    // looked at now, so that all bad pairs are named before anything is trained
    let held = pairs.iter().filter(|pair| !of_training(pair)).collect();
    let held: Vec<&Pair> = Pictures::open_some(held, size, &mut bad_pairs)?.pairs().to_vec();
    let dropped = bad_pairs.finish()?;
    let mut splits: BTreeMap<&str, Vec<&Pair>> = BTreeMap::new();
    for pair in &held {
        splits.entry(&pair.split).or_default().push(pair);
    }
    // probes take rows from everywhere, not from whatever split happens to be listed first
    let mut rng = Rng::new(job.options.seed, 3);
    let held: Vec<&Pair> = shuffled(held.len(), &mut rng)
        .into_iter()
        .map(|i| held[i])
        .collect();
    if job.options.probe_every > 0 && held.is_empty() {
        let text = "probes need held-out pairs: name splits in the list, or give a holdout";
        return Err(EncoderError::BadOption(text.to_owned()));
    }
    let probed = Pictures::open(held.into_iter().take(job.options.probe_rows).collect(), size)?;

    make_folder(&job.out)?;
    let _lock = FolderLock::of_job(&job.out.join(".lock"), &job.out)?;
    // another training may have ended since
    claim(job)?;
    let own = own_files(&job.out);
    remove_litter(own.iter().map(PathBuf::as_path));
    if job.overwrite && !job.resume {
        // the training that was there is gone as a whole, so that nothing resumes it by mistake
        own.iter().try_for_each(|file| remove(file))?;
    }
    let mut recorder = Recorder {
        observer,
        log: TrainLog::open(&job.out.join(LOG))?,
        probes: job.probes.as_deref(),
        last: None,
        failed: None,
    };
    let trained = train(
        &job.options,
        &training,
        &probed,
        Some(&job.out),
        job.resume,
        &mut recorder,
    );
    let Recorder { last, failed, .. } = recorder;
    if let Some(error) = failed {
        return Err(error);
    }
    let encoder = trained?;
    let file = job.out.join(ENCODER);
    encoder.save(&file)?;
    let evaluations = splits
        .into_iter()
        .map(|(name, pairs)| Ok((name.to_owned(), encoder.evaluate(&Pictures::open(pairs, size)?)?)));
    Ok(TrainReport {
        encoder: file,
        dim: job.options.model.dim,
        parameters: encoder.model().params().count(),
        pairs: training.len(),
        dropped,
        steps: last.as_ref().map_or(0, |step| step.step),
        loss: last.map(|step| step.loss),
        temperature: (-encoder.model().log_scale()?).exp(),
        held_out: evaluations.collect::<Result<_>>()?,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Files that a training writes into its folder.
fn own_files(out: &Path) -> [PathBuf; 3] {
    [checkpoint_of(out), out.join(ENCODER), out.join(LOG)]
}

/// Refuses to begin where another training stands, or to mix probes with those of another.
fn claim(job: &TrainJob) -> Result<()> {
    let claim = Claim::reading(job.data.iter().map(PathBuf::as_path), []);
    let [checkpoint, encoder, log] = own_files(&job.out);
    // what a training leaves before its first checkpoint is a log
    let resumed = job.resume && (checkpoint.is_file() || !encoder.exists());
    for file in [&checkpoint, &encoder, &log] {
        claim.check(file, job.overwrite || resumed)?;
    }
    if let Some(probes) = job.probes.as_deref().filter(|_| !job.overwrite && !job.resume) {
        let entries = fs::read_dir(probes).into_iter().flatten().flatten();
        let step = entries.map(|entry| entry.path()).find(|path| is_step(path));
        if let Some(step) = step {
            return Err(ShardError::Exists {
                place: step.as_path().into(),
            }
            .into());
        }
    }
    Ok(())
}

/// Whether a folder is that of a probe.
fn is_step(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.strip_prefix("step_"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ShardError::WriteFailed {
            place: file.into(),
            source: error,
        }
        .into()),
        _ => Ok(()),
    }
}

/// Moves a share of the training pairs into a split of their own, with all captions of an image together.
fn hold_out(pairs: &mut [Pair], share: f64, seed: u64) -> Result<()> {
    if !(0.0..1.0).contains(&share) {
        return Err(EncoderError::BadOption(format!(
            "holdout is a share in [0, 1), not {share}"
        )));
    }
    let mut rng = Rng::new(seed, 2);
    let mut held: HashMap<PathBuf, bool> = HashMap::new();
    for pair in pairs.iter_mut().filter(|pair| pair.split == TRAIN) {
        // drawn for every pair, so that lists without repeated images are split as ever
        let drawn = rng.uniform() < share;
        if *held.entry(pair.image.shown()).or_insert(drawn) {
            HELD_OUT.clone_into(&mut pair.split);
        }
    }
    Ok(())
}

/// Writes probes as files on their way to whoever watches.
struct Recorder<'a> {
    observer: &'a mut dyn Observer,
    log: TrainLog,
    probes: Option<&'a Path>,
    last: Option<Step>,
    failed: Option<EncoderError>,
}

impl Recorder<'_> {
    /// The first failure stops the training.
    fn note(&mut self, written: Result<()>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}

impl Observer for Recorder<'_> {
    fn step(&mut self, step: &Step) {
        self.last = Some(step.clone());
        let written = self.log.append(step);
        self.note(written);
        self.observer.step(step);
    }

    fn probe(&mut self, probe: Probe) {
        if let Some(folder) = self.probes {
            let written = write_probe(folder, &probe);
            self.note(written);
        }
        self.observer.probe(probe);
    }

    fn saving(&mut self) {
        let written = self.log.flush();
        self.note(written);
    }

    fn cancelled(&self) -> bool {
        self.failed.is_some() || self.observer.cancelled()
    }
}

fn write_probe(folder: &Path, probe: &Probe) -> Result<()> {
    let folder = folder.join(format!("step_{:06}", probe.step));
    refuse_link(&folder)?;
    make_folder(&folder)?;
    remove_all_litter(&folder);
    let parts = [
        ("image", &probe.image),
        ("text", &probe.text),
        ("grad_image", &probe.grad_image),
        ("grad_text", &probe.grad_text),
        ("batch_image", &probe.batch_image),
        ("batch_text", &probe.batch_text),
    ];
    for (name, rows) in parts {
        write_rows(&folder.join(format!("{name}.npy")), rows, probe.dim, false)?;
    }
    Ok(())
}

/// Writes rows as an npy file, f16 when `halves`.
pub(crate) fn write_rows(path: &Path, rows: &[f32], dim: usize, halves: bool) -> Result<()> {
    let spec = OutputSpec {
        path: path.to_owned(),
        format: Format::Npy,
        dtype: if halves { Dtype::F16 } else { Dtype::F32 },
        dim,
        rows: (rows.len() / dim) as u64,
        like: None,
        dropped: Vec::new(),
    };
    let writer = create(&spec)?;
    if halves {
        let rows: Vec<f16> = rows.iter().map(|&v| f16::from_f32(v)).collect();
        writer.write(0, Rows::F16(&rows))?;
    } else {
        writer.write(0, Rows::F32(rows))?;
    }
    writer.finish(true)?;
    Ok(())
}

/// Reads a trained encoder from its file, or from the folder of its training.
pub fn load_encoder(path: &Path) -> Result<DualEncoder> {
    let file = if path.is_dir() {
        path.join(ENCODER)
    } else {
        path.to_owned()
    };
    DualEncoder::load(&file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImagePlace;

    fn pairs(images: usize, captions: usize) -> Vec<Pair> {
        let pair = |at: usize| Pair {
            image: ImagePlace::File(format!("{}.png", at % images).into()),
            captions: vec![format!("caption {at}")],
            split: TRAIN.to_owned(),
            fields: serde_json::Map::new(),
        };
        (0..images * captions).map(pair).collect()
    }

    #[test]
    fn captions_of_one_image_are_held_out_together() {
        for seed in 0..20 {
            let mut pairs = pairs(40, 5);
            hold_out(&mut pairs, 0.4, seed).unwrap();
            let (first, rest) = pairs.split_at(40);
            for (at, pair) in rest.iter().enumerate() {
                assert_eq!(pair.split, first[at % 40].split, "{}", pair.captions[0]);
            }
            let held = first.iter().filter(|pair| pair.split == HELD_OUT).count();
            // 16 expected, with a deviation of 3
            assert!((4..=28).contains(&held), "{held}");
        }
    }

    #[test]
    fn images_of_one_caption_each_are_drawn_one_by_one() {
        let mut pairs = pairs(100, 1);
        hold_out(&mut pairs, 0.3, 7).unwrap();
        let mut rng = Rng::new(7, 2);
        assert!(
            pairs
                .iter()
                .all(|pair| (pair.split == HELD_OUT) == (rng.uniform() < 0.3))
        );
    }
}
