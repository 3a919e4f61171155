//! Maps that need more than a combination of vectors: matrices, noise, radii.

use std::sync::Arc;

use faer::MatRef;
use modality_gap_kernels::{Rows, RowsMut, combine, dot};

use crate::bad_row::{BadRow, BadRowReason, Policy};
use crate::noise::{add_noise, seed_in_epoch};
use crate::polar::{Polar, times};
use crate::row_map::{NO_DIRECTION, NOT_COUNTED, RowMap, Scratch};

/// One step of a staged map.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Every component times a factor.
    Scale(f64),
    /// A vector added.
    Add(Vec<f64>),
    /// Onto the unit sphere.
    Sphere,
    /// e ← Me; M is d × d, row-major.
    Linear(Vec<f64>),
    /// N(0, σ²I), keyed by seed and global row index.
    Noise {
        /// Standard deviation σ of each component.
        sigma: f64,
        /// Seed.
        seed: u64,
    },
    /// Radii of coordinate pairs and scales of single coordinates.
    Polar(Polar),
}

/// Unit rows through one stage after another, in f64.
///
/// Products of matrices come from a library: the number of threads does not change them, the instruction set may
/// change their last bits.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedMap {
    dim: usize,
    stages: Vec<Stage>,
}

impl StagedMap {
    /// # Panics
    /// When a stage is not of width `dim`.
    pub fn new(dim: usize, stages: Vec<Stage>) -> Self {
        for stage in &stages {
            let fits = match stage {
                Stage::Add(vector) => vector.len() == dim,
                Stage::Linear(matrix) => matrix.len() == dim * dim,
                Stage::Polar(polar) => polar.dim() == dim,
                Stage::Scale(_) | Stage::Sphere | Stage::Noise { .. } => true,
            };
            assert!(fits, "stages of the map's width");
        }
        Self { dim, stages }
    }

    /// Columns.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The stages in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The same map with more stages behind it.
    pub fn then(&self, more: impl IntoIterator<Item = Stage>) -> Self {
        Self::new(self.dim, self.stages.iter().cloned().chain(more).collect())
    }

    /// The map of another pass over the rows, where it draws noise; nothing where it is the same in every pass.
    pub(crate) fn in_epoch(&self, epoch: u64) -> Option<Self> {
        let draws = |stage: &Stage| matches!(stage, Stage::Noise { .. });
        if epoch == 0 || !self.stages.iter().any(draws) {
            return None;
        }
        let stages = self.stages.iter().cloned().map(|stage| match stage {
            Stage::Noise { sigma, seed } => Stage::Noise {
                sigma,
                seed: seed_in_epoch(seed, epoch),
            },
            other => other,
        });
        Some(Self::new(self.dim, stages.collect()))
    }

    /// Whether every row it gives has length one.
    pub fn gives_unit_rows(&self) -> bool {
        self.stages.last().is_none_or(|stage| *stage == Stage::Sphere)
    }

    /// Everything the result depends on, as bytes; the leading mark tells it from a row map.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![2_u8];
        let mut put = |tag: u8, numbers: &[f64]| {
            bytes.push(tag);
            bytes.extend((numbers.len() as u64).to_le_bytes());
            bytes.extend(numbers.iter().flat_map(|v| v.to_le_bytes()));
        };
        put(0, &[self.dim as f64]);
        for stage in &self.stages {
            match stage {
                Stage::Scale(factor) => put(1, &[*factor]),
                Stage::Add(vector) => put(2, vector),
                Stage::Sphere => put(3, &[]),
                Stage::Linear(matrix) => put(4, matrix),
                // the seed's bits, not its value, for a large seed is not an f64
                Stage::Noise { sigma, seed } => put(5, &[*sigma, f64::from_bits(*seed)]),
                Stage::Polar(polar) => put(6, &polar.numbers()),
            }
        }
        bytes
    }

    /// Computes the results of a block into `scratch`.
    pub(crate) fn prepare(&self, rows: Rows<'_>, first: u64, scratch: &mut Scratch, bad: &mut Vec<BadRow>) {
        let dim = self.dim;
        let listed = bad.len();
        let unit = RowMap::identity(dim, Policy::Unit);
        unit.coefficients(rows, scratch, bad);
        let n = scratch.lengths.len();
        let mut values = std::mem::take(Arc::make_mut(&mut scratch.staged));
        values.resize(rows.len(), 0.0);
        combine(rows, dim, &scratch.factors, &[], &[], RowsMut::F64(&mut values));
        for bad in &bad[listed..] {
            // a direction of its own keeps the row harmless until it is blanked
            values[bad.row * dim..(bad.row + 1) * dim].fill(1.0);
        }
        let mut other = Vec::new();
        let mut lost = Vec::new();
        for stage in &self.stages {
            match stage {
                Stage::Scale(factor) => values.iter_mut().for_each(|v| *v *= factor),
                Stage::Add(vector) => add_to_rows(&mut values, vector),
                Stage::Sphere => onto_sphere(&mut values, dim, &mut lost),
                Stage::Linear(matrix) => {
                    other.resize(values.len(), 0.0);
                    times(
                        &values,
                        MatRef::from_column_major_slice(matrix, dim, dim),
                        &mut other,
                    );
                    std::mem::swap(&mut values, &mut other);
                }
                Stage::Noise { sigma, seed } => add_noise(&mut values, dim, first, *sigma, *seed),
                Stage::Polar(polar) => polar.apply(&mut values, &mut other),
            }
        }
        lost.extend(
            (0..n).filter(|i| {
                !dot(&values[i * dim..(i + 1) * dim], &values[i * dim..(i + 1) * dim]).is_finite()
            }),
        );
        lost.sort_unstable();
        lost.dedup();
        lost.retain(|&row| scratch.counted(row));
        for row in lost {
            let reason = BadRowReason::NoDirection;
            bad.push(BadRow { row, reason });
            scratch.lengths[row] = NOT_COUNTED;
        }
        bad[listed..].sort_unstable_by_key(|bad| bad.row);
        for i in 0..n {
            let row = &mut values[i * dim..(i + 1) * dim];
            if scratch.counted(i) {
                scratch.mapped_squares[i] = dot(row, row);
            } else {
                row.fill(0.0);
                scratch.mapped_squares[i] = 0.0;
            }
        }
        scratch.staged = Arc::new(values);
    }

    /// Writes the prepared rows.
    pub(crate) fn write(&self, scratch: &Scratch, out: RowsMut<'_>) {
        let ones: Vec<f64> = (0..scratch.lengths.len())
            .map(|i| f64::from(u8::from(scratch.counted(i))))
            .collect();
        combine(Rows::F64(&scratch.staged), self.dim, &ones, &[], &[], out);
    }
}

fn add_to_rows(values: &mut [f64], vector: &[f64]) {
    for row in values.chunks_exact_mut(vector.len()) {
        row.iter_mut().zip(vector).for_each(|(v, add)| *v += add);
    }
}

/// Scales every row to length one; those without a direction are noted in `lost` and left harmless.
fn onto_sphere(values: &mut [f64], dim: usize, lost: &mut Vec<usize>) {
    for (i, row) in values.chunks_exact_mut(dim).enumerate() {
        let square = dot(row, row);
        if square <= NO_DIRECTION || !square.is_finite() {
            lost.push(i);
            row.fill(1.0);
            continue;
        }
        let inverse = 1.0 / square.sqrt();
        for v in row {
            *v *= inverse;
        }
    }
}
