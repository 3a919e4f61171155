//! What one step's probe pairs say by themselves: means, covariances, the gap and what the sphere does to the text.

use faer::Scale;
use modality_gap_kernels::{Rows, dot};
use rayon::prelude::*;

use super::TrackError;
use super::groups::PairGroups;
use super::items::ItemSums;
use super::record::{Drift, GapRecord, PerModality};
use super::retrieval::Sample;
use super::rows::{Source, each_pair_block};
use super::sharing::Sharing;
use crate::bad_row::Policy;
use crate::decomposition::{lengths_in_v, sum_of_directions, unbiased_resultant};
use crate::fit_options::EPSILON;
use crate::frame::Frame;
use crate::gap::{ClusterNoise, Judged, Noise, centroid_gap, relative_gap};
use crate::map::Map;
use crate::moments::Moments;
use crate::phantom::{AnchoredCloud, PhantomDrift};
use crate::row_map::{RowMap, Scratch};
use crate::storage::{StorageNoise, StoredRows, storage_floor};
use crate::{Covariance, as_rows, distance};

/// Rows whose directions one thread sums; fixed, so that threads do not change the sum.
const DIRECTION_ROWS: usize = 64;
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
    /// The gap without the items that make most of the noise, where these are few.
    of_rest: Option<Judged>,
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
        // of Δ, of x − s·y, and of what the sphere moves sideways
        let mut sums = groups.map(|groups| [(); 3].map(|()| ItemSums::new(groups, dim)));
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
            let delta: Vec<f64> = x.iter().zip(&*y).map(|(a, b)| a - b).collect();
            if let Some([of_delta, of_bias, of_sphere]) = &mut sums {
                for (pair, (a, b)) in (first..).zip(x.chunks_exact(dim).zip(y.chunks_exact(dim))) {
                    let sides = || a.iter().zip(b);
                    of_delta.add(pair, sides().zip(&mean).map(|((x, y), m)| x - y - m));
                    of_bias.add(pair, sides().map(|(x, y)| x - scale * y));
                    of_sphere.add(pair, cloud.sideways(b).into_iter());
                }
            }
            differences.accumulate(as_rows(&delta, dim));
            covariances[0].accumulate(as_rows(x, dim));
            covariances[1].accumulate(as_rows(y, dim));
        })?;
        let drift = cloud.drift(&covariances[1], projected.mean());
        let n = differences.rows() as f64;
        let mut of_rest = None;
        let (clusters, of_bias, own) = if let Some([of_delta, of_bias, of_sphere]) = sums {
            let variances = groups.map_or(Vec::new(), |groups| groups.variances(&moments));
            of_rest = of_delta.judge_the_rest(&variances, &mean);
            (
                Some(of_delta.noise(&variances)),
                of_bias.noise(&variances).matrix(),
                of_sphere.trace(),
            )
        } else {
            // Cov(x − s·y), from Σxy + Σyx = Σx + Σy − Σr
            let of_pairs = covariances[0].matrix() * Scale(1.0 - scale)
                + covariances[1].matrix() * Scale(scale * scale - scale)
                + differences.matrix() * Scale(scale);
            let own = sideways / n - drift.tangential * drift.tangential;
            (None, of_pairs * Scale(1.0 / n), own / n)
        };
        let drift_noise = cloud.noise(&covariances[1], of_bias.as_ref(), own);
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
            of_rest,
        })
    }

    pub fn pairs(&self) -> u64 {
        self.differences.rows()
    }

    /// How pairs share items, and which part of the variance of Δ in U and in V the pairs of an item have in common.
    pub fn sharing(&self, groups: Option<&PairGroups>, frame: &Frame) -> Option<Sharing> {
        let (groups, clusters) = groups.zip(self.clusters.as_ref())?;
        let sizes = groups.sizes();
        let n = self.pairs() as f64;
        let crowd = sizes
            .iter()
            .map(|(size, items)| (size * size * items) as f64)
            .sum::<f64>()
            / n;
        let share = |of: &dyn Fn(&Covariance) -> f64| {
            // tr Cov(m̂) = tr Cov(Δ)/n·(1 + (Σc²/n − 1)·share)
            let of_mean = clusters.trace_by(of);
            let of_pair = of(&self.differences) + of_mean;
            if of_pair > 0.0 {
                ((of_mean * n / of_pair - 1.0) / (crowd - 1.0)).clamp(0.0, 1.0)
            } else {
                0.0
            }
        };
        let inside = |of: &Covariance| frame.trace_in_u(of);
        let outside = |of: &Covariance| of.trace() - frame.trace_in_u(of);
        Some(Sharing {
            shares: [share(&inside), share(&outside)],
            sizes,
        })
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
        let judged = noise
            .judge(dot(&self.mean, &self.mean), self.mean.len())
            .or_of_rest(self.of_rest.as_ref());
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

/// The mean unit direction of P_VΔ.
#[derive(Debug, Clone, Copy)]
pub(super) struct MeanDirection {
    /// The length that it has when the items' directions are spread evenly.
    pub even: f64,
    /// Its length in the population: the square without what sampling adds to it.
    pub resultant: f64,
}

/// The mean unit direction of P_VΔ; one more pass over the pairs.
pub(super) fn mean_direction<E>(
    image: Source<'_, E>,
    text: Source<'_, E>,
    frame: &Frame,
    groups: Option<&PairGroups>,
) -> Result<MeanDirection, TrackError<E>> {
    let (dim, pairs) = (image.dim(), image.rows());
    let n = pairs as f64;
    let mut sum = vec![0.0; dim];
    let mut items = groups.map(|groups| ItemSums::new(groups, dim));
    each_pair_block(image, text, |first, x, y| {
        x.iter_mut().zip(&*y).for_each(|(a, b)| *a -= b);
        if let Some(items) = &mut items {
            let lengths = lengths_in_v(x, frame);
            for (pair, (row, length)) in (first..).zip(x.chunks_exact(dim).zip(lengths)) {
                if length > 0.0 {
                    items.add(pair, row.iter().map(|v| v / length));
                }
            }
            return;
        }
        let parts: Vec<Vec<f64>> = x
            .par_chunks(DIRECTION_ROWS * dim)
            .map(|rows| sum_of_directions(as_rows(rows, dim), frame))
            .collect();
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
    })?;
    let Some((items, groups)) = items.zip(groups) else {
        let length = frame.length_in_v(&sum) / n;
        return Ok(MeanDirection {
            even: n.powf(-0.5),
            resultant: unbiased_resultant(length, pairs),
        });
    };
    let sums = items.into_sums();
    for row in sums.chunks_exact(dim) {
        sum.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
    }
    let length = frame.length_in_v(&sum) / n;
    // E‖mean‖² = Σ‖w_g‖²/n² + (1 − Σc²/n²)R̄² of items with c pairs and sums w of directions
    let within: f64 = lengths_in_v(&sums, frame).iter().map(|w| w * w).sum::<f64>() / (n * n);
    let sizes = groups.sizes();
    let same: f64 = sizes
        .iter()
        .map(|(size, items)| (size * size * items) as f64)
        .sum::<f64>()
        / (n * n);
    Ok(MeanDirection {
        even: within.sqrt(),
        resultant: ((length * length - within) / (1.0 - same)).max(0.0).sqrt(),
    })
}
