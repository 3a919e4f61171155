//! Rows from one container into another, as they are.

use modality_gap_geometry::{Map, Policy};

use crate::carry::{carry_metadata, if_any, metadata_targets, not_carried};
use crate::claimed::Claimed;
use crate::moments::count;
use crate::outputs::{OutputOptions, targets, work_folder};
use crate::report::{ConvertReport, Seconds};
use crate::transform::{MapJob, write_mapped};
use crate::{Control, OnBadRow, RowSet, Selection, TaskError};

/// Writes `input` under `output.out` in another format or storage type.
pub fn convert_job(
    input: &RowSet,
    output: &OutputOptions,
    control: &Control,
) -> Result<ConvertReport, TaskError> {
    let map = Map::identity(input.dim, Policy::Raw);
    let written_to = targets(input, output, None);
    let rows = written_to.iter().map(|target| target.path.clone());
    let outputs = rows.chain(metadata_targets(input, output)?).collect();
    let mut claimed = Claimed::new(&[input], outputs, output, &"convert")?;
    let elsewhere = control.is_distributed();
    // only rows that are to be left out must be known beforehand
    let dropped = match input.options.on_bad_row {
        OnBadRow::Error => vec![Vec::new(); input.parts.len()],
        OnBadRow::Drop => {
            // what statistics would leave out, so also a row without a length
            let read = Map::identity(input.dim, input.policy());
            let work = elsewhere.then(|| work_folder(output)).flatten();
            count(input, &read, Selection::ALL, control, "check", work.as_ref())?.dropped
        }
    };
    let left_out: u64 = dropped.iter().map(|rows| rows.len() as u64).sum();
    let job = MapJob {
        source: input,
        map: &map,
        dropped: dropped.clone(),
        options: output,
        selection: Selection::ALL,
        folder: None,
        receipts: elsewhere,
    };
    let losses = not_carried(input, &written_to, output).inspect_err(|error| claimed.sweep(error))?;
    claimed.begin()?;
    let written = write_mapped(&job, control, "convert").inspect_err(|error| claimed.sweep(error))?;
    let mut outputs = written.outputs;
    outputs.extend(carry_metadata(input, &output.out, &dropped)?);
    if elsewhere {
        claimed.finish()?;
    } else {
        claimed.finish_without_receipts();
    }
    Ok(ConvertReport {
        rows: input.rows() - left_out,
        dim: input.dim,
        dropped: left_out,
        outputs,
        not_carried: if_any(losses),
        seconds: Seconds {
            convert: Some(control.seconds() - written.sync_seconds),
            sync: Some(written.sync_seconds),
            ..Seconds::default()
        },
    })
}
