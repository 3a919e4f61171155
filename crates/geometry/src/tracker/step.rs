//! A step as it is fed, and why one is refused.

use super::Tracker;
use super::rows::Source;
use crate::{BadRowReason, EigenError};

/// What a tracker is fed at one step. Sides come in the order image, text.
pub struct TrackStep<'a, E> {
    /// The trainer's step; later than every one before.
    pub step: u64,
    /// Probe pairs: row i of one side belongs to row i of the other. Scaled to unit length inside.
    pub probe: [Source<'a, E>; 2],
    /// Gradients of the loss by embeddings, any rows; taken as they are.
    pub gradients: [Option<Source<'a, E>>; 2],
    /// Embeddings of the batch that the gradients come from.
    pub batch: [Option<Source<'a, E>>; 2],
}

/// Why a step was not recorded; the tracker is then as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError<E> {
    /// Rows could not be read.
    #[error("{0}")]
    Read(E),
    /// A step that does not come after the last one.
    #[error("step {step} does not come after step {last}, the last one recorded")]
    Order {
        /// The step given.
        step: u64,
        /// The last one recorded.
        last: u64,
    },
    /// Rows of another width.
    #[error("{side} rows have {found} columns instead of {expected}")]
    WidthMismatch {
        /// Which rows.
        side: &'static str,
        /// Their columns.
        found: usize,
        /// What was expected.
        expected: usize,
    },
    /// Sides of the probe that are no pairs.
    #[error("the probe has {image} image and {text} text rows; its rows are pairs")]
    NotPaired {
        /// Image rows.
        image: u64,
        /// Text rows.
        text: u64,
    },
    /// Another number of pairs than of ids.
    #[error("there are {ids} ids for {pairs} probe pairs")]
    Groups {
        /// Ids given.
        ids: u64,
        /// Pairs of the probe.
        pairs: u64,
    },
    /// Too few pairs.
    #[error("the probe has {rows} pairs; a spread needs at least 2")]
    TooFewRows {
        /// Pairs.
        rows: u64,
    },
    /// A row that cannot be used.
    #[error("{side} row {row}: {reason}")]
    BadRow {
        /// Which rows.
        side: &'static str,
        /// Its index.
        row: u64,
        /// What is wrong with it.
        reason: BadRowReason,
    },
    /// All rows of both modalities are the same two rows, so there is no frame.
    #[error("the probe rows do not vary, so they have no frame")]
    NoSpread,
    /// A matrix that cannot be decomposed.
    #[error(transparent)]
    Numeric(EigenError),
}

impl Tracker {
    /// Refuses what can be told before any row is read.
    pub(super) fn check<E>(&self, step: &TrackStep<'_, E>) -> Result<(), TrackError<E>> {
        if let Some(last) = self.last.filter(|&last| step.step <= last) {
            return Err(TrackError::Order {
                step: step.step,
                last,
            });
        }
        let [image, text] = &step.probe;
        let known = self.frozen.as_ref().map(|frozen| frozen.frame.dim());
        let previous = self.previous.as_ref().map(|biases| biases[0].len());
        let expected = known.or(previous).unwrap_or(image.dim());
        let named = [
            ("image", Some(image.dim())),
            ("text", Some(text.dim())),
            ("gradImage", step.gradients[0].as_ref().map(|side| side.dim())),
            ("gradText", step.gradients[1].as_ref().map(|side| side.dim())),
            ("batchImage", step.batch[0].as_ref().map(|side| side.dim())),
            ("batchText", step.batch[1].as_ref().map(|side| side.dim())),
        ];
        for (side, found) in named {
            if let Some(found) = found.filter(|&found| found != expected) {
                return Err(TrackError::WidthMismatch {
                    side,
                    found,
                    expected,
                });
            }
        }
        let (image, text) = (image.rows(), text.rows());
        if image != text {
            return Err(TrackError::NotPaired { image, text });
        }
        if image < 2 {
            return Err(TrackError::TooFewRows { rows: image });
        }
        let ids = self
            .groups
            .as_ref()
            .map_or(image, |groups| groups.keys().len() as u64);
        if ids != image {
            return Err(TrackError::Groups { ids, pairs: image });
        }
        Ok(())
    }
}
