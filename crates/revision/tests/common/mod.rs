//! Tiny models with golden values, and batches of them.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::{Params, Real, Rng, host, normal};
use modality_gap_revision::{
    Batch, Keep, Lm, LmConfig, Projector, ProjectorConfig, Result, RopeScaling, StepOptions, Tuning, Weights,
};

pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

pub fn tensors(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(fixture(name), &Device::Cpu).unwrap()
}

pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    flat.to_vec1().unwrap()
}

pub fn integers(tensor: &Tensor) -> Vec<i64> {
    tensor.to_vec1().unwrap()
}

pub fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

pub fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |most, v| most.max(v.abs()))
}

/// A tiny model's shapes.
pub fn config(name: &str) -> LmConfig {
    let small = LmConfig {
        model_type: "llama".to_owned(),
        vocab: 288,
        hidden: 16,
        inner: 24,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 4,
        rope_theta: 10_000.0,
        rope_scaling: None,
        norm_eps: 1e-5,
        tied: true,
        qkv_bias: false,
        qk_norm: false,
        positions: 64,
    };
    match name {
        "llama-tied" => small,
        "llama-untied" => LmConfig {
            tied: false,
            rope_scaling: Some(RopeScaling::Linear { factor: 2.0 }),
            ..small
        },
        "qwen2" => LmConfig {
            model_type: name.to_owned(),
            qkv_bias: true,
            ..small
        },
        "qwen3" => LmConfig {
            model_type: name.to_owned(),
            qk_norm: true,
            head_dim: 8,
            ..small
        },
        "llama3-rope" => LmConfig {
            heads: 2,
            kv_heads: 1,
            head_dim: 16,
            rope_scaling: Some(RopeScaling::Llama3 {
                factor: 4.0,
                low: 1.0,
                high: 4.0,
                original: 32.0,
            }),
            ..small
        },
        other => panic!("no model {other}"),
    }
}

pub const MODELS: [&str; 5] = ["llama-tied", "llama-untied", "qwen2", "qwen3", "llama3-rope"];

struct Stored(HashMap<String, Tensor>);

impl Weights for Stored {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let tensor = self.0[name].to_dtype(DType::F32)?;
        assert_eq!(tensor.dims(), shape, "{name}");
        Ok(tensor)
    }
}

pub fn load<T: Real>(name: &str, keep: Keep, tuning: Tuning, params: &mut Params) -> Lm<T> {
    let mut all = HashMap::new();
    for file in std::fs::read_dir(fixture(name)).unwrap() {
        let path = file.unwrap().path();
        let stored = path.file_name().unwrap().to_str().unwrap().starts_with("model");
        if stored && path.extension().is_some_and(|ending| ending == "safetensors") {
            all.extend(candle_core::safetensors::load(path, &Device::Cpu).unwrap());
        }
    }
    Lm::load(&config(name), &mut Stored(all), keep, tuning, params).unwrap()
}

/// A projector of `dim` columns to two different soft tokens of the tiny models' width.
pub fn projector(dim: usize, dtype: DType, params: &mut Params) -> Projector {
    let config = ProjectorConfig {
        kind: "mlp2x_gelu".to_owned(),
        dim,
        hidden: 16,
        tokens: 2,
        distinct: true,
        scale: 1.5,
    };
    Projector::fresh(&config, params, dtype, &mut Rng::new(1, 0)).unwrap()
}

pub fn identity() -> Projector {
    let config = ProjectorConfig {
        kind: "identity".to_owned(),
        dim: 16,
        hidden: 16,
        tokens: 1,
        distinct: false,
        scale: 1.0,
    };
    Projector::fresh(&config, &mut Params::default(), DType::F64, &mut Rng::new(1, 0)).unwrap()
}

/// Sequences of a constant beginning, two soft tokens and a caption that is to be predicted.
pub fn captions(dim: usize, dtype: DType, prompt: &[u32], captions: &[&[u32]]) -> Batch {
    let (mut rows, mut starts, mut asked, mut targets) = (Vec::new(), vec![0], Vec::new(), Vec::new());
    for (i, caption) in captions.iter().enumerate() {
        rows.extend(prompt.iter().map(|&id| (false, id)));
        rows.extend((0..2).map(|token| (true, 2 * i as u32 + token)));
        for &id in *caption {
            asked.push(rows.len() as u32 - 1);
            targets.push(id);
            rows.push((false, id));
        }
        starts.push(rows.len());
    }
    Batch {
        rows: rows.into(),
        starts: starts.into(),
        embeddings: normal((captions.len(), dim), 1.0, dtype, &mut Rng::new(2, 0)).unwrap(),
        asked: asked.into(),
        targets,
    }
}

/// Some of a batch's sequences as a batch of their own.
pub fn part(batch: &Batch, sequence: usize) -> Batch {
    let (from, to) = (batch.starts[sequence], batch.starts[sequence + 1]);
    let here = |row: u32| (from..to).contains(&(row as usize));
    let rows: Arc<[(bool, u32)]> = batch.rows[from..to]
        .iter()
        .map(|&(soft, id)| (soft, if soft { id - 2 * sequence as u32 } else { id }))
        .collect();
    let asked = batch
        .asked
        .iter()
        .zip(&batch.targets)
        .filter(|(row, _)| here(**row));
    let (asked, targets): (Vec<u32>, Vec<u32>) =
        asked.map(|(row, target)| (row - from as u32, *target)).unzip();
    Batch {
        rows,
        starts: Arc::from([0, to - from]),
        embeddings: batch.embeddings.narrow(0, sequence, 1).unwrap(),
        asked: asked.into(),
        targets,
    }
}

pub const STEP: StepOptions = StepOptions {
    weight: 0.1,
    keep_bytes: usize::MAX,
    dropout: 0.0,
    seed: 0,
    update: 0,
    rows_before: 0,
};

pub fn values<T: Real>(gradients: &[Option<Tensor>]) -> Vec<Vec<T>> {
    let some = gradients.iter().flatten();
    some.map(|gradient| host::<T>(gradient).unwrap().to_vec())
        .collect()
}
