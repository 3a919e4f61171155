//! Every operation's gradient against central differences in f64, and f32 against f64.

mod common;

use std::sync::Arc;

use candle_core::{DType, Tensor};
use modality_gap_nn::ops::{self, Activation, Attention};
use modality_gap_nn::{Tape, Var, host};

use common::{BOUND, STEP, check, row, values};

#[test]
fn linear() {
    check(&[values(1, (5, 3)), values(2, (4, 3)), row(3, 4)], &|tape, v| {
        ops::linear(tape, &v[0], &v[1], Some(&v[2]))
    });
    check(&[values(1, (5, 3)), values(2, (4, 3))], &|tape, v| {
        ops::linear(tape, &v[0], &v[1], None)
    });
}

#[test]
fn activations() {
    for kind in [Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu] {
        check(&[values(4, (7, 5))], &|tape, v| {
            ops::activation(tape, &v[0], kind)
        });
    }
}

/// 37 columns are two whole groups of lanes and a rest.
#[test]
fn layer_norm() {
    let inputs = [values(5, (6, 37)), row(6, 37), row(7, 37)];
    check(&inputs, &|tape, v| {
        ops::layer_norm(tape, &v[0], &v[1], &v[2], 1e-5)
    });
}

#[test]
fn softmax() {
    check(&[values(8, (4, 19))], &|tape, v| ops::softmax(tape, &v[0]));
}

#[test]
fn attention_with_and_without_padding_and_causality() {
    for (lengths, causal) in [
        (None, false),
        (Some(vec![3_usize, 5]), false),
        (Some(vec![5, 2]), true),
    ] {
        let how = Attention {
            heads: 2,
            tokens: 5,
            lengths: lengths.map(Arc::from),
            causal,
        };
        check(&[values(9, (10, 24))], &|tape, v| {
            ops::attention(tape, &v[0], &how)
        });
    }
}

#[test]
fn embedding_with_repeated_rows_and_positions() {
    let ids: Arc<[u32]> = Arc::from([2, 0, 2, 1, 2, 0]);
    check(&[values(10, (3, 4)), values(11, (4, 4))], &|tape, v| {
        let tokens = ops::embedding(tape, &v[0], &ids)?;
        ops::add_positions(tape, &tokens, &v[1], 3)
    });
}

#[test]
fn pooling_and_the_way_onto_the_sphere() {
    let lengths: Arc<[usize]> = Arc::from([2, 3]);
    check(&[values(12, (6, 4))], &|tape, v| {
        let pooled = ops::mean_pool(tape, &v[0], 3, Some(&lengths))?;
        ops::l2_normalize(tape, &pooled)
    });
}

#[test]
fn cross_entropy_with_rows_left_out() {
    let targets: Arc<[Option<u32>]> = Arc::from([Some(1), None, Some(0)]);
    check(&[values(13, (3, 4))], &|tape, v| {
        ops::cross_entropy(tape, &v[0], &targets, 0.5)
    });
}

/// A value that is used twice collects both gradients.
#[test]
fn a_residual_path() {
    check(&[values(14, (3, 4)), values(15, (4, 4))], &|tape, v| {
        let moved = ops::linear(tape, &v[0], &v[1], None)?;
        ops::add(tape, &v[0], &moved)
    });
}

#[test]
fn the_contrastive_loss() {
    let (image, text) = (values(16, (5, 6)), values(17, (5, 6)));
    let at = |image: &Tensor, text: &Tensor, scale: f64| ops::info_nce(image, text, scale).unwrap();
    let found = at(&image, &text, 0.7);
    let slope = (at(&image, &text, 0.7 + STEP).loss - at(&image, &text, 0.7 - STEP).loss) / (2.0 * STEP);
    assert!((found.log_scale - slope).abs() < BOUND);
    for (side, gradient) in [(0, &found.image), (1, &found.text)] {
        let gradient = host::<f64>(gradient).unwrap();
        for index in 0..30 {
            let moved = [1.0, -1.0].map(|sign| {
                let mut sides = [&image, &text].map(|side| host::<f64>(side).unwrap().to_vec());
                sides[side][index] += sign * STEP;
                let [image, text] = sides.map(|v| Tensor::from_vec(v, (5, 6), image.device()).unwrap());
                at(&image, &text, 0.7).loss
            });
            let slope = (moved[0] - moved[1]) / (2.0 * STEP);
            assert!(
                (slope - gradient[index]).abs() < BOUND,
                "side {side} value {index}"
            );
        }
    }
}

#[test]
fn nothing_is_computed_for_a_frozen_operand() {
    let mut tape = Tape::new();
    let (x, weight) = (tape.leaf(values(1, (5, 3))), Var::constant(values(2, (4, 3))));
    let out = ops::linear(&mut tape, &x, &weight, None).unwrap();
    let mut gradients = tape.backward(&[(&out, values(3, (5, 4)))]).unwrap();
    assert!(gradients.take(&x).is_some() && gradients.take(&weight).is_none());
    let frozen = ops::linear(&mut Tape::new(), &weight, &weight, None).unwrap();
    assert!(!frozen.tracked());
}

/// 300 rows, so that several blocks are summed. Logits here reach 30, and a softmax turns their rounding of 2e-6 into a
/// relative error; a few of those add up.
#[test]
fn f32_follows_f64_and_does_not_depend_on_the_threads() {
    let block = |inputs: &[Tensor]| {
        let mut tape = Tape::new();
        let v: Vec<Var> = inputs.iter().map(|input| tape.leaf(input.clone())).collect();
        let normal = ops::layer_norm(&mut tape, &v[0], &v[1], &v[2], 1e-5).unwrap();
        let qkv = ops::linear(&mut tape, &normal, &v[3], None).unwrap();
        let how = Attention {
            heads: 4,
            tokens: 10,
            lengths: None,
            causal: false,
        };
        let mixed = ops::attention(&mut tape, &qkv, &how).unwrap();
        let out = ops::gelu(&mut tape, &mixed).unwrap();
        let seed = values(99, (300, 32)).to_dtype(out.value().dtype()).unwrap();
        let mut gradients = tape.backward(&[(&out, seed)]).unwrap();
        v.iter().map(|v| gradients.take(v).unwrap()).collect::<Vec<_>>()
    };
    let wide = [values(1, (300, 32)), row(2, 32), row(3, 32), values(4, (96, 32))];
    let narrow = wide.clone().map(|t| t.to_dtype(DType::F32).unwrap());
    let run = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| block(&narrow))
    };
    let (one, three) = (run(1), run(3));
    for ((exact, one), three) in block(&wide).iter().zip(&one).zip(&three) {
        assert_eq!(
            host::<f32>(one).unwrap().to_vec(),
            host::<f32>(three).unwrap().to_vec()
        );
        let exact = host::<f64>(exact).unwrap();
        let size = exact.iter().map(|v| v * v).sum::<f64>().sqrt();
        let error = exact
            .iter()
            .zip(&*host::<f32>(one).unwrap())
            .map(|(a, &b)| (a - f64::from(b)).powi(2))
            .sum::<f64>();
        assert!(error.sqrt() < 2e-5 * size, "{} of {size}", error.sqrt());
    }
}
