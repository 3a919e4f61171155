//! ReAlign against its definition, computed row by row without any of the shortcuts.

mod common;

use common::{
    Both, DIM, Row, distance, fitted, mean, moments, normalised, options, plus, rows, transformed, unit,
};
use modality_gap_geometry::{
    Aligner, AlignerFileError, Covariance, FitError, FitOptions, Map, Moments, Noise, Policy, as_rows,
    centroid_gap, fit,
};
use serde_json::json;

/// The equations of arXiv 2602.07026, section 4, as they are printed.
fn by_the_book(image: &[f64], text: &[f64], passes: usize) -> Vec<Row> {
    let x: Vec<Row> = image.chunks(DIM).map(normalised).collect();
    let y: Vec<Row> = text.chunks(DIM).map(normalised).collect();
    let (mu_x, mu_y) = (mean(&x), mean(&y));
    let trace = |rows: &[Row], mu: &Row| {
        rows.iter().map(|r| distance(r, mu).powi(2)).sum::<f64>() / rows.len() as f64
    };
    let s = (trace(&x, &mu_x) / (trace(&y, &mu_y) + 1e-10)).sqrt();
    let scaled = |r: &Row| {
        plus(
            &plus(r, &mu_y, -1.0).iter().map(|v| s * v).collect::<Row>(),
            &mu_x,
            1.0,
        )
    };
    let mut z: Vec<Row> = y.iter().map(|r| normalised(&scaled(r))).collect();
    for _ in 0..passes {
        let h = plus(&mu_x, &mean(&z), -1.0);
        z = z.iter().map(|r| normalised(&plus(r, &h, 1.0))).collect();
    }
    z
}

/// Both ways round a few dozen f64 operations a component: 1e-14 is ten times their rounding.
#[test]
fn equals_the_printed_equations() {
    let (image, text) = (rows(400, 3, 0.6), rows(300, 8, 0.5));
    for passes in [1, 2, 5] {
        let aligner = fitted(&image, &text, json!({ "centroidIterations": passes }));
        let ours = transformed(&aligner, &text);
        for (ours, book) in ours.chunks(DIM).zip(by_the_book(&image, &text, passes)) {
            assert!(
                distance(ours, &book) < 1e-14,
                "{passes} passes: {}",
                distance(ours, &book)
            );
        }
    }
}

/// √(Tx/n + Ty/m), traces with divisor n.
#[test]
fn the_floor_of_a_fit_is_the_noise_of_both_means() {
    let (image, text) = (rows(400, 3, 0.6), rows(300, 8, 0.5));
    let noise = |rows: &[f64]| {
        let rows: Vec<Row> = rows.chunks(DIM).map(normalised).collect();
        let (n, mean) = (rows.len() as f64, mean(&rows));
        rows.iter().map(|row| distance(row, &mean).powi(2)).sum::<f64>() / n / n
    };
    let floor = fitted(&image, &text, json!({})).info().gap.floor;
    let expected = (noise(&image) + noise(&text)).sqrt();
    assert!((floor / expected - 1.0).abs() < 1e-12, "{floor} {expected}");
}

#[test]
fn every_iteration_shrinks_the_gap_and_a_tolerance_stops_it() {
    let (image, text) = (rows(400, 3, 0.6), rows(300, 8, 0.5));
    let gap = |value| {
        let aligner = fitted(&image, &text, value);
        (
            distance(moments(&text, aligner.map()).mean(), unit(&image).mean()),
            aligner.info().iterations,
        )
    };
    let mut last = f64::INFINITY;
    for passes in 1..8 {
        let (now, stored) = gap(json!({ "centroidIterations": passes }));
        assert!(now < 0.9 * last, "{passes} passes: {now} after {last}");
        assert_eq!(stored, passes);
        last = now;
    }
    let (reached, stored) = gap(json!({ "tolerance": 1e-9 }));
    assert!(reached <= 1e-9 && stored > 8, "{reached} after {stored}");
}

/// One shift whose projected rows have the target's mean, to the rounding of a mean of 300 rows.
#[test]
fn solve_finds_the_shift_with_no_gap_left() {
    let (image, text) = (rows(400, 3, 0.6), rows(300, 8, 0.5));
    let mut passes = Both::new(&image, &text);
    let solve = options(json!({ "centroid": "solve" }));
    let aligner = fit(&unit(&image), &unit(&text), &solve, None, &mut passes).unwrap();
    let passes = passes.passes;
    assert!(distance(moments(&text, aligner.map()).mean(), unit(&image).mean()) <= 1e-14);
    assert_eq!(aligner.info().iterations, 0);
    assert!(
        passes < 25,
        "{passes} passes: the plain iteration takes about sixty"
    );
}

