//! Language models that see: opened, trained, asked.

use std::sync::{Arc, Mutex, PoisonError};

use modality_gap_geometry::{Map, Policy};
use modality_gap_kernels::packed_unit;
use modality_gap_revision::{
    Export, ModelInfo, ModelSample, Precision, RevisionError, SampleSizes, Samples, SamplingOptions,
    Sequence, Session, SessionOptions,
};
use modality_gap_tasks::{CancelToken as Token, Picker, RowSet, TaskError};
use napi::bindgen_prelude::{ClassInstance, Float32Array, Function, Object};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Result};
use napi_derive::napi;
use serde_json::Value;

use crate::aligner::NativeAligner;
use crate::border::Failure;
use crate::cancel::CancelToken;
use crate::environment::Held;
use crate::memory::Training;
use crate::promise::{listener, plain, promised};
use crate::source::Source;
use crate::weight::{Handle, ReportedBytes, Weighs, rows_bytes, weighed};

type Answer<T> = std::result::Result<T, Failure>;

/// Rows that are read by their numbers, each through a map.
#[napi(custom_finalize)]
pub struct NativeRows {
    picker: Arc<Picker>,
    /// Bytes of rows in memory that it keeps.
    bytes: usize,
    reported: ReportedBytes,
}

weighed!(NativeRows);

impl Weighs for NativeRows {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn reported(&self) -> &ReportedBytes {
        &self.reported
    }
}

#[napi]
impl NativeRows {
    /// Opens rows, to be moved by an aligner or left as they are.
    #[napi(ts_return_type = "Promise<types.Outcome<NativeRows>>")]
    pub fn open<'env>(
        env: &'env Env,
        source: ClassInstance<'env, Source>,
        aligner: Option<ClassInstance<'env, NativeAligner>>,
        target_side: bool,
    ) -> Result<Object<'env>> {
        let rows = source.rows()?;
        let aligner = aligner.map(|aligner| Arc::clone(&aligner.aligner));
        promised(env, move || -> Answer<Handle<Self>> {
            let map = match &aligner {
                Some(aligner) if target_side => aligner.target_map().cloned(),
                Some(aligner) => Some(aligner.map().clone()),
                None => None,
            };
            let map = map.unwrap_or_else(|| identity(&rows));
            let picker = Picker::open(&rows, map)?;
            Ok(Handle(Self {
                picker: Arc::new(picker),
                bytes: rows_bytes(&rows),
                reported: ReportedBytes::default(),
            }))
        })
    }

    /// Some rows, row-major.
    #[napi(ts_return_type = "Promise<types.Outcome<Float32Array>>")]
    pub fn pick<'env>(&self, env: &'env Env, rows: Vec<f64>) -> Result<Object<'env>> {
        let picker = Arc::clone(&self.picker);
        promised(env, move || -> Answer<Float32Array> {
            let rows = rows
                .into_iter()
                .map(number_of_row)
                .collect::<Answer<Vec<u64>>>()?;
            Ok(picker.pick(&rows)?.into())
        })
    }
}

fn number_of_row(row: f64) -> Answer<u64> {
    // f64 holds every integer up to 2^53
    if row >= 0.0 && row.trunc() == row && row < 9_007_199_254_740_992.0 {
        #[allow(clippy::cast_sign_loss)]
        return Ok(row as u64);
    }
    Err(bad_option(format!(
        "rows have whole numbers from 0 on, not {row}"
    )))
}

/// Rows as their options say: at unit length, or as they stand.
fn identity(rows: &RowSet) -> Map {
    match rows.policy() {
        Policy::Unit => Map::identity(rows.dim, Policy::Unit),
        Policy::Raw => Map::identity(rows.dim, Policy::Raw),
    }
}

/// Sequences of samples, and the rows of their images.
struct Prepared {
    sequences: Vec<Sequence>,
    embeddings: Vec<f32>,
}

impl Prepared {
    fn samples(&self) -> Samples<'_> {
        Samples {
            sequences: &self.sequences,
            embeddings: &self.embeddings,
        }
    }
}

