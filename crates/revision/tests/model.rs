//! The language model against PyTorch, against finite differences, and against itself.

mod common;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use common::*;
use modality_gap_nn::Params;
use modality_gap_revision::{Batch, Keep, KvCache, Lm, StepOptions, Tuning};

/// The golden sequence: soft vectors in place of some embeddings; labels shifted by one inside.
fn golden(name: &str) -> (Batch, std::collections::HashMap<String, Tensor>) {
    let golden = tensors(&format!("{name}/expected.safetensors"));
    let (ids, labels) = (integers(&golden["ids"]), integers(&golden["labels"]));
    let soft_at: Vec<usize> = integers(&golden["soft_at"])
        .into_iter()
        .map(|at| usize::try_from(at).unwrap())
        .collect();
    let row = |(at, id): (usize, &i64)| match soft_at.iter().position(|&soft| soft == at) {
        Some(soft) => (true, soft as u32),
        None => (false, u32::try_from(*id).unwrap()),
    };
    let labelled = labels.iter().enumerate().filter(|(_, label)| **label >= 0);
    let (asked, targets): (Vec<u32>, Vec<u32>) = labelled
        .map(|(at, label)| (at as u32 - 1, u32::try_from(*label).unwrap()))
        .unzip();
    let batch = Batch {
        rows: ids.iter().enumerate().map(row).collect(),
        starts: Arc::from([0, ids.len()]),
        embeddings: golden["soft"].to_dtype(DType::F64).unwrap(),
        asked: asked.into(),
        targets,
    };
    (batch, golden)
}

/// Golden values were computed in f64 and stored as f32, so half an ulp of f32 is what they are good for.
#[test]
fn logits_loss_and_gradients_are_those_of_pytorch() {
    for name in MODELS {
        let mut params = Params::default();
        let lm: Lm<f64> = load(name, Keep::Dense, Tuning::Full, &mut params);
        let (batch, golden) = golden(name);
        let all = Batch {
            asked: (0..14).collect(),
            ..batch.clone()
        };
        let logits = lm
            .read(&params, &identity(), &all, &mut KvCache::empty(&lm, 1))
            .unwrap();
        let (found, expected) = (numbers(&logits), numbers(&golden["logits"]));
        assert!(
            largest_difference(&found, &expected) < 1e-7 * largest(&expected),
            "{name}"
        );

        let weight = 1.0 / batch.targets.len() as f64;
        let options = StepOptions { weight, ..STEP };
        let found = lm.learn(&params, &identity(), &batch, None, &options).unwrap();
        let loss = weight * found.losses.iter().sum::<f64>();
        assert!((loss - numbers(&golden["loss"])[0]).abs() < 1e-12, "{name}");
        for (fused, gradient) in params.names().iter().zip(&found.gradients) {
            let gradient = numbers(gradient.as_ref().expect(fused));
            let parts: Vec<String> = match fused.trim_start_matches("lm.") {
                plain if plain.contains("self_attn.qkv") => ["q_proj", "k_proj", "v_proj"]
                    .map(|part| plain.replace("qkv", part))
                    .to_vec(),
                plain if plain.contains("gate_up") => ["gate_proj", "up_proj"]
                    .map(|part| plain.replace("gate_up", part))
                    .to_vec(),
                plain => vec![plain.to_owned()],
            };
            let parts = parts
                .iter()
                .flat_map(|part| numbers(&golden[&format!("grad.{part}")]));
            let expected: Vec<f64> = parts.collect();
            let size = largest(&expected);
            assert!(size > 0.0, "{name}: {fused} has a gradient");
            assert!(
                largest_difference(&gradient, &expected) < 1e-7 * size,
                "{name}: {fused}"
            );
        }
    }
}

