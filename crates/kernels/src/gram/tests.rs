//! Products of packed blocks against plain sums.

use super::*;
use crate::reduce::dot;
use crate::{Level, at_level, levels};

fn rows(n: usize, dim: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    (0..n * dim)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f64 / f64::from(1 << 23) - 1.0
        })
        .collect()
}

/// Every width about that of a panel and of two, numbers of rows from none to a block, at every level; the plain sum is the truth.
#[test]
fn products_and_sums_are_plain_ones() {
    for level in levels() {
        at_level(level, || {
            for dim in [1, 3, 5, 7, 8, 11, 12, 13, 23, 24, 25, 47, 48, 49, 70, 97] {
                for n in [0, 1, 7, GRAM_ROWS] {
                    check::<f64>(n, dim, f64::EPSILON / 2.0);
                    check::<f32>(n, dim, f64::from(f32::EPSILON) / 2.0);
                }
            }
        });
    }
}

/// `unit` is the rounding unit of the type that is multiplied in.
fn check<V: GramValue>(n: usize, dim: usize, unit: f64) {
    let found = Found::<V>::of(n, dim);
    // products below 4, of two rounded values, summed in any order
    let bound = |unit: f64| 4.0 * (n + 3) as f64 * n as f64 * unit;
    let near = |a: f64, b: f64, unit: f64| {
        let most = bound(unit) + 4.0 * f64::EPSILON * n as f64;
        assert!((a - b).abs() <= most, "{dim} {n} {a} {b}");
    };
    let plain = |left: &[f64], i: usize, right: &[f64], j: usize| -> f64 {
        (0..n)
            .map(|k| left[k * dim + i] * right[k * dim + j])
            .sum::<f64>()
    };
    let exact = f64::EPSILON / 2.0;
    for j in 0..dim {
        for i in 0..dim {
            let expected = 1.0 + plain(&found.x, i, &found.y, j);
            near(found.cross[j * dim + i], expected, unit);
            near(found.of_columns[j * dim + i], expected, unit);
            if i >= j {
                near(
                    found.gram[j * dim + i],
                    1.0 + plain(&found.x, i, &found.x, j),
                    unit,
                );
            }
        }
        let column = || (0..n).map(|k| found.x[k * dim + j]);
        near(found.block.sum()[j], column().sum(), exact);
        near(found.block.diagonal()[j], column().map(|v| v * v).sum(), exact);
        let weighted = column().zip(found.block.squares()).map(|(v, w)| v * w);
        let most = 4.0 * dim as f64 * bound(unit);
        assert!((found.weighted[j] - weighted.sum::<f64>()).abs() <= most);
    }
    for (row, square) in found.x.chunks_exact(dim).zip(found.block.squares()) {
        assert_eq!(*square, dot(row, row));
    }
}

/// The same bits at every level, and the plain sums but for rounding: n sums of dim products below 4, times those.
#[test]
fn projected_rows_are_plain_sums() {
    for dim in [1, 5, 16, 17, 47] {
        for n in [0, 1, 4, 6, 33] {
            let [rows, directions] = [rows(n, dim, 3), rows(3, dim, 4)];
            let center = self::rows(1, dim, 9);
            let each: Vec<&[f64]> = rows.chunks_exact(dim).collect();
            let of_level = |level| {
                let mut sums = vec![0.5; 3 * dim];
                at_level(level, || add_projected(&each, &center, &directions, &mut sums));
                sums
            };
            let found = of_level(Level::Baseline);
            for level in levels() {
                assert_eq!(found, of_level(level));
            }
            let mut expected = vec![0.5; 3 * dim];
            for row in &each {
                let centred: Vec<f64> = row.iter().zip(&center).map(|(v, c)| v - c).collect();
                for (sums, v) in expected.chunks_exact_mut(dim).zip(directions.chunks_exact(dim)) {
                    let along: f64 = centred.iter().zip(v).map(|(a, b)| a * b).sum();
                    sums.iter_mut()
                        .zip(&centred)
                        .for_each(|(sum, c)| *sum += along * c);
                }
            }
            let most = 8.0 * (n * dim * (n + dim)) as f64 * f64::EPSILON + f64::EPSILON;
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() <= most, "{dim} {n}: {a} {b}");
            }
        }
    }
}

/// What is found of rows about a centre; `x` and `y` are the centred rows.
struct Found<V> {
    x: Vec<f64>,
    y: Vec<f64>,
    block: GramBlock<V>,
    gram: Vec<f64>,
    cross: Vec<f64>,
    /// As `cross`, of blocks packed column by column.
    of_columns: Vec<f64>,
    weighted: Vec<f64>,
}

impl<V: GramValue> Found<V> {
    fn of(n: usize, dim: usize) -> Self {
        let packing = Gram::here();
        let center = rows(1, dim, 9);
        let [(x, a, c), (y, b, d)] = [3, 5].map(|seed| {
            let rows = rows(n, dim, seed);
            let each: Vec<&[f64]> = rows.chunks_exact(dim).collect();
            let block = packing.block(&each, &center);
            let centred: Vec<f64> = each
                .iter()
                .flat_map(|row| row.iter().zip(&center).map(|(v, c)| v - c))
                .collect();
            let columns: Vec<Vec<f64>> = (0..dim)
                .map(|j| centred.iter().skip(j).step_by(dim).copied().collect())
                .collect();
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            (centred, block, packing.block_of_columns(&columns))
        });
        let product = |a: &GramBlock<V>, b: &GramBlock<V>, lower: bool| {
            let mut out = vec![1.0; dim * dim];
            for (k, columns) in out.chunks_mut(GRAM_COLUMNS * dim).enumerate() {
                packing.add(&[[a, b]], k * GRAM_COLUMNS, lower, columns);
            }
            out
        };
        let (gram, cross, of_columns) = (
            product(&a, &a, true),
            product(&a, &b, false),
            product(&c, &d, false),
        );
        let mut weighted = vec![0.0; dim];
        a.add_weighted(a.squares(), &mut weighted);
        Self {
            x,
            y,
            block: a,
            gram,
            cross,
            of_columns,
            weighted,
        }
    }
}
