//! Applying a saved aligner to the shards of a source.

use modality_gap_geometry::{Aligner, Map, Policy, distance};
use serde_json::{Value, json};

use crate::moments::count;
use crate::outputs::{Claimed, OutputOptions, carry_metadata, metadata_targets, targets, work_folder};
use crate::receipt::hash_bytes;
use crate::transform::{MapJob, write_mapped};
use crate::{Control, RowSet, Selection, Split, TaskError, report};

/// Writes `input` transformed by `aligner`; `target_side` takes the target's map, where the strategy has one.
///
/// The rows are read twice: once to compare them with those of the fit (and to find bad rows), once to write.
pub fn transform_job(
    input: &RowSet,
    aligner: &Aligner,
    target_side: bool,
    output: &OutputOptions,
    control: &Control,
) -> Result<Value, TaskError> {
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
    let rows = targets(input, output, None).into_iter().map(|target| target.path);
    let outputs = rows.chain(metadata_targets(input, output)?).collect();
    let identity_of_job = json!([
        "transform",
        target_side,
        format!("{:032x}", hash_bytes(&aligner.to_bytes()))
    ]);
    let claimed = Claimed::new(&[input], outputs, output, &identity_of_job)?;
    let work = work_folder(output);
    let counted = count(
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
    claimed.begin()?;
    let written = write_mapped(&job, control, "transform")?;
    let mut outputs = written.outputs;
    outputs.extend(carry_metadata(input, &output.out, &counted.dropped)?);
    claimed.finish()?;
    let mut value = json!({
        "dim": aligner.dim(),
        "rows": { "input": counted.fit.rows() },
        "dropped": counted.dropped_rows(),
        "outputs": outputs,
        "seconds": {
            "check": checked_seconds,
            "transform": control.seconds() - checked_seconds - written.sync_seconds,
            "sync": written.sync_seconds,
        },
    });
    if !target_side {
        value["fits"] = serde_json::to_value(aligner.fits(&counted.fit)).expect("plain data");
        value["toTarget"] = json!(distance(written.results[0].mean(), &aligner.goal()));
    }
    if let Some(bytes) = report::peak_memory() {
        value["peakMemoryBytes"] = json!(bytes);
    }
    Ok(value)
}