fn prepare(
    session: &Session,
    samples: &[ModelSample],
    rows: Option<&Picker>,
    asks: bool,
) -> Answer<Prepared> {
    let mut sequences = Vec::with_capacity(samples.len());
    for sample in samples {
        let conversation = sample.conversation()?;
        let sequence = if asks {
            session.prompt(&conversation)?
        } else {
            session.sequence(&conversation)?
        };
        if sequence.images != sample.rows.len() {
            let (places, rows) = (sequence.images, sample.rows.len());
            let reason = format!("it has {places} places of images and {rows} rows");
            return Err(RevisionError::BadSample {
                id: sample.id.clone(),
                reason,
            }
            .into());
        }
        sequences.push(sequence);
    }
    let dim = session.projector_config().dim;
    let embeddings = match rows {
        Some(rows) if rows.dim() != dim => {
            return Err(bad_option(format!(
                "the model takes rows of {dim} columns, these have {}",
                rows.dim()
            )));
        }
        Some(rows) => picked(rows, samples)?,
        None if samples.iter().all(|sample| sample.rows.is_empty()) => Vec::new(),
        None => return Err(bad_option("samples with images need rows".to_owned())),
    };
    Ok(Prepared {
        sequences,
        embeddings,
    })
}

/// Rows of samples, each as its own pass over the data has it.
fn picked(rows: &Picker, samples: &[ModelSample]) -> Answer<Vec<f32>> {
    let mut picked = Vec::new();
    for same in samples.chunk_by(|a, b| a.epoch == b.epoch) {
        let indices: Vec<u64> = same
            .iter()
            .flat_map(|sample| sample.rows.iter().copied())
            .collect();
        picked.extend(rows.pick_in_epoch(&indices, same[0].epoch)?);
    }
    Ok(picked)
}

/// A language model with its projector; calls on it run one after the other.
#[napi(custom_finalize)]
pub struct NativeModel {
    held: Held<Loaded>,
    info: ModelInfo,
    bytes: usize,
    reported: ReportedBytes,
}

/// A session, shared with the calls that run.
struct Loaded {
    session: Mutex<Session>,
    pool: rayon::ThreadPool,
    /// Keeps freed memory for the next step, where the model learns.
    _training: Option<Training>,
}

weighed!(NativeModel);

impl Weighs for NativeModel {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn reported(&self) -> &ReportedBytes {
        &self.reported
    }

    fn register(&self) {
        self.held.register();
    }
}

/// Bytes of a trainable number: value, gradient and two moments in f32.
const TRAINABLE: usize = 16;

/// Bytes of a model: its matrices as they are held, and what training keeps.
fn session_bytes(session: &Session, precision: Precision) -> usize {
    let lm = session.lm_config();
    let block = 2 * lm.hidden * lm.head_dim * (lm.heads + lm.kv_heads) + 3 * lm.hidden * lm.inner;
    let embeddings = lm.vocab * lm.hidden * if lm.tied { 1 } else { 2 };
    let size = match precision {
        Precision::Bf16 => 2,
        Precision::F32 => 4,
    };
    (lm.layers * block + embeddings) * size + session.learning_count() * TRAINABLE
}

/// A piece of an answer.
#[napi(object)]
pub struct AnswerPiece {
    /// Number of the answer.
    pub answer: u32,
    /// Text that is certain by now.
    pub text: String,
}

