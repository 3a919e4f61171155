use proptest::prelude::*;

use super::*;
use crate::{at_level, levels};

fn scaled(mut rows: Vec<f64>, dim: usize) -> Vec<f64> {
    for row in rows.chunks_exact_mut(dim) {
        let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        for value in row {
            *value /= if length > 0.0 { length } else { 1.0 };
        }
    }
    rows
}

fn unit_rows(n: usize, dim: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let rows = (0..n * dim).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f64 / f64::from(1 << 23) - 1.0
    });
    scaled(rows.collect(), dim)
}

/// What both sides see, with the same limits for every row: counts and hits of the queries, then of the corpus.
fn seen(queries: &FixedQueries, corpus: &FixedCorpus, limits: FixedLimits) -> [(Vec<u64>, Vec<FixedHit>); 2] {
    let limits = [queries.len(), corpus.len()].map(|n| vec![limits; n]);
    let mut sides = limits
        .each_ref()
        .map(|limits| (vec![0; limits.len()], Vec::new()));
    let [(down, down_hits), (across, across_hits)] = &mut sides;
    let of_queries = FixedWanted {
        limits: &limits[0],
        beyond: down,
        hits: down_hits,
    };
    let of_corpus = FixedWanted {
        limits: &limits[1],
        beyond: across,
        hits: across_hits,
    };
    fixed_search(queries, corpus, Some(of_queries), Some(of_corpus));
    for (_, hits) in &mut sides {
        hits.sort_unstable();
    }
    sides
}

/// All products, row-major, the same at every level and from either side.
fn products(x: &[f64], y: &[f64], dim: usize) -> (FixedQueries, FixedCorpus, Vec<i32>) {
    let (queries, corpus) = (FixedQueries::of(x, dim), FixedCorpus::of(y, dim));
    let all = FixedLimits::new(-2.0, None);
    let found: Vec<_> = levels()
        .map(|level| at_level(level, || seen(&queries, &corpus, all)))
        .collect();
    for [down, across] in &found {
        assert_eq!(down.1, across.1, "both sides see the same products");
    }
    assert!(
        found.iter().all(|other| *other == found[0]),
        "one value at every level"
    );
    let [(_, hits), _] = &found[0];
    assert_eq!(hits.len(), queries.len() * corpus.len());
    let products = hits.iter().map(|hit| hit.product).collect();
    (queries, corpus, products)
}

fn check(x: &[f64], y: &[f64], dim: usize) {
    let (queries, corpus, products) = products(x, y, dim);
    let rounded =
        |row: &[f64]| -> Vec<i64> { row.iter().map(|v| (v * ONE).round_ties_even() as i64).collect() };
    for (i, x) in x.chunks_exact(dim).enumerate() {
        for (j, y) in y.chunks_exact(dim).enumerate() {
            let product = products[i * corpus.len() + j];
            let plain: i64 = rounded(x).iter().zip(rounded(y)).map(|(a, b)| a * b).sum();
            assert_eq!(i64::from(product), plain, "{dim} {i} {j}");
            let cosine: f64 = x.iter().zip(y).map(|(a, b)| a * b).sum();
            let bound = fixed_bound(queries.errors()[i], corpus.errors()[j]);
            assert!((cosine - fixed_cosine(product)).abs() <= bound, "{dim} {i} {j}");
        }
    }
}

/// Numbers of rows and columns about those of a tile and a chunk, at every level: integers have one right value.
#[test]
fn products_are_those_of_plain_integers_and_keep_their_bound() {
    for dim in [1, 2, 15, 16, 17, 33, 100, 1_001] {
        for (n, m) in [(1, 1), (11, 31), (12, 32), (13, 33), (25, 70)] {
            check(&unit_rows(n, dim, 3), &unit_rows(m, dim, 5), dim);
        }
    }
}

/// What is largest: one component of one, all components alike, of one sign and of both, and wide rows; what is smallest:
/// zeros and subnormals.
#[test]
fn extremes_neither_overflow_nor_vanish() {
    for dim in [1, 2, 16, 31, 65_536] {
        let alike = vec![1.0 / (dim as f64).sqrt(); dim];
        let turned: Vec<f64> = alike.iter().map(|v| -v).collect();
        let mut first = vec![0.0; dim];
        first[0] = 1.0;
        let mut tiny = vec![f64::from_bits(1); dim];
        tiny[dim - 1] = -1.0;
        let rows = [alike, turned, first, tiny, vec![0.0; dim]].concat();
        check(&rows, &rows, dim);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any shape and components of any magnitude; each side sees and counts what its limits say.
    #[test]
    fn limits_choose_what_is_seen(
        n in 1_usize..30,
        m in 1_usize..80,
        dim in 1_usize..70,
        parts in proptest::collection::vec(prop_oneof![-1.0..1.0, -1e-310..1e-310, Just(0.0), Just(1.0)], 64..200),
        least in -1.1..1.1,
        from in -1.1..1.1,
        width in 0.0..0.5,
    ) {
        let rows = |n: usize, shift: usize| {
            scaled((0..n * dim).map(|i| parts[(i * 7 + i / dim + shift) % parts.len()]).collect(), dim)
        };
        let (x, y) = (rows(n, 0), rows(m, 5));
        let (queries, corpus, products) = products(&x, &y, dim);
        let limits = FixedLimits::new(least, Some((from, from + width)));
        let mut expected: Vec<FixedHit> = Vec::new();
        let mut beyond = [vec![0; n], vec![0; m]];
        for (at, &product) in products.iter().enumerate() {
            let (i, j) = (at / m, at % m);
            if product >= limits.least || limits.leaves_undecided(product) {
                expected.push(hit(i, j, product));
            }
            beyond[0][i] += u64::from(product > limits.to);
            beyond[1][j] += u64::from(product > limits.to);
            // nothing that may matter is left out, and nothing is counted that is undecided
            let cosine = fixed_cosine(product);
            prop_assert!(product >= limits.least || cosine < least);
            prop_assert!(limits.leaves_undecided(product) || cosine < from || cosine > from + width);
            prop_assert!(product <= limits.to || cosine > from + width);
        }
        for level in levels() {
            let [down, across] = at_level(level, || seen(&queries, &corpus, limits));
            prop_assert_eq!(&down.1, &expected);
            prop_assert_eq!(&across.1, &expected);
            prop_assert_eq!([&down.0, &across.0], [&beyond[0], &beyond[1]]);
        }
    }
}
