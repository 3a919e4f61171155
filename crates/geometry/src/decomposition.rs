//! The gap taken apart in a fixed frame: Δ = β + γ + δ + ζ.

use faer::linalg::solvers::Solve;
use faer::{Mat, MatRef, Side};
use modality_gap_kernels::{PackedF32, Rows, RowsMut, add_weighted, combine, dot, lengths_and_dots};
use ndarray::ArrayView2;

use crate::Covariance;
use crate::eigen::{Eigen, EigenError};
use crate::frame::{Frame, inner};
use crate::spectrum::Condition;
use crate::views::row_major;

/// λ of the coupling when nothing is said, absolute.
pub const DEFAULT_RIDGE: f64 = 1e-6;

/// How much of ζ follows δ linearly: L = E[ζδᵀ](Σ_U+λI)⁻¹.
#[derive(Debug, Clone, PartialEq)]
pub struct Coupling {
    /// ‖L‖₂.
    pub norm: f64,
    /// 1 − E‖ζ−Lδ‖²/E‖ζ‖²; NaN when ζ is zero.
    pub r2: f64,
    /// The λ both depend on.
    pub lambda: f64,
}

/// Energies of the parts; E‖Δ‖² = `pmb`² + `cob`² + `trace_u` + `trace_v`.
///
/// # References
/// arXiv 2602.07026, section 3 and appendix C. β is the principal mean (modality) bias; γ the constant orthogonal
/// bias of the first version, called passive orthogonal bias in the third.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// ‖m‖, m = E Δ.
    pub gap: f64,
    /// ‖β‖ = ‖P_U m‖.
    pub pmb: f64,
    /// ‖γ‖ = ‖P_V m‖.
    pub cob: f64,
    /// tr Σ_U, Σ_U = Cov(δ).
    pub trace_u: f64,
    /// tr Σ_V, Σ_V = Cov(ζ).
    pub trace_v: f64,
    /// Condition numbers of Σ_U.
    pub condition_u: Condition,
    /// Condition numbers of Σ_V.
    pub condition_v: Condition,
    /// Angle between γ and the leading eigenvector of Σ_V, 0 to 90 degrees; NaN where either is missing.
    pub angle_cob_v1: f64,
    /// Coupling of ζ to δ.
    pub coupling: Coupling,
}

/// Takes paired differences of mean `mean` apart in `frame`; their covariance may come from a sample.
///
/// `storage_floor` is the variance that rounding of the stored rows adds to each direction of Δ.
pub fn decompose(
    differences: &Covariance,
    mean: &[f64],
    frame: &Frame,
    ridge: f64,
    storage_floor: f64,
) -> Result<Decomposition, EigenError> {
    Blocks::of(differences.matrix().as_ref(), frame)?.decompose(mean, frame, ridge, storage_floor)
}

/// Condition numbers of differences with this covariance in U and in V of `frame`, as [`decompose`] gives them.
pub fn conditions(
    differences: &Covariance,
    frame: &Frame,
    storage_floor: f64,
) -> Result<[Condition; 2], EigenError> {
    let sigma = differences.matrix();
    let within = |basis: MatRef<'_, f64>| -> Result<Condition, EigenError> {
        let block = basis.transpose() * (&sigma * basis);
        let values = if block.nrows() > 0 {
            Eigen::values_of(block.as_ref())?
        } else {
            Vec::new()
        };
        Ok(Condition::of(&values, storage_floor))
    };
    let (u, v) = rayon::join(|| within(frame.u()), || within(frame.v()));
    Ok([u?, v?])
}

/// A covariance of differences in the blocks of a frame: Σ_U, Σ_VU = E[ζδᵀ], Σ_V, and the spectra of the outer two.
#[derive(Debug, Clone)]
pub struct Blocks {
    uu: Mat<f64>,
    vu: Mat<f64>,
    vv: Mat<f64>,
    values_u: Vec<f64>,
    eigen_v: Option<Eigen>,
}

