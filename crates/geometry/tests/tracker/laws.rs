//! What holds of any run: resuming, threads, errors, the span of a batch.

use modality_gap_geometry::tracker::Record;
use modality_gap_geometry::{TrackError, TrackStep, Tracker, TrackerOptions, as_rows};

use modality_gap_testing::Lcg;

use super::{DIM, options, push};

/// Rows of a small random run, seeded.
fn rows(seed: u64, count: usize) -> Vec<f64> {
    let mut random = Lcg::new(seed);
    (0..count * DIM)
        .map(|i| {
            random.signed() / (1.0 + (i % DIM) as f64) + f64::from(u8::from(i % DIM == seed as usize % 3))
        })
        .collect()
}

fn run(tracker: &mut Tracker, steps: std::ops::Range<u64>) -> Vec<Record> {
    steps
        .map(|step| {
            let (x, y, g) = (rows(3 + 6 * step, 50), rows(4 + 6 * step, 50), rows(step, 30));
            push(tracker, (step, &x, &y), &g)
        })
        .collect()
}

fn small_run() -> Tracker {
    Tracker::new(TrackerOptions {
        window: Some(3),
        energy: Some(0.9),
        rank: None,
        ..options(2)
    })
    .unwrap()
}

#[test]
fn an_interrupted_run_goes_on_with_the_same_bits() {
    let mut whole = small_run();
    let records = run(&mut whole, 0..8);
    for cut in [0, 1, 3, 6] {
        let mut first = small_run();
        run(&mut first, 0..cut);
        let mut second = Tracker::from_bytes(&first.to_bytes()).unwrap();
        assert_eq!(second.to_bytes(), first.to_bytes());
        let after = run(&mut second, cut..8);
        let bits = |records: &[Record]| serde_json::to_string(records).unwrap();
        assert_eq!(bits(&after), bits(&records[cut as usize..]), "cut at {cut}");
        assert_eq!(second.to_bytes(), whole.to_bytes());
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bits = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut tracker = small_run();
            (
                serde_json::to_string(&run(&mut tracker, 0..4)).unwrap(),
                tracker.to_bytes(),
            )
        })
    };
    assert_eq!(bits(1), bits(3));
}

/// The energies add up to E‖Δ‖², every baseline is there, and chance stays under what it should.
#[test]
fn what_is_recorded_is_consistent() {
    for record in run(&mut small_run(), 0..4) {
        let parts = &record.decomposition;
        assert!((parts.pmb.hypot(parts.cob) - record.gap.centroid).abs() < 1e-14);
        assert!(
            record.gap.paired_distance.powi(2)
                <= parts.pmb.powi(2) + parts.cob.powi(2) + parts.trace_u + parts.trace_v
        );
        assert!(record.u.isotropic.kappa > 1.0 && record.u.kappa > record.u.isotropic.kappa);
        assert_eq!(record.v.dim, DIM - record.frame.rank);
        let angles = &record.v.random_angle;
        assert!(angles.p05 < angles.p50 && angles.p50 < angles.p95 && angles.p95 <= 90.0);
        let gradient = record.u.gradient.unwrap();
        assert!(gradient.ranks == record.frame.rank && gradient.rho_eig <= 1.0);
    }
}

#[test]
fn gradients_of_the_batch_lie_in_its_span_and_others_do_not() {
    let batch = [rows(1, 3), rows(2, 3)];
    let combined: Vec<f64> = (0..10)
        .flat_map(|i| {
            let batch = &batch;
            (0..DIM).map(move |j| {
                (0..6)
                    .map(|k| ((i * 7 + k * 3) as f64).sin() * batch[k / 3][(k % 3) * DIM + j])
                    .sum()
            })
        })
        .collect();
    let stranger = rows(77, 10);
    let mut spans = Vec::new();
    for gradients in [&combined, &stranger] {
        let mut tracker = Tracker::new(options(0)).unwrap();
        let (x, y) = (rows(3, 40), rows(4, 40));
        let (mut image, mut text) = (as_rows(&x, DIM), as_rows(&y, DIM));
        let (mut grad, mut grad2) = (as_rows(gradients, DIM), as_rows(gradients, DIM));
        let (mut left, mut right) = (as_rows(&batch[0], DIM), as_rows(&batch[1], DIM));
        let step = TrackStep {
            step: 0,
            probe: [&mut image, &mut text],
            gradients: [Some(&mut grad), Some(&mut grad2)],
            batch: [Some(&mut left), Some(&mut right)],
        };
        spans.push(tracker.push(step).unwrap().span.unwrap());
    }
    assert!(spans[0].residual < 1e-13, "{spans:?}");
    assert_eq!(
        (spans[0].dim, spans[0].random),
        (6, (1.0 - 6.0 / 16.0_f64).sqrt())
    );
    assert!(spans[1].residual > 0.05, "{spans:?}");
}

