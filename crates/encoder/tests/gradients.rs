//! The whole encoder: gradients through both towers and the loss, parts of a batch, threads, resumption.

mod common;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use common::{TINY, Watcher};
use modality_gap_encoder::data::{ImagePlace, Pair, Pictures, TRAIN};
use modality_gap_encoder::{
    DualEncoder, EncoderError, Model, Part, Tokens, TrainOptions, Vocabulary, contrast, train,
};
use modality_gap_nn::{Params, Rng, checkpoint_bytes, host, normal};

fn tokens(texts: &[&str]) -> Tokens {
    Vocabulary::of(["red car", "blue house tree", "sun"].into_iter())
        .tokens(texts.iter().copied(), TINY.tokens)
}

/// `images` first, then one text per image.
fn part(seed: u64, texts: &[&str]) -> Part {
    let shape = (texts.len() * TINY.patches(), TINY.patch_values());
    let patches = normal(shape, 1.0, DType::F64, &mut Rng::new(seed, 9)).unwrap();
    Part {
        patches,
        tokens: tokens(texts),
    }
}

/// Biases and norms away from 0 and 1, so that no gradient vanishes by symmetry.
fn model() -> Model {
    let model = Model::fresh(TINY, 7, 0.2, 3)
        .unwrap()
        .to_dtype(DType::F64)
        .unwrap();
    let mut rng = Rng::new(4, 4);
    let values = model.params().values().iter().map(|value| {
        let noise = normal(value.shape(), 0.05, DType::F64, &mut rng).unwrap();
        (value + noise).unwrap()
    });
    let values = values.collect();
    model.with_values(values)
}

fn flat(params: &Params) -> Vec<Vec<f64>> {
    params
        .values()
        .iter()
        .map(|value| host::<f64>(value).unwrap().to_vec())
        .collect()
}

/// Central differences of step 1e-5 are exact to about 1e-10 times the third derivative, which at a temperature of
/// 0.2 is of the order of a hundred.
#[test]
fn gradients_of_every_parameter_follow_finite_differences() {
    const STEP: f64 = 1e-5;
    let model = model();
    let parts = [part(1, &["red car", "blue house tree", "sun red", "tree"])];
    let found = contrast(&model, &parts).unwrap();
    for (index, name) in model.params().names().iter().enumerate() {
        let gradient = host::<f64>(&found.gradients[index]).unwrap();
        let count = gradient.len();
        for at in (0..count).step_by(count.div_ceil(12)) {
            let moved = [1.0, -1.0].map(|sign| {
                let mut values = flat(model.params());
                values[index][at] += sign * STEP;
                let tensors = values.into_iter().zip(model.params().values());
                let tensors =
                    tensors.map(|(v, like)| Tensor::from_vec(v, like.shape(), &Device::Cpu).unwrap());
                contrast(&model.with_values(tensors.collect()), &parts)
                    .unwrap()
                    .loss
                    .loss
            });
            let slope = (moved[0] - moved[1]) / (2.0 * STEP);
            assert!(
                (slope - gradient[at]).abs() < 1e-7 * (1.0 + slope.abs()),
                "{name}[{at}]: {} {slope}",
                gradient[at]
            );
        }
    }
}

#[test]
fn every_trainable_tensor_has_a_gradient_at_the_first_step() {
    let model = Model::fresh(TINY, 7, 0.01, 0).unwrap();
    let mut part = part(1, &["red car", "blue house tree", "sun red", "tree"]);
    part.patches = part.patches.to_dtype(DType::F32).unwrap();
    let found = contrast(&model, &[part]).unwrap();
    for (name, gradient) in model.params().names().iter().zip(&found.gradients) {
        let size: f32 = host::<f32>(gradient).unwrap().iter().map(|g| g.abs()).sum();
        assert!(size.is_finite() && size > 0.0, "{name}: {size}");
    }
}

/// f64 rounding of sums in another order.
#[test]
fn a_batch_in_parts_has_the_gradients_of_the_whole() {
    let model = model();
    let texts = ["red car", "blue house tree", "sun red", "tree"];
    let whole = part(1, &texts);
    let rows = 2 * TINY.patches();
    let halves = [0, 1].map(|half| Part {
        patches: whole.patches.narrow(0, half * rows, rows).unwrap(),
        tokens: tokens(&texts[half * 2..half * 2 + 2]),
    });
    let (one, two) = (
        contrast(&model, &[whole]).unwrap(),
        contrast(&model, &halves).unwrap(),
    );
    assert!((one.loss.loss - two.loss.loss).abs() < 1e-14);
    for (name, (a, b)) in model
        .params()
        .names()
        .iter()
        .zip(one.gradients.iter().zip(&two.gradients))
    {
        for (a, b) in host::<f64>(a).unwrap().iter().zip(&*host::<f64>(b).unwrap()) {
            assert!((a - b).abs() < 1e-13 * (1.0 + a.abs()), "{name}: {a} {b}");
        }
    }
}