impl Blocks {
    /// Blocks of `sigma`, d × d; it may be a mean of covariances.
    pub fn of(sigma: MatRef<'_, f64>, frame: &Frame) -> Result<Self, EigenError> {
        assert_eq!(sigma.nrows(), frame.dim(), "differences of the frame's width");
        let (u, v) = (frame.u(), frame.v());
        let ((uu, vu, values_u), (vv, eigen_v)) = rayon::join(
            || {
                let side = sigma * u;
                let uu = u.transpose() * &side;
                let values = Eigen::values_of(uu.as_ref());
                (uu, v.transpose() * &side, values)
            },
            || {
                let vv = v.transpose() * (sigma * v);
                let eigen = (vv.nrows() > 0).then(|| Eigen::of(vv.as_ref())).transpose();
                (vv, eigen)
            },
        );
        Ok(Self {
            uu,
            vu,
            vv,
            values_u: values_u?,
            eigen_v: eigen_v?,
        })
    }

    /// Eigenvalues of Σ_U, descending.
    pub fn values_u(&self) -> &[f64] {
        &self.values_u
    }

    /// Eigenvalues of Σ_V, descending.
    pub fn values_v(&self) -> &[f64] {
        self.eigen_v.as_ref().map_or(&[], |eigen| &eigen.values)
    }

    /// Variances of δ along the frame's basis of U.
    pub fn diagonal_u(&self) -> Vec<f64> {
        (0..self.uu.nrows()).map(|i| self.uu[(i, i)]).collect()
    }

    /// The decomposition of differences with this covariance and mean `mean`.
    pub fn decompose(
        &self,
        mean: &[f64],
        frame: &Frame,
        ridge: f64,
        storage_floor: f64,
    ) -> Result<Decomposition, EigenError> {
        let mean = MatRef::from_column_major_slice(mean, frame.dim(), 1);
        let (beta, gamma) = (frame.u().transpose() * mean, frame.v().transpose() * mean);
        let angle_cob_v1 = match &self.eigen_v {
            Some(eigen) => {
                let along = (eigen.columns(0, 1).transpose() * &gamma)[(0, 0)];
                (along.abs() / gamma.norm_l2()).min(1.0).acos().to_degrees()
            }
            None => f64::NAN,
        };
        Ok(Decomposition {
            gap: mean.norm_l2(),
            pmb: beta.norm_l2(),
            cob: gamma.norm_l2(),
            trace_u: trace(self.uu.as_ref()),
            trace_v: trace(self.vv.as_ref()),
            condition_u: Condition::of(self.values_u(), storage_floor),
            condition_v: Condition::of(self.values_v(), storage_floor),
            angle_cob_v1,
            coupling: coupling(self.uu.as_ref(), self.vu.as_ref(), trace(self.vv.as_ref()), ridge)?,
        })
    }
}

/// How ζ follows δ in `frame` for differences with covariance `sigma`, d × d.
pub fn coupling_in(sigma: MatRef<'_, f64>, frame: &Frame, ridge: f64) -> Result<Coupling, EigenError> {
    let (u, v) = (frame.u(), frame.v());
    let side = sigma * u;
    let (uu, vu): (Mat<f64>, Mat<f64>) = (u.transpose() * &side, v.transpose() * &side);
    let whole: f64 = trace(sigma);
    coupling(uu.as_ref(), vu.as_ref(), whole - trace(uu.as_ref()), ridge)
}

/// From Σ_U, Σ_VU and tr Σ_V.
fn coupling(
    uu: MatRef<'_, f64>,
    vu: MatRef<'_, f64>,
    trace_v: f64,
    lambda: f64,
) -> Result<Coupling, EigenError> {
    let (r, q) = (uu.nrows(), vu.nrows());
    if r == 0 || q == 0 {
        return Ok(Coupling {
            norm: 0.0,
            r2: f64::NAN,
            lambda,
        });
    }
    let ridged = Mat::from_fn(r, r, |i, j| uu[(i, j)] + if i == j { lambda } else { 0.0 });
    // L(Σ_U+λI) = Σ_VU; the matrix is positive definite because λ is
    let inaccurate = |_| EigenError::Inaccurate {
        dim: r,
        residual: f64::NAN,
    };
    let factor = ridged.llt(Side::Lower).map_err(inaccurate)?;
    let l = factor.solve(vu.transpose()).transpose().to_owned();
    // tr LΣ_VUᵀ and tr LΣ_ULᵀ
    let explained = inner(l.as_ref(), vu);
    let square = inner((&l * uu).as_ref(), l.as_ref());
    let left = trace_v - 2.0 * explained + square;
    let gram = if q <= r {
        &l * l.transpose()
    } else {
        l.transpose() * &l
    };
    let norm = Eigen::values_of(gram.as_ref())?[0].max(0.0).sqrt();
    Ok(Coupling {
        norm,
        r2: 1.0 - left / trace_v,
        lambda,
    })
}

