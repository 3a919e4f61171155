//! Central differences in f64.
#![allow(dead_code, reason = "not every test file uses all of it")]

use candle_core::{DType, Tensor};
use modality_gap_nn::{Result, Rng, Tape, Var, host, normal};

pub type Operation<'a> = dyn Fn(&mut Tape, &[Var]) -> Result<Var> + 'a;

/// Differences of step h have an error of about h² + ε/h: 1e-10 at h = 1e-5; the rest of the bound is the slope's size.
pub const STEP: f64 = 1e-5;
pub const BOUND: f64 = 2e-8;

pub fn values(seed: u64, shape: (usize, usize)) -> Tensor {
    normal(shape, 1.0, DType::F64, &mut Rng::new(seed, 0)).unwrap()
}

pub fn row(seed: u64, width: usize) -> Tensor {
    values(seed, (1, width)).flatten_all().unwrap()
}

/// Σ of the result, each value with a weight of its own, so that no gradient cancels.
fn weighted(tape: &mut Tape, operation: &Operation<'_>, inputs: &[Tensor]) -> (f64, Var, Tensor, Vec<Var>) {
    let leaves: Vec<Var> = inputs.iter().map(|input| tape.leaf(input.clone())).collect();
    let out = operation(tape, &leaves).unwrap();
    let count = out.value().elem_count();
    let seed = row(99, count).reshape(out.value().shape()).unwrap();
    let total = host::<f64>(out.value())
        .unwrap()
        .iter()
        .zip(&*host::<f64>(&seed).unwrap())
        .map(|(a, b)| a * b)
        .sum();
    (total, out, seed, leaves)
}

pub fn check(inputs: &[Tensor], operation: &Operation<'_>) {
    let mut tape = Tape::new();
    let (_, out, seed, leaves) = weighted(&mut tape, operation, inputs);
    let mut gradients = tape.backward(&[(&out, seed)]).unwrap();
    for (which, (input, leaf)) in inputs.iter().zip(&leaves).enumerate() {
        let gradient = gradients.take(leaf).expect("a gradient");
        assert_eq!(gradient.shape(), input.shape());
        let gradient = host::<f64>(&gradient).unwrap().to_vec();
        let original = host::<f64>(input).unwrap().to_vec();
        for at in 0..original.len() {
            let mut moved = [0.0; 2];
            for (total, sign) in moved.iter_mut().zip([1.0, -1.0]) {
                let mut values = original.clone();
                values[at] += sign * STEP;
                let mut inputs = inputs.to_vec();
                inputs[which] = Tensor::from_vec(values, input.shape(), input.device()).unwrap();
                *total = weighted(&mut Tape::new(), operation, &inputs).0;
            }
            let slope = (moved[0] - moved[1]) / (2.0 * STEP);
            let error = (slope - gradient[at]).abs();
            assert!(
                error < BOUND * (1.0 + slope.abs()),
                "operand {which}, value {at}: {} for {slope}",
                gradient[at]
            );
        }
    }
}
