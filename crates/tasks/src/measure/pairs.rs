//! What the pairs of a measurement say of their differences.

use std::collections::HashSet;

use modality_gap_geometry::{
    Covariance, DirectionsInV, Frame, Halves, PairProducts, Precision, as_rows, distance, sum_of_directions,
};
use modality_gap_kernels::dot;
use rayon::prelude::*;

use super::sides::{IN_F32, Sides};
use crate::covariance::{IntoHalves, Sorted};
use crate::groups::Pairing;
use crate::paired::PairBlock;
use crate::split::{quarter, quarter_of_pair};
use crate::{Control, Sample, TaskError};

/// Pairs whose directions one thread sums; fixed, so that threads do not change the sum.
const DIRECTION_ROWS: usize = 128;

/// What is known of paired differences r = x − z.
pub(super) struct Pairs {
    /// Their covariance, perhaps of a sample; empty where none was asked for.
    pub differences: Covariance,
    /// The same in halves of independent groups.
    pub halves: Halves,
    /// Of pairs that are independent of each other, the first of each group.
    pub products: PairProducts,
    /// The quarter that the pair of each row is in, where pairs are in no group.
    pub quarters: Vec<u8>,
    /// Their mean over all pairs.
    pub mean: Vec<f64>,
    /// Mean length.
    pub mean_distance: f64,
    /// Mean cosine of the pairs, for unit rows.
    pub mean_cosine: f64,
    /// How many there are.
    pub count: u64,
    /// Trace of the covariance of the differences of all pairs, divisor n.
    pub trace: f64,
}

/// Sums over the pairs of a block.
pub(super) struct PairSums {
    /// r, row-major.
    differences: Vec<f64>,
    pub quarters: Vec<u8>,
    /// (x−μx)·(z−μz) of each pair.
    products: Vec<f64>,
    sum: Vec<f64>,
    distances: f64,
    cosines: f64,
    /// Σ‖r−c‖².
    squares: f64,
}

/// A pass over pairs.
pub(super) struct PairPass<'a, 'b> {
    sides: &'a Sides<'b>,
    sample: Option<Sample>,
    /// μx − μz.
    center: Vec<f64>,
    found: PairTotals,
    /// Groups that have had a pair; where pairs are in no group nothing is kept.
    seen: Option<HashSet<u64>>,
}

/// What a pass adds up.
#[derive(Default)]
struct PairTotals {
    sum: Vec<f64>,
    distances: f64,
    cosines: f64,
    squares: f64,
    pairs: u64,
    products: PairProducts,
    quarters: Vec<u8>,
}

impl<'a, 'b> PairPass<'a, 'b> {
    pub(super) fn new(sides: &'a Sides<'b>, sample: Option<Sample>) -> Self {
        let [mu_x, mu_z] = [sides.moments(0).mean(), sides.moments(1).mean()];
        let center: Vec<f64> = mu_x.iter().zip(mu_z).map(|(a, b)| a - b).collect();
        Self {
            sides,
            sample,
            found: PairTotals {
                sum: vec![0.0; center.len()],
                ..PairTotals::default()
            },
            seen: sides.grouped().then(HashSet::new),
            center,
        }
    }

    /// Of one block, on one thread.
    pub(super) fn sums(&self, keys: &[u64], left: &[f64], right: &[f64]) -> PairSums {
        let dim = self.center.len();
        let [mu_x, mu_z] = [self.sides.moments(0).mean(), self.sides.moments(1).mean()];
        // (x−μx)·(z−μz) = x·z − x·μz − z·μx + μx·μz
        let of_means = dot(mu_x, mu_z);
        let mut sums = PairSums {
            differences: Vec::with_capacity(left.len()),
            quarters: Vec::with_capacity(keys.len()),
            products: Vec::with_capacity(keys.len()),
            sum: vec![0.0; dim],
            distances: 0.0,
            cosines: 0.0,
            squares: 0.0,
        };
        let mut centred = vec![0.0; dim];
        for ((a, b), &key) in left.chunks_exact(dim).zip(right.chunks_exact(dim)).zip(keys) {
            let product = dot(a, b);
            sums.cosines += product;
            sums.quarters.push(quarter_of(self.sides, key, product, a) as u8);
            sums.products
                .push(product - dot(a, mu_z) - dot(b, mu_x) + of_means);
            sums.differences.extend(a.iter().zip(b).map(|(a, b)| a - b));
            let difference = &sums.differences[sums.differences.len() - dim..];
            let parts = centred.iter_mut().zip(&mut sums.sum);
            for ((centred, sum), (v, c)) in parts.zip(difference.iter().zip(&self.center)) {
                *centred = v - c;
                *sum += v;
            }
            sums.distances += dot(difference, difference).sqrt();
            sums.squares += dot(&centred, &centred);
        }
        sums
    }