/// Twelve one-coloured pictures, each with the name of its colour.
fn coloured(folder: &Path) -> Vec<Pair> {
    let pairs = (0..12_u8).map(|i| {
        let file = folder.join(format!("{i}.png"));
        image::RgbImage::from_pixel(8, 8, image::Rgb([i * 20, 255 - i * 20, i.pow(2)]))
            .save(&file)
            .unwrap();
        let (image, captions) = (ImagePlace::File(file), vec![format!("colour number{i}")]);
        Pair {
            image,
            captions,
            split: TRAIN.to_owned(),
            fields: serde_json::Map::new(),
        }
    });
    pairs.collect()
}

fn options() -> TrainOptions {
    TrainOptions {
        model: TINY,
        steps: Some(10),
        batch_size: 5,
        probe_every: 4,
        probe_rows: 3,
        ..TrainOptions::default()
    }
}

fn trained(pairs: &[Pair], options: &TrainOptions, folder: Option<&Path>, watcher: &mut Watcher) -> Vec<f32> {
    let pictures = Pictures::open(pairs.iter().collect(), 8).unwrap();
    let encoder = train(
        options,
        &pictures,
        &pictures,
        folder,
        folder.is_some_and(|f| f.join("checkpoint.safetensors").exists()),
        watcher,
    );
    match encoder {
        Ok(encoder) => encoder
            .model()
            .params()
            .values()
            .iter()
            .flat_map(|v| host::<f32>(v).unwrap().to_vec())
            .collect(),
        Err(EncoderError::Cancelled) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn training_has_the_same_bits_for_any_threads_and_any_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = coloured(folder.path());
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| trained(&pairs, &options(), None, &mut Watcher::default()))
    };
    let whole = run(1);
    assert_eq!(whole, run(3));
    let mut first = Watcher {
        stop_after: Some(5),
        ..Watcher::default()
    };
    assert!(trained(&pairs, &options(), Some(folder.path()), &mut first).is_empty());
    let mut second = Watcher::default();
    assert_eq!(
        trained(&pairs, &options(), Some(folder.path()), &mut second),
        whole
    );
    assert_eq!(
        second.steps.iter().map(|step| step.step).collect::<Vec<_>>(),
        [6, 7, 8, 9, 10]
    );
}

#[test]
fn probes_come_at_their_cadence_with_gradients_of_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::default();
    trained(&coloured(folder.path()), &options(), None, &mut watcher);
    assert_eq!(
        watcher.probes.iter().map(|probe| probe.step).collect::<Vec<_>>(),
        [0, 4, 8]
    );
    for probe in &watcher.probes {
        assert_eq!((probe.image.len(), probe.text.len()), (3 * 6, 3 * 6));
        assert_eq!((probe.grad_image.len(), probe.batch_text.len()), (5 * 6, 5 * 6));
        for row in probe.image.chunks_exact(6) {
            assert!((row.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5);
        }
        assert!(probe.grad_text.iter().any(|&g| g != 0.0));
    }
}

#[test]
fn an_unreadable_image_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut pairs = coloured(folder.path());
    let bad: PathBuf = folder.path().join("7.png");
    std::fs::write(&bad, b"no picture").unwrap();
    let error = Pictures::open(pairs.iter().collect(), 8).unwrap_err();
    assert_eq!((error.code(), error.file()), ("BAD_IMAGE", Some(bad.as_path())));
    pairs[7].image = ImagePlace::File(folder.path().join("gone.png"));
    assert_eq!(
        Pictures::open(pairs.iter().collect(), 8).unwrap_err().code(),
        "NOT_FOUND"
    );
}

/// Shapes of a file are compared with what it holds before anything is allocated for them.
#[test]
fn an_encoder_file_that_promises_more_or_holds_no_numbers_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("encoder.safetensors");
    let vocabulary = Vocabulary::of(["red car"].into_iter());
    let model = Model::fresh(TINY, vocabulary.len(), 0.1, 0).unwrap();
    let save = |params: &Params, model: serde_json::Value| {
        let state = serde_json::json!({ "model": model, "vocabulary": &vocabulary });
        std::fs::write(&file, checkpoint_bytes(params, None, &state).unwrap()).unwrap();
        DualEncoder::load(&file).map(|_| ())
    };
    let good = serde_json::to_value(TINY).unwrap();
    save(model.params(), good.clone()).unwrap();
    for (key, value, said) in [
        ("dim", serde_json::json!(7), "its shapes want"),
        ("dim", serde_json::json!(1_000_000_000), "at most 16384"),
        ("patch", serde_json::json!(0), "not a multiple of patch 0"),
        (
            "image",
            serde_json::json!({ "width": 16_384, "layers": 16_384, "heads": 1 }),
            "its shapes want",
        ),
        (
            "text",
            serde_json::json!({ "width": 8, "layers": 2, "heads": 3 }),
            "not a multiple of 3 heads",
        ),
    ] {
        let mut shapes = good.clone();
        shapes[key] = value;
        let error = save(model.params(), shapes).unwrap_err();
        assert_eq!(error.code(), "BAD_MODEL", "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    let mut params = model.params().clone();
    let values = params.values().to_vec();
    params.replace(
        values
            .iter()
            .map(|value| value.affine(f64::INFINITY, 0.0).unwrap())
            .collect(),
    );
    let error = save(&params, good).unwrap_err();
    assert_eq!(error.code(), "BAD_MODEL");
    assert!(error.to_string().contains("not finite"), "{error}");
}