/// Central differences with h = 1e-5 in f64 err by h² and ε/h, about 1e-10 of the loss.
#[test]
fn gradients_through_projector_and_model_are_slopes() {
    for name in ["llama-tied", "qwen2", "qwen3"] {
        for tuning in [Tuning::Frozen, Tuning::Full] {
            let mut params = Params::default();
            let lm: Lm<f64> = load(name, Keep::Dense, tuning, &mut params);
            let projector = projector(5, DType::F64, &mut params);
            let batch = captions(5, DType::F64, &[7, 9], &[&[3, 4, 5], &[8], &[11, 2]]);
            let found = lm.learn(&params, &projector, &batch, None, &STEP).unwrap();
            for (index, gradient) in found.gradients.iter().enumerate() {
                let gradient = numbers(gradient.as_ref().unwrap());
                let shape = params.values()[index].shape().clone();
                for at in [0, gradient.len() / 2, gradient.len() - 1] {
                    let moved = [1e-5, -1e-5].map(|step| {
                        let mut values = numbers(&params.values()[index]);
                        values[at] += step;
                        let mut all = params.values().to_vec();
                        all[index] = Tensor::from_vec(values, shape.clone(), &Device::Cpu).unwrap();
                        let mut params = params.clone();
                        params.replace(all);
                        0.1 * lm
                            .losses(&params, &projector, &batch, None)
                            .unwrap()
                            .losses
                            .iter()
                            .sum::<f64>()
                    });
                    let slope = (moved[0] - moved[1]) / 2e-5;
                    let (name, found) = (&params.names()[index], gradient[at]);
                    assert!(
                        (slope - found).abs() < 1e-8 * (1.0 + slope.abs()),
                        "{name} {at}: {found} {slope}"
                    );
                }
            }
        }
    }
}

#[test]
fn nothing_is_computed_for_what_is_frozen() {
    let mut params = Params::default();
    let lm: Lm<f64> = load("qwen2", Keep::Dense, Tuning::Frozen, &mut params);
    let projector = projector(5, DType::F64, &mut params);
    assert!(
        params
            .names()
            .iter()
            .all(|name| name.starts_with("mm_projector."))
    );
    let batch = captions(5, DType::F64, &[7], &[&[3, 4]]);
    let found = lm.learn(&params, &projector, &batch, None, &STEP).unwrap();
    assert!(
        found
            .gradients
            .iter()
            .all(|gradient| largest(&numbers(gradient.as_ref().unwrap())) > 0.0)
    );
}

/// A block that is run again has the bits of the one that was kept.
#[test]
fn memory_changes_no_bit() {
    let mut params = Params::default();
    let lm: Lm<f32> = load("llama-tied", Keep::Bf16, Tuning::Frozen, &mut params);
    let projector = projector(5, DType::F32, &mut params);
    let batch = captions(5, DType::F32, &[7, 9], &[&[3, 4, 5], &[8]]);
    let with = |keep_bytes| {
        let options = StepOptions { keep_bytes, ..STEP };
        values::<f32>(
            &lm.learn(&params, &projector, &batch, None, &options)
                .unwrap()
                .gradients,
        )
    };
    assert_eq!(with(0), with(usize::MAX));
    assert_eq!(with(6_000), with(usize::MAX));
}

#[test]
fn threads_change_no_bit() {
    for keep in [Keep::Dense, Keep::F32, Keep::Bf16] {
        let mut params = Params::default();
        let lm: Lm<f32> = load("llama-untied", keep, Tuning::Frozen, &mut params);
        let projector = projector(5, DType::F32, &mut params);
        let long: Vec<u32> = (0..40).collect();
        let batch = captions(5, DType::F32, &[7, 9], &[&long, &[8], &long[3..], &[1, 2]]);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let found = pool.install(|| lm.learn(&params, &projector, &batch, None, &STEP).unwrap());
            (found.losses, values::<f32>(&found.gradients))
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(5));
    }
}

