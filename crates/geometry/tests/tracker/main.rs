//! Laws of the tracker.

mod dynamics;
mod items;
mod laws;

use modality_gap_geometry::tracker::Record;
use modality_gap_geometry::{F64Rows, RowBlocks, TrackStep, Tracker, TrackerOptions};

const DIM: usize = 16;
/// Dimension of U.
const RANK: usize = 4;

fn options(freeze_at: u64) -> TrackerOptions {
    TrackerOptions {
        rank: Some(RANK),
        ..TrackerOptions::freezing_at(freeze_at)
    }
}

type Fed<'a> = (u64, &'a [f64], &'a [f64]);

fn push(tracker: &mut Tracker, (step, image, text): Fed<'_>, gradients: &[f64]) -> Record {
    let (mut image, mut text) = (F64Rows::new(image, DIM), F64Rows::new(text, DIM));
    let mut rows = F64Rows::new(gradients, DIM);
    let given = rows.rows() > 0;
    let step = TrackStep {
        step,
        probe: [&mut image, &mut text],
        gradients: [if given { Some(&mut rows) } else { None }, None],
        batch: [None, None],
    };
    tracker.push(step).unwrap()
}
