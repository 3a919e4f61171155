//! The optimiser against its equations, and checkpoints against an uninterrupted run.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::{
    AdamW, AdamWOptions, Checkpoint, Group, NnError, Params, Rng, checkpoint_bytes, host, normal,
};

const DECAYED: Group = Group {
    weight_decay: 0.1,
    rate: 1.0,
};
const PLAIN: Group = Group {
    weight_decay: 0.0,
    rate: 0.5,
};

fn params() -> Params {
    let mut params = Params::default();
    let mut rng = Rng::new(1, 0);
    params.add("weight", normal((3, 2), 1.0, DType::F64, &mut rng).unwrap());
    params.add("bias", normal(2, 1.0, DType::F64, &mut rng).unwrap());
    params
}

fn gradients(step: u64) -> Vec<Tensor> {
    let mut rng = Rng::new(2, step);
    vec![
        normal((3, 2), 1.0, DType::F64, &mut rng).unwrap(),
        normal(2, 1.0, DType::F64, &mut rng).unwrap(),
    ]
}

fn all(params: &Params) -> Vec<f64> {
    params
        .values()
        .iter()
        .flat_map(|v| host::<f64>(v).unwrap().to_vec())
        .collect()
}

/// The published equations, one number after another; 1e-12 is rounding over twenty steps.
#[test]
fn twenty_updates_follow_the_equations() {
    let options = AdamWOptions {
        max_grad_norm: 1.0,
        ..AdamWOptions::default()
    };
    let mut found = params();
    let mut optimiser = AdamW::new(&found, vec![DECAYED, PLAIN], options).unwrap();
    let mut expected = all(&found);
    let (mut mean, mut square) = ([0.0; 8], [0.0; 8]);
    for step in 0..20 {
        let rate = 0.01 * (1.0 + step as f64);
        optimiser.update(&mut found, &gradients(step), rate).unwrap();
        let raw: Vec<f64> = gradients(step)
            .iter()
            .flat_map(|g| host::<f64>(g).unwrap().to_vec())
            .collect();
        let norm = raw.iter().map(|g| g * g).sum::<f64>().sqrt();
        for i in 0..8 {
            let (decay, rate) = if i < 6 { (0.1, rate) } else { (0.0, 0.5 * rate) };
            let gradient = raw[i] * (1.0 / (norm + 1e-6)).min(1.0);
            mean[i] = 0.9 * mean[i] + 0.1 * gradient;
            square[i] = 0.98 * square[i] + 0.02 * gradient * gradient;
            let (m, v) = (
                mean[i] / (1.0 - 0.9_f64.powi(step as i32 + 1)),
                square[i] / (1.0 - 0.98_f64.powi(step as i32 + 1)),
            );
            expected[i] -= rate * (decay * expected[i] + m / (v.sqrt() + 1e-6));
        }
    }
    for (found, expected) in all(&found).iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

/// Two groups with rates and decays of their own; gradients longer than the bound, shorter than it, and without one.
/// `fixtures/make_adamw.py`; both compute in f64, 1e-14 is the rounding of six updates of values up to three.
#[test]
fn groups_and_clipping_are_those_of_pytorch() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adamw.safetensors");
    let golden = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let groups = [(1.0, 0.1), (0.25, 0.4)].map(|(rate, weight_decay)| Group { weight_decay, rate });
    for (case, bound, factor) in [("long", 1.0, 1.0), ("short", 1.0, 0.02), ("unbounded", 0.0, 1.0)] {
        let mut found = Params::default();
        for i in 0..2 {
            found.add(format!("{i}"), golden[&format!("value.{i}")].clone());
        }
        let options = AdamWOptions {
            max_grad_norm: bound,
            ..AdamWOptions::default()
        };
        let mut optimiser = AdamW::new(&found, groups.to_vec(), options).unwrap();
        let norms = host::<f64>(&golden[&format!("{case}.norm")]).unwrap().to_vec();
        for (step, expected) in norms.iter().enumerate() {
            let gradients = [0, 1].map(|i| (&golden[&format!("gradient.{i}.{step}")] * factor).unwrap());
            let norm = optimiser.update(&mut found, &gradients, 0.02).unwrap();
            assert!((norm - expected).abs() < 1e-14, "{case}: {norm} {expected}");
        }
        for (i, value) in found.values().iter().enumerate() {
            let expected = host::<f64>(&golden[&format!("{case}.{i}")]).unwrap().to_vec();
            for (found, expected) in host::<f64>(value).unwrap().iter().zip(expected) {
                assert!((found - expected).abs() < 1e-14, "{case}.{i}: {found} {expected}");
            }
        }
    }
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    let fresh = |params: &Params| AdamW::new(params, vec![DECAYED, PLAIN], AdamWOptions::default()).unwrap();
    let (mut found, mut expected) = (params(), params());
    let (mut tried, mut untried) = (fresh(&found), fresh(&expected));
    let mut bad = gradients(0);
    bad[1] = (&bad[1] * f64::NAN).unwrap();
    assert!(!tried.update(&mut found, &bad, 0.01).unwrap().is_finite());
    assert_eq!(tried.updates(), 0);
    assert_eq!(all(&found), all(&expected));
    for step in 0..2 {
        tried.update(&mut found, &gradients(step), 0.01).unwrap();
        untried.update(&mut expected, &gradients(step), 0.01).unwrap();
    }
    assert_eq!(all(&found), all(&expected));
}

#[test]
fn ten_updates_equal_five_and_five_after_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checkpoint.safetensors");
    let fresh = |params: &Params| AdamW::new(params, vec![DECAYED, PLAIN], AdamWOptions::default()).unwrap();
    let mut whole = params();
    let mut optimiser = fresh(&whole);
    for step in 0..10 {
        if step == 5 {
            std::fs::write(
                &file,
                checkpoint_bytes(&whole, Some(&optimiser), &"five").unwrap(),
            )
            .unwrap();
        }
        optimiser.update(&mut whole, &gradients(step), 0.01).unwrap();
    }
    let mut resumed = params();
    let mut optimiser = fresh(&resumed);
    let mut checkpoint = Checkpoint::read(&file).unwrap();
    assert_eq!(checkpoint.state::<String>().unwrap(), "five");
    checkpoint.restore_params(&mut resumed).unwrap();
    checkpoint.restore_optimiser(&resumed, &mut optimiser).unwrap();
    for step in 5..10 {
        optimiser.update(&mut resumed, &gradients(step), 0.01).unwrap();
    }
    assert_eq!(all(&resumed), all(&whole));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn a_checkpoint_of_another_model_or_cut_short_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checkpoint.safetensors");
    std::fs::write(&file, checkpoint_bytes(&params(), None, &0).unwrap()).unwrap();
    let mut other = Params::default();
    other.add("weight", Tensor::zeros((2, 2), DType::F64, &Device::Cpu).unwrap());
    let error = Checkpoint::read(&file)
        .unwrap()
        .restore_params(&mut other)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("param.weight is [3, 2], the model has [2, 2]"),
        "{error}"
    );
    let error = Checkpoint::read(&file).unwrap().restore_optimiser(
        &params(),
        &mut AdamW::new(&params(), vec![PLAIN; 2], AdamWOptions::default()).unwrap(),
    );
    assert!(matches!(error, Err(NnError::BadCheckpoint { .. })));
    let whole = std::fs::read(&file).unwrap();
    for cut in [0, 7, 40, whole.len() - 1] {
        std::fs::write(&file, &whole[..cut]).unwrap();
        assert!(
            matches!(Checkpoint::read(&file), Err(NnError::BadCheckpoint { .. })),
            "{cut} bytes"
        );
    }
}
