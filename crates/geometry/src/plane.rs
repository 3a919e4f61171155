//! The plane of the two leading principal directions, in which rows are drawn.

use modality_gap_kernels::dot;
use ndarray::ArrayView2;

use crate::{Covariance, Eigen, EigenError};

/// Two orthonormal directions through a centre.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    center: Vec<f64>,
    directions: [Vec<f64>; 2],
    explained: [f64; 2],
}

impl Plane {
    /// The two leading principal directions of `rows`, n × d; each has the sign that makes its largest component
    /// positive, so that a picture does not flip between runs. Of one dimension the second direction is zero.
    pub fn of(rows: ArrayView2<'_, f64>) -> Result<Self, EigenError> {
        let dim = rows.ncols();
        let mut covariance = Covariance::about(&vec![0.0; dim]);
        covariance.accumulate(rows);
        let eigen = Eigen::of(covariance.matrix().as_ref())?;
        let axis = |k: usize| -> Vec<f64> {
            if k >= dim {
                return vec![0.0; dim];
            }
            let mut axis: Vec<f64> = eigen.vectors.col(k).iter().copied().collect();
            let lead = axis
                .iter()
                .copied()
                .fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
            for v in &mut axis {
                *v *= lead.signum();
            }
            axis
        };
        let total: f64 = eigen.values.iter().sum();
        Ok(Self {
            center: covariance.mean(),
            directions: [axis(0), axis(1)],
            explained: [0, 1].map(|k| eigen.values.get(k).map_or(0.0, |v| v / total)),
        })
    }

    /// Share of the variance along each direction.
    pub fn explained(&self) -> [f64; 2] {
        self.explained
    }

    /// Coordinates of a row.
    pub fn project<'r>(&self, row: impl IntoIterator<Item = &'r f64>) -> [f64; 2] {
        let centred: Vec<f64> = row.into_iter().zip(&self.center).map(|(v, c)| v - c).collect();
        [0, 1].map(|k| dot(&centred, &self.directions[k]))
    }
}
