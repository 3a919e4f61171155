//! Laws of the tracker.

mod dynamics;
mod items;
mod laws;

use modality_gap_geometry::tracker::Record;
use modality_gap_geometry::{RowBlocks, TrackStep, Tracker, TrackerOptions, as_rows};

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
    let (mut image, mut text) = (as_rows(image, DIM), as_rows(text, DIM));
    let mut rows = as_rows(gradients, DIM);
    let given = rows.rows() > 0;
    let step = TrackStep {
        step,
        probe: [&mut image, &mut text],
        gradients: [if given { Some(&mut rows) } else { None }, None],
        batch: [None, None],
    };
    tracker.push(step).unwrap()
}
