//! Encoders from local folders, forward only: CLIP, SigLIP and BERT in the layout of `transformers`, and what
//! sentence-transformers builds of them.
//!
//! What a folder says of its own use is obeyed or refused by name; `docs/encoders.md` lists both.

mod bert;
mod clip;
mod keys;
mod modules;
mod open_clip;
mod open_clip_names;
mod preprocess;
mod siglip;
mod steps;
mod tokens;
mod tower;
mod weights;

use std::path::{Path, PathBuf};

use crate::data::Pair;
use crate::error::{EncoderError, Result, usable};
use crate::picture::decode;

use bert::Bert;
use clip::Clip;
use keys::Keys;
use modules::{First, Head, Plan, Prompts, sentence_options};
use open_clip::OpenClip;
use preprocess::Preprocess;
use siglip::Siglip;
use steps::{Pooling, unit};
use tokens::{Limits, OfModel, SentenceOptions, Tokens};
use weights::Weights;

/// A pretrained encoder.
pub struct Pretrained {
    folder: PathBuf,
    model: Model,
    tokens: Tokens,
    preprocess: Option<Preprocess>,
    head: Head,
    truncate: Option<usize>,
}

enum Model {
    Clip(Clip),
    /// With the padding token of its configuration, for a tokenizer that names none.
    Siglip(Siglip, u32),
    Bert(Bert),
}

impl Pretrained {
    /// Whether a folder is laid out as one that [`Self::open`] takes or refuses by name.
    pub fn is_at(folder: &Path) -> bool {
        let marks = [
            "modules.json",
            "config.json",
            "open_clip_config.json",
            "adapter_config.json",
        ];
        marks.iter().any(|name| folder.join(name).is_file())
    }

    /// Reads a folder: `modules.json` where sentence-transformers has written it, `config.json`, the weights, the tokenizer's
    /// files and, for images, `processor_config.json` or `preprocessor_config.json`.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNREADABLE`; `BAD_MODEL` with the file and the key, module or layout that is not read.
    pub fn open(folder: &Path) -> Result<Self> {
        let plan = Plan::open(folder)?;
        let place = plan.as_ref().map_or(folder, |plan| &plan.model).to_owned();
        refuse_adapters(&place)?;
        if plan.is_none() && !place.join("config.json").is_file() && place.join(open_clip::CONFIG).is_file() {
            return Self::open_clip(folder);
        }
        let keys = Keys::open(&place.join("config.json"))?;
        for key in ["quantization_config", "auto_map"] {
            if keys.get(key).is_some() {
                return Err(keys.bad(format!(
                    "{key} asks for {}, which is not read",
                    if key == "auto_map" {
                        "code of its own"
                    } else {
                        "quantised weights"
                    }
                )));
            }
        }
        let kind = keys
            .text("model_type")?
            .ok_or_else(|| keys.bad("it names no model_type"))?
            .to_owned();
        let mut weights = Weights::open(&place, &kind)?;
        let weights = &mut weights;
        let model = match kind.as_str() {
            "clip" => Model::Clip(Clip::new(clip::Config::read(&keys)?, weights)?),
            "siglip" => {
                let config = siglip::Config::read(&keys)?;
                let pad = config.pad();
                Model::Siglip(Siglip::new(config, weights)?, pad)
            }
            "bert" => Model::Bert(Bert::new(bert::Config::read(&keys)?, weights)?),
            other => {
                let more = match other {
                    "siglip2" => {
                        ". This is a SigLIP 2 of any resolution (NaFlex); those of one resolution are read"
                    }
                    "clip_text_model" | "clip_vision_model" | "siglip_text_model" | "siglip_vision_model" => {
                        ". This is one tower alone; the folder of both is read"
                    }
                    _ => "",
                };
                return Err(keys.bad(format!(
                    "model_type {other} is not known; clip, siglip and bert are{more}"
                )));
            }
        };
        let (limits, side) = model.limits();
        let preprocess = match side {
            Some(side) => Some(Preprocess::open(&place, &kind, side)?),
            None => None,
        };
        let options = match &plan {
            Some(plan) => plan.options,
            // sentence-transformers reads this file of a folder without a plan, too
            None if matches!(model, Model::Bert(_)) => sentence_options(&place)?,
            None => SentenceOptions::default(),
        };
        let of_model = OfModel {
            kind: &kind,
            class: keys.text("tokenizer_class")?,
        };
        let tokens = Tokens::open(&place, of_model, &limits, options)?;
        if let Model::Siglip(_, pad) = &model {
            // it is needed for every text, so it is looked at now
            tokens.padded(&[], *pad)?;
        }
        if tokens.pads_left() && !matches!(model, Model::Siglip(..)) {
            return Err(EncoderError::BadModel {
                file: place.join("tokenizer_config.json"),
                reason:
                    "padding_side left moves the positions of shorter texts; only a SigLIP is padded there"
                        .to_owned(),
            });
        }
        let truncate = plan.as_ref().and_then(|plan| plan.truncate);
        let head = head(plan, &model, folder)?;
        if let Some(kept) = truncate
            && kept > head.dim
        {
            return Err(EncoderError::BadModel {
                file: folder.join("config_sentence_transformers.json"),
                reason: format!("truncate_dim is {kept}; rows have {} columns", head.dim),
            });
        }
        Ok(Self {
            folder: folder.to_owned(),
            model,
            tokens,
            preprocess,
            head,
            truncate,
        })
    }

