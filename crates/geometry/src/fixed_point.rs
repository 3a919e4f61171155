//! Anderson acceleration of a fixed-point iteration.

use nalgebra::{DMatrix, DVector};

/// Earlier steps that an accelerated step looks back on.
const MEMORY: usize = 5;

/// Proposes the next point from the points tried and their residuals g(c) = F(c) − c (Walker and Ni 2011).
#[derive(Debug, Default)]
pub(crate) struct Anderson {
    points: Vec<Vec<f64>>,
    residuals: Vec<Vec<f64>>,
}

impl Anderson {
    /// The next point after `point`, whose residual is `residual`.
    pub(crate) fn next(&mut self, point: &[f64], residual: &[f64]) -> Vec<f64> {
        self.points.push(point.to_vec());
        self.residuals.push(residual.to_vec());
        if self.points.len() > MEMORY + 1 {
            self.points.remove(0);
            self.residuals.remove(0);
        }
        let mut next: Vec<f64> = point.iter().zip(residual).map(|(c, g)| c + g).collect();
        let steps = self.points.len() - 1;
        if steps == 0 {
            return next;
        }
        let dim = point.len();
        let change = |of: &[Vec<f64>]| DMatrix::from_fn(dim, steps, |i, k| of[k + 1][i] - of[k][i]);
        let (points, residuals) = (change(&self.points), change(&self.residuals));
        let target = DVector::from_column_slice(residual);
        // a rank-deficient history gives the minimum-norm answer instead of a wild one
        let tolerance = 1e-12 * residuals.norm();
        if let Ok(weights) = residuals.clone().svd(true, true).solve(&target, tolerance) {
            let correction = (points + residuals) * weights;
            next.iter_mut().zip(correction.iter()).for_each(|(c, d)| *c -= d);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear contraction in n dimensions is solved in about n+1 steps, where plain iteration gains one digit
    /// every 1/(1−rate) steps.
    #[test]
    fn solves_a_slow_linear_contraction_in_a_few_steps() {
        let rates = [0.9, 0.77, 0.5, 0.1];
        let residual =
            |c: &[f64]| -> Vec<f64> { c.iter().zip(rates).map(|(c, r)| r * c + 1.0 - c).collect() };
        let mut anderson = Anderson::default();
        let mut point = vec![0.0; 4];
        for _ in 0..8 {
            point = anderson.next(&point, &residual(&point));
        }
        for (c, rate) in point.iter().zip(rates) {
            assert!((c - 1.0 / (1.0 - rate)).abs() < 1e-9, "{c} {rate}");
        }
    }
}
