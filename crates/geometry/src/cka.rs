//! Linear centred kernel alignment of pairs (Kornblith et al. 2019).

use ndarray::ArrayView2;

use crate::{Covariance, CrossCovariance, Precision};

/// Independent pairs from which a quotient of unbiased squares has a bias of at most two percent.
const ROWS: u64 = 60;

/// ‖Σxz‖²/(‖Σx‖‖Σz‖), Frobenius norms, of pairs that come in blocks.
#[derive(Debug, Clone)]
pub struct Cka {
    cross: CrossCovariance,
    /// Of pairs that are independent of each other, where not all are: the unbiased estimate is theirs.
    independent: Option<(CrossCovariance, [Covariance; 2])>,
}

impl Cka {
    /// No pairs yet, of sides with these means; `grouped` says that pairs may depend on each other.
    ///
    /// # Precision
    /// In f32 it changes by at most 280·2⁻²⁴·√d, which follows from the worst case of [`Precision::Single`] and Cauchy–Schwarz: 6e-4 of
    /// 1,280 columns. Where roundings do not repeat, sums of d² squares change by less than 1e-8 of themselves from 16,384 pairs on.
    pub fn about(means: [&[f64]; 2], grouped: bool, precision: Precision) -> Self {
        let cross = || CrossCovariance::about_in(means[0], means[1], precision);
        let side = |mean: &[f64]| Covariance::about_in(mean, precision);
        Self {
            cross: cross(),
            independent: grouped.then(|| (cross(), means.map(side))),
        }
    }

    /// Of pairs that are independent of each other and counted already.
    pub fn counted(cross: CrossCovariance) -> Self {
        Self {
            cross,
            independent: None,
        }
    }

    /// Counts pairs, n × d each.
    pub fn add(&mut self, left: ArrayView2<'_, f64>, right: ArrayView2<'_, f64>) {
        self.cross.accumulate(left, right);
    }

    /// Counts pairs that are independent of each other once more, where not all are.
    pub fn add_independent(&mut self, left: ArrayView2<'_, f64>, right: ArrayView2<'_, f64>) {
        if let Some((cross, [x, z])) = &mut self.independent {
            cross.accumulate(left, right);
            x.accumulate(left);
            z.accumulate(right);
        }
    }

    /// From unbiased estimates of the squares, and from plug-in ones, which grow to one as rows become few; `x` and `z` are the
    /// covariances of the sides. None where a side does not vary, and the first also below 60 independent pairs.
    pub fn finish(&self, [x, z]: [&Covariance; 2]) -> [Option<f64>; 2] {
        let ratio = |square: f64, [a, b]: [f64; 2]| {
            (a > 0.0 && b > 0.0 && square.is_finite()).then(|| square / (a * b).sqrt())
        };
        let (cross, [u, v]) = match &self.independent {
            Some((cross, [u, v])) => (cross, [u, v]),
            None => (&self.cross, [x, z]),
        };
        let unbiased = ratio(
            cross.unbiased_square(),
            [u.unbiased_square(), v.unbiased_square()],
        );
        [
            unbiased.filter(|_| u.rows() >= ROWS),
            ratio(
                self.cross.matrix().squared_norm_l2(),
                [x.product_trace(x), z.product_trace(z)],
            ),
        ]
    }
}
