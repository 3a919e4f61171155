//! What one step's probe pairs say by themselves: means, covariances, the gap and what the sphere does to the text.

use faer::Scale;
use modality_gap_kernels::{Rows, dot};
use rayon::prelude::*;

use super::TrackError;
use super::groups::PairGroups;
use super::record::{Drift, GapRecord, PerModality};
use super::retrieval::Sample;
use super::rows::{Source, each_pair_block};
use crate::bad_row::Policy;
use crate::decomposition::sum_of_directions;
use crate::fit_options::EPSILON;
use crate::frame::Frame;
use crate::gap::{ClusterNoise, Noise, centroid_gap, relative_gap};
use crate::map::Map;
use crate::moments::Moments;
use crate::phantom::{AnchoredCloud, PhantomDrift};
use crate::row_map::{RowMap, Scratch};
use crate::storage::{StorageNoise, StoredRows, storage_floor};
use crate::{Covariance, distance};

/// Rows whose directions one thread sums; fixed, so that threads do not change the sum.
const DIRECTION_ROWS: usize = 64;
/// Sums of items that are counted at a time.
const COUNTED: usize = 512;

/// Statistics of paired unit rows x (image) and y (text).
pub(super) struct Probe {
    moments: [Moments; 2],
    pub covariances: [Covariance; 2],
    /// Of Δ = x − y.
    pub differences: Covariance,
    /// m = E Δ.
    pub mean: Vec<f64>,
    mean_distance: f64,
    mean_cosine: f64,
    drift: PhantomDrift,
    /// What sampling alone gives of its tangential part.
    drift_noise: f64,
    /// Pairs that retrieval is measured on.
    pub sample: Sample,
    /// The largest eigenvalue that rounding of the stored rows gives the covariance of Δ.
    pub storage_floor: f64,
    /// Of m, where pairs share items.
    clusters: Option<ClusterNoise>,
}

impl Probe {
    /// Two passes over the pairs.
    pub fn of<E>(
        image: Source<'_, E>,
        text: Source<'_, E>,
        mut sample: Sample,
        groups: Option<&PairGroups>,
    ) -> Result<Self, TrackError<E>> {
        let (dim, dtypes) = (image.dim(), [image.dtype(), text.dtype()]);
        let identity = Map::identity(dim, Policy::Unit);
        let mut scratch = Scratch::default();
        let mut count = |map: &Map, rows: &[f64]| {
            Moments::of_block(Rows::F64(rows), 0, map, &mut scratch, &mut Vec::new())
        };
        let mut moments = [Moments::new(dim, true), Moments::new(dim, true)];
        each_pair_block(image, text, |_, x, y| {
            moments[0].merge(&count(&identity, x));
            moments[1].merge(&count(&identity, y));
        })?;
        let [mu_x, mu_y] = [moments[0].mean(), moments[1].mean()];
        let mean: Vec<f64> = mu_x.iter().zip(mu_y).map(|(a, b)| a - b).collect();
        // after anchor and trace the text's mean is the image's, and what moves it is the sphere
        let scale = (moments[0].trace() / (moments[1].trace() + EPSILON)).sqrt();
        let cloud = AnchoredCloud::new(mu_x, mu_y, moments[1].trace(), scale);
        let anchored = Map::from(RowMap::new(
            dim,
            Policy::Unit,
            scale,
            Some(cloud.bias().to_vec()),
            true,
            Vec::new(),
        ));
        let mut projected = Moments::new(dim, true);
        let mut covariances = [Covariance::about(mu_x), Covariance::about(mu_y)];
        let mut differences = Covariance::about(&mean);
        let (mut distances, mut cosines, mut sideways) = (0.0, 0.0, 0.0);
        let mut sums = groups.map(|groups| vec![0.0; groups.count() as usize * dim]);
        let mut stored = dtypes.map(|dtype| StoredRows::new(dtype, dim));
        each_pair_block(image, text, |first, x, y| {
            for (i, (a, b)) in x.chunks_exact(dim).zip(y.chunks_exact(dim)).enumerate() {
                distances += distance(a, b);
                cosines += dot(a, b);
                sideways += cloud.tangential_square(b);
                sample.offer(first + i as u64, a, b);
                stored[0].add(a, true);
                stored[1].add(b, true);
            }
            projected.merge(&count(&anchored, y));
            let mut delta: Vec<f64> = x.iter().zip(&*y).map(|(a, b)| a - b).collect();
            if let (Some(sums), Some(groups)) = (&mut sums, groups) {
                let keys = &groups.keys()[first as usize..];
                for (delta, &key) in delta.chunks_exact(dim).zip(keys) {
                    let sum = &mut sums[key as usize * dim..][..dim];
                    for ((sum, v), m) in sum.iter_mut().zip(delta).zip(&mean) {
                        *sum += v - m;
                    }
                }
            }
            differences.accumulate(&mut delta);
            covariances[0].accumulate(x);
            covariances[1].accumulate(y);
        })?;
        let drift = cloud.drift(&covariances[1], projected.mean());
        let n = differences.rows() as f64;
        // Cov(x − s·y), from Σxy + Σyx = Σx + Σy − Σr
        let of_bias = covariances[0].matrix() * Scale(1.0 - scale)
            + covariances[1].matrix() * Scale(scale * scale - scale)
            + differences.matrix() * Scale(scale);
        let clusters = sums.map(|mut sums| {
            let count = groups.map_or(1, PairGroups::count);
            // G·Σ(Δ−m)/n of an item: a sample of G whose mean varies as m does
            for v in &mut sums {
                *v *= f64::from(count) / n;
            }
            let mut noise = ClusterNoise::new(dim, u64::from(count));
            for some in sums.chunks_mut(COUNTED * dim) {
                noise.add(some);
            }
            noise
        });
        let drift_noise = cloud.noise(
            &covariances[1],
            of_bias.as_ref(),
            sideways / n,
            drift.tangential,
            differences.rows(),
        );
        let mut variances = vec![0.0; dim];
        for side in &stored {
            let mut noise = StorageNoise::new(dim);
            noise.add(side);
            let parts = variances.iter_mut().zip(noise.variances(1.0));
            parts.for_each(|(sum, v)| *sum += v);
        }
        Ok(Self {
            storage_floor: storage_floor(&variances, differences.rows()),
            covariances,
            differences,
            mean,
            mean_distance: distances / n,
            mean_cosine: cosines / n,
            drift,
            drift_noise,
            sample,
            moments,
            clusters,
        })
    }

