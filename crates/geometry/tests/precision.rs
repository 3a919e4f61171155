//! Products of covariances in f32 against those in f64: what is stated of them, of rows that make it hard.

#![allow(clippy::unwrap_used, reason = "a test")]

use faer::Mat;
use half::{bf16, f16};
use modality_gap_geometry::{Cka, Covariance, CrossCovariance, Eigen, Precision, as_rows};
use modality_gap_kernels::dot;
use modality_gap_testing::Lcg;

const DIM: usize = 96;
/// Unit of rounding of f32.
const UNIT: f64 = f32::EPSILON as f64 / 2.0;
/// Roundings of an entry in the worst case, in units.
const WORST: f64 = 70.0;

/// Rows by what makes them hard.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Spectrum falling to a three-hundredth, turned, in these types.
    Power(fn(f64) -> f64),
    /// Signs, all columns alike: two values a column.
    Signs,
    /// Few different rows, again and again, so that roundings repeat.
    Repeated,
    /// Far from the centre: a mean a hundred times as large as a deviation.
    Far,
    /// Columns that are all nearly the first.
    Correlated,
    /// Columns from 1 down to 1e-30, whose products f32 cannot hold.
    Scaled,
    /// One row a thousand times as long as the others.
    Outlier,
}

const KINDS: [Kind; 9] = [
    Kind::Power(|v| v),
    Kind::Power(|v| f16::from_f64(v).to_f64()),
    Kind::Power(|v| bf16::from_f64(v).to_f64()),
    Kind::Signs,
    Kind::Repeated,
    Kind::Far,
    Kind::Correlated,
    Kind::Scaled,
    Kind::Outlier,
];

fn rows(kind: Kind, n: usize, seed: u64) -> Vec<f64> {
    let mut random = Lcg::new(seed);
    let axes = [0.7_f64, 1.3].map(|phase| -> Vec<f64> {
        let axis: Vec<f64> = (0..DIM).map(|k| (phase * k as f64).sin() + 0.1).collect();
        let length = dot(&axis, &axis).sqrt();
        axis.iter().map(|v| v / length).collect()
    });
    let mut rows = Vec::with_capacity(n * DIM);
    for i in 0..n {
        if matches!(kind, Kind::Repeated) && i >= 64 {
            rows.extend_from_within((i - 64) * DIM..(i - 63) * DIM);
            continue;
        }
        let mut row: Vec<f64> = (0..DIM)
            .map(|k| random.signed() * 0.97_f64.powf(k as f64))
            .collect();
        for axis in &axes {
            let along = 2.0 * dot(&row, axis);
            row.iter_mut().zip(axis).for_each(|(v, a)| *v -= along * a);
        }
        let first = row[0];
        for (k, v) in row.iter_mut().enumerate() {
            *v = match kind {
                Kind::Power(stored) => stored(0.05 * *v),
                Kind::Signs => first.signum() * 0.1 + 0.003 * k as f64,
                Kind::Far => 0.05 * *v + 5.0,
                Kind::Correlated => 0.05 * first + 1e-4 * *v,
                Kind::Scaled => *v * 10.0_f64.powf(-30.0 * k as f64 / DIM as f64),
                Kind::Outlier if i == n / 2 => 50.0 * *v,
                Kind::Repeated | Kind::Outlier => 0.05 * *v,
            };
        }
        rows.extend(row);
    }
    rows
}

/// Counted in pieces, the last about another centre, and merged.
fn counted(rows: &[f64], precision: Precision) -> Covariance {
    let mut all = Covariance::about_in(&[0.0; DIM], precision);
    let mut late = Covariance::about_in(&[0.01; DIM], precision);
    let cut = rows.len() / DIM / 4 * DIM;
    for block in rows[..cut].chunks(1_000 * DIM) {
        all.accumulate(as_rows(block, DIM));
    }
    late.accumulate(as_rows(&rows[cut..], DIM));
    all.merge(&late);
    all
}

/// Σ (e−c)² of each column over n, about the centres that rows are counted about.
fn second_moments(rows: &[f64]) -> Vec<f64> {
    let n = rows.len() / DIM;
    let of = |k: usize| {
        let values = rows.iter().skip(k).step_by(DIM).enumerate();
        let squares = values.map(|(i, v)| if i < n / 4 { v * v } else { (v - 0.01) * (v - 0.01) });
        squares.sum::<f64>() / n as f64
    };
    (0..DIM).map(of).collect()
}

fn norm(matrix: &Mat<f64>) -> f64 {
    let values = Eigen::values_of(matrix.as_ref()).unwrap();
    values[0].max(-values[DIM - 1])
}