/// There is no padding, so a sequence has the same losses in company; gradients of parts add up but for the order of sums.
#[test]
fn a_batch_is_its_sequences() {
    let mut params = Params::default();
    let lm: Lm<f64> = load("qwen3", Keep::Dense, Tuning::Full, &mut params);
    let projector = projector(5, DType::F64, &mut params);
    let batch = captions(5, DType::F64, &[7, 9], &[&[3, 4, 5], &[8], &[11, 2, 6, 6, 1]]);
    let whole = lm.learn(&params, &projector, &batch, None, &STEP).unwrap();
    let parts: Vec<_> = (0..3)
        .map(|i| {
            lm.learn(&params, &projector, &part(&batch, i), None, &STEP)
                .unwrap()
        })
        .collect();
    let losses: Vec<f64> = parts.iter().flat_map(|found| found.losses.clone()).collect();
    assert!(largest_difference(&losses, &whole.losses) < 1e-13);
    for (index, gradient) in whole.gradients.iter().enumerate() {
        let gradient = numbers(gradient.as_ref().unwrap());
        let mut sum = vec![0.0; gradient.len()];
        for found in &parts {
            let part = numbers(found.gradients[index].as_ref().unwrap());
            sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        let size = largest(&gradient);
        assert!(
            largest_difference(&sum, &gradient) < 1e-12 * size.max(1.0),
            "{}",
            params.names()[index]
        );
    }
}

/// A remembered beginning changes what is computed, not what comes out.
#[test]
fn a_beginning_read_once_is_the_beginning() {
    for name in ["llama3-rope", "qwen3"] {
        let mut params = Params::default();
        let lm: Lm<f64> = load(name, Keep::Dense, Tuning::Frozen, &mut params);
        let projector = projector(5, DType::F64, &mut params);
        let (prompt, texts): (&[u32], [&[u32]; 2]) = (&[7, 9, 30, 12], [&[3, 4, 5], &[8]]);
        let whole = lm
            .learn(
                &params,
                &projector,
                &captions(5, DType::F64, prompt, &texts),
                None,
                &STEP,
            )
            .unwrap();
        let beginning = Batch {
            rows: prompt.iter().map(|&id| (false, id)).collect(),
            starts: Arc::from([0, prompt.len()]),
            embeddings: Tensor::zeros((0, 5), DType::F64, &Device::Cpu).unwrap(),
            asked: Arc::from([]),
            targets: Vec::new(),
        };
        let mut before = KvCache::empty(&lm, 1);
        lm.read(&params, &projector, &beginning, &mut before).unwrap();
        let rest = captions(5, DType::F64, &[], &texts);
        let found = lm
            .learn(&params, &projector, &rest, Some(&before), &STEP)
            .unwrap();
        assert!(largest_difference(&found.losses, &whole.losses) < 1e-12);
        for (a, b) in values::<f64>(&found.gradients)
            .iter()
            .zip(values::<f64>(&whole.gradients))
        {
            assert!(largest_difference(a, &b) < 1e-12);
        }
    }
}

/// Logits token by token, each after what is remembered, are those of the whole sequence.
#[test]
fn reading_in_steps_is_reading_at_once() {
    let mut params = Params::default();
    let lm: Lm<f64> = load("qwen2", Keep::Dense, Tuning::Frozen, &mut params);
    let (batch, _) = golden("qwen2");
    let all = Batch {
        asked: (0..14).collect(),
        ..batch.clone()
    };
    let whole = lm
        .read(&params, &identity(), &all, &mut KvCache::empty(&lm, 1))
        .unwrap();
    let whole = numbers(&whole);
    let mut before = KvCache::empty(&lm, 1);
    for at in 0..14 {
        let step = Batch {
            rows: Arc::from([batch.rows[at]]),
            starts: Arc::from([0, 1]),
            asked: Arc::from([0]),
            ..batch.clone()
        };
        let logits = numbers(&lm.read(&params, &identity(), &step, &mut before).unwrap());
        assert!(largest_difference(&logits, &whole[at * 288..(at + 1) * 288]) < 1e-12);
    }
    assert_eq!(before.len(0), 14);
}

/// Rounding weights and rows to bf16 errs by 2⁻⁹ each; through two blocks the logits stay within some percent.
#[test]
fn packed_logits_are_near_the_exact_ones() {
    for name in MODELS {
        let mut params = Params::default();
        let (batch, golden) = golden(name);
        let lm: Lm<f32> = load(name, Keep::Bf16, Tuning::Frozen, &mut params);
        let all = Batch {
            asked: (0..14).collect(),
            ..batch
        };
        let logits = lm
            .read(&params, &identity(), &all, &mut KvCache::empty(&lm, 1))
            .unwrap();
        let (found, expected) = (numbers(&logits), numbers(&golden["logits"]));
        let dot: f64 = found.iter().zip(&expected).map(|(a, b)| a * b).sum();
        let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
        assert!(dot / norm(&found) / norm(&expected) > 0.9998, "{name}");
    }
}
