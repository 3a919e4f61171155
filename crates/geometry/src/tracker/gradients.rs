//! What embedding-level gradients say: where they point, and how their spectrum looks in U.

use faer::{Mat, MatRef};
use modality_gap_kernels::dot;

use super::TrackError;
use super::record::{Leakage, Rotation, Span};
use super::rows::{Source, each_block};
use super::shape::GradientBlock;
use crate::eigen::{EigenError, sequential};
use crate::{BadRowReason, Covariance, Frame, as_rows};

/// Names of the gradients, for messages.
const NAMES: [&str; 2] = ["gradImage", "gradText"];

/// Gradient moments of the modalities that were given, image first.
struct Gradients {
    sides: [Option<Covariance>; 2],
}

/// All that gradients add to a step; everything is absent when none were given.
pub(super) struct GradientParts {
    gradients: Option<Gradients>,
    /// G = Cov(gx)+Cov(gy), d × d.
    pub sum: Option<Mat<f64>>,
    /// The same in the frame's basis of U.
    pub block: Option<GradientBlock>,
    pub span: Option<Span>,
    /// Σ_t = Cov(x)+Cov(y) of the batch: the covariance of random mixtures of its rows, whose weights add up to zero.
    pub mixture: Option<Mat<f64>>,
}

/// What the rows of a batch span and how they spread.
struct Batch {
    span: Span,
    mixture: Option<Mat<f64>>,
}

