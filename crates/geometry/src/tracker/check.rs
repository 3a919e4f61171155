//! Steps that cannot be recorded are refused before any row is read.

use super::{TrackError, TrackStep, Tracker};

impl Tracker {
    /// Refuses what is known to be wrong before any row is read.
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
