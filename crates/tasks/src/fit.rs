//! Fitting an aligner on shards, and aligning in one go.

use std::collections::BTreeSet;
use std::path::PathBuf;

use modality_gap_geometry::{
    Aligner, FitOptions, Frame, Map, Moments, Policy, RowSketch, distance, drift_of_mean, fit,
};

use crate::carry::{NotCarried, carry_metadata, if_any, metadata_targets, not_carried};
use crate::claimed::Claimed;
use crate::fit_passes::FitPasses;
use crate::groups::{Grouping, Known, Members, Pairing, dropped_rows};
use crate::measure::held_floor;
use crate::moments::{Counted, count, count_hashed};
use crate::outputs::{OutputOptions, targets, work_folder};
use crate::receipt::WorkFolder;
use crate::receipt::{Writing, hash_bytes, write_result};
use crate::report::{Drift, FitReport, Gap, Norms, Seconds};
use crate::row_hash::UNUSABLE;
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
    /// Target and source with the groups of their rows.
    rows: [RowSet; 2],
    /// Rows left out of target and source: those of pairs whose partner was dropped, and those that repeat an item.
    exclude: [Vec<u64>; 2],
    pairing: Pairing,
    known: Option<Known>,
}

impl Fitted {
    fn selection(&self, side: usize, job: &FitJob) -> Selection<'_> {
        selection(job, &self.exclude[side])
    }

    /// Gaps of the result, from a pass over each side that moves.
    fn verified(&mut self, job: &FitJob, control: &Control) -> Result<(), TaskError> {
        let map = self.aligner.map().clone();
        let selected = self.selection(1, job);
        let results = count(
            &self.rows[1],
            &map,
            selected,
            control,
            "verify",
            job.work.as_ref(),
        )?;
        let target = match self.aligner.target_map() {
            None => [self.target.fit.clone(), self.target.held.clone()],
            Some(map) => {
                let selected = self.selection(0, job);
                let stage = "verify target";
                let counted = count(&self.rows[0], map, selected, control, stage, job.work.as_ref())?;
                [counted.fit, counted.held]
            }
        };
        note_gaps(self, &[results.fit, results.held], &target, job, control)
    }
}

/// Fits an aligner; the report names what the rows were and how well it does.
pub fn fit_job(
    target: &RowSet,
    source: &RowSet,
    job: &FitJob,
    control: &Control,
) -> Result<(Aligner, FitReport), TaskError> {
    let mut fitted = run_fit(target, source, job, control)?;
    if job.verify.unwrap_or(true) {
        fitted.verified(job, control)?;
    }
    let seconds = Seconds {
        fit: Some(control.seconds()),
        ..Seconds::default()
    };
    let report = report_of(&fitted, job, Vec::new(), None, seconds);
    Ok((fitted.aligner, report))
}

/// Fits, then writes the aligned source (and the target, where the strategy moves it) under `output.out`.
pub fn align_job(
    target: &RowSet,
    source: &RowSet,
    job: &FitJob,
    output: &OutputOptions,
    control: &Control,
) -> Result<(Aligner, FitReport), TaskError> {
    let mut claimed = claim(target, source, job, output)?;
    let losses = losses(target, source, job, output)?;
    let job = FitJob {
        work: work_folder(output),
        ..job.clone()
    };
    let mut fitted = run_fit(target, source, &job, control).inspect_err(|error| claimed.sweep(error))?;
    claimed.begin()?;
    let [target, source] = fitted.rows.clone();
    let (target, source) = (&target, &source);
    let fit_seconds = control.seconds();
    let both = fitted.aligner.target_map().cloned();
    let map = fitted.aligner.map().clone();
    // where both sides are written, both lack the rows of a pair of which one is bad
    let exclude = match fitted.pairing {
        Pairing::Index if both.is_some() => fitted.exclude[1].clone(),
        _ => Vec::new(),
    };
    let exclude = &exclude[..];
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
    if fitted.exclude.iter().all(Vec::is_empty) || !exclude.is_empty() {
        note_gaps(&mut fitted, &written.results, &target_after, &job, control)?;
    } else {
        // what was written holds rows that the statistics leave out
        fitted.verified(&job, control)?;
    }
    let aligner_file = aligner_path(output);
    write_result(
        &aligner_file,
        &fitted.aligner.to_bytes(),
        Writing {
            sync: output.sync.unwrap_or(true),
            replace: true,
        },
    )?;
    outputs.push(aligner_file);
    claimed.finish()?;
    let stored = distance(&stored_target, written.stored.mean());
    let seconds = Seconds {
        fit: Some(fit_seconds),
        transform: Some(control.seconds() - fit_seconds - sync_seconds),
        sync: Some(sync_seconds),
        ..Seconds::default()
    };
    let report = FitReport {
        not_carried: if_any(losses),
        ..report_of(&fitted, &job, outputs, Some(stored), seconds)
    };
    Ok((fitted.aligner, report))
}

