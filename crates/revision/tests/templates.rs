//! Chat templates of the kinds that models are published with, against transformers (fixtures/make_templates.py).

use std::path::{Path, PathBuf};

use modality_gap_revision::{Conversation, Position, Samples, Sequence, Session, SessionOptions};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn golden() -> Value {
    read("templates.json")
}

fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture(name)).unwrap()).unwrap()
}

/// The tiny model with one of the templates.
fn session(case: &Value) -> Session {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(
            fixture("text/templates/model").join(file),
            folder.path().join(file),
        )
        .unwrap();
    }
    let name = case["template"].as_str().unwrap();
    std::fs::copy(
        fixture(&format!("text/templates/{name}.jinja")),
        folder.path().join("chat_template.jinja"),
    )
    .unwrap();
    let config = json!({ "bos_token": case["bos"], "eos_token": case["eos"] });
    std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let tokenizer: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("tokenizer.json")).unwrap())
            .unwrap();
    let added = tokenizer["added_tokens"].as_array().unwrap();
    let id = |token: &Value| &added.iter().find(|one| one["content"] == *token).unwrap()["id"];
    let ends: Vec<&Value> = case["ends"].as_array().unwrap().iter().map(id).collect();
    std::fs::write(
        folder.path().join("generation_config.json"),
        json!({ "eos_token_id": ends }).to_string(),
    )
    .unwrap();
    let options = json!({ "path": folder.path(), "dim": 4, "dtype": "f32" });
    Session::open(serde_json::from_value::<SessionOptions>(options).unwrap()).unwrap()
}

fn conversation(turns: &Value) -> Conversation {
    let turns = turns.as_array().unwrap().iter();
    let mut turns: Vec<(&str, &str)> = turns
        .map(|turn| (turn[0].as_str().unwrap(), turn[1].as_str().unwrap()))
        .collect();
    let system = (turns[0].0 == "system").then(|| turns.remove(0).1.to_owned());
    let texts: Vec<&str> = turns.into_iter().map(|(_, text)| text).collect();
    Conversation {
        system,
        ..Conversation::new("golden", &texts)
    }
}

fn numbers(value: &Value) -> Vec<u32> {
    let all = value.as_array().unwrap().iter();
    all.map(|id| u32::try_from(id.as_u64().unwrap()).unwrap())
        .collect()
}

fn tokens(sequence: &Sequence) -> (Vec<u32>, Vec<u32>) {
    let token = |position: &Position| match position {
        Position::Token { id, learn } => (*id, u32::from(*learn)),
        Position::Soft { .. } => unreachable!("no images"),
    };
    sequence.positions.iter().map(token).unzip()
}

/// Positions, labels and losses of samples, and positions of prompts; what transformers refuses, or leaves out, is refused.
///
/// Losses are sums of at most 40 terms of a model of one layer in f32 against f64: 1e-3 is a hundred times their error.
#[test]
fn samples_are_those_of_transformers() {
    let golden = golden();
    let templates = golden.as_array().unwrap();
    assert!(templates.len() >= 40);
    let mut compared = 0;
    let mut faults = Vec::new();
    for template in templates {
        let name = template["template"].as_str().unwrap();
        let mut session = session(template);
        for case in template["cases"].as_array().unwrap() {
            let conversation = conversation(&case["turns"]);
            let found = session.sequence(&conversation);
            if !case["refused"].is_null() || !case["left_out"].is_null() {
                let error = found.map(|_| ()).unwrap_err();
                assert_eq!(error.code(), "BAD_SAMPLE", "{name}");
                continue;
            }
            let Ok(sequence) = found else {
                faults.push(format!("{name}: {}", found.unwrap_err()));
                continue;
            };
            let (ids, labels) = tokens(&sequence);
            let expected = numbers(&case["ids"]);
            let mut learned = numbers(&case["labels"]);
            // nothing comes before the first token
            learned[0] = 0;
            if ids != expected || labels != learned {
                faults.push(format!(
                    "{name}: {}\n  {ids:?}\n  {expected:?}\n  {labels:?}\n  {learned:?}",
                    case["text"]
                ));
                continue;
            }
            let samples = Samples {
                sequences: &[sequence],
                embeddings: &[],
            };
            let nats = session.evaluate(samples, 0, &|| false).unwrap().losses[0];
            let wanted = case["nats"].as_f64().unwrap();
            if (nats - wanted).abs() > 1e-3 {
                faults.push(format!("{name}: {nats} nats, {wanted} wanted"));
            }
            let mut asked = conversation.clone();
            asked.turns.pop();
            match session.prompt(&asked) {
                Ok(prompt) if tokens(&prompt).0 == numbers(&case["prompt"]) => compared += 1,
                Ok(prompt) => faults.push(format!(
                    "{name}: prompt of {}\n  {:?}\n  {:?}",
                    case["text"],
                    tokens(&prompt).0,
                    numbers(&case["prompt"])
                )),
                Err(error) => faults.push(format!("{name}: prompt: {error}")),
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(compared > 190, "{compared}");
}

/// An answer that is not to be learned loses its labels and nothing else: those of transformers without its run.
#[test]
fn answers_that_are_not_learned_lose_their_labels() {
    let golden = golden();
    let mut compared = 0;
    for template in golden.as_array().unwrap() {
        let name = template["template"].as_str().unwrap();
        let session = session(template);
        for case in template["cases"].as_array().unwrap() {
            let mut conversation = conversation(&case["turns"]);
            if case["labels"].is_null() || conversation.turns.len() < 4 {
                continue;
            }
            let mut expected = numbers(&case["labels"]);
            let begins = |labels: &[u32], i: usize| labels[i] == 1 && (i == 0 || labels[i - 1] == 0);
            let runs: Vec<usize> = (0..expected.len()).filter(|&i| begins(&expected, i)).collect();
            if runs.len() != conversation.turns.len() / 2 {
                continue;
            }
            let run = expected[runs[0]..].iter_mut().take_while(|label| **label == 1);
            run.for_each(|label| *label = 0);
            conversation.turns[1].learn = false;
            let (ids, labels) = tokens(&session.sequence(&conversation).unwrap());
            assert_eq!(ids, numbers(&case["ids"]), "{name}");
            assert_eq!(labels, expected, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 80, "{compared}");
}

/// Thoughts are learned where the template writes them; those of earlier answers it leaves out (fixtures/make_thoughts.py).
#[test]
fn thoughts_are_those_of_transformers() {
    for template in read("thoughts.json").as_array().unwrap() {
        let name = template["template"].as_str().unwrap();
        let session = session(template);
        for case in template["cases"].as_array().unwrap() {
            let sequence = session.sequence(&conversation(&case["turns"]));
            if !case["left_out"].is_null() {
                assert_eq!(sequence.map(|_| ()).unwrap_err().code(), "BAD_SAMPLE", "{name}");
                continue;
            }
            let sequence = sequence.unwrap_or_else(|error| panic!("{name}: {error}"));
            let (ids, labels) = tokens(&sequence);
            let mut expected = numbers(&case["labels"]);
            expected[0] = 0;
            assert_eq!(ids, numbers(&case["ids"]), "{name}: {}", case["text"]);
            assert_eq!(labels, expected, "{name}: {}", case["text"]);
        }
    }
}
