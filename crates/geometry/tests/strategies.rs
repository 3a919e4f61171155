//! The strategies beside ReAlign, by the laws that define them.

mod common;

use common::{DIM, Row, distance, fitted, mapped, moments, normalised, rows, transformed, unit};
use modality_gap_geometry::{Covariance, Map, Policy, Scratch, as_rows};
use modality_gap_kernels::{Rows, RowsMut};
use serde_json::json;

fn covariance(rows: &[f64]) -> Covariance {
    let mut covariance = Covariance::about(&[0.0; DIM]);
    covariance.accumulate(as_rows(rows, DIM));
    covariance
}

fn relative_distance(a: &Covariance, b: &Covariance) -> f64 {
    (a.matrix() - b.matrix()).norm_l2() / a.matrix().norm_l2()
}

/// Off the sphere, Gaussian transport gives the target's mean and covariance, up to the ridge.
#[test]
fn transport_gives_the_targets_moments() {
    let (image, text) = (rows(900, 3, 0.6), rows(700, 8, 0.5));
    let aligner = fitted(
        &image,
        &text,
        json!({ "method": "bures", "renormalize": false, "ridge": 1e-12 }),
    );
    let z = transformed(&aligner, &text);
    let x = mapped(&image, &Map::identity(DIM, Policy::Unit));
    assert!(distance(moments(&text, aligner.map()).mean(), unit(&image).mean()) < 1e-13);
    assert!(relative_distance(&covariance(&x), &covariance(&z)) < 1e-8);
}

/// Text that is a rotated image side is rotated back, reflections included.
#[test]
fn procrustes_undoes_a_rotation() {
    let image = rows(300, 3, 0.6);
    // a cyclic shift with one sign changed: orthogonal, determinant −1 for this width
    let turned: Vec<f64> = image
        .chunks(DIM)
        .flat_map(|row| (0..DIM).map(move |j| if j == 0 { -row[DIM - 1] } else { row[j - 1] }))
        .collect();
    let aligner = fitted(&image, &turned, json!({ "method": "procrustes" }));
    let x = mapped(&image, &Map::identity(DIM, Policy::Unit));
    for (z, x) in transformed(&aligner, &turned).chunks(DIM).zip(x.chunks(DIM)) {
        assert!(distance(z, x) < 1e-12);
    }
}

/// Before its last projection, BCA about the means gives the block covariances of the target; with rank d there is one block.
#[test]
fn bca_matches_the_covariance_before_it_projects() {
    let (image, text) = (rows(900, 3, 0.6), rows(700, 8, 0.5));
    let aligner = fitted(
        &image,
        &text,
        json!({ "method": "bca", "rank": DIM, "ridge": 1e-12 }),
    );
    let Map::Staged(map) = aligner.map() else {
        panic!("a staged map");
    };
    // anchor, sphere, matrix and shift come first
    let linear = modality_gap_geometry::StagedMap::new(DIM, map.stages()[..4].to_vec());
    let z = mapped(&text, &linear.into());
    let x = mapped(&image, &Map::identity(DIM, Policy::Unit));
    assert!(relative_distance(&covariance(&x), &covariance(&z)) < 1e-8);
}

/// Image and text alike: whatever copies distributions leaves the rows where they are.
#[test]
fn equal_sides_stay_put() {
    let image = rows(500, 3, 0.6);
    let x = mapped(&image, &Map::identity(DIM, Policy::Unit));
    for (method, limit) in [
        ("aniso-init", 1e-7),
        ("bures", 1e-9),
        ("bca", 1e-9),
        ("procrustes", 1e-12),
    ] {
        let aligner = fitted(&image, &image, json!({ "method": method }));
        for (z, x) in transformed(&aligner, &image).chunks(DIM).zip(x.chunks(DIM)) {
            assert!(distance(z, x) < limit, "{method}: {}", distance(z, x));
        }
    }
}