    pub fn pairs(&self) -> u64 {
        self.differences.rows()
    }

    pub fn trace(&self) -> PerModality {
        let [x, y] = &self.moments;
        PerModality {
            image: x.trace(),
            text: y.trace(),
        }
    }

    pub fn phantom_drift(&self) -> Drift {
        let drift = &self.drift;
        Drift {
            measured: drift.measured,
            to_target: drift.to_target,
            tangential: drift.tangential,
            predicted_tangential: drift.predicted_tangential,
            cosine: drift.cosine,
            error: drift.error,
            parameter: drift.parameter,
            noise: self.drift_noise,
        }
    }

    pub fn gap(&self) -> GapRecord {
        let [x, y] = &self.moments;
        let gap = centroid_gap(x, y);
        let noise = match &self.clusters {
            Some(clusters) => clusters.noise(&self.mean),
            None => Noise::of_pairs(
                self.differences.trace(),
                Some(&self.differences),
                &self.mean,
                self.pairs(),
            ),
        };
        let judged = noise.judge(dot(&self.mean, &self.mean), self.mean.len());
        GapRecord {
            centroid: gap.centroid,
            cosine: gap.cosine,
            unbiased_squared: judged.unbiased_squared,
            interval: judged.interval.unwrap_or([f64::NAN; 2]),
            floor: judged.floor,
            verdict: judged.verdict,
            paired_distance: self.mean_distance,
            rmg: relative_gap(self.mean_cosine, x, y),
        }
    }
}

/// Length of the mean unit direction of P_VΔ; one more pass over the pairs.
pub(super) fn mean_direction<E>(
    image: Source<'_, E>,
    text: Source<'_, E>,
    frame: &Frame,
) -> Result<f64, TrackError<E>> {
    let (dim, n) = (image.dim(), image.rows() as f64);
    let mut sum = vec![0.0; dim];
    each_pair_block(image, text, |_, x, y| {
        x.iter_mut().zip(&*y).for_each(|(a, b)| *a -= b);
        let parts: Vec<Vec<f64>> = x
            .par_chunks(DIRECTION_ROWS * dim)
            .map(|rows| sum_of_directions(rows, frame))
            .collect();
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
    })?;
    Ok(frame.length_in_v(&sum) / n)
}
