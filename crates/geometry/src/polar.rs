//! Radii of coordinate pairs mapped by quantiles: the closed-form start of AnisoAlign (arXiv 2605.07825).

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Order statistics kept of each pair's radii; with fewer rows all of them are.
pub(crate) const KNOTS: usize = 1024;

/// In an orthonormal basis, consecutive coordinates (2k, 2k+1) keep their phase while their radius goes from the
/// source's distribution to the target's; every later coordinate c becomes m + ratio·(c − m).
#[derive(Debug, Clone, PartialEq)]
pub struct Polar {
    dim: usize,
    /// Basis vectors one after another.
    pub(crate) basis: Vec<f64>,
    /// The same matrix transposed.
    transposed: Vec<f64>,
    /// Ascending radii of the source, pairs × knots.
    pub(crate) source: Vec<f64>,
    /// The same of the target.
    pub(crate) target: Vec<f64>,
    /// Number of pairs.
    pub(crate) pairs: usize,
    /// Means of the coordinates after the pairs.
    pub(crate) means: Vec<f64>,
    /// Their ratios.
    pub(crate) ratios: Vec<f64>,
}

impl Polar {
    /// `basis` holds d vectors of d components; `source` and `target` hold the ascending radii of each pair.
    ///
    /// # Panics
    /// When the sizes do not agree.
    pub fn new(
        dim: usize,
        basis: Vec<f64>,
        pairs: usize,
        [source, target]: [Vec<f64>; 2],
        means: Vec<f64>,
        ratios: Vec<f64>,
    ) -> Self {
        assert_eq!(basis.len(), dim * dim, "a square basis");
        assert!(2 * pairs <= dim, "pairs of coordinates");
        assert_eq!(means.len(), dim - 2 * pairs, "a mean per single coordinate");
        assert_eq!(ratios.len(), means.len(), "a ratio per single coordinate");
        for table in [&source, &target] {
            assert!(
                pairs == 0 && table.is_empty()
                    || pairs > 0 && !table.is_empty() && table.len().is_multiple_of(pairs),
                "radii of every pair"
            );
        }
        let transposed = (0..dim * dim)
            .map(|at| basis[(at % dim) * dim + at / dim])
            .collect();
        Self {
            dim,
            basis,
            transposed,
            source,
            target,
            pairs,
            means,
            ratios,
        }
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Every number it consists of.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        let sizes = [self.pairs as f64, self.source.len() as f64];
        [
            &sizes,
            &*self.basis,
            &self.source,
            &self.target,
            &self.means,
            &self.ratios,
        ]
        .concat()
    }

    /// Maps `rows` in place; `coordinates` is a buffer.
    pub(crate) fn apply(&self, rows: &mut [f64], coordinates: &mut Vec<f64>) {
        let dim = self.dim;
        coordinates.resize(rows.len(), 0.0);
        times(
            rows,
            MatRef::from_column_major_slice(&self.basis, dim, dim),
            coordinates,
        );
        for row in coordinates.chunks_exact_mut(dim) {
            let (paired, single) = row.split_at_mut(2 * self.pairs);
            for (k, pair) in paired.chunks_exact_mut(2).enumerate() {
                let radius = pair[0].hypot(pair[1]);
                if radius > 0.0 {
                    let position = position(knots_of(&self.source, self.pairs, k), radius);
                    let factor = quantile(knots_of(&self.target, self.pairs, k), position) / radius;
                    for v in pair {
                        *v *= factor;
                    }
                }
            }
            for ((v, mean), ratio) in single.iter_mut().zip(&self.means).zip(&self.ratios) {
                *v = mean + ratio * (*v - mean);
            }
        }
        times(
            coordinates,
            MatRef::from_column_major_slice(&self.transposed, dim, dim),
            rows,
        );
    }
}

fn knots_of(table: &[f64], pairs: usize, k: usize) -> &[f64] {
    let knots = table.len() / pairs;
    &table[k * knots..(k + 1) * knots]
}

