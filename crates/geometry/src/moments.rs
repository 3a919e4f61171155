//! First and second moments of rows, streamed and merged.
//!
//! A state holds n, the mean and the scatter of the rows it has seen; merging two states equals one pass over both
//! (Chan, Golub, LeVeque 1979), so blocks and shards may be counted anywhere and put together in their order later.

use modality_gap_kernels::{Rows, dot};

use crate::row_map::{RowMap, Scratch};

/// Lengths of the rows as stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lengths {
    /// Shortest row.
    pub min: f64,
    /// Longest row.
    pub max: f64,
    /// Sum of all lengths.
    pub sum: f64,
}

impl Lengths {
    /// Of no row.
    pub const NONE: Self = Self {
        min: f64::INFINITY,
        max: 0.0,
        sum: 0.0,
    };

    fn add(&mut self, length: f64) {
        self.min = self.min.min(length);
        self.max = self.max.max(length);
        self.sum += length;
    }

    /// Adds the lengths of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }
}

/// Moments of a set of rows, possibly mapped by a strategy first.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    pub(crate) n: u64,
    pub(crate) mean: Vec<f64>,
    /// Σ‖e−μ‖²; unused for unit rows, whose trace follows from the mean.
    pub(crate) scatter: f64,
    pub(crate) unit: bool,
    pub(crate) lengths: Lengths,
}

impl Moments {
    /// The state that has seen no row of width `dim`; `unit` says that every row will have length one.
    pub fn new(dim: usize, unit: bool) -> Self {
        Self {
            n: 0,
            mean: vec![0.0; dim],
            scatter: 0.0,
            unit,
            lengths: Lengths::NONE,
        }
    }

    /// A state that knows a mean and nothing else: its trace and lengths mean nothing.
    pub fn from_mean(mean: Vec<f64>, n: u64) -> Self {
        Self {
            n,
            mean,
            scatter: 0.0,
            unit: false,
            lengths: Lengths {
                min: 0.0,
                max: 0.0,
                sum: 0.0,
            },
        }
    }

    /// Moments of a block under a row map whose coefficients `scratch` holds.
    pub(crate) fn of_mapped(rows: Rows<'_>, map: &RowMap, scratch: &Scratch) -> Self {
        let dim = map.dim();
        let mut state = Self::new(dim, map.gives_unit_rows());
        modality_gap_kernels::add_weighted(rows, dim, &scratch.factors, &mut state.mean);
        state.finish_block(map.vectors(), scratch);
        state
    }

    /// Turns the sum of a block's rows into their moments, after adding what the vectors contribute.
    pub(crate) fn finish_block(&mut self, vectors: &[Vec<f64>], scratch: &Scratch) {
        let totals = scratch.coefficient_sums(vectors.len());
        for (total, vector) in totals.iter().zip(vectors) {
            for (sum, v) in self.mean.iter_mut().zip(vector) {
                *sum += total * v;
            }
        }
        let mut squares = 0.0;
        for (i, &square) in scratch.mapped_squares.iter().enumerate() {
            if scratch.counted(i) {
                self.n += 1;
                self.lengths.add(scratch.lengths[i]);
                squares += square;
            }
        }
        if self.n > 0 {
            let n = self.n as f64;
            self.mean.iter_mut().for_each(|sum| *sum /= n);
            if !self.unit {
                self.scatter = (squares - n * dot(&self.mean, &self.mean)).max(0.0);
            }
        }
    }

    /// Adds the rows of `other`.
    ///
    /// # Panics
    /// When the states differ in width or in their reading of rows.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.mean.len(), other.mean.len(), "states of one width");
        assert_eq!(self.unit, other.unit, "states of one reading");
        if other.n == 0 {
            return;
        }
        let (a, b) = (self.n as f64, other.n as f64);
        // weighting the difference keeps the mean exact when both are equal
        let weight = b / (a + b);
        let mut between = 0.0;
        for (mean, other) in self.mean.iter_mut().zip(&other.mean) {
            let difference = other - *mean;
            between += difference * difference;
            *mean += difference * weight;
        }
        if !self.unit {
            self.scatter += other.scatter + between * a * weight;
        }
        self.n += other.n;
        self.lengths.merge(&other.lengths);
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.n
    }

    /// Columns.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// The mean μ.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// T = E‖e−μ‖² with divisor n; for unit rows exactly 1−‖μ‖².
    pub fn trace(&self) -> f64 {
        if self.n == 0 {
            0.0
        } else if self.unit {
            (1.0 - dot(&self.mean, &self.mean)).max(0.0)
        } else {
            self.scatter / self.n as f64
        }
    }

    /// T/n: how far the mean of as many independent rows is from that of the population, squared, on average.
    pub fn noise_of_mean(&self) -> f64 {
        self.trace() / self.n as f64
    }

    /// T with divisor n−1; NaN below two rows.
    pub fn unbiased_trace(&self) -> f64 {
        if self.n < 2 {
            return f64::NAN;
        }
        self.trace() * self.n as f64 / (self.n - 1) as f64
    }

    /// Lengths of the rows as stored, before any scaling.
    pub fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// Whether every row counted had length one when it was counted.
    pub fn unit(&self) -> bool {
        self.unit
    }
}

/// ‖a−b‖₂.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    dot(&difference, &difference).sqrt()
}