/// ‖m‖, ‖P_U m‖ and ‖P_V m‖ of a difference of means: what of the decomposition needs no pairs.
pub fn split_of_means(difference: &[f64], frame: &Frame) -> [f64; 3] {
    let project = |basis: MatRef<'_, f64>| -> f64 {
        (0..basis.ncols())
            .map(|k| {
                let along = difference.iter().enumerate().map(|(i, v)| v * basis[(i, k)]);
                along.sum::<f64>().powi(2)
            })
            .sum::<f64>()
            .sqrt()
    };
    let gap = difference.iter().map(|v| v * v).sum::<f64>().sqrt();
    [gap, project(frame.u()), project(frame.v())]
}

fn trace(matrix: MatRef<'_, f64>) -> f64 {
    (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum()
}

/// Length of the mean of a population's unit directions, from that of `n` of them: its square without the 1/n that sampling
/// adds; zero where nothing is left.
pub fn unbiased_resultant(mean_length: f64, n: u64) -> f64 {
    let n = n as f64;
    ((n * mean_length * mean_length - 1.0) / (n - 1.0))
        .max(0.0)
        .sqrt()
}

/// Concentration κ̂ = R̄(q−R̄²)/(1−R̄²) of unit directions in q dimensions whose mean has length R̄ (Banerjee et al.
/// 2005); NaN below two dimensions.
pub fn vmf_concentration(mean_length: f64, q: usize) -> f64 {
    if q < 2 {
        return f64::NAN;
    }
    let square = mean_length * mean_length;
    mean_length * (q as f64 - square) / (1.0 - square)
}

/// Share of a square below which its difference from another one is not trusted.
const CANCELLED: f64 = 1e-3;

/// Σ r/‖P_V r‖ over the rows r of `rows`, n × d; its part in V, [`Frame::length_in_v`], is the sum of the directions there.
/// A row without a part in V counts as zero.
pub fn sum_of_directions(rows: ArrayView2<'_, f64>, frame: &Frame) -> Vec<f64> {
    let rows = &*row_major(&rows);
    let mut sum = vec![0.0; frame.dim()];
    for (row, length) in rows.chunks_exact(frame.dim()).zip(lengths_in_v(rows, frame)) {
        if length > 0.0 {
            sum.iter_mut().zip(row).for_each(|(sum, v)| *sum += v / length);
        }
    }
    sum
}

/// A frame prepared for [`sum_of_directions`] of many rows in f32.
pub struct DirectionsInV<'a> {
    frame: &'a Frame,
    /// The narrower of the bases of U and of V.
    narrow: PackedF32,
}

impl<'a> DirectionsInV<'a> {
    /// In V of `frame`.
    pub fn of(frame: &'a Frame) -> Self {
        let basis = narrower(frame);
        let weights: Vec<f32> = (0..basis.ncols())
            .flat_map(|k| (0..frame.dim()).map(move |i| basis[(i, k)] as f32))
            .collect();
        Self {
            frame,
            narrow: PackedF32::of_rows(&weights, basis.ncols(), frame.dim()),
        }
    }

