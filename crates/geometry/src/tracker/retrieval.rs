//! Whether a row finds its partner among the probe pairs.

use faer::MatRef;

use super::record::{Recall, Retrieval};
use crate::noise::mix;

/// Rows of a tile of the similarity matrix; the matrix itself is never held.
const TILE: usize = 256;

/// At most a fixed number of pairs, the same ones at every step.
pub(super) struct Sample {
    dim: usize,
    /// Their sorted indices; `None` takes every pair.
    chosen: Option<Vec<u64>>,
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Sample {
    /// `limit` of `pairs` pairs, those with the smallest hash of seed and index; all where there are no more.
    pub fn of(pairs: u64, dim: usize, limit: u64, seed: u64) -> Self {
        let chosen = (pairs > limit).then(|| {
            let mut hashed: Vec<(u64, u64)> = (0..pairs).map(|i| (mix(i ^ mix(seed)), i)).collect();
            hashed.sort_unstable();
            let mut chosen: Vec<u64> = hashed[..limit as usize].iter().map(|&(_, i)| i).collect();
            chosen.sort_unstable();
            chosen
        });
        Self {
            dim,
            chosen,
            x: Vec::new(),
            y: Vec::new(),
        }
    }

    /// Keeps unit rows `x` and `y` when pair `index` is chosen; pairs come in order.
    pub fn offer(&mut self, index: u64, x: &[f64], y: &[f64]) {
        let wanted = match &self.chosen {
            None => true,
            Some(chosen) => chosen.get(self.x.len() / self.dim) == Some(&index),
        };
        if wanted {
            self.x.extend_from_slice(x);
            self.y.extend_from_slice(y);
        }
    }

    /// Recall both ways by cosine; of equally similar rows the one with the lower index comes first. Absent for no pairs.
    pub fn retrieval(&self) -> Option<Retrieval> {
        let n = self.x.len() / self.dim;
        if n == 0 {
            return None;
        }
        let rows = |values, first: usize, count: usize| {
            let part: &[f64] = values;
            let part = &part[first * self.dim..(first + count) * self.dim];
            MatRef::from_row_major_slice(part, count, self.dim)
        };
        let tile = |i: usize, j: usize| {
            let (rows_i, rows_j) = (TILE.min(n - i), TILE.min(n - j));
            rows(&self.x, i, rows_i) * rows(&self.y, j, rows_j).transpose()
        };
        let firsts = || (0..n).step_by(TILE);
        let mut own = Vec::with_capacity(n);
        for i in firsts() {
            let similar = tile(i, i);
            own.extend((0..similar.nrows()).map(|k| similar[(k, k)]));
        }
        // how many rows of the other side come before the partner
        let (mut before_x, mut before_y) = (vec![0_u32; n], vec![0_u32; n]);
        for first_i in firsts() {
            for first_j in firsts() {
                let similar = tile(first_i, first_j);
                for b in 0..similar.ncols() {
                    for a in 0..similar.nrows() {
                        let (i, j, cosine) = (first_i + a, first_j + b, similar[(a, b)]);
                        let ahead = |own: f64, lower: bool| cosine > own || (cosine == own && lower);
                        before_x[i] += u32::from(i != j && ahead(own[i], j < i));
                        before_y[j] += u32::from(i != j && ahead(own[j], i < j));
                    }
                }
            }
        }
        Some(Retrieval {
            pairs: n as u64,
            image_to_text: recall(&before_x),
            text_to_image: recall(&before_y),
        })
    }
}

fn recall(before: &[u32]) -> Recall {
    let within = |k| before.iter().filter(|&&b| b < k).count() as f64 / before.len() as f64;
    Recall {
        r1: within(1),
        r5: within(5),
    }
}
