//! The fixed reference frame: the subspace U where both modalities vary, and its complement V.

use faer::{Mat, MatRef};

use crate::Covariance;
use crate::angles::principal_angles;
use crate::eigen::{Eigen, EigenError};

/// Share of the energy that U holds when nothing is said. The paper states none; C3 uses 99 %.
pub const DEFAULT_ENERGY: f64 = 0.99;

/// How large U is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FrameSize {
    /// Fewest leading directions with this share of the trace, above 0 and at most 1.
    Energy(f64),
    /// This many leading directions.
    Rank(usize),
}

/// Eigenvectors of Cov(x)+Cov(y) on a probe set; the first `rank` span U, the others V = U⊥.
///
/// # References
/// arXiv 2602.07026, section 3.1.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    basis: Mat<f64>,
    rank: usize,
    energy: f64,
    values: Vec<f64>,
}

impl Frame {
    /// The frame of two modalities.
    pub fn of(x: &Covariance, y: &Covariance, size: FrameSize) -> Result<Self, EigenError> {
        assert_eq!(x.dim(), y.dim(), "covariances of one width");
        let sum = x.matrix() + y.matrix();
        let eigen = Eigen::of(sum.as_ref())?;
        let rank = match size {
            FrameSize::Energy(share) => eigen.count_for(share),
            FrameSize::Rank(rank) => rank.min(x.dim()),
        };
        let total: f64 = eigen.values.iter().sum();
        let energy = eigen.values[..rank].iter().sum::<f64>() / total;
        Ok(Self {
            basis: eigen.vectors,
            rank,
            energy,
            values: eigen.values,
        })
    }

    pub(crate) fn from_parts(basis: Mat<f64>, rank: usize, energy: f64, values: Vec<f64>) -> Self {
        Self {
            basis,
            rank,
            energy,
            values,
        }
    }

    /// Dimension of U.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Share of the trace that U holds.
    pub fn energy(&self) -> f64 {
        self.energy
    }

    /// Eigenvalues of Cov(x)+Cov(y), descending; value k belongs to column k of the basis.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Principal angles between its U and that of `other`, ascending, in radians.
    pub fn principal_angles(&self, other: &Self) -> Result<Vec<f64>, EigenError> {
        principal_angles(self.u(), other.u())
    }

    /// Columns of the rows it splits.
    pub fn dim(&self) -> usize {
        self.basis.nrows()
    }

    /// All directions, d × d, those of U first.
    pub fn basis(&self) -> MatRef<'_, f64> {
        self.basis.as_ref()
    }

    /// Orthonormal basis of U, d × rank.
    pub fn u(&self) -> MatRef<'_, f64> {
        self.basis.subcols(0, self.rank)
    }

    /// ‖P_U m‖².
    pub(crate) fn square_in_u(&self, m: &[f64]) -> f64 {
        let m = MatRef::from_column_major_slice(m, self.dim(), 1);
        (self.u().transpose() * m).squared_norm_l2()
    }

    /// ‖P_V m‖.
    pub fn length_in_v(&self, m: &[f64]) -> f64 {
        let m = MatRef::from_column_major_slice(m, self.dim(), 1);
        (self.v().transpose() * m).norm_l2()
    }

    /// How much of ‖P_V m‖²/‖m‖² a frame of `rows` independent rows turns over to first order: for each direction i of U and j of V the
    /// eigenvectors turn into each other by λᵢλⱼ/(n(λᵢ−λⱼ)²), which moves so much of mᵢ² − mⱼ². Infinite where an eigenvalue of U is one of V.
    pub fn turn(&self, m: &[f64], rows: f64) -> f64 {
        let column = MatRef::from_column_major_slice(m, self.dim(), 1);
        let along = self.basis.transpose() * column;
        let squares: Vec<f64> = (0..self.dim()).map(|k| along[(k, 0)].powi(2)).collect();
        let (inside, outside) = self.values.split_at(self.rank);
        let mut turn = 0.0;
        for (i, a) in inside.iter().enumerate() {
            for (j, b) in outside.iter().enumerate() {
                let moved = (squares[i] - squares[self.rank + j]).abs();
                let between = a * b / (a - b).powi(2);
                // along an eigenvalue of zero nothing varies
                turn += if a * b > 0.0 && moved > 0.0 {
                    between * moved
                } else {
                    0.0
                };
            }
        }
        turn / (rows * squares.iter().sum::<f64>())
    }

    /// tr(P_UΣ).
    pub(crate) fn trace_in_u(&self, sigma: &Covariance) -> f64 {
        let along = |basis: MatRef<'_, f64>| inner((sigma.matrix() * basis).as_ref(), basis);
        if self.rank <= self.dim() / 2 {
            along(self.u())
        } else {
            sigma.trace() - along(self.v())
        }
    }

    /// Orthonormal basis of V, d × (d − rank).
    pub fn v(&self) -> MatRef<'_, f64> {
        self.basis.subcols(self.rank, self.dim() - self.rank)
    }
}

/// tr ABᵀ.
pub(crate) fn inner(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    let columns = a.col_iter().zip(b.col_iter());
    columns.map(|(a, b)| a.transpose() * b).sum()
}