/// The diagonal to rounding in f64, every entry within the worst case, the matrix within the measured bound; and that is not larger than
/// it has to be: a direction is at most √d/2 long.
#[test]
fn products_in_f32_err_within_their_bounds() {
    for kind in KINDS {
        for n in [3, 40, 2_048, 16_384] {
            let rows = rows(kind, n, 5);
            let [single, exact] = [Precision::Single, Precision::Exact].map(|of| counted(&rows, of));
            let moments = second_moments(&rows);
            let difference = single.matrix() - exact.matrix();
            for i in 0..DIM {
                let apart = difference[(i, i)].abs();
                assert!(apart <= 1e-12 * moments[i], "{kind:?} {n}: {apart}");
                for j in 0..DIM {
                    // the least that f32 tells apart, once for each product
                    let most = WORST * UNIT * (moments[i] * moments[j]).sqrt() + 2.0_f64.powi(-149);
                    let apart = difference[(i, j)].abs();
                    assert!(apart <= most, "{kind:?} {n} {i} {j}: {apart} {most}");
                }
            }
            let (norm, error) = (norm(&difference), single.product_error());
            assert!(norm <= error, "{kind:?} {n}: {norm} {error}");
            let rounding = 1e-12 * moments.iter().sum::<f64>();
            assert!(
                error <= 8.0 * (DIM as f64).sqrt() * norm + rounding,
                "{kind:?} {n}: {norm} {error}"
            );
            assert_eq!(exact.product_error(), 0.0);
        }
    }
}

/// What is resolved is changed by no more; what is not small beside the error is resolved.
#[test]
fn eigenvalues_that_are_resolved_are_those_of_f64() {
    let mut resolved = 0;
    for kind in KINDS {
        let rows = rows(kind, 4_096, 6);
        let [single, exact] = [Precision::Single, Precision::Exact].map(|of| counted(&rows, of));
        let [a, b] = [&single, &exact].map(|of| Eigen::values_of(of.matrix().as_ref()).unwrap());
        assert!(exact.resolves(1e-12));
        for share in [1e-4, 1e-3, 1e-2] {
            if single.resolves(share) {
                resolved += 1;
                for (a, b) in a.iter().zip(&b) {
                    assert!((a / b - 1.0).abs() <= share, "{kind:?} {share}: {a} {b}");
                }
            }
            let error = single.product_error();
            assert_eq!(
                single.resolves(share),
                a[DIM - 1] > error / share + error,
                "{kind:?}"
            );
        }
    }
    // rows with a falling spectrum in each of three types, by a hundredth at least
    assert!(resolved >= 3, "{resolved}");
}

/// A column that is nearly another one leaves an eigenvalue that products in f32 do not know; so does a constant one, and what f32 cannot
/// hold.
#[test]
fn small_eigenvalues_are_not_resolved() {
    let mut rows = rows(Kind::Power(|v| v), 2_048, 7);
    let single = |rows: &[f64]| counted(rows, Precision::Single);
    assert!(single(&rows).resolves(0.5));
    for row in rows.chunks_exact_mut(DIM) {
        row[1] = row[0] + 1e-6 * row[2];
    }
    assert!(!single(&rows).resolves(0.5));
    for row in rows.chunks_exact_mut(DIM) {
        row[1] = 0.07;
    }
    assert!(!single(&rows).resolves(0.5));
    for row in rows.chunks_exact_mut(DIM) {
        row[1] = 1e40;
    }
    let large = single(&rows);
    assert!(!large.resolves(0.5));
    assert_eq!(large.product_error(), f64::INFINITY);
    assert_eq!(single(&[]).product_error(), f64::INFINITY);
}

/// Entries within the worst case, and the alignment that is made of them within what follows from it.
#[test]
fn products_of_pairs_in_f32_err_within_their_bound() {
    for kind in KINDS {
        for n in [40, 4_096] {
            let sides = [rows(kind, n, 8), rows(kind, n, 9)];
            let [x, z] = [&sides[0], &sides[1]].map(|rows| as_rows(rows, DIM));
            let center = [0.0; DIM];
            let [single, exact] = [Precision::Single, Precision::Exact].map(|of| {
                let mut cross = CrossCovariance::about_in(&center, &center, of);
                cross.accumulate(x, z);
                let mut cka = Cka::about([&center, &center], false, of);
                cka.add(x, z);
                let covariances = [x, z].map(|rows| {
                    let mut covariance = Covariance::about_in(&center, of);
                    covariance.accumulate(rows);
                    covariance
                });
                (cross.matrix(), cka.finish(covariances.each_ref()))
            });
            let moments = [&sides[0], &sides[1]].map(|rows| -> Vec<f64> {
                let of = |k: usize| rows.iter().skip(k).step_by(DIM).map(|v| v * v).sum::<f64>() / n as f64;
                (0..DIM).map(of).collect()
            });
            for i in 0..DIM {
                for j in 0..DIM {
                    let most = WORST * UNIT * (moments[0][i] * moments[1][j]).sqrt() + 2.0_f64.powi(-149);
                    let apart = (single.0[(i, j)] - exact.0[(i, j)]).abs();
                    assert!(apart <= most, "{kind:?} {n} {i} {j}: {apart} {most}");
                }
            }
            // far from the centre, moments about it are larger than those about the mean, which the alignment is made of
            if !matches!(kind, Kind::Far | Kind::Signs) {
                let most = 4.0 * WORST * UNIT * (DIM as f64).sqrt();
                for (a, b) in single.1.iter().zip(exact.1) {
                    let apart = a.zip(b).map_or(0.0, |(a, b)| (a - b).abs());
                    assert!(
                        a.is_some() == b.is_some() && apart <= most,
                        "{kind:?} {n}: {a:?} {b:?}"
                    );
                }
            }
        }
    }
}
