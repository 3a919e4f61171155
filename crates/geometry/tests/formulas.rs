//! Traces, floors, intervals, the relative gap and merging: closed forms, and values of NumPy and SciPy.

mod common;

use std::path::PathBuf;

use common::{DIM, distance, fitted, mapped, normalised, rows, transformed, unit};
use half::f16;
use modality_gap_geometry::{
    Aligner, Condition, Covariance, Eigen, Fits, GapVerdict, Judged, Map, Moments, NewRows, Noise, Policy,
    Scratch, Spectrum, StorageNoise, StoredRows, Verdict, as_rows, centroid_gap, relative_gap, storage_floor,
};
use modality_gap_kernels::{Dtype, Rows};
use serde_json::{Value, json};

/// Golden values of `__test__/fixtures/make_blocks.py`.
fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../__test__/fixtures")
        .join(name)
}

/// Width of the golden rows.
const WIDE: usize = 16;

/// The three shards of a side, f16 values without their npy header, which has 128 bytes.
fn shards(side: &str) -> Vec<Vec<f16>> {
    let read = |i: usize| {
        let bytes = std::fs::read(golden(&format!("blocks/{side}/rows_{i}.npy"))).unwrap();
        let values = bytes[128..].chunks_exact(2);
        values
            .map(|pair| f16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    };
    (0..3).map(read).collect()
}

fn counted(values: &[f16]) -> Moments {
    let map = Map::identity(WIDE, Policy::Unit);
    let mut bad = Vec::new();
    Moments::of_block(Rows::F16(values), 0, &map, &mut Scratch::default(), &mut bad)
}

/// Blocks of 512 rows of each shard, merged in their order.
fn merged(side: &[Vec<f16>]) -> Moments {
    let mut all = Moments::new(WIDE, true);
    for shard in side {
        let mut of_shard = Moments::new(WIDE, true);
        for block in shard.chunks(512 * WIDE) {
            of_shard.merge(&counted(block));
        }
        all.merge(&of_shard);
    }
    all
}

fn units(side: &[Vec<f16>]) -> Vec<f64> {
    let rows = side.iter().flat_map(|shard| shard.chunks(WIDE));
    rows.flat_map(|row| normalised(&row.iter().map(|v| v.to_f64()).collect::<Vec<_>>()))
        .collect()
}

/// Covariance in blocks of 512 rows, each about its own first row, merged.
fn covariance(rows: &[f64]) -> Covariance {
    let mut all = Covariance::about(&[0.1; WIDE]);
    for block in rows.chunks(512 * WIDE) {
        let mut part = Covariance::about(&block[..WIDE]);
        part.accumulate(as_rows(block, WIDE));
        all.merge(&part);
    }
    all
}

/// f64 sums of 1,500 terms below one in another order: 1e-10 leaves three digits to the cancellation in a trace.
fn near(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!(
        (found - expected).abs() <= 1e-10 * expected.abs() + 1e-13,
        "{what}: {found} {expected}"
    );
}

fn judged(found: &Judged, expected: &Value) {
    near(found.unbiased_squared, &expected["unbiasedSquared"], "unbiased");
    near(found.floor, &expected["floor"], "floor");
    for (bound, expected) in found
        .interval
        .unwrap()
        .iter()
        .zip(expected["interval"].as_array().unwrap())
    {
        near(*bound, expected, "interval");
    }
    let verdict = serde_json::to_value(found.verdict).unwrap();
    assert_eq!(verdict, expected["verdict"]);
}

#[test]
fn gap_floor_interval_and_relative_gap_of_1500_pairs_are_those_of_numpy() {
    let text = std::fs::read_to_string(golden("blocks.json")).unwrap();
    let golden = &serde_json::from_str::<Value>(&text).unwrap()["raw"];
    let sides = ["image", "text"].map(shards);
    let [x, y] = [0, 1].map(|i| merged(&sides[i]));
    assert_eq!((x.rows(), y.rows()), (1_500, 1_500));
    near(x.trace(), &golden["trace"]["image"], "trace of images");
    near(y.trace(), &golden["trace"]["text"], "trace of texts");
    let gap = centroid_gap(&x, &y);
    near(gap.centroid, &golden["gap"]["centroid"], "gap");
    near(gap.cosine, &golden["gap"]["cosine"], "cosine");

    let rows = [0, 1].map(|i| units(&sides[i]));
    let [cx, cy] = [0, 1].map(|i| covariance(&rows[i]));
    let square = gap.centroid.powi(2);
    let independent = Noise::of_samples([&x, &y], [1.0 / 1_500.0; 2], Some([&cx, &cy]), &gap.difference);
    judged(&independent.judge(square, WIDE), &golden["gapUnpaired"]);
    let differences: Vec<f64> = rows[0].iter().zip(&rows[1]).map(|(x, y)| x - y).collect();
    let cr = covariance(&differences);
    let paired = Noise::of_pairs(cr.trace(), Some(&cr), &gap.difference, 1_500);
    judged(&paired.judge(square, WIDE), &golden["gap"]);

    let cosines = rows[0].chunks(WIDE).zip(rows[1].chunks(WIDE));
    let mean = cosines
        .map(|(x, y)| x.iter().zip(y).map(|(a, b)| a * b).sum::<f64>())
        .sum::<f64>()
        / 1_500.0;
    near(relative_gap(mean, &x, &y), &golden["gap"]["rmg"], "rmg");
    let eigen = Eigen::of(cx.matrix().as_ref()).unwrap();
    let spectrum = Spectrum::of(&eigen.values, 128, 0.0);
    let expected = &golden["spectrum"]["image"];
    near(spectrum.alpha, &expected["alpha"], "alpha");
    near(
        spectrum.effective_rank,
        &expected["effectiveRank"],
        "effective rank",
    );
    near(spectrum.condition.kappa, &expected["kappa"], "kappa");
}

/// Two images e₁, e₂ and two texts e₁, −e₁, worked out by hand.
#[test]
fn two_pairs_worked_out_by_hand() {
    let state = |rows: &[f64]| {
        let map = Map::identity(2, Policy::Unit);
        Moments::of_block(Rows::F64(rows), 0, &map, &mut Scratch::default(), &mut Vec::new())
    };
    let (x, z) = (state(&[2.0, 0.0, 0.0, 3.0]), state(&[0.5, 0.0, -4.0, 0.0]));
    assert!((x.trace() - 0.5).abs() < 1e-15 && (x.unbiased_trace() - 1.0).abs() < 1e-15);
    assert!((z.trace() - 1.0).abs() < 1e-15 && (z.unbiased_trace() - 2.0).abs() < 1e-15);
    let lengths = z.lengths();
    assert_eq!((lengths.min, lengths.max, lengths.sum), (0.5, 4.0, 4.5));
    // d = 1/4 of the pairs (cosines 1 and 0), 1/2 among images (cosine 0), 1 among texts (cosine −1)
    assert!((relative_gap(0.5, &x, &z) - 0.25).abs() < 1e-15);
    let gap = centroid_gap(&x, &z);
    assert!((gap.centroid - 0.5_f64.sqrt()).abs() < 1e-15);
    let noise = Noise::of_samples([&x, &z], [0.5; 2], None, &gap.difference);
    assert!((noise.trace - 1.5).abs() < 1e-15 && (noise.floor_square - 0.75).abs() < 1e-15);
    let found = noise.judge(0.5, 2);
    assert!((found.unbiased_squared + 1.0).abs() < 1e-15);
    assert!((found.floor - 0.75_f64.sqrt()).abs() < 1e-15);
    assert_eq!((found.interval, found.verdict), (None, GapVerdict::NotTested));
    // weights of 1/2 + 1/6 for a fit on six rows: a third more of everything
    let more = noise.times(4.0 / 3.0);
    assert!((more.trace - 2.0).abs() < 1e-15 && (more.floor_square - 1.0).abs() < 1e-15);
    let both = noise.plus(&more);
    assert!((both.trace - 3.5).abs() < 1e-15 && (both.floor_square - 1.75).abs() < 1e-15);
    // differences (0, 0) and (1, 1): their covariance has trace 1/2
    let pairs = Noise::of_pairs(0.5, None, &gap.difference, 2);
    assert!((pairs.trace - 0.5).abs() < 1e-15 && (pairs.floor_square - 0.25).abs() < 1e-15);
}

/// Rows of any length are counted about their mean; parts of any size merge to the sums of the definition.
#[test]
fn traces_of_raw_rows_follow_the_definition_and_merge() {
    let values = rows(1_100, 6, 0.7);
    let raw = Map::identity(DIM, Policy::Raw);
    let n = 1_100.0;
    let mean: Vec<f64> = (0..DIM)
        .map(|j| values.chunks(DIM).map(|row| row[j]).sum::<f64>() / n)
        .collect();
    let trace = values
        .chunks(DIM)
        .map(|row| distance(row, &mean).powi(2))
        .sum::<f64>()
        / n;
    for cuts in [vec![], vec![1], vec![512, 1_024], vec![3, 900, 1_099]] {
        let mut state = Moments::new(DIM, false);
        let mut from = 0;
        for to in cuts.into_iter().chain([1_100]) {
            state.merge(&common::moments(&values[from * DIM..to * DIM], &raw));
            from = to;
        }
        assert_eq!(state.rows(), 1_100);
        assert!((state.trace() - trace).abs() < 1e-12, "{} {trace}", state.trace());
        assert!((state.unbiased_trace() - trace * n / (n - 1.0)).abs() < 1e-12);
        assert!(distance(state.mean(), &mean) < 1e-14);
    }
}

/// A fit on few rows is as uncertain as the new rows: sqrt(Ty/n + T/m), and drift begins where one sample in two hundred is: of one
/// direction at the 99.5 % point of F with 1 and 198 degrees of freedom, 8.055 (SciPy 1.16, `scipy.stats.f.ppf`).
#[test]
fn the_floor_of_a_drift_holds_the_rows_of_the_fit_and_the_new_ones() {
    let (image, text) = (rows(60, 3, 0.6), rows(40, 8, 0.5));
    let aligner = fitted(&image, &text, json!({}));
    let values = normalised(&rows(90, 8 + DIM as u64, 0.5));
    let new = unit(&values);
    let found = compared(&aligner, &values);
    let old = unit(&text);
    let floor = (old.trace() / 40.0 + new.trace() / 90.0).sqrt();
    assert!((found.floor - floor).abs() < 1e-14, "{} {floor}", found.floor);
    assert!((found.mean_shift - distance(new.mean(), old.mean())).abs() < 1e-14);
    // e₁ and e₂ in equal parts, then a share of e₁ more: the shift is known
    let fitted = fitted(&image, &two_axes(50, 50), json!({}));
    let critical = (0.5 / 99.0 * 2.0 * 8.055_f64).sqrt();
    for (more, verdict) in [(15, Verdict::Fits), (25, Verdict::Drifted)] {
        let found = compared(&fitted, &two_axes(50 + more, 50 - more));
        assert!((found.mean_shift - more as f64 / 100.0 * 2.0_f64.sqrt()).abs() < 1e-14);
        assert_eq!(found.verdict, verdict, "{found:?}");
        // the new rows have 4p(1−p) of the variance
        let spread = f64::midpoint(1.0, 4.0 * (0.25 - (more as f64 / 100.0).powi(2))).sqrt();
        let expected = critical * spread;
        assert!(
            (found.critical.unwrap() / expected - 1.0).abs() < 0.03,
            "{found:?} {expected}"
        );
    }
    assert_eq!(compared(&fitted, &two_axes(29, 0)).verdict, Verdict::TooFewRows);
    // of all directions alike: the 99.5 % point of chi-square with 19 degrees of freedom over 19 (`scipy.stats.chi2.ppf`), for the
    // scale is known from more than a thousand rows
    let even: Vec<f64> = (0..60 * DIM)
        .flat_map(|row| {
            let sign = if (row / DIM).is_multiple_of(2) { 1.0 } else { -1.0 };
            (0..DIM).map(move |column| if column == row % DIM { sign } else { 0.0 })
        })
        .collect();
    let found = compared(&self::fitted(&image, &even, json!({})), &even);
    let expected = (2.0 / (60.0 * DIM as f64 - 1.0) * 38.582 / DIM as f64).sqrt();
    assert!(
        (found.critical.unwrap() / expected - 1.0).abs() < 0.02,
        "{found:?} {expected}"
    );
}

/// Independent unit rows beside those of the fit.
fn compared(aligner: &Aligner, values: &[f64]) -> Fits {
    let before = unit(values);
    let mut covariance = Covariance::about(before.mean());
    covariance.accumulate(as_rows(values, DIM));
    aligner.fits(&NewRows {
        before: &before,
        after: None,
        covariance: &covariance,
        groups: None,
        design: 1.0,
    })
}

fn two_axes(first: usize, second: usize) -> Vec<f64> {
    let axis = |j: usize| (0..DIM).map(move |i| f64::from(u8::from(i == j)));
    let rows = (0..first + second).map(|i| usize::from(i >= first));
    rows.flat_map(axis).collect()
}

/// Half a unit in the last place either way: ulp²/12 by column, with 10, 7, 23 and 52 bits of fraction; of many rows the largest
/// eigenvalue is that of the column with the largest.
#[test]
fn rounding_of_stored_rows_adds_its_closed_form() {
    for (dtype, bits) in [
        (Dtype::F16, 10),
        (Dtype::Bf16, 7),
        (Dtype::F32, 23),
        (Dtype::F64, 52),
    ] {
        // all bits of the fraction are used, at exponents 1, 0 and −3
        let full = 2.0 - 0.5_f64.powi(bits);
        let row = [2.0 * full, -full, full / 8.0];
        let ulp = 0.5_f64.powi(bits);
        for (unit, square) in [(false, 1.0), (true, full * full * (4.0 + 1.0 + 1.0 / 64.0))] {
            let mut shard = StoredRows::new(dtype, 3);
            (0..20).for_each(|_| shard.add(&row, unit));
            let mut noise = StorageNoise::new(3);
            noise.add(&shard);
            let variances = noise.variances(3.0);
            for (found, power) in variances.iter().zip([2.0, 1.0, 0.125]) {
                let expected = 3.0 * (power * ulp).powi(2) / 12.0 / square;
                assert!(
                    (found / expected - 1.0).abs() < 1e-14,
                    "{dtype:?} {found} {expected}"
                );
            }
            assert!((storage_floor(&variances, 12) / (variances[0] * 2.25) - 1.0).abs() < 1e-14);
        }
    }
    // below 2⁻¹⁴, the least normal number of f16, all numbers are 2⁻²⁴ apart
    let mut shard = StoredRows::new(Dtype::F16, 3);
    (0..20).for_each(|_| shard.add(&[2.0 - 0.5_f64.powi(10), 0.5_f64.powi(20), 0.0], false));
    let mut noise = StorageNoise::new(3);
    noise.add(&shard);
    for (found, ulp) in noise.variances(1.0).iter().zip([10, 24, 24]) {
        let expected = 0.25_f64.powi(ulp) / 12.0;
        assert!((found / expected - 1.0).abs() < 1e-14, "{found} {expected}");
    }
    let values = [4.0, 1.0, 1e-3, 1e-6];
    for (floor, kappa, below) in [(0.0, 4e6, 0), (9e-7, 4e6, 0), (1e-6, 4e3, 1), (1e-2, 4.0, 2)] {
        let found = Condition::of(&values, floor);
        assert!((found.kappa / kappa - 1.0).abs() < 1e-14, "{floor}: {found:?}");
        assert_eq!(found.below_floor, below);
    }
    // 99.9 % of the trace: 4 + 1 of 5.001 is enough, 4 is not
    assert_eq!(Condition::of(&values, 0.0).effective, 4.0);
    assert_eq!(Condition::of(&[1.0, 0.5, 0.5, 1e-9], 0.0).effective, 2.0);
}

/// Rows in a subspace of five dimensions have rank five, for what is left are roundings of 1e-16 of the largest.
#[test]
fn rows_of_a_subspace_have_its_rank() {
    let k = 5;
    let basis = rows(k, 21, 0.0);
    let weights = rows(900, 22, 0.3);
    let inside: Vec<f64> = weights
        .chunks(DIM)
        .flat_map(|weights| {
            (0..DIM)
                .map(|j| (0..k).map(|i| weights[i] * basis[i * DIM + j]).sum::<f64>())
                .collect::<Vec<_>>()
        })
        .collect();
    let mut covariance = Covariance::about(&[0.0; DIM]);
    covariance.accumulate(as_rows(&inside, DIM));
    let eigen = Eigen::of(covariance.matrix().as_ref()).unwrap();
    let spectrum = Spectrum::of(&eigen.values, 128, 0.0);
    assert_eq!((spectrum.rank, spectrum.alpha_ranks), (k, k));
    assert!(spectrum.condition.kappa < 1e6);
}

/// Rows that must all become one direction come nearer by 1/k only: no tolerance ends that, so the bound does.
#[test]
fn a_tolerance_out_of_reach_ends_at_its_bound() {
    let (image, text) = (two_axes(40, 0), rows(30, 8, 0.5));
    let passes = |bound: Option<u32>| {
        let options =
            json!({ "steps": ["anchor", "centroid"], "tolerance": 1e-300, "centroidIterations": bound });
        fitted(&image, &text, options).info().iterations
    };
    assert_eq!(passes(Some(7)), 7);
    assert_eq!(passes(Some(60)), 60);
}

/// The noise of a row is that of its index in the whole source, however the rows are cut into blocks.
#[test]
fn noise_does_not_restart_with_a_block() {
    let (image, text) = (rows(300, 3, 0.6), rows(600, 8, 0.5));
    let noisy = fitted(
        &image,
        &text,
        json!({ "method": "c3", "noise": 0.05, "noiseSeed": 4, "renormalize": false }),
    );
    let still = fitted(
        &image,
        &text,
        json!({ "method": "c3", "noise": 0.0, "renormalize": false }),
    );
    let (whole, centre) = (transformed(&noisy, &text), transformed(&still, &text));
    let mut parts = Vec::new();
    for (first, block) in [(0, &text[..512 * DIM]), (512, &text[512 * DIM..])] {
        let (mut scratch, mut out, mut bad) = (Scratch::default(), vec![0.0; block.len()], Vec::new());
        noisy
            .map()
            .prepare(Rows::F64(block), first, &mut scratch, &mut bad);
        noisy.map().write(
            Rows::F64(block),
            &scratch,
            modality_gap_kernels::RowsMut::F64(&mut out),
        );
        parts.extend(out);
    }
    assert_eq!(parts, whole);
    let noise = |row: usize| -> Vec<f64> {
        let range = row * DIM..(row + 1) * DIM;
        whole[range.clone()]
            .iter()
            .zip(&centre[range])
            .map(|(a, b)| a - b)
            .collect()
    };
    assert!(distance(&noise(512), &noise(0)) > 0.05);
    assert_eq!(mapped(&text, still.map()), centre);
}
