//! Sums over the pairs of each item: their covariance is that of means over all pairs, which are not independent.

use super::groups::PairGroups;
use crate::gap::{ClusterNoise, left_out};

/// Sums of items that are counted at a time.
const COUNTED: usize = 512;

/// Sums of a vector of each pair, by item.
pub(super) struct ItemSums<'g> {
    groups: &'g PairGroups,
    dim: usize,
    sums: Vec<f64>,
}

impl<'g> ItemSums<'g> {
    /// Of vectors of `dim` columns; none is added yet.
    pub fn new(groups: &'g PairGroups, dim: usize) -> Self {
        Self {
            groups,
            dim,
            sums: vec![0.0; groups.count() as usize * dim],
        }
    }

    /// Adds the vector of a pair.
    pub fn add(&mut self, pair: u64, vector: impl Iterator<Item = f64>) {
        let item = self.groups.keys()[pair as usize] as usize;
        let sum = &mut self.sums[item * self.dim..][..self.dim];
        sum.iter_mut().zip(vector).for_each(|(sum, v)| *sum += v);
    }

    /// The sums, one row for each item.
    pub fn into_sums(self) -> Vec<f64> {
        self.sums
    }

    /// Sums less what as many means have, as if each item were left out ([`ClusterNoise`]).
    fn centred(mut self) -> Vec<f64> {
        let mut pairs = vec![0.0; self.groups.count() as usize];
        for &key in self.groups.keys() {
            pairs[key as usize] += 1.0;
        }
        let n = self.groups.keys().len() as f64;
        let mut mean = vec![0.0; self.dim];
        for sum in self.sums.chunks_exact(self.dim) {
            mean.iter_mut().zip(sum).for_each(|(mean, v)| *mean += v / n);
        }
        let items = f64::from(self.groups.count());
        for (sum, &pairs) in self.sums.chunks_exact_mut(self.dim).zip(&pairs) {
            let factor = left_out(items, pairs, n);
            sum.iter_mut()
                .zip(&mean)
                .for_each(|(sum, m)| *sum = factor * (*sum - pairs * m));
        }
        self.sums
    }

    /// The covariance of the mean of all pairs' vectors; the items tell as much of it as `effective` ones of one size.
    pub fn noise(self, effective: f64) -> ClusterNoise {
        let (dim, items) = (self.dim, self.groups.count());
        let n = self.groups.keys().len() as f64;
        let mut sums = self.centred();
        // G·Σv/n of an item: a sample of G whose mean varies as that of all pairs does
        for v in &mut sums {
            *v *= f64::from(items) / n;
        }
        let mut noise = ClusterNoise::new(dim, u64::from(items), effective);
        for some in sums.chunks_mut(COUNTED * dim) {
            noise.add(some);
        }
        noise
    }

    /// The trace of that covariance.
    pub fn trace(self) -> f64 {
        let items = f64::from(self.groups.count());
        let (dim, n) = (self.dim, self.groups.keys().len() as f64);
        let sums = self.centred();
        // items of several sizes leave a mean, which is not part of their variance
        let mut mean = vec![0.0; dim];
        for sum in sums.chunks_exact(dim) {
            mean.iter_mut().zip(sum).for_each(|(mean, v)| *mean += v / items);
        }
        let of_mean = items * mean.iter().map(|m| m * m).sum::<f64>();
        let squares = sums.iter().map(|v| v * v).sum::<f64>() - of_mean;
        items / (items - 1.0) * squares / (n * n)
    }
}
