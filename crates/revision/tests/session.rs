//! Trainings of tiny models: they learn, continue where they stood, and move only what is to move.

mod common;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use common::fixture;
use modality_gap_nn::{Rng, ScheduleKind};
use modality_gap_revision::{
    Export, LearnOptions, LoraConfig, Mode, Next, Position, Precision, ProjectorOptions, Samples,
    SamplingOptions, Sequence, Session, SessionOptions,
};

const DIM: usize = 6;

fn options(mode: Mode) -> SessionOptions {
    SessionOptions {
        path: fixture("llama-tied"),
        dtype: Precision::Bf16,
        dim: DIM,
        projector: ProjectorOptions {
            num_visual_tokens: 2,
            distinct_tokens: true,
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
                ..LoraConfig::default()
            },
            learning_rate: 0.02,
            schedule: ScheduleKind::ConstantWithWarmup,
            warmup_ratio: 0.0,
            steps: 40,
            ..LearnOptions::default()
        }),
    }
}

fn session(mode: Mode) -> Session {
    Session::open(options(mode)).unwrap()
}

/// A prompt long enough to be remembered, two soft tokens, and words that depend on the image.
fn sample(i: usize) -> Sequence {
    let token = |id: u32, learn: bool| Position::Token { id, learn };
    let prompt = (0..10).map(|i| token(40 + i, false));
    let soft = (0..2).map(|token| Position::Soft { image: 0, token });
    let words = (0..2 + i as u32 % 3).map(|j| token(100 + 7 * (i as u32 % 4) + j, true));
    Sequence {
        id: format!("sample-{i}"),
        positions: prompt.chain(soft).chain(words).collect(),
        images: 1,
    }
}

fn embeddings(range: std::ops::Range<usize>) -> Vec<f32> {
    let row = |i: usize| {
        let mut rng = Rng::new(i as u64 % 4, 9);
        (0..DIM).map(move |_| rng.normal() as f32)
    };
    range.flat_map(row).collect()
}

fn train(session: &mut Session, steps: std::ops::Range<usize>, micro_batch: usize) -> Vec<f64> {
    let one = |step: usize| {
        let range = step * 4..step * 4 + 4;
        let sequences: Vec<Sequence> = range.clone().map(sample).collect();
        let rows = embeddings(range);
        let samples = Samples {
            sequences: &sequences,
            embeddings: &rows,
        };
        session.step(samples, micro_batch, &|| false).unwrap().loss
    };
    steps.map(one).collect()
}

fn losses(session: &mut Session) -> Vec<f64> {
    let sequences: Vec<Sequence> = (0..4).map(sample).collect();
    let rows = embeddings(0..4);
    let samples = Samples {
        sequences: &sequences,
        embeddings: &rows,
    };
    session.evaluate(samples, 3, &|| false).unwrap().losses
}

fn state(session: &Session, folder: &Path) -> Vec<u8> {
    session.save_state(folder).unwrap();
    std::fs::read(folder.join("training_state.safetensors")).unwrap()
}

/// Four images and four texts: a model that sees can tell them apart, one that does not cannot.
#[test]
fn a_training_learns_what_the_image_says() {
    for mode in [Mode::Projector, Mode::Lora, Mode::Full] {
        let mut session = session(mode);
        let before: f64 = losses(&mut session).iter().sum();
        let found = train(&mut session, 0..40, 0);
        let after: f64 = losses(&mut session).iter().sum();
        assert!(found[39] < 0.7 * found[0], "{mode:?}: {} {}", found[0], found[39]);
        assert!(after < 0.7 * before, "{mode:?}: {before} {after}");
    }
}

#[test]
fn a_training_that_was_interrupted_ends_with_the_same_bits() {
    for mode in [Mode::Projector, Mode::Lora, Mode::Full] {
        let folder = tempfile::tempdir().unwrap();
        let mut whole = session(mode);
        train(&mut whole, 0..8, 0);
        let expected = state(&whole, folder.path());
        let mut first = session(mode);
        train(&mut first, 0..4, 0);
        first.save_state(folder.path()).unwrap();
        let mut second = session(mode);
        second.restore_state(folder.path()).unwrap();
        assert_eq!(second.updates(), 4);
        train(&mut second, 4..8, 0);
        assert!(state(&second, folder.path()) == expected, "{mode:?}");
    }
}

#[test]
fn a_state_of_other_options_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    session(Mode::Projector).save_state(folder.path()).unwrap();
    let error = session(Mode::Lora).restore_state(folder.path()).unwrap_err();
    assert_eq!(error.code(), "BAD_MODEL");
    assert!(error.to_string().contains("other options"), "{error}");
}

