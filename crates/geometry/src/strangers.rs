//! What pairs would say if their partners were strangers: the part of a coupling that the sample makes by itself.

use std::borrow::Cow;

use modality_gap_kernels::dot;
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::decomposition::{Coupling, coupling_in};
use crate::views::{as_rows, row_major};
use crate::{Cosines, Covariance, EigenError, Frame, Precision};

/// How often partners are exchanged.
pub const STRANGERS_EXCHANGES: usize = 3;
/// Differences that are counted at a time; fixed, for another number rounds otherwise.
const COUNTED: usize = 512;

/// Pairs in an order that does not follow from that of their rows, so that partners can be exchanged far apart.
#[derive(Debug)]
pub struct Strangers<'a> {
    keys: [&'a [u64]; 2],
    rows: [Cow<'a, [f64]>; 2],
    dim: usize,
    /// Row of either side, in the order of the pairs' cosines.
    pairs: Vec<(usize, usize)>,
}

impl<'a> Strangers<'a> {
    /// Of `pairs` of a row of one side, n × d, and a row of the other, m × d; rows of one key are not strangers.
    pub fn of(keys: [&'a [u64]; 2], rows: [ArrayView2<'a, f64>; 2], pairs: Vec<(usize, usize)>) -> Self {
        let counts = rows.each_ref().map(ArrayView2::nrows);
        assert_eq!(keys.map(<[u64]>::len), counts, "a key for each row");
        let dim = rows[0].ncols();
        assert_eq!(dim, rows[1].ncols(), "rows of one width");
        let mut strangers = Self {
            keys,
            rows: rows.each_ref().map(row_major),
            dim,
            pairs: Vec::new(),
        };
        let mut order: Vec<(f64, usize, usize)> = pairs
            .into_iter()
            .map(|(i, j)| {
                let (x, z) = strangers.rows_of(i, j);
                (dot(x, z), i, j)
            })
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        strangers.pairs = order.into_iter().map(|(_, i, j)| (i, j)).collect();
        strangers
    }

    fn rows_of(&self, i: usize, j: usize) -> (&[f64], &[f64]) {
        let row = |side: usize, i: usize| &self.rows[side][i * self.dim..(i + 1) * self.dim];
        (row(0, i), row(1, j))
    }

    /// Rows of the strangers after the `exchange`-th exchange of partners, from 1 on.
    fn exchanged(&self, exchange: usize) -> impl Iterator<Item = (&[f64], &[f64])> {
        let n = self.pairs.len();
        // far apart, for rows of one group often stand together
        let shift = (exchange * n / (STRANGERS_EXCHANGES + 1)).max(1);
        (0..n)
            .map(move |at| (self.pairs[at].0, self.pairs[(at + shift) % n].1))
            .filter(|&(i, j)| self.keys[0][i] != self.keys[1][j])
            .map(|(i, j)| self.rows_of(i, j))
    }

    /// Covariance about `mean` of the differences after the `exchange`-th exchange of partners, from 1 on.
    pub fn differences(&self, mean: &[f64], exchange: usize, precision: Precision) -> Covariance {
        let mut differences = Covariance::about_in(mean, precision);
        let mut block = Vec::with_capacity(COUNTED * self.dim);
        for (x, z) in self.exchanged(exchange) {
            block.extend(x.iter().zip(z).map(|(x, z)| x - z));
            if block.len() == COUNTED * self.dim {
                differences.accumulate(as_rows(&block, self.dim));
                block.clear();
            }
        }
        differences.accumulate(as_rows(&block, self.dim));
        differences
    }

    /// Divergence of the cosines of as many strangers as there are pairs from all others of `cross`: the mean over exchanges.
    pub fn divergence(&self, cross: &Cosines) -> f64 {
        let of_exchange = |exchange| {
            let mut strangers = Cosines::default();
            self.exchanged(exchange)
                .for_each(|(x, z)| strangers.add(dot(x, z)));
            strangers.divergence(&cross.without(&strangers)) / STRANGERS_EXCHANGES as f64
        };
        (1..=STRANGERS_EXCHANGES).map(of_exchange).sum()
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
