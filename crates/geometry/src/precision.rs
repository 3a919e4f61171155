//! What products of covariances are taken in, and what that changes of them.

use modality_gap_kernels::{add_projected, dot};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::mix;

/// What the products of a covariance are taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f64.
    #[default]
    Exact,
    /// f32 of centred rows, summed in f32 over 64 rows and over four such sums, then in f64; the diagonal and sums of rows are in f64,
    /// third moments those of the rounded rows.
    ///
    /// # Precision
    /// With u = 2⁻²⁴ an entry errs by at most 70 u √(Σᵢᵢ Σⱼⱼ) of second moments about the centre: of a product both factors are rounded, and
    /// it is rounded in at most 68 sums and products (Blanchard, Higham, Mary 2020). This is the worst case, and holds of rows whose
    /// components and products f32 can hold, as those of unit rows but for what lies below 2⁻¹²⁶. Where roundings do not repeat, they add
    /// up like independent ones, and an entry errs by about 5 u √(Σᵢᵢ Σⱼⱼ/n) where columns do not correlate. What they really do to a
    /// covariance says [`crate::Covariance::product_error`].
    Single,
}

impl Precision {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Single => "single",
        }
    }
}

/// Directions that rows are projected on.
const DIRECTIONS: usize = 8;

/// How many times as large as the largest of the directions' errors the bound is.
const FACTOR: f64 = 16.0;

/// Products Σ(e−c)(e−c)ᵀv in f64 of rows whose covariance is counted in f32: with directions v that do not depend on the rows they say how
/// far the covariance is off.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Probes {
    directions: Vec<f64>,
    /// One for each direction.
    pub sums: Vec<f64>,
}

impl Probes {
    pub fn new(dim: usize) -> Self {
        // evenly distributed on [−½, ½)
        let component =
            |i: usize| (mix(mix(0x70_726f_6265) ^ i as u64) >> 11) as f64 * 2.0_f64.powi(-53) - 0.5;
        Self {
            directions: (0..DIRECTIONS * dim).map(component).collect(),
            sums: vec![0.0; DIRECTIONS * dim],
        }
    }

    /// Those with these sums, where there are as many.
    pub fn of(dim: usize, sums: Vec<f64>) -> Self {
        Self {
            sums,
            ..Self::new(dim)
        }
    }

    /// How many sums there are, one by one.
    pub const fn sums_of(dim: usize) -> [usize; 2] {
        [DIRECTIONS, dim]
    }

    /// What rows add to the sums.
    pub fn found(&self, rows: &[&[f64]], center: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.sums.len()];
        add_projected(rows, center, &self.directions, &mut sums);
        sums
    }

    /// Adds what was counted of n rows with this sum about a centre which lies `shift` from ours.
    pub fn add_moved(&mut self, other: &Self, n: f64, sum: &[f64], shift: &[f64]) {
        let dim = shift.len();
        let each = self
            .directions
            .chunks_exact(dim)
            .zip(other.sums.chunks_exact(dim));
        for (to, (direction, from)) in self.sums.chunks_exact_mut(dim).zip(each) {
            let (along_shift, along_sum) = (dot(direction, shift), dot(direction, sum));
            for (i, to) in to.iter_mut().enumerate() {
                *to += from[i] + sum[i] * along_shift + shift[i] * (along_sum + n * along_shift);
            }
        }
    }

    /// What the spectral norm of E is at most, where `scatter`, column-major and lower triangle, is the matrix of the sums plus E.
    ///
    /// For the unit eigenvector a of its largest eigenvalue |a·v| ‖E‖ ≤ ‖Ev‖. The components of v are even on an interval of length one, so
    /// a·v has a density of at most √2: that of a section of the unit cube by a plane (Ball 1986). A direction with ‖Ev‖ < ‖E‖/16 has then
    /// a probability of at most 2√2/16, and eight of them one below 1e-6.
    pub fn error(&self, scatter: &[f64], dim: usize) -> f64 {
        let norm = |(direction, expected): (&[f64], &[f64])| -> f64 {
            let mut found = vec![0.0; dim];
            for (j, column) in scatter.chunks_exact(dim).enumerate() {
                let below = j + 1..dim;
                found[j] += column[j] * direction[j] + dot(&column[below.clone()], &direction[below.clone()]);
                let v = direction[j];
                let to = found[below.clone()].iter_mut().zip(&column[below]);
                to.for_each(|(to, entry)| *to += entry * v);
            }
            let squares = found.iter().zip(expected).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f64>().sqrt()
        };
        let each = self
            .directions
            .par_chunks_exact(dim)
            .zip(self.sums.par_chunks_exact(dim));
        let norms: Vec<f64> = each.map(norm).collect();
        if norms.iter().all(|norm| norm.is_finite()) {
            FACTOR * norms.into_iter().fold(0.0, f64::max)
        } else {
            f64::INFINITY
        }
    }
}