    /// A CLIP in open_clip's layout.
    fn open_clip(folder: &Path) -> Result<Self> {
        let OpenClip {
            config,
            images,
            store,
        } = OpenClip::open(folder)?;
        let clip = Clip::new(config, &mut Weights::of_open_clip(store))?;
        let preprocess = Preprocess::of_open_clip(&images, clip.image_size())?;
        let model = Model::Clip(clip);
        Ok(Self {
            tokens: Tokens::open(
                folder,
                OfModel::default(),
                &model.limits().0,
                SentenceOptions::default(),
            )?,
            head: head(None, &model, folder)?,
            preprocess: Some(preprocess),
            truncate: None,
            folder: folder.to_owned(),
            model,
        })
    }

    /// Columns of a row.
    pub fn dim(&self) -> usize {
        self.truncate.unwrap_or(self.head.dim)
    }

    /// Whether it has an image tower.
    pub fn sees(&self) -> bool {
        self.preprocess.is_some()
    }

    /// Names of its prompts, sorted.
    pub fn prompts(&self) -> Vec<&str> {
        self.head.prompts.named.keys().map(String::as_str).collect()
    }

    /// The image of a pair as the image tower takes it: side × side × 3 values, channels last.
    pub(crate) fn pixels(&self, pair: &Pair) -> Result<Vec<f32>> {
        let preprocess = self.preprocess.as_ref().ok_or_else(no_images)?;
        let decoded = decode(&pair.image, preprocess.transparency)?;
        let pixels = preprocess.pixels(&decoded.image);
        pixels.map_err(|reason| EncoderError::BadImage {
            file: pair.image.shown(),
            reason,
        })
    }

    /// Unit rows of prepared pixels of the images of `pairs`.
    pub(crate) fn unit_image_rows(&self, pixels: &[f32], pairs: &[&Pair]) -> Result<Vec<f32>> {
        let rows = self.image_rows(pixels)?;
        self.finished(rows, |row| pairs[row].image.shown().display().to_string())
    }

    /// Rows of the towers, not scaled, of prepared pixels: n × size × size × 3, channels last.
    pub fn image_rows(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        match &self.model {
            Model::Clip(clip) => clip.images(pixels),
            Model::Siglip(siglip, _) => siglip.images(pixels),
            Model::Bert(_) => Err(no_images()),
        }
    }

    /// Unit rows of texts, each behind the prompt of that name, or behind the default one.
    ///
    /// # Errors
    /// `BAD_OPTION` for a prompt that is not there; what the tokenizer refuses.
    pub fn texts(&self, texts: &[&str], prompt: Option<&str>) -> Result<Vec<f32>> {
        let prompt = self.prompt(prompt)?;
        let whole: Vec<String> = texts.iter().map(|text| format!("{prompt}{text}")).collect();
        let ids = self.tokens.encode(&whole)?;
        let rows = match (&self.model, &self.head.pooling) {
            (Model::Bert(bert), Some(pooling)) => {
                let skipped = if pooling.include_prompt || prompt.is_empty() {
                    0
                } else {
                    self.tokens.prompt_tokens(prompt)?
                };
                pooled(bert, pooling, &ids, skipped)?
            }
            _ => self.text_rows(&ids)?,
        };
        self.finished(rows, |row| format!("the text {:?}", texts[row]))
    }

