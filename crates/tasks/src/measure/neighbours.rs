//! Neighbours of rows among their own kind, the other kind and both: retention, mixing, hubness, retrieval.

use std::collections::BTreeMap;

use modality_gap_geometry::{
    Found, Map, Neighbour, Ranks, RecallByChance, binary_entropy, even_hubness, expected_entropy, skewness,
};

use super::report::{
    Hubness, HubnessByChance, MixedRetrieval, Mixing, NeighboursReport, Outcomes, QueryOutcomes,
    RetrievalByChance, RetrievalReport, Sampled,
};

/// Neighbours of retention, hubness and the mixed ranking.
pub(super) const NEAR: usize = 10;
/// Neighbours of mixing.
pub(super) const MIXED: usize = 20;
/// Cosine from which two rows are the same; apart by rounding of f64 only.
const DOUBLE: f64 = 1.0 - 1e-12;

/// What to look for.
pub(super) struct Asking<'a> {
    /// The text's map before the aligner, when there is one.
    pub before: Option<&'a Map>,
    pub paired: bool,
    /// Whether the result of every query is kept.
    pub outcomes: bool,
    /// Whether every row asks, however many there are.
    pub exact: bool,
    pub seed: u64,
}

/// Sums over queries.
#[derive(Debug, PartialEq)]
pub(super) struct Counts {
    /// Queries of the image and of the text side.
    pub(super) asked: [u64; 2],
    /// Shares of the other modality among the mixed neighbours, summed.
    other: [f64; 2],
    /// Binary entropies of those shares, summed.
    entropy: [f64; 2],
    /// Shares of images among the nearest of text in the mixed rows, summed.
    image_share: f64,
    /// Rows that have a double among their own kind.
    doubles: [u64; 2],
    retained: f64,
    compared: u64,
    /// How often each row is among the nearest: image for image, text for text, image for text.
    degrees: [Vec<u32>; 3],
    /// Of the partners of the queries that have one; by side of the query.
    ranks: [Ranks; 2],
    /// How many of those queries have so many partners.
    partners: [BTreeMap<u64, u64>; 2],
    /// Group of each such query, and whether a partner was found first.
    pub(super) outcomes: [Vec<(u64, bool)>; 2],
    /// How the queries were sampled, if they were.
    pub sampled: Option<Sampled>,
}

impl Counts {
    pub(super) fn new([images, texts]: [u64; 2]) -> Self {
        Self {
            asked: [0; 2],
            other: [0.0; 2],
            entropy: [0.0; 2],
            image_share: 0.0,
            doubles: [0; 2],
            retained: 0.0,
            compared: 0,
            degrees: [images, texts, images].map(|n| vec![0; n as usize]),
            ranks: [Ranks::default(); 2],
            partners: [BTreeMap::new(), BTreeMap::new()],
            outcomes: [Vec::new(), Vec::new()],
            sampled: None,
        }
    }

    pub(super) fn retain(&mut self, before: &Found, after: &Found) {
        let after = &after.nearest[..NEAR.min(after.nearest.len())];
        let kept = before
            .nearest
            .iter()
            .filter(|old| after.iter().any(|new| new.index == old.index))
            .count();
        self.retained += kept as f64 / before.nearest.len().max(1) as f64;
        self.compared += 1;
    }

    /// Neighbours of the rows of `side`, among images and among texts.
    pub(super) fn pool(&mut self, side: usize, images: &[Found], texts: &[Found]) {
        for (images, texts) in images.iter().zip(texts) {
            let mixed = merged(&images.nearest, &texts.nearest);
            let of_images = mixed.iter().filter(|(side, _)| *side == 0).count() as f64;
            let share = of_images / mixed.len().max(1) as f64;
            self.other[side] += if side == 0 { 1.0 - share } else { share };
            self.entropy[side] += binary_entropy(share);
            let near = &mixed[..NEAR.min(mixed.len())];
            if side == 1 {
                let images = near.iter().filter(|(side, _)| *side == 0).count();
                self.image_share += images as f64 / near.len().max(1) as f64;
            }
            let own = [images, texts][side];
            self.doubles[side] += u64::from(own.nearest.first().is_some_and(|first| first.cosine >= DOUBLE));
            for neighbour in own.nearest.iter().take(NEAR) {
                self.degrees[side][neighbour.index as usize] += 1;
            }
            if side == 1 {
                for neighbour in images.nearest.iter().take(NEAR) {
                    self.degrees[2][neighbour.index as usize] += 1;
                }
            }
            self.asked[side] += 1;
        }
    }

