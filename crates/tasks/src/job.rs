//! Jobs as they come over the border: a JSON object, sources, and perhaps an aligner.

use std::path::{Path, PathBuf};

use modality_gap_geometry::{Aligner, FitOptions, Frame, Method};
use serde::Deserialize;
use serde_json::Value;
use ts_rs::TS;

use crate::bad_rows::{Searched, with_all_bad_rows};
use crate::groups::with_partners;
use crate::inspect::{InspectJob, InspectReport};
use crate::outputs::{OutputOptions, dtype_named, format_named};
use crate::pass::{CollectReport, collect};
use crate::receipt::WorkFolder;
use crate::report::{ConvertReport, FitReport, TransformReport};
use crate::rowset::absolute;
use crate::shard_task::{TaskReceipt, TaskSpec, load_frame, passed_shards, run_task};
use crate::{
    Control, ExplainOptions, FitJob, MeasureJob, MeasurePart, MeasureReport, RowSet, Sample, Split,
    TaskError, align_job, convert_job, fit_job, inspect_job, measure_job, transform_job,
};

/// A job to run; a key that its kind does not have is refused.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Job {
    /// Fits an aligner on `[target, source]`.
    Fit(#[ts(type = "FitSpec & Given<FittedOptions>")] FitSpec),
    /// Fits on `[target, source]` and writes the source moved.
    Align(#[ts(type = "AlignSpec & Given<FittedOptions>")] AlignSpec),
    /// Moves `[input]` by an aligner.
    Transform(TransformSpec),
    /// Measures the gap between `[image, text]`.
    Measure(MeasureSpec),
    /// Writes `[input]` in another format or storage type.
    Convert(ConvertSpec),
    /// Looks at `[input]`.
    Inspect(InspectSpec),
    /// Runs one shard task.
    Task(ShardTask),
    /// Looks at the receipts of a pass.
    Collect(CollectSpec),
}

/// The report of each kind of job.
#[derive(Debug, TS)]
pub struct Reports {
    /// What a fit found.
    pub fit: FitReport,
    /// The same, with the files written.
    pub align: FitReport,
    /// What a transformation found.
    pub transform: TransformReport,
    /// What a measurement found.
    #[ts(type = "GapResult & Partial<Causes>")]
    pub measure: MeasureReport,
    /// What a conversion wrote.
    pub convert: ConvertReport,
    /// What a source holds.
    pub inspect: InspectReport,
    /// The receipt of a shard task.
    pub task: TaskReceipt,
    /// The state of a pass.
    pub collect: CollectReport,
}

/// Which rows a fit takes.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(default, rename_all = "camelCase")]
#[ts(optional_fields)]
struct FittedRows {
    verify: Option<bool>,
    holdout: Option<f64>,
    seed: Option<u64>,
    subset: Option<f64>,
    subset_seed: Option<u64>,
    #[ts(as = "Option<_>", optional)]
    paired: bool,
    frame: Option<PathBuf>,
}

/// What is written, and how.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
struct Written {
    out: PathBuf,
    #[ts(type = "'f16' | 'bf16' | 'f32' | 'f64'", optional)]
    dtype: Option<String>,
    #[ts(type = "ReadFormat", optional)]
    format: Option<String>,
    sync: Option<bool>,
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    overwrite: bool,
}

/// A fit; the options of the strategy stand beside these.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct FitSpec {
    threads: Option<usize>,
    /// Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    distributed: bool,
    work: Option<PathBuf>,
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    resume: bool,
    #[serde(flatten)]
    rows: FittedRows,
    #[serde(flatten)]
    #[ts(skip)]
    options: FitOptions,
}

/// A fit whose moved rows are written; the options of the strategy stand beside these.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct AlignSpec {
    threads: Option<usize>,
    /// Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    distributed: bool,
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    resume: bool,
    #[serde(flatten)]
    rows: FittedRows,
    #[serde(flatten)]
    output: Written,
    #[serde(flatten)]
    #[ts(skip)]
    options: FitOptions,
}