/// Where `value` stands among ascending `knots`, whose i-th (from one) of n stands at (i−½)/n; linear in between and
/// constant beyond the ends. Equal knots share the middle of their positions.
fn position(knots: &[f64], value: f64) -> f64 {
    let n = knots.len() as f64;
    let below = knots.partition_point(|&knot| knot < value);
    let through = knots.partition_point(|&knot| knot <= value);
    if through > below {
        return (below + through) as f64 / (2.0 * n);
    }
    let steps = match below {
        0 => 0.5,
        i if i == knots.len() => n - 0.5,
        i => {
            let (low, high) = (knots[i - 1], knots[i]);
            (i as f64 - 0.5) + (value - low) / (high - low)
        }
    };
    steps / n
}

/// The inverse of [`position`].
fn quantile(knots: &[f64], position: f64) -> f64 {
    let last = knots.len() - 1;
    let at = (position * knots.len() as f64 - 0.5).clamp(0.0, last as f64);
    #[allow(clippy::cast_sign_loss, reason = "clamped above zero")]
    let low = at.floor() as usize;
    let high = (low + 1).min(last);
    knots[low] + (at - low as f64) * (knots[high] - knots[low])
}

/// At most [`KNOTS`] order statistics of `values`, which are sorted on the way.
pub(crate) fn knots(values: &mut [f64]) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    if values.len() <= KNOTS {
        return values.to_vec();
    }
    (0..KNOTS)
        .map(|i| quantile(values, (i as f64 + 0.5) / KNOTS as f64))
        .collect()
}

/// `out` = rows · m, for rows row-major and m given as its columns.
pub(crate) fn times(rows: &[f64], m: MatRef<'_, f64>, out: &mut [f64]) {
    let dim = m.nrows();
    let n = rows.len() / dim;
    let left = MatRef::from_row_major_slice(rows, n, dim);
    let target = MatMut::from_row_major_slice_mut(out, n, m.ncols());
    matmul(target, Accum::Replace, left, m, 1.0, Par::Seq);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_quantiles_are_inverse() {
        let knots = [0.5, 1.0, 2.0, 4.0];
        for (value, at) in [
            (0.5, 0.125),
            (1.0, 0.375),
            (1.5, 0.5),
            (4.0, 0.875),
            (9.0, 0.875),
            (0.1, 0.125),
        ] {
            assert_eq!(position(&knots, value), at);
            assert_eq!(quantile(&knots, at), value.clamp(0.5, 4.0));
        }
        assert_eq!(position(&[1.0, 1.0, 1.0, 2.0], 1.0), 0.375);
    }

    /// Of 2,048 values 0, 1, … the i-th knot stands at position (i + ½)/1024, half way between 2i and 2i + 1.
    #[test]
    fn more_rows_than_knots_are_shown_by_quantiles() {
        let mut values: Vec<f64> = (0..2 * KNOTS).rev().map(|v| v as f64).collect();
        let found = knots(&mut values);
        assert_eq!(found.len(), KNOTS);
        for (i, knot) in found.iter().enumerate() {
            assert!((knot - (2 * i) as f64 - 0.5).abs() < 1e-9, "{i}: {knot}");
        }
        let mut few = vec![3.0, 1.0, 2.0];
        assert_eq!(knots(&mut few), [1.0, 2.0, 3.0]);
    }

    /// Radii that are already the target's stay, and so does everything else.
    #[test]
    fn equal_distributions_change_nothing() {
        let dim = 5;
        let basis: Vec<f64> = (0..dim * dim)
            .map(|at| f64::from(u8::from(at / dim == at % dim)))
            .collect();
        let table = vec![0.5, 1.0, 2.0, 0.25, 1.5, 3.0];
        let polar = Polar::new(dim, basis, 2, [table.clone(), table], vec![0.2], vec![1.0]);
        let rows = [0.6, 0.8, 1.5, 0.0, 0.7, 0.3, 0.4, 0.0, 3.0, -0.2];
        let mut mapped = rows;
        polar.apply(&mut mapped, &mut Vec::new());
        for (a, b) in mapped.iter().zip(rows) {
            assert!((a - b).abs() < 1e-15, "{a} {b}");
        }
    }
}