/// Radii of the first pairs have the target's distribution before the sphere.
#[test]
fn aniso_init_copies_radii() {
    let (image, text) = (rows(400, 3, 0.6), rows(400, 8, 0.5));
    let aligner = fitted(&image, &text, json!({ "method": "aniso-init", "rank": 6 }));
    let Map::Staged(map) = aligner.map() else {
        panic!("a staged map");
    };
    let polar = modality_gap_geometry::StagedMap::new(DIM, map.stages()[..2].to_vec());
    let z = mapped(&text, &polar.into());
    let x = mapped(&image, &Map::identity(DIM, Policy::Unit));
    let basis = {
        let unit = Map::identity(DIM, Policy::Unit);
        let y = mapped(&text, &unit);
        let size = modality_gap_geometry::FrameSize::Rank(6);
        modality_gap_geometry::Frame::of(&covariance(&x), &covariance(&y), size).unwrap()
    };
    for pair in 0..3 {
        let radii = |rows: &[f64]| -> Vec<f64> {
            let along = |row: &[f64], k: usize| -> f64 { (0..DIM).map(|i| row[i] * basis.u()[(i, k)]).sum() };
            let mut radii: Vec<f64> = rows
                .chunks(DIM)
                .map(|row| along(row, 2 * pair).hypot(along(row, 2 * pair + 1)))
                .collect();
            radii.sort_by(f64::total_cmp);
            radii
        };
        for (a, b) in radii(&x).iter().zip(radii(&z)) {
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }
}

/// Noise of length σ√d about the anchored rows; the same rows again give the same noise, another seed another.
#[test]
fn c3_adds_keyed_noise() {
    let (image, text) = (rows(400, 3, 0.6), rows(300, 8, 0.5));
    let of = |seed: u64| {
        let value = json!({ "method": "c3", "noise": 0.2, "noiseSeed": seed, "renormalize": false });
        transformed(&fitted(&image, &text, value), &text)
    };
    let anchored = transformed(
        &fitted(
            &image,
            &text,
            json!({ "method": "mean-shift", "renormalize": false }),
        ),
        &text,
    );
    let noise: Vec<f64> = of(1).iter().zip(&anchored).map(|(a, b)| a - b).collect();
    let variance = noise.iter().map(|v| v * v).sum::<f64>() / noise.len() as f64;
    // five standard errors of a variance of 5,700 draws
    assert!(
        (variance / 0.04 - 1.0).abs() < 5.0 * (2.0 / noise.len() as f64).sqrt(),
        "{variance}"
    );
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

/// A row that a stage maps onto the origin is named, the others are mapped all the same.
#[test]
fn rows_without_a_direction_are_named() {
    use modality_gap_geometry::{BadRowReason, Stage, StagedMap};
    let map = Map::from(StagedMap::new(
        2,
        vec![Stage::Add(vec![-1.0, 0.0]), Stage::Sphere],
    ));
    let rows = [3.0, 0.0, 0.0, 5.0, f64::NAN, 1.0];
    let (mut scratch, mut bad, mut out) = (Scratch::default(), Vec::new(), [0.0; 6]);
    map.prepare(Rows::F64(&rows), 0, &mut scratch, &mut bad);
    map.write(Rows::F64(&rows), &scratch, RowsMut::F64(&mut out));
    let reasons: Vec<_> = bad.iter().map(|bad| (bad.row, bad.reason)).collect();
    assert_eq!(
        reasons,
        [
            (0, BadRowReason::NoDirection),
            (2, BadRowReason::NotFinite { column: 0 })
        ]
    );
    let expected: Row = normalised(&[-1.0, 1.0]);
    assert_eq!(out[..2], [0.0, 0.0]);
    assert!(distance(&out[2..4], &expected) < 1e-15);
    assert_eq!(out[4..], [0.0, 0.0]);
    assert_eq!(map.moments(Rows::F64(&rows), &scratch).rows(), 1);
}

/// Against the sums of the definition; about any centres, in one part or two; and Σr = Σx + Σy − Σxy − Σyx.
#[test]
fn cross_covariance_equals_its_definition() {
    use modality_gap_geometry::CrossCovariance;
    let (x, y) = (rows(500, 4, 0.7), rows(500, 9, -0.4));
    let mut whole = CrossCovariance::about(&[0.0; DIM], &[0.0; DIM]);
    whole.accumulate(as_rows(&x, DIM), as_rows(&y, DIM));
    let mut first = CrossCovariance::about(&[0.3; DIM], &[0.1; DIM]);
    let mut second = CrossCovariance::about(&[-0.1; DIM], &[0.2; DIM]);
    let cut = 130 * DIM;
    first.accumulate(as_rows(&x[..cut], DIM), as_rows(&y[..cut], DIM));
    second.accumulate(as_rows(&x[cut..], DIM), as_rows(&y[cut..], DIM));
    first.merge(&second);
    assert_eq!(first.rows(), 500);
    let difference: Vec<f64> = x.iter().zip(&y).map(|(a, b)| a - b).collect();
    let (xy, merged) = (whole.matrix(), first.matrix());
    let sums = covariance(&x).matrix() + covariance(&y).matrix() - &xy - xy.transpose();
    let residual = covariance(&difference).matrix();
    // centres of size 0.3 and 500 terms below one: rounding stays under 1e-14
    assert!((&xy - &merged).norm_max() < 1e-14);
    assert!((sums - residual).norm_max() < 1e-14);
}

/// C3 with both sides centred, without noise: each side minus its own mean, onto the sphere; no shift between them is left.
#[test]
fn centred_c3_takes_each_side_to_the_origin() {
    let (image, text) = (rows(900, 3, 0.6), rows(700, 8, 0.5));
    let aligner = fitted(
        &image,
        &text,
        json!({ "method": "c3", "centered": true, "noise": 0, "renormalize": false }),
    );
    let target = aligner.target_map().expect("images move as well");
    assert!(distance(moments(&text, aligner.map()).mean(), &[0.0; DIM]) < 1e-13);
    assert!(distance(moments(&image, target).mean(), &[0.0; DIM]) < 1e-13);
    let plain = fitted(&image, &text, json!({ "method": "c3" }));
    assert!(plain.target_map().is_none());
}

/// A pass draws noise of its own, the first one that of the file; whatever draws none is the same in every pass.
#[test]
fn every_epoch_draws_noise_anew() {
    let (image, text) = (rows(90, 3, 0.6), rows(70, 8, 0.5));
    let aligner = fitted(&image, &text, json!({ "method": "c3" }));
    let of = |epoch| mapped(&text, &aligner.map().in_epoch(epoch));
    assert_eq!(of(0), mapped(&text, aligner.map()));
    assert_ne!(of(1), of(0));
    assert_ne!(of(2), of(1));
    assert_eq!(of(2), of(2));
    let still = fitted(&image, &text, json!({ "method": "realign" }));
    assert_eq!(
        mapped(&text, &still.map().in_epoch(3)),
        mapped(&text, still.map())
    );
}