impl GradientParts {
    pub fn of<E>(
        [mut image, mut text]: [Option<Source<'_, E>>; 2],
        batch: [Option<Source<'_, E>>; 2],
        frame: &Frame,
    ) -> Result<Self, TrackError<E>> {
        let given = image.is_some() || text.is_some();
        let batch = if given && batch.iter().any(Option::is_some) {
            span([reborrowed(&mut image), reborrowed(&mut text)], batch)?
        } else {
            None
        };
        let gradients = if given {
            Some(Gradients::of([image, text])?)
        } else {
            None
        };
        let sum = gradients.as_ref().map(Gradients::covariance);
        let block = sum.as_ref().map(|sum| {
            let mixture = batch.as_ref().and_then(|batch| batch.mixture.as_ref());
            GradientBlock::of(sum.as_ref(), mixture.map(Mat::as_ref), frame)
        });
        Ok(Self {
            block: block.transpose().map_err(TrackError::Numeric)?,
            gradients,
            sum,
            mixture: batch.as_ref().and_then(|batch| batch.mixture.clone()),
            span: batch.map(|batch| batch.span),
        })
    }

    /// Leakage into V, beside the bound that U's `rotation` and the coupling give.
    pub fn leakage(&self, frame: &Frame, rotation: Option<&Rotation>, coupling: f64) -> Option<Leakage> {
        let mut leakage = self.gradients.as_ref()?.leakage(frame);
        leakage.bound = rotation.map(|turned| turned.sin_theta + coupling);
        leakage.remainder = leakage.bound.map(|bound| leakage.leak - bound);
        leakage.mixture = self.mixture.as_ref().map(|mixture| mixture_leak(mixture, frame));
        Some(leakage)
    }
}

fn reborrowed<'b, E>(side: &'b mut Option<Source<'_, E>>) -> Option<Source<'b, E>> {
    match side {
        Some(side) => Some(&mut **side),
        None => None,
    }
}

/// Share of the energy in V, of one side.
struct Energy {
    rows: f64,
    inside_v: f64,
    all: f64,
}

impl Gradients {
    /// Counts the rows as they are, zeros included.
    fn of<E>(sides: [Option<Source<'_, E>>; 2]) -> Result<Self, TrackError<E>> {
        let mut counted = [None, None];
        for ((side, name), counted) in sides.into_iter().zip(NAMES).zip(&mut counted) {
            if let Some(side) = side {
                let dim = side.dim();
                let mut state = Covariance::about(&vec![0.0; dim]);
                each_finite_block(side, name, |rows| state.accumulate(as_rows(rows, dim)))?;
                *counted = Some(state);
            }
        }
        Ok(Self { sides: counted })
    }

    /// Leakage into V of `frame`, without its bound.
    fn leakage(&self, frame: &Frame) -> Leakage {
        let parts: Vec<Option<Energy>> = self
            .sides
            .iter()
            .map(|side| side.as_ref().map(|side| energy(side, frame)))
            .collect();
        let leak = |part: &Energy| (part.inside_v / part.all).sqrt();
        let given = || parts.iter().flatten();
        let inside: f64 = given().map(|part| part.rows * part.inside_v).sum();
        let all: f64 = given().map(|part| part.rows * part.all).sum();
        Leakage {
            leak: (inside / all).sqrt(),
            image: parts[0].as_ref().map(leak),
            text: parts[1].as_ref().map(leak),
            random: random_leak(frame),
            mixture: None,
            bound: None,
            remainder: None,
        }
    }

    /// G = Cov(gx)+Cov(gy), d × d; of one side where the other was not given.
    fn covariance(&self) -> Mat<f64> {
        let given = self.sides.iter().flatten().map(Covariance::matrix);
        given
            .reduce(|a, b| a + b)
            .expect("there is at least one side, or there are no gradients")
    }
}

/// Leakage of random mixtures: a gradient of a dot-product loss is one, g = Σ wᵢeᵢ with Σ wᵢ = 0, and with random weights
/// E‖P_V g‖²/E‖g‖² = tr(P_VΣ_t)/tr Σ_t.
fn mixture_leak(mixture: &Mat<f64>, frame: &Frame) -> f64 {
    let v = frame.v();
    let product = mixture * v;
    let inside: f64 = (0..v.ncols())
        .map(|k| (0..v.nrows()).map(|i| v[(i, k)] * product[(i, k)]).sum::<f64>())
        .sum();
    let all: f64 = (0..mixture.nrows()).map(|i| mixture[(i, i)]).sum();
    (inside.max(0.0) / all).sqrt()
}

/// Leakage of random directions.
pub(super) fn random_leak(frame: &Frame) -> f64 {
    ((frame.dim() - frame.rank()) as f64 / frame.dim() as f64).sqrt()
}

fn energy(side: &Covariance, frame: &Frame) -> Energy {
    let (v, mean) = (frame.v(), side.mean());
    let product = side.matrix() * v;
    let spread: f64 = (0..v.ncols())
        .map(|k| (0..v.nrows()).map(|i| v[(i, k)] * product[(i, k)]).sum::<f64>())
        .sum();
    let along = v.transpose() * MatRef::from_column_major_slice(&mean, mean.len(), 1);
    Energy {
        rows: side.rows() as f64,
        inside_v: (spread + along.squared_norm_l2()).max(0.0),
        all: side.trace() + dot(&mean, &mean),
    }
}

/// Gradients of both sides against the span of all `batch` rows, 2B of them; rows of a dot-product loss lie inside.
fn span<E>(
    gradients: [Option<Source<'_, E>>; 2],
    batch: [Option<Source<'_, E>>; 2],
) -> Result<Option<Batch>, TrackError<E>> {
    let mut columns = Vec::new();
    let mut dim = 0;
    let mut covariances = Vec::new();
    for (side, name) in batch.into_iter().zip(["batchImage", "batchText"]) {
        if let Some(side) = side {
            dim = side.dim();
            let first = columns.len();
            each_finite_block(side, name, |rows| columns.extend_from_slice(rows))?;
            let mut rows: Vec<f64> = columns[first..].to_vec();
            scale_to_unit(&mut rows, dim);
            let mut covariance = Covariance::about(&vec![0.0; dim]);
            covariance.accumulate(as_rows(&rows, dim));
            covariances.push(covariance.matrix());
        }
    }
    if columns.is_empty() {
        return Ok(None);
    }
    let basis = orthonormal(&columns, dim).map_err(TrackError::Numeric)?;
    let (mut outside, mut all) = (0.0, 0.0);
    for (side, name) in gradients.into_iter().zip(NAMES) {
        if let Some(side) = side {
            each_finite_block(side, name, |rows| {
                let block = MatRef::from_row_major_slice(rows, rows.len() / dim, dim);
                let rest = block - block * &basis * basis.transpose();
                outside += rest.squared_norm_l2();
                all += block.squared_norm_l2();
            })?;
        }
    }
    let size = basis.ncols();
    let residual = if size < dim {
        (outside / all).sqrt()
    } else {
        f64::NAN
    };
    Ok(Some(Batch {
        span: Span {
            residual,
            dim: size,
            random: (1.0 - size as f64 / dim as f64).sqrt(),
        },
        // the mixtures of one side are the gradients of the other, so both are needed
        mixture: match covariances.as_slice() {
            [x, y] => Some(x + y),
            _ => None,
        },
    }))
}

/// Orthonormal basis of the row space, d × rank; rows are scaled to unit length, so that short ones count too.
fn orthonormal(rows: &[f64], dim: usize) -> Result<Mat<f64>, EigenError> {
    sequential();
    let mut unit = rows.to_vec();
    scale_to_unit(&mut unit, dim);
    let count = unit.len() / dim;
    let columns = MatRef::from_column_major_slice(&unit, dim, count);
    let svd = columns.thin_svd().map_err(|_| EigenError::Inaccurate {
        dim,
        residual: f64::INFINITY,
    })?;
    let values = svd.S().column_vector();
    let floor = dim.max(count) as f64 * f64::EPSILON * values[0];
    let rank = (0..values.nrows()).take_while(|&k| values[k] > floor).count();
    Ok(svd.U().subcols(0, rank).to_owned())
}

/// Rows at length one; a row of length zero stays zero.
fn scale_to_unit(rows: &mut [f64], dim: usize) {
    for row in rows.chunks_exact_mut(dim) {
        let length = dot(row, row).sqrt();
        if length > 0.0 {
            for v in row {
                *v /= length;
            }
        }
    }
}

fn each_finite_block<E>(
    side: Source<'_, E>,
    name: &'static str,
    mut body: impl FnMut(&mut [f64]),
) -> Result<(), TrackError<E>> {
    let dim = side.dim();
    each_block(side, |first, rows| {
        if let Some(at) = rows.iter().position(|v| !v.is_finite()) {
            return Err(TrackError::BadRow {
                side: name,
                row: first + (at / dim) as u64,
                reason: BadRowReason::NotFinite { column: at % dim },
            });
        }
        body(rows);
        Ok(())
    })
}
