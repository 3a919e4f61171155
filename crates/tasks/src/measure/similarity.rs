//! Cosines among rows: histograms, uniformity, the linear probe, and what an aligner preserves.

use std::collections::{BTreeMap, HashMap, HashSet};

use modality_gap_geometry::{
    BINS, Cka, Cosines, Covariance, Map, Strangers, UnitRows, WithinCosines, as_rows, cosine_correlation,
    cosines_across, cosines_within, separability,
};
use modality_gap_kernels::dot;
use ndarray::Axis;

use super::report::{Histograms, PreservationReport, SimilarityReport};
use super::sides::Sides;
use crate::from_halves::{FromHalves, Known};
use crate::groups::Pairing;
use crate::mapper::each_pair_block;
use crate::paired::PairBlock;
use crate::split::{quarter_of_pair, second_half, second_half_by};
use crate::{Control, Sample, TaskError};

/// Rows a side whose cosines are compared, each with each; a sample beyond.
const ROWS: u64 = 5_000;

/// Independent rows from which the bias of a uniformity is below one percent: 3 % at 4.
const UNIFORMITY_ROWS: u64 = 20;
/// Independent rows from which a divergence is known.
const JS_ROWS: u64 = 640;
/// Where a divergence from the cosines of pairs is known: its bias falls slower than with their number, and about the change is left.
const PAIRED_JS: Known = Known {
    change: 0.02,
    rows: JS_ROWS,
};
/// Largest share of a divergence of other cosines that sampling may add where it is known: what halves of the images show of each other.
const MOST_BY_CHANCE: f64 = 0.02;

/// Rows held in memory to be compared, each with each.
pub(super) struct Kept {
    pub image: UnitRows,
    pub text: UnitRows,
    /// The text before the aligner.
    pub before: Option<UnitRows>,
    pub sample: Sample,
}