/// A transformation.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct TransformSpec {
    threads: Option<usize>,
    /// Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    distributed: bool,
    #[ts(type = "'source' | 'target'", optional)]
    side: Option<String>,
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    resume: bool,
    #[serde(flatten)]
    output: Written,
}

/// A measurement.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct MeasureSpec {
    threads: Option<usize>,
    /// Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
    #[ts(as = "Option<_>", optional)]
    distributed: bool,
    work: Option<PathBuf>,
    #[ts(as = "Option<_>", optional)]
    resume: bool,
    #[ts(as = "Option<_>", optional)]
    paired: bool,
    holdout: Option<f64>,
    seed: Option<u64>,
    energy: Option<f64>,
    rank: Option<usize>,
    alpha_ranks: Option<usize>,
    lambda: Option<f64>,
    frame: Option<PathBuf>,
    save_frame: Option<PathBuf>,
    /// Whether `saveFrame` may replace a file.
    #[ts(as = "Option<_>", optional)]
    overwrite: bool,
    #[ts(type = "readonly MeasurePart[]", optional)]
    parts: Option<Vec<MeasurePart>>,
    #[ts(as = "Option<_>", optional)]
    exact: bool,
    #[ts(as = "Option<_>", optional)]
    figures: bool,
    #[ts(as = "Option<_>", optional)]
    outcomes: bool,
    covariance_rows: Option<u64>,
    #[ts(as = "Option<_>", optional)]
    judged: bool,
}

/// A conversion.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct ConvertSpec {
    threads: Option<usize>,
    /// Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    distributed: bool,
    #[serde(default)]
    #[ts(as = "Option<_>", optional)]
    resume: bool,
    #[serde(flatten)]
    output: Written,
}

/// An inspection.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct InspectSpec {
    threads: Option<usize>,
    /// Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
    #[ts(as = "Option<_>", optional)]
    distributed: bool,
    work: Option<PathBuf>,
    #[ts(as = "Option<_>", optional)]
    resume: bool,
    bad_rows: Option<usize>,
}

/// A shard task.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ShardTask {
    spec: TaskSpec,
}

/// The state of a pass is asked for.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct CollectSpec {
    /// The manifest of the pass.
    manifest: PathBuf,
    /// Indices of the shards asked about. @defaultValue all
    #[ts(type = "readonly number[]", optional)]
    shards: Option<Vec<usize>>,
    /// What its tasks have printed, compared with their receipts.
    #[ts(type = "readonly TaskReceipt[]", optional)]
    results: Option<Vec<TaskReceipt>>,
}

/// What a job gives.
#[derive(Debug, Clone)]
pub struct JobResult {
    /// The report, by the names of the JSON results: that of [`Reports`] for the kind of the job.
    pub report: Value,
    /// The aligner of a fit.
    pub aligner: Option<Aligner>,
}

impl JobResult {
    fn of(report: impl serde::Serialize, aligner: Option<Aligner>) -> Self {
        Self {
            report: serde_json::to_value(report).expect("plain data"),
            aligner,
        }
    }
}

impl Job {
    /// Reads a job; an unknown or wrong option is named.
    pub fn parse(mut value: Value) -> Result<Self, TaskError> {
        if let Value::Object(all) = &mut value {
            // an option that is undefined on the other side is one that was not given
            all.retain(|_, value| !value.is_null());
        }
        serde_json::from_value(value).map_err(|error| TaskError::BadOption(error.to_string()))
    }

    /// Threads asked for; 0 means one per core.
    pub fn threads(&self) -> usize {
        let threads = match self {
            Self::Fit(FitSpec { threads, .. })
            | Self::Align(AlignSpec { threads, .. })
            | Self::Transform(TransformSpec { threads, .. })
            | Self::Measure(MeasureSpec { threads, .. })
            | Self::Convert(ConvertSpec { threads, .. })
            | Self::Inspect(InspectSpec { threads, .. }) => *threads,
            Self::Task(_) | Self::Collect(_) => None,
        };
        threads.unwrap_or(0)
    }

