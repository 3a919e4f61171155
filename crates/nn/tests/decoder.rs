//! Operations of a decoder: gradients, and laws that hold between ways to compute the same.

mod common;

use std::sync::Arc;

use candle_core::{DType, Tensor};
use common::{check, row, values};
use modality_gap_nn::ops::{self, Frozen, Head, Heads, Past, Rope, Sequences};
use modality_gap_nn::{Rng, Tape, Var, host, normal};

const HEADS: Heads = Heads {
    query: 4,
    key: 2,
    width: 6,
};

fn rope() -> Arc<Rope<f64>> {
    Arc::new(Rope::new(&[1.0, 0.3, 0.05], 16))
}

fn sequences(starts: &[usize]) -> Arc<Sequences<f64>> {
    Arc::new(Sequences {
        starts: Arc::from(starts),
        past: Vec::new(),
    })
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    host::<f64>(tensor).unwrap().to_vec()
}

fn floats(seed: u64, shape: (usize, usize)) -> Tensor {
    normal(shape, 1.0, DType::F32, &mut Rng::new(seed, 0)).unwrap()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn rms_norm_of_rows_and_of_heads() {
    check(&[values(1, (5, 37)), row(2, 37)], &|tape, v| {
        ops::rms_norm(tape, &v[0], &v[1], 1e-5)
    });
    check(&[values(3, (4, 12)), row(4, 6)], &|tape, v| {
        ops::rms_norm(tape, &v[0], &v[1], 1e-5)
    });
}

#[test]
fn swiglu() {
    check(&[values(5, (6, 14))], &|tape, v| ops::swiglu(tape, &v[0]));
}

#[test]
fn attention_of_sequences_of_any_length() {
    check(&[values(6, (7, HEADS.columns()))], &|tape, v| {
        ops::grouped_attention(tape, &v[0], HEADS, &rope(), &sequences(&[0, 1, 5, 7]))
    });
}

/// The gradient at new tokens alone; what came before is a constant.
#[test]
fn attention_with_a_past() {
    let mut past = [(); 2].map(|()| Arc::new(Past::new(HEADS)));
    ops::remember(
        &values(7, (4, HEADS.columns())),
        HEADS,
        &rope(),
        &[0, 3, 4],
        &mut past,
    )
    .unwrap();
    let how = Arc::new(Sequences {
        starts: Arc::from([0, 2, 5]),
        past: past.to_vec(),
    });
    check(&[values(8, (5, HEADS.columns()))], &|tape, v| {
        ops::grouped_attention(tape, &v[0], HEADS, &rope(), &how)
    });
}

#[test]
fn rows_of_two_tables() {
    let rows: Arc<[(bool, u32)]> = Arc::from([(false, 2), (true, 0), (true, 0), (false, 2), (true, 1)]);
    check(&[values(9, (3, 4)), values(10, (2, 4))], &|tape, v| {
        ops::assemble(tape, [&v[0], &v[1]], &rows)
    });
}

/// 70 rows are more than are held at a time.
#[test]
fn token_loss_with_a_head_that_learns_and_one_that_does_not() {
    let targets: Vec<u32> = (0..70).map(|i| i % 5).collect();
    check(&[values(11, (70, 3)), values(12, (5, 3))], &|tape, v| {
        Ok(ops::token_loss(tape, &v[0], &Head::Dense(&v[1]), &targets, 0.1)?.loss)
    });
    let head = Frozen::Dense(values(12, (5, 3)));
    check(&[values(11, (70, 3))], &|tape, v| {
        Ok(ops::token_loss(tape, &v[0], &Head::Frozen(&head), &targets, 0.1)?.loss)
    });
}

#[test]
fn a_frozen_map_with_a_bias_that_learns() {
    let weight = Frozen::Dense(values(13, (4, 3)));
    check(&[values(14, (5, 3)), row(15, 4)], &|tape, v| {
        ops::frozen_linear(tape, &v[0], &weight, Some(&v[1]))
    });
}

#[test]
fn columns_taken_added_and_put_side_by_side() {
    check(&[values(25, (4, 7)), values(26, (4, 3))], &|tape, v| {
        let sum = ops::add_columns(tape, &v[0], &v[1], 2, 0.5)?;
        let (left, right) = (ops::columns(tape, &sum, 0..3)?, ops::columns(tape, &sum, 2..7)?);
        ops::beside(tape, &[&right, &v[1], &left])
    });
}

#[test]
fn dropout_keeps_the_mean_and_its_gradient() {
    check(&[values(27, (4, 7))], &|tape, v| {
        ops::dropout(tape, &v[0], 0.3, &mut Rng::new(1, 0))
    });
    let ones = Var::constant(Tensor::ones((100, 100), DType::F64, &candle_core::Device::Cpu).unwrap());
    let kept = ops::dropout(&mut Tape::new(), &ones, 0.3, &mut Rng::new(2, 0)).unwrap();
    let mean = numbers(kept.value()).iter().sum::<f64>() / 10_000.0;
    // five standard deviations of √(0.3/0.7)/100
    assert!((mean - 1.0).abs() < 0.033, "{mean}");
}

/// A past of the first tokens gives the later ones exactly what the whole sequence gives them, but for the order of sums.
#[test]
fn a_sequence_in_parts_is_the_sequence() {
    let qkv = values(16, (7, HEADS.columns()));
    let whole = ops::grouped_attention(
        &mut Tape::new(),
        &Var::constant(qkv.clone()),
        HEADS,
        &rope(),
        &sequences(&[0, 7]),
    );
    let whole = numbers(whole.unwrap().value());
    let mut past = vec![Arc::new(Past::new(HEADS))];
    for (from, count) in [(0, 4), (4, 1), (5, 2)] {
        let rows = qkv.narrow(0, from, count).unwrap();
        let how = Arc::new(Sequences {
            starts: Arc::from([0, count]),
            past: past.clone(),
        });
        let part = ops::grouped_attention(
            &mut Tape::new(),
            &Var::constant(rows.clone()),
            HEADS,
            &rope(),
            &how,
        );
        let part = numbers(part.unwrap().value());
        let width = HEADS.query * HEADS.width;
        let expected = &whole[from * width..(from + count) * width];
        assert!(largest_difference(&part, expected) < 1e-14);
        ops::remember(&rows, HEADS, &rope(), &[0, count], &mut past).unwrap();
    }
    assert_eq!(past[0].len(), 7);
}

/// A sequence alone has the bits it has in company.
#[test]
fn company_changes_nothing() {
    let qkv = values(17, (7, HEADS.columns()));
    let together = ops::grouped_attention(
        &mut Tape::new(),
        &Var::constant(qkv.clone()),
        HEADS,
        &rope(),
        &sequences(&[0, 2, 7]),
    );
    let together = numbers(together.unwrap().value());
    let alone = Var::constant(qkv.narrow(0, 2, 5).unwrap());
    let alone =
        ops::grouped_attention(&mut Tape::new(), &alone, HEADS, &rope(), &sequences(&[0, 5])).unwrap();
    assert_eq!(together[2 * 24..], numbers(alone.value()));
}

/// Rounding both operands to bf16 moves each product by at most 2⁻⁸ of itself; in f32 sums of 70 terms in another order
/// differ by 70 half-ulps of the sum of magnitudes.
#[test]
fn a_packed_weight_is_the_weight_as_it_is_kept() {
    for n in [3, 100] {
        let (x, weight, along) = (floats(18, (n, 70)), floats(19, (45, 70)), floats(20, (n, 45)));
        let run = |[x, along]: [&Tensor; 2], weight: &Frozen| {
            let mut tape = Tape::new();
            let leaf = tape.leaf(x.clone());
            let out = ops::frozen_linear(&mut tape, &leaf, weight, None).unwrap();
            let value = host::<f32>(out.value()).unwrap().to_vec();
            let gradient = tape
                .backward(&[(&out, along.clone())])
                .unwrap()
                .take(&leaf)
                .unwrap();
            [value, host::<f32>(&gradient).unwrap().to_vec()].concat()
        };
        let exact = run([&x, &along], &Frozen::Dense(weight.clone()));
        let sizes = [&x, &along].map(|v| v.abs().unwrap());
        let sizes = run(sizes.each_ref(), &Frozen::Dense(weight.abs().unwrap()));
        let kept = [
            (Frozen::bf16(&weight).unwrap(), 1.0 / 250.0),
            (Frozen::f32(&weight).unwrap(), 70.0 * f32::EPSILON),
        ];
        for (kept, share) in &kept {
            let found = run([&x, &along], kept);
            let errors = found.iter().zip(&exact).map(|(a, b)| (a - b).abs());
            assert!(errors.zip(&sizes).all(|(error, size)| error <= size * share));
        }
        assert_ne!(run([&x, &along], &kept[0].0), exact, "rounded at all");
    }
}

/// Few rows are shared out by columns, many by rows: the same bits, on any number of threads.
#[test]
fn packed_products_do_not_depend_on_the_threads_or_the_rows_beside() {
    let weight = Frozen::bf16(&floats(21, (200, 130))).unwrap();
    let x = floats(22, (150, 130));
    let run = |threads: usize, x: &Tensor| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let x = Var::constant(x.clone());
        let out = pool.install(|| ops::frozen_linear(&mut Tape::new(), &x, &weight, None).unwrap());
        host::<f32>(out.value()).unwrap().to_vec()
    };
    let one = run(1, &x);
    for threads in [2, 3] {
        assert_eq!(one, run(threads, &x));
        assert_eq!(one[5 * 200..9 * 200], run(threads, &x.narrow(0, 5, 4).unwrap()));
    }
}

