//! A linear probe: how well a plane tells the two modalities apart on rows it has not seen.

use faer::linalg::solvers::{Llt, Solve};
use faer::{MatRef, Side};
use modality_gap_kernels::{GRAM_COLUMNS, GRAM_ROWS, Gram, GramBlock, Rows, add_weighted, dot};
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use crate::eigen::sequential;
use crate::views::row_major;

/// Newton steps; the loss is convex and needs about eight.
const STEPS: usize = 50;
/// Largest component of the step at which it has settled.
const SETTLED: f64 = 1e-10;

/// Weights and intercept of a logistic regression: minimises ½‖w‖² + Σ ln(1+exp(−t·(w·e+b))), t = ±1; the intercept is
/// free (scikit-learn's `LogisticRegression` with C = 1).
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    weights: Vec<f64>,
    intercept: f64,
}

/// Rows to be told apart, with a last column of ones, which the intercept belongs to.
struct Labelled {
    width: usize,
    rows: Vec<f64>,
    /// Rows before this one are positive.
    split: usize,
}

impl Labelled {
    fn of(positive: ArrayView2<'_, f64>, negative: ArrayView2<'_, f64>) -> Self {
        let all = positive.rows().into_iter().chain(negative.rows());
        let mut rows = Vec::new();
        for row in all {
            rows.extend(row);
            rows.push(1.0);
        }
        Self {
            width: positive.ncols() + 1,
            rows,
            split: positive.nrows(),
        }
    }

    /// The row's t.
    fn sign(&self, i: usize) -> f64 {
        if i < self.split { 1.0 } else { -1.0 }
    }

    /// Blocks that one thread works on; fixed, so that the number of threads changes nothing.
    fn blocks(&self) -> impl IndexedParallelIterator<Item = (usize, &[f64])> {
        let blocks = self.rows.par_chunks(GRAM_ROWS * self.width);
        blocks.enumerate().map(|(block, rows)| (block * GRAM_ROWS, rows))
    }

    /// w·e+b of each row.
    fn scores(&self, theta: &[f64]) -> Vec<f64> {
        self.rows
            .par_chunks_exact(self.width)
            .with_min_len(GRAM_ROWS)
            .map(|row| dot(row, theta))
            .collect()
    }

    fn loss(&self, theta: &[f64], scores: &[f64]) -> f64 {
        let each = scores.iter().enumerate();
        let data: f64 = each.map(|(i, score)| softplus(-self.sign(i) * score)).sum();
        let weights = &theta[..self.width - 1];
        data + weights.iter().map(|w| w * w).sum::<f64>() / 2.0
    }

    /// Σ (σ(score)−[t=1])·e of the rows.
    fn slope(&self, chance: &[f64]) -> Vec<f64> {
        let parts: Vec<Vec<f64>> = self
            .blocks()
            .map(|(first, rows)| {
                let count = rows.len() / self.width;
                let errors: Vec<f64> = (first..first + count)
                    .map(|i| chance[i] - f64::midpoint(self.sign(i), 1.0))
                    .collect();
                let mut sum = vec![0.0; self.width];
                add_weighted(Rows::F64(rows), self.width, &errors, &mut sum);
                sum
            })
            .collect();
        let mut slope = vec![0.0; self.width];
        for part in parts {
            slope.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        slope
    }

    /// Σ σ(1−σ)·eeᵀ of the rows, column-major, its lower triangle.
    fn curvature(&self, chance: &[f64]) -> Vec<f64> {
        let (width, gram) = (self.width, Gram::here());
        let center = vec![0.0; width];
        // in f32: an error of 1e-7 in the curvature is one of 1e-7 of the step, and the minimum is where the slope, in f64, vanishes
        let packed: Vec<GramBlock<f32>> = self
            .blocks()
            .map(|(first, rows)| {
                let scaled: Vec<f64> = rows
                    .chunks_exact(width)
                    .zip(&chance[first..])
                    .flat_map(|(row, chance)| {
                        let root = (chance * (1.0 - chance)).sqrt();
                        row.iter().map(move |v| v * root)
                    })
                    .collect();
                gram.block(&scaled.chunks_exact(width).collect::<Vec<_>>(), &center)
            })
            .collect();
        let twice: Vec<[&GramBlock<f32>; 2]> = packed.iter().map(|block| [block; 2]).collect();
        let mut sum = vec![0.0; width * width];
        sum.par_chunks_mut(GRAM_COLUMNS * width)
            .enumerate()
            .for_each(|(group, columns)| {
                gram.add(&twice, group * GRAM_COLUMNS, true, columns);
            });
        sum
    }
}

impl Probe {
    /// Fits by damped Newton steps; `positive` and `negative` are n × d and m × d. `None` when a step cannot be
    /// solved. Works on the threads of the current rayon pool; their number changes nothing.
    pub fn fit(positive: ArrayView2<'_, f64>, negative: ArrayView2<'_, f64>) -> Option<Self> {
        sequential();
        assert_eq!(positive.ncols(), negative.ncols(), "rows of one width");
        let dim = positive.ncols();
        let rows = Labelled::of(positive, negative);
        let mut theta = vec![0.0; dim + 1];
        let mut scores = rows.scores(&theta);
        let mut now = rows.loss(&theta, &scores);
        for _ in 0..STEPS {
            let chance: Vec<f64> = scores.iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect();
            let mut gradient = rows.slope(&chance);
            let mut hessian = rows.curvature(&chance);
            for j in 0..dim {
                gradient[j] += theta[j];
                hessian[j * (dim + 1) + j] += 1.0;
            }
            // a whisper on the intercept keeps the system definite when every chance is nearly decided
            hessian[dim * (dim + 1) + dim] += 1e-12;
            let hessian = MatRef::from_column_major_slice(&hessian, dim + 1, dim + 1);
            let slope = MatRef::from_column_major_slice(&gradient, dim + 1, 1);
            let step = Llt::new(hessian, Side::Lower).ok()?.solve(slope);
            let mut length = 1.0;
            loop {
                let moved = theta.iter().enumerate();
                let candidate: Vec<f64> = moved.map(|(j, v)| v - length * step[(j, 0)]).collect();
                let of_candidate = rows.scores(&candidate);
                let value = rows.loss(&candidate, &of_candidate);
                if value <= now || length < 1e-6 {
                    (theta, scores, now) = (candidate, of_candidate, value);
                    break;
                }
                length /= 2.0;
            }
            if step.norm_max() < SETTLED {
                break;
            }
        }
        let intercept = theta.pop()?;
        Some(Self {
            weights: theta,
            intercept,
        })
    }