#[napi]
impl NativeModel {
    /// Reads a model, off the event loop.
    #[napi(ts_return_type = "Promise<types.Outcome<NativeModel>>")]
    pub fn open<'env>(
        env: &'env Env,
        #[napi(ts_arg_type = "types.Given<types.SessionOptions, 'path' | 'dim'>")] options: Value,
        threads: u32,
    ) -> Result<Object<'env>> {
        promised(env, move || -> Answer<Handle<Self>> {
            let options: SessionOptions = crate::promise::read(options)?;
            let precision = options.dtype;
            let training = options.learn.is_some().then(Training::begin);
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads as usize)
                .thread_name(|i| format!("modality-gap-{i}"))
                .build()
                .map_err(|error| bad_option(format!("{threads} threads cannot be started: {error}")))?;
            let session = pool.install(|| Session::open(options))?;
            let info = ModelInfo::of(&session, packed_unit());
            Ok(Handle(Self {
                bytes: session_bytes(&session, precision),
                held: Held::new(Loaded {
                    session: Mutex::new(session),
                    pool,
                    _training: training,
                }),
                info,
                reported: ReportedBytes::default(),
            }))
        })
    }

    /// What it is.
    #[napi(ts_return_type = "types.ModelInfo")]
    pub fn info(&self) -> Value {
        plain(&self.info)
    }

    /// Positions and labels of samples.
    #[napi(ts_return_type = "Promise<types.Outcome<types.SampleSizes>>")]
    pub fn sizes<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "readonly types.ModelSample[]")] samples: Value,
    ) -> Result<Object<'env>> {
        self.run(env, move |session| {
            let samples: Vec<ModelSample> = crate::promise::read(samples)?;
            Ok(plain(SampleSizes::of(session, &samples)?))
        })
    }

    /// One update.
    #[napi(ts_return_type = "Promise<types.Outcome<types.StepReport>>")]
    pub fn step<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "readonly types.ModelSample[]")] samples: Value,
        rows: Option<ClassInstance<'env, NativeRows>>,
        micro_batch: u32,
        token: ClassInstance<'env, CancelToken>,
    ) -> Result<Object<'env>> {
        let (rows, token) = given(rows, &token);
        self.run(env, move |session| {
            let samples: Vec<ModelSample> = crate::promise::read(samples)?;
            let ready = prepare(session, &samples, rows.as_deref(), false)?;
            let report = session.step(ready.samples(), micro_batch as usize, &|| token.is_cancelled())?;
            Ok(plain(report))
        })
    }

    /// Losses without an update.
    #[napi(ts_return_type = "Promise<types.Outcome<types.LossReport>>")]
    pub fn evaluate<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "readonly types.ModelSample[]")] samples: Value,
        rows: Option<ClassInstance<'env, NativeRows>>,
        micro_batch: u32,
        token: ClassInstance<'env, CancelToken>,
    ) -> Result<Object<'env>> {
        let (rows, token) = given(rows, &token);
        self.run(env, move |session| {
            let samples: Vec<ModelSample> = crate::promise::read(samples)?;
            let ready = prepare(session, &samples, rows.as_deref(), false)?;
            let report = session.evaluate(ready.samples(), micro_batch as usize, &|| token.is_cancelled())?;
            Ok(plain(report))
        })
    }

    /// Answers to prompts.
    #[napi(ts_return_type = "Promise<types.Outcome<types.Answer[]>>")]
    pub fn answer<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "readonly types.ModelSample[]")] samples: Value,
        rows: Option<ClassInstance<'env, NativeRows>>,
        #[napi(ts_arg_type = "types.Given<types.SamplingOptions> & { stop?: readonly string[] }")]
        sampling: Value,
        token: ClassInstance<'env, CancelToken>,
        on_text: Option<Function<'env, AnswerPiece, ()>>,
    ) -> Result<Object<'env>> {
        let (rows, token) = given(rows, &token);
        let tell = listener(on_text)?;
        self.run(env, move |session| {
            let samples: Vec<ModelSample> = crate::promise::read(samples)?;
            let (sampling, stop) = sampling_of(sampling)?;
            let ready = prepare(session, &samples, rows.as_deref(), true)?;
            let answers = session.say(
                ready.samples(),
                &sampling,
                &stop,
                &mut |answer, text| {
                    if let Some(tell) = &tell {
                        let piece = AnswerPiece {
                            answer: answer as u32,
                            text: text.to_owned(),
                        };
                        // nothing is left out: a piece waits until the event loop has room
                        let _ = tell.call(piece, ThreadsafeFunctionCallMode::Blocking);
                    }
                },
                &|| token.is_cancelled(),
            )?;
            Ok(plain(answers))
        })
    }

    /// What the projector makes of embeddings.
    #[napi(ts_return_type = "Promise<types.Outcome<Float32Array>>")]
    pub fn project<'env>(&self, env: &'env Env, embeddings: Float32Array) -> Result<Object<'env>> {
        // copied, because JavaScript could change them meanwhile
        let embeddings = embeddings.to_vec();
        let loaded = self.held()?;
        promised(env, move || -> Answer<Float32Array> {
            let guard = loaded.session.lock().unwrap_or_else(PoisonError::into_inner);
            let session: &Session = &guard;
            Ok(loaded.pool.install(|| session.project(&embeddings))?.into())
        })
    }

    /// Writes files that others read.
    #[napi(ts_return_type = "Promise<types.Outcome<string[]>>")]
    pub fn export<'env>(&self, env: &'env Env, folder: String, what: String) -> Result<Object<'env>> {
        self.run(env, move |session| {
            let what = match what.as_str() {
                "learned" => Export::Learned,
                "all" => Export::All,
                "merged" => Export::Merged,
                "llava" => Export::Llava,
                "hf" => Export::HuggingFace,
                "mmproj" => Export::Mmproj,
                other => {
                    return Err(bad_option(format!(
                        "unknown export `{other}`; expected learned, all, merged, llava, hf or mmproj"
                    )));
                }
            };
            let files = session.export(folder.as_ref(), what)?;
            Ok(plain(files))
        })
    }

    /// Writes the state of the training into a folder.
    #[napi(ts_return_type = "Promise<types.Outcome<null>>")]
    pub fn save_state<'env>(&self, env: &'env Env, folder: String) -> Result<Object<'env>> {
        self.run(env, move |session| {
            session.save_state(folder.as_ref())?;
            Ok(Value::Null)
        })
    }

    /// Goes on from such a state; answers with the updates made by then.
    #[napi(ts_return_type = "Promise<types.Outcome<number>>")]
    pub fn restore_state<'env>(&self, env: &'env Env, folder: String) -> Result<Object<'env>> {
        self.run(env, move |session| {
            session.restore_state(folder.as_ref())?;
            Ok(plain(session.updates()))
        })
    }

    /// Releases the model now; calls that run keep it until they end.
    #[napi]
    pub fn release(&self, env: Env) -> Result<()> {
        self.held.release();
        self.reported.report(env, 0)
    }

    fn held(&self) -> Result<Arc<Loaded>> {
        let gone = || napi::Error::from_reason("the model was released");
        self.held.get().ok_or_else(gone)
    }

    fn run<'env>(
        &self,
        env: &'env Env,
        work: impl FnOnce(&mut Session) -> Answer<Value> + Send + 'static,
    ) -> Result<Object<'env>> {
        let loaded = self.held()?;
        promised(env, move || -> Answer<Value> {
            // a call that panicked leaves the parameters of the last whole update
            let mut guard = loaded.session.lock().unwrap_or_else(PoisonError::into_inner);
            let session: &mut Session = &mut guard;
            // taken outside of the pool, whose threads could otherwise begin another call while they wait in this one
            loaded.pool.install(move || work(session))
        })
    }
}

fn given(
    rows: Option<ClassInstance<'_, NativeRows>>,
    token: &ClassInstance<'_, CancelToken>,
) -> (Option<Arc<Picker>>, Token) {
    (rows.map(|rows| Arc::clone(&rows.picker)), token.token.clone())
}

/// The options of a draw, and the texts that end an answer.
fn sampling_of(mut value: Value) -> Answer<(SamplingOptions, Vec<String>)> {
    let stop = value.as_object_mut().and_then(|map| map.remove("stop"));
    let stop = stop.map_or(Ok(Vec::new()), crate::promise::read)?;
    Ok((crate::promise::read(value)?, stop))
}

fn bad_option(text: String) -> Failure {
    TaskError::BadOption(text).into()
}
