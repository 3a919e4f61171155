//! Applying a saved aligner to the shards of a source.

use std::collections::{HashMap, HashSet};

use modality_gap_geometry::{Aligner, Covariance, Map, NewRows, Policy, as_rows, distance};

use crate::carry::{carry_metadata, if_any, metadata_targets, not_carried};
use crate::claimed::Claimed;
use crate::mapper::Mapper;
use crate::moments::{Counted, count_hashed};
use crate::outputs::{OutputOptions, targets, work_folder};
use crate::receipt::hash_bytes;
use crate::report::{Moved, Seconds, TransformReport, peak_memory};
use crate::row_hash::UNUSABLE;
use crate::transform::{MapJob, write_mapped};
use crate::walk::walk_range;
use crate::{Control, RowSet, Selection, Split, TaskError};

/// Writes `input` transformed by `aligner`; `target_side` takes the target's map, where the strategy has one.
///
/// The rows are read twice: once to compare them with those of the fit (and to find bad rows), once to write.
pub fn transform_job(
    input: &RowSet,
    aligner: &Aligner,
    target_side: bool,
    output: &OutputOptions,
    control: &Control,
) -> Result<TransformReport, TaskError> {
    input.check_dim(aligner.dim(), "the aligner's rows")?;
    let map = match (target_side, aligner.target_map()) {
        (false, _) => aligner.map(),
        (true, Some(map)) => map,
        (true, None) => {
            let method = serde_json::to_value(aligner.info().options.method).expect("plain data");
            return Err(TaskError::BadOption(format!(
                "method {method} leaves the target's rows as they are"
            )));
        }
    };
    let identity = Map::identity(aligner.dim(), Policy::Unit);
    let written_to = targets(input, output, None);
    let rows = written_to.iter().map(|target| target.path.clone());
    let outputs = rows.chain(metadata_targets(input, output)?).collect();
    let of_aligner = format!("{:032x}", hash_bytes(&aligner.to_bytes()));
    let identity_of_job = ("transform", target_side, of_aligner);
    let mut claimed = Claimed::new(&[input], outputs, output, &identity_of_job)?;
    let work = work_folder(output);
    let counted = count_hashed(
        input,
        &identity,
        Split::default().into(),
        control,
        "check",
        work.as_ref(),
    )
    .inspect_err(|error| claimed.sweep(error))?;
    let checked_seconds = control.seconds();
    let job = MapJob {
        source: input,
        map,
        dropped: counted.dropped.clone(),
        options: output,
        selection: Selection::ALL,
        folder: None,
        receipts: true,
    };
    let losses = not_carried(input, &written_to, output).inspect_err(|error| claimed.sweep(error))?;
    claimed.begin()?;
    let written = write_mapped(&job, control, "transform")?;
    let mut outputs = written.outputs;
    outputs.extend(carry_metadata(input, &output.out, &counted.dropped)?);
    claimed.finish()?;
    let transform = control.seconds() - checked_seconds - written.sync_seconds;
    let fits = if target_side {
        None
    } else {
        let items = Items::of(input, &counted.hashes);
        let sample = sample_of(input, &identity, &counted, &items, control)?;
        let new = NewRows {
            before: &counted.fit,
            after: Some(&written.results[0]),
            covariance: &sample,
            groups: items.known,
            design: items.design,
        };
        Some(aligner.fits(&new))
    };
    Ok(TransformReport {
        dim: aligner.dim(),
        rows: Moved {
            input: counted.fit.rows(),
        },
        dropped: counted.dropped_rows(),
        outputs,
        not_carried: if_any(losses),
        to_target: (!target_side).then(|| distance(written.results[0].mean(), &aligner.goal())),
        fits,
        seconds: Seconds {
            check: Some(checked_seconds),
            transform: Some(transform),
            sync: Some(written.sync_seconds),
            ..Seconds::default()
        },
        peak_memory_bytes: peak_memory(),
    })
}

/// Rows whose covariance the check takes, about, in this many runs spread over the input.
const CHECKED_ROWS: u64 = 4_096;
const RUNS: u64 = 64;

/// Which rows are of one item.
struct Items<'a> {
    input: &'a RowSet,
    hashes: &'a [u64],
    /// How many there are, where ids or equal rows say so.
    known: Option<u64>,
    /// Sum of squared numbers of rows over the number of rows.
    design: f64,
}

impl<'a> Items<'a> {
    /// By ids, otherwise by rows that are equal bit for bit.
    fn of(input: &'a RowSet, hashes: &'a [u64]) -> Self {
        let mut items = Self {
            input,
            hashes,
            known: None,
            design: 1.0,
        };
        let mut sizes: HashMap<u64, u64> = HashMap::new();
        let usable = (0..input.rows()).filter(|&row| hashes.get(row as usize) != Some(&UNUSABLE));
        if input.keys.is_some() || !hashes.is_empty() {
            usable.for_each(|row| *sizes.entry(items.key(row)).or_default() += 1);
        }
        let rows: u64 = sizes.values().sum();
        let groups = sizes.len() as u64;
        if input.keys.is_some() || groups < rows {
            items.known = Some(groups);
            items.design = sizes.values().map(|n| n * n).sum::<u64>() as f64 / rows.max(1) as f64;
        }
        items
    }

    fn key(&self, row: u64) -> u64 {
        if self.input.keys.is_some() || self.hashes.is_empty() {
            self.input.key(row)
        } else {
            self.hashes[row as usize]
        }
    }
}

/// Covariance of rows of different items from all over the input.
fn sample_of(
    input: &RowSet,
    identity: &Map,
    counted: &Counted,
    items: &Items<'_>,
    control: &Control,
) -> Result<Covariance, TaskError> {
    let (dim, rows) = (identity.dim(), input.rows());
    let mut sample = Covariance::about(counted.fit.mean());
    let (mut mapper, mut seen) = (Mapper::new(identity), HashSet::new());
    let runs = if rows <= CHECKED_ROWS { 1 } else { RUNS };
    let length = rows.min(CHECKED_ROWS).div_ceil(runs);
    for run in 0..runs {
        let first = run * (rows / runs);
        walk_range(input, first..first + length, control, "check", |first, block| {
            mapper.map(first, block, |_| true);
            let mut different = Vec::new();
            for (row, &i) in mapper.out.chunks_exact(dim).zip(&mapper.kept) {
                if seen.insert(items.key(first + i as u64)) {
                    different.extend_from_slice(row);
                }
            }
            control
                .pool()
                .install(|| sample.accumulate(as_rows(&different, dim)));
            Ok(())
        })?;
    }
    Ok(sample)
}
