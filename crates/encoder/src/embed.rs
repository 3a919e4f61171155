//! Embeddings of a list of pairs in the clip-retrieval layout: `img_emb/`, `text_emb/`, `metadata/`.

use std::fs;
use std::path::{Path, PathBuf};

use modality_gap_shards::AtomicFile;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::data::{Pair, read_pairs};
use crate::encoder::DualEncoder;
use crate::error::{EncoderError, Result};
use crate::hf::Pretrained;
use crate::job::{load_encoder, make_folder, write_rows};
use crate::receipt::{Receipt, inputs_hash, job_hash};

/// An encoder that rows can be made with; each row has unit length.
pub enum Embedder {
    /// Trained here.
    Dual(Box<DualEncoder>),
    /// Read from a folder in Hugging Face's layout.
    Pretrained(Box<Pretrained>),
}

impl Embedder {
    /// Reads an encoder: a file or folder of a training, or a folder with a `config.json`.
    pub fn open(path: &Path) -> Result<Self> {
        if path.join("config.json").is_file() {
            return Ok(Self::Pretrained(Box::new(Pretrained::open(path)?)));
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

    /// Rows of the images of `pairs`.
    pub fn images(&self, pairs: &[&Pair]) -> Result<Vec<f32>> {
        match self {
            Self::Dual(encoder) => encoder.embed_pictures(pairs),
            Self::Pretrained(encoder) => encoder.images(pairs),
        }
    }

    /// Rows of texts.
    pub fn texts(&self, texts: &[&str]) -> Result<Vec<f32>> {
        match self {
            Self::Dual(encoder) => encoder.embed_texts(texts),
            Self::Pretrained(encoder) => encoder.texts(texts),
        }
    }
}

/// What an embedding job is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmbedJob {
    /// The encoder's file or folder.
    pub encoder: PathBuf,
    /// Lists of pairs.
    pub data: Vec<PathBuf>,
    /// Folder to write into.
    pub out: PathBuf,
    /// Only pairs of these splits; all when empty.
    #[serde(default)]
    pub splits: Vec<String>,
    /// Pairs per shard.
    #[serde(default = "shard_rows")]
    pub shard_rows: usize,
    /// f32 instead of f16.
    #[serde(default)]
    pub full: bool,
    /// Keep the shards of an earlier run whose receipts still hold: same encoder, pairs and images, files as written.
    #[serde(default)]
    pub resume: bool,
}

fn shard_rows() -> usize {
    10_000
}

/// What an embedding job gave.
#[derive(Debug, Clone, Serialize)]
pub struct EmbedReport {
    /// Pairs.
    pub rows: usize,
    /// Columns.
    pub dim: usize,
    /// Shards that were kept from an earlier run.
    pub kept: usize,
    /// Files, in order.
    pub outputs: Vec<PathBuf>,
}

/// Embeds a list of pairs. `tell` hears how many are done; `cancelled` is asked between blocks.
pub fn run_embedding(
    job: &EmbedJob,
    mut tell: impl FnMut(usize, usize),
    cancelled: impl Fn() -> bool,
) -> Result<EmbedReport> {
    const BLOCK: usize = 64;
    if job.shard_rows == 0 {
        return Err(EncoderError::BadOption("shardRows is at least 1".to_owned()));
    }
    let embedder = Embedder::open(&job.encoder)?;
    let all = read_pairs(&job.data)?;
    let pairs: Vec<&Pair> = all
        .iter()
        .filter(|pair| job.splits.is_empty() || job.splits.contains(&pair.split))
        .collect();
    if pairs.is_empty() {
        return Err(EncoderError::BadOption(format!(
            "no pair is in {}",
            job.splits.join(" or ")
        )));
    }
    for folder in ["img_emb", "text_emb", "metadata", "_run"] {
        make_folder(&job.out.join(folder))?;
    }
    let shared = job_hash(&job.encoder, job.full)?;
    let mut report = EmbedReport {
        rows: pairs.len(),
        dim: embedder.dim(),
        kept: 0,
        outputs: Vec::new(),
    };
    for (index, shard) in pairs.chunks(job.shard_rows).enumerate() {
        let files = Files::of(index, embedder.sees());
        let inputs = inputs_hash(&shared, shard)?;
        let done = index * job.shard_rows;
        if job.resume && Receipt::holds(&job.out, index, &inputs, &files.all()) {
            report.kept += 1;
        } else {
            let (mut images, mut texts) = (Vec::new(), Vec::new());
            for (block, rows) in shard.chunks(BLOCK).enumerate() {
                if cancelled() {
                    return Err(EncoderError::Cancelled);
                }
                if embedder.sees() {
                    images.extend(embedder.images(rows)?);
                }
                let captions: Vec<&str> = rows.iter().map(|pair| pair.captions[0].as_str()).collect();
                texts.extend(embedder.texts(&captions)?);
                tell(done + block * BLOCK + rows.len(), pairs.len());
            }
            if let Some(image) = &files.image {
                write_rows(&job.out.join(image), &images, embedder.dim(), !job.full)?;
            }
            write_rows(&job.out.join(&files.text), &texts, embedder.dim(), !job.full)?;
            write_metadata(&job.out.join(&files.metadata), shard)?;
            let receipt = Receipt::of(inputs, &job.out, &files.all())?;
            let text = serde_json::to_string(&receipt).expect("plain data");
            write_text(&Receipt::path(&job.out, index), &text)?;
        }
        let outputs = files.all().into_iter().map(|file| job.out.join(file));
        report.outputs.extend(outputs);
    }
    remove_shards(&job.out, pairs.len().div_ceil(job.shard_rows))?;
    Ok(report)
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

fn write_metadata(path: &Path, pairs: &[&Pair]) -> Result<()> {
    let lines = pairs.iter().map(|pair| {
        let mut line = Map::new();
        line.insert(
            "image_path".to_owned(),
            json!(pair.image.shown().to_string_lossy()),
        );
        line.insert("caption".to_owned(), json!(pair.captions[0]));
        line.insert("split".to_owned(), json!(pair.split));
        line.extend(pair.fields.clone());
        format!("{}\n", Value::Object(line))
    });
    write_text(path, &lines.collect::<String>())
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    let file = AtomicFile::create(path)?;
    file.write_at(0, text.as_bytes())?;
    Ok(file.commit(true)?)
}
