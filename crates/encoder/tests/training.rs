//! What a training's options do, against values computed by hand: decay by group, the bound of the temperature, changes by
//! chance.

mod common;

use std::path::Path;

use common::{TINY, Watcher};
use modality_gap_encoder::data::{ImagePlace, Pair, Pictures, TRAIN};
use modality_gap_encoder::{DualEncoder, Model, TrainOptions, train};
use modality_gap_nn::{Params, ScheduleKind, host};

const PAIRS: usize = 8;

/// Pictures that run from one colour to another, so that a shift and a scale change them, with `captions` each.
fn pairs(folder: &Path, captions: impl Fn(usize) -> Vec<String>) -> Vec<Pair> {
    let pairs = (0..PAIRS).map(|i| {
        let file = folder.join(format!("{i}.png"));
        let pixel = |x: u32, y: u32| {
            image::Rgb([
                (30 * x) as u8,
                (31 * i) as u8,
                (8 * (x + y) * (1 + i as u32 % 2)) as u8,
            ])
        };
        image::RgbImage::from_fn(8, 8, pixel).save(&file).unwrap();
        Pair {
            image: ImagePlace::File(file),
            captions: captions(i),
            split: TRAIN.to_owned(),
            fields: serde_json::Map::new(),
        }
    });
    pairs.collect()
}

/// One batch of all pairs in every epoch.
fn options() -> TrainOptions {
    TrainOptions {
        model: TINY,
        steps: Some(4),
        batch_size: PAIRS,
        warmup: 0.0,
        schedule: ScheduleKind::Constant,
        temperature: 0.2,
        ..TrainOptions::default()
    }
}

fn trained(pairs: &[Pair], options: &TrainOptions) -> (DualEncoder, Watcher) {
    let pictures = Pictures::open(pairs.iter().collect(), TINY.image_size).unwrap();
    let mut watcher = Watcher::default();
    let encoder = train(options, &pictures, &pictures, None, false, &mut watcher).unwrap();
    (encoder, watcher)
}

fn flat(params: &Params) -> Vec<Vec<f32>> {
    let values = params.values().iter();
    values.map(|value| host::<f32>(value).unwrap().to_vec()).collect()
}

/// Decoupled decay takes lr·wd of a value away whatever its gradient: of matrices, not of norms, biases, tables of words
/// and positions, and the temperature. f32 rounds values up to two to 1.2e-7.
#[test]
fn matrices_decay_by_rate_and_decay_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = pairs(folder.path(), |i| vec![format!("colour number{i}")]);
    let run = |weight_decay: f64| {
        let options = TrainOptions {
            steps: Some(1),
            learning_rate: 0.05,
            weight_decay,
            ..options()
        };
        trained(&pairs, &options).0
    };
    let (without, with) = (run(0.0), run(0.5));
    let words = 1 + PAIRS + 1;
    let fresh = Model::fresh(TINY, words, 0.2, options().seed).unwrap();
    let names = fresh.params().names();
    assert_eq!(with.model().params().names(), names);
    let mut decayed = Vec::new();
    for (((name, fresh), without), with) in names
        .iter()
        .zip(flat(fresh.params()))
        .zip(flat(without.model().params()))
        .zip(flat(with.model().params()))
    {
        if without == with {
            continue;
        }
        decayed.push(name.as_str());
        for ((fresh, without), with) in fresh.iter().zip(without).zip(with) {
            let taken = f64::from(without) - f64::from(with);
            let expected = 0.05 * 0.5 * f64::from(*fresh);
            assert!((taken - expected).abs() < 5e-7, "{name}: {taken} {expected}");
        }
    }
    let towers = ["image", "text"].map(|tower| {
        let blocks = (0..2).flat_map(|layer| ["qkv", "out", "up", "down"].map(|part| (layer, part)));
        let blocks = blocks.map(|(layer, part)| format!("{tower}.{layer}.{part}.weight"));
        blocks.chain([format!("{tower}.projection")]).collect::<Vec<_>>()
    });
    let mut expected = towers.concat();
    expected.push("image.patches.weight".to_owned());
    expected.sort_unstable();
    decayed.sort_unstable();
    assert_eq!(decayed, expected);
}

