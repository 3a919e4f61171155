//! Eigendecomposition of symmetric matrices, in descending order and checked by its residual.

use std::sync::Once;

use faer::{Mat, MatRef, Par};

use crate::divide::{divided, values_by_iteration};
use crate::tridiagonal::Tridiagonal;

/// Random directions along which a decomposition is checked.
const PROBES: usize = 8;

/// Why a matrix has no usable decomposition.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum EigenError {
    /// An entry is NaN or infinite.
    #[error("the matrix has an entry that is not finite")]
    NotFinite,
    /// The iteration did not settle, or its result does not reproduce the matrix.
    #[error("the eigendecomposition of a {dim} × {dim} matrix left a residual of {residual:.1e} of its norm")]
    Inaccurate {
        /// Rows of the matrix.
        dim: usize,
        /// ‖AU−US‖_F/‖A‖_F.
        residual: f64,
    },
}

/// Products and decompositions run on the calling thread from here on, so that the number of threads changes nothing.
pub(crate) fn sequential() {
    static SEQUENTIAL: Once = Once::new();
    SEQUENTIAL.call_once(|| faer::set_global_parallelism(Par::Seq));
}

/// Eigenvalues in descending order with their unit eigenvectors.
#[derive(Debug, Clone)]
pub struct Eigen {
    /// λ₁ ≥ λ₂ ≥ …
    pub values: Vec<f64>,
    /// Column k belongs to `values[k]`.
    pub vectors: Mat<f64>,
}

impl Eigen {
    /// Decomposes the symmetric `matrix`, of which the lower triangle is read.
    ///
    /// # Precision
    /// ‖AU−US‖_F ≤ 64·ε·d·‖A‖_F is checked along random directions, for solvers have gone wrong silently before. Works on the threads
    /// of the current rayon pool; the number of threads changes nothing.
    pub fn of(matrix: MatRef<'_, f64>) -> Result<Self, EigenError> {
        let dim = matrix.nrows();
        let (scaled, norm) = of_unit_norm(matrix)?;
        if norm == 0.0 {
            return Ok(Self {
                values: vec![0.0; dim],
                vectors: scaled,
            });
        }
        let tridiagonal = Tridiagonal::of(scaled.as_ref());
        let solved = divided(tridiagonal.diagonal.clone(), &tridiagonal.below);
        let solved = solved.ok_or(unsettled(dim))?;
        let mut vectors = Mat::from_fn(dim, dim, |i, k| solved.vectors[(i, dim - 1 - k)]);
        tridiagonal.apply(vectors.as_mut());
        let values: Vec<f64> = solved.values.into_iter().rev().collect();
        let residual = residual(&scaled, &values, &vectors);
        if residual.is_nan() || residual > 64.0 * f64::EPSILON * dim as f64 {
            return Err(EigenError::Inaccurate { dim, residual });
        }
        Ok(Self {
            values: values.into_iter().map(|v| v * norm).collect(),
            vectors,
        })
    }

    /// The eigenvalues of the symmetric `matrix` in descending order, of which the lower triangle is read.
    ///
    /// # Precision
    /// As [`Self::of`], whose error E moves Σλ by at most √d·‖E‖_F and Σλ² by 2‖A‖_F‖E‖_F: both are compared with tr A and ‖A‖²_F.
    pub fn values_of(matrix: MatRef<'_, f64>) -> Result<Vec<f64>, EigenError> {
        let dim = matrix.nrows();
        let (scaled, norm) = of_unit_norm(matrix)?;
        if norm == 0.0 {
            return Ok(vec![0.0; dim]);
        }
        let Tridiagonal { diagonal, below, .. } = Tridiagonal::of(scaled.as_ref());
        let ascending = values_by_iteration(&diagonal, &below).ok_or(unsettled(dim))?;
        let trace: f64 = (0..dim).map(|i| scaled[(i, i)]).sum();
        let of_trace = (ascending.iter().sum::<f64>() - trace).abs() / (dim as f64).sqrt();
        let of_square = (ascending.iter().map(|v| v * v).sum::<f64>() - 1.0).abs() / 2.0;
        let residual = of_trace.max(of_square);
        if residual.is_nan() || residual > 64.0 * f64::EPSILON * dim as f64 {
            return Err(EigenError::Inaccurate { dim, residual });
        }
        Ok(ascending.iter().rev().map(|v| v * norm).collect())
    }

    /// Columns `first..last` of the eigenvectors.
    pub fn columns(&self, first: usize, last: usize) -> MatRef<'_, f64> {
        self.vectors.subcols(first, last - first)
    }

    /// Fewest leading eigenvalues whose sum reaches `share` of the trace.
    pub fn count_for(&self, share: f64) -> usize {
        let wanted = share * self.values.iter().map(|v| v.max(0.0)).sum::<f64>();
        let mut sum = 0.0;
        for (k, value) in self.values.iter().enumerate() {
            sum += value.max(0.0);
            if sum >= wanted {
                return k + 1;
            }
        }
        self.values.len()
    }
}

/// Of an iteration that did not settle.
fn unsettled(dim: usize) -> EigenError {
    EigenError::Inaccurate {
        dim,
        residual: f64::INFINITY,
    }
}

