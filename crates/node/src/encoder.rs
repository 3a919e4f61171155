//! Encoders: trained, loaded, applied.

use std::path::PathBuf;
use std::sync::Arc;

use modality_gap_encoder::data::{ImagePlace, Pair};
use modality_gap_encoder::{
    EmbedJob, Embedder, EncoderError, Observer, Probe, Step, TrainJob, run_embedding, run_training,
};
use modality_gap_tasks::CancelToken as Token;
use napi::bindgen_prelude::{ClassInstance, Float32Array, Function, Object};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Result};
use napi_derive::napi;
use serde_json::Value;

use crate::cancel::CancelToken;
use crate::environment::Held;
use crate::job::ProgressEvent;
use crate::memory::Training;
use crate::promise::{listener, plain, promised};
use crate::weight::{Handle, ReportedBytes, Weighs, files_bytes, weighed};

type Answer<T> = std::result::Result<T, EncoderError>;

/// An encoder that was trained here or read from a folder in Hugging Face's layout.
#[napi(custom_finalize)]
pub struct NativeEncoder {
    embedder: Held<Embedder>,
    /// Bytes of its files, which are about those that it holds.
    bytes: usize,
    reported: ReportedBytes,
}

weighed!(NativeEncoder);

impl Weighs for NativeEncoder {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn reported(&self) -> &ReportedBytes {
        &self.reported
    }

    fn register(&self) {
        self.embedder.register();
    }
}

#[napi]
impl NativeEncoder {
    /// Reads an encoder, off the event loop.
    #[napi(ts_return_type = "Promise<types.Outcome<NativeEncoder>>")]
    pub fn load<'env>(env: &'env Env, path: String) -> Result<Object<'env>> {
        promised(env, move || -> Answer<Handle<Self>> {
            let path = PathBuf::from(path);
            Ok(Handle(Self {
                embedder: Held::new(Embedder::open(&path)?),
                bytes: files_bytes(&path),
                reported: ReportedBytes::default(),
            }))
        })
    }

    /// Columns, whether it takes images, and names of its prompts.
    #[napi(ts_return_type = "types.EncoderInfo")]
    pub fn info(&self) -> Result<Value> {
        Ok(plain(self.held()?.info()))
    }

    /// Unit rows of texts, behind the prompt of that name or the default one.
    #[napi(ts_return_type = "Promise<types.Outcome<Float32Array>>")]
    pub fn embed_texts<'env>(
        &self,
        env: &'env Env,
        texts: Vec<String>,
        prompt: Option<String>,
    ) -> Result<Object<'env>> {
        let embedder = self.held()?;
        promised(env, move || -> Answer<Float32Array> {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            Ok(embedder.texts(&texts, prompt.as_deref())?.into())
        })
    }

    /// Unit rows of image files.
    #[napi(ts_return_type = "Promise<types.Outcome<Float32Array>>")]
    pub fn embed_images<'env>(&self, env: &'env Env, paths: Vec<String>) -> Result<Object<'env>> {
        let embedder = self.held()?;
        promised(env, move || -> Answer<Float32Array> {
            let pairs: Vec<Pair> = paths.into_iter().map(image_alone).collect();
            Ok(embedder.images(&pairs.iter().collect::<Vec<_>>())?.into())
        })
    }

    /// Releases the encoder now; calls that run keep it until they end.
    #[napi]
    pub fn release(&self, env: Env) -> Result<()> {
        self.embedder.release();
        self.reported.report(env, 0)
    }

    fn held(&self) -> Result<Arc<Embedder>> {
        let gone = || napi::Error::from_reason("the encoder was released");
        self.embedder.get().ok_or_else(gone)
    }
}

fn image_alone(path: String) -> Pair {
    Pair {
        image: ImagePlace::File(path.into()),
        captions: Vec::new(),
        split: String::new(),
        fields: serde_json::Map::new(),
    }
}

/// Unit rows under the parameters of one moment, and the loss's gradients at the batch's rows; `dim` values a row.
#[napi(object)]
pub struct ProbeEvent {
    /// Updates made when it was taken.
    pub step: f64,
    /// Columns.
    pub dim: u32,
    /// Held-out images.
    pub image: Float32Array,
    /// Their captions.
    pub text: Float32Array,
    /// The batch's images.
    pub batch_image: Float32Array,
    /// The batch's captions.
    pub batch_text: Float32Array,
    /// Gradients at the batch's images.
    pub grad_image: Float32Array,
    /// Gradients at the batch's captions.
    pub grad_text: Float32Array,
}

