//! A step as it is fed.

use super::rows::Source;

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