    /// Whether its passes over shards are worked on elsewhere.
    pub fn is_distributed(&self) -> bool {
        match self {
            Self::Fit(FitSpec { distributed, .. })
            | Self::Align(AlignSpec { distributed, .. })
            | Self::Transform(TransformSpec { distributed, .. })
            | Self::Measure(MeasureSpec { distributed, .. })
            | Self::Convert(ConvertSpec { distributed, .. })
            | Self::Inspect(InspectSpec { distributed, .. }) => *distributed,
            Self::Task(_) | Self::Collect(_) => false,
        }
    }

    fn paired(&self) -> bool {
        match self {
            Self::Fit(FitSpec { rows, .. }) | Self::Align(AlignSpec { rows, .. }) => rows.paired,
            Self::Measure(spec) => spec.paired,
            Self::Transform(_) | Self::Convert(_) | Self::Inspect(_) | Self::Task(_) | Self::Collect(_) => {
                false
            }
        }
    }
}

/// Runs `job`. Sources by job: fit and align `[target, source]`; transform, convert and inspect `[input]`; measure
/// `[image, text]`; task none.
pub fn run(
    job: &Job,
    sources: &[RowSet],
    aligner: Option<&Aligner>,
    control: &Control,
) -> Result<JobResult, TaskError> {
    let given = sources;
    let elsewhere: Vec<RowSet>;
    let sources = if control.is_distributed() {
        elsewhere = sources.iter().cloned().map(RowSet::absolute).collect();
        &elsewhere[..]
    } else {
        sources
    };
    run_on(job, sources, given, aligner, control)
        .or_else(|error| match error {
            TaskError::Pending(pending) => Ok(JobResult::of(serde_json::json!({ "pending": pending }), None)),
            error => Err(error),
        })
        .map_err(|error| control.cancel.or_cancelled(error))
        .map_err(|error| with_all_bad_rows(error, &Searched::strict(sources), control))
}

fn run_on(
    job: &Job,
    sources: &[RowSet],
    given: &[RowSet],
    aligner: Option<&Aligner>,
    control: &Control,
) -> Result<JobResult, TaskError> {
    let sources = &with_partners(sources, job.paired())[..];
    match (job, sources) {
        (Job::Fit(spec), [target, source]) => {
            let work = work("fit", spec.work.as_deref(), spec.resume, control)?;
            let job = spec.rows.job(&spec.options, work)?;
            let (aligner, report) = fit_job(target, source, &job, control)?;
            Ok(JobResult::of(report, Some(aligner)))
        }
        (Job::Align(spec), [target, source]) => {
            let job = spec.rows.job(&spec.options, None)?;
            let output = spec.output.options(spec.resume, control)?;
            let (aligner, report) = align_job(target, source, &job, &output, control)?;
            Ok(JobResult::of(report, Some(aligner)))
        }
        (Job::Transform(spec), [input]) => {
            let aligner =
                aligner.ok_or_else(|| TaskError::BadOption("transform needs an aligner".to_owned()))?;
            let target_side = spec.side.as_deref() == Some("target");
            let output = spec.output.options(spec.resume, control)?;
            let report = transform_job(input, aligner, target_side, &output, control)?;
            Ok(JobResult::of(report, None))
        }
        (Job::Measure(spec), [image, text]) => {
            let report = measure_job(image, text, &spec.job(control)?, aligner, control)?;
            Ok(JobResult::of(report, None))
        }
        (Job::Convert(spec), [input]) => {
            let output = spec.output.options(spec.resume, control)?;
            let report = convert_job(input, &output, control)?;
            Ok(JobResult::of(report, None))
        }
        (Job::Inspect(spec), [input]) => {
            let job = InspectJob {
                bad_rows: spec.bad_rows,
                work: work_elsewhere("inspection", spec.work.as_deref(), spec.resume, control)?,
            };
            let report = inspect_job(input, &job, control)?.naming(&given[0]);
            Ok(JobResult::of(report, None))
        }
        (Job::Task(task), []) => Ok(JobResult::of(run_task(&task.spec, control)?, None)),
        (Job::Collect(spec), []) => {
            let results = spec.results.as_deref();
            let reported = results
                .map(|results| passed_shards(&spec.manifest, results))
                .transpose()?;
            let shards = spec.shards.as_deref();
            let report = collect(&spec.manifest, shards, reported.as_deref(), control)?;
            Ok(JobResult::of(report, None))
        }
        (_, sources) => Err(TaskError::BadOption(format!(
            "a job of this kind cannot work on {} sources",
            sources.len()
        ))),
    }
}