#[test]
fn steps_can_be_left_out() {
    let (image, text) = (rows(400, 3, 0.6), rows(300, 8, 0.5));
    let of = |value| transformed(&fitted(&image, &text, value), &text);
    assert_eq!(
        of(json!({ "steps": ["anchor"] })),
        of(json!({ "method": "mean-shift" }))
    );
    assert_eq!(of(json!({ "steps": [] })), of(json!({ "method": "none" })));
    let scaled = fitted(&image, &text, json!({ "steps": ["anchor", "trace"] }));
    for (ours, book) in transformed(&scaled, &text)
        .chunks(DIM)
        .zip(by_the_book(&image, &text, 0))
    {
        assert!(distance(ours, &book) < 1e-14);
    }
    let euclidean = fitted(
        &image,
        &text,
        json!({ "steps": ["anchor", "trace"], "renormalize": false }),
    );
    let z = moments(&text, euclidean.map());
    assert!(
        distance(z.mean(), unit(&image).mean()) < 1e-15,
        "off the sphere the mean is exact"
    );
    assert!(
        (z.trace() / unit(&image).trace() - 1.0).abs() < 1e-9,
        "and so is the trace, up to ε"
    );
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let (image, text) = (rows(40, 3, 0.6), rows(30, 8, 0.5));
    let refused = |value| {
        let mut passes = Both::new(&image, &text);
        matches!(
            fit(&unit(&image), &unit(&text), &options(value), None, &mut passes),
            Err(FitError::BadOption(_))
        )
    };
    assert!(refused(json!({ "method": "centering", "steps": ["anchor"] })));
    assert!(refused(json!({ "centroidIterations": 0 })));
    assert!(refused(json!({ "tolerance": -1.0 })));
    assert!(refused(json!({ "renormalize": false, "centroidIterations": 2 })));
    assert!(refused(json!({ "noise": 0.1 })));
    assert!(refused(json!({ "method": "c3", "noise": -0.1 })));
    assert!(refused(json!({ "method": "procrustes", "ridge": 1e-6 })));
    assert!(refused(json!({ "method": "bca", "ridge": 0.0 })));
    assert!(refused(json!({ "method": "bures", "centered": false })));
    assert!(refused(json!({ "method": "bures", "rank": 3 })));
    assert!(refused(json!({ "method": "bca", "rank": 3, "energy": 0.9 })));
    assert!(refused(json!({ "centroid": "solve", "compat": "official" })));
    assert!(serde_json::from_value::<FitOptions>(json!({ "centroidIteration": 2 })).is_err());
}

#[test]
fn a_side_of_one_row_has_no_spread_to_fit() {
    let (image, text) = (rows(40, 3, 0.6), rows(1, 8, 0.5));
    let (x, y, mut passes) = (unit(&image), unit(&text), Both::new(&image, &text));
    let error = fit(&x, &y, &FitOptions::default(), None, &mut passes).unwrap_err();
    assert!(error.to_string().contains("text has 1 usable rows"), "{error}");
}

#[test]
fn a_file_gives_back_the_same_aligner() {
    let (image, text) = (rows(400, 3, 0.6), rows(300, 8, 0.5));
    for value in [
        json!({}),
        json!({ "centroidIterations": 3, "encoder": "clip" }),
        json!({ "method": "none" }),
        json!({ "method": "centering" }),
        json!({ "centroid": "solve" }),
        json!({ "compat": "official" }),
        json!({ "renormalize": false }),
        json!({ "method": "c3", "noise": 0.1, "noiseSeed": 5 }),
        json!({ "method": "bca", "rank": 7, "centered": false }),
        json!({ "method": "bures" }),
        json!({ "method": "aniso-init", "energy": 0.8 }),
    ] {
        let aligner = fitted(&image, &text, value);
        let bytes = aligner.to_bytes();
        let again = Aligner::from_bytes(&bytes).unwrap();
        assert_eq!(again, aligner);
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!(transformed(&again, &text), transformed(&aligner, &text));
    }
}

