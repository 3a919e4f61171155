//! The map pass: every shard of a source transformed into an output shard.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use modality_gap_geometry::{BadRowReason, Map, Moments, Policy, Scratch};
use modality_gap_kernels::{Dtype, Element, Rows, add_weighted, with_rows};
use modality_gap_shards::{Access, Buffer, OutputSpec, ShardRef, ShardWriter, create};
use serde::Serialize;

use crate::moments::bad_row;
use crate::outputs::{OutputOptions, Target, prepare, prepare_one, run_folder, targets};
use crate::pass::{Asks, Manifest, Opened, PassKind, Plan};
use crate::receipt::{
    Input, Receipt, RowsHash, groups_hash, hash_bytes, hash_of_rows, params_hash, read_result, write_state,
};
use crate::scan::{Block, Work, Worker, scan};
use crate::{Control, OnBadRow, Part, RowSet, Selection, Split, TaskError};

/// What a map pass has written.
pub(crate) struct Written {
    /// Output files, in shard order.
    pub outputs: Vec<PathBuf>,
    /// Moments of the f64 results: rows of the fit, rows held out.
    pub results: [Moments; 2],
    /// Mean of the rows as written.
    pub stored: Moments,
    /// Seconds during which an output was being flushed to the disk.
    pub sync_seconds: f64,
}

/// What a map pass does.
pub(crate) struct MapJob<'a> {
    pub source: &'a RowSet,
    pub map: &'a Map,
    /// Rows to leave out, per shard.
    pub dropped: Vec<Vec<u64>>,
    pub options: &'a OutputOptions,
    /// Which of the rows written count on which side of a split; those excluded are among the dropped ones.
    pub selection: Selection<'a>,
    /// Sub-folder that keeps two sides apart.
    pub folder: Option<&'a str>,
    /// Whether receipts are kept beside the outputs, so that the job can be resumed.
    pub receipts: bool,
}

/// Runs the job; receipts are kept beside the outputs.
pub(crate) fn write_mapped(job: &MapJob<'_>, control: &Control, stage: &str) -> Result<Written, TaskError> {
    let targets = targets(job.source, job.options, job.folder);
    prepare(&targets, job.options)?;
    let mut pass = Pass::new(job, &targets, control);
    match pass
        .run
        .clone()
        .filter(|_| control.is_distributed() && job.source.in_files())
    {
        Some(run) => pass.take_up(&run, stage)?,
        None => scan(job.source, &pass, control, stage)?,
    }
    let dim = job.map.dim();
    let unit = job.map.gives_unit_rows();
    let mut written = Written {
        outputs: targets.iter().map(|target| target.path.clone()).collect(),
        results: [Moments::new(dim, unit), Moments::new(dim, unit)],
        stored: Moments::new(dim, false),
        sync_seconds: pass.flushing.seconds(),
    };
    for shard in pass.shards {
        let shard = shard.into_inner().expect("no worker panicked");
        for (total, part) in written.results.iter_mut().zip(&shard.results) {
            total.merge(part);
        }
        written.stored.merge(&shard.stored);
    }
    Ok(written)
}

/// Writes one shard of a manifest, unless that has been done, and gives its receipt.
pub(crate) fn one_shard(
    manifest: &Manifest,
    map: &Map,
    opened: &Opened,
    control: &Control,
) -> Result<Receipt, TaskError> {
    let pass = InManifest::of(manifest, opened)?;
    let job = pass.job(map);
    let pass = pass.pass(&job, control);
    manifest.check_params(&pass.params)?;
    prepare_one(&pass.targets[0])?;
    scan(&opened.source, &pass, control, &manifest.stage)?;
    manifest.receipt(opened, pass.receipt(0))
}

/// The receipt of a shard of a manifest; its output is looked at and not read.
pub(crate) fn receipt_of(
    manifest: &Manifest,
    map: &Map,
    opened: &Opened,
    control: &Control,
) -> Result<Receipt, String> {
    let pass = InManifest::of(manifest, opened).map_err(|error| error.to_string())?;
    let job = pass.job(map);
    pass.pass(&job, control).receipt(0)
}

/// A shard of a manifest and what its output asks for.
struct InManifest<'a> {
    manifest: &'a Manifest,
    opened: &'a Opened,
    targets: [Target; 1],
    options: OutputOptions,
}

impl<'a> InManifest<'a> {
    fn of(manifest: &'a Manifest, opened: &'a Opened) -> Result<Self, TaskError> {
        let target = opened
            .target
            .clone()
            .ok_or_else(|| TaskError::BadOption("a shard of the manifest names no output".to_owned()))?;
        let options = OutputOptions {
            sync: manifest.sync,
            resume: true,
            ..OutputOptions::default()
        };
        Ok(Self {
            manifest,
            opened,
            targets: [target],
            options,
        })
    }

