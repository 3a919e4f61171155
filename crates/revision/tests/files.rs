//! Models as transformers and gguf wrote them, read again.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use modality_gap_revision::{ModelFiles, RevisionError, RopeScaling, weight_shapes};
use serde_json::Value;

mod material;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn all(files: &mut ModelFiles) -> Vec<(String, Tensor)> {
    let shapes = weight_shapes(files.config());
    let take = |(name, shape): (String, Vec<usize>)| {
        let tensor = files.take(&name, &shape).unwrap();
        (name, tensor)
    };
    shapes.into_iter().map(take).collect()
}

/// Sum, and sum weighted by position, in f64.
fn checksum(tensor: &Tensor) -> [f64; 2] {
    let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let values = || values.iter().map(|&value| f64::from(value));
    [
        values().sum(),
        values()
            .enumerate()
            .map(|(i, value)| value * (1 + i % 97) as f64)
            .sum(),
    ]
}

#[test]
fn configurations_are_what_transformers_was_given() {
    let config = |name: &str| ModelFiles::open(fixture(name)).unwrap().config().clone();
    let tied = config("llama-tied");
    assert_eq!(
        (tied.vocab, tied.hidden, tied.inner, tied.layers),
        (288, 16, 24, 2)
    );
    assert_eq!((tied.heads, tied.kv_heads, tied.head_dim), (4, 2, 4));
    assert_eq!(
        (tied.tied, tied.rope_theta, tied.norm_eps, tied.positions),
        (true, 1e4, 1e-5, 64)
    );
    let untied = config("llama-untied");
    assert_eq!(
        (untied.tied, untied.rope_scaling),
        (false, Some(RopeScaling::Linear { factor: 2.0 }))
    );
    let (qwen2, qwen3) = (config("qwen2"), config("qwen3"));
    assert_eq!((qwen2.qkv_bias, qwen2.qk_norm), (true, false));
    assert_eq!((qwen3.qkv_bias, qwen3.qk_norm, qwen3.head_dim), (false, true, 8));
    let scaling = RopeScaling::Llama3 {
        factor: 4.0,
        low: 1.0,
        high: 4.0,
        original: 32.0,
    };
    assert_eq!(config("llama3-rope").rope_scaling, Some(scaling));
}

/// One file or several, f32, f16 or bf16: the values are candle's of the same bytes.
#[test]
fn weights_of_a_folder_are_those_of_its_files() {
    for (name, files) in [
        ("llama-tied", &["model.safetensors"][..]),
        (
            "llama-untied",
            &[
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
            ],
        ),
        ("qwen2", &["model.safetensors"]),
    ] {
        let mut wanted = std::collections::HashMap::new();
        for file in files {
            wanted.extend(candle_core::safetensors::load(fixture(name).join(file), &Device::Cpu).unwrap());
        }
        let read = all(&mut ModelFiles::open(fixture(name)).unwrap());
        assert_eq!(read.len(), wanted.len());
        for (weight, tensor) in read {
            let same = wanted[&weight].to_dtype(candle_core::DType::F32).unwrap();
            assert_eq!(checksum(&tensor), checksum(&same), "{name} {weight}");
        }
    }
}

/// A GGUF file tells the same model as the folder it was made of.
#[test]
fn configurations_of_gguf_files_are_those_of_the_folders() {
    for (file, folder) in [
        ("wide-f16", "llama-wide"),
        ("wide-q4_1", "llama-wide"),
        ("qwen2-f16", "qwen2"),
        ("qwen3-bf16", "qwen3"),
        ("llama3-rope-f16", "llama3-rope"),
    ] {
        let gguf = ModelFiles::open(fixture(&format!("gguf/{file}.gguf"))).unwrap();
        let mut folder = ModelFiles::open(fixture(folder)).unwrap().config().clone();
        // an f32 in GGUF
        folder.norm_eps = f64::from(folder.norm_eps as f32);
        assert_eq!(gguf.config(), &folder, "{file}");
    }
}

/// Sums of the weights that gguf dequantised, in Hugging Face's order of rows; they are f64 sums of the same f32 values.
#[test]
fn weights_of_gguf_files_are_those_that_gguf_reads() {
    let text = std::fs::read_to_string(fixture("gguf/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    for (file, expected) in expected.as_object().unwrap() {
        let read = all(&mut ModelFiles::open(fixture(&format!("gguf/{file}.gguf"))).unwrap());
        assert_eq!(read.len(), expected["sums"].as_object().unwrap().len());
        for (name, tensor) in read {
            for (at, sum) in checksum(&tensor).into_iter().enumerate() {
                let wanted = expected["sums"][&name][at].as_f64().unwrap();
                assert!(
                    (sum - wanted).abs() <= 1e-9 * wanted.abs().max(1.0),
                    "{file} {name}: {sum} {wanted}"
                );
            }
        }
    }
}

/// Unquantised, file and folder hold the same values: rows of queries and keys are back in Hugging Face's order.
#[test]
fn an_f16_file_equals_its_folder_to_the_bit() {
    for (file, folder) in [
        ("wide-f16", "llama-wide"),
        ("qwen2-f16", "qwen2"),
        ("llama3-rope-f16", "llama3-rope"),
    ] {
        let gguf = all(&mut ModelFiles::open(fixture(&format!("gguf/{file}.gguf"))).unwrap());
        let folder = all(&mut ModelFiles::open(fixture(folder)).unwrap());
        for ((name, a), (_, b)) in gguf.into_iter().zip(folder) {
            let values = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values(a), values(b), "{file} {name}");
        }
    }
}

