//! Fitting an aligner on shards, and aligning in one go.

use std::collections::BTreeSet;
use std::path::PathBuf;

use modality_gap_geometry::{
    Aligner, FitOptions, Frame, GapOfFit, Map, Method, Moments, Policy, distance, fit,
};
use serde_json::{Value, json};

use crate::fit_passes::FitPasses;
use crate::moments::{Counted, WorkFolder, count};
use crate::outputs::{OutputOptions, Traces, carry_metadata, work_folder};
use crate::pairing::check_pairs;
use crate::receipt::write_file;
use crate::transform::{MapJob, write_mapped};
use crate::{Control, Part, RowSet, Sample, Selection, Split, TaskError, report};

/// Rows held out, and where finished shards are kept.
#[derive(Debug, Clone, Default)]
pub struct FitJob {
    /// Strategy and options.
    pub options: FitOptions,
    /// Rows the fit does not see.
    pub split: Split,
    /// What the fit sees of the others.
    pub subset: Sample,
    /// Whether row i of one side belongs to row i of the other; a dropped row then drops its partner.
    pub paired: bool,
    /// The frame that a strategy works in, instead of one made of these rows.
    pub frame: Option<Frame>,
    /// Where the states of finished shards are kept.
    pub work: Option<WorkFolder>,
    /// Whether one more pass measures the gap of the result; yes by default.
    pub verify: Option<bool>,
}

/// A fitted aligner with what the passes have counted.
pub(crate) struct Fitted {
    pub aligner: Aligner,
    pub target: Counted,
    pub source: Counted,
    /// Mean of the source after anchor, trace and sphere, before the centroid step.
    projected: Option<Moments>,
    /// Rows left out on both sides, because one of a pair was.
    exclude: Vec<u64>,
}

impl Fitted {
    fn selection(&self, job: &FitJob) -> Selection<'_> {
        Selection {
            split: job.split,
            subset: job.subset,
            exclude: &self.exclude,
        }
    }
}

/// Fits an aligner; the report names what the rows were and how well it does.
pub fn fit_job(
    target: &RowSet,
    source: &RowSet,
    job: &FitJob,
    control: &Control,
) -> Result<(Aligner, Value), TaskError> {
    let mut fitted = run_fit(target, source, job, control)?;
    if job.verify.unwrap_or(true) {
        let map = fitted.aligner.map().clone();
        let selection = fitted.selection(job);
        let results = count(source, &map, selection, control, "verify", job.work.as_ref())?;
        let target_after = after_of_target(target, &fitted, job, control)?;
        note_gaps(&mut fitted, &[results.fit, results.held], &target_after);
    }
    let seconds = json!({ "fit": control.seconds() });
    let report = report_of(&fitted, job, &[], None, &seconds);
    Ok((fitted.aligner, report))
}

