//! The project's own binary files: aligners, frames and states of a tracker. What is read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modality_gap_geometry::{Aligner, Frame, Tracker};

fuzz_target!(|data: &[u8]| {
    if let Ok(aligner) = Aligner::from_bytes(data) {
        let bytes = aligner.to_bytes();
        let again = Aligner::from_bytes(&bytes).expect("what was written is read");
        assert_eq!(again.to_bytes(), bytes);
    }
    if let Ok(frame) = Frame::from_bytes(data) {
        let bytes = frame.to_bytes();
        let again = Frame::from_bytes(&bytes).expect("what was written is read");
        assert_eq!(again.to_bytes(), bytes);
    }
    if let Ok(tracker) = Tracker::from_bytes(data) {
        let bytes = tracker.to_bytes();
        let again = Tracker::from_bytes(&bytes).expect("what was written is read");
        assert_eq!(again.to_bytes(), bytes);
    }
});
