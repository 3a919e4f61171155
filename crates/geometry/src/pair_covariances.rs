//! Covariances of both rows of pairs, of one with the other, and of their differences, from three products of matrices.

use modality_gap_kernels::{GRAM_COLUMNS, GramBlock, GramValue};
use rayon::prelude::*;

use crate::covariance::add;
use crate::{Covariance, CrossCovariance, Precision};

/// Rows of a square that is read across and down.
const TILE: usize = 64;

/// What is counted of pairs (x, z), whose differences r = x − z have Σr = Σx + Σz − Σxz − Σxzᵀ.
///
/// Σr and Σxz together take a product less than counted apart. All other sums over r are taken from its rows, those by which
/// [`Covariance::product_error`] measures what the products change, too.
#[derive(Debug, Clone)]
pub struct PairCovariances {
    sides: [Covariance; 2],
    cross: CrossCovariance,
    /// Of r, but for its products.
    differences: Covariance,
    /// Σ (r−c)² of each column.
    diagonal: Vec<f64>,
}

/// Covariances of pairs.
#[derive(Debug, Clone)]
pub struct CountedPairs {
    /// Σx and Σz.
    pub sides: [Covariance; 2],
    /// Σr.
    pub differences: Covariance,
    /// Σxz.
    pub cross: CrossCovariance,
}

impl PairCovariances {
    /// No pairs yet, of sides with these means, to be counted about them with products in `precision`.
    pub fn about(means: [&[f64]; 2], precision: Precision) -> Self {
        let [x, z] = means;
        let center: Vec<f64> = x.iter().zip(z).map(|(a, b)| a - b).collect();
        Self {
            sides: means.map(|mean| Covariance::about_in(mean, precision)),
            cross: CrossCovariance::about_in(x, z, precision),
            differences: Covariance::about_in(&center, precision),
            diagonal: vec![0.0; center.len()],
        }
    }

    /// Counts pairs, row i of `x` with row i of `z`, whose difference is row i of `differences`; each as wide as the means. Works on the
    /// threads of the current rayon pool; their number does not change the result.
    pub fn accumulate_each(&mut self, [x, z]: [&[&[f64]]; 2], differences: &[&[f64]]) {
        assert!(
            x.len() == z.len() && x.len() == differences.len(),
            "rows in pairs, with their differences"
        );
        match self.differences.precision() {
            Precision::Exact => self.count::<f64>([x, z], differences),
            Precision::Single => self.count::<f32>([x, z], differences),
        }
    }

    fn count<V: GramValue>(&mut self, rows: [&[&[f64]]; 2], differences: &[&[f64]]) {
        let [x, z] = [0, 1].map(|side: usize| self.sides[side].packed::<V>(rows[side]));
        for (side, packed) in self.sides.iter_mut().zip([&x, &z]) {
            side.add_sums(packed);
            side.add_products(packed);
        }
        let pairs: Vec<[&GramBlock<V>; 2]> = x.iter().zip(&z).map(|(x, z)| [&x.block, &z.block]).collect();
        self.cross.add_packed(&pairs);
        let packed = self.differences.packed::<V>(differences);
        self.differences.add_sums(&packed);
        for packed in &packed {
            add(&mut self.diagonal, packed.block.diagonal());
        }
    }