    /// Share of the rows on their side of the plane, as a mean over both kinds: ½ for a plane that knows nothing, however many
    /// rows there are of either.
    pub fn accuracy(&self, positive: ArrayView2<'_, f64>, negative: ArrayView2<'_, f64>) -> f64 {
        let right = |rows: ArrayView2<'_, f64>, positive: bool| {
            let right = row_major(&rows)
                .chunks_exact(self.weights.len())
                .filter(|row| (dot(row, &self.weights) + self.intercept > 0.0) == positive)
                .count();
            right as f64 / rows.nrows() as f64
        };
        f64::midpoint(right(positive, true), right(negative, false))
    }

    /// Normal of the plane.
    pub fn weights(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.weights, self.weights.len(), 1)
    }
}

/// Accuracy of a probe on one half of the rows of either modality, n × d and m × d, fitted on the other half; `second` says which rows are
/// kept out of the fit. `None` where a half is empty or a step of the fit cannot be solved.
pub fn separability([x, z]: [ArrayView2<'_, f64>; 2], second: [&[bool]; 2]) -> Option<f64> {
    let part = |rows: ArrayView2<'_, f64>, of: &[bool], second: bool| {
        let taken: Vec<usize> = (0..of.len()).filter(|&i| of[i] == second).collect();
        rows.select(Axis(0), &taken)
    };
    let half = |kept| [part(x, second[0], kept), part(z, second[1], kept)];
    let ([a, b], [c, d]) = (half(false), half(true));
    let probe = Probe::fit(a.view(), b.view())?;
    (!c.is_empty() && !d.is_empty()).then(|| probe.accuracy(c.view(), d.view()))
}

/// ln(1+eᵛ) without overflow.
fn softplus(v: f64) -> f64 {
    v.max(0.0) + (-v.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::as_rows;

    /// At the minimum the gradient vanishes: w = Σ t·σ(−t·f)·e and Σ t·σ(−t·f) = 0.
    #[test]
    fn the_gradient_vanishes_at_the_minimum() {
        let rows = |shift: f64| -> Vec<f64> {
            (0..60)
                .map(|i| f64::from(i * 37 % 19) / 19.0 - 0.5 + if i % 3 == 0 { shift } else { 0.0 })
                .collect()
        };
        let (positive, negative) = (rows(0.4), rows(-0.3));
        let probe = Probe::fit(as_rows(&positive, 3), as_rows(&negative, 3)).unwrap();
        let mut slope = [0.0; 4];
        let other = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap()
                .install(|| Probe::fit(as_rows(&positive, 3), as_rows(&negative, 3)))
        };
        assert_eq!([other(1), other(3)], [Some(probe.clone()), Some(probe.clone())]);
        for (rows, sign) in [(&positive, 1.0), (&negative, -1.0)] {
            for row in rows.chunks_exact(3) {
                let score = dot(row, &probe.weights) + probe.intercept;
                let weight = sign / (1.0 + (sign * score).exp());
                slope
                    .iter_mut()
                    .zip(row.iter().chain([&1.0]))
                    .for_each(|(s, v)| *s += weight * v);
            }
        }
        for (slope, weight) in slope.iter().zip(probe.weights.iter().chain([&0.0])) {
            assert!((slope - weight).abs() < 1e-9, "{slope} {weight}");
        }
        assert!(probe.accuracy(as_rows(&positive, 3), as_rows(&negative, 3)) > 0.6);
    }
}
