//! Laws that every instruction level keeps.

use half::{bf16, f16};
use modality_gap_kernels::{
    Element, Level, Rows, RowsMut, add_weighted, at_level, combine, combine_and_add, lengths_and_dots,
    levels, secular_factors, secular_sums, secular_vector,
};
use proptest::prelude::*;

fn rows_of<E: Element>(values: &[f64]) -> Vec<E> {
    values.iter().map(|&v| E::from_f64(v)).collect()
}

/// Everything the kernels give for one block, to be compared bit by bit.
fn everything(rows: Rows<'_>, dim: usize, vectors: &[Vec<f64>], weights: &[f64]) -> Vec<u64> {
    let n = weights.len();
    let views: Vec<&[f64]> = vectors.iter().map(Vec::as_slice).collect();
    let (mut squares, mut dots) = (vec![0.0; n], vec![0.0; n * vectors.len()]);
    lengths_and_dots(rows, dim, &views, &mut squares, &mut dots);
    let mut sums = vec![0.0; dim];
    add_weighted(rows, dim, weights, &mut sums);
    let mut wide = vec![0.0; n * dim];
    combine(rows, dim, weights, &dots, &views, RowsMut::F64(&mut wide));
    let mut half = vec![f16::ZERO; n * dim];
    combine(rows, dim, weights, &dots, &views, RowsMut::F16(&mut half));
    let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let mut all = [bits(&squares), bits(&dots), bits(&sums), bits(&wide)].concat();
    all.extend(half.iter().map(|h| u64::from(h.to_bits())));
    all
}

proptest! {
    #[test]
    fn levels_agree_bit_for_bit(
        dim in 1_usize..70,
        n in 1_usize..20,
        seed in proptest::collection::vec(-2.0_f64..2.0, 3 * 70 + 20 * 70 + 20),
    ) {
        let values = &seed[..n * dim];
        let vectors: Vec<Vec<f64>> = (0..3).map(|k| seed[1400 + k * 70..1400 + k * 70 + dim].to_vec()).collect();
        let weights = &seed[1610..1610 + n];
        let (h, b, s) = (rows_of::<f16>(values), rows_of::<bf16>(values), rows_of::<f32>(values));
        for rows in [Rows::F16(&h), Rows::Bf16(&b), Rows::F32(&s), Rows::F64(values)] {
            // products with powers of two are exact, and levels may fuse them
            for weights in [weights, &vec![0.125; n]] {
                let oracle = at_level(Level::Baseline, || everything(rows, dim, &vectors, weights));
                for level in levels() {
                    prop_assert_eq!(&at_level(level, || everything(rows, dim, &vectors, weights)), &oracle);
                }
            }
        }
    }
}