#[test]
fn a_refused_step_is_named_and_changes_nothing() {
    let mut tracker = small_run();
    run(&mut tracker, 0..3);
    let before = tracker.to_bytes();
    let (good, mut bad) = (rows(3, 50), rows(4, 50));
    bad[7 * DIM + 2] = f64::NAN;
    let mut refuse = |step, x: &[f64], y: &[f64], dim| {
        let (mut image, mut text) = (as_rows(x, dim), as_rows(y, dim));
        let step = TrackStep {
            step,
            probe: [&mut image, &mut text],
            gradients: [None, None],
            batch: [None, None],
        };
        let error = tracker.push(step).unwrap_err();
        assert_eq!(tracker.to_bytes(), before);
        error
    };
    assert!(matches!(
        refuse(2, &good, &good, DIM),
        TrackError::Order { step: 2, last: 2 }
    ));
    assert!(matches!(
        refuse(3, &good, &bad, DIM),
        TrackError::BadRow {
            side: "text",
            row: 7,
            ..
        }
    ));
    assert!(matches!(
        refuse(3, &good[..DIM * 4], &good, DIM),
        TrackError::NotPaired { image: 4, text: 50 }
    ));
    assert!(matches!(
        refuse(3, &good[..DIM], &good[..DIM], DIM),
        TrackError::TooFewRows { rows: 1 }
    ));
    assert!(matches!(
        refuse(3, &good, &good, 8),
        TrackError::WidthMismatch {
            found: 8,
            expected: 16,
            ..
        }
    ));
    let still: Vec<f64> = good[..DIM].repeat(5);
    assert!(matches!(refuse(3, &still, &still, DIM), TrackError::NoSpread));
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let base = || TrackerOptions::freezing_at(0);
    for (options, word) in [
        (
            TrackerOptions {
                energy: Some(0.9),
                rank: Some(3),
                ..base()
            },
            "give one",
        ),
        (
            TrackerOptions {
                energy: Some(1.5),
                ..base()
            },
            "energy",
        ),
        (
            TrackerOptions {
                rank: Some(0),
                ..base()
            },
            "rank",
        ),
        (
            TrackerOptions {
                every: Some(0),
                ..base()
            },
            "every",
        ),
        (
            TrackerOptions {
                window: Some(0),
                ..base()
            },
            "window",
        ),
        (
            TrackerOptions {
                top_eigen: Some(1),
                ..base()
            },
            "topEigen",
        ),
        (
            TrackerOptions {
                lambda: Some(0.0),
                ..base()
            },
            "lambda",
        ),
    ] {
        assert!(Tracker::new(options).unwrap_err().to_string().contains(word));
    }
}

/// Any cut, any flipped byte of the header: refused, or read as another well-formed state; never a panic.
#[test]
fn damaged_states_are_refused() {
    let mut tracker = small_run();
    run(&mut tracker, 0..4);
    let bytes = tracker.to_bytes();
    for cut in (0..bytes.len()).step_by(97) {
        assert!(Tracker::from_bytes(&bytes[..cut]).is_err());
    }
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + 8;
    for at in 0..header {
        let mut bent = bytes.clone();
        bent[at] ^= 0x15;
        let _ = Tracker::from_bytes(&bent);
    }
    let text = Tracker::from_bytes(b"no state").unwrap_err().to_string();
    assert!(text.starts_with("not a tracker state file"), "{text}");
}
