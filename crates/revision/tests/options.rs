//! What a training's options do, against values computed by hand: rates and decay by group, clipping, scale, dropout.

mod common;

use candle_core::Tensor;
use common::fixture;
use modality_gap_nn::{Rng, ScheduleKind};
use modality_gap_revision::{
    LearnOptions, LoraConfig, Mode, Next, Position, Precision, ProjectorOptions, Samples, SamplingOptions,
    Sequence, Session, SessionOptions, StepReport,
};

const DIM: usize = 6;
const RATE: f64 = 0.01;

fn options(model: &str, mode: Mode) -> SessionOptions {
    SessionOptions {
        path: fixture(model),
        dtype: Precision::F32,
        dim: DIM,
        projector: ProjectorOptions {
            num_visual_tokens: 2,
            ..ProjectorOptions::default()
        },
        adapter: None,
        template: "plain".to_owned(),
        template_arguments: serde_json::Map::new(),
        end_token: true,
        max_length: 64,
        seed: 5,
        learn: Some(LearnOptions {
            mode,
            lora: LoraConfig {
                rank: 3,
                alpha: 6.0,
                dropout: 0.0,
                ..LoraConfig::default()
            },
            learning_rate: RATE,
            schedule: ScheduleKind::Constant,
            steps: 40,
            ..LearnOptions::default()
        }),
    }
}

fn learning(model: &str, mode: Mode, change: impl FnOnce(&mut LearnOptions)) -> Session {
    let mut options = options(model, mode);
    change(options.learn.as_mut().unwrap());
    Session::open(options).unwrap()
}

/// One update from the same four samples each time.
fn update(session: &mut Session) -> StepReport {
    let sequences: Vec<Sequence> = (0..4)
        .map(|i| {
            let token = |id: u32, learn: bool| Position::Token { id, learn };
            let prompt = (0..3).map(|k| token(40 + k, false));
            let soft = (0..2).map(|token| Position::Soft { image: 0, token });
            let words = (0..3).map(|k| token(100 + 7 * i + k, true));
            Sequence {
                id: format!("sample-{i}"),
                positions: prompt.chain(soft).chain(words).collect(),
                images: 1,
            }
        })
        .collect();
    let mut rng = Rng::new(3, 9);
    let embeddings: Vec<f32> = (0..4 * DIM).map(|_| rng.normal() as f32).collect();
    let samples = Samples {
        sequences: &sequences,
        embeddings: &embeddings,
    };
    session.step(samples, 0, &|| false).unwrap()
}

fn values(session: &Session) -> Vec<Vec<f32>> {
    let flat = |value: &Tensor| value.flatten_all().unwrap().to_vec1().unwrap();
    session.learned_values().iter().map(flat).collect()
}

/// What one update takes from every value.
fn moved(session: &mut Session) -> Vec<Vec<f64>> {
    let before = values(session);
    update(session);
    let pairs = before.iter().zip(values(session));
    pairs
        .map(|(before, after)| {
            let both = before.iter().zip(after);
            both.map(|(a, b)| f64::from(*a) - f64::from(b)).collect()
        })
        .collect()
}

/// Adam's first update is ±rate wherever a gradient is well above epsilon, so that updates tell the rates.
#[test]
fn the_projector_moves_by_its_own_rate() {
    for mode in [Mode::Lora, Mode::Full] {
        let mut plain = learning("llama-tied", mode, |_| ());
        let mut own = learning("llama-tied", mode, |learn| {
            learn.projector_learning_rate = Some(4.0 * RATE);
        });
        let names = plain.learned_names();
        for ((name, plain), own) in names.iter().zip(moved(&mut plain)).zip(moved(&mut own)) {
            let factor = if name.starts_with("mm_projector.") {
                4.0
            } else {
                1.0
            };
            for (plain, own) in plain.iter().zip(&own) {
                // f32 rounds values of some tenths to 3e-8
                assert!(
                    (own - factor * plain).abs() < 3e-7,
                    "{mode:?} {name}: {own} {plain}"
                );
            }
            let largest = plain.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
            // an adapter's A has no gradient while its B is zero
            let expected = if name.ends_with("lora_A.weight") {
                0.0
            } else {
                RATE
            };
            assert!((largest - expected).abs() < 1e-4, "{mode:?} {name}: {largest}");
        }
    }
}

