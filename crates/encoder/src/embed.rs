//! Embeddings of a list of pairs in the clip-retrieval layout: `img_emb/`, `text_emb/`, `metadata/`.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use modality_gap_shards::{Claim, FolderLock, Input, RUN_FOLDER, RUN_LOCK, refuse_link, remove_all_litter};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ts_rs::TS;

use crate::data::{BadPairs, Dropped, OnBadPair, Pair, Pictures, picture, read_pairs};
use crate::encoder::DualEncoder;
use crate::error::{EncoderError, Result};
use crate::files::{make_folder, write_whole};
use crate::hf::Pretrained;
use crate::job::{ENCODER, load_encoder, write_rows};
use crate::receipt::{Receipt, inputs_hash, job_hash};

/// Pairs that are embedded at a time.
const BLOCK: usize = 64;

/// An encoder that rows can be made with; each row has unit length.
pub enum Embedder {
    /// Trained here.
    Dual(Box<DualEncoder>),
    /// Read from a folder in Hugging Face's layout.
    Pretrained(Box<Pretrained>),
}

/// Pictures as an encoder takes them.
pub(crate) enum Prepared {
    /// side × side × 3 values each, channels last.
    Pixels(Vec<f32>),
    Squares(Vec<RgbImage>),
}

/// What is known of an encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct EncoderInfo {
    /// Columns of its embeddings.
    pub dim: usize,
    /// Whether it takes images.
    pub images: bool,
    /// Names of its prompts.
    pub prompts: Vec<String>,
}

impl Embedder {
    /// What is known of it.
    pub fn info(&self) -> EncoderInfo {
        EncoderInfo {
            dim: self.dim(),
            images: self.sees(),
            prompts: self.prompts().into_iter().map(str::to_owned).collect(),
        }
    }

    /// Reads an encoder: a file or folder of a training, or a folder of `transformers` or sentence-transformers.
    ///
    /// # Errors
    /// `NOT_FOUND`; `BAD_MODEL` with the file, also for a folder that holds no encoder.
    pub fn open(path: &Path) -> Result<Self> {
        if Pretrained::is_at(path) {
            return Ok(Self::Pretrained(Box::new(Pretrained::open(path)?)));
        }
        if path.is_dir() && !path.join(ENCODER).is_file() {
            return Err(EncoderError::BadModel {
                file: path.to_owned(),
                reason: format!(
                    "it holds no encoder: neither config.json (transformers), modules.json (sentence-transformers), \
                     open_clip_config.json (open_clip) nor \
                     {ENCODER} (a training of this package)"
                ),
            });
        }
        Ok(Self::Dual(Box::new(load_encoder(path)?)))
    }

    /// Columns of a row.
    pub fn dim(&self) -> usize {
        match self {
            Self::Dual(encoder) => encoder.model().config().dim,
            Self::Pretrained(encoder) => encoder.dim(),
        }
    }

    /// Whether it takes images.
    pub fn sees(&self) -> bool {
        match self {
            Self::Dual(_) => true,
            Self::Pretrained(encoder) => encoder.sees(),
        }
    }

    /// Names of its prompts.
    pub fn prompts(&self) -> Vec<&str> {
        match self {
            Self::Dual(_) => Vec::new(),
            Self::Pretrained(encoder) => encoder.prompts(),
        }
    }

    /// Rows of the images of `pairs`.
    ///
    /// # Errors
    /// The first image that cannot be read; `BAD_OPTION` without an image tower.
    pub fn images(&self, pairs: &[&Pair]) -> Result<Vec<f32>> {
        let mut rows = Vec::with_capacity(pairs.len() * self.dim());
        for pairs in pairs.chunks(BLOCK) {
            let mut bad_pairs = BadPairs::default();
            let (good, prepared) = self.prepare(pairs, &mut bad_pairs)?;
            bad_pairs.finish()?;
            rows.extend(self.image_rows(&good, prepared)?);
        }
        Ok(rows)
    }

    /// Reads the images of `pairs` and prepares them, in parallel: the pairs whose images can be read, and those.
    pub(crate) fn prepare<'a>(
        &self,
        pairs: &[&'a Pair],
        bad_pairs: &mut BadPairs,
    ) -> Result<(Vec<&'a Pair>, Prepared)> {
        let mut good = Vec::with_capacity(pairs.len());
        // one after the other, so that bad ones are named in their order
        let prepared = match self {
            Self::Dual(encoder) => {
                let size = encoder.model().config().image_size;
                let read: Vec<_> = pairs.par_iter().map(|pair| picture(pair, size)).collect();
                let mut squares = Vec::with_capacity(pairs.len());
                for (pair, read) in pairs.iter().zip(read) {
                    if let Some(square) = bad_pairs.keep(read)? {
                        good.push(*pair);
                        squares.push(square);
                    }
                }
                Prepared::Squares(squares)
            }
            Self::Pretrained(encoder) => {
                let read: Vec<_> = pairs.par_iter().map(|pair| encoder.pixels(pair)).collect();
                let mut pixels = Vec::new();
                for (pair, read) in pairs.iter().zip(read) {
                    if let Some(read) = bad_pairs.keep(read)? {
                        good.push(*pair);
                        pixels.extend(read);
                    }
                }
                Prepared::Pixels(pixels)
            }
        };
        Ok((good, prepared))
    }