    fn job<'b>(&'b self, map: &'b Map) -> MapJob<'b> {
        MapJob {
            source: &self.opened.source,
            map,
            dropped: vec![self.opened.dropped.clone()],
            options: &self.options,
            selection: self.manifest.selection(),
            folder: None,
            receipts: true,
        }
    }

    fn pass<'b>(&'b self, job: &'b MapJob<'b>, control: &'b Control) -> Pass<'b> {
        Pass {
            run: Some(self.manifest.folder.clone()),
            ..Pass::new(job, &self.targets, control)
        }
    }
}

struct Pass<'a> {
    job: &'a MapJob<'a>,
    targets: &'a [Target],
    control: &'a Control,
    params: String,
    run: Option<PathBuf>,
    starts: Vec<u64>,
    shards: Vec<Mutex<Done>>,
    flushing: Clock,
}

/// What is known of a shard's output so far.
struct Done {
    results: [Moments; 2],
    stored: Moments,
    hash: RowsHash,
}

struct Output {
    index: usize,
    writer: Box<dyn ShardWriter>,
}

/// A block's result; the rows themselves only when the writer wants them in order.
struct Mapped {
    results: [Moments; 2],
    stored: Moments,
    hash: u128,
    first: u64,
    rows: Option<Buffer>,
}

/// What outputs depend on beside the shard and the map.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    task: &'static str,
    split: Split,
    on_bad_row: OnBadRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<String>,
}

impl<'a> Pass<'a> {
    fn new(job: &'a MapJob<'a>, targets: &'a [Target], control: &'a Control) -> Self {
        let starts = job.source.starts();
        let split = job.selection.split;
        let params = Params {
            task: "transform",
            split,
            on_bad_row: job.source.options.on_bad_row,
            groups: groups_hash(job.source).filter(|_| split.splits()),
        };
        let params = params_hash(&params, &job.map.to_bytes());
        let (dim, unit) = (job.map.dim(), job.map.gives_unit_rows());
        let empty = |_: &Part| {
            Mutex::new(Done {
                results: [Moments::new(dim, unit), Moments::new(dim, unit)],
                stored: Moments::new(dim, false),
                hash: RowsHash::default(),
            })
        };
        let shards = job.source.parts.iter().map(empty).collect();
        Self {
            job,
            targets,
            control,
            params,
            run: run_folder(job.options).filter(|_| job.receipts),
            starts,
            shards,
            flushing: Clock::default(),
        }
    }

    /// Whether the rows written, those of `block` without the dropped ones, are good rows in their storage type: a component
    /// may be beyond its range, or all may vanish. A row that was bad before stops the job as everywhere else.
    fn check_stored(&self, index: usize, block: &Block<'_>, rows: Rows<'_>) -> Result<(), TaskError> {
        let (source, dim) = (self.job.source, self.job.map.dim());
        let (mut scratch, mut bad, mut bad_before) = (Scratch::default(), Vec::new(), Vec::new());
        Map::identity(dim, Policy::Unit).prepare(rows, 0, &mut scratch, &mut bad);
        if bad.is_empty() {
            return Ok(());
        }
        Map::identity(dim, source.policy()).prepare(block.rows, 0, &mut scratch, &mut bad_before);
        let dropped = &self.job.dropped[index];
        for bad in bad {
            // dropped rows stand before it in the input only
            let mut row = block.first + bad.row as u64;
            for &dropped in &dropped[dropped.partition_point(|&row| row < block.first)..] {
                row += u64::from(dropped <= row);
            }
            let within = (row - block.first) as usize;
            if let Some(before) = bad_before.iter().find(|bad| bad.row == within) {
                return Err(bad_row(&source.parts[index], block, before));
            }
            // rows that are taken as they are may have no length, unless they lose it here
            let before = block.rows.slice(within * dim..(within + 1) * dim);
            let after = rows.slice(bad.row * dim..(bad.row + 1) * dim);
            let kept = source.policy() == Policy::Raw
                && bad.reason == BadRowReason::ZeroLength
                && all_zero(before) == all_zero(after);
            if !kept {
                return Err(TaskError::Overflow {
                    file: source.parts[index].file().map(Path::to_path_buf),
                    row,
                    dtype: rows.dtype().name(),
                    reason: bad.reason,
                });
            }
        }
        Ok(())
    }

    /// Receipt and states of a finished shard.
    fn files(&self, index: usize) -> Option<[PathBuf; 4]> {
        let run = self.run.as_ref()?;
        let target = &self.targets[index];
        let kind = format!("{}-{}-{}", self.params, target.dtype.name(), target.format.name());
        let index = self.job.source.place(index);
        let stem = run.join(kind).join(format!("{index:06}"));
        let endings = [
            "json",
            "fit.safetensors",
            "held.safetensors",
            "stored.safetensors",
        ];
        Some(endings.map(|ending| stem.with_extension(ending)))
    }