/// Decoupled decay takes rate·decay of a value away whatever its gradient, from what the Trainer of transformers decays:
/// everything but biases and norms.
#[test]
fn what_decays_decays_by_rate_and_decay() {
    for model in ["llama-untied", "qwen2", "qwen3"] {
        let mut decayed = learning(model, Mode::Full, |learn| {
            learn.weight_decay = 0.2;
            learn.projector_learning_rate = Some(3.0 * RATE);
        });
        let mut same_rate = learning(model, Mode::Full, |learn| {
            learn.projector_learning_rate = Some(3.0 * RATE);
        });
        let (names, before) = (decayed.learned_names(), values(&decayed));
        update(&mut decayed);
        update(&mut same_rate);
        let after = values(&same_rate).into_iter().zip(values(&decayed));
        let (mut still, mut shrunk) = (0, 0);
        for ((name, before), (plain, decayed)) in names.iter().zip(&before).zip(after) {
            let undecayed = ["layernorm.weight", "norm.weight", ".bias"]
                .iter()
                .any(|end| name.ends_with(end));
            if undecayed {
                assert_eq!(plain, decayed, "{model} {name}");
                still += 1;
                continue;
            }
            let rate = if name.starts_with("mm_projector.") {
                3.0 * RATE
            } else {
                RATE
            };
            for ((before, plain), decayed) in before.iter().zip(plain).zip(decayed) {
                let taken = f64::from(plain) - f64::from(decayed);
                let expected = rate * 0.2 * f64::from(*before);
                assert!(
                    (taken - expected).abs() < 3e-7,
                    "{model} {name}: {taken} {expected}"
                );
            }
            shrunk += 1;
        }
        // two blocks of two norms and the last one; two biases of the projector; one more of queries, keys and values in each
        // block of Qwen 2, two norms of heads in each of Qwen 3
        let more = match model {
            "qwen2" => 2,
            "qwen3" => 4,
            _ => 0,
        };
        assert_eq!(still, 5 + 2 + more, "{model}: {names:?}");
        assert!(shrunk > 2 + 2 * 4, "{model}: {shrunk}");
    }
}

/// With an epsilon far above every gradient an update is proportional to the gradients, after they were bounded.
#[test]
fn gradients_are_bounded_only_where_they_are_longer() {
    let with = |bound: f64| {
        let mut session = learning("llama-tied", Mode::Projector, |learn| {
            learn.adam_epsilon = 1e6;
            learn.learning_rate = 1e6;
            learn.max_grad_norm = bound;
        });
        let before = values(&session);
        let norm = update(&mut session).grad_norm;
        let after = values(&session);
        let moved = before
            .concat()
            .iter()
            .zip(after.concat())
            .map(|(a, b)| f64::from(*a) - f64::from(b))
            .collect();
        (norm, moved)
    };
    let (norm, free): (f64, Vec<f64>) = with(0.0);
    assert!(norm > 0.05, "{norm}");
    let largest = free.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    for (bound, factor) in [(4.0 * norm, 1.0), (norm / 4.0, 0.25)] {
        let (found, bounded) = with(bound);
        assert_eq!(found, norm, "the norm is reported before it is bounded");
        for (free, bounded) in free.iter().zip(&bounded) {
            // values up to one round to 6e-8; clipping adds 1e-6 to the norm, as PyTorch does
            assert!(
                (bounded - factor * free).abs() < 2e-7 + 1e-4 * largest,
                "{bound}: {bounded} {free}"
            );
        }
    }
}

/// A power of two is exact in f32.
#[test]
fn the_input_scale_is_a_factor_of_the_embedding() {
    let open = |scale: f64| {
        let mut options = options("llama-tied", Mode::Projector);
        options.projector.input_scale = scale;
        Session::open(options).unwrap()
    };
    let (one, two) = (open(1.0), open(2.0));
    let rows: Vec<f32> = (0..3 * DIM).map(|i| (i as f32 * 0.7).sin()).collect();
    let doubled: Vec<f32> = rows.iter().map(|v| 2.0 * v).collect();
    assert_eq!(one.project(&doubled).unwrap(), two.project(&rows).unwrap());
    assert_ne!(one.project(&rows).unwrap(), two.project(&rows).unwrap());
    // training sees the same factor
    let mut scaled = [open(1.0), open(2.0)];
    let losses = scaled.each_mut().map(|session| update(session).loss);
    assert!((losses[0] - losses[1]).abs() > 1e-6, "{losses:?}");
}