/// Squares of components that have at most 24 bits are exact in f64, from the smallest to the largest, so levels that
/// fuse them agree with those that do not.
#[test]
fn squares_of_every_half_and_of_extremes_agree_bit_for_bit() {
    let dim = 48;
    let whole_rows = |n: usize| n / dim * dim;
    let h: Vec<f16> = (0..=u16::MAX)
        .map(f16::from_bits)
        .filter(|v| v.is_finite())
        .collect();
    let b: Vec<bf16> = (0..=u16::MAX)
        .map(bf16::from_bits)
        .filter(|v| v.is_finite())
        .collect();
    let s: Vec<f32> = (0..480_u32)
        .map(|i| f32::from_bits(i.wrapping_mul(0x9E37_79B9)))
        .map(|v| if v.is_finite() { v } else { f32::MAX })
        .collect();
    for rows in [Rows::F16(&h), Rows::Bf16(&b), Rows::F32(&s)] {
        let rows = rows.slice(0..whole_rows(rows.len()));
        let squares = |level| {
            let mut squares = vec![0.0; rows.len() / dim];
            at_level(level, || lengths_and_dots(rows, dim, &[], &mut squares, &mut []));
            squares.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        for level in levels() {
            assert_eq!(
                squares(level),
                squares(Level::Baseline),
                "{level:?} {:?}",
                rows.dtype()
            );
        }
    }
}

/// Whichever rows have no weight, stand alone or in pairs, and whatever they hold then.
#[test]
fn combining_and_adding_at_once_gives_the_bits_of_both() {
    for dim in [5, 16, 45] {
        let vectors: Vec<Vec<f64>> = (0..3)
            .map(|k| (0..dim).map(|j| ((j + 7 * k) as f64).sin()).collect())
            .collect();
        for (n, left_out) in (1..6_usize).flat_map(|n| (0..1 << n).map(move |left_out| (n, left_out))) {
            let out = |i: usize| left_out >> i & 1 == 1;
            let rows: Vec<f32> = (0..n * dim)
                .map(|i| {
                    if out(i / dim) {
                        f32::NAN
                    } else {
                        (i as f32 * 0.37).cos()
                    }
                })
                .collect();
            let factors: Vec<f64> = (0..n)
                .map(|i| if out(i) { 0.0 } else { 1.0 / (i + 3) as f64 })
                .collect();
            for views in [1, 2, 3].map(|m| vectors[..m].iter().map(Vec::as_slice).collect::<Vec<_>>()) {
                let m = views.len();
                let coefficients: Vec<f64> = (0..n * m)
                    .map(|i| if out(i / m) { 0.0 } else { (i as f64).cos() })
                    .collect();
                let (mut apart, mut sums) = (vec![f16::ONE; n * dim], vec![0.5; dim]);
                let (mut at_once, mut sums_at_once) = (apart.clone(), sums.clone());
                let rows = Rows::F32(&rows);
                combine(
                    rows,
                    dim,
                    &factors,
                    &coefficients,
                    &views,
                    RowsMut::F16(&mut apart),
                );
                add_weighted(rows, dim, &factors, &mut sums);
                let out = RowsMut::F16(&mut at_once);
                combine_and_add(rows, dim, &factors, &coefficients, &views, out, &mut sums_at_once);
                assert_eq!(
                    at_once, apart,
                    "{n} rows of {dim}, {left_out:b} left out, {m} vectors"
                );
                assert_eq!(
                    sums_at_once, sums,
                    "{n} rows of {dim}, {left_out:b} left out, {m} vectors"
                );
            }
        }
    }
}

/// Against sums in row order: a reduction of d terms may differ by d ulps of the sum of magnitudes.
#[test]
fn reductions_equal_plain_sums() {
    let (n, dim) = (37, 45);
    let values: Vec<f64> = (0..n * dim)
        .map(|i| f64::from((i * 7919 % 1009) as u32) / 504.5 - 1.0)
        .collect();
    let vector: Vec<f64> = (0..dim).map(|j| (j as f64 * 0.37).sin()).collect();
    let weights: Vec<f64> = (0..n).map(|i| 1.0 / (i + 1) as f64).collect();
    let (mut squares, mut dots, mut sums) = (vec![0.0; n], vec![0.0; n], vec![0.0; dim]);
    lengths_and_dots(Rows::F64(&values), dim, &[&vector], &mut squares, &mut dots);
    add_weighted(Rows::F64(&values), dim, &weights, &mut sums);
    let bound = dim as f64 * f64::EPSILON * dim as f64;
    for (i, row) in values.chunks(dim).enumerate() {
        let square: f64 = row.iter().map(|v| v * v).sum();
        let dot: f64 = row.iter().zip(&vector).map(|(a, b)| a * b).sum();
        assert!(
            (squares[i] - square).abs() <= bound,
            "row {i}: {} {square}",
            squares[i]
        );
        assert!((dots[i] - dot).abs() <= bound, "row {i}: {} {dot}", dots[i]);
    }
    for (j, sum) in sums.iter().enumerate() {
        let plain: f64 = (0..n).map(|i| weights[i] * values[i * dim + j]).sum();
        assert!((sum - plain).abs() <= bound, "column {j}: {sum} {plain}");
    }
}

#[test]
fn a_component_that_is_not_finite_shows_in_its_rows_square_only() {
    let mut values = vec![f16::ONE; 3 * 20];
    values[25] = f16::NAN;
    values[59] = f16::INFINITY;
    let mut squares = [0.0; 3];
    lengths_and_dots(Rows::F16(&values), 20, &[], &mut squares, &mut []);
    assert_eq!(squares[0], 20.0);
    assert!(squares[1].is_nan());
    assert!(squares[2].is_infinite());
}

#[test]
fn a_row_without_weight_leaves_no_trace() {
    let dim = 21;
    let mut values: Vec<f32> = (0..3 * dim).map(|i| i as f32).collect();
    values[dim..2 * dim].fill(f32::NAN);
    let mut sums = vec![0.0; dim];
    add_weighted(Rows::F32(&values), dim, &[1.0, 0.0, 2.0], &mut sums);
    let mut out = vec![1.0_f32; 3 * dim];
    combine(
        Rows::F32(&values),
        dim,
        &[1.0, 0.0, 2.0],
        &[],
        &[],
        RowsMut::F32(&mut out),
    );
    for j in 0..dim {
        assert_eq!(sums[j], (j + 2 * (2 * dim + j)) as f64);
        assert_eq!(out[dim + j], 0.0);
    }
}

/// Poles apart from each other, zeros between them: the same bits at every level, and those of plain sums to rounding.
#[test]
fn secular_sums_agree_at_every_level() {
    for n in [1, 15, 16, 17, 40, 333] {
        let d: Vec<f64> = (0..n).map(|i| i as f64 * 0.7 - 3.0).collect();
        let z: Vec<f64> = (0..n).map(|i| (i as f64 * 1.3).cos() / n as f64).collect();
        let all = || {
            let mut out = vec![0.0; n];
            let square = secular_vector(&d, &z, d[n / 2], 0.3, &mut out);
            let mut products = vec![0.5; n];
            secular_factors(&d, -4.0, d[n / 2], 0.3, &mut products);
            let sums = secular_sums(&d, &z, d[n / 2], 0.3);
            [out, products, sums.to_vec(), vec![square]].concat()
        };
        let oracle = at_level(Level::Baseline, all);
        for level in levels() {
            assert_eq!(at_level(level, all), oracle, "{n}");
        }
        let value = d[n / 2] + 0.3;
        let parts = d.iter().zip(&z).map(|(d, z)| z / (d - value));
        let square: f64 = parts.clone().map(|part| part * part).sum();
        let sum: f64 = parts.zip(&z).map(|(part, z)| part * z).sum();
        assert!((oracle[2 * n] - sum).abs() < 1e-12 && (oracle[2 * n + 1] - square).abs() < 1e-12);
        assert_eq!(oracle[2 * n + 1], oracle[2 * n + 2]);
        for (i, d) in d.iter().enumerate() {
            assert!((oracle[n + i] - 0.5 * (value - d) / (-4.0 - d)).abs() < 1e-12);
        }
    }
}