    /// Takes up what tasks have written elsewhere; each has read its output back if it did not write it itself.
    fn take_up(&mut self, run: &Path, stage: &str) -> Result<(), TaskError> {
        let pass = &*self;
        let wanted = |index| -> Result<Done, String> {
            if pass.job.options.resume {
                pass.done(index, &pass.receipt(index)?)
            } else {
                Err("earlier results are not asked for".to_owned())
            }
        };
        let plan = Plan {
            kind: PassKind::Transform,
            stage,
            params: &self.params,
            source: self.job.source,
            map: self.job.map,
            selection: self.job.selection,
            folder: run,
            asks: Asks {
                sync: self.job.options.sync,
                outputs: Some((self.targets, &self.job.dropped)),
                ..Asks::default()
            },
        };
        let shards = plan.take_up(self.control, wanted)?;
        self.shards = shards.into_iter().map(Mutex::new).collect();
        Ok(())
    }

    fn receipt(&self, index: usize) -> Result<Receipt, String> {
        let [receipt, ..] = self.files(index).ok_or("no folder keeps receipts")?;
        let input = Input::of(&self.job.source.parts[index]).ok_or("its file cannot be looked at")?;
        let receipt = Receipt::find(&receipt, "transform", &self.params, &input)?;
        if receipt.output != self.targets[index].path || receipt.dropped != self.job.dropped[index] {
            return Err("its receipt is of another output, or leaves out other rows".to_owned());
        }
        Ok(receipt)
    }

    /// What is kept beside the receipt.
    fn done(&self, index: usize, receipt: &Receipt) -> Result<Done, String> {
        let [_, fit, held, stored] = self.files(index).ok_or("no folder keeps receipts")?;
        let read = |path: &Path| {
            let bytes = read_result(path).map_err(|error| error.to_string())?;
            Moments::from_bytes(&bytes).map_err(|error| format!("{}: {error}", path.display()))
        };
        let stored = read(&stored)?;
        if stored.rows() != receipt.rows {
            return Err("its states count other rows than its receipt".to_owned());
        }
        Ok(Done {
            results: [read(&fit)?, read(&held)?],
            stored,
            hash: RowsHash::default(),
        })
    }

    fn restore(&self, index: usize) -> Option<Done> {
        if !self.job.options.resume {
            return None;
        }
        let receipt = self.receipt(index).ok()?;
        let output = ShardRef::probe(&receipt.output, None).ok()?.open().ok()?;
        if output.rows() != receipt.rows || hash_of_rows(output.as_ref(), self.control).ok()? != receipt.hash
        {
            return None;
        }
        self.done(index, &receipt).ok()
    }
}

