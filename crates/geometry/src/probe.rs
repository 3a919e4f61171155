//! A linear probe: how well a plane tells the two modalities apart on rows it has not seen.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::{Llt, Solve};
use faer::{Accum, Mat, MatRef, Side, get_global_parallelism};
use modality_gap_kernels::dot;

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

impl Probe {
    /// Fits by damped Newton steps; `positive` and `negative` are row-major of width `dim`. `None` when a step cannot be
    /// solved.
    pub fn fit(positive: &[f64], negative: &[f64], dim: usize) -> Option<Self> {
        let n = (positive.len() + negative.len()) / dim;
        let split = positive.len() / dim;
        // the last column is the intercept's
        let rows = Mat::from_fn(n, dim + 1, |i, j| match (j == dim, i < split) {
            (true, _) => 1.0,
            (false, true) => positive[i * dim + j],
            (false, false) => negative[(i - split) * dim + j],
        });
        let sign = |i: usize| if i < split { 1.0 } else { -1.0 };
        let loss = |theta: &Mat<f64>| -> f64 {
            let scores = &rows * theta;
            let data: f64 = (0..n).map(|i| softplus(-sign(i) * scores[(i, 0)])).sum();
            data + (0..dim).map(|j| theta[(j, 0)].powi(2)).sum::<f64>() / 2.0
        };
        let mut theta = Mat::zeros(dim + 1, 1);
        let mut now = loss(&theta);
        for _ in 0..STEPS {
            let scores = &rows * &theta;
            let chance: Vec<f64> = (0..n).map(|i| 1.0 / (1.0 + (-scores[(i, 0)]).exp())).collect();
            let error = Mat::from_fn(n, 1, |i, _| chance[i] - f64::midpoint(sign(i), 1.0));
            let penalised = |j: usize| if j < dim { 1.0 } else { 0.0 };
            let slope = rows.transpose() * error;
            let gradient = Mat::from_fn(dim + 1, 1, |j, _| slope[(j, 0)] + penalised(j) * theta[(j, 0)]);
            let scaled = Mat::from_fn(n, dim + 1, |i, j| {
                rows[(i, j)] * (chance[i] * (1.0 - chance[i])).sqrt()
            });
            // of a symmetric product one triangle is computed, and read below
            let mut hessian = Mat::zeros(dim + 1, dim + 1);
            triangular::matmul(
                hessian.as_mut(),
                BlockStructure::TriangularLower,
                Accum::Replace,
                scaled.transpose(),
                BlockStructure::Rectangular,
                scaled.as_ref(),
                BlockStructure::Rectangular,
                1.0,
                get_global_parallelism(),
            );
            for j in 0..=dim {
                // a whisper on the intercept keeps the system definite when every chance is nearly decided
                hessian[(j, j)] += penalised(j).max(1e-12);
            }
            let step = Llt::new(hessian.as_ref(), Side::Lower).ok()?.solve(&gradient);
            let mut length = 1.0;
            let next = loop {
                let candidate = &theta - &step * faer::Scale(length);
                let value = loss(&candidate);
                if value <= now || length < 1e-6 {
                    now = value;
                    break candidate;
                }
                length /= 2.0;
            };
            theta = next;
            if step.norm_max() < SETTLED {
                break;
            }
        }
        Some(Self {
            weights: (0..dim).map(|j| theta[(j, 0)]).collect(),
            intercept: theta[(dim, 0)],
        })
    }

    /// Share of the rows on their side of the plane, as a mean over both kinds: ½ for a plane that knows nothing, however many
    /// rows there are of either.
    pub fn accuracy(&self, positive: &[f64], negative: &[f64]) -> f64 {
        let dim = self.weights.len();
        let right = |rows: &[f64], positive: bool| {
            let right = rows
                .chunks_exact(dim)
                .filter(|row| (dot(row, &self.weights) + self.intercept > 0.0) == positive)
                .count();
            right as f64 / (rows.len() / dim) as f64
        };
        f64::midpoint(right(positive, true), right(negative, false))
    }

    /// Normal of the plane.
    pub fn weights(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.weights, self.weights.len(), 1)
    }
}

/// Accuracy of a probe on one half of the rows of either modality, row-major of width `dim`, fitted on the other half; `second` says
/// which rows are kept out of the fit. `None` where a half is empty or a step of the fit cannot be solved.
pub fn separability([x, z]: [&[f64]; 2], second: [&[bool]; 2], dim: usize) -> Option<f64> {
    let part = |rows: &[f64], of: &[bool], second: bool| -> Vec<f64> {
        let rows = rows.chunks_exact(dim).zip(of);
        rows.filter(|(_, half)| **half == second)
            .flat_map(|(row, _)| row)
            .copied()
            .collect()
    };
    let half = |kept| [part(x, second[0], kept), part(z, second[1], kept)];
    let ([a, b], [c, d]) = (half(false), half(true));
    let probe = Probe::fit(&a, &b, dim)?;
    (!c.is_empty() && !d.is_empty()).then(|| probe.accuracy(&c, &d))
}

/// ln(1+eᵛ) without overflow.
fn softplus(v: f64) -> f64 {
    v.max(0.0) + (-v.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At the minimum the gradient vanishes: w = Σ t·σ(−t·f)·e and Σ t·σ(−t·f) = 0.
    #[test]
    fn the_gradient_vanishes_at_the_minimum() {
        let rows = |shift: f64| -> Vec<f64> {
            (0..60)
                .map(|i| f64::from(i * 37 % 19) / 19.0 - 0.5 + if i % 3 == 0 { shift } else { 0.0 })
                .collect()
        };
        let (positive, negative) = (rows(0.4), rows(-0.3));
        let probe = Probe::fit(&positive, &negative, 3).unwrap();
        let mut slope = [0.0; 4];
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
        assert!(probe.accuracy(&positive, &negative) > 0.6);
    }
}
