//! Jobs as they come over the border: a JSON object, sources, and perhaps an aligner.

use std::path::PathBuf;

use modality_gap_geometry::{Aligner, FitOptions, Frame, Method};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::groups::with_partners;
use crate::moments::WorkFolder;
use crate::outputs::{OutputOptions, dtype_named, format_named};
use crate::shard_task::{TaskSpec, load_frame, run_task};
use crate::{
    Control, ExplainOptions, FitJob, MeasureJob, MeasurePart, RowSet, Sample, Split, TaskError, align_job,
    convert_job, fit_job, inspect_job, measure_job, transform_job,
};

/// A job to run. Options of a fit stand beside the others.
#[derive(Debug, Clone)]
pub struct Job {
    kind: Kind,
    options: JobOptions,
    fit: FitOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Fit,
    Align,
    Transform,
    Measure,
    Convert,
    Inspect,
    Task,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
struct JobOptions {
    threads: Option<usize>,
    out: Option<PathBuf>,
    dtype: Option<String>,
    format: Option<String>,
    sync: Option<bool>,
    resume: bool,
    overwrite: bool,
    work: Option<PathBuf>,
    verify: Option<bool>,
    holdout: Option<f64>,
    seed: Option<u64>,
    subset: Option<f64>,
    subset_seed: Option<u64>,
    paired: bool,
    side: Option<String>,
    bad_rows: Option<usize>,
    spec: Option<TaskSpec>,
    energy: Option<f64>,
    rank: Option<usize>,
    alpha_ranks: Option<usize>,
    lambda: Option<f64>,
    parts: Option<Vec<MeasurePart>>,
    exact: bool,
    figures: bool,
    outcomes: bool,
    covariance_rows: Option<u64>,
    judged: bool,
    frame: Option<PathBuf>,
    save_frame: Option<PathBuf>,
}

impl JobOptions {
    fn frame(&self) -> Result<Option<Frame>, TaskError> {
        self.frame.as_deref().map(load_frame).transpose()
    }
}

/// Keys of [`JobOptions`]; the others belong to the fit.
const JOB_KEYS: [&str; 29] = [
    "threads",
    "out",
    "dtype",
    "format",
    "sync",
    "resume",
    "overwrite",
    "work",
    "verify",
    "holdout",
    "seed",
    "subset",
    "subsetSeed",
    "paired",
    "side",
    "badRows",
    "spec",
    "energy",
    "rank",
    "alphaRanks",
    "lambda",
    "parts",
    "exact",
    "figures",
    "outcomes",
    "covarianceRows",
    "judged",
    "frame",
    "saveFrame",
];

/// What a job gives.
#[derive(Debug, Clone)]
pub struct JobResult {
    /// The report, by the names of the JSON results.
    pub report: Value,
    /// The aligner of a fit.
    pub aligner: Option<Aligner>,
}

impl Job {
    /// Reads a job; an unknown or wrong option is named.
    pub fn parse(value: Value) -> Result<Self, TaskError> {
        let bad = |error: serde_json::Error| TaskError::BadOption(error.to_string());
        let Value::Object(mut all) = value else {
            return Err(TaskError::BadOption("a job is an object".to_owned()));
        };
        // an option that is undefined on the other side is one that was not given
        all.retain(|_, value| !value.is_null());
        let kind = serde_json::from_value(all.remove("kind").unwrap_or_default()).map_err(bad)?;
        let mine: Map<String, Value> = JOB_KEYS
            .iter()
            .filter_map(|key| all.remove(*key).map(|value| ((*key).to_owned(), value)))
            .collect();
        let options = serde_json::from_value(Value::Object(mine)).map_err(bad)?;
        let fit = serde_json::from_value(Value::Object(all)).map_err(bad)?;
        Ok(Self { kind, options, fit })
    }

    /// Threads asked for; 0 means one per core.
    pub fn threads(&self) -> usize {
        self.options.threads.unwrap_or(0)
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
    let options = &job.options;
    let sources = &with_partners(sources, options.paired)[..];
    let report_only = |report| JobResult {
        report,
        aligner: None,
    };
    let with_aligner = |(aligner, report)| JobResult {
        report,
        aligner: Some(aligner),
    };
    match (job.kind, sources) {
        (Kind::Fit, [target, source]) => fit_job(target, source, &job.fit_job()?, control).map(with_aligner),
        (Kind::Align, [target, source]) => {
            align_job(target, source, &job.fit_job()?, &job.output()?, control).map(with_aligner)
        }
        (Kind::Transform, [input]) => {
            let aligner =
                aligner.ok_or_else(|| TaskError::BadOption("transform needs an aligner".to_owned()))?;
            let target_side = options.side.as_deref() == Some("target");
            transform_job(input, aligner, target_side, &job.output()?, control).map(report_only)
        }
        (Kind::Measure, [image, text]) => {
            let measure = MeasureJob {
                paired: options.paired,
                split: Split::new(options.holdout, options.seed)?,
                seed: options.seed.unwrap_or(0),
                explain: ExplainOptions {
                    energy: options.energy,
                    rank: options.rank,
                    alpha_ranks: options.alpha_ranks,
                    lambda: options.lambda,
                    frame: options.frame()?,
                    save_frame: options.save_frame.clone(),
                },
                parts: options.parts.clone(),
                exact: options.exact,
                figures: options.figures,
                outcomes: options.outcomes,
                covariance_rows: options.covariance_rows,
                judged: options.judged,
            };
            measure_job(image, text, &measure, aligner, control).map(report_only)
        }
        (Kind::Convert, [input]) => convert_job(input, &job.output()?, control).map(report_only),
        (Kind::Inspect, [input]) => inspect_job(input, options.bad_rows, control).map(report_only),
        (Kind::Task, []) => {
            let spec = options.spec.as_ref();
            let spec = spec.ok_or_else(|| TaskError::BadOption("a task needs its spec".to_owned()))?;
            run_task(spec, control).map(report_only)
        }
        (kind, _) => Err(TaskError::BadOption(format!(
            "{kind:?} cannot work on {} sources",
            sources.len()
        ))),
    }
}

impl Job {
    fn fit_job(&self) -> Result<FitJob, TaskError> {
        let options = &self.options;
        let work = options.work.clone().map(|path| WorkFolder {
            path,
            resume: options.resume,
        });
        // one seed for all that is left to chance, unless the noise has its own
        let seed_of_noise = options.seed.filter(|_| self.fit.method == Method::C3);
        Ok(FitJob {
            options: FitOptions {
                noise_seed: self.fit.noise_seed.or(seed_of_noise),
                energy: options.energy,
                rank: options.rank,
                ..self.fit.clone()
            },
            split: Split::new(options.holdout, options.seed)?,
            subset: Sample::new(options.subset, options.subset_seed)?,
            paired: options.paired,
            frame: options.frame()?,
            work,
            verify: options.verify,
        })
    }

    fn output(&self) -> Result<OutputOptions, TaskError> {
        let options = &self.options;
        let out = options
            .out
            .clone()
            .ok_or_else(|| TaskError::BadOption("`out` says where to write".to_owned()))?;
        Ok(OutputOptions {
            out,
            dtype: options.dtype.as_deref().map(dtype_named).transpose()?,
            format: options.format.as_deref().map(format_named).transpose()?,
            sync: options.sync,
            resume: options.resume,
            overwrite: options.overwrite,
        })
    }
}