impl FittedRows {
    fn job(&self, options: &FitOptions, work: Option<WorkFolder>) -> Result<FitJob, TaskError> {
        // one seed for all that is left to chance, unless the noise has its own
        let seed_of_noise = self.seed.filter(|_| options.method == Method::C3);
        Ok(FitJob {
            options: FitOptions {
                noise_seed: options.noise_seed.or(seed_of_noise),
                ..options.clone()
            },
            split: Split::new(self.holdout, self.seed)?,
            subset: Sample::new(self.subset, self.subset_seed)?,
            paired: self.paired,
            frame: frame(self.frame.as_deref())?,
            work,
            verify: self.verify,
        })
    }
}

impl MeasureSpec {
    fn job(&self, control: &Control) -> Result<MeasureJob, TaskError> {
        Ok(MeasureJob {
            work: work_elsewhere("measurement", self.work.as_deref(), self.resume, control)?,
            paired: self.paired,
            split: Split::new(self.holdout, self.seed)?,
            seed: self.seed.unwrap_or(0),
            explain: ExplainOptions {
                energy: self.energy,
                rank: self.rank,
                alpha_ranks: self.alpha_ranks,
                lambda: self.lambda,
                frame: frame(self.frame.as_deref())?,
                save_frame: self.save_frame.clone(),
                overwrite: self.overwrite,
            },
            parts: self.parts.clone(),
            exact: self.exact,
            figures: self.figures,
            outcomes: self.outcomes,
            covariance_rows: self.covariance_rows,
            judged: self.judged,
        })
    }
}

impl Written {
    fn options(&self, resume: bool, control: &Control) -> Result<OutputOptions, TaskError> {
        Ok(OutputOptions {
            out: placed(&self.out, control),
            dtype: self.dtype.as_deref().map(dtype_named).transpose()?,
            format: self.format.as_deref().map(format_named).transpose()?,
            sync: self.sync,
            resume,
            overwrite: self.overwrite,
        })
    }
}

/// Where a job of this kind keeps the states of its shards; where they are counted elsewhere, it has to.
fn work(
    kind: &str,
    path: Option<&Path>,
    resume: bool,
    control: &Control,
) -> Result<Option<WorkFolder>, TaskError> {
    if control.is_distributed() && path.is_none() {
        return Err(TaskError::BadOption(format!(
            "a distributed {kind} needs a folder for the states of its shards (work, --work DIR)"
        )));
    }
    Ok(path.map(|path| WorkFolder {
        path: placed(path, control),
        resume,
    }))
}

/// The same of a job that keeps states only where they are counted elsewhere.
fn work_elsewhere(
    kind: &str,
    path: Option<&Path>,
    resume: bool,
    control: &Control,
) -> Result<Option<WorkFolder>, TaskError> {
    if !control.is_distributed() && (path.is_some() || resume) {
        return Err(TaskError::BadOption(format!(
            "only a distributed {kind} keeps states of its shards; give `work` and `resume` with `on`"
        )));
    }
    work(kind, path, resume, control)
}

/// A path that other processes can use, where they work on the job.
fn placed(path: &Path, control: &Control) -> PathBuf {
    if control.is_distributed() {
        absolute(path)
    } else {
        path.to_path_buf()
    }
}

fn frame(path: Option<&Path>) -> Result<Option<Frame>, TaskError> {
    path.map(load_frame).transpose()
}
