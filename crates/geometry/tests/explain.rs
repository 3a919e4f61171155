//! Laws of the frame, the decomposition and the comparison of covariances.

use faer::Mat;
use modality_gap_geometry::{
    Covariance, DEFAULT_RIDGE, Eigen, Frame, FrameSize, Spectrum, as_rows, covariance_shape, decompose,
    residual, vmf_concentration,
};

use modality_gap_testing::Lcg;

const DIM: usize = 12;
const ROWS: usize = 400;

/// Seeded rows whose coordinate j has spread 2^(−j/2) and mean `mean` in the first two coordinates.
fn rows(seed: u64, mean: f64) -> Vec<f64> {
    let mut random = Lcg::new(seed);
    (0..ROWS * DIM)
        .map(|i| {
            let j = i % DIM;
            random.signed() * 2.0_f64.powf(-(j as f64) / 2.0) + if j < 2 { mean } else { 0.0 }
        })
        .collect()
}

fn covariance(rows: &[f64]) -> Covariance {
    let mut state = Covariance::about(&[0.1; DIM]);
    state.accumulate(as_rows(rows, DIM));
    state
}

fn differences(x: &[f64], y: &[f64]) -> Covariance {
    covariance(&x.iter().zip(y).map(|(a, b)| a - b).collect::<Vec<_>>())
}

/// A rotation: the Q of a seeded full matrix.
fn rotation() -> Mat<f64> {
    let full = Mat::from_fn(DIM, DIM, |i, j| {
        ((i * 31 + j * 17) as f64).sin() + f64::from(u8::from(i == j))
    });
    full.qr().compute_Q()
}