    /// Unit rows of prepared images of `pairs`.
    pub(crate) fn image_rows(&self, pairs: &[&Pair], prepared: Prepared) -> Result<Vec<f32>> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        match (self, prepared) {
            (Self::Dual(encoder), Prepared::Squares(squares)) => {
                let size = encoder.model().config().image_size;
                let pictures = Pictures::of(pairs.to_vec(), size, squares);
                encoder.embed_images(&pictures, &(0..pairs.len()).collect::<Vec<_>>())
            }
            (Self::Pretrained(encoder), Prepared::Pixels(pixels)) => encoder.unit_image_rows(&pixels, pairs),
            _ => unreachable!("an encoder gets what it has prepared"),
        }
    }

    /// Rows of texts, each behind the prompt of that name, or behind the encoder's default one.
    ///
    /// # Errors
    /// `BAD_OPTION` for a prompt that the encoder does not have.
    pub fn texts(&self, texts: &[&str], prompt: Option<&str>) -> Result<Vec<f32>> {
        match (self, prompt) {
            (Self::Dual(encoder), None) => encoder.embed_texts(texts),
            (Self::Dual(_), Some(name)) => Err(EncoderError::BadOption(format!(
                "unknown prompt `{name}`; an encoder that was trained here has none"
            ))),
            (Self::Pretrained(encoder), prompt) => {
                let mut rows = Vec::with_capacity(texts.len() * self.dim());
                // an empty list still has its prompt checked
                let blocks = texts.chunks(BLOCK).chain(texts.is_empty().then_some(texts));
                for texts in blocks {
                    rows.extend(encoder.texts(texts, prompt)?);
                }
                Ok(rows)
            }
        }
    }
}

/// What an embedding job is given.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command by its own name"
)]
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmbedJob {
    /// The encoder's file or folder.
    pub encoder: PathBuf,
    /// Lists of pairs.
    pub data: Vec<PathBuf>,
    /// Folder to write into.
    pub out: PathBuf,
    /// Name of the prompt that texts stand behind; the encoder's default one when absent.
    #[serde(default)]
    pub prompt: Option<String>,
    /// What becomes of pairs that cannot be used.
    #[serde(default)]
    pub on_bad_pair: OnBadPair,
    /// Whether lists may name images outside of their folders.
    #[serde(default)]
    pub allow_outside_images: bool,
    /// Only pairs of these splits; all when empty.
    #[serde(default)]
    pub splits: Vec<String>,
    /// Pairs per shard; each gives a row for each of its captions.
    #[serde(default = "shard_rows")]
    pub shard_rows: usize,
    /// f32 instead of f16.
    #[serde(default)]
    pub full: bool,
    /// Keep the shards of an earlier run whose receipts still hold: same encoder, pairs and images, files as written.
    #[serde(default)]
    pub resume: bool,
    /// Replace what another run has left in the folder.
    #[serde(default)]
    pub overwrite: bool,
}

fn shard_rows() -> usize {
    10_000
}

/// What an embedding job gave.
#[derive(Debug, Clone, Serialize, TS)]
pub struct EmbedReport {
    /// Pairs.
    pub pairs: usize,
    /// Rows: a pair has one for each of its captions.
    pub rows: usize,
    /// Columns.
    pub dim: usize,
    /// Pairs that were left out.
    pub dropped: Dropped,
    /// Shards that were kept from an earlier run.
    pub kept: usize,
    /// Files, in order.
    pub outputs: Vec<PathBuf>,
}