    /// All covariances.
    pub fn finish(self) -> CountedPairs {
        let Self {
            sides,
            cross,
            mut differences,
            diagonal,
        } = self;
        let dim = diagonal.len();
        let [x, z] = sides.each_ref().map(|side| side.scatter.as_slice());
        let xz = cross.scatter.as_slice();
        differences
            .scatter
            .par_chunks_mut(GRAM_COLUMNS * dim)
            .enumerate()
            .for_each(|(group, columns)| {
                let first = group * GRAM_COLUMNS;
                for rows in (first..dim).step_by(TILE) {
                    for (j, column) in (first..).zip(columns.chunks_exact_mut(dim)) {
                        for i in rows.max(j)..dim.min(rows + TILE) {
                            let at = j * dim + i;
                            column[i] = x[at] + z[at] - xz[at] - xz[i * dim + j];
                        }
                    }
                }
            });
        for (i, value) in diagonal.into_iter().enumerate() {
            differences.scatter[i * dim + i] = value;
        }
        CountedPairs {
            sides,
            differences,
            cross,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::as_rows;

    const DIM: usize = 70;

    /// Pairs, row-major, z = .6 x + noise about other means.
    fn pairs(n: usize) -> [Vec<f64>; 2] {
        let mut state = 5_u64;
        let mut next = || {
            state = crate::mix(state);
            (state >> 11) as f64 * 2.0_f64.powi(-52) - 1.0
        };
        let x: Vec<f64> = (0..n * DIM).map(|i| next() + (i % DIM) as f64 / 70.0).collect();
        let z = x.iter().map(|v| 0.6 * v + 0.5 * next() - 0.3).collect();
        [x, z]
    }

    fn each(rows: &[f64]) -> Vec<&[f64]> {
        rows.chunks_exact(DIM).collect()
    }

    fn mean(rows: &[f64]) -> Vec<f64> {
        let n = (rows.len() / DIM) as f64;
        (0..DIM)
            .map(|j| rows.iter().skip(j).step_by(DIM).sum::<f64>() / n)
            .collect()
    }

    /// Against covariances counted one by one: the same but for Σr, whose products are sums of others.
    #[test]
    fn covariances_of_pairs_are_those_counted_apart() {
        for (precision, tolerance) in [(Precision::Exact, 1e-14), (Precision::Single, 1e-6)] {
            let [x, z] = pairs(701);
            let r: Vec<f64> = x.iter().zip(&z).map(|(a, b)| a - b).collect();
            let means = [mean(&x), mean(&z)];
            let center: Vec<f64> = means[0].iter().zip(&means[1]).map(|(a, b)| a - b).collect();
            let mut together = PairCovariances::about([&means[0], &means[1]], precision);
            let mut apart = [&means[0], &means[1], &center].map(|mean| Covariance::about_in(mean, precision));
            let mut cross = CrossCovariance::about_in(&means[0], &means[1], precision);
            // in two calls, neither of whole blocks
            for part in [0..300 * DIM, 300 * DIM..701 * DIM] {
                let rows = [&x, &z, &r].map(|rows| &rows[part.clone()]);
                let [of_x, of_z, of_r] = rows.map(each);
                together.accumulate_each([&of_x, &of_z], &of_r);
                for (covariance, rows) in apart.iter_mut().zip(rows) {
                    covariance.accumulate(as_rows(rows, DIM));
                }
                cross.accumulate(as_rows(rows[0], DIM), as_rows(rows[1], DIM));
            }
            let found = together.finish();
            let [of_x, of_z, of_r] = apart;
            assert_eq!(found.sides, [of_x, of_z]);
            assert_eq!(found.cross, cross);
            let largest = (0..DIM)
                .flat_map(|i| (0..DIM).map(move |j| (i, j)))
                .map(|(i, j)| (found.differences.entry(i, j) - of_r.entry(i, j)).abs())
                .fold(0.0, f64::max);
            assert!(largest <= tolerance * of_r.trace(), "{precision:?}: {largest:e}");
            assert_eq!(found.differences.trace(), of_r.trace());
            assert_eq!(found.differences.mean(), of_r.mean());
            let squares = [&found.differences, &of_r].map(Covariance::unbiased_square);
            assert!((squares[0] / squares[1] - 1.0).abs() <= tolerance, "{squares:?}");
        }
    }

    /// Of partners that hardly differ the products cancel; the measured error says so.
    #[test]
    fn an_error_of_products_that_cancel_is_measured() {
        let [x, _] = pairs(500);
        let z: Vec<f64> = x.iter().map(|v| v * (1.0 - 1e-5)).collect();
        let r: Vec<f64> = x.iter().zip(&z).map(|(a, b)| a - b).collect();
        let means = [mean(&x), mean(&z)];
        let count = |precision| {
            let mut pairs = PairCovariances::about([&means[0], &means[1]], precision);
            pairs.accumulate_each([&each(&x), &each(&z)], &each(&r));
            pairs.finish().differences
        };
        let [exact, single] = [Precision::Exact, Precision::Single].map(count);
        let change = (exact.matrix() - single.matrix()).norm_l2();
        assert!(change > exact.matrix().norm_l2(), "{change:e}");
        assert!(single.product_error() >= change / (DIM as f64).sqrt());
        assert!(!single.resolves(1e-2) && !single.holds_square(1e-4));
        assert!(exact.holds_square(1e-4));
    }
}