/// Labels are spread unevenly over the parts, and what dropout leaves out is the same; f32 sums in another order differ by some 1e-7, and Adam's first updates are
/// the gradients' signs, so that only gradients near zero could turn.
#[test]
fn parts_of_a_batch_add_up_to_the_batch() {
    for mode in [Mode::Projector, Mode::Lora, Mode::Full] {
        let (mut whole, mut parts) = (session(mode), session(mode));
        let (a, b) = (train(&mut whole, 0..3, 0), train(&mut parts, 0..3, 1));
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 2e-5 * a, "{mode:?}: {a} {b}");
        }
    }
}

#[test]
fn an_evaluation_in_parts_is_that_of_all() {
    let mut session = session(Mode::Full);
    train(&mut session, 0..20, 0);
    let sequences: Vec<Sequence> = (0..4).map(sample).collect();
    let rows = embeddings(0..4);
    let samples = || Samples {
        sequences: &sequences,
        embeddings: &rows,
    };
    let whole = session.evaluate(samples(), 0, &|| false).unwrap();
    let labels: usize = whole.labels.iter().sum();
    assert!(
        0 < whole.right && whole.right <= labels,
        "{} of {labels}",
        whole.right
    );
    for micro_batch in 1..=4 {
        let parts = session.evaluate(samples(), micro_batch, &|| false).unwrap();
        assert_eq!(
            (parts.right, &parts.labels),
            (whole.right, &whole.labels),
            "{micro_batch}"
        );
        for (a, b) in parts.losses.iter().zip(&whole.losses) {
            assert!((a - b).abs() < 2e-5 * b, "{micro_batch}: {a} {b}");
        }
    }
}

#[test]
fn everything_that_learns_moves_and_nothing_else() {
    for mode in [Mode::Projector, Mode::Lora, Mode::Full] {
        let mut session = session(mode);
        let before: Vec<Vec<f32>> = values(&session);
        train(&mut session, 0..1, 0);
        for ((name, before), after) in session.learned_names().iter().zip(&before).zip(values(&session)) {
            // an adapter's A has no gradient while its B is zero
            let waits = name.ends_with("lora_A.weight");
            assert_eq!(*before == after, waits, "{mode:?}: {name}");
        }
        train(&mut session, 1..2, 0);
        let moved = before
            .iter()
            .zip(values(&session))
            .all(|(before, after)| *before != after);
        assert!(moved, "{mode:?}");
    }
}

fn values(session: &Session) -> Vec<Vec<f32>> {
    let values = session.learned_values();
    values
        .iter()
        .map(|value| value.flatten_all().unwrap().to_vec1().unwrap())
        .collect()
}

#[test]
fn a_projector_that_is_frozen_stays() {
    let mut options = options(Mode::Lora);
    options.learn.as_mut().unwrap().freeze_projector = true;
    let mut session = Session::open(options).unwrap();
    assert!(
        session
            .learned_names()
            .iter()
            .all(|name| name.starts_with("lora."))
    );
    train(&mut session, 0..2, 0);
}

#[test]
fn a_loss_that_is_not_finite_stops_with_step_and_samples() {
    let mut session = session(Mode::Projector);
    train(&mut session, 0..2, 0);
    let sequences: Vec<Sequence> = (0..2).map(sample).collect();
    let rows = [f32::NAN; 2 * DIM];
    let samples = Samples {
        sequences: &sequences,
        embeddings: &rows,
    };
    let error = session.step(samples, 0, &|| false).unwrap_err();
    assert_eq!(error.code(), "NUMERIC");
    let text = error.to_string();
    assert!(
        text.contains("step 3") && text.contains("sample-0, sample-1"),
        "{text}"
    );
    assert_eq!(session.updates(), 2);
}

#[test]
fn a_step_can_be_stopped_and_changes_nothing() {
    let mut session = session(Mode::Projector);
    let before = losses(&mut session);
    let sequences = [sample(0)];
    let rows = embeddings(0..1);
    let samples = Samples {
        sequences: &sequences,
        embeddings: &rows,
    };
    let error = session.step(samples, 0, &|| true).unwrap_err();
    assert_eq!(error.code(), "CANCELLED");
    assert_eq!(losses(&mut session), before);
}