#[test]
fn a_newer_file_is_refused_by_its_version() {
    let bytes = fitted(&rows(40, 3, 0.6), &rows(30, 8, 0.5), json!({})).to_bytes();
    let at = bytes
        .windows(14)
        .position(|w| w == br#"{\"version\":1,"#)
        .unwrap_or_else(|| {
            bytes
                .windows(13)
                .position(|w| w == br#"\"version\":1"#)
                .expect("the version stands in the header")
        });
    let mut newer = bytes.clone();
    let digit = newer[at..].iter().position(|&b| b == b'1').unwrap() + at;
    for found in [3, 7] {
        newer[digit] = b'0' + found;
        let found = u64::from(found);
        assert_eq!(
            Aligner::from_bytes(&newer),
            Err(AlignerFileError::Newer { found, known: 2 })
        );
    }
}

/// No prefix and no flipped byte of the header panics or passes for the aligner it was.
#[test]
fn damaged_files_are_refused_or_differ() {
    for value in [json!({}), json!({ "method": "aniso-init" })] {
        let aligner = fitted(&rows(40, 3, 0.6), &rows(30, 8, 0.5), value);
        let bytes = aligner.to_bytes();
        for len in 0..bytes.len() {
            assert!(Aligner::from_bytes(&bytes[..len]).is_err(), "{len} bytes");
        }
        for at in 0..bytes.len().min(1_500) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x15;
            assert_ne!(Aligner::from_bytes(&damaged).as_ref(), Ok(&aligner), "byte {at}");
        }
    }
}

#[test]
fn a_frame_holds_some_of_the_energy_and_has_directions() {
    let checked = |value: serde_json::Value| options(value).check::<()>().is_ok();
    for (value, good) in [
        (json!({ "method": "bca", "energy": 0 }), false),
        (json!({ "method": "bca", "energy": 1e-9 }), true),
        (json!({ "method": "bca", "energy": 1 }), true),
        (json!({ "method": "bca", "energy": 1.000_001 }), false),
        (json!({ "method": "bca", "rank": 0 }), false),
        (json!({ "method": "bca", "rank": 1 }), true),
        (json!({ "method": "bca", "rank": 1, "energy": 0.5 }), false),
        (json!({ "energy": 0.5 }), false),
    ] {
        assert_eq!(checked(value.clone()), good, "{value}");
    }
}

#[test]
fn a_state_file_keeps_every_bit() {
    let state = moments(&rows(300, 8, 0.5), &Map::identity(DIM, Policy::Raw));
    assert_eq!(Moments::from_bytes(&state.to_bytes()).unwrap(), state);
    for len in [0, 7, 8, 100, state.to_bytes().len() - 1] {
        assert!(Moments::from_bytes(&state.to_bytes()[..len]).is_err());
    }
}

/// Against the sums of the definition; and about any centre, in one part or two.
#[test]
fn covariance_equals_its_definition() {
    let values = rows(500, 4, 0.7);
    let n = 500.0;
    let mean: Row = (0..DIM)
        .map(|j| values.chunks(DIM).map(|r| r[j]).sum::<f64>() / n)
        .collect();
    let mut whole = Covariance::about(&mean);
    whole.accumulate(as_rows(&values, DIM));
    let (mut first, mut second) = (Covariance::about(&[0.3; DIM]), Covariance::about(&[-0.1; DIM]));
    first.accumulate(as_rows(&values[..200 * DIM], DIM));
    second.accumulate(as_rows(&values[200 * DIM..], DIM));
    first.merge(&second);
    for i in 0..DIM {
        for j in 0..DIM {
            let book = values
                .chunks(DIM)
                .map(|r| (r[i] - mean[i]) * (r[j] - mean[j]))
                .sum::<f64>()
                / n;
            assert!((whole.entry(i, j) - book).abs() < 1e-14);
            assert!(
                (first.entry(i, j) - book).abs() < 1e-13,
                "merging shifts by centres of size 0.3"
            );
        }
    }
}

/// Two samples of one distribution: the 95 % interval of the unbiased gap² holds zero in about 95 of 100 draws.
/// Binomial with p = 0.95: fewer than 180 of 200 has a chance below one in a thousand.
#[test]
fn the_interval_covers_zero_when_there_is_no_gap() {
    let covered = (0..200)
        .filter(|&draw| {
            let sides = [2 * draw, 2 * draw + 1].map(|seed| rows(80, 1_000 + seed * DIM as u64, 0.5));
            let states = [unit(&sides[0]), unit(&sides[1])];
            let covariances = [0, 1].map(|i| {
                let mut covariance = Covariance::about(states[i].mean());
                let units: Vec<f64> = sides[i].chunks(DIM).flat_map(normalised).collect();
                covariance.accumulate(as_rows(&units, DIM));
                covariance
            });
            let gap = centroid_gap(&states[0], &states[1]);
            let [x, z] = &covariances;
            let noise = Noise::of_samples(
                [&states[0], &states[1]],
                [1.0 / 80.0; 2],
                Some([x, z]),
                &gap.difference,
            );
            let [low, high] = noise.judge(gap.centroid.powi(2), DIM).interval.unwrap();
            low <= 0.0 && 0.0 <= high
        })
        .count();
    assert!(covered >= 180, "{covered} of 200");
}
