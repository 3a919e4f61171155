//! Synthetic dynamics with known answers.

use modality_gap_geometry::{Tracker, TrackerOptions};

use super::{DIM, RANK, options, push};

/// Angle between a row and its modality's axis.
const CONE: f64 = 0.6;

/// Axis k of the space.
fn axis(k: usize) -> Vec<f64> {
    (0..DIM).map(|j| f64::from(u8::from(j == k))).collect()
}

/// cos a·v + sin a·w.
fn turned(v: &[f64], w: &[f64], angle: f64) -> Vec<f64> {
    v.iter()
        .zip(w)
        .map(|(v, w)| angle.cos() * v + angle.sin() * w)
        .collect()
}

/// Unit rows on a cone around `mean`, along ± each of `spread`: their mean is cos(CONE)·mean, and their covariance has
/// the eigenvectors `spread`.
fn cone(mean: &[f64], spread: &[Vec<f64>]) -> Vec<f64> {
    spread
        .iter()
        .flat_map(|direction| [CONE, -CONE].map(|angle| turned(mean, direction, angle)))
        .flatten()
        .collect()
}

fn spread() -> Vec<Vec<f64>> {
    (4..4 + RANK).map(axis).collect()
}

/// One of U's directions turns by a known angle towards V: that is the largest principal angle, and the others are zero.
#[test]
fn a_subspace_that_turns_by_an_angle_is_found_to_have_turned_by_it() {
    let mut tracker = Tracker::new(options(10)).unwrap();
    for (step, angle) in [(0, 0.4), (10, 0.0), (20, 0.1), (30, 1e-7), (40, 1.2)] {
        let mut directions = spread();
        directions[1] = turned(&directions[1], &axis(12), angle);
        let (x, y) = (cone(&axis(0), &directions), cone(&axis(1), &directions));
        let record = push(&mut tracker, (step, &x, &y), &[]);
        let Some(rotation) = record.rotation else {
            assert_eq!(step, 0, "a frame that is not frozen has nothing to turn against");
            assert!(!record.frame.frozen);
            continue;
        };
        assert_eq!(record.frame.step, 10);
        assert!((rotation.sin_theta - angle.sin()).abs() < 1e-14, "{rotation:?}");
        assert!((rotation.rms_sine - angle.sin() / (RANK as f64).sqrt()).abs() < 1e-14);
        assert!((rotation.rms_angle - angle.to_degrees() / (RANK as f64).sqrt()).abs() < 1e-12);
        assert_eq!(rotation.random, 0.75_f64.sqrt());
    }
}

/// The text's mean turns in V by φ a step: ‖γ(t)−γ(t0)‖ and the angle between steps follow from the triangle of means.
#[test]
fn a_bias_that_drifts_by_an_angle_is_found_to_have_drifted_by_it() {
    let mut tracker = Tracker::new(options(0)).unwrap();
    let phi = 0.05;
    for step in 0..12_u64 {
        let total = phi * step as f64;
        let x = cone(&axis(0), &spread());
        let y = cone(&turned(&axis(1), &axis(2), total), &spread());
        let record = push(&mut tracker, (step, &x, &y), &[]);
        let drift = 2.0_f64.sqrt() * (total / 2.0).sin();
        assert!((record.passive.drift.unwrap() - drift).abs() < 1e-14);
        assert!((record.decomposition.cob - CONE.cos() * 2.0_f64.sqrt()).abs() < 1e-14);
        assert!(record.decomposition.pmb < 1e-15);
        assert!((record.gap.centroid - CONE.cos() * 2.0_f64.sqrt()).abs() < 1e-14);
        if step > 0 {
            let cosine = f64::midpoint(1.0, phi.cos());
            assert!((record.passive.step_cosine.unwrap() - cosine).abs() < 1e-14);
        }
    }
}