    /// Ranks of the nearest partners of queries that have so many.
    pub(super) fn rank(&mut self, side: usize, found: &[Found], partners: &[u64]) {
        for (found, &partners) in found.iter().zip(partners).filter(|(_, n)| **n > 0) {
            self.ranks[side].add(found.before_partner);
            *self.partners[side].entry(partners).or_default() += 1;
        }
    }

    /// `neighbours` of the results, among so many images and texts.
    pub(super) fn neighbours(&self, [images, texts]: [u64; 2]) -> NeighboursReport {
        let asked = self.asked.map(|n| n as f64);
        let others = images + texts - 1;
        let k = (MIXED as u64).min(others);
        let directional = |side: usize| {
            let marked = if side == 0 { images - 1 } else { images };
            let expected = expected_entropy(others, marked, k);
            (expected > 0.0).then(|| self.entropy[side] / asked[side] / expected)
        };
        // by rows, not by queries: a sample may have asked unequally often
        let weight = [images as f64, texts as f64];
        let shares = [0, 1].map(|side| self.other[side] / asked[side]);
        let all = (weight[0] * shares[0] + weight[1] * shares[1]) / (weight[0] + weight[1]);
        let skew = |at: usize, side: usize| {
            // rows that are not measured are in nobody's list and no part of the distribution
            let rows = [images, texts][side] as usize;
            let mut degrees: Vec<f64> = self.degrees[at]
                .iter()
                .filter(|&&d| d > 0)
                .map(|&d| f64::from(d))
                .collect();
            degrees.resize(rows.max(degrees.len()), 0.0);
            skewness(&degrees)
        };
        NeighboursReport {
            k: NEAR,
            retention: self.retention(),
            mixing: Mixing {
                k: MIXED,
                all,
                image: directional(0),
                text: directional(1),
                shares: shares.into(),
                // labels permuted: 2nm of the (n+m)(n+m−1) ordered pairs are of two kinds
                chance: 2.0 * weight[0] * weight[1]
                    / ((weight[0] + weight[1]) * (weight[0] + weight[1] - 1.0)),
            },
            duplicates: [0, 1]
                .map(|side: usize| self.doubles[side] as f64 / asked[side])
                .into(),
            hubness: Hubness {
                image: skew(0, 0),
                text: skew(1, 1),
                text_to_image: skew(2, 0),
                chance: HubnessByChance {
                    image: even_hubness(self.asked[0], images, NEAR as u64),
                    text: even_hubness(self.asked[1], texts, NEAR as u64),
                    text_to_image: even_hubness(self.asked[1], images, NEAR as u64),
                },
            },
        }
    }

    /// Ω: mean share of the neighbours before that are neighbours after.
    pub(super) fn retention(&self) -> Option<f64> {
        (self.compared > 0).then(|| self.retained / self.compared as f64)
    }

    /// `retrieval` of the results, among so many images and texts.
    pub(super) fn retrieval(&self, [images, texts]: [u64; 2]) -> RetrievalReport {
        let outcomes = self.outcomes.iter().any(|side| !side.is_empty()).then(|| {
            let [image, text] = self.outcomes.each_ref().map(|side| {
                let (keys, found) = side.iter().map(|&(key, found)| (key, u8::from(found))).unzip();
                QueryOutcomes { keys, found }
            });
            Outcomes {
                text_to_image: text,
                image_to_text: image,
            }
        });
        RetrievalReport {
            text_to_image: self.ranks[1].recall(),
            image_to_text: self.ranks[0].recall(),
            chance: RetrievalByChance {
                text_to_image: RecallByChance::of(&self.partners[1], images),
                image_to_text: RecallByChance::of(&self.partners[0], texts),
            },
            mixed: MixedRetrieval {
                k: NEAR,
                image_share: self.image_share / self.asked[1] as f64,
            },
            outcomes,
        }
    }
}

/// The nearest of both lists, the image first among equals.
pub(super) fn merged(images: &[Neighbour], texts: &[Neighbour]) -> Vec<(usize, Neighbour)> {
    let (mut i, mut j) = (0, 0);
    let mut mixed = Vec::with_capacity(MIXED);
    while mixed.len() < MIXED {
        match (images.get(i), texts.get(j)) {
            (Some(image), text) if text.is_none_or(|text| image.cosine >= text.cosine) => {
                mixed.push((0, *image));
                i += 1;
            }
            (_, Some(text)) => {
                mixed.push((1, *text));
                j += 1;
            }
            _ => break,
        }
    }
    mixed
}
