//! Principal angles between subspaces.

use faer::{Mat, MatRef};

use crate::eigen::{EigenError, sequential};

/// Principal angles between the column spaces of two orthonormal bases, ascending, in radians from 0 to π/2; as many as
/// the smaller basis has columns.
///
/// # Precision
/// Each angle is the arc tangent of its sine and cosine (singular values of the part outside and of the inner products,
/// clamped to 1), so that small and large angles keep full accuracy: about ε in absolute terms.
///
/// # References
/// Björck and Golub 1973.
pub fn principal_angles(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Result<Vec<f64>, EigenError> {
    assert_eq!(a.nrows(), b.nrows(), "bases of one space");
    sequential();
    let (large, small) = if a.ncols() >= b.ncols() { (a, b) } else { (b, a) };
    if small.ncols() == 0 {
        return Ok(Vec::new());
    }
    let inside = large.transpose() * small;
    let outside = small - large * &inside;
    let (cosines, sines) = (singular_values(&inside)?, singular_values(&outside)?);
    let pairs = cosines.iter().zip(sines.iter().rev());
    Ok(pairs.map(|(c, s)| s.min(1.0).atan2(c.min(1.0))).collect())
}

fn singular_values(matrix: &Mat<f64>) -> Result<Vec<f64>, EigenError> {
    matrix.singular_values().map_err(|_| EigenError::Inaccurate {
        dim: matrix.ncols(),
        residual: f64::INFINITY,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Planes spanned by axes turned by known angles against the others.
    #[test]
    fn turned_axes_have_the_angles_they_were_turned_by() {
        let turned = [1e-12, 1e-6, 0.3, 1.2, std::f64::consts::FRAC_PI_2];
        let k = turned.len();
        let a = Mat::<f64>::identity(2 * k, k);
        let b = Mat::from_fn(2 * k, k, |i, j| match i {
            i if i == j => turned[j].cos(),
            i if i == j + k => turned[j].sin(),
            _ => 0.0,
        });
        for (angle, known) in principal_angles(a.as_ref(), b.as_ref())
            .unwrap()
            .iter()
            .zip(turned)
        {
            assert!((angle - known).abs() < 1e-15, "{angle} {known}");
        }
    }

    #[test]
    fn a_subspace_inside_another_meets_it_at_zero_and_its_complement_at_a_right_angle() {
        let full = Mat::from_fn(9, 9, |i, j| {
            ((i * 5 + j * 3) as f64).sin() + f64::from(u8::from(i == j))
        });
        let q: Mat<f64> = full.qr().compute_Q();
        let inside = principal_angles(q.subcols(0, 6), q.subcols(1, 3)).unwrap();
        assert!(
            inside.len() == 3 && inside.iter().all(|&a| a < 1e-14),
            "{inside:?}"
        );
        let across = principal_angles(q.subcols(0, 4), q.subcols(4, 5)).unwrap();
        assert!(across.len() == 4);
        assert!(
            across
                .iter()
                .all(|a| (a - std::f64::consts::FRAC_PI_2).abs() < 1e-14)
        );
        assert!(
            principal_angles(q.subcols(0, 4), q.subcols(4, 0))
                .unwrap()
                .is_empty()
        );
    }
}