/// Embeds a list of pairs. `tell` hears how many are done; `cancelled` is asked between blocks.
///
/// # Errors
/// As [`Embedder::open`], [`read_pairs`]; all pairs that cannot be used together, unless they are dropped; `EMPTY` when
/// none is left.
pub fn run_embedding(
    job: &EmbedJob,
    mut tell: impl FnMut(usize, usize),
    cancelled: impl Fn() -> bool,
) -> Result<EmbedReport> {
    if job.shard_rows == 0 {
        return Err(EncoderError::BadOption("shardRows is at least 1".to_owned()));
    }
    let embedder = Embedder::open(&job.encoder)?;
    embedder.texts(&[], job.prompt.as_deref())?;
    let mut bad_pairs = BadPairs::new(job.on_bad_pair);
    let all = read_pairs(&job.data, job.allow_outside_images, &mut bad_pairs)?;
    let pairs: Vec<&Pair> = all
        .iter()
        .filter(|pair| job.splits.is_empty() || job.splits.contains(&pair.split))
        .collect();
    if pairs.is_empty() && !job.splits.is_empty() && bad_pairs.found().count == 0 {
        return Err(EncoderError::BadOption(format!(
            "no pair is in {}",
            job.splits.join(" or ")
        )));
    }
    let _lock = begin(job, pairs.len().div_ceil(job.shard_rows), embedder.sees())?;
    let hash = job_hash(&job.encoder, job.full, job.prompt.as_deref())?;
    let mut report = EmbedReport {
        pairs: 0,
        rows: 0,
        dim: embedder.dim(),
        dropped: Dropped::default(),
        kept: 0,
        outputs: Vec::new(),
    };
    for (index, shard) in pairs.chunks(job.shard_rows).enumerate() {
        let done = index * job.shard_rows;
        let files = Files::of(index, embedder.sees());
        let inputs = inputs_hash(&hash, shard)?;
        let earlier = (job.resume && !bad_pairs.has_failed())
            .then(|| Receipt::holds(&job.out, index, &inputs, &files.all()))
            .flatten()
            .filter(|receipt| receipt.dropped.count == 0 || job.on_bad_pair == OnBadPair::Drop);
        if let Some(receipt) = earlier {
            report.kept += 1;
            report.pairs += shard.len() - receipt.dropped.count as usize;
            report.rows += receipt.rows;
            bad_pairs.add_dropped(&receipt.dropped);
            tell(done + shard.len(), pairs.len());
        } else {
            let mut of_shard = BadPairs::new(job.on_bad_pair);
            let mut rows = ShardRows::default();
            for (block, listed) in shard.chunks(BLOCK).enumerate() {
                if cancelled() {
                    return Err(EncoderError::Cancelled);
                }
                let mut good = listed.to_vec();
                if embedder.sees() {
                    let (readable, prepared) = embedder.prepare(listed, &mut of_shard)?;
                    good = readable;
                    // after a failure the others are only looked at, so that all bad ones are named at once
                    if !bad_pairs.has_failed() && !of_shard.has_failed() {
                        let images = embedder.image_rows(&good, prepared)?;
                        rows.add_images(&images, &good);
                    }
                }
                if !bad_pairs.has_failed() && !of_shard.has_failed() {
                    let captions: Vec<&str> = good.iter().flat_map(|pair| captions_of(pair)).collect();
                    rows.texts
                        .extend(embedder.texts(&captions, job.prompt.as_deref())?);
                    rows.pairs.extend(good);
                }
                tell(done + block * BLOCK + listed.len(), pairs.len());
            }
            let dropped = of_shard.found().clone();
            bad_pairs.merge(of_shard);
            if bad_pairs.has_failed() {
                continue;
            }
            report.pairs += rows.pairs.len();
            report.rows += rows.count();
            write_shard(job, &embedder, &files, &rows)?;
            let receipt = Receipt::of(inputs, &job.out, &files.all(), rows.count(), dropped)?;
            let text = serde_json::to_string(&receipt).expect("plain data");
            write_text(&Receipt::path(&job.out, index), &text)?;
        }
        let outputs = files.all().into_iter().map(|file| job.out.join(file));
        report.outputs.extend(outputs);
    }
    report.dropped = bad_pairs.finish()?;
    if report.rows == 0 {
        return Err(EncoderError::Empty(format!(
            "no usable pair is left of {}",
            report.dropped.count
        )));
    }
    remove_shards(&job.out, pairs.len().div_ceil(job.shard_rows))?;
    write_text(&job.out.join(RUN_FOLDER).join(NOTE), FINISHED)?;
    Ok(report)
}

/// Says that a run has begun in a folder.
const NOTE: &str = "embed.json";
/// What it says until all is written, and then.
const BEGUN: &str = "{\"finished\":false}\n";
const FINISHED: &str = "{\"finished\":true}\n";
/// Most bytes of a note.
const MAX_NOTE: u64 = 1 << 10;

/// Makes ready to write, once nobody else does.
fn begin(job: &EmbedJob, shards: usize, sees: bool) -> Result<Option<FolderLock>> {
    claim(job, shards, sees)?;
    for folder in ["img_emb", "text_emb", "metadata", RUN_FOLDER] {
        if folder != "img_emb" || sees {
            let folder = job.out.join(folder);
            refuse_link(&folder)?;
            make_folder(&folder)?;
            remove_all_litter(&folder);
        }
    }
    let run = job.out.join(RUN_FOLDER);
    let lock = FolderLock::of_job(&run.join(RUN_LOCK), &job.out)?;
    // another job may have ended since
    claim(job, shards, sees)?;
    // what is there without a receipt was left by a run that began here
    write_text(&run.join(NOTE), BEGUN)?;
    Ok(lock)
}