/// At a rate that moves no weight only what dropout leaves out differs between two updates from the same samples.
#[test]
fn dropout_leaves_out_other_values_at_every_update() {
    let norms = |dropout: f64| -> Vec<f64> {
        let mut session = learning("llama-tied", Mode::Lora, |learn| {
            learn.lora.dropout = dropout;
            learn.learning_rate = 1e-30;
        });
        (0..3).map(|_| update(&mut session).grad_norm).collect()
    };
    let whole = norms(0.0);
    assert!(whole.iter().all(|norm| *norm == whole[0]), "{whole:?}");
    let [a, b, c] = norms(0.5)[..] else {
        panic!("three updates")
    };
    for (one, other) in [(a, b), (a, c), (b, c), (a, whole[0])] {
        assert!((one - other).abs() > 1e-6 * whole[0], "{a} {b} {c} {whole:?}");
    }
    assert_eq!(norms(0.5), [a, b, c], "a function of the seed and the update");
}

#[test]
fn a_state_of_another_seed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = learning("llama-tied", Mode::Lora, |_| ());
    update(&mut first);
    first.save_state(folder.path()).unwrap();
    let mut other = options("llama-tied", Mode::Lora);
    other.seed = 6;
    let error = Session::open(other)
        .unwrap()
        .restore_state(folder.path())
        .unwrap_err();
    assert_eq!(error.code(), "BAD_MODEL");
    assert!(error.to_string().contains("other options"), "{error}");
    let mut same = learning("llama-tied", Mode::Lora, |learn| learn.activation_bytes = 0);
    same.restore_state(folder.path()).unwrap();
    assert_eq!((same.updates(), values(&same)), (1, values(&first)));
}

/// A prompt of 14 positions leaves six of twenty, and one of twenty none.
#[test]
fn an_answer_fills_the_positions_that_the_prompt_leaves() {
    let mut options = options("llama-tied", Mode::Projector);
    options.max_length = 20;
    let mut session = Session::open(options).unwrap();
    let rows: Vec<f32> = (0..DIM).map(|i| i as f32).collect();
    let mut ask = |tokens: u32, most: usize| {
        let mut positions: Vec<Position> = (0..2).map(|token| Position::Soft { image: 0, token }).collect();
        positions.extend((0..tokens).map(|k| Position::Token {
            id: 40 + k,
            learn: false,
        }));
        let sequences = [Sequence {
            id: "asked".to_owned(),
            positions,
            images: 1,
        }];
        let samples = Samples {
            sequences: &sequences,
            embeddings: &rows,
        };
        let sampling = SamplingOptions {
            max_new_tokens: most,
            temperature: 0.0,
            top_p: 1.0,
            seed: 1,
            first: 0,
        };
        session
            .answer(samples, &sampling, &mut |_, _| Next::GoOn)
            .map(|answers| answers[0].len())
    };
    assert_eq!(ask(12, 100).unwrap(), 6);
    assert_eq!(ask(17, 100).unwrap(), 1);
    assert_eq!(ask(12, 4).unwrap(), 4);
    let error = ask(18, 100).unwrap_err();
    assert_eq!(error.code(), "BAD_OPTION");
    assert!(error.to_string().contains("takes 20 positions"), "{error}");
}

/// Sizes that no model has are an error before any memory is asked for, which would end the process.
#[test]
fn sizes_beyond_all_models_are_refused() {
    let refused = |change: &dyn Fn(&mut SessionOptions), said: &str| {
        let mut options = options("llama-tied", Mode::Lora);
        change(&mut options);
        let error = Session::open(options).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "BAD_OPTION", "{error}");
        assert!(error.to_string().contains(said), "{error}");
    };
    let rank =
        |rank: usize| move |options: &mut SessionOptions| options.learn.as_mut().unwrap().lora.rank = rank;
    refused(
        &rank(1_000_000_000_000),
        "the rank 1000000000000 of the adapter of model.layers.0.self_attn.q_proj",
    );
    refused(&rank(1025), "at most 1024 is taken");
    for dim in [1 << 40, usize::MAX] {
        refused(
            &|options: &mut SessionOptions| options.dim = dim,
            "larger than any model takes",
        );
    }
    for tokens in [1 << 25, 1 << 40, usize::MAX] {
        for distinct in [false, true] {
            let change = |options: &mut SessionOptions| {
                options.projector.num_visual_tokens = tokens;
                options.projector.distinct_tokens = distinct;
            };
            refused(&change, "larger than any model takes");
        }
    }
    let mut options = options("llama-tied", Mode::Lora);
    rank(64)(&mut options);
    Session::open(options).unwrap();
}