    /// Counts blocks with these keys, and gives the differences that their covariance is taken from.
    pub(super) fn count<'c>(&mut self, keys: &[&[u64]], blocks: &'c [PairSums]) -> Vec<Sorted<'c>> {
        let found = &mut self.found;
        let dim = self.center.len();
        let mut sorted = Vec::new();
        for (keys, block) in keys.iter().zip(blocks) {
            found.pairs += keys.len() as u64;
            found.distances += block.distances;
            found.cosines += block.cosines;
            found.squares += block.squares;
            found
                .sum
                .iter_mut()
                .zip(&block.sum)
                .for_each(|(sum, v)| *sum += v);
            let pairs = block.differences.chunks_exact(dim).zip(&block.quarters);
            for ((&key, &product), (row, &quarter)) in keys.iter().zip(&block.products).zip(pairs) {
                if self.sample.is_some_and(|sample| sample.takes(key)) {
                    let first = self.seen.as_mut().is_none_or(|seen| seen.insert(key));
                    if first {
                        found.products.add(product);
                    }
                    sorted.push(Sorted {
                        quarter: usize::from(quarter),
                        first: first && self.seen.is_some(),
                        row,
                    });
                }
                if !self.sides.grouped() {
                    found.quarters.resize(key as usize, 0);
                    found.quarters.push(quarter);
                }
            }
        }
        sorted
    }

    /// What was found, with the covariance of the differences in halves.
    pub(super) fn pairs(self, halves: Halves, control: &Control) -> Pairs {
        let found = self.found;
        let n = found.pairs as f64;
        // of rows paired by index every row is in one pair, so the means say it, to the last bit
        let mean = match self.sides.grouping().pairing {
            Pairing::Groups => found.sum.iter().map(|sum| sum / n).collect(),
            _ => self.center.clone(),
        };
        Pairs {
            differences: control.pool().install(|| halves.whole()),
            halves,
            products: found.products,
            quarters: found.quarters,
            trace: found.squares / n - distance(&mean, &self.center).powi(2),
            mean,
            mean_distance: found.distances / n,
            mean_cosine: found.cosines / n,
            count: found.pairs,
        }
    }
}

/// One pass over all pairs; their covariance is of those whose key `sample` takes, and empty without a sample.
pub(super) fn pair_differences(
    sides: &Sides<'_>,
    sample: Option<Sample>,
    precision: Precision,
    control: &Control,
) -> Result<Pairs, TaskError> {
    let mut pass = PairPass::new(sides, sample);
    let mut differences = IntoHalves::about(&pass.center, sides.grouped(), precision);
    sides.each_pairs(Sample::ALL, control, "pairs", |blocks| {
        let sums: Vec<PairSums> = control.pool().install(|| {
            let each = blocks.par_iter();
            each.map(|block| pass.sums(block.keys, block.left, block.right))
                .collect()
        });
        let keys: Vec<&[u64]> = blocks.iter().map(|block| block.keys).collect();
        differences.count(pass.count(&keys, &sums).into_iter(), control);
    })?;
    Ok(pass.pairs(differences.halves(control), control))
}

/// Lengths of the mean unit directions of P_VΔ, and how many there are, in each frame of each of `sets`: of a half in each of two, of all
/// pairs in one. Of pairs in groups the first of each, for they are not independent. On the way `also` gets all pairs.
pub(super) fn mean_directions(
    sides: &Sides<'_>,
    sets: &[Vec<&Frame>],
    control: &Control,
    mut also: impl FnMut(&[PairBlock<'_>]) + Send,
) -> Result<Vec<Vec<(f64, u64)>>, TaskError> {
    let dim = sides.source(0).dim;
    let mut sums: Vec<Vec<(Vec<f64>, u64)>> = sets
        .iter()
        .map(|frames| vec![(vec![0.0; dim], 0); frames.len()])
        .collect();
    let prepared: Option<Vec<_>> =
        (sides.longest() >= IN_F32).then(|| sets.iter().map(|frames| in_f32(frames)).collect());
    let mut seen = sides.grouped().then(HashSet::new);
    sides.each_pairs(Sample::ALL, control, "directions", |blocks| {
        let mut taken = |key: &u64| seen.as_mut().is_none_or(|seen| seen.insert(*key));
        let taken: Vec<Vec<bool>> = blocks
            .iter()
            .map(|block| block.keys.iter().map(&mut taken).collect())
            .collect();
        let in_halves = || -> Vec<Vec<(usize, Vec<f64>)>> {
            let each = blocks.par_iter().zip(&taken);
            each.map(|(block, taken)| in_halves(sides, block, taken))
                .collect()
        };
        let ((), rows) = control.pool().install(|| rayon::join(|| also(blocks), in_halves));
        let rows: Vec<&(usize, Vec<f64>)> = rows.iter().flatten().collect();
        for (set, (frames, sums)) in sets.iter().zip(&mut sums).enumerate() {
            let at = |half: usize| half.min(frames.len() - 1);
            let sum = |half: usize, rows: &[f64]| {
                let rows = as_rows(rows, dim);
                match &prepared {
                    Some(prepared) => prepared[set][at(half)].sum(rows),
                    None => sum_of_directions(rows, frames[at(half)]),
                }
            };
            let parts: Vec<Vec<f64>> = control.pool().install(|| {
                let each = rows.par_iter();
                each.map(|(half, rows)| sum(*half, rows)).collect()
            });
            for ((half, rows), part) in rows.iter().zip(parts) {
                let (sum, pairs) = &mut sums[at(*half)];
                sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
                *pairs += (rows.len() / dim) as u64;
            }
        }
    })?;
    let length =
        |(frame, (sum, pairs)): (&&Frame, &(Vec<f64>, u64))| (frame.length_in_v(sum) / *pairs as f64, *pairs);
    let of_set = |(frames, sums): (&Vec<&Frame>, &Vec<_>)| frames.iter().zip(sums).map(length).collect();
    Ok(sets.iter().zip(&sums).map(of_set).collect())
}

fn in_f32<'a>(frames: &[&'a Frame]) -> Vec<DirectionsInV<'a>> {
    frames.iter().map(|frame| DirectionsInV::of(frame)).collect()
}