impl Kept {
    pub(super) fn collect(
        sides: &Sides<'_>,
        before: Option<&Map>,
        seed: u64,
        control: &Control,
    ) -> Result<Self, TaskError> {
        let sample = Sample::of(sides.longest(), ROWS, seed);
        let collect =
            |side: usize, map: &Map| sides.collect(side, map, sample, 0..u64::MAX, control, "sample");
        Ok(Self {
            image: collect(0, sides.map(0))?,
            text: collect(1, sides.map(1))?,
            before: before.map(|map| collect(1, map)).transpose()?,
            sample,
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.image.len().max(self.text.len()) as u64
    }
}

/// `similarity` of the results.
///
/// `in_sample` rows are those of the aligner's fit: their halves have opposite errors of the mean, so no plane is asked.
pub(super) fn similarity(
    sides: &Sides<'_>,
    kept: &Kept,
    in_sample: bool,
    control: &Control,
) -> SimilarityReport {
    let (x, z) = (kept.image.rows(), kept.text.rows());
    let keys = [(0, &kept.image), (1, &kept.text)].map(|(side, rows): (usize, &UnitRows)| -> Vec<u64> {
        let source = sides.source(side);
        rows.indices().iter().map(|&row| source.key(row)).collect()
    });
    let pairing = sides.grouping().pairing;
    let second: Vec<bool> = if sides.grouped() {
        keys[0].iter().map(|&key| second_half(key)).collect()
    } else {
        let mean = sides.moments(0).mean();
        (0..kept.image.len())
            .map(|i| second_half_by(dot(kept.image.row(i), mean)))
            .collect()
    };
    let strangers = sides
        .grouping()
        .shared
        .then(|| keys.each_ref().map(Vec::as_slice));
    let (cross, within) = control.pool().install(|| {
        let cross = cosines_across(x, z, strangers);
        let of_text = vec![false; z.nrows()];
        (cross, [cosines_within(x, &second), cosines_within(z, &of_text)])
    });
    let [images, texts] = within.each_ref().map(WithinCosines::all);
    let mut named = vec![("cross", &cross), ("imageImage", &images), ("textText", &texts)];
    let pairs = PairCosines::of(kept, pairing, &keys, (sides.grouped(), sides.moments(0).mean()));
    if let Some(pairs) = &pairs {
        named.insert(0, ("paired", &pairs.all));
    }
    let mut js_biased = BTreeMap::new();
    for (i, (a, first)) in named.iter().enumerate() {
        for (b, second) in &named[i + 1..] {
            js_biased.insert(format!("{a}/{b}"), first.divergence(second));
        }
    }
    let histograms = Histograms {
        bins: BINS,
        paired: pairs.as_ref().map(|pairs| pairs.all.shares()),
        cross: cross.shares(),
        image_image: images.shares(),
        text_text: texts.shares(),
    };
    let halves = halves(&keys, sides.grouped(), sides.grouping().shared);
    let by_chance = ByChance::of(&within[0], &second);
    let of_strangers = pairs
        .as_ref()
        .map(|_| {
            Strangers::of(
                keys.each_ref().map(Vec::as_slice),
                [x, z],
                kept_pairs(pairing, &keys),
            )
        })
        .map(|strangers| strangers.divergence(&cross));
    // the pairs are fewest, so that their halves show what sampling adds; of the others it falls faster, and is what halves of the images show
    let independent = [0, 1].map(|side| rows_of(&keys[side]));
    let mut found = FromHalves::of(independent[0].min(independent[1]));
    let others = [("cross", &cross), ("imageImage", &images), ("textText", &texts)];
    let mut js: BTreeMap<String, Option<f64>> = BTreeMap::new();
    if let Some(pairs) = &pairs {
        for (name, other) in others {
            let name = format!("paired/{name}");
            let each = pairs.halves.each_ref().map(|half| half.divergence(other));
            let value = found.number(&name, js_biased[&name], Some(each), PAIRED_JS);
            js.insert(name, value);
        }
    }
    for (name, by_chance) in [
        ("cross/imageImage", by_chance.cross),
        ("cross/textText", by_chance.cross),
        ("imageImage/textText", by_chance.within),
    ] {
        let value = js_biased[name];
        let times = by_chance / (MOST_BY_CHANCE * value);
        let known = times <= 1.0 && found.has(JS_ROWS);
        if !known {
            found.needs(name, times);
            found.at_least(name, JS_ROWS);
        }
        js.insert(name.to_owned(), known.then_some(value));
    }
    SimilarityReport {
        js,
        js_biased,
        js_needs: found.into_needs(),
        js_chance: by_chance.named(of_strangers),
        histograms,
        alignment: pairs.map(|pairs| pairs.alignment),
        uniformity: [(&within[0], independent[0]), (&within[1], independent[1])]
            .map(|(cosines, rows)| (rows >= UNIFORMITY_ROWS).then(|| cosines.uniformity()))
            .into(),
        cka: None,
        cka_biased: None,
        separability: (!in_sample)
            .then(|| {
                let halves = [halves[0].as_slice(), &halves[1]];
                control.pool().install(|| separability([x, z], halves))
            })
            .flatten(),
    }
}

/// Cosines of pairs.
struct PairCosines {
    all: Cosines,
    halves: [Cosines; 2],
    /// Mean squared distance.
    alignment: f64,
}

impl PairCosines {
    /// Those of the pairs among the rows kept, which may be in groups, of images with this mean; `None` where the rows are not pairs.
    fn of(
        kept: &Kept,
        pairing: Pairing,
        keys: &[Vec<u64>; 2],
        (grouped, mean): (bool, &[f64]),
    ) -> Option<Self> {
        if pairing == Pairing::None {
            return None;
        }
        let mut all = Cosines::default();
        let mut halves = [(); 2].map(|()| Cosines::default());
        let (mut squares, mut count) = (0.0, 0_u64);
        for (i, j) in kept_pairs(pairing, keys) {
            let cosine = dot(kept.image.row(i), kept.text.row(j));
            all.add(cosine);
            let half = if grouped {
                second_half(keys[0][i])
            } else {
                quarter_of_pair(cosine, kept.image.row(i), mean) % 2 == 1
            };
            halves[usize::from(half)].add(cosine);
            squares += 2.0 - 2.0 * cosine;
            count += 1;
        }
        Some(Self {
            all,
            halves,
            alignment: squares / count as f64,
        })
    }
}

/// Rows with different keys.
fn rows_of(keys: &[u64]) -> u64 {
    keys.iter().collect::<HashSet<_>>().len() as u64
}

/// The pairs among the rows kept, whose sample takes whole groups.
fn kept_pairs(pairing: Pairing, [image, text]: &[Vec<u64>; 2]) -> Vec<(usize, usize)> {
    if pairing == Pairing::Index {
        return (0..image.len()).map(|i| (i, i)).collect();
    }
    let mut order: Vec<usize> = (0..image.len()).collect();
    order.sort_by_key(|&i| image[i]);
    let of = |key: u64| {
        let first = order.partition_point(|&i| image[i] < key);
        order[first..].iter().take_while(move |&&i| image[i] == key)
    };
    let pairs = text.iter().enumerate();
    pairs
        .flat_map(|(j, &key)| of(key).map(move |&i| (i, j)))
        .collect()
}

/// Whether each row of either side belongs to the second half: every second group, in the order in which groups appear.
fn halves(keys: &[Vec<u64>; 2], grouped: bool, shared: bool) -> [Vec<bool>; 2] {
    let mut places: [HashMap<u64, usize>; 2] = [HashMap::new(), HashMap::new()];
    [0, 1].map(|side| {
        if !grouped {
            return (0..keys[side].len()).map(|i| i % 2 == 1).collect();
        }
        let known = &mut places[if shared { 0 } else { side }];
        keys[side]
            .iter()
            .map(|&key| {
                let next = known.len();
                known.entry(key).or_insert(next).is_multiple_of(2)
            })
            .map(|even| !even)
            .collect()
    })
}

/// What two halves of the image rows show of each other.
struct ByChance {
    /// Rows of a half.
    rows: usize,
    /// Divergence of the cosines across the halves from those within one.
    cross: f64,
    /// Divergence of the cosines within the halves.
    within: f64,
}

impl ByChance {
    fn of(images: &WithinCosines, second: &[bool]) -> Self {
        let seconds = second.iter().filter(|second| **second).count();
        let [one, across, other] = &images.halves;
        Self {
            rows: seconds.min(second.len() - seconds),
            cross: across.divergence(one),
            within: one.divergence(other),
        }
    }

    /// By their names in the results; `of_strangers` is the divergence of as many strangers as there are pairs.
    fn named(&self, of_strangers: Option<f64>) -> BTreeMap<String, f64> {
        [
            ("rows", Some(self.rows as f64)),
            ("cross/one", Some(self.cross)),
            ("one/other", Some(self.within)),
            ("paired/cross", of_strangers),
        ]
        .into_iter()
        // a handful of rows may be in one half, which has no divergence from the other
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|value| value.is_finite())?)))
        .collect()
    }
}