/// An answer is the same alone and among others, greedy or drawn; a listener ends answers one by one.
#[test]
fn answers_do_not_depend_on_their_company() {
    let mut session = session(Mode::Projector);
    train(&mut session, 0..20, 0);
    let prompt = |i: usize| {
        let mut sequence = sample(i);
        sequence
            .positions
            .retain(|position| !matches!(position, Position::Token { learn: true, .. }));
        sequence
    };
    for temperature in [0.0, 0.8] {
        let sampling = SamplingOptions {
            max_new_tokens: 6,
            temperature,
            top_p: 0.9,
            seed: 1,
            first: 0,
        };
        let mut ask = |range: std::ops::Range<usize>| {
            let sampling = SamplingOptions {
                first: range.start as u64,
                ..sampling
            };
            let sequences: Vec<Sequence> = range.clone().map(prompt).collect();
            let rows = embeddings(range);
            let samples = Samples {
                sequences: &sequences,
                embeddings: &rows,
            };
            let mut heard = vec![0; sequences.len()];
            let mut listen = |answer: usize, _: u32| {
                heard[answer] += 1;
                if answer == 1 && heard[1] == 2 {
                    Next::Enough
                } else {
                    Next::GoOn
                }
            };
            session.answer(samples, &sampling, &mut listen).unwrap()
        };
        let together = ask(0..3);
        assert_eq!(together.iter().map(Vec::len).collect::<Vec<_>>(), [6, 2, 6]);
        assert_eq!(ask(0..1)[0], together[0]);
        assert_eq!(ask(2..3)[0], together[2]);
    }
}

/// What a session has learned, written, read again, says the same: to the last bit where nothing is rounded.
#[test]
fn what_was_learned_comes_back_from_its_files() {
    for (mode, what) in [
        (Mode::Projector, Export::Learned),
        (Mode::Lora, Export::Learned),
        (Mode::Lora, Export::Merged),
        (Mode::Full, Export::All),
        (Mode::Full, Export::Merged),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(mode);
        // a merged weight is rounded once more, to f32
        options.dtype = Precision::F32;
        let mut learned = Session::open(options.clone()).unwrap();
        train(&mut learned, 0..6, 0);
        let expected = losses(&mut learned);
        let files = learned.export(folder.path(), what).unwrap();
        assert!(files.iter().all(|file| file.exists()));

        let mut reader = SessionOptions {
            learn: None,
            ..options
        };
        reader.projector.init = Some(folder.path().join("mm_projector.safetensors"));
        let adapter = folder.path().join("adapter");
        let model = folder.path().join("model");
        reader.adapter = adapter.exists().then_some(adapter);
        if model.exists() {
            reader.path = model;
        }
        let found = losses(&mut Session::open(reader).unwrap());
        let bound = if what == Export::Merged { 1e-5 } else { 0.0 };
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() <= bound * expected,
                "{mode:?}: {found} {expected}"
            );
        }
    }
}

/// A session that begins with adapters, trained in `mode`.
fn adapted(mode: Mode, folder: &Path) -> SessionOptions {
    let mut first = session(Mode::Lora);
    train(&mut first, 0..6, 0);
    first.export(folder, Export::Learned).unwrap();
    let mut options = options(mode);
    options.dtype = Precision::F32;
    options.adapter = Some(folder.join("adapter"));
    options.projector.init = Some(folder.join("mm_projector.safetensors"));
    options
}

/// Adapters that a projector is trained before are a part of the model: they stay, and so does what it has read.
#[test]
fn adapters_stay_while_the_projector_alone_learns() {
    let folder = tempfile::tempdir().unwrap();
    let options = adapted(Mode::Projector, folder.path());
    let mut session = Session::open(options.clone()).unwrap();
    let learned = session.learned_names();
    assert!(
        learned.iter().all(|name| name.starts_with("mm_projector.")),
        "{learned:?}"
    );
    train(&mut session, 0..5, 0);
    session.save_state(folder.path()).unwrap();
    let mut fresh = Session::open(options).unwrap();
    fresh.restore_state(folder.path()).unwrap();
    assert_eq!(losses(&mut session), losses(&mut fresh));
}

/// Merging rounds each weight once more, to f32.
#[test]
fn a_model_that_learned_with_its_adapters_is_merged_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut learned = Session::open(adapted(Mode::Full, folder.path())).unwrap();
    train(&mut learned, 0..4, 0);
    let expected = losses(&mut learned);
    let out = folder.path().join("merged");
    learned.export(&out, Export::Merged).unwrap();
    let mut reader = options(Mode::Projector);
    reader.dtype = Precision::F32;
    reader.learn = None;
    reader.path = out.join("model");
    reader.projector.init = Some(out.join("mm_projector.safetensors"));
    let found = losses(&mut Session::open(reader).unwrap());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-5 * expected, "{found} {expected}");
    }
}

/// Such a file is not a reason to make room for maps that it does not hold.
#[test]
fn only_the_adapters_of_a_folder_are_made_and_those_of_other_maps_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = adapted(Mode::Lora, folder.path());
    let weights = folder.path().join("adapter/adapter_model.safetensors");
    let write = |shape: usize| {
        let tensor = |rows, columns| Tensor::ones((rows, columns), DType::F32, &Device::Cpu).unwrap();
        let name = |which: &str| format!("base_model.model.model.layers.0.mlp.down_proj.lora_{which}.weight");
        let tensors = HashMap::from([(name("A"), tensor(3, shape)), (name("B"), tensor(16, 3))]);
        candle_core::safetensors::save(&tensors, &weights).unwrap();
    };
    write(24);
    let session = Session::open(options.clone()).unwrap();
    let adapters = session
        .learned_names()
        .into_iter()
        .filter(|name| name.starts_with("lora."));
    assert_eq!(adapters.count(), 2);
    let notes = session.notes().join("\n");
    assert!(notes.contains("no adapter for 13 of the maps"), "{notes}");
    write(25);
    options.learn = None;
    let error = Session::open(options).err().unwrap();
    assert_eq!(error.code(), "BAD_MODEL");
    assert!(
        error.to_string().contains("does not fit this language model"),
        "{error}"
    );
}