/// Gradients with a known share of their energy in V, mean included; the bound and its remainder follow.
#[test]
fn leakage_is_the_share_of_energy_outside_the_frame() {
    let mut tracker = Tracker::new(options(0)).unwrap();
    let (x, y) = (cone(&axis(0), &spread()), cone(&axis(1), &spread()));
    let gradients: Vec<f64> = [3.0, -1.0, 1.0]
        .iter()
        .flat_map(|s| turned(&axis(4), &axis(13), 0.2).into_iter().map(move |v| s * v))
        .chain(vec![0.0; DIM])
        .collect();
    let record = push(&mut tracker, (0, &x, &y), &gradients);
    let leakage = record.leakage.unwrap();
    assert!((leakage.leak - 0.2_f64.sin()).abs() < 1e-14, "{leakage:?}");
    assert_eq!((leakage.image, leakage.text), (Some(leakage.leak), None));
    assert_eq!(leakage.random, 0.75_f64.sqrt());
    let bound = record.rotation.unwrap().sin_theta + record.coupling.norm;
    assert_eq!(leakage.bound, Some(bound));
    assert_eq!(leakage.remainder, Some(leakage.leak - bound));
}

/// Two steps whose Σ_V are diagonal with κ = 9 the one way and the other average to an isotropic Σ_V, and the drift of
/// the means between them adds nothing: covariances are averaged, not pooled.
#[test]
fn a_window_averages_covariances_and_pools_nothing() {
    let mut tracker = Tracker::new(TrackerOptions {
        window: Some(2),
        retrieval_pairs: Some(0),
        ..options(0)
    })
    .unwrap();
    let pairs = |lengths: [f64; 2], mean: f64| {
        // both modalities spread widely along the axes of U, and their difference along two axes of V
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for (k, length) in [(8, lengths[0]), (9, lengths[1])] {
            for sign in [1.0, -1.0] {
                for u in 4..4 + RANK {
                    for side in [1.0, -1.0] {
                        // x and y differ in V only, by ± length, and have one length
                        let shared = (0.5 - length * length - mean * mean).sqrt();
                        let mut a = vec![0.0; DIM];
                        a[u] = side * shared;
                        a[k] = sign * length;
                        a[12] = mean;
                        let mut b = a.clone();
                        b[k] = -a[k];
                        b[12] = -mean;
                        x.extend(a);
                        y.extend(b);
                    }
                }
            }
        }
        (x, y)
    };
    let (x, y) = pairs([0.06, 0.02], 0.3);
    let first = push(&mut tracker, (0, &x, &y), &[]);
    assert!((first.v.kappa - 9.0).abs() < 1e-9, "{:?}", first.v);
    assert!(first.window.is_none() && first.retrieval.is_none());
    let (x, y) = pairs([0.02, 0.06], 0.2);
    let second = push(&mut tracker, (1, &x, &y), &[]);
    let window = second.window.unwrap();
    assert_eq!((window.from, window.steps), (0, 2));
    assert!(window.v.kappa < 1.1, "{:?}", window.v);
    let (x, y) = pairs([0.06, 0.02], 0.3);
    assert!(
        push(&mut tracker, (2, &x, &y), &[]).window.is_none(),
        "a new window has begun"
    );
}

#[test]
fn partners_are_found_and_strangers_are_not() {
    let mut tracker = Tracker::new(options(0)).unwrap();
    let x = cone(&axis(0), &spread());
    let same = push(&mut tracker, (0, &x, &x), &[]).retrieval.unwrap();
    assert_eq!(
        (same.pairs, same.image_to_text.r1, same.text_to_image.r5),
        (8, 1.0, 1.0)
    );
    // every text is its image's opposite on the cone: seven rows are nearer, so none is among five
    let opposite: Vec<f64> = x
        .chunks(DIM)
        .flat_map(|row| row.iter().enumerate().map(|(j, v)| if j > 0 { -v } else { *v }))
        .collect();
    let other = push(&mut tracker, (1, &x, &opposite), &[]).retrieval.unwrap();
    assert_eq!((other.image_to_text.r5, other.text_to_image.r5), (0.0, 0.0));
}