#[test]
fn losses_of_rows_are_those_of_the_cross_entropy() {
    let (x, head) = (values(23, (6, 3)), values(24, (5, 3)));
    let targets = [0, 4, 2, 2, 1, 3];
    let found = ops::token_loss(
        &mut Tape::new(),
        &Var::constant(x.clone()),
        &Head::Frozen(&Frozen::Dense(head.clone())),
        &targets,
        1.0,
    );
    let found = found.unwrap();
    let logits = x.matmul(&head.t().unwrap()).unwrap();
    let logits: Vec<Vec<f64>> = logits.to_vec2().unwrap();
    let expected: Vec<f64> = logits
        .iter()
        .zip(targets)
        .map(|(row, target)| row.iter().map(|v| v.exp()).sum::<f64>().ln() - row[target as usize])
        .collect();
    assert!(largest_difference(&found.of_rows, &expected) < 1e-14);
    let total: f64 = expected.iter().sum();
    assert!((numbers(found.loss.value())[0] - total).abs() < 1e-13);
    let best = |row: &Vec<f64>, target: u32| row.iter().all(|v| *v <= row[target as usize]);
    let right = logits
        .iter()
        .zip(targets)
        .filter(|(row, target)| best(row, *target))
        .count();
    assert_eq!(found.right, right);
}