impl Work for Pass<'_> {
    type Open = Output;
    type Item = Mapped;

    fn open(&self, index: usize) -> Result<Option<Output>, TaskError> {
        if let Some(restored) = self.restore(index) {
            *self.shards[index].lock().expect("no worker panicked") = restored;
            return Ok(None);
        }
        let (part, target) = (&self.job.source.parts[index], &self.targets[index]);
        let dropped = self.job.dropped[index].clone();
        let writer = create(&OutputSpec {
            path: target.path.clone(),
            format: target.format,
            dtype: target.dtype,
            dim: self.job.map.dim(),
            rows: part.rows() - dropped.len() as u64,
            like: match part {
                Part::File(shard) => Some(shard.clone()),
                Part::Memory(_) => None,
            },
            dropped,
        })?;
        Ok(Some(Output { index, writer }))
    }

    fn block(&self, output: &Output, block: &Block<'_>, worker: &mut Worker) -> Result<Mapped, TaskError> {
        let (map, dim) = (self.job.map, self.job.map.dim());
        let dropped = &self.job.dropped[output.index];
        let mut bad = Vec::new();
        let start = self.starts[output.index] + block.first;
        map.prepare(block.rows, start, &mut worker.scratch, &mut bad);
        let unexpected = bad
            .iter()
            .find(|bad| dropped.binary_search(&(block.first + bad.row as u64)).is_err());
        if let Some(bad) = unexpected {
            return Err(bad_row(&self.job.source.parts[output.index], block, bad));
        }
        let dtype = self.targets[output.index].dtype;
        let components = block.rows.len();
        worker.out.resize(components * dtype.size());
        let out = worker.out.rows_mut(dtype);
        let selection = &self.job.selection;
        let results = if selection.split.splits() || !selection.exclude.is_empty() {
            map.write(block.rows, &worker.scratch, out);
            selection.moments_of(self.job.source, start, block.rows, map, &worker.scratch)
        } else {
            let none = Moments::new(dim, map.gives_unit_rows());
            [map.write_and_count(block.rows, &worker.scratch, out), none]
        };
        let kept = keep_rows(&mut worker.out, dim, dtype, block.first, dropped);
        let rows = worker.out.rows(dtype).slice(0..kept * dim);
        let stored = mean_of(rows, dim);
        // rows of length one vanish in no storage type
        if !map.gives_unit_rows() || !stored.mean().iter().all(|v| v.is_finite()) {
            self.check_stored(output.index, block, rows)?;
        }
        let skipped = dropped.partition_point(|&row| row < block.first) as u64;
        let mapped = Mapped {
            results,
            stored,
            hash: hash_bytes(rows.as_bytes()),
            first: block.first - skipped,
            rows: None,
        };
        match output.writer.access() {
            Access::Random => {
                if kept > 0 {
                    output.writer.write(mapped.first, rows)?;
                }
                Ok(mapped)
            }
            Access::Sequential => {
                worker.out.resize(kept * dim * dtype.size());
                let rows = std::mem::take(&mut worker.out);
                Ok(Mapped {
                    rows: Some(rows),
                    ..mapped
                })
            }
        }
    }

    fn fold(&self, output: &Output, item: Mapped) -> Result<(), TaskError> {
        if let Some(buffer) = &item.rows {
            let rows = buffer.rows(self.targets[output.index].dtype);
            if !rows.is_empty() {
                output.writer.write(item.first, rows)?;
            }
        }
        let mut done = self.shards[output.index].lock().expect("no worker panicked");
        for (total, part) in done.results.iter_mut().zip(&item.results) {
            total.merge(part);
        }
        done.stored.merge(&item.stored);
        done.hash.add(item.hash);
        Ok(())
    }

    fn close(&self, index: usize, output: Output) -> Result<(), TaskError> {
        let sync = self.job.options.sync.unwrap_or(true);
        let bytes = self.flushing.during(|| output.writer.finish(sync))?;
        let done = self.shards[index].lock().expect("no worker panicked");
        let kept = Input::of(&self.job.source.parts[index]).zip(self.files(index));
        let Some((input, [receipt_file, fit, held, stored])) = kept else {
            return Ok(());
        };
        write_state(&fit, &done.results[0].to_bytes())?;
        write_state(&held, &done.results[1].to_bytes())?;
        write_state(&stored, &done.stored.to_bytes())?;
        let dropped = self.job.dropped[index].clone();
        let receipt = Receipt {
            version: 1,
            task: "transform".to_owned(),
            params: self.params.clone(),
            rows: input.rows - dropped.len() as u64,
            input: input.kept(),
            dropped,
            output: self.targets[index].path.clone(),
            bytes,
            hash: done.hash.finish(),
        };
        receipt.write(&receipt_file)
    }
}

/// Time during which at least one thread was at something.
#[derive(Default)]
struct Clock(Mutex<Running>);

#[derive(Default)]
struct Running {
    threads: u32,
    since: Option<Instant>,
    total: f64,
}

impl Clock {
    fn during<R>(&self, work: impl FnOnce() -> R) -> R {
        let mut running = self.0.lock().expect("no worker panicked");
        running.threads += 1;
        running.since.get_or_insert_with(Instant::now);
        drop(running);
        let result = work();
        let mut running = self.0.lock().expect("no worker panicked");
        running.threads -= 1;
        if running.threads == 0 {
            running.total += running
                .since
                .take()
                .map_or(0.0, |since| since.elapsed().as_secs_f64());
        }
        result
    }

    fn seconds(&self) -> f64 {
        self.0.lock().expect("no worker panicked").total
    }
}

/// Moves the rows that stay to the front; gives their number.
fn keep_rows(out: &mut Buffer, dim: usize, dtype: Dtype, first: u64, dropped: &[u64]) -> usize {
    let size = dim * dtype.size();
    let bytes = out.as_bytes_mut();
    let n = bytes.len() / size;
    let from = dropped.partition_point(|&row| row < first);
    let mut next_dropped = dropped[from..]
        .iter()
        .map(|&row| (row - first) as usize)
        .peekable();
    if next_dropped.peek().is_none_or(|&row| row >= n) {
        return n;
    }
    let mut kept = 0;
    for row in 0..n {
        if next_dropped.peek() == Some(&row) {
            next_dropped.next();
            continue;
        }
        bytes.copy_within(row * size..(row + 1) * size, kept * size);
        kept += 1;
    }
    kept
}

/// Mean of rows as they are stored.
fn mean_of(rows: Rows<'_>, dim: usize) -> Moments {
    let n = rows.len() / dim;
    let mut mean = vec![0.0; dim];
    add_weighted(rows, dim, &vec![1.0 / n.max(1) as f64; n], &mut mean);
    Moments::from_mean(mean, n as u64)
}

fn all_zero(rows: Rows<'_>) -> bool {
    with_rows!(Rows, rows, values => values.iter().all(|value| value.to_f64() == 0.0))
}
