//! Cosines among rows: histograms, their divergence, uniformity, and what a map does to them.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Bins of a histogram on [−1, 1].
pub const BINS: usize = 200;
/// Rows whose cosines one task computes; fixed, so that threads do not change the sums.
const PANEL: usize = 64;

/// Cosines counted in [`BINS`] equal bins on [−1, 1], and their moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Cosines {
    counts: Vec<u64>,
    n: u64,
    /// Σ exp(−2‖u−v‖²).
    kernel: f64,
}

impl Default for Cosines {
    fn default() -> Self {
        Self {
            counts: vec![0; BINS],
            n: 0,
            kernel: 0.0,
        }
    }
}

impl Cosines {
    /// Counts one cosine of two unit rows.
    pub fn add(&mut self, cosine: f64) {
        let at = (cosine.midpoint(1.0) * BINS as f64).floor();
        #[allow(clippy::cast_sign_loss, reason = "clamped to the bins")]
        let bin = at.clamp(0.0, BINS as f64 - 1.0) as usize;
        self.counts[bin] += 1;
        self.n += 1;
        // ‖u−v‖² = 2−2u·v
        self.kernel += (4.0 * cosine - 4.0).exp();
    }

    fn merge(&mut self, other: &Self) {
        self.counts
            .iter_mut()
            .zip(&other.counts)
            .for_each(|(a, b)| *a += b);
        self.n += other.n;
        self.kernel += other.kernel;
    }

    /// The histogram less cosines that it has counted, too.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let counts = self.counts.iter().zip(&other.counts);
        Self {
            counts: counts.map(|(a, b)| a.saturating_sub(*b)).collect(),
            n: self.n.saturating_sub(other.n),
            kernel: self.kernel - other.kernel,
        }
    }

    /// The histogram as shares that add up to one.
    pub fn shares(&self) -> Vec<f64> {
        self.counts.iter().map(|&c| c as f64 / self.n as f64).collect()
    }

    /// ln E exp(−2‖u−v‖²), the uniformity of Wang and Isola (2020).
    pub fn uniformity(&self) -> f64 {
        (self.kernel / self.n as f64).ln()
    }

    /// Jensen–Shannon divergence of two histograms, in nats.
    pub fn divergence(&self, other: &Self) -> f64 {
        let half = |p: f64, m: f64| if p > 0.0 { 0.5 * p * (p / m).ln() } else { 0.0 };
        self.shares()
            .iter()
            .zip(other.shares())
            .map(|(&p, q)| half(p, p.midpoint(q)) + half(q, p.midpoint(q)))
            .sum()
    }
}

/// Which pairs of rows are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among<'a> {
    /// Every i < j of one set.
    One,
    /// Every i, j of two sets.
    Two,
    /// Every i, j of two sets whose keys differ.
    Strangers(&'a [u64], &'a [u64]),
}

/// Cosines of unit rows `a` and `b`, row-major of width `dim`; for [`Among::One`] both are the same set.
pub fn cosines(a: &[f64], b: &[f64], dim: usize, among: Among<'_>) -> Cosines {
    let n = a.len() / dim;
    let starts: Vec<usize> = (0..n).step_by(PANEL).collect();
    let parts: Vec<Cosines> = starts
        .par_iter()
        .map(|&first| {
            let count = PANEL.min(n - first);
            // of one set every pair is computed once, but for those within a panel
            let from = if among == Among::One { first } else { 0 };
            let b = &b[from * dim..];
            let scores = products(a, b, dim, first, count);
            let mut part = Cosines::default();
            for (i, row) in scores.chunks_exact(b.len() / dim).enumerate() {
                for (j, &cosine) in row.iter().enumerate() {
                    let taken = match among {
                        Among::One => j > i,
                        Among::Two => true,
                        Among::Strangers(a, b) => a[first + i] != b[j],
                    };
                    if taken {
                        part.add(cosine);
                    }
                }
            }
            part
        })
        .collect();
    let mut all = Cosines::default();
    for part in &parts {
        all.merge(part);
    }
    all
}