/// Fits, then writes the aligned source (and the target, where the strategy moves it) under `output.out`.
pub fn align_job(
    target: &RowSet,
    source: &RowSet,
    job: &FitJob,
    output: &OutputOptions,
    control: &Control,
) -> Result<(Aligner, Value), TaskError> {
    let traces = Traces::before(output);
    let job = FitJob {
        work: work_folder(output),
        ..job.clone()
    };
    let mut fitted = run_fit(target, source, &job, control).inspect_err(|error| traces.sweep(error))?;
    let fit_seconds = control.seconds();
    let both = fitted.aligner.target_map().cloned();
    let map = fitted.aligner.map().clone();
    // where both sides are written, both lack the rows of a pair of which one is bad
    let exclude: &[u64] = if both.is_some() { &fitted.exclude } else { &[] };
    let side = |source: &RowSet, map: &Map, counted: &Counted, name: &str, apart: bool| {
        let map_job = MapJob {
            source,
            map,
            dropped: with_partners(source, &counted.dropped, exclude),
            options: output,
            selection: Selection {
                split: job.split,
                exclude,
                ..Selection::ALL
            },
            folder: apart.then_some(name),
            receipts: true,
        };
        write_mapped(&map_job, control, &format!("transform {name}"))
    };
    let (target_name, source_name) = (
        fitted.aligner.info().target.name.clone(),
        fitted.aligner.info().source.name.clone(),
    );
    let written = side(source, &map, &fitted.source, &source_name, both.is_some())?;
    let mut outputs = written.outputs.clone();
    let mut sync_seconds = written.sync_seconds;
    let mut stored_target = fitted.target.fit.mean().to_vec();
    let target_after = match &both {
        None => [fitted.target.fit.clone(), fitted.target.held.clone()],
        Some(map) => {
            let moved = side(target, map, &fitted.target, &target_name, true)?;
            outputs.extend(moved.outputs);
            sync_seconds += moved.sync_seconds;
            stored_target = moved.stored.mean().to_vec();
            moved.results
        }
    };
    let dropped = with_partners(source, &fitted.source.dropped, exclude);
    outputs.extend(carry_metadata(source, &output.out, &dropped)?);
    note_gaps(&mut fitted, &written.results, &target_after);
    let aligner_file = aligner_path(output);
    write_file(
        &aligner_file,
        &fitted.aligner.to_bytes(),
        output.sync.unwrap_or(true),
    )?;
    outputs.push(aligner_file);
    let stored = distance(&stored_target, written.stored.mean());
    let seconds = json!({
        "fit": fit_seconds,
        "transform": control.seconds() - fit_seconds - sync_seconds,
        "sync": sync_seconds,
    });
    let report = report_of(&fitted, &job, &outputs, Some(stored), &seconds);
    Ok((fitted.aligner, report))
}

fn aligner_path(output: &OutputOptions) -> PathBuf {
    if modality_gap_shards::Format::from_path(&output.out).is_some() && !output.out.is_dir() {
        output.out.with_extension("aligner.safetensors")
    } else {
        output.out.join("aligner.safetensors")
    }
}

fn run_fit(target: &RowSet, source: &RowSet, job: &FitJob, control: &Control) -> Result<Fitted, TaskError> {
    report::check_names(target, source)?;
    job.options.check::<TaskError>()?;
    let identity = Map::identity(target.dim, Policy::Unit);
    let name = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
    let (target_name, source_name) = (
        name(&job.options.target_name, "image"),
        name(&job.options.source_name, "text"),
    );
    if job.paired {
        check_pairs(target, source)?;
    }
    if job.options.method == Method::Procrustes && !job.paired {
        return Err(TaskError::BadOption(
            "procrustes turns pairs onto each other; say that row i of one side belongs to row i of the other (paired)".to_owned(),
        ));
    }
    let both = |exclude: &[u64]| -> Result<[Counted; 2], TaskError> {
        let selection = Selection {
            split: job.split,
            subset: job.subset,
            exclude,
        };
        let moments = |rows: &RowSet, name: &str| {
            let stage = format!("moments {name}");
            count(rows, &identity, selection, control, &stage, job.work.as_ref())
        };
        Ok([moments(target, &target_name)?, moments(source, &source_name)?])
    };
    let mut counted = both(&[])?;
    let mut exclude = Vec::new();
    if job.paired {
        exclude = dropped_rows([target, source], &counted);
        if !exclude.is_empty() {
            counted = both(&exclude)?;
        }
    }
    let mut passes = FitPasses {
        target,
        source,
        selection: Selection {
            split: job.split,
            subset: job.subset,
            exclude: &exclude,
        },
        work: job.work.as_ref(),
        control,
        projected: None,
    };
    let [target, source] = counted;
    let aligner = fit(
        &target.fit,
        &source.fit,
        &job.options,
        job.frame.as_ref(),
        &mut passes,
    )
    .map_err(TaskError::from)?;
    let projected = passes.projected;
    Ok(Fitted {
        aligner,
        target,
        source,
        projected,
        exclude,
    })
}

/// The rows of each shard that are left out: the dropped ones, and those excluded by their index in the whole source.
fn with_partners(source: &RowSet, dropped: &[Vec<u64>], exclude: &[u64]) -> Vec<Vec<u64>> {
    let all = |(start, (part, dropped)): (u64, (&Part, &Vec<u64>))| {
        let from = exclude.partition_point(|&row| row < start);
        let to = exclude.partition_point(|&row| row < start + part.rows());
        let partners = exclude[from..to].iter().map(|row| row - start);
        let both: BTreeSet<u64> = dropped.iter().copied().chain(partners).collect();
        both.into_iter().collect()
    };
    let shards = source.parts.iter().zip(dropped);
    source.starts().into_iter().zip(shards).map(all).collect()
}