    /// As [`sum_of_directions`], for rows n × d.
    ///
    /// # Precision
    /// Projections of unit rows in f32, whose lengths are known to about 2⁻²⁴ of those of the rows; of a row of which hardly anything is in
    /// V the length is taken in f64. The sum is in f64.
    pub fn sum(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let (n, dim) = rows.dim();
        let (rows, wide) = (&*row_major(&rows), self.narrow.columns());
        let mut squares = vec![0.0; n];
        lengths_and_dots(Rows::F64(rows), dim, &[], &mut squares, &mut []);
        let of_length = |square: &f64| if *square > 0.0 { square.sqrt().recip() } else { 0.0 };
        let inverse: Vec<f64> = squares.iter().map(of_length).collect();
        let (mut units, mut along) = (vec![0.0; rows.len()], vec![0.0; n * wide]);
        combine(Rows::F64(rows), dim, &inverse, &[], &[], RowsMut::F32(&mut units));
        self.narrow.multiply(&units, &mut along);
        let mut parts = vec![0.0; n];
        // a frame of all directions leaves none for V
        if wide > 0 {
            lengths_and_dots(Rows::F32(&along), wide, &[], &mut parts, &mut []);
        }
        let weight = |((row, &square), &part): ((&[f64], &f64), &f64)| {
            let length = if !within_u(self.frame) && part < CANCELLED * CANCELLED {
                self.frame.length_in_v(row)
            } else {
                length_in_v(row, square, part * square, self.frame)
            };
            if length > 0.0 { length.recip() } else { 0.0 }
        };
        let all = rows.chunks_exact(dim).zip(&squares).zip(&parts);
        let weights: Vec<f64> = all.map(weight).collect();
        let mut sum = vec![0.0; dim];
        add_weighted(Rows::F64(rows), dim, &weights, &mut sum);
        sum
    }
}

/// The basis of U or of V, whichever has fewer columns: ‖P_V r‖² = ‖r‖² − ‖P_U r‖².
fn narrower(frame: &Frame) -> MatRef<'_, f64> {
    if within_u(frame) { frame.u() } else { frame.v() }
}

fn within_u(frame: &Frame) -> bool {
    frame.rank() < frame.dim() - frame.rank()
}

/// ‖P_V r‖ of a row from its square and that of its part in the narrower of U and V.
fn length_in_v(row: &[f64], square: f64, part: f64, frame: &Frame) -> f64 {
    if !within_u(frame) {
        part.sqrt()
    } else if square - part > CANCELLED * square {
        (square - part).sqrt()
    } else {
        // what is left of the difference is rounding
        frame.length_in_v(row)
    }
}

/// ‖P_V r‖ of each of the rows r, n × d row-major.
pub(crate) fn lengths_in_v(rows: &[f64], frame: &Frame) -> Vec<f64> {
    let dim = frame.dim();
    let narrow = MatRef::from_row_major_slice(rows, rows.len() / dim, dim) * narrower(frame);
    let mut parts = vec![0.0; narrow.nrows()];
    for k in 0..narrow.ncols() {
        let column = narrow.col_as_slice(k);
        parts.iter_mut().zip(column).for_each(|(part, v)| *part += v * v);
    }
    let rows = rows.chunks_exact(dim).zip(parts);
    rows.map(|(row, part)| length_in_v(row, dot(row, row), part, frame))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FrameSize, as_rows};

    /// Frames whose U is the narrower space and whose V is; rows with a large part in V, with hardly any, and of zeros.
    #[test]
    fn directions_in_f32_are_those_in_f64() {
        let dim = 40;
        let mut random = modality_gap_testing::Lcg::new(5);
        let mut covariance = Covariance::about(&vec![0.0; dim]);
        let mut row = || -> Vec<f64> { (0..40).map(|k| random.signed() * 0.8_f64.powi(k)).collect() };
        for _ in 0..400 {
            covariance.accumulate(as_rows(&row(), dim));
        }
        for rank in [5, 33] {
            let frame = Frame::of(&covariance, &covariance, FrameSize::Rank(rank)).unwrap();
            let mut rows: Vec<f64> = (0..50).flat_map(|_| row()).collect();
            rows.extend((0..dim).map(|i| frame.u()[(i, 1)] + 1e-3 * frame.v()[(i, 0)]));
            rows.extend(vec![0.0; dim]);
            let found = DirectionsInV::of(&frame).sum(as_rows(&rows, dim));
            let exact = sum_of_directions(as_rows(&rows, dim), &frame);
            let difference: Vec<f64> = found.iter().zip(&exact).map(|(a, b)| a - b).collect();
            let (error, length) = (frame.length_in_v(&difference), frame.length_in_v(&exact));
            assert!(error < 1e-4 * length, "{rank} {error} {length}");
        }
        let whole = Frame::of(&covariance, &covariance, FrameSize::Rank(dim)).unwrap();
        assert_eq!(
            DirectionsInV::of(&whole).sum(as_rows(&row(), dim)),
            vec![0.0; dim]
        );
    }
}
