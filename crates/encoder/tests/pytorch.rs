//! Against PyTorch: the loss and all gradients of the dual encoder, and rows of models as `transformers` computes them.

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use modality_gap_encoder::{Model, ModelConfig, Part, Pretrained, Tokens, TowerConfig, contrast};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn tensors(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(fixture(name), &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor
        .to_dtype(candle_core::DType::F64)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Both compute in f64; sums in another order differ by some 1e-16 of values up to ten.
#[test]
fn loss_and_gradients_are_those_of_pytorch() {
    let tower = TowerConfig {
        width: 8,
        layers: 2,
        heads: 2,
    };
    let config = ModelConfig {
        dim: 6,
        image_size: 8,
        patch: 4,
        image: tower,
        text: tower,
        tokens: 5,
    };
    let golden = tensors("dual.safetensors");
    let fresh = Model::fresh(config, 7, 0.2, 0).unwrap();
    let names = fresh.params().names().to_vec();
    let model = fresh.with_values(
        names
            .iter()
            .map(|name| golden[&format!("param.{name}")].clone())
            .collect(),
    );
    let numbers = |name: &str| -> Vec<i64> { golden[name].to_vec1().unwrap() };
    let tokens = Tokens {
        ids: numbers("ids")
            .into_iter()
            .map(|id| u32::try_from(id).unwrap())
            .collect(),
        lengths: numbers("lengths")
            .into_iter()
            .map(|length| usize::try_from(length).unwrap())
            .collect(),
        width: 5,
    };
    let found = contrast(
        &model,
        &[Part {
            patches: golden["pixels"].clone(),
            tokens,
        }],
    )
    .unwrap();
    assert!((found.loss.loss - values(&golden["loss"])[0]).abs() < 1e-13);
    let pairs = [
        ("image", &found.image),
        ("text", &found.text),
        ("grad_image", &found.loss.image),
        ("grad_text", &found.loss.text),
    ];
    for (name, tensor) in pairs {
        assert!(
            largest_difference(&values(tensor), &values(&golden[name])) < 1e-13,
            "{name}"
        );
    }
    for (name, gradient) in names.iter().zip(&found.gradients) {
        let expected = values(&golden[&format!("grad.{name}")]);
        assert!(largest_difference(&values(gradient), &expected) < 1e-12, "{name}");
    }
}

/// Both compute in f32, in sums of a few dozen values of order one.
#[test]
fn pretrained_rows_are_those_of_transformers() {
    for name in ["clip", "siglip", "bert"] {
        let encoder = Pretrained::open(&fixture(name)).unwrap();
        let golden = tensors(&format!("{name}/expected.safetensors"));
        let ids = [0, 1].map(|row| {
            let ids: Vec<i64> = golden[&format!("ids_{row}")].to_vec1().unwrap();
            ids.into_iter()
                .map(|id| u32::try_from(id).unwrap())
                .collect::<Vec<_>>()
        });
        let found: Vec<f64> = encoder
            .text_rows(&ids)
            .unwrap()
            .into_iter()
            .map(f64::from)
            .collect();
        let error = largest_difference(&found, &values(&golden["text"]));
        assert!(error < 2e-5, "{name} text: {error}");
        if let Some(pixels) = golden.get("pixels") {
            let pixels: Vec<f32> = pixels.flatten_all().unwrap().to_vec1().unwrap();
            let found: Vec<f64> = encoder
                .image_rows(&pixels)
                .unwrap()
                .into_iter()
                .map(f64::from)
                .collect();
            let error = largest_difference(&found, &values(&golden["image"]));
            assert!(error < 2e-5, "{name} image: {error}");
        }
    }
}

/// The tokenizer's file decides: words, lower case, a start and an end.
#[test]
fn texts_go_through_the_tokenizer_of_the_folder() {
    let encoder = Pretrained::open(&fixture("clip")).unwrap();
    let rows = encoder.texts(&["Red car", "blue"], None).unwrap();
    let expected = encoder.text_rows(&[vec![2, 3, 5, 7], vec![2, 4, 7]]).unwrap();
    for (row, expected) in rows.chunks_exact(6).zip(expected.chunks_exact(6)) {
        let length = expected.iter().map(|v| v * v).sum::<f32>().sqrt();
        for (value, expected) in row.iter().zip(expected) {
            assert!((value - expected / length).abs() < 1e-6);
        }
    }
}

#[test]
fn a_model_of_an_unknown_kind_or_with_a_missing_tensor_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(fixture("clip").join(file), folder.path().join(file)).unwrap();
    }
    let config = folder.path().join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    for (from, to, said) in [
        (
            "\"model_type\": \"clip\"",
            "\"model_type\": \"owl\"",
            "model_type owl is not known",
        ),
        (
            "\"projection_dim\": 6",
            "\"projection_dim\": 9",
            "visual_projection.weight is [6, 8], the configuration says [9, 8]",
        ),
        (
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 3",
            "layers.2.layer_norm1.weight is missing",
        ),
    ] {
        std::fs::write(&config, text.replace(from, to)).unwrap();
        let error = Pretrained::open(folder.path()).err().expect("refused");
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.code(), "BAD_MODEL");
    }
}
