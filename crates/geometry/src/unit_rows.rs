//! Unit rows with their indices, and what makes them ready to be compared in fixed point.

use modality_gap_kernels::{FixedCorpus, FixedQueries, dot};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::as_rows;

/// Queries that one task works on: they stay in the second cache. It changes nothing in the lists of neighbours.
pub(crate) const PANEL: usize = 96;

/// Unit rows with their indices in the whole source.
#[derive(Debug, Clone, Default)]
pub struct UnitRows {
    pub(crate) dim: usize,
    rows: Vec<f64>,
    pub(crate) indices: Vec<u64>,
}

impl UnitRows {
    /// No rows of width `dim`.
    pub fn new(dim: usize) -> Self {
        Self {
            dim,
            ..Self::default()
        }
    }

    /// Forgets the rows, keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.indices.clear();
    }

    /// Adds a row, scaled to length one; a row of length zero stays zero and is near to nothing.
    pub fn push(&mut self, row: &[f64], index: u64) {
        let length = dot(row, row).sqrt();
        let factor = if length > 0.0 { 1.0 / length } else { 0.0 };
        self.rows.extend(row.iter().map(|v| v * factor));
        self.indices.push(index);
    }

    /// Adds row `i` of another set as it is.
    pub fn copy(&mut self, from: &Self, i: usize) {
        self.rows.extend_from_slice(from.row(i));
        self.indices.push(from.indices[i]);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.dim..(i + 1) * self.dim]
    }

    /// All rows, n × d.
    pub fn rows(&self) -> ArrayView2<'_, f64> {
        as_rows(&self.rows, self.dim)
    }

    /// Index of each row in its source.
    pub fn indices(&self) -> &[u64] {
        &self.indices
    }
}

/// Rows that ask, ready to be compared.
pub struct Queries {
    pub(crate) rows: UnitRows,
    pub(crate) panels: Vec<FixedQueries>,
    /// The largest of their rounding errors.
    pub(crate) error: f64,
}

impl Queries {
    /// These rows, made ready on the threads of the current rayon pool.
    pub fn of(rows: UnitRows) -> Self {
        let width = (PANEL * rows.dim).max(1);
        let panels: Vec<_> = rows
            .rows
            .par_chunks(width)
            .map(|panel| FixedQueries::of(panel, rows.dim))
            .collect();
        let error = largest(panels.iter().map(FixedQueries::errors));
        Self { rows, panels, error }
    }

    /// The rows.
    pub fn rows(&self) -> &UnitRows {
        &self.rows
    }
}

/// A block of the corpus, ready to be searched.
pub struct CorpusBlock {
    pub(crate) parts: Vec<(UnitRows, FixedCorpus)>,
    /// The largest of its rounding errors.
    pub(crate) error: f64,
}

impl CorpusBlock {
    /// The block of these rows, in order, made ready on the threads of the current rayon pool.
    pub fn of(parts: Vec<UnitRows>) -> Self {
        let parts: Vec<_> = parts
            .into_par_iter()
            .filter(|rows| !rows.is_empty())
            .map(|rows| {
                let fixed = FixedCorpus::of(&rows.rows, rows.dim);
                (rows, fixed)
            })
            .collect();
        let error = largest(parts.iter().map(|(_, fixed)| fixed.errors()));
        Self { parts, error }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|(rows, _)| rows.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The rows, part by part.
    pub fn parts(&self) -> impl Iterator<Item = &UnitRows> {
        self.parts.iter().map(|(rows, _)| rows)
    }
}

fn largest<'a>(errors: impl Iterator<Item = &'a [f64]>) -> f64 {
    errors.flatten().copied().fold(0.0, f64::max)
}