/// What no output of an alignment takes along.
fn losses(
    target: &RowSet,
    source: &RowSet,
    job: &FitJob,
    output: &OutputOptions,
) -> Result<Vec<NotCarried>, TaskError> {
    let [target_name, source_name] = side_names(&job.options);
    let apart = job.options.moves_target();
    let mut losses = not_carried(
        source,
        &targets(source, output, apart.then_some(&source_name)),
        output,
    )?;
    if apart {
        losses.extend(not_carried(
            target,
            &targets(target, output, Some(&target_name)),
            output,
        )?);
    }
    Ok(losses)
}

/// The right to write all that an alignment writes.
fn claim(
    target: &RowSet,
    source: &RowSet,
    job: &FitJob,
    output: &OutputOptions,
) -> Result<Claimed, TaskError> {
    let [target_name, source_name] = side_names(&job.options);
    let apart = job.options.moves_target();
    let mut outputs = targets(source, output, apart.then_some(&source_name));
    if apart {
        outputs.extend(targets(target, output, Some(&target_name)));
    }
    let mut outputs: Vec<PathBuf> = outputs.into_iter().map(|target| target.path).collect();
    outputs.extend(metadata_targets(source, output)?);
    outputs.push(aligner_path(output));
    let frame = job
        .frame
        .as_ref()
        .map(|frame| format!("{:032x}", hash_bytes(&frame.to_bytes())));
    let identity = (
        "align",
        &job.options,
        job.split,
        job.subset,
        job.paired,
        frame,
        job.verify,
    );
    Claimed::new(&[target, source], outputs, output, &identity)
}

/// What the sides are called, target first.
fn side_names(options: &FitOptions) -> [String; 2] {
    let name = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
    [
        name(&options.target_name, "image"),
        name(&options.source_name, "text"),
    ]
}

fn aligner_path(output: &OutputOptions) -> PathBuf {
    if modality_gap_shards::Format::from_path(&output.out).is_some()
        && !modality_gap_shards::storage::is_folder(&output.out)
    {
        output.out.with_extension("aligner.safetensors")
    } else {
        output.out.join("aligner.safetensors")
    }
}

