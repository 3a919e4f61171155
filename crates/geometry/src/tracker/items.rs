//! Sums over the pairs of each item: their covariance is that of means over all pairs, which are not independent.

use modality_gap_kernels::dot;

use super::groups::PairGroups;
use crate::as_rows;
use crate::gap::{ClusterNoise, Judged, left_out};
use crate::items::{dominating_groups, effective_groups};

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

    /// The covariance of the mean of all pairs' vectors, where `variances` are the shares of the items in it.
    pub fn noise(self, variances: &[f64]) -> ClusterNoise {
        let dim = self.dim;
        let pairs = self.groups.pairs();
        let (mut sums, _) = centred(self.sums, &pairs, dim);
        noise_of(
            &mut sums,
            &pairs,
            dim,
            effective_groups(variances.iter().copied()),
        )
    }

    /// The gap of the pairs without the items that make most of the noise, where the vectors are x − y − `mean`; `None` where no few items do,
    /// or where too few pairs would be left.
    pub fn judge_the_rest(&self, variances: &[f64], mean: &[f64]) -> Option<Judged> {
        let (dim, pairs) = (self.dim, self.groups.pairs());
        let rows: Vec<[f64; 2]> = pairs.iter().map(|&pairs| [f64::from(pairs); 2]).collect();
        let largest = dominating_groups(variances, &rows)?;
        if largest.is_empty() {
            return None;
        }
        let mut left = vec![true; pairs.len()];
        for item in largest {
            left[item] = false;
        }
        let items = || (0..pairs.len()).filter(|&item| left[item]);
        let sums: Vec<f64> = items()
            .flat_map(|item| &self.sums[item * dim..(item + 1) * dim])
            .copied()
            .collect();
        let pairs_left: Vec<u32> = items().map(|item| pairs[item]).collect();
        let (mut sums, offset) = centred(sums, &pairs_left, dim);
        let effective = effective_groups(items().map(|item| variances[item]));
        let noise = noise_of(&mut sums, &pairs_left, dim, effective);
        let mean: Vec<f64> = mean.iter().zip(offset).map(|(m, offset)| m + offset).collect();
        Some(noise.noise(&mean).judge(dot(&mean, &mean), dim))
    }

    /// The trace of that covariance.
    pub fn trace(self) -> f64 {
        let items = f64::from(self.groups.count());
        let (dim, n) = (self.dim, self.groups.keys().len() as f64);
        let (sums, _) = centred(self.sums, &self.groups.pairs(), dim);
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

/// Sums of items with so many `pairs`, less what as many means have, as if each item were left out ([`ClusterNoise`]), and the mean.
fn centred(mut sums: Vec<f64>, pairs: &[u32], dim: usize) -> (Vec<f64>, Vec<f64>) {
    let n: f64 = pairs.iter().copied().map(f64::from).sum();
    let mut mean = vec![0.0; dim];
    for sum in sums.chunks_exact(dim) {
        mean.iter_mut().zip(sum).for_each(|(mean, v)| *mean += v / n);
    }
    let items = pairs.len() as f64;
    for (sum, &pairs) in sums.chunks_exact_mut(dim).zip(pairs) {
        let pairs = f64::from(pairs);
        let factor = left_out(items, pairs, n);
        sum.iter_mut()
            .zip(&mean)
            .for_each(|(sum, m)| *sum = factor * (*sum - pairs * m));
    }
    (sums, mean)
}

/// The covariance of a mean from centred sums; the items tell as much of it as `effective` ones of one size.
fn noise_of(sums: &mut [f64], pairs: &[u32], dim: usize, effective: f64) -> ClusterNoise {
    let items = pairs.len();
    let n: f64 = pairs.iter().copied().map(f64::from).sum();
    // G·Σv/n of an item: a sample of G whose mean varies as that of all pairs does
    for v in &mut *sums {
        *v *= items as f64 / n;
    }
    let mut noise = ClusterNoise::new(dim, items as u64, effective);
    for some in sums.chunks(COUNTED * dim) {
        noise.add(as_rows(some, dim));
    }
    noise
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items::Items;
    use crate::tracker::groups::GroupedBy;

    /// The jackknife over items: (G − 1)/G Σ|m₋g − m̄|² of the means without one item each (Efron and Stein 1981).
    #[test]
    fn the_trace_is_that_of_means_without_one_item_each() {
        let keys = [0, 0, 0, 1, 2, 2, 3];
        let vectors: Vec<[f64; 2]> = (0..keys.len())
            .map(|pair| [(pair as f64 * 1.7).sin() + 2.0, (pair as f64).cos()])
            .collect();
        let groups = PairGroups::new(GroupedBy::Ids, &keys, Items::Groups)
            .unwrap()
            .unwrap();
        let mut sums = ItemSums::new(&groups, 2);
        for (pair, vector) in vectors.iter().enumerate() {
            sums.add(pair as u64, vector.iter().copied());
        }
        let items = 4;
        let without: Vec<[f64; 2]> = (0..items)
            .map(|item| {
                let left: Vec<usize> = (0..keys.len()).filter(|&pair| keys[pair] != item).collect();
                [0, 1].map(|j| left.iter().map(|&pair| vectors[pair][j]).sum::<f64>() / left.len() as f64)
            })
            .collect();
        let mean = [0, 1].map(|j| without.iter().map(|m| m[j]).sum::<f64>() / f64::from(items));
        let squares: f64 = without
            .iter()
            .map(|m| (m[0] - mean[0]).powi(2) + (m[1] - mean[1]).powi(2))
            .sum();
        let expected = f64::from(items - 1) / f64::from(items) * squares;
        let found = sums.trace();
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
    }
}