/// Trains a dual encoder on threads of its own.
#[napi(ts_return_type = "Promise<types.Outcome<types.TrainReport>>")]
pub fn train_encoder<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "types.Given<types.TrainJob, 'data' | 'out'>")] job: Value,
    threads: u32,
    token: ClassInstance<'env, CancelToken>,
    #[napi(ts_arg_type = "((step: types.TrainStep) => void) | undefined | null")] on_step: Option<
        Function<'env, Value, ()>,
    >,
    on_probe: Option<Function<'env, ProbeEvent, ()>>,
) -> Result<Object<'env>> {
    let token = token.token.clone();
    let on_step = listener(on_step)?;
    let on_probe = listener(on_probe)?;
    promised(env, move || -> Answer<Value> {
        let job: TrainJob = read(job)?;
        let _training = Training::begin();
        // nothing is left out here: a step or a probe waits until the event loop has room
        let mut watcher = Watcher {
            token,
            on_step: Box::new(move |step| {
                if let Some(tell) = &on_step {
                    let _ = tell.call(plain(step), ThreadsafeFunctionCallMode::Blocking);
                }
            }),
            on_probe: Box::new(move |probe| {
                if let Some(tell) = &on_probe {
                    let _ = tell.call(event(probe), ThreadsafeFunctionCallMode::Blocking);
                }
            }),
        };
        let report = pool(threads)?.install(|| run_training(&job, &mut watcher))?;
        Ok(plain(report))
    })
}

/// Writes the embeddings of a list of pairs.
#[napi(ts_return_type = "Promise<types.Outcome<types.EmbedReport>>")]
pub fn embed_pairs<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "types.Given<types.EmbedJob, 'encoder' | 'data' | 'out'>")] job: Value,
    threads: u32,
    token: ClassInstance<'env, CancelToken>,
    on_progress: Option<Function<'env, ProgressEvent, ()>>,
) -> Result<Object<'env>> {
    let token = token.token.clone();
    let on_progress = listener(on_progress)?;
    promised(env, move || -> Answer<Value> {
        let job: EmbedJob = read(job)?;
        let started = std::time::Instant::now();
        let tell = |rows: usize, total: usize| {
            if let Some(tell) = &on_progress {
                let seconds = started.elapsed().as_secs_f64();
                let event = ProgressEvent {
                    stage: "embed".to_owned(),
                    rows: rows as f64,
                    total: total as f64,
                    seconds,
                };
                // a full queue means that the event loop is busy; the next event will do
                let _ = tell.call(event, ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        let report = pool(threads)?.install(|| run_embedding(&job, tell, || token.is_cancelled()))?;
        Ok(plain(report))
    })
}

struct Watcher {
    token: Token,
    on_step: Box<dyn Fn(&Step) + Send>,
    on_probe: Box<dyn Fn(Probe) + Send>,
}

impl Observer for Watcher {
    fn step(&mut self, step: &Step) {
        (self.on_step)(step);
    }

    fn probe(&mut self, probe: Probe) {
        (self.on_probe)(probe);
    }

    fn cancelled(&self) -> bool {
        self.token.is_cancelled()
    }
}

fn event(probe: Probe) -> ProbeEvent {
    ProbeEvent {
        step: probe.step as f64,
        dim: probe.dim as u32,
        image: probe.image.into(),
        text: probe.text.into(),
        batch_image: probe.batch_image.into(),
        batch_text: probe.batch_text.into(),
        grad_image: probe.grad_image.into(),
        grad_text: probe.grad_text.into(),
    }
}

/// 0 means one thread per core.
fn pool(threads: u32) -> Answer<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads as usize)
        .thread_name(|i| format!("modality-gap-{i}"))
        .build()
        .map_err(|error| EncoderError::BadOption(format!("{threads} threads cannot be started: {error}")))
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Answer<T> {
    crate::promise::read(value).map_err(|error| EncoderError::BadOption(error.to_string()))
}
