//! Chance levels of probe pairs that share items, on populations whose truth is known.

use modality_gap_geometry::tracker::{GroupedBy, PairGroups, Record};
use modality_gap_geometry::{Items, Tracker, TrackerOptions, mix};

use super::{DIM, options, push};

/// Captions of an image.
const EACH: usize = 5;

/// Normal numbers from a seed (Box and Muller 1958).
struct Normal(u64);

impl Normal {
    fn next(&mut self) -> f64 {
        let mut uniform = || {
            self.0 = mix(self.0);
            ((self.0 >> 11) as f64 + 0.5) * 2.0_f64.powi(-53)
        };
        let radius = (-2.0 * uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * uniform()).cos()
    }

    fn row(&mut self) -> Vec<f64> {
        (0..DIM).map(|_| self.next()).collect()
    }
}

/// Isotropic images and texts with one mean; the captions of an image have `common` of their variance in common.
fn captions(normal: &mut Normal, items: usize, common: f64) -> [Vec<f64>; 2] {
    let mut sides = [Vec::new(), Vec::new()];
    let mut put = |side: usize, spread: &[f64]| {
        let row: Vec<f64> = spread
            .iter()
            .enumerate()
            .map(|(k, v)| 0.15 * v + f64::from(u8::from(k == 0)))
            .collect();
        sides[side].extend(row);
    };
    for _ in 0..items {
        let (image, shared) = (normal.row(), normal.row());
        for _ in 0..EACH {
            let own = normal.row();
            let text: Vec<f64> = shared
                .iter()
                .zip(&own)
                .map(|(a, b)| common.sqrt() * a + (1.0 - common).sqrt() * b)
                .collect();
            put(0, &image);
            put(1, &text);
        }
    }
    sides
}

fn grouped(items: usize) -> Option<PairGroups> {
    let keys: Vec<u32> = (0..items as u32).flat_map(|item| [item; EACH]).collect();
    PairGroups::new(GroupedBy::Ids, &keys, Items::Groups).unwrap()
}

/// A step of `items` images in the frame that another sample has made; `seed` is that of the isotropic sample.
fn step(normal: &mut Normal, items: usize, groups: Option<PairGroups>, seed: u64) -> Record {
    let options = TrackerOptions {
        seed: Some(seed),
        ..options(0)
    };
    let mut tracker = Tracker::new(options).unwrap().grouped(groups).unwrap();
    let [first, second] = [(); 2].map(|()| captions(normal, items, 0.4));
    push(&mut tracker, (0, &first[0], &first[1]), &[]);
    push(&mut tracker, (1, &second[0], &second[1]), &[])
}

fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, (square / n).sqrt())
}

/// ln κ of isotropic residuals less that of the isotropic sample: zero on average within four standard errors, where a sample of
/// independent pairs is far off.
#[test]
fn isotropic_captions_look_like_their_isotropic_sample() {
    let mut normal = Normal(17);
    let mut off = |groups: Option<PairGroups>| {
        let differences: Vec<f64> = (0..120_u64)
            .map(|seed| {
                let record = step(&mut normal, 40, groups.clone(), seed);
                record.u.kappa.ln() - record.u.isotropic.kappa.ln()
            })
            .collect();
        mean(&differences)
    };
    let (by_items, error) = off(grouped(40));
    let (by_pairs, _) = off(None);
    assert!(by_pairs > 0.2, "{by_pairs}");
    assert!(by_items.abs() < 4.0 * error, "{by_items} {error}");
}

/// Without a gap the tangential drift is noise, and its root mean square that of the items, within a tenth: 200 samples of 300 items in
/// 16 columns. Of fewer items it is too large by a share of d/G, the noise of what is itself noise.
#[test]
fn the_noise_of_the_drift_is_that_of_items() {
    let mut normal = Normal(23);
    let mut squares = [0.0; 3];
    for _ in 0..200 {
        let [x, y] = captions(&mut normal, 300, 0.8);
        let record = |groups| {
            let mut tracker = Tracker::new(options(0)).unwrap().grouped(groups).unwrap();
            push(&mut tracker, (0, &x, &y), &[]).phantom_drift
        };
        let (items, pairs) = (record(grouped(300)), record(None));
        squares[0] += items.tangential.powi(2);
        squares[1] += items.noise.powi(2);
        squares[2] += pairs.noise.powi(2);
    }
    let [drift, items, pairs] = squares.map(f64::sqrt);
    assert!((items / drift - 1.0).abs() < 0.1, "{items} {drift}");
    assert!(pairs < 0.75 * drift, "{pairs} {drift}");
}

/// Directions in V of pairs that are spread evenly have no mean, whatever items share.
#[test]
fn even_directions_of_items_have_no_mean() {
    let mut normal = Normal(31);
    let squares = [grouped(30), None].map(|groups| {
        let all: Vec<f64> = (0..150)
            .map(|seed| {
                step(&mut normal, 30, groups.clone(), seed)
                    .v
                    .resultant
                    .unwrap()
                    .powi(2)
            })
            .collect();
        mean(&all).0
    });
    assert!(squares[0] < 0.5 * squares[1], "{squares:?}");
}