fn rotated(rows: &[f64]) -> Vec<f64> {
    let q = rotation();
    rows.chunks(DIM)
        .flat_map(|row| {
            (0..DIM)
                .map(|k| (0..DIM).map(|j| row[j] * q[(j, k)]).sum::<f64>())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_energies_add_up_to_the_mean_squared_difference() {
    let (x, y) = (rows(1, 0.5), rows(2, -0.2));
    let delta = differences(&x, &y);
    let energy: f64 = x.iter().zip(&y).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / ROWS as f64;
    for size in [
        FrameSize::Energy(0.5),
        FrameSize::Energy(0.99),
        FrameSize::Rank(1),
        FrameSize::Rank(DIM),
    ] {
        let frame = Frame::of(&covariance(&x), &covariance(&y), size).unwrap();
        let parts = decompose(&delta, &delta.mean(), &frame, DEFAULT_RIDGE, 0.0).unwrap();
        let sum = parts.pmb.powi(2) + parts.cob.powi(2) + parts.trace_u + parts.trace_v;
        assert!((sum / energy - 1.0).abs() < 1e-12, "{size:?}: {sum} {energy}");
        assert!((parts.pmb.hypot(parts.cob) / parts.gap - 1.0).abs() < 1e-12);
    }
}

#[test]
fn a_rotation_of_the_space_changes_no_number() {
    let (x, y) = (rows(1, 0.5), rows(2, -0.2));
    let (rx, ry) = (rotated(&x), rotated(&y));
    let of = |x: &[f64], y: &[f64]| {
        let (cx, cy, delta) = (covariance(x), covariance(y), differences(x, y));
        let frame = Frame::of(&cx, &cy, FrameSize::Energy(0.9)).unwrap();
        let parts = decompose(&delta, &delta.mean(), &frame, DEFAULT_RIDGE, 0.0).unwrap();
        let eigens = [&cx, &cy].map(|c| Eigen::of(c.matrix().as_ref()).unwrap());
        let shape = covariance_shape((&cx, &eigens[0], DIM), (&cy, &eigens[1], DIM)).unwrap();
        let rest = residual(&delta, &delta.mean(), &frame).unwrap();
        [
            parts.pmb,
            parts.cob,
            parts.trace_u,
            parts.trace_v,
            parts.condition_u.kappa,
            parts.condition_v.kappa,
            parts.angle_cob_v1,
            parts.coupling.norm,
            parts.coupling.r2,
            shape.shape,
            shape.frechet,
            shape.overlap[2].1,
            rest.anisotropy,
            rest.coverage,
            rest.effective_dimension,
            Spectrum::of(&eigens[0].values, 128, 0.0).alpha,
        ]
    };
    for (k, (a, b)) in of(&x, &y).iter().zip(of(&rx, &ry)).enumerate() {
        // eigenvectors of a spectrum over three decades turn by about 1e3 roundings
        assert!((a / b - 1.0).abs() < 1e-9, "number {k}: {a} {b}");
    }
}

/// Diagonal covariances: Fréchet is Σ(√a−√b)² beside the squared gap, the overlap one, the shape a plain norm.
#[test]
fn diagonal_covariances_have_closed_forms() {
    let spread = |scale: &dyn Fn(usize) -> f64, mean: f64| {
        // ± each axis: exactly diagonal, variance scale²/DIM
        let rows: Vec<f64> = (0..2 * DIM)
            .flat_map(|i| {
                (0..DIM)
                    .map(|j| {
                        let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
                        mean + if i / 2 == j { sign * scale(j) } else { 0.0 }
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        covariance(&rows)
    };
    let (a, b) = (|j: usize| 3.0 - 0.1 * j as f64, |j: usize| 2.0 - 0.15 * j as f64);
    let (x, z) = (spread(&a, 0.4), spread(&b, 0.1));
    let eigens = [&x, &z].map(|c| Eigen::of(c.matrix().as_ref()).unwrap());
    let shape = covariance_shape((&x, &eigens[0], DIM), (&z, &eigens[1], DIM)).unwrap();
    let variance = |s: f64| s * s / DIM as f64;
    let frechet: f64 = DIM as f64 * 0.3 * 0.3
        + (0..DIM)
            .map(|j| (variance(a(j)).sqrt() - variance(b(j)).sqrt()).powi(2))
            .sum::<f64>();
    assert!(
        (shape.frechet - frechet).abs() < 1e-13,
        "{} {frechet}",
        shape.frechet
    );
    let norm = |f: &dyn Fn(usize) -> f64| (0..DIM).map(|j| f(j).powi(2)).sum::<f64>().sqrt();
    let ratio = norm(&|j| variance(a(j)) - variance(b(j))) / norm(&|j| variance(a(j)));
    assert!((shape.shape - ratio).abs() < 1e-13);
    for (q, overlap) in shape.overlap {
        assert!(
            (overlap - 1.0).abs() < 1e-12,
            "the {q} leading axes are the same: {overlap}"
        );
    }
}

/// ζ that follows δ exactly through one matrix: L is found and explains all; independent ζ is not explained.
#[test]
fn coupling_finds_a_linear_dependence() {
    let x = rows(3, 0.0);
    let coupled: Vec<f64> = x
        .chunks(DIM)
        .flat_map(|row| {
            (0..DIM)
                .map(|j| if j < 6 { row[j] } else { 0.05 * row[j - 6] })
                .collect::<Vec<_>>()
        })
        .collect();
    let basis_rows = rows(9, 0.0);
    let basis: Vec<f64> = basis_rows
        .chunks(DIM)
        .flat_map(|row| {
            (0..DIM)
                .map(|j| if j < 6 { 10.0 * row[j] } else { 0.01 * row[j] })
                .collect::<Vec<_>>()
        })
        .collect();
    // the frame's U is close to the first six axes, but is estimated, so neither bound is exact
    let frame = Frame::of(&covariance(&basis), &covariance(&basis), FrameSize::Rank(6)).unwrap();
    let coupling = |rows: &[f64]| {
        let state = covariance(rows);
        decompose(&state, &state.mean(), &frame, 1e-12, 0.0)
            .unwrap()
            .coupling
    };
    let (tied, free) = (coupling(&coupled), coupling(&x));
    assert!(tied.r2 > 0.999_999, "{tied:?}");
    assert!(free.r2 < 0.2, "{free:?}");
}

/// Directions spread evenly have no concentration, and those that agree an unbounded one.
#[test]
fn concentration_runs_from_nothing_to_everything() {
    assert_eq!(vmf_concentration(0.0, 50), 0.0);
    assert!(vmf_concentration(0.999, 50) > 2e4);
    assert!(vmf_concentration(0.5, 1).is_nan());
}
