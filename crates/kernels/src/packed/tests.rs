use half::bf16;

use super::*;

fn values(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}

fn product(rows: &[f32], matrix: &PackedBf16) -> Vec<f32> {
    let depth = matrix.depth();
    let n = rows.len() / depth;
    let mut packed = vec![0; n * pairs(depth)];
    bf16_pairs(rows, depth, &mut packed);
    let mut out = vec![f32::NAN; n * matrix.columns()];
    matrix.multiply(&packed, &mut out);
    out
}

/// Against f64 sums of the rounded values: f32 sums of k terms differ by k half-ulps of the sum of magnitudes.
#[test]
fn products_equal_plain_sums() {
    for (n, columns, depth) in [
        (1, 1, 1),
        (5, 33, 7),
        (13, 64, 300),
        (25, 96, 2_300),
        (2, 31, 513),
    ] {
        let (x, w) = (values(n * depth, 1), values(columns * depth, 2));
        let round = |v: f32| bf16::from_f32(v).to_f64();
        let found = product(&x, &PackedBf16::of_rows(&w, columns, depth));
        for i in 0..n {
            for j in 0..columns {
                let terms = (0..depth).map(|k| round(x[i * depth + k]) * round(w[j * depth + k]));
                let (sum, size) = terms.fold((0.0, 0.0), |(s, m), t: f64| (s + t, m + t.abs()));
                let bound = depth as f64 * f64::from(f32::EPSILON) * 0.5 * size + 1e-30;
                let got = f64::from(found[i * columns + j]);
                assert!((got - sum).abs() <= bound, "{n} {columns} {depth}: {got} {sum}");
            }
        }
    }
}

/// As above in f32, where a fused product errs less.
#[test]
fn f32_products_equal_plain_sums() {
    for (n, columns, depth) in [(1, 1, 1), (13, 64, 300), (25, 96, 2_300), (2, 31, 513)] {
        let (x, w) = (values(n * depth, 10), values(columns * depth, 11));
        let mut found = vec![f32::NAN; n * columns];
        PackedF32::of_rows(&w, columns, depth).multiply(&x, &mut found);
        for i in 0..n {
            for j in 0..columns {
                let terms = (0..depth).map(|k| f64::from(x[i * depth + k]) * f64::from(w[j * depth + k]));
                let (sum, size) = terms.fold((0.0, 0.0), |(s, m), t: f64| (s + t, m + t.abs()));
                let bound = depth as f64 * f64::from(f32::EPSILON) * size;
                assert!(
                    (f64::from(found[i * columns + j]) - sum).abs() <= bound,
                    "{n} {columns} {depth}"
                );
            }
        }
    }
}

#[test]
fn a_matrix_packed_by_columns_is_the_transposed_one() {
    let (columns, depth) = (45, 70);
    let w = values(columns * depth, 3);
    let transposed: Vec<f32> = (0..depth * columns)
        .map(|i| w[i % columns * depth + i / columns])
        .collect();
    let x = values(4 * depth, 4);
    let (a, b) = (
        PackedBf16::of_rows(&w, columns, depth),
        PackedBf16::of_columns(&transposed, depth, columns),
    );
    assert_eq!(product(&x, &a), product(&x, &b));
    let rounded: Vec<f32> = w[5 * depth..6 * depth]
        .iter()
        .map(|&v| bf16::from_f32(v).to_f32())
        .collect();
    assert_eq!(a.row(5), rounded);
}

type Add = fn(&[&[u32]], &[u32], &mut [[f32; PANEL]]);

/// Exact products make every unit add the same numbers in the same order.
#[test]
fn units_agree_bit_for_bit() {
    let (depth, height) = (131, 12);
    let mut packed = vec![0; height * pairs(depth)];
    bf16_pairs(&values(height * depth, 5), depth, &mut packed);
    let matrix = PackedBf16::of_rows(&values(PANEL * depth, 6), PANEL, depth);
    let rows: Vec<&[u32]> = packed.chunks_exact(pairs(depth)).collect();
    let by = |add: Add, height: usize| {
        let mut sums = vec![[0.5; PANEL]; height];
        add(&rows[..height], &matrix.panels, &mut sums);
        sums
    };
    let portable = |rows: &[&[u32]], panel: &[u32], sums: &mut [[f32; PANEL]]| {
        each_height(Portable, rows, panel, sums);
    };
    let oracle = by(portable, height);
    for height in 1..=height {
        assert_eq!(by(portable, height)[..], oracle[..height]);
        assert_eq!(
            by(u32::add_products, height)[..],
            oracle[..height],
            "{:?}",
            unit()
        );
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the features were seen.
            let fma = |rows: &[&[u32]], panel: &[u32], sums: &mut [[f32; PANEL]]| unsafe {
                x86::pairs_fma(rows, panel, sums);
            };
            assert_eq!(by(fma, height)[..], oracle[..height]);
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was seen.
            let avx512 = |rows: &[&[u32]], panel: &[u32], sums: &mut [[f32; PANEL]]| unsafe {
                x86::pairs_avx512(rows, panel, sums);
            };
            assert_eq!(by(avx512, height)[..], oracle[..height]);
        }
    }
}

#[test]
fn parts_of_a_product_have_the_bits_of_the_whole() {
    let (n, columns, depth) = (14, 100, 2_100);
    let matrix = PackedBf16::of_rows(&values(columns * depth, 8), columns, depth);
    let mut rows = vec![0; n * pairs(depth)];
    bf16_pairs(&values(n * depth, 9), depth, &mut rows);
    let mut whole = vec![0.0; n * columns];
    matrix.multiply(&rows, &mut whole);
    for part in [0..32, 32..96, 64..100, 96..100] {
        let mut some = vec![0.0; n * part.len()];
        matrix.multiply_part(&rows, part.clone(), &mut some);
        for (row, some) in whole.chunks_exact(columns).zip(some.chunks_exact(part.len())) {
            assert_eq!(&row[part.clone()], some);
        }
    }
}

#[test]
fn values_are_rounded_as_bf16_is() {
    let specials = [
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        1.003_906_2,
        1.011_718_8,
        1e-40,
    ];
    for v in specials.into_iter().chain(values(1_000, 7)) {
        let mut out = [0];
        bf16_pairs(&[v, v], 2, &mut out);
        let expected = u32::from(bf16::from_f32(v).to_bits());
        assert_eq!(out[0], expected | expected << 16, "{v}");
    }
    let mut out = [0];
    bf16_pairs(&[f32::from_bits(0x7f80_0001), f32::NAN], 2, &mut out);
    assert!(low(out[0]).is_nan() && high(out[0]).is_nan());
}