/// Linear CKA of the pairs, from unbiased estimates of the squares and from plug-in ones.
pub(super) fn cka(
    sides: &Sides<'_>,
    covariances: [&Covariance; 2],
    sample: Sample,
    control: &Control,
) -> Result<[Option<f64>; 2], TaskError> {
    let means = [sides.moments(0).mean(), sides.moments(1).mean()];
    let dim = sides.source(0).dim;
    let mut cka = Cka::about(means, sides.grouped(), sides.precision(false));
    let mut seen = HashSet::new();
    sides.each_pair(
        sample,
        control,
        "cross-covariance",
        |PairBlock { keys, left, right }| {
            let (left, right) = (as_rows(left, dim), as_rows(right, dim));
            control.pool().install(|| cka.add(left, right));
            if !sides.grouped() {
                return;
            }
            // pairs of one group are not independent, so the unbiased estimate takes the first of each
            let firsts: Vec<usize> = (0..keys.len()).filter(|&i| seen.insert(keys[i])).collect();
            let (a, b) = (left.select(Axis(0), &firsts), right.select(Axis(0), &firsts));
            control.pool().install(|| cka.add_independent(a.view(), b.view()));
        },
    )?;
    Ok(cka.finish(covariances))
}

/// `preservation` of the results, whose Ω is known by now. Φ and Ψ: mean y·z over all rows, a cosine where both are on the sphere; correlation of pairwise
/// cosines, over the rows kept.
pub(super) fn preservation(
    sides: &Sides<'_>,
    before: &Map,
    kept: &Kept,
    omega: Option<f64>,
    control: &Control,
) -> Result<PreservationReport, TaskError> {
    let dim = before.dim();
    let (mut sum, mut rows) = (0.0, 0_u64);
    let text = sides.source(1);
    each_pair_block(
        [text, text],
        [before, sides.map(1)],
        |row| sides.takes(1, row),
        control,
        "preservation",
        |_, _, y, z| {
            for (y, z) in y.chunks_exact(dim).zip(z.chunks_exact(dim)) {
                sum += dot(y, z);
                rows += 1;
            }
        },
    )?;
    let psi = kept.before.as_ref().and_then(|before| {
        control
            .pool()
            .install(|| cosine_correlation(before.rows(), kept.text.rows()))
    });
    Ok(PreservationReport {
        phi: sum / rows as f64,
        psi,
        omega,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_without_rows_has_no_divergence() {
        let by_chance = ByChance {
            rows: 1,
            cross: f64::NAN,
            within: 0.25,
        };
        let expected = [("one/other", 0.25), ("rows", 1.0)].map(|(name, value)| (name.to_owned(), value));
        assert_eq!(by_chance.named(Some(f64::NAN)), BTreeMap::from(expected));
    }
}
