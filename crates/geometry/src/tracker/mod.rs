//! What contrastive training does to the gap, followed step by step in a frame that is frozen once.
//!
//! Fed at any cadence with probe pairs and, where available, embedding-level gradients. Until `freezeAt` every step has
//! the frame of its own embeddings; the first step at or after it gives the frame that stays (arXiv 2602.07026,
//! sections 3 and 4). Every number stands beside what chance alone would give. Memory is a few d × d matrices.

mod check;
mod error;
mod gradients;
mod groups;
mod items;
mod motion;
mod options;
mod probe;
mod random;
mod record;
mod retrieval;
mod rows;
mod shape;
mod sharing;
mod side_record;
mod state;
mod step;
mod window;

use std::sync::Arc;

use faer::Mat;

pub use self::error::TrackError;
pub use self::groups::{GroupedBy, PairGroups};
pub use self::options::{
    DEFAULT_RETRIEVAL_PAIRS, DEFAULT_TOP_EIGEN, DEFAULT_WINDOW, TrackerOptionError, TrackerOptions,
};
pub use self::random::random_angle;
pub use self::record::{
    Bias, CouplingRecord, Drift, Energies, FrameRecord, GapRecord, GroupsRecord, Leakage, PerModality,
    RecallRecord, Record, Retrieval, RetrievalChanceRecord, Rotation, Span, WindowRecord,
};
pub use self::rows::{RowBlocks, Source};
pub use self::side_record::{GradientShape, Isotropic, Quantiles, USide, VSide};
pub use self::step::TrackStep;

use self::gradients::GradientParts;
use self::motion::{cosine, drift, projected, rotation};
use self::probe::{Probe, mean_direction};
use self::retrieval::Sample;
use self::shape::{ChanceLevels, u_side, v_side};
use self::window::Window;
use crate::decomposition::{Blocks, Decomposition};
use crate::{EigenError, Frame, FrameSize};

/// Follows a training run.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracker {
    options: TrackerOptions,
    last: Option<u64>,
    frozen: Option<Frozen>,
    /// β and γ of the step recorded before.
    previous: Option<[Vec<f64>; 2]>,
    window: Option<Window>,
    /// Drawn again when the number of pairs, the rank or what pairs of an item have in common changes; follows from the seed.
    chance: Option<ChanceLevels>,
    /// Which probe pairs share an item.
    groups: Option<Arc<PairGroups>>,
}

/// What stays from t0 on.
#[derive(Debug, Clone, PartialEq)]
struct Frozen {
    step: u64,
    frame: Arc<Frame>,
    /// β(t0) and γ(t0).
    biases: [Vec<f64>; 2],
}

impl Tracker {
    /// A tracker that has seen no step.
    pub fn new(options: TrackerOptions) -> Result<Self, TrackerOptionError> {
        options.check()?;
        Ok(Self {
            options,
            last: None,
            frozen: None,
            previous: None,
            window: None,
            chance: None,
            groups: None,
        })
    }

    /// The same tracker, whose probe pairs share items. They are the same at every step, so a run that has recorded one keeps
    /// its own.
    pub fn grouped(&self, groups: Option<PairGroups>) -> Result<Self, TrackerOptionError> {
        if self.last.is_some() && self.groups.as_deref() != groups.as_ref() {
            let text = "the ids of the probe pairs differ from those of the steps before";
            return Err(TrackerOptionError::of(text));
        }
        Ok(Self {
            groups: groups.map(Arc::new),
            ..self.clone()
        })
    }

    /// Which probe pairs share an item; `None` when each has its own.
    pub fn groups(&self) -> Option<&PairGroups> {
        self.groups.as_deref()
    }

    /// Its options.
    pub fn options(&self) -> &TrackerOptions {
        &self.options
    }

    /// The last step recorded.
    pub fn last_step(&self) -> Option<u64> {
        self.last
    }

    /// The frame that stays, once it does.
    pub fn frozen_frame(&self) -> Option<&Frame> {
        self.frozen.as_ref().map(|frozen| &*frozen.frame)
    }

