//! Pictures: from bytes that anybody may have written to upright RGB.
//!
//! Sizes are compared with bounds before anything is decoded, and the bytes of all pictures that are held at a time are
//! bounded, however many threads ask for them.

mod bytes;
mod decode;
mod in_flight;
mod jpeg;
mod orientation;
mod resample;

pub use decode::{Decoded, Transparency, decode};
pub(crate) use resample::{Filter, Window, resize};