/// The differences of the pairs of a block that are `taken`, by their half, in pieces for one thread each.
fn in_halves(sides: &Sides<'_>, block: &PairBlock<'_>, taken: &[bool]) -> Vec<(usize, Vec<f64>)> {
    let dim = sides.source(0).dim;
    let mut halves = [Vec::new(), Vec::new()];
    let pairs = block.left.chunks_exact(dim).zip(block.right.chunks_exact(dim));
    for ((a, b), (&key, _)) in pairs
        .zip(block.keys.iter().zip(taken))
        .filter(|(_, (_, taken))| **taken)
    {
        let half = quarter_of(sides, key, dot(a, b), a) % 2;
        halves[half].extend(a.iter().zip(b).map(|(a, b)| a - b));
    }
    let pieces = |(half, rows): (usize, &Vec<f64>)| -> Vec<(usize, Vec<f64>)> {
        rows.chunks(DIRECTION_ROWS * dim)
            .map(|rows| (half, rows.to_vec()))
            .collect()
    };
    halves.iter().enumerate().flat_map(pieces).collect()
}

/// The quarter of a pair: by its group, or by its rows.
fn quarter_of(sides: &Sides<'_>, key: u64, cosine: f64, image: &[f64]) -> usize {
    if sides.grouped() {
        quarter(key)
    } else {
        quarter_of_pair(cosine, image, sides.moments(0).mean())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use modality_gap_geometry::{Map, Policy, mix};
    use modality_gap_kernels::Rows;
    use modality_gap_shards::memory_rows;

    use super::*;
    use crate::{ReadOptions, RowSet, Split};

    const DIM: usize = 3;

    fn side(values: &[f32], keys: Vec<u32>) -> RowSet {
        let shard = memory_rows(Rows::F32(values), DIM, Vec::new()).unwrap();
        let rows = RowSet::memory(Arc::from(shard), ReadOptions::default());
        rows.grouped(keys).unwrap()
    }

    fn values(rows: usize, seed: u64) -> Vec<f32> {
        let value = |i: usize| (mix(seed ^ ((i as u64) << 8)) >> 40) as f32 / 8_388_608.0 - 1.0;
        (0..rows * DIM).map(value).collect()
    }

    /// With one to four captions an image the mean over pairs is not the difference of the sides' means.
    #[test]
    fn the_trace_is_about_the_mean_of_all_pairs() {
        const IMAGES: usize = 40;
        let of_text: Vec<u32> = (0..IMAGES as u32)
            .flat_map(|image| std::iter::repeat_n(image, 1 + image as usize % 4))
            .collect();
        let (x, z) = (values(IMAGES, 1), values(of_text.len(), 2));
        let sources = [side(&x, (0..IMAGES as u32).collect()), side(&z, of_text.clone())];
        let control = Control::quiet(1).unwrap();
        let map = Map::identity(DIM, Policy::Raw);
        let both = [&sources[0], &sources[1]];
        let sides = Sides::count(both, [&map; 2], true, Split::default(), None, &control).unwrap();
        let found = pair_differences(&sides, None, Precision::Exact, &control).unwrap();

        let n = of_text.len() as f64;
        let pairs = of_text.iter().zip(z.chunks_exact(DIM));
        let differences: Vec<[f64; DIM]> = pairs
            .map(|(&image, z)| {
                std::array::from_fn(|j| f64::from(x[image as usize * DIM + j]) - f64::from(z[j]))
            })
            .collect();
        let mean: [f64; DIM] = std::array::from_fn(|j| differences.iter().map(|r| r[j]).sum::<f64>() / n);
        let trace = differences
            .iter()
            .map(|r| distance(r, &mean).powi(2))
            .sum::<f64>()
            / n;
        assert_eq!(found.count, of_text.len() as u64);
        assert!(distance(&found.mean, &mean) < 1e-12);
        assert!(
            (found.trace - trace).abs() < 1e-12 * trace,
            "{} {trace}",
            found.trace
        );
    }
}