fn run_fit(target: &RowSet, source: &RowSet, job: &FitJob, control: &Control) -> Result<Fitted, TaskError> {
    report::check_names(target, source)?;
    job.options.check::<TaskError>()?;
    let identity = Map::identity(target.dim, Policy::Unit);
    let [target_name, source_name] = side_names(&job.options);
    if job.options.method.traits().paired && !job.paired {
        let method = serde_json::to_value(job.options.method).unwrap_or_default();
        return Err(TaskError::BadOption(format!(
            "{} is fitted to pairs; say that row i of one side belongs to row i of the other (paired)",
            method.as_str().unwrap_or("the method")
        )));
    }
    let mut grouping = Grouping::declared([target, source], job.paired)?;
    let mut rows = [target.clone(), source.clone()];
    let names = [&target_name, &source_name];
    let both = |rows: &[RowSet; 2], exclude: &[Vec<u64>; 2], hashed: bool| -> Result<_, TaskError> {
        let moments = |side: usize| {
            let stage = format!("moments {}", names[side]);
            let selection = selection(job, &exclude[side]);
            let counting = if hashed { count_hashed } else { count };
            counting(
                &rows[side],
                &identity,
                selection,
                control,
                &stage,
                job.work.as_ref(),
            )
        };
        Ok([moments(0)?, moments(1)?])
    };
    let mut exclude = [Vec::new(), Vec::new()];
    let mut counted = both(&rows, &exclude, true)?;
    let hashes = [0, 1].map(|side: usize| counted[side].hashes.clone());
    let mut again = grouping.observe(&mut rows, &counted, job.split.splits());
    if again {
        exclude.clone_from(&grouping.repeats);
    }
    if grouping.pairing == Pairing::Index {
        let dropped = dropped_rows([&rows[0], &rows[1]], &counted);
        again |= !dropped.is_empty();
        exclude = [dropped.clone(), dropped];
    }
    if again {
        counted = both(&rows, &exclude, false)?;
    }
    let mut passes = FitPasses {
        target: &rows[0],
        source: &rows[1],
        selections: [selection(job, &exclude[0]), selection(job, &exclude[1])],
        pairing: grouping.pairing,
        work: job.work.as_ref(),
        control,
        projected: None,
    };
    let [target, source] = counted;
    let mut aligner = fit(
        &target.fit,
        &source.fit,
        &job.options,
        job.frame.as_ref(),
        &mut passes,
    )
    .map_err(TaskError::from)?;
    let projected = passes.projected;
    // rows of the fit by their hashes, and the items they are of
    let seen = [0, 1].map(|side: usize| {
        let (selection, source) = (selection(job, &exclude[side]), &rows[side]);
        let fitted = hashes[side].iter().enumerate();
        let fitted = fitted.filter(|&(row, &hash)| hash != UNUSABLE && selection.fits(source, row as u64));
        RowSketch::of(fitted.map(|(_, &hash)| hash))
    });
    let groups = [(0, &target), (1, &source)].map(|(side, counted): (usize, &Counted)| {
        let source: &RowSet = &rows[side];
        source.keys.as_ref()?;
        let selection = selection(job, &exclude[side]);
        let unusable = |row: u64| hashes[side].get(row as usize) == Some(&UNUSABLE);
        let members = Members::of(source, |row| selection.fits(source, row) && !unusable(row));
        Some(members.groups()).filter(|&groups| groups < counted.fit.rows())
    });
    aligner.set_rows(seen, groups, grouping.pairs_of_fit());
    Ok(Fitted {
        aligner,
        target,
        source,
        projected,
        rows,
        exclude,
        pairing: grouping.pairing,
        known: grouping.known,
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

fn selection<'a>(job: &FitJob, exclude: &'a [u64]) -> Selection<'a> {
    Selection {
        split: job.split,
        subset: job.subset,
        exclude,
    }
}

fn note_gaps(
    fitted: &mut Fitted,
    results: &[Moments; 2],
    target_after: &[Moments; 2],
    job: &FitJob,
    control: &Control,
) -> Result<(), TaskError> {
    let together = fitted.pairing != Pairing::None || fitted.rows.iter().any(|rows| rows.keys.is_some());
    let floor = if together && results[1].rows() > 1 && target_after[1].rows() > 1 {
        // groups of equal rows are found again, for they are not ids
        let equal = fitted.known == Some(Known::EqualRows);
        let rows = fitted.rows.each_ref().map(|rows| RowSet {
            keys: rows.keys.clone().filter(|_| !equal),
            ..rows.clone()
        });
        let paired = fitted.pairing != Pairing::None;
        Some(held_floor(
            [&rows[0], &rows[1]],
            &fitted.aligner,
            paired,
            job.split,
            control,
        )?)
    } else {
        None
    };
    let after = distance(target_after[0].mean(), results[0].mean());
    let (target, source) = (&fitted.target, &fitted.source);
    let held = (target.held.rows() > 0 && source.held.rows() > 0).then(|| {
        let moved = [&target_after[1], &results[1]];
        fitted
            .aligner
            .held_gap([&target.held, &source.held], moved, floor)
    });
    fitted.aligner.set_gap(Some(after), held);
    Ok(())
}

fn report_of(
    fitted: &Fitted,
    job: &FitJob,
    outputs: Vec<PathBuf>,
    stored: Option<f64>,
    seconds: Seconds,
) -> FitReport {
    let Fitted {
        aligner,
        target,
        source,
        projected,
        ..
    } = fitted;
    let info = aligner.info();
    // of a pair both count as dropped
    let partners = match fitted.pairing {
        Pairing::Index => fitted.exclude[1].len() as u64,
        _ => 0,
    };
    let dropped = |counted: &Counted| counted.dropped_rows().max(partners);
    let rows = |counted: &Counted| counted.fit.rows() + counted.held.rows();
    let phantom_drift = projected.as_ref().map(|projected| {
        let [measured, to_target] = drift_of_mean(projected.mean(), aligner.target_mean());
        Drift {
            measured,
            to_target,
            ..Drift::default()
        }
    });
    FitReport {
        dim: info.dim,
        rows: report::by_name(aligner, rows(target), rows(source)),
        dropped: report::by_name(aligner, dropped(target), dropped(source)),
        norms: report::by_name(aligner, Norms::of(&target.fit), Norms::of(&source.fit)),
        trace: report::by_name(aligner, info.target.trace, info.source.trace),
        scale: info.scale,
        iterations: info.iterations,
        phantom_drift,
        gap: Gap::of_fit(&info.gap, stored),
        options: info.options.clone(),
        holdout: job.split.splits().then_some(job.split),
        outputs,
        not_carried: None,
        seconds,
        peak_memory_bytes: report::peak_memory(),
    }
}
