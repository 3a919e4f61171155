//! What pairs would say if their partners were strangers: the part of a coupling that the sample makes by itself.

use modality_gap_kernels::dot;
use rayon::prelude::*;

use crate::decomposition::{Coupling, coupling_in};
use crate::{Covariance, EigenError, Frame};

/// How often partners are exchanged.
pub const STRANGERS_EXCHANGES: usize = 3;
/// Differences that are counted at a time.
const COUNTED: usize = 512;

/// Pairs in an order that does not follow from that of their rows, so that partners can be exchanged far apart.
#[derive(Debug)]
pub struct Strangers<'a> {
    keys: &'a [u64],
    rows: [&'a [f64]; 2],
    dim: usize,
    order: Vec<usize>,
}

impl<'a> Strangers<'a> {
    /// Of pairs of rows, n × `dim` row-major each; pairs of one key are not strangers.
    pub fn of(keys: &'a [u64], rows: [&'a [f64]; 2], dim: usize) -> Self {
        let [x, z] = rows;
        let mut order: Vec<(f64, usize)> = (0..keys.len())
            .map(|i| (dot(&x[i * dim..(i + 1) * dim], &z[i * dim..(i + 1) * dim]), i))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self {
            keys,
            rows,
            dim,
            order: order.into_iter().map(|(_, i)| i).collect(),
        }
    }

    /// Covariance about `mean` of the differences after the `exchange`-th exchange of partners, from 1 on.
    pub fn differences(&self, mean: &[f64], exchange: usize) -> Covariance {
        let (n, dim, [x, z]) = (self.keys.len(), self.dim, self.rows);
        // far apart, for rows of one group often stand together
        let shift = (exchange * n / (STRANGERS_EXCHANGES + 1)).max(1);
        let mut differences = Covariance::about(mean);
        let mut block = Vec::with_capacity(COUNTED * dim);
        for at in 0..n {
            let (i, j) = (self.order[at], self.order[(at + shift) % n]);
            if self.keys[i] != self.keys[j] {
                let (a, b) = (&x[i * dim..(i + 1) * dim], &z[j * dim..(j + 1) * dim]);
                block.extend(a.iter().zip(b).map(|(a, b)| a - b));
            }
            if block.len() == COUNTED * dim || at + 1 == n {
                differences.accumulate(&block);
                block.clear();
            }
        }
        differences
    }
}

/// The mean coupling in `frame` of strangers with these covariances of their differences, one for each exchange of `n` of `pairs`
/// pairs: its R² falls like 1/n, so that where a sample stands for more pairs it is scaled to their number.
pub fn strangers_coupling(
    covariances: &[Covariance],
    frame: &Frame,
    lambda: f64,
    [n, pairs]: [u64; 2],
) -> Result<Coupling, EigenError> {
    let couplings: Vec<_> = covariances
        .par_iter()
        .map(|differences| coupling_in(differences.matrix().as_ref(), frame, lambda))
        .collect();
    let exchanges = covariances.len() as f64;
    let (mut norm, mut r2) = (0.0, 0.0);
    for found in couplings {
        let found = found?;
        norm += found.norm / exchanges;
        r2 += found.r2 / exchanges;
    }
    let scale = (n as f64 / pairs as f64).min(1.0);
    Ok(Coupling {
        norm: norm * scale.sqrt(),
        r2: r2 * scale,
        lambda,
    })
}

/// R² beyond that of strangers: (R² − R² of strangers)/(1 − R² of strangers).
pub fn adjusted_r2(own: f64, strangers: f64) -> f64 {
    (own - strangers) / (1.0 - strangers)
}