/// What a folder holds beside its adapter is used or said: LLaVA's projector, other tensors, another chat template.
#[test]
fn what_stands_beside_an_adapter_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = adapted(Mode::Projector, folder.path());
    let adapter = folder.path().join("adapter");
    let notes = |options: &SessionOptions| Session::open(options.clone()).unwrap().notes().join("\n");
    assert_eq!(notes(&options), "");
    let beside = adapter.join("non_lora_trainables.bin");
    std::fs::copy(fixture("theirs/mm_projector.bin"), &beside).unwrap();
    assert_eq!(notes(&options), "", "the projector is named");
    options.projector.init = None;
    assert!(notes(&options).contains("non_lora_trainables.bin"));
    std::fs::write(adapter.join("chat_template.jinja"), "{{ messages }}").unwrap();
    assert!(!notes(&options).contains("chat template"), "one of ours is used");
    let other = fixture("theirs/non_lora_trainables.bin");
    std::fs::copy(other, beside).unwrap();
    let error = Session::open(options).err().unwrap();
    assert!(
        error.to_string().contains("base_model.model.lm_head.bias"),
        "{error}"
    );
}

#[test]
fn options_under_which_nothing_could_be_learned_are_refused() {
    let refused = |change: &dyn Fn(&mut SessionOptions)| {
        let mut options = options(Mode::Projector);
        change(&mut options);
        let error = Session::open(options).err().unwrap();
        assert_eq!(error.code(), "BAD_OPTION");
        error.to_string()
    };
    let learn = |change: fn(&mut LearnOptions)| {
        refused(&|options: &mut SessionOptions| change(options.learn.as_mut().unwrap()))
    };
    let said = refused(&|options| {
        options.dim = 16;
        options.projector.kind = "identity".to_owned();
        options.projector.num_visual_tokens = 1;
        options.projector.distinct_tokens = false;
    });
    assert!(said.contains("nothing would learn"), "{said}");
    assert!(learn(|learn| learn.freeze_projector = true).contains("nothing would learn"));
    assert!(learn(|learn| learn.adam_beta2 = 1.0).contains("adamBeta2"));
    for epsilon in [f64::NAN, 0.0, -1.0] {
        let said = refused(&|options| options.learn.as_mut().unwrap().adam_epsilon = epsilon);
        assert!(said.contains("adamEpsilon"), "{said}");
    }
    for scale in [0.0, -2.0, f64::NAN, f64::INFINITY] {
        let said = refused(&|options| options.projector.input_scale = scale);
        assert!(said.contains("inputScale is a number above 0"), "{said}");
    }
    let alpha = learn(|learn| {
        learn.mode = Mode::Lora;
        learn.lora.alpha = -16.0;
    });
    assert!(alpha.contains("lora.alpha is above 0"), "{alpha}");
    assert!(learn(|learn| learn.max_grad_norm = -1.0).contains("maxGradNorm"));
}

/// llama.cpp numbers a single map, LLaVA does not.
#[test]
fn a_single_map_is_read_whatever_it_is_called() {
    for kind in ["linear", "mlp1x_gelu"] {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(Mode::Projector);
        options.projector.kind = kind.to_owned();
        options.projector.num_visual_tokens = 1;
        options.projector.distinct_tokens = false;
        let mut learned = Session::open(options.clone()).unwrap();
        train(&mut learned, 0..2, 0);
        let files = learned.export(folder.path(), Export::Mmproj).unwrap();
        options.projector.init = Some(files[0].clone());
        options.learn = None;
        let mut reader = Session::open(options).unwrap();
        assert_eq!(losses(&mut reader), losses(&mut learned), "{kind}");
    }
}

#[test]
fn a_projector_of_another_shape_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    session(Mode::Projector)
        .export(folder.path(), Export::Learned)
        .unwrap();
    let mut other = options(Mode::Projector);
    other.projector.init = Some(folder.path().join("mm_projector.safetensors"));
    other.projector.num_visual_tokens = 3;
    let error = Session::open(other).err().unwrap();
    assert_eq!(error.code(), "BAD_MODEL");
    assert!(error.to_string().contains("mm_projector.safetensors"), "{error}");
}