/// Rows dropped from either of two paired sources, by their index in the whole source.
pub(crate) fn dropped_rows(sources: [&RowSet; 2], counted: &[Counted; 2]) -> Vec<u64> {
    let mut rows: Vec<u64> = sources
        .iter()
        .zip(counted)
        .flat_map(|(source, counted)| {
            let per_shard = counted.dropped.iter().zip(source.starts());
            per_shard.flat_map(|(rows, start)| rows.iter().map(move |row| start + row))
        })
        .collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Moments of the target after alignment: its own rows unless the strategy moves them.
fn after_of_target(
    target: &RowSet,
    fitted: &Fitted,
    job: &FitJob,
    control: &Control,
) -> Result<[Moments; 2], TaskError> {
    match fitted.aligner.target_map() {
        None => Ok([fitted.target.fit.clone(), fitted.target.held.clone()]),
        Some(map) => {
            let selection = fitted.selection(job);
            let counted = count(
                target,
                map,
                selection,
                control,
                "verify target",
                job.work.as_ref(),
            )?;
            Ok([counted.fit, counted.held])
        }
    }
}

fn note_gaps(fitted: &mut Fitted, results: &[Moments; 2], target_after: &[Moments; 2]) {
    let after = distance(target_after[0].mean(), results[0].mean());
    let (target, source) = (&fitted.target, &fitted.source);
    let held = (target.held.rows() > 0 && source.held.rows() > 0).then(|| {
        let per_row = |moments: &Moments| moments.trace() / moments.rows() as f64;
        let scale = fitted.aligner.info().scale;
        // held-out rows add their own noise to that of the fit
        let of_fit = per_row(&target.fit) + scale * scale * per_row(&source.fit);
        GapOfFit {
            before: distance(target.held.mean(), source.held.mean()),
            after: Some(distance(target_after[1].mean(), results[1].mean())),
            floor: (per_row(&target_after[1]) + per_row(&results[1]) + of_fit).sqrt(),
            held: None,
        }
    });
    fitted.aligner.set_gap(Some(after), held);
}

fn report_of(
    fitted: &Fitted,
    job: &FitJob,
    outputs: &[PathBuf],
    stored: Option<f64>,
    seconds: &Value,
) -> Value {
    let Fitted {
        aligner,
        target,
        source,
        projected,
        ..
    } = fitted;
    let info = aligner.info();
    let by_name = |target: Value, source: Value| report::by_name(aligner, target, source);
    // of a pair both count as dropped
    let dropped = |counted: &Counted| json!(counted.dropped_rows().max(fitted.exclude.len() as u64));
    let rows = |counted: &Counted| json!(counted.fit.rows() + counted.held.rows());
    let mut value = json!({
        "dim": info.dim,
        "rows": by_name(rows(target), rows(source)),
        "dropped": by_name(dropped(target), dropped(source)),
        "norms": by_name(report::lengths(&target.fit), report::lengths(&source.fit)),
        "trace": by_name(json!(info.target.trace), json!(info.source.trace)),
        "scale": info.scale,
        "iterations": info.iterations,
        "gap": report::gap(&info.gap, stored),
        "options": info.options,
        "outputs": outputs,
        "seconds": seconds,
    });
    if job.split.splits() {
        value["holdout"] = json!(job.split);
    }
    if let Some(projected) = projected {
        let mu = aligner.target_mean();
        let length = distance(mu, &vec![0.0; mu.len()]);
        let direction: Vec<f64> = mu.iter().map(|m| m / length).collect();
        value["phantomDrift"] = json!({
            "measured": distance(projected.mean(), &direction),
            "toTarget": distance(projected.mean(), mu),
        });
    }
    if let Some(bytes) = report::peak_memory() {
        value["peakMemoryBytes"] = json!(bytes);
    }
    value
}