/// ‖AU−US‖_F, estimated: the mean of ‖(AU−US)x‖² over vectors x of random signs is its square.
fn residual(matrix: &Mat<f64>, values: &[f64], vectors: &Mat<f64>) -> f64 {
    let dim = values.len();
    let signs = Mat::from_fn(dim, PROBES, |i, k| {
        let bit = crate::mix((i * PROBES + k) as u64) >> 63;
        if bit == 0 { 1.0 } else { -1.0 }
    });
    let scaled = Mat::from_fn(dim, PROBES, |i, k| signs[(i, k)] * values[i]);
    let left = matrix * (vectors * signs);
    (left - vectors * scaled).norm_l2() / (PROBES as f64).sqrt()
}

/// The symmetric `matrix` in full over its norm, and that: a unit norm keeps tiny and huge spectra clear of under- and overflow.
/// The identity where the norm is zero.
fn of_unit_norm(matrix: MatRef<'_, f64>) -> Result<(Mat<f64>, f64), EigenError> {
    sequential();
    let dim = matrix.nrows();
    let full = Mat::from_fn(dim, dim, |i, j| matrix[(i.max(j), i.min(j))]);
    let norm = full.norm_l2();
    if !norm.is_finite() {
        return Err(EigenError::NotFinite);
    }
    if norm == 0.0 {
        return Ok((Mat::identity(dim, dim), norm));
    }
    Ok((full * faer::Scale(1.0 / norm), norm))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Orders and permutations on which published solvers have returned vectors in the wrong order.
    #[test]
    fn known_matrices_keep_values_and_vectors_together() {
        for dim in [1, 2, 5, 33, 64, 150] {
            let diagonal = Mat::from_fn(dim, dim, |i, j| if i == j { (dim - i) as f64 } else { 0.0 });
            let ones = Mat::from_fn(dim, dim, |_, _| 1.0);
            let repeated = Mat::from_fn(dim, dim, |i, j| if i == j { 1.0 + (i / 3) as f64 } else { 0.0 });
            for (matrix, largest) in [
                (diagonal, dim as f64),
                (ones, dim as f64),
                (repeated, 1.0 + ((dim - 1) / 3) as f64),
            ] {
                for scale in [1e-250, 1.0, 1e120] {
                    let eigen = Eigen::of((&matrix * faer::Scale(scale)).as_ref()).unwrap();
                    assert!((eigen.values[0] / (largest * scale) - 1.0).abs() < 1e-12 * dim as f64);
                    assert!(eigen.values.is_sorted_by(|a, b| a >= b));
                    let gram = eigen.vectors.transpose() * &eigen.vectors;
                    let off = Mat::from_fn(dim, dim, |i, j| gram[(i, j)] - f64::from(u8::from(i == j)));
                    assert!(off.norm_max() < 1e-13 * dim as f64);
                    let values = Eigen::values_of((&matrix * faer::Scale(scale)).as_ref()).unwrap();
                    assert!(values.is_sorted_by(|a, b| a >= b));
                    for (a, b) in values.iter().zip(&eigen.values) {
                        assert!((a - b).abs() < 1e-13 * dim as f64 * largest * scale, "{a} {b}");
                    }
                }
            }
        }
    }

    /// Parts of a matrix of 500 rows are worked out side by side.
    #[test]
    fn threads_do_not_change_a_bit() {
        let matrix = Mat::from_fn(500, 500, |i, j| {
            let (low, high) = (i.min(j) as f64, i.max(j) as f64);
            ((low * 0.37).sin() + (high * 0.11).cos()) / (1.0 + high)
        });
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| Eigen::of(matrix.as_ref()).unwrap())
        };
        let one = on(1);
        for threads in [2, 4] {
            let other = on(threads);
            assert_eq!(other.values, one.values);
            assert_eq!(other.vectors, one.vectors);
        }
    }

    #[test]
    fn zeros_and_bad_entries_are_told_apart() {
        assert_eq!(Eigen::of(Mat::zeros(4, 4).as_ref()).unwrap().values, [0.0; 4]);
        let bad = Mat::from_fn(3, 3, |i, j| if i + j == 4 { f64::NAN } else { 1.0 });
        assert_eq!(Eigen::of(bad.as_ref()).unwrap_err(), EigenError::NotFinite);
        assert_eq!(Eigen::values_of(Mat::zeros(4, 4).as_ref()).unwrap(), [0.0; 4]);
        assert_eq!(Eigen::values_of(bad.as_ref()).unwrap_err(), EigenError::NotFinite);
    }

    /// An independent solver agrees on a full spectrum over eight decades.
    #[test]
    fn another_solver_finds_the_same_values() {
        let dim = 60;
        let basis = nalgebra::DMatrix::from_fn(dim, dim, |i, j| {
            ((i * 7 + j * 13) as f64).sin() + f64::from(u8::from(i == j))
        });
        let q = basis.qr().q();
        let spectrum = nalgebra::DVector::from_fn(dim, |k, _| 10.0_f64.powf(-8.0 * k as f64 / dim as f64));
        let matrix = &q * nalgebra::DMatrix::from_diagonal(&spectrum) * q.transpose();
        let ours = Eigen::of(Mat::from_fn(dim, dim, |i, j| matrix[(i, j)]).as_ref()).unwrap();
        let mut theirs: Vec<f64> = matrix.symmetric_eigenvalues().iter().copied().collect();
        theirs.sort_by(|a, b| b.total_cmp(a));
        for (a, b) in ours.values.iter().zip(&theirs) {
            assert!((a - b).abs() < 1e-14 * dim as f64, "{a} {b}");
        }
    }
}
