//! A saved frame is the frame, and hostile bytes are refused with a reason.

use modality_gap_geometry::{ContainerError, Covariance, Frame, FrameSize, as_rows};

fn frame() -> Frame {
    let covariance = |seed: usize| {
        let mut state = Covariance::about(&[0.0; 7]);
        let rows: Vec<f64> = (0..7 * 40)
            .map(|i| ((i * i + seed * 31) as f64 * 0.7).sin() / (1.0 + (i % 7) as f64))
            .collect();
        state.accumulate(as_rows(&rows, 7));
        state
    };
    Frame::of(&covariance(1), &covariance(2), FrameSize::Energy(0.9)).unwrap()
}

#[test]
fn a_saved_frame_is_the_same_to_the_bit() {
    let frame = frame();
    let loaded = Frame::from_bytes(&frame.to_bytes()).unwrap();
    assert_eq!(loaded, frame);
    assert_eq!(loaded.to_bytes(), frame.to_bytes());
    assert!(
        loaded
            .principal_angles(&frame)
            .unwrap()
            .iter()
            .all(|&a| a < 1e-14)
    );
    assert_eq!(frame.values().len(), frame.dim());
    let share = frame.values()[..frame.rank()].iter().sum::<f64>() / frame.values().iter().sum::<f64>();
    assert!((share - frame.energy()).abs() < 1e-15);
}

#[test]
fn damaged_frames_are_refused_and_none_is_trusted() {
    let bytes = frame().to_bytes();
    for cut in [0, 7, 8, bytes.len() / 2, bytes.len() - 1] {
        assert!(Frame::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    // a byte of the basis that changes a component by more than rounding leaves it no basis
    let mut bent = bytes.clone();
    let at = bytes.len() - 7 * 8 - 8 * 20 - 2;
    bent[at] ^= 0x10;
    let text = Frame::from_bytes(&bent).unwrap_err().to_string();
    assert!(
        text.contains("not orthonormal") || text.contains("not finite"),
        "{text}"
    );
    let mut infinite = bytes.clone();
    let end = infinite.len();
    infinite[end - 8..].copy_from_slice(&f64::INFINITY.to_le_bytes());
    let text = Frame::from_bytes(&infinite).unwrap_err().to_string();
    assert!(text.contains("a component that is not finite"), "{text}");
    let replaced = |from: &str, to: &str| {
        let text: Vec<u8> = bytes.clone();
        let at = text
            .windows(from.len())
            .position(|w| w == from.as_bytes())
            .unwrap();
        let mut text = text;
        text.splice(at..at + from.len(), to.bytes());
        Frame::from_bytes(&text).unwrap_err()
    };
    assert!(matches!(
        replaced(r#"\"version\":1"#, r#"\"version\":9"#),
        ContainerError::Newer {
            found: 9,
            known: 1,
            ..
        }
    ));
    assert!(
        replaced("modality-gap-frame", "modality-gap-fraud")
            .to_string()
            .contains("no `modality-gap-frame`")
    );
    assert!(
        replaced(r#"\"dim\":7"#, r#"\"dim\":6"#)
            .to_string()
            .contains("instead of F64")
    );
    let rank = format!(r#"\"rank\":{}"#, frame().rank());
    assert!(
        replaced(&rank, r#"\"rank\":9"#)
            .to_string()
            .contains("rank 9 of 7")
    );
}