/// Ψ: correlation of the cosines among rows `before` and the same rows `after`; `None` where nothing varies.
pub fn cosine_correlation(before: &[f64], after: &[f64], dim: usize) -> Option<f64> {
    let n = before.len() / dim;
    let pairs = n as f64 * (n as f64 - 1.0) / 2.0;
    let sums = |center: [f64; 2]| -> [f64; 5] {
        let mut total = [0.0; 5];
        let starts: Vec<usize> = (0..n).step_by(PANEL).collect();
        let parts: Vec<[f64; 5]> = starts
            .par_iter()
            .map(|&first| {
                let count = PANEL.min(n - first);
                let m = n - first;
                let [x, y] =
                    [before, after].map(|rows| products(rows, &rows[first * dim..], dim, first, count));
                let mut part = [0.0; 5];
                for i in 0..count {
                    for j in i + 1..m {
                        let (x, y) = (x[i * m + j] - center[0], y[i * m + j] - center[1]);
                        let terms = [x, y, x * x, y * y, x * y];
                        part.iter_mut().zip(terms).for_each(|(sum, v)| *sum += v);
                    }
                }
                part
            })
            .collect();
        for part in parts {
            total.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        total
    };
    // two passes: about the means nothing cancels
    let first = sums([0.0; 2]);
    let [_, _, xx, yy, xy] = sums([first[0] / pairs, first[1] / pairs]);
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

/// Dot products of rows `first..first + count` of `a` with all rows of `b`, row-major.
fn products(a: &[f64], b: &[f64], dim: usize, first: usize, count: usize) -> Vec<f64> {
    let m = b.len() / dim;
    let mut scores = vec![0.0; count * m];
    matmul(
        MatMut::from_row_major_slice_mut(&mut scores, count, m),
        Accum::Replace,
        MatRef::from_row_major_slice(&a[first * dim..(first + count) * dim], count, dim),
        MatRef::from_row_major_slice(b, m, dim).transpose(),
        1.0,
        Par::Seq,
    );
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two orthogonal rows and their opposite: cosines 0, −1, 0.
    #[test]
    fn histograms_in_closed_form() {
        let rows = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0];
        let one = cosines(&rows, &rows, 2, Among::One);
        assert_eq!((one.n, one.counts[0], one.counts[100]), (3, 1, 2));
        let expected = ((2.0 * (-4.0_f64).exp() + (-8.0_f64).exp()) / 3.0).ln();
        assert!((one.uniformity() - expected).abs() < 1e-15);
        assert_eq!(cosines(&rows, &rows, 2, Among::Two).n, 9);
        assert_eq!(
            cosines(&rows, &rows, 2, Among::Strangers(&[0, 1, 2], &[0, 1, 2])).n,
            6
        );
        let mut other = Cosines::default();
        other.add(1.0);
        assert_eq!(other.counts[BINS - 1], 1, "one lies in the last bin");
        assert!(
            (one.divergence(&other) - 2.0_f64.ln()).abs() < 1e-15,
            "nothing in common"
        );
        assert_eq!(one.divergence(&one), 0.0);
    }

    #[test]
    fn a_rotation_keeps_every_cosine() {
        let rows: Vec<f64> = (0..130)
            .flat_map(|i| [f64::from(i).cos(), f64::from(i).sin()])
            .collect();
        let turned: Vec<f64> = rows.chunks(2).flat_map(|r| [-r[1], r[0]]).collect();
        assert!((cosine_correlation(&rows, &turned, 2).unwrap() - 1.0).abs() < 1e-14);
        assert_eq!(
            cosine_correlation(&[1.0, 0.0, 1.0, 0.0], &[1.0, 0.0, 1.0, 0.0], 2),
            None
        );
    }
}
