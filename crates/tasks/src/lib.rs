//! Jobs over shards: the scan, shard tasks with receipts, fitting, transforming and measuring.

mod bad_rows;
mod carry;
mod causes;
mod claimed;
mod control;
mod convert;
mod covariance;
mod error;
mod explain;
mod fit;
mod fit_passes;
mod from_halves;
mod groups;
mod inspect;
mod job;
mod mapper;
mod measure;
mod moments;
mod outputs;
mod paired;
mod pairing;
mod pass;
mod pick;
mod receipt;
mod report;
mod row_hash;
mod rowset;
mod scan;
mod shard_task;
mod source_info;
mod spectra;
mod split;
mod states;
mod track;
mod transform;
mod transform_job;
mod walk;

pub use causes::{Causes, ImageText};
pub use claimed::claim_of;
pub use control::{CancelToken, Control, Progress};
pub use convert::convert_job;
pub use error::{Failure, RowAtFault, RowReason, TaskError};
pub use explain::ExplainOptions;
pub use fit::{FitJob, align_job, fit_job};
pub use inspect::{InspectJob, InspectReport, inspect_job};
pub use job::{Job, JobResult, Reports, run};
pub use measure::{MeasureJob, MeasureReport, Metrics, Part as MeasurePart, measure_job};
pub use modality_gap_shards::Format as ReadFormat;
pub use moments::{Counted, count};
pub use outputs::OutputOptions;
pub use pass::{
    CollectReport, CovarianceQuarters, CovarianceRows, MANIFEST_VERSION, Manifest, ManifestOutput,
    ManifestShard, PassKind, PassedShard, PendingPass, Refused,
};
pub use pick::Picker;
pub use receipt::{Input, Receipt, WorkFolder};
pub use report::{ConvertReport, FitReport, TransformReport};
pub use rowset::{OnBadRow, Part, Place, ReadOptions, RowSet};
pub use scan::BLOCK_ROWS;
pub use shard_task::{TaskReceipt, TaskSpec, load_aligner, run_task, save_aligner};
pub use source_info::{EmbeddingsInfo, OpenSpec, ShardInfo};
pub use split::{Sample, Selection, Split};
pub use track::{
    StepRows, StepSpec, TrackerInfo, load_tracker, new_tracker, save_frame, save_tracker, track_step,
    tracker_from_bytes,
};
pub use transform_job::transform_job;
