//! Cosines among rows: histograms, uniformity, the linear probe, and what an aligner preserves.

use std::collections::{BTreeMap, HashMap, HashSet};

use modality_gap_geometry::{
    Among, BINS, Cosines, Covariance, CrossCovariance, Map, Probe, UnitRows, cosine_correlation, cosines,
};
use modality_gap_kernels::dot;

use super::report::{Histograms, PreservationReport, SimilarityReport};
use super::sides::Sides;
use crate::from_halves::{FromHalves, Known};
use crate::groups::Pairing;
use crate::mapper::each_pair_block;
use crate::paired::PairBlock;
use crate::split::{second_half, second_half_by};
use crate::{Control, Sample, TaskError};

/// Rows a side whose cosines are compared, each with each; a sample beyond.
const ROWS: u64 = 5_000;

/// Independent pairs from which a quotient of unbiased squares has a bias of at most two percent.
const CKA_ROWS: u64 = 60;
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
    let dim = sides.source(0).dim;
    let (x, z) = (kept.image.rows(), kept.text.rows());
    let keys = [(0, &kept.image), (1, &kept.text)].map(|(side, rows): (usize, &UnitRows)| -> Vec<u64> {
        let source = sides.source(side);
        rows.indices().iter().map(|&row| source.key(row)).collect()
    });
    let pairing = sides.grouping().pairing;
    let strangers = if sides.grouping().shared {
        Among::Strangers(&keys[0], &keys[1])
    } else {
        Among::Two
    };
    let [cross, images, texts] = control.pool().install(|| {
        [
            cosines(x, z, dim, strangers),
            cosines(x, x, dim, Among::One),
            cosines(z, z, dim, Among::One),
        ]
    });
    let mut named = vec![("cross", &cross), ("imageImage", &images), ("textText", &texts)];
    let pairs = PairCosines::of(kept, pairing, &keys, sides.grouped());
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
    let second: Vec<bool> = if sides.grouped() {
        keys[0].iter().map(|&key| second_half(key)).collect()
    } else {
        let mean = sides.moments(0).mean();
        x.chunks_exact(dim)
            .map(|row| second_half_by(dot(row, mean)))
            .collect()
    };
    let by_chance = divergences_by_chance(x, &second, dim, control);
    let mut js_chance: BTreeMap<String, f64> = [
        ("rows", by_chance.rows as f64),
        ("cross/one", by_chance.cross),
        ("one/other", by_chance.within),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if pairs.is_some() {
        let strangers = strangers_divergence(kept, pairing, &keys, &cross);
        js_chance.insert("paired/cross".to_owned(), strangers);
    }
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
        js_chance,
        histograms,
        alignment: pairs.map(|pairs| pairs.alignment),
        uniformity: [images.uniformity(), texts.uniformity()].into(),
        cka: None,
        cka_biased: None,
        separability: (!in_sample).then(|| separability([x, z], &halves, dim)).flatten(),
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
    /// Those of the pairs among the rows kept; `None` where the rows are no pairs.
    fn of(kept: &Kept, pairing: Pairing, keys: &[Vec<u64>; 2], grouped: bool) -> Option<Self> {
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
                second_half_by(cosine)
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

/// How often partners are exchanged.
const DERANGEMENTS: usize = 3;

/// What two halves of the image rows show of each other.
struct ByChance {
    /// Rows of a half.
    rows: usize,
    /// Divergence of the cosines across the halves from those within one.
    cross: f64,
    /// Divergence of the cosines within the halves.
    within: f64,
}

fn divergences_by_chance(x: &[f64], second: &[bool], dim: usize, control: &Control) -> ByChance {
    let of = |half: bool| -> Vec<f64> {
        let rows = x.chunks_exact(dim).zip(second);
        let rows = rows.filter(|(_, second)| **second == half);
        rows.flat_map(|(row, _)| row).copied().collect()
    };
    let (a, b) = (of(false), of(true));
    let [across, one, other] = control.pool().install(|| {
        [
            cosines(&a, &b, dim, Among::Two),
            cosines(&a, &a, dim, Among::One),
            cosines(&b, &b, dim, Among::One),
        ]
    });
    ByChance {
        rows: (a.len() / dim).min(b.len() / dim),
        cross: across.divergence(&one),
        within: one.divergence(&other),
    }
}

/// Divergence of the cosines of as many strangers as there are pairs from all others of strangers: the mean over exchanges.
fn strangers_divergence(kept: &Kept, pairing: Pairing, keys: &[Vec<u64>; 2], cross: &Cosines) -> f64 {
    // in an order that does not follow from that of the rows
    let mut pairs: Vec<(f64, usize, usize)> = kept_pairs(pairing, keys)
        .into_iter()
        .map(|(i, j)| (dot(kept.image.row(i), kept.text.row(j)), i, j))
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = pairs.len();
    let mut sum = 0.0;
    for k in 1..=DERANGEMENTS {
        let mut strangers = Cosines::default();
        let shift = (k * n / (DERANGEMENTS + 1)).max(1);
        for (at, &(_, i, _)) in pairs.iter().enumerate() {
            let j = pairs[(at + shift) % n].2;
            if keys[0][i] != keys[1][j] {
                strangers.add(dot(kept.image.row(i), kept.text.row(j)));
            }
        }
        sum += strangers.divergence(&cross.without(&strangers)) / DERANGEMENTS as f64;
    }
    sum
}

/// Accuracy on the second half of the groups of a logistic probe fitted on the first.
fn separability([x, z]: [&[f64]; 2], halves: &[Vec<bool>; 2], dim: usize) -> Option<f64> {
    let part = |rows: &[f64], of: &[bool], second: bool| -> Vec<f64> {
        let rows = rows.chunks_exact(dim).zip(of);
        rows.filter(|(_, half)| **half == second)
            .flat_map(|(row, _)| row)
            .copied()
            .collect()
    };
    let half = |second| [part(x, &halves[0], second), part(z, &halves[1], second)];
    let ([a, b], [c, d]) = (half(false), half(true));
    let probe = Probe::fit(&a, &b, dim)?;
    (!c.is_empty() && !d.is_empty()).then(|| probe.accuracy(&c, &d))
}

/// Linear CKA of the pairs, centred: ‖Σxz‖²/(‖Σx‖‖Σz‖), Frobenius norms; from unbiased estimates of the squares, and from
/// plug-in ones, which grow to one as rows become few.
pub(super) fn cka(
    sides: &Sides<'_>,
    [x, z]: [&Covariance; 2],
    sample: Sample,
    control: &Control,
) -> Result<[Option<f64>; 2], TaskError> {
    let means = [sides.moments(0).mean(), sides.moments(1).mean()];
    let dim = sides.source(0).dim;
    let mut cross = CrossCovariance::about(means[0], means[1]);
    // pairs of one group are not independent, so the unbiased estimate takes the first of each
    let mut first = (
        CrossCovariance::about(means[0], means[1]),
        means.map(Covariance::about),
    );
    let mut seen = HashSet::new();
    sides.each_pair(
        sample,
        control,
        "cross-covariance",
        |PairBlock { keys, left, right }| {
            control.pool().install(|| cross.accumulate(left, right));
            if !sides.grouped() {
                return;
            }
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for (i, key) in keys.iter().enumerate() {
                if seen.insert(*key) {
                    a.extend_from_slice(&left[i * dim..(i + 1) * dim]);
                    b.extend_from_slice(&right[i * dim..(i + 1) * dim]);
                }
            }
            let (cross, [x, z]) = &mut first;
            control.pool().install(|| {
                cross.accumulate(&a, &b);
                x.accumulate(&a);
                z.accumulate(&b);
            });
        },
    )?;
    let ratio = |square: f64, norms: [f64; 2]| {
        let [a, b] = norms;
        (a > 0.0 && b > 0.0 && square.is_finite()).then(|| square / (a * b).sqrt())
    };
    let (independent, [u, v]) = if sides.grouped() {
        (&first.0, [&first.1[0], &first.1[1]])
    } else {
        (&cross, [x, z])
    };
    let unbiased = ratio(
        independent.unbiased_square(),
        [u.unbiased_square(), v.unbiased_square()],
    );
    Ok([
        unbiased.filter(|_| u.rows() >= CKA_ROWS),
        ratio(
            cross.matrix().squared_norm_l2(),
            [x.product_trace(x), z.product_trace(z)],
        ),
    ])
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
            .install(|| cosine_correlation(before.rows(), kept.text.rows(), dim))
    });
    Ok(PreservationReport {
        phi: sum / rows as f64,
        psi,
        omega,
    })
}
