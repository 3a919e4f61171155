//! Trackers of training runs: one step at a time on a thread of its own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use modality_gap_geometry::{Frame, Tracker};
use modality_gap_tasks::{
    Control, RowSet, StepRows, StepSpec, TaskError, TrackerInfo, load_tracker, new_tracker, save_frame,
    save_tracker, track_step, tracker_from_bytes,
};
use napi::bindgen_prelude::{Buffer, ClassInstance, Object};
use napi::{Env, Result};
use napi_derive::napi;
use serde_json::Value;

use crate::border::Outcome;
use crate::cancel::CancelToken;
use crate::promise::{plain, promised, read};
use crate::source::Source;
use crate::weight::{Handle, ReportedBytes, Weighs, weighed};

/// Matrices of d × d numbers in f64 that a state holds: frame, window, axes of the gradients.
const MATRICES: usize = 4;

/// Follows a training run.
#[napi(custom_finalize)]
pub struct NativeTracker {
    /// The state after the last recorded step; steps replace it as a whole.
    state: Arc<Mutex<Arc<Tracker>>>,
    /// Held while a step is recorded.
    turn: Arc<Mutex<()>>,
    reported: ReportedBytes,
}

weighed!(NativeTracker);

impl Weighs for NativeTracker {
    fn bytes(&self) -> usize {
        let frame = self.now().frozen_frame().map_or(0, Frame::dim);
        weight(frame)
    }

    fn reported(&self) -> &ReportedBytes {
        &self.reported
    }
}

fn weight(dim: usize) -> usize {
    MATRICES * dim * dim * size_of::<f64>()
}

#[napi]
impl NativeTracker {
    /// A tracker that has seen no step.
    #[napi(catch_unwind, ts_return_type = "types.Outcome<NativeTracker>")]
    pub fn create(
        #[napi(ts_arg_type = "types.TrackerOptions")] options: Value,
    ) -> Outcome<Handle<NativeTracker>> {
        read(options).and_then(new_tracker).map(Self::holding).into()
    }

    /// Reads a tracker's state.
    #[napi(ts_return_type = "Promise<types.Outcome<NativeTracker>>")]
    pub fn load<'env>(env: &'env Env, path: String) -> Result<Object<'env>> {
        promised(env, move || load_tracker(&PathBuf::from(path)).map(Self::holding))
    }

    /// Reads a tracker from the bytes of its state.
    #[napi(catch_unwind, ts_return_type = "types.Outcome<NativeTracker>")]
    pub fn from_bytes(bytes: &[u8]) -> Outcome<Handle<NativeTracker>> {
        tracker_from_bytes(bytes, None).map(Self::holding).into()
    }

    /// The bytes of its state.
    #[napi(catch_unwind)]
    pub fn to_bytes(&self) -> Buffer {
        self.now().to_bytes().into()
    }

    /// Writes its state, perhaps in place of an older one: temporary file, synced, renamed.
    #[napi(ts_return_type = "Promise<types.Outcome<undefined>>")]
    pub fn save<'env>(&self, env: &'env Env, path: String, replace: bool) -> Result<Object<'env>> {
        let tracker = self.now();
        promised(env, move || save_tracker(&tracker, &PathBuf::from(path), replace))
    }

    /// Writes the frozen frame's file, perhaps in place of an older one.
    #[napi(ts_return_type = "Promise<types.Outcome<undefined>>")]
    pub fn save_frame<'env>(&self, env: &'env Env, path: String, replace: bool) -> Result<Object<'env>> {
        let tracker = self.now();
        promised(env, move || match tracker.frozen_frame() {
            Some(frame) => save_frame(frame, &PathBuf::from(path), replace),
            None => Err(TaskError::BadOption("no frame is frozen yet".to_owned())),
        })
    }

    /// Options, and how far it is.
    #[napi(catch_unwind, ts_return_type = "types.TrackerInfo")]
    pub fn info(&self) -> Value {
        let tracker = self.now();
        plain(TrackerInfo {
            options: tracker.options().clone(),
            last_step: tracker.last_step(),
        })
    }

    /// Whether a step is recorded.
    #[napi(catch_unwind)]
    pub fn takes(&self, step: f64) -> bool {
        #[allow(
            clippy::cast_sign_loss,
            reason = "a step below zero is refused when it is pushed"
        )]
        self.now().options().takes(step as u64)
    }

    /// Records a step on a thread of its own; steps pushed at once are recorded one after another.
    #[napi(ts_return_type = "Promise<types.Outcome<types.TrackRecord>>")]
    pub fn push<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "types.StepSpec")] spec: Value,
        sources: Vec<ClassInstance<'env, Source>>,
        token: ClassInstance<'env, CancelToken>,
    ) -> Result<Object<'env>> {
        let sources = sources
            .iter()
            .map(|source| source.rows())
            .collect::<Result<Vec<Arc<RowSet>>>>()?;
        let (state, turn) = (Arc::clone(&self.state), Arc::clone(&self.turn));
        let token = token.token.clone();
        self.reported
            .report(*env, weight(sources.first().map_or(0, |rows| rows.dim)))?;
        promised(env, move || {
            let spec: StepSpec = read(spec)?;
            let named = |name: &str| {
                let at = spec.names.iter().position(|found| found == name)?;
                sources.get(at).map(|rows| &**rows)
            };
            let needed = |name: &str| {
                named(name).ok_or_else(|| TaskError::BadOption(format!("a step needs `{name}` rows")))
            };
            let rows = StepRows {
                probe: [needed("image")?, needed("text")?],
                gradients: [named("gradImage"), named("gradText")],
                batch: [named("batchImage"), named("batchText")],
            };
            let control = Control::new(spec.threads.unwrap_or(0), token, None)?;
            let _turn = locked(&turn);
            let mut tracker = Tracker::clone(&locked(&state));
            let record = track_step(&mut tracker, spec.step, &rows, &control)?;
            *locked(&state) = Arc::new(tracker);
            Ok::<_, TaskError>(plain(record))
        })
    }

    fn now(&self) -> Arc<Tracker> {
        Arc::clone(&locked(&self.state))
    }
}

impl NativeTracker {
    fn holding(tracker: Tracker) -> Handle<Self> {
        Handle(Self {
            state: Arc::new(Mutex::new(Arc::new(tracker))),
            turn: Arc::default(),
            reported: ReportedBytes::default(),
        })
    }
}

/// The lock; a panic under it left the state whole, because a step replaces it at its end.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