/// As transformers loads it, which dequantises with gguf.
#[test]
fn weights_of_smollm2_are_those_that_transformers_reads() {
    let text = std::fs::read_to_string(fixture("smollm2.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let mut files = ModelFiles::open(material::smollm2()).unwrap();
    let config = files.config().clone();
    assert_eq!(
        (config.hidden, config.heads, config.kv_heads, config.layers),
        (576, 9, 3, 30)
    );
    assert_eq!(
        (config.vocab, config.tied, config.rope_theta),
        (49_152, true, 1e5)
    );
    let shapes = weight_shapes(&config);
    for (name, sums) in expected["sums"].as_object().unwrap() {
        let (_, shape) = shapes.iter().find(|(known, _)| known == name).unwrap();
        let found = checksum(&files.take(name, shape).unwrap());
        for (at, sum) in found.into_iter().enumerate() {
            let wanted = sums[at].as_f64().unwrap();
            assert!(
                (sum - wanted).abs() <= 1e-9 * wanted.abs().max(1.0),
                "{name}: {sum} {wanted}"
            );
        }
    }
}

#[test]
fn ends_come_from_either_kind_of_file() {
    for name in ["llama-tied", "gguf/wide-f16.gguf"] {
        assert_eq!(ModelFiles::open(fixture(name)).unwrap().ends().unwrap(), [2]);
    }
}

#[test]
fn what_is_not_there_is_named() {
    let missing = ModelFiles::open(fixture("absent")).unwrap_err();
    assert!(matches!(missing, RevisionError::NotFound { .. }), "{missing}");
    let types = ModelFiles::open(fixture("gguf/types.gguf")).unwrap_err();
    assert_eq!(types.code(), "BAD_MODEL");
    assert!(
        types.to_string().contains("architecture none is not known"),
        "{types}"
    );
    let mut files = ModelFiles::open(fixture("llama-tied")).unwrap();
    let missing = files
        .take("model.layers.2.mlp.up_proj.weight", &[24, 16])
        .unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("model.layers.2.mlp.up_proj.weight is missing"),
        "{missing}"
    );
    let shape = files.take("model.norm.weight", &[17]).unwrap_err();
    assert!(
        shape
            .to_string()
            .contains("model.norm.weight is [16], the model wants [17]"),
        "{shape}"
    );
}

/// A copy of a folder in which one file is changed.
fn changed(folder: &str, file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> RevisionError {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(folder)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let target = copy.path().join(file);
    match change(std::fs::read(&target).unwrap_or_default()) {
        Some(bytes) => std::fs::write(&target, bytes).unwrap(),
        None => std::fs::remove_file(&target).unwrap(),
    }
    ModelFiles::open(copy.path()).unwrap_err()
}

fn replaced(from: &'static str, to: &'static str) -> impl FnOnce(Vec<u8>) -> Option<Vec<u8>> {
    move |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(from), "{from}");
        Some(text.replace(from, to).into_bytes())
    }
}

/// Folders that contradict themselves, or reach beyond themselves: the file at fault and what is wrong with it.
#[test]
fn damaged_folders_are_refused_by_name() {
    let index = "model.safetensors.index.json";
    let first = "model-00001-of-00002.safetensors";
    let errors = [
        (
            changed("llama-tied", "config.json", |_| None),
            "config.json",
            "no such file",
        ),
        (
            changed("llama-tied", "config.json", |_| Some(b"{".to_vec())),
            "config.json",
            "EOF",
        ),
        (
            changed("llama-tied", "config.json", |_| Some(vec![0xff])),
            "config.json",
            "UTF-8",
        ),
        (
            changed("llama-tied", "model.safetensors", |_| None),
            "model.safetensors",
            "no such file",
        ),
        (
            changed(
                "llama-tied",
                "config.json",
                replaced("\"hidden_size\": 16", "\"hidden_size\": 32"),
            ),
            "model.safetensors",
            "[288, 16], the configuration says [288, 32]",
        ),
        (
            changed(
                "llama-tied",
                "config.json",
                replaced("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
            ),
            "model.safetensors",
            "model.layers.2.input_layernorm.weight is missing",
        ),
        (
            changed(
                "qwen2",
                "config.json",
                replaced("\"model_type\": \"qwen2\"", "\"model_type\": \"llama\""),
            ),
            "model.safetensors",
            "k_proj.bias has no place",
        ),
        (changed("llama-untied", first, |_| None), first, "no such file"),
        (
            changed("llama-untied", first, |bytes| Some(bytes[..900].to_vec())),
            first,
            "truncated",
        ),
        (
            changed("llama-untied", index, replaced(first, "../secret.safetensors")),
            index,
            "outside of its folder",
        ),
        (
            changed("llama-untied", index, replaced("weight_map", "map")),
            index,
            "no weight_map",
        ),
    ];
    for (error, file, said) in errors {
        let text = error.to_string();
        assert!(text.contains(file) && text.contains(said), "{said}: {text}");
    }
}