/// Refuses to write over what is not a run of ours, or over a finished one that is not to be resumed, and into what is read.
fn claim(job: &EmbedJob, shards: usize, sees: bool) -> Result<()> {
    let paths = || job.data.iter().chain([&job.encoder]).map(PathBuf::as_path);
    let claim = Claim::reading(
        paths().filter(|path| path.is_file()),
        paths().filter(|path| path.is_dir()),
    );
    let note = Input::whole(&job.out.join(RUN_FOLDER).join(NOTE), MAX_NOTE).unwrap_or_default();
    let resumable = job.resume && (note == FINISHED.as_bytes() || Receipt::path(&job.out, 0).is_file());
    for index in 0..shards {
        for file in Files::of(index, sees).all() {
            claim.check(
                &job.out.join(file),
                job.overwrite || resumable || note == BEGUN.as_bytes(),
            )?;
        }
    }
    Ok(())
}

/// What was made of the pairs of a shard.
#[derive(Default)]
struct ShardRows<'a> {
    pairs: Vec<&'a Pair>,
    images: Vec<f32>,
    texts: Vec<f32>,
}

impl ShardRows<'_> {
    /// Adds the images' rows of `pairs`, each as often as it has captions.
    fn add_images(&mut self, rows: &[f32], pairs: &[&Pair]) {
        let dim = rows.len() / pairs.len().max(1);
        for (row, pair) in rows.chunks_exact(dim.max(1)).zip(pairs) {
            for _ in captions_of(pair) {
                self.images.extend_from_slice(row);
            }
        }
    }

    fn count(&self) -> usize {
        self.pairs.iter().map(|pair| pair.captions.len()).sum()
    }
}

fn captions_of(pair: &Pair) -> impl Iterator<Item = &str> {
    pair.captions.iter().map(String::as_str)
}

fn write_shard(job: &EmbedJob, embedder: &Embedder, files: &Files, rows: &ShardRows<'_>) -> Result<()> {
    let dim = embedder.dim();
    if let Some(image) = &files.image {
        write_rows(&job.out.join(image), &rows.images, dim, !job.full)?;
    }
    write_rows(&job.out.join(&files.text), &rows.texts, dim, !job.full)?;
    write_metadata(&job.out.join(&files.metadata), &rows.pairs)
}

/// Removes the shards from `first` on that an earlier run with more of them has left.
fn remove_shards(out: &Path, first: usize) -> Result<()> {
    for index in first.. {
        let receipt = Receipt::path(out, index);
        if !receipt.is_file() {
            break;
        }
        let files = Files::of(index, true)
            .all()
            .into_iter()
            .map(|file| out.join(file));
        for file in files.chain([receipt]).filter(|file| file.is_file()) {
            fs::remove_file(&file).map_err(|error| EncoderError::reading(&file, error))?;
        }
    }
    Ok(())
}

/// Files of a shard, below the output folder.
struct Files {
    image: Option<PathBuf>,
    text: PathBuf,
    metadata: PathBuf,
}

impl Files {
    fn of(index: usize, sees: bool) -> Self {
        Self {
            image: sees.then(|| format!("img_emb/img_emb_{index}.npy").into()),
            text: format!("text_emb/text_emb_{index}.npy").into(),
            metadata: format!("metadata/metadata_{index}.jsonl").into(),
        }
    }

    fn all(&self) -> Vec<PathBuf> {
        let files = self.image.iter().chain([&self.text, &self.metadata]);
        files.cloned().collect()
    }
}

/// A line for each row: captions of one image have its path in common.
fn write_metadata(path: &Path, pairs: &[&Pair]) -> Result<()> {
    let all = pairs
        .iter()
        .flat_map(|pair| captions_of(pair).map(move |caption| (pair, caption)));
    let lines = all.map(|(pair, caption)| {
        let mut line = Map::new();
        line.insert(
            "image_path".to_owned(),
            json!(pair.image.shown().to_string_lossy()),
        );
        line.insert("caption".to_owned(), json!(caption));
        line.insert("split".to_owned(), json!(pair.split));
        let others = pair.fields.iter().filter(|(key, _)| *key != "caption");
        line.extend(others.map(|(key, value)| (key.clone(), value.clone())));
        format!("{}\n", Value::Object(line))
    });
    write_text(path, &lines.collect::<String>())
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    write_whole(path, text.as_bytes())
}