    /// Rows of the towers, not scaled, of token numbers as the tokenizer gives them without padding; of a BERT, pooled.
    pub fn text_rows(&self, ids: &[Vec<u32>]) -> Result<Vec<f32>> {
        match (&self.model, &self.head.pooling) {
            (Model::Clip(clip), _) => clip.texts(ids),
            (Model::Siglip(siglip, pad), _) => siglip.texts(&self.tokens.padded(ids, *pad)?),
            (Model::Bert(bert), Some(pooling)) => pooled(bert, pooling, ids, 0),
            (Model::Bert(_), None) => unreachable!("a plan without a pooling is refused"),
        }
    }

    /// The text of a prompt by its name, or of the default one.
    fn prompt(&self, name: Option<&str>) -> Result<&str> {
        let Prompts { named, default } = &self.head.prompts;
        let Some(name) = name.or(default.as_deref()) else {
            return Ok("");
        };
        named.get(name).map(String::as_str).ok_or_else(|| {
            let known = self.prompts().join(", ");
            EncoderError::BadOption(if known.is_empty() {
                format!(
                    "unknown prompt `{name}`; {} has no prompts",
                    self.folder.display()
                )
            } else {
                format!("unknown prompt `{name}`; expected {known}")
            })
        })
    }

    /// What the modules behind the model make of its rows, at unit length.
    fn finished(&self, mut rows: Vec<f32>, name: impl Fn(usize) -> String) -> Result<Vec<f32>> {
        let mut dim = match &self.model {
            Model::Clip(clip) => clip.dim(),
            Model::Siglip(siglip, _) => siglip.dim(),
            Model::Bert(bert) => self
                .head
                .pooling
                .as_ref()
                .map_or(0, |pooling| pooling.dim(bert.width())),
        };
        for step in &self.head.steps {
            rows = step.rows(rows, dim)?;
            dim = step.dim(dim);
        }
        if let Some(kept) = self.truncate {
            rows = rows
                .chunks_exact(dim)
                .flat_map(|row| &row[..kept])
                .copied()
                .collect();
            dim = kept;
        }
        let named = |row| format!("{}: the row of {}", self.folder.display(), name(row));
        Ok(unit(usable(rows, dim, named)?, dim))
    }
}

impl Model {
    /// What it takes of texts, and the side of its images.
    fn limits(&self) -> (Limits, Option<usize>) {
        let (tokens, words, side) = match self {
            Self::Clip(clip) => (clip.tokens(), clip.words(), Some(clip.image_size())),
            Self::Siglip(siglip, _) => (siglip.tokens(), siglip.words(), Some(siglip.image_size())),
            Self::Bert(bert) => (bert.tokens(), bert.words(), None),
        };
        (Limits { tokens, words }, side)
    }
}

/// What stands behind a model: the plan's modules, or the mean of the tokens.
fn head(plan: Option<Plan>, model: &Model, folder: &Path) -> Result<Head> {
    let width = match model {
        Model::Clip(clip) => clip.dim(),
        Model::Siglip(siglip, _) => siglip.dim(),
        Model::Bert(bert) => bert.width(),
    };
    let Some(mut plan) = plan else {
        let pooling = matches!(model, Model::Bert(_)).then(Pooling::mean);
        return Ok(Head {
            pooling,
            steps: Vec::new(),
            prompts: Prompts::default(),
            dim: width,
        });
    };
    plan.first = match (plan.first, model) {
        (_, Model::Clip(_)) => First::Clip,
        (First::Transformer, Model::Bert(_)) => First::Transformer,
        (First::Clip, _) | (First::Transformer, Model::Siglip(..)) => {
            return Err(EncoderError::BadModel {
                file: folder.join("modules.json"),
                reason: "its first module holds another model than its kind takes: a Transformer a BERT or a CLIP, a \
                         CLIPModel a CLIP"
                    .to_owned(),
            });
        }
    };
    plan.head(width)
}

fn pooled(bert: &Bert, pooling: &Pooling, ids: &[Vec<u32>], skipped: usize) -> Result<Vec<f32>> {
    let (states, lengths) = bert.states(ids)?;
    Ok(pooling.rows(&states, bert.width(), &lengths, skipped))
}

/// An adapter changes the model that it belongs to.
fn refuse_adapters(folder: &Path) -> Result<()> {
    let file = folder.join("adapter_config.json");
    if !file.is_file() {
        return Ok(());
    }
    let reason = "this is an adapter of PEFT, which is not applied here; merge it into its model with merge_and_unload() \
                  and save that";
    Err(EncoderError::BadModel {
        file,
        reason: reason.to_owned(),
    })
}

fn no_images() -> EncoderError {
    EncoderError::BadOption("this encoder takes no images".to_owned())
}