/// A rate of 0.02 moves the temperature's logarithm by about as much at each update, downwards once pairs are distinguished.
#[test]
fn the_temperature_stops_at_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = pairs(folder.path(), |i| vec![format!("colour number{i}")]);
    let run = |min_temperature: f64| {
        let options = TrainOptions {
            steps: Some(80),
            learning_rate: 0.02,
            temperature: 1.0,
            min_temperature,
            augment: false,
            ..options()
        };
        let (encoder, watcher) = trained(&pairs, &options);
        let found = watcher.steps.iter().map(|step| step.temperature);
        let found: Vec<f64> = found
            .chain([(-encoder.model().log_scale().unwrap()).exp()])
            .collect();
        found
    };
    let free = run(1e-6);
    assert!(free.iter().any(|&temperature| temperature < 0.6), "{free:?}");
    let bounded = run(0.7);
    assert_eq!(bounded[0], 1.0);
    let lowest = bounded.iter().copied().fold(f64::INFINITY, f64::min);
    // its logarithm is kept in f32
    assert!((lowest - 0.7).abs() < 1e-7, "{bounded:?}");
}

/// Embeddings of the batch in each of the first `epochs` epochs, by pairs of an image row and a text row. The rate is too
/// small to move a weight, so only chance differs between them.
fn epochs(pairs: &[Pair], augment: bool) -> Vec<Vec<(Vec<f32>, Vec<f32>)>> {
    let options = TrainOptions {
        learning_rate: 1e-30,
        weight_decay: 0.0,
        probe_every: 1,
        augment,
        ..options()
    };
    let rows = |values: &[f32]| -> Vec<Vec<f32>> { values.chunks(TINY.dim).map(<[f32]>::to_vec).collect() };
    let probes = trained(pairs, &options).1.probes;
    let both = probes
        .iter()
        .map(|probe| rows(&probe.batch_image).into_iter().zip(rows(&probe.batch_text)));
    both.map(Iterator::collect).collect()
}

/// Eight pairs have 40,320 orders; that two of four epochs agree by chance comes in one of 6,720 seeds.
#[test]
fn every_epoch_has_all_pairs_in_an_order_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = pairs(folder.path(), |i| vec![format!("colour number{i}")]);
    let epochs = epochs(&pairs, false);
    let place = |text: &[f32]| epochs[0].iter().position(|(_, first)| near(text, first));
    let orders: Vec<Vec<usize>> = epochs
        .iter()
        .map(|epoch| {
            epoch
                .iter()
                .map(|(_, text)| place(text).expect("a pair"))
                .collect()
        })
        .collect();
    for (i, order) in orders.iter().enumerate() {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..PAIRS).collect::<Vec<_>>());
        assert!(!orders[..i].contains(order), "{orders:?}");
    }
}

fn near(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
}

#[test]
fn a_picture_changes_from_epoch_to_epoch_and_only_where_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = pairs(folder.path(), |i| vec![format!("colour number{i}")]);
    for augment in [true, false] {
        let epochs = epochs(&pairs, augment);
        for (i, first) in epochs.iter().enumerate() {
            for second in &epochs[..i] {
                for (image, text) in first {
                    let (other, _) = second
                        .iter()
                        .find(|(_, other)| near(text, other))
                        .expect("one caption per picture");
                    assert_eq!(near(image, other), !augment);
                }
            }
        }
    }
}

/// Of five captions one is drawn for each picture and epoch: with eight pictures and four epochs all draws are the same by
/// chance in one of 5^24 cases.
#[test]
fn captions_are_drawn_anew_in_every_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = pairs(folder.path(), |i| {
        (0..5).map(|k| format!("picture{i} caption{k}")).collect()
    });
    let epochs = epochs(&pairs, false);
    let changed = epochs[0].iter().filter(|(image, text)| {
        epochs[1..].iter().any(|epoch| {
            let (_, other) = epoch
                .iter()
                .find(|(other, _)| near(image, other))
                .expect("the same picture");
            !near(text, other)
        })
    });
    // a picture keeps its caption through four epochs in one of 125 cases
    assert!(changed.count() >= PAIRS - 2);
}