    /// Records a step in passes over its rows; works on the threads of the current rayon pool, whose number does not
    /// change the result.
    ///
    /// # References
    /// arXiv 2602.07026, sections 3 and 4 and appendices B and C.
    pub fn push<E>(&mut self, step: TrackStep<'_, E>) -> Result<Record, TrackError<E>> {
        self.check(&step)?;
        let TrackStep {
            step: at,
            probe: [image, text],
            gradients,
            batch,
        } = step;
        let options = &self.options;
        let sample = Sample::of(
            image.rows(),
            image.dim(),
            options.retrieval_pairs(),
            options.seed(),
            self.groups().map(PairGroups::keys),
        );
        let probe = Probe::of(&mut *image, &mut *text, sample, self.groups())?;
        let own = Arc::new(self.frame_of(&probe)?);
        let frame = self.frozen.as_ref().map_or(&own, |frozen| &frozen.frame);
        let direction = mean_direction(image, text, frame, self.groups())?;
        let gradients = GradientParts::of(gradients, batch, frame)?;
        let residuals = self.residuals(&probe, frame).map_err(TrackError::Numeric)?;

        let biases = [frame.u(), frame.v()].map(|basis| projected(&probe.mean, basis));
        let frozen = self.frozen.clone().or_else(|| {
            (at >= options.freeze_at).then(|| Frozen {
                step: at,
                frame: Arc::clone(frame),
                biases: biases.clone(),
            })
        });
        let rotation = frozen
            .as_ref()
            .map(|_| rotation(&own, frame))
            .transpose()
            .map_err(TrackError::Numeric)?;
        let (window, window_record) = self
            .windowed(at, frozen.as_ref(), &probe, &residuals, &gradients)
            .map_err(TrackError::Numeric)?;
        let bias = |k: usize| Bias {
            drift: frozen.as_ref().map(|frozen| drift(&biases[k], &frozen.biases[k])),
            step_cosine: self
                .previous
                .as_ref()
                .map(|before| cosine(&biases[k], &before[k])),
        };
        let Residuals {
            blocks,
            parts,
            chance,
            ..
        } = &residuals;
        let top = options.top_eigen();
        let record = Record {
            step: at,
            dim: frame.dim(),
            pairs: probe.pairs(),
            groups: self.groups().map(|groups| GroupsRecord {
                by: groups.by(),
                items: groups.count(),
            }),
            frame: FrameRecord {
                rank: frame.rank(),
                energy: frame.energy(),
                frozen: frozen.is_some(),
                step: frozen.as_ref().map_or(at, |frozen| frozen.step),
            },
            gap: probe.gap(),
            trace: probe.trace(),
            decomposition: Energies::from(parts),
            leakage: gradients.leakage(frame, rotation.as_ref(), parts.coupling.norm),
            rotation,
            coupling: CouplingRecord::from(&parts.coupling),
            active: bias(0),
            passive: bias(1),
            u: u_side(blocks, parts, gradients.block.as_ref(), chance, top),
            v: v_side(parts, chance, Some(direction)),
            retrieval: probe.sample.retrieval(),
            phantom_drift: probe.phantom_drift(),
            span: gradients.span,
            window: window_record,
        };
        self.last = Some(at);
        self.frozen = frozen;
        self.previous = Some(biases);
        self.window = window;
        self.chance = Some(residuals.chance);
        Ok(record)
    }

    /// The frame of these pairs: at the frozen frame's rank, or as large as the options say.
    fn frame_of<E>(&self, probe: &Probe) -> Result<Frame, TrackError<E>> {
        let [x, y] = &probe.covariances;
        if x.trace() + y.trace() <= 0.0 {
            return Err(TrackError::NoSpread);
        }
        let size = match &self.frozen {
            Some(frozen) => FrameSize::Rank(frozen.frame.rank()),
            None => self.options.size(),
        };
        Frame::of(x, y, size).map_err(TrackError::Numeric)
    }

    fn residuals(&self, probe: &Probe, frame: &Frame) -> Result<Residuals, EigenError> {
        let pairs = probe.pairs();
        let sharing = probe.sharing(self.groups(), frame);
        let chance = match &self.chance {
            Some(chance) if chance.serves(pairs, sharing.as_ref(), frame) => chance.clone(),
            _ => ChanceLevels::of(pairs, sharing, frame, self.options.seed())?,
        };
        let sigma = probe.differences.matrix();
        let blocks = Blocks::of(sigma.as_ref(), frame)?;
        let parts = blocks.decompose(&probe.mean, frame, self.options.lambda(), probe.storage_floor)?;
        Ok(Residuals {
            sigma,
            blocks,
            parts,
            chance,
        })
    }

    /// The window with this step in it, or what it holds when this step completes it.
    fn windowed(
        &self,
        at: u64,
        frozen: Option<&Frozen>,
        probe: &Probe,
        residuals: &Residuals,
        gradients: &GradientParts,
    ) -> Result<(Option<Window>, Option<WindowRecord>), EigenError> {
        let Some(Frozen { frame, .. }) = frozen else {
            return Ok((None, None));
        };
        let open = self.window.clone();
        let mut window = open.unwrap_or_else(|| Window::starting(at, frame.dim()));
        window.add(
            &residuals.sigma,
            &probe.mean,
            probe.storage_floor,
            gradients.sum.as_ref(),
        );
        if window.steps < self.options.window() {
            return Ok((Some(window), None));
        }
        let record = window.record(frame, &residuals.chance, &self.options)?;
        Ok((None, Some(record)))
    }
}

/// Σ of Δ, and its parts in the frame.
struct Residuals {
    sigma: Mat<f64>,
    blocks: Blocks,
    parts: Decomposition,
    chance: ChanceLevels,
}
