//! Models from GGUF files: their logits; and SmolLM2's tokens and template.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::{Params, Rng};
use modality_gap_revision::{
    Batch, Conversation, Keep, KvCache, Lm, ModelFiles, Piece, Projector, ProjectorConfig, Template,
    TemplateOptions, TextCodec, Tuning,
};
use serde_json::Value;

mod material;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn golden(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture(name)).unwrap()).unwrap()
}

fn codec() -> TextCodec {
    TextCodec::open(&ModelFiles::open(material::smollm2()).unwrap()).unwrap()
}

/// As tokenizers gives them with the rules of SmolLM2's tokenizer.json, and llama.cpp for this file.
#[test]
fn tokens_of_smollm2_are_those_of_two_others() {
    let (codec, golden) = (codec(), golden("text.json"));
    let strings: Vec<String> = serde_json::from_value(golden["strings"].clone()).unwrap();
    let expected: Vec<[Vec<u32>; 2]> = serde_json::from_value(golden["smollm2"].clone()).unwrap();
    for (text, [parsed, plain]) in strings.iter().zip(&expected) {
        assert_eq!(&codec.encode(text, true).unwrap(), parsed, "{text:?}");
        assert_eq!(&codec.encode(text, false).unwrap(), plain, "{text:?}");
        assert_eq!(&codec.decode(plain, true).unwrap(), text);
    }
}

/// The prompt of the golden logits; its template writes a system text of its own.
#[test]
fn templates_of_smollm2_and_chatml_write_the_prompt() {
    let codec = codec();
    let wanted: Vec<u32> =
        serde_json::from_value(golden("smollm2.json")["prompts"]["chat"]["ids"].clone()).unwrap();
    let wanted = [Piece::Tokens {
        ids: wanted,
        learn: false,
    }];
    let mut question = Conversation::new("capital", &["What is the capital of France?"]);
    let template = |name| Template::new(name, &codec, &TemplateOptions::default()).unwrap();
    let own = template("model");
    assert_eq!(own.prompt(&codec, &question).unwrap(), wanted);
    assert_eq!(own.ends(), [codec.id("<|im_end|>").unwrap()]);
    question.system = Some("You are a helpful AI assistant named SmolLM, trained by Hugging Face".to_owned());
    assert_eq!(template("chatml").prompt(&codec, &question).unwrap(), wanted);
}

/// A sequence: tokens, and rows of `soft` where the flag is set.
struct Sequence {
    rows: Vec<(bool, u32)>,
    soft: Tensor,
}

impl Sequence {
    fn of_tokens(ids: &[u32], width: usize) -> Self {
        Self {
            rows: ids.iter().map(|&id| (false, id)).collect(),
            soft: Tensor::zeros((0, width), DType::F32, &Device::Cpu).unwrap(),
        }
    }

    /// The golden sequence of a tiny model.
    fn golden(name: &str) -> Self {
        let file = fixture(name).join("expected.safetensors");
        let tensors = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let integers = |name: &str| tensors[name].to_vec1::<i64>().unwrap();
        let soft_at = integers("soft_at");
        let ids = integers("ids").into_iter().enumerate();
        let row =
            |(at, id): (usize, i64)| match soft_at.iter().position(|&soft| usize::try_from(soft) == Ok(at)) {
                Some(soft) => (true, soft as u32),
                None => (false, u32::try_from(id).unwrap()),
            };
        Self {
            rows: ids.map(row).collect(),
            soft: tensors["soft"].clone(),
        }
    }
}

/// Logits at every position of each sequence: positions × vocabulary.
fn logits(files: &mut ModelFiles, sequences: &[Sequence]) -> Vec<Vec<Vec<f32>>> {
    let config = files.config().clone();
    let mut params = Params::default();
    let lm = Lm::<f32>::load(&config, files, Keep::Dense, Tuning::Frozen, &mut params).unwrap();
    let identity = ProjectorConfig {
        kind: "identity".to_owned(),
        dim: config.hidden,
        hidden: config.hidden,
        tokens: 1,
        distinct: false,
        scale: 1.0,
    };
    let identity = Projector::fresh(&identity, &mut params, DType::F32, &mut Rng::new(0, 0)).unwrap();
    let of = |sequence: &Sequence| {
        let count = sequence.rows.len();
        let batch = Batch {
            rows: sequence.rows.clone().into(),
            starts: [0, count].into(),
            embeddings: sequence.soft.clone(),
            asked: (0..count as u32).collect(),
            targets: Vec::new(),
        };
        let mut before = KvCache::empty(&lm, 1);
        let logits = lm.read(&params, &identity, &batch, &mut before).unwrap();
        logits.to_vec2().unwrap()
    };
    sequences.iter().map(of).collect()
}

/// PyTorch in f64 on the weights that gguf dequantises, at the last position; f32 leaves less than 1e-5 of the greatest.
#[test]
fn logits_of_every_storage_type_are_those_of_the_dequantised_weights() {
    for (file, expected) in golden("gguf/expected.json").as_object().unwrap() {
        let folder = match file.split_once('-').unwrap().0 {
            "wide" => "llama-wide",
            "llama3" => "llama3-rope",
            other => other,
        };
        let mut files = ModelFiles::open(fixture(&format!("gguf/{file}.gguf"))).unwrap();
        let found = logits(&mut files, &[Sequence::golden(folder)]);
        let wanted: Vec<f32> = serde_json::from_value(expected["logits"].clone()).unwrap();
        let most = wanted.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        for (a, b) in found[0].last().unwrap().iter().zip(wanted) {
            assert!((a - b).abs() < 1e-5 * most, "{file}: {a} {b}");
        }
    }
}

/// A PyTorch run in f32 on the weights that gguf dequantises: the twenty greatest logits of some positions, which are
/// rounded to five decimals there. Thirty layers of f32 in another order leave less than 1e-5 of the greatest.
#[test]
fn logits_of_smollm2_are_those_of_pytorch() {
    let golden = golden("smollm2.json");
    let prompts = golden["prompts"].as_object().unwrap();
    let mut files = ModelFiles::open(material::smollm2()).unwrap();
    let width = files.config().hidden;
    let sequence = |prompt: &Value| {
        let ids: Vec<u32> = serde_json::from_value(prompt["ids"].clone()).unwrap();
        Sequence::of_tokens(&ids, width)
    };
    let found = logits(&mut files, &prompts.values().map(sequence).collect::<Vec<_>>());
    for ((name, prompt), found) in prompts.iter().zip(found) {
        let positions: Vec<usize> = serde_json::from_value(prompt["positions"].clone()).unwrap();
        let top: Vec<Vec<usize>> = serde_json::from_value(prompt["top"].clone()).unwrap();
        let wanted: Vec<Vec<f32>> = serde_json::from_value(prompt["logits"].clone()).unwrap();
        for ((position, top), wanted) in positions.into_iter().zip(top).zip(wanted) {
            let row = &found[position];
            let most = wanted[0].abs();
            for (&id, wanted) in top.iter().zip(wanted) {
                let away = (row[id] - wanted).abs() / most;
                assert!(
                    away < 1e-5,
                    "{name}, position {position}, token {id}: {} {wanted}",
                    row[id]
                );
            }
            let greatest = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            assert_eq!(greatest, top[0], "{name}, position {position}");
        }
    }
}
